#include "stack/wire/tcp_options.hpp"

#include "tests/support/catch.hpp"
#include "tests/wire/octets.hpp"

namespace backstop::wire {
namespace {

Octets emitted(const TcpOptions& options) {
  std::array<std::byte, max_options_size> out{};
  const std::size_t size = emit_options(options, out);
  REQUIRE(size == options_size(options));
  return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size)};
}

Octets join(const std::vector<Octets>& parts) {
  Octets all;
  for (const Octets& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

const Octets mss_1460 = octets({2, 4, 0x05, 0xb4});
const Octets scale_7 = octets({3, 3, 7});
const Octets sack_permitted = octets({4, 2});
const Octets timestamps = octets({8, 10, 1, 2, 3, 4, 5, 6, 7, 8});
const Octets nop = octets({1});
const Octets end = octets({0});

TcpOptions all_of_a_syn() {
  return {.mss = 1460, .window_scale = 7, .sack_permitted = true, .timestamps = Timestamps{0x0102'0304, 0x0506'0708}};
}

TEST_CASE("TCP options: in any order", "[3.2][MUST-4]") {
  std::array<const Octets*, 4> order{&mss_1460, &scale_7, &sack_permitted, &timestamps};
  std::sort(order.begin(), order.end());
  do {
    CHECK(parse_options(join({*order[0], *order[1], *order[2], *order[3]})) == all_of_a_syn());
    CHECK(parse_options(join({*order[0], nop, *order[1], nop, nop, *order[2], *order[3], end})) == all_of_a_syn());
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("TCP options: they may begin at any octet", "[3.2][MUST-64]") {
  for (std::size_t nops = 0; nops <= max_options_size - timestamps.size(); ++nops) {
    const TcpOptions options = parse_options(join({Octets(nops, std::byte{1}), timestamps}));
    CHECK(options == TcpOptions{.timestamps = Timestamps{0x0102'0304, 0x0506'0708}});
  }
}

TEST_CASE("TCP options: none, and nothing but padding", "[3.2][MUST-4]") {
  CHECK(parse_options({}) == TcpOptions{});
  CHECK(parse_options(Octets(40, std::byte{0})) == TcpOptions{});
  CHECK(parse_options(Octets(40, std::byte{1})) == TcpOptions{});
}

TEST_CASE("TCP options: what stands behind the end of options does not count", "[3.2][MUST-69]") {
  CHECK(parse_options(join({scale_7, end, mss_1460})) == TcpOptions{.window_scale = 7});
}

TEST_CASE("TCP options: unknown ones are skipped by their length", "[3.2][MUST-6][MUST-68]") {
  for (unsigned kind = 9; kind < 256; ++kind) {
    const Octets unknown = octets({kind, 6, 2, 4, 0xff, 0xff});  // looks like an MSS inside
    REQUIRE(parse_options(join({unknown, mss_1460})) == TcpOptions{.mss = 1460});
  }
  for (const unsigned kind : {6u, 7u, 15u}) {
    REQUIRE(parse_options(join({octets({kind, 2}), mss_1460})) == TcpOptions{.mss = 1460});
  }
}

TEST_CASE("TCP options: an illegal length ends the reading, and what stood before it counts", "[3.2][MUST-7]") {
  const unsigned kind = GENERATE(2u, 3u, 4u, 5u, 8u, 77u, 255u);
  const unsigned length = GENERATE(0u, 1u, 200u, 255u);
  INFO("kind " << kind << ", length " << length);
  CHECK(parse_options(join({scale_7, octets({kind, length}), mss_1460})) == TcpOptions{.window_scale = 7});
  CHECK(parse_options(join({scale_7, octets({kind})})) == TcpOptions{.window_scale = 7});
}

TEST_CASE("TCP options: one that ends an octet behind the header is not read", "[3.2][MUST-7]") {
  for (const Octets& option : {mss_1460, scale_7, sack_permitted, timestamps}) {
    const Octets cut(option.begin(), option.end() - 1);
    CHECK(parse_options(cut) == TcpOptions{});
  }
}

TEST_CASE("TCP options: a known one of another length is skipped like an unknown one", "[3.2]") {
  CHECK(parse_options(join({octets({2, 3, 9}), scale_7})) == TcpOptions{.window_scale = 7});
  CHECK(parse_options(join({octets({2, 5, 9, 9, 9}), scale_7})) == TcpOptions{.window_scale = 7});
  CHECK(parse_options(join({octets({3, 2}), mss_1460})) == TcpOptions{.mss = 1460});
  CHECK(parse_options(join({octets({3, 4, 9, 9}), mss_1460})) == TcpOptions{.mss = 1460});
  CHECK(parse_options(join({octets({4, 3, 9}), mss_1460})) == TcpOptions{.mss = 1460});
  CHECK(parse_options(join({octets({8, 9, 1, 2, 3, 4, 5, 6, 7}), mss_1460})) == TcpOptions{.mss = 1460});
  CHECK(parse_options(join({octets({5, 9, 1, 2, 3, 4, 5, 6, 7}), mss_1460})) == TcpOptions{.mss = 1460});
  CHECK(parse_options(join({octets({5, 2}), mss_1460})) == TcpOptions{.mss = 1460});
}

TEST_CASE("TCP options: SACK blocks are read next to the wrap and across it", "[RFC2018]") {
  const TcpOptions options = parse_options(
      octets({5, 18, 0xff, 0xff, 0xff, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0, 0x00, 0x00, 0x00, 0x10}));
  REQUIRE(options.sack.size() == 2);
  CHECK(options.sack[0] == SackBlock{SeqNum{0xffff'ff00}, SeqNum{0xffff'ffff}});
  CHECK(options.sack[1] == SackBlock{SeqNum{0xffff'fff0}, SeqNum{0x0000'0010}});
  CHECK(options.sack[1].right - options.sack[1].left == 0x20);
  CHECK(options.sack[1].left < options.sack[1].right);
  CHECK(parse_options(emitted(options)) == options);
}

TEST_CASE("TCP options: SACK blocks beyond four have no room anywhere", "[RFC2018]") {
  SackBlocks blocks;
  for (std::uint32_t i = 0; i < 9; ++i) blocks.push_back({SeqNum{i}, SeqNum{i + 1}});
  CHECK(blocks.size() == 4);
  blocks.truncate(9);
  CHECK(blocks.size() == 4);
  blocks.truncate(1);
  CHECK(blocks.size() == 1);
  CHECK(blocks[0].left == SeqNum{0});
}

TEST_CASE("TCP options: a SYN's are written as Linux writes them, without an end of options", "[3.2][MUST-69]") {
  CHECK(emitted(all_of_a_syn()) == join({mss_1460, sack_permitted, timestamps, nop, scale_7}));
  CHECK(emitted({.mss = 1460, .window_scale = 7, .sack_permitted = true}) ==
        join({mss_1460, nop, nop, sack_permitted, nop, scale_7}));
  CHECK(emitted({.timestamps = Timestamps{0x0102'0304, 0x0506'0708}}) == join({nop, nop, timestamps}));
  CHECK(emitted({}).empty());
}

TEST_CASE("TCP options: a SYN's usual ones, which are read at once, are what they are one by one") {
  const Octets usual = join({mss_1460, sack_permitted, timestamps, nop, scale_7});
  CHECK(parse_options(usual) == all_of_a_syn());
  for (std::size_t bit = 0; bit < usual.size() * 8; ++bit) {
    Octets other = usual;
    other[bit / 8] ^= std::byte{1} << bit % 8;
    CAPTURE(bit);
    CHECK(parse_options(other) == parse_options(join({other, end, end, end, end})));  // a size that is not usual
  }
}

TEST_CASE("TCP options: SACK blocks that do not fit are left out, last first", "[RFC2018]") {
  SackBlocks four;
  for (std::uint32_t i = 0; i < 4; ++i) four.push_back({SeqNum{i * 10}, SeqNum{i * 10 + 5}});
  const auto blocks_beside = [&](TcpOptions options) {
    options.sack = four;
    const Octets bytes = emitted(options);
    CHECK(bytes.size() <= max_options_size);
    const TcpOptions again = parse_options(bytes);
    CHECK(std::equal(again.sack.begin(), again.sack.end(), four.begin()));
    return again.sack.size();
  };
  CHECK(blocks_beside({}) == 4);
  CHECK(blocks_beside({.timestamps = Timestamps{}}) == 3);
  CHECK(blocks_beside({.mss = 1460, .timestamps = Timestamps{}}) == 2);
  CHECK(blocks_beside({.mss = 1460, .window_scale = 7, .sack_permitted = true, .timestamps = Timestamps{}}) == 2);
}

TEST_CASE("TCP options: whatever is read, what it meant is written and read again", "[3.2]") {
  Random random{1};
  constexpr std::array<unsigned, 12> likely{0, 1, 1, 2, 3, 4, 5, 8, 4, 3, 10, 18};
  for (int round = 0; round < 20'000; ++round) {
    Octets bytes = random_octets(random, random() % (max_options_size + 1));
    for (std::byte& octet : bytes) {
      if (random() % 4 != 0) octet = static_cast<std::byte>(likely[random() % likely.size()]);
    }
    TcpOptions options = parse_options(bytes);
    const Octets again = emitted(options);
    REQUIRE(again.size() % 4 == 0);
    const TcpOptions reread = parse_options(again);
    options.sack.truncate(reread.sack.size());
    REQUIRE(reread == options);
  }
}

}  // namespace
}  // namespace backstop::wire
