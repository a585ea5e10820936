#include <array>
#include <vector>

#include "stack/stack.hpp"
#include "tests/support/catch.hpp"

using namespace backstop;
using namespace std::chrono_literals;

namespace {

constexpr Endpoint here{Ipv4Address::of(10, 0, 0, 2), 80};
constexpr Endpoint there{Ipv4Address::of(10, 0, 0, 1), 40'000};
constexpr Instant now{5s};

Config small_config() {
  Config config;
  config.address = here.address;
  config.max_connections = 2;
  config.blocks = 1024;
  config.coroutine_memory = 0;
  return config;
}

std::vector<std::byte> next_packet(Stack& stack, Instant at) {
  const auto packet = stack.transmit(at);
  REQUIRE(packet);
  return {packet->headers.begin(), packet->headers.end()};
}

wire::Segment parse(Bytes packet) { return wire::parse_segment(wire::parse_ipv4(packet).value()).value(); }

}  // namespace

TEST_CASE("an active open begins with the numbers that it was given") {
  Stack stack(small_config());
  const auto stream = stack.connect(there, now, {.local = here, .numbers = {SeqNum{0xffff'fff0}, 0xffff'fffe}});
  REQUIRE(stream);
  const auto syn = next_packet(stack, now);
  CHECK(parse(syn).seq == SeqNum{0xffff'fff0});
  CHECK(parse(syn).options.timestamps->value == 0xffff'fffe);
}

TEST_CASE("so does a SYN that a tap's owner accepts; its clock goes on from there") {
  Stack stack(small_config());
  std::optional<Stream> stream;
  const auto tap = stack.attach_tap({.segment = {},
                                     .unmatched_syn =
                                         [&](const SynInfo& syn, Instant at) {
                                           auto accepted = stack.accept(syn, at, {SeqNum{7}, 1000});
                                           REQUIRE(accepted);
                                           stream = std::move(*accepted);
                                         }},
                                    {.suppress_rst = true});
  std::array<std::byte, wire::max_headers_size> syn{};
  wire::Segment segment{
      .source_port = there.port, .destination_port = here.port, .seq = SeqNum{3}, .flags = wire::Flag::syn};
  segment.options.timestamps = wire::Timestamps{1, 0};
  const wire::Ipv4Header ip{.source = there.address, .destination = here.address};
  const std::size_t size = wire::emit_segment(ip, segment, {}, wire::ChecksumKind::full, syn);
  stack.receive({Bytes(syn).first(size), {}}, now);
  const auto first = next_packet(stack, now);
  CHECK(parse(first).seq == SeqNum{7});
  CHECK(parse(first).options.timestamps->value == 1000);
  const auto again = next_packet(stack, now + 1s);
  CHECK(parse(again).options.timestamps->value == 2000);
}
