#include "tests/fuzz/live_stack.hpp"

#include <cstdlib>
#include <iostream>

#include "tests/fuzz/target.hpp"

namespace backstop::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr Ipv4Address router = Ipv4Address::of(10, 0, 0, 254);

// Why not any number: a fuzzer hits what is next to an edge sooner when it chooses the edge first.
SeqNum draw_seq(Input& input, const Known& known) {
  const std::uint32_t where = input.below(8);
  if (where == 0) return SeqNum{input.number32()};
  const SeqNum base = where == 1 ? known.right_edge : known.peer_isns.empty() ? SeqNum{} : known.peer_isns.front();
  if (where <= 2) return base + input.delta();
  if (where <= 4) return known.ack + input.number16() % 4096u;
  return known.ack + (where == 5 ? input.delta() : 0u);
}

SeqNum draw_ack(Input& input, const Known& known) {
  switch (input.below(6)) {
    case 0:
      return SeqNum{input.number32()};
    case 1:
      return known.iss + input.delta();
    case 2:
      return known.nxt - input.number16() % 4096u;
    case 3:
      return known.nxt + input.delta();
    default:
      return known.nxt;
  }
}

wire::Flags draw_flags(Input& input) {
  using enum wire::Flag;
  const std::uint8_t choice = input.octet();
  switch (choice % 8) {
    case 0:
      return wire::Flags{input.octet()};
    case 1:
      return (choice & 8) != 0 ? wire::Flags{syn} : syn | ack;
    case 2:
      return (choice & 8) != 0 ? wire::Flags{rst} : rst | ack;
    case 3:
      return fin | ack;
    default:
      return (choice & 8) != 0 ? psh | ack : wire::Flags{ack};
  }
}

wire::TcpOptions draw_options(Input& input, const Known& known, Instant now) {
  wire::TcpOptions options;
  const std::uint8_t which = input.octet();
  if ((which & 1) != 0) options.mss = input.number16();
  if ((which & 2) != 0) options.window_scale = input.octet();
  options.sack_permitted = (which & 4) != 0;
  if ((which & 8) != 0) {
    const auto clock = static_cast<std::uint32_t>(now.time_since_epoch() / 1ms);
    options.timestamps = wire::Timestamps{clock + input.delta(), known.timestamp + input.delta()};
  }
  for (unsigned blocks = which >> 6; blocks > 0; --blocks) {
    const SeqNum left = known.nxt - input.number16() % 4096u;
    options.sack.push_back({left, left + input.number16() % 2048u});
  }
  return options;
}

}  // namespace

std::byte peer_octet(SeqNum seq) { return test::text_at(seq.value()); }

LiveStack::LiveStack(const Config& config, Events events)
    : stack_(config, memory_), inspector_(config), events_(events) {
  memory_.seal();
  require(memory_.taken() <= Stack::required_memory(config), "more memory taken than required_memory() said");
}

void LiveStack::tell(notation::Direction direction, const test::Packet& packet, Offload offload) {
  static const bool wanted = std::getenv("BACKSTOP_FUZZ_STORY") != nullptr;
  if (wanted) std::cerr << story_.packet(direction, {packet, offload}, now_) << "\n";
}

void LiveStack::deliver(const test::Packet& packet, Offload offload) {
  now_ += 8us;  // so that two connections never get the same ISN
  tell(notation::Direction::in, packet, offload);
  note_delivered(packet);
  inspector_.received(packet, offload, now_);
  stack_.receive({packet, offload}, now_);
  drain();
}

