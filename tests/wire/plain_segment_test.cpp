#include "stack/wire/plain_segment.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/packets.hpp"
#include "tests/wire/octets.hpp"

namespace backstop::wire {
namespace {

constexpr Ipv4Header ip{
    .source = Ipv4Address::of(10, 90, 0, 1), .destination = Ipv4Address::of(10, 90, 0, 2), .dont_fragment = true};

Segment ordinary(Bytes text) {
  Segment segment{.source_port = 40'000,
                  .destination_port = 80,
                  .seq = SeqNum{0xffff'fffe},
                  .ack = SeqNum{77},
                  .flags = Flag::ack,
                  .window = 502,
                  .text = text};
  segment.options.timestamps = Timestamps{0x0102'0304, 0xfffe'fdfc};
  return segment;
}

Segment with(Flags flags) {
  Segment segment = ordinary({});
  segment.flags = flags;
  return segment;
}

bool is_plain(const Ipv4Header& header, const Segment& segment) {
  return parse_plain_segment(test::tcp_packet(header, segment)).has_value();
}

TEST_CASE("Plain segment: what is read of one is what the general parsers read, its sum is right, padding is cut off") {
  Random random{9};
  const Octets store = random_octets(random, 300);
  for (std::size_t size = 0; size <= store.size(); ++size) {
    Segment segment = ordinary(Bytes{store}.first(size));
    if (size % 3 == 0) segment.options.timestamps.reset();
    if (size % 2 == 0) segment.flags.set(Flag::psh);
    if (size % 5 == 0) segment.flags.set(Flag::fin);
    if (size % 11 == 0) segment.flags.set(Flag::rst);
    test::Packet packet = test::tcp_packet(ip, segment);
    packet.resize(packet.size() + size % 7);
    const auto plain = parse_plain_segment(packet);
    REQUIRE(plain);
    const auto general = parse_segment(parse_ipv4(packet).value());
    const Segment same = plain->segment();
    CHECK(plain->tuple == FourTuple{{ip.destination, 80}, {ip.source, 40'000}});
    CHECK(same.source_port == general->source_port);
    CHECK(same.destination_port == general->destination_port);
    CHECK(same.seq == general->seq);
    CHECK(same.ack == general->ack);
    CHECK(same.flags == general->flags);
    CHECK(same.window == general->window);
    CHECK(same.options == general->options);
    REQUIRE(std::ranges::equal(same.text, general->text));
    CHECK(plain->checksum_is_right());
    packet[ipv4_header_size + random() % (packet.size() - size % 7 - ipv4_header_size)] ^= std::byte{1};
    const auto spoiled = parse_plain_segment(packet);
    CHECK_FALSE((spoiled && spoiled->checksum_is_right()));
  }
}

TEST_CASE("Plain segment: it tells whether its datagram was marked") {
  Ipv4Header header = ip;
  for (const int ecn : {0, 1, 2, 3}) {
    header.tos = static_cast<std::uint8_t>(0xb8 | ecn);
    const auto plain = parse_plain_segment(test::tcp_packet(header, ordinary({})));
    REQUIRE(plain);
    CHECK(plain->congestion_experienced == (ecn == 3));
  }
}

TEST_CASE("Plain segment: other forms are not") {
  CHECK(is_plain(ip, ordinary({})));
  for (const Flags flags : {Flags{}, Flags{Flag::psh}, Flag::syn | Flag::ack, Flags{Flag::fin}, Flags{Flag::rst},
                            Flag::urg | Flag::ack, Flag::ece | Flag::ack, Flag::cwr | Flag::ack}) {
    CHECK_FALSE(is_plain(ip, with(flags)));
  }
  Segment other = ordinary({});
  other.options.sack.push_back({SeqNum{100}, SeqNum{200}});
  CHECK_FALSE(is_plain(ip, other));
  other.options = {.mss = std::uint16_t{1460}};
  CHECK_FALSE(is_plain(ip, other));
  Ipv4Header fragment = ip;
  fragment.more_fragments = true;
  CHECK_FALSE(is_plain(fragment, ordinary({})));
  fragment = ip;
  fragment.fragment_offset = 8;
  CHECK_FALSE(is_plain(fragment, ordinary({})));
}

// Its own checksum is for whoever takes the text.
TEST_CASE("Plain segment: no bit of the IPv4 header can be wrong, and no octet of the headers can be missing") {
  const test::Packet packet = test::tcp_packet(ip, ordinary({}));
  for (std::size_t bit = 0; bit < 8 * ipv4_header_size; ++bit) {
    test::Packet spoiled = packet;
    spoiled[bit / 8] ^= std::byte{1} << bit % 8;
    CHECK_FALSE(parse_plain_segment(spoiled));
  }
  for (std::size_t size = 0; size < packet.size(); ++size) CHECK_FALSE(parse_plain_segment(Bytes{packet}.first(size)));
}

}  // namespace
}  // namespace backstop::wire