void LiveStack::drain() {
  int packets = 0;
  while (const auto packet = stack_.transmit(now_)) {
    last_sent_ = test::flatten(*packet);
    tell(notation::Direction::out, last_sent_, packet->offload);
    const std::string wrong = inspector_.sent(last_sent_, packet->offload);
    if (!wrong.empty()) fail("the stack sends " + wrong);
    note_sent(last_sent_, packet->offload);
    require(++packets < 100'000, "the stack never stops sending");
  }
  if (events_ == Events::left) return;
  while (stack_.next_event()) continue;
  const auto deadline = stack_.next_deadline();
  require(!deadline || *deadline > now_, "the stack wants to act at once, but has nothing to do");
}

void LiveStack::advance(Duration duration) {
  const Instant until = now_ + duration;
  for (auto next = stack_.next_deadline(); next && *next <= until; next = stack_.next_deadline()) {
    now_ = std::max(now_, *next);
    drain();
  }
  now_ = until;
  drain();
}

test::Packet LiveStack::segment(const FourTuple& tuple, wire::Flags flags, SeqNum seq, SeqNum ack,
                                std::size_t text_size, const wire::TcpOptions& options) {
  std::vector<std::byte> text(text_size);
  SeqNum at = seq + (flags.has(wire::Flag::syn) ? 1u : 0u);
  for (std::byte& octet : text) {
    octet = peer_octet(at);
    at += 1;
  }
  wire::Segment segment{.source_port = tuple.remote.port, .destination_port = tuple.local.port, .seq = seq};
  if (flags.has(wire::Flag::ack)) segment.ack = ack;
  segment.flags = flags;
  segment.window = 0xffff;
  segment.options = options;
  segment.text = text;
  return test::tcp_packet({.source = tuple.remote.address, .destination = tuple.local.address}, segment);
}

test::Packet LiveStack::draw_segment(Input& input, const FourTuple& tuple) {
  const Known& about = known(tuple);
  const wire::Flags flags = draw_flags(input);
  const SeqNum seq = draw_seq(input, about);
  const SeqNum ack = draw_ack(input, about);
  const std::uint8_t more = input.octet();
  const std::size_t size = (more & 1) == 0 ? 0u : (more & 2) != 0 ? input.number16() % 1461u : input.octet() % 16u;
  const wire::TcpOptions options = (more & 4) != 0 ? draw_options(input, about, now_) : wire::TcpOptions{};
  test::Packet plain = segment(tuple, flags, seq, ack, size, options);
  if ((more & 0xf8) == 0) return plain;
  const auto datagram = wire::parse_ipv4(plain);
  wire::Segment changed = *wire::parse_segment(*datagram);
  if ((more & 8) != 0) changed.window = input.coin() ? input.octet() : input.number16();
  if ((more & 16) != 0) changed.urgent_pointer = input.number16();
  wire::Ipv4Header ip = datagram->header;
  if ((more & 32) != 0) ip.tos = input.octet();
  return test::tcp_packet(ip, changed);
}

void LiveStack::deliver_badly(Input& input, test::Packet packet) {
  const std::uint8_t how = input.octet();
  if (how % 3 == 0) {
    packet[input.number16() % packet.size()] ^= static_cast<std::byte>(input.octet());
    return deliver(packet);
  }
  if (how % 3 == 1) {
    packet.resize(input.number16() % (packet.size() + 1));
    return deliver(packet);
  }
  std::vector<test::Packet> pieces = test::fragments(packet, 68 + input.octet());
  if ((how & 64) != 0) std::ranges::reverse(pieces);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if ((how & 128) == 0 || i != input.octet() % pieces.size()) deliver(pieces[i]);
  }
}

void LiveStack::deliver_icmp_error(Input& input) {
  if (last_sent_.empty()) return;
  test::Packet quoted = last_sent_;
  const std::uint8_t how = input.octet();
  if ((how & 128) != 0) quoted[input.octet() % std::min<std::size_t>(quoted.size(), 28)] ^= std::byte{1};
  const auto type = (how & 3) == 0   ? wire::IcmpType::time_exceeded
                    : (how & 3) == 1 ? wire::IcmpType{static_cast<std::uint8_t>(how >> 2)}
                                     : wire::IcmpType::destination_unreachable;
  const std::uint8_t code = input.octet() % 16u;
  deliver(test::icmp_error(router, type, code, input.number16(), quoted));
}

void LiveStack::finish() {
  for (std::uint32_t slot = 0; slot < stack_.config().max_connections; ++slot) {
    if (const auto snapshot = stack_.connection_at(slot)) stack_.abort(snapshot->id);
  }
  drain();
  advance(2min);  // reassembly may wait for a minute
  require(stack_.connections() == 0, "a connection is left");
  require(stack_.blocks_in_use() == 0, "a block is left");
  require(!stack_.next_deadline(), "a deadline is left");
}

void LiveStack::note_sent(const test::Packet& packet, Offload offload) {
  const auto datagram = wire::parse_ipv4(packet);
  if (datagram->header.protocol != wire::protocol_tcp) return;
  const auto segment = wire::parse_segment(*datagram, {.checksum_partial = offload.checksum_partial});
  if (!segment || segment->rst()) return;
  Known& about = known(
      {{datagram->header.source, segment->source_port}, {datagram->header.destination, segment->destination_port}});
  const SeqNum end = segment->seq + segment->length();
  if (segment->syn()) {
    about.iss = segment->seq;
    about.nxt = end;
    about.scale = std::min<std::uint8_t>(segment->options.window_scale.value_or(0), 14);
  }
  about.nxt = max(about.nxt, end);
  if (segment->has_ack()) {
    about.ack = segment->ack;
    about.right_edge = segment->ack + (std::uint32_t{segment->window} << (segment->syn() ? 0 : about.scale));
  }
  if (segment->options.timestamps) about.timestamp = segment->options.timestamps->value;
}

void LiveStack::note_delivered(const test::Packet& packet) {
  const auto datagram = wire::parse_ipv4(packet);
  if (!datagram || datagram->header.protocol != wire::protocol_tcp) return;
  if (!datagram->header.is_fragment()) return note_syn(*datagram);
  const auto whole = reassembler_.add(*datagram, now_);
  if (whole && *whole) note_syn(**whole);
}

void LiveStack::note_syn(const wire::Ipv4Datagram& datagram) {
  const auto segment = wire::parse_segment(datagram);
  if (!segment || !segment->syn()) return;
  Known& about =
      known({{datagram.header.destination, segment->destination_port}, {datagram.header.source, segment->source_port}});
  about.peer_isns.push_back(segment->seq);
}

}  // namespace backstop::fuzz
