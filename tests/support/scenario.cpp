#include "tests/support/scenario.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <iostream>

#include "stack/tcp/isn.hpp"
#include "tests/support/catch.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;
using notation::Direction;

constexpr auto isn_tick = 4us;  // RFC 6528 section 3
constexpr std::array<std::uint8_t, 16> secret{0x42, 0x61, 0x63, 0x6b, 0x73, 0x74, 0x6f, 0x70};

Config configuration(const Scenario::Change& change) {
  Config config;
  config.address = Scenario::default_local.address;
  config.prefix = 24;
  config.max_connections = 16;
  config.max_listeners = 8;
  config.blocks = 1024;
  config.reply_queue = 64;
  config.coroutine_memory = 0;
  config.secret = secret;
  if (change) change(config);
  return config;
}

// The ISN grows by one each tick, so the time decides what it is.
Instant start_for(std::uint32_t isn, const Config& config) {
  const FourTuple tuple{Scenario::default_local, Scenario::default_remote};
  return Instant{} + isn_tick * (SeqNum{isn} - tcp::first_numbers(tcp::SipKey{config.secret}, tuple, Instant{}).isn);
}

IsnPair each_isn_pair() {
  return GENERATE(values<IsnPair>({{1'000'000, 2'000'000},
                                   {0xffff'ffff, 1},            // our first octet of text is number zero
                                   {0xffff'fe00, 0xffff'ff00},  // both wrap within the first kilobyte
                                   {7, 0xffff'ffff},
                                   {0x7fff'fff0, 0x7fff'ff00}}));  // both cross the sign of a 32-bit difference
}

// Catch2 counts it: a test whose only checks are a Scenario's is no test without assertions.
void passed() { SUCCEED(); }

std::string place(Scenario::Where where) {
  return std::string(where.file_name()) + ":" + std::to_string(where.line()) + ": ";
}

std::string joined(const std::vector<std::string>& differences) {
  std::string all;
  for (const std::string& difference : differences) all += "\n  " + difference;
  return all;
}

std::string name(const Endpoint& endpoint) { return std::string(AddressText(endpoint).view()); }
std::string name(Error error) { return "\"" + std::string(to_string(error)) + "\""; }

}  // namespace

Scenario::Scenario(const Change& change) : Scenario(each_isn_pair(), change) {}

Scenario::Scenario(IsnPair isns, const Change& change) : Scenario(isns, configuration(change)) {}

Scenario::Scenario(IsnPair isns, const Config& config)
    : isns_(isns),
      now_(start_for(isns.ours, config)),
      last_(now_),
      story_(now_),
      watch_(config.mtu),
      exceptions_at_start_(std::uncaught_exceptions()) {
  stack_.emplace(config, memory_);
  memory_.seal();
  if (memory_.taken() > Stack::required_memory(stack_->config())) {
    fail("the stack took " + std::to_string(memory_.taken()) + " octets, and required_memory() said " +
             std::to_string(Stack::required_memory(stack_->config())),
         Where::current());
  }
  auto listener = stack_->listen({Ipv4Address{}, default_local.port});
  if (!listener) fail("listen: " + name(listener.error()), Where::current());
  listener_ = std::move(*listener);
  between(default_local.port, default_remote.port);
}

Scenario::~Scenario() {
  if (!told_ && std::uncaught_exceptions() > exceptions_at_start_) std::cerr << "The story so far:\n" << story_.text();
}

void Scenario::fail(const std::string& what, Where where) {
  told_ = true;
  throw StoryMismatch(place(where) + what + "\nThe story so far (ISN: ours " + std::to_string(isns_.ours) +
                      ", the peer's " + std::to_string(isns_.peers) + "):\n" + story_.text());
}

// The wire ------------------------------------------------------------------------------------------------------------

void Scenario::between(std::uint16_t local_port, std::uint16_t remote_port, Ipv4Address remote) {
  local_.port = local_port;
  remote_ = {remote, remote_port};
  story_.origins().pin(remote_, local_, SeqNum{isns_.peers});
}

notation::Pattern Scenario::parse(std::string_view line, Where where) {
  auto pattern = notation::parse(line);
  if (!pattern) fail("the line \"" + std::string(line) + "\": " + pattern.error(), where);
  return *std::move(pattern);
}

// What a script leaves out, a peer would know: its window, and its timestamps.
wire::Segment Scenario::segment_to_inject(const notation::SegmentPattern& pattern, Where where) {
  if (!pattern.seq) fail("a segment to inject needs its sequence numbers, as in 1:101(100)", where);
  if (pattern.flags.has(wire::Flag::ack) && !pattern.ack) fail("a segment to inject needs its ack number", where);
  Conversation& talk = conversation();
  wire::Segment segment = notation::to_segment(pattern, from_peer());
  segment.source_port = remote_.port;
  segment.destination_port = local_.port;
  if (pattern.window) talk.window = *pattern.window;
  segment.window = talk.window;
  const bool by_habit = !pattern.options && talk.peer_timestamps && talk.our_timestamps && !segment.rst();
  if (pattern.options ? pattern.options->timestamps.has_value() : by_habit) {
    const auto written = pattern.options ? *pattern.options->timestamps : notation::TimestampsPattern{};
    segment.options.timestamps = {written.value.value_or(talk.timestamp(now_)),
                                  written.echo.value_or(talk.our_latest_timestamp)};
    talk.timestamp_base = segment.options.timestamps->value;
    talk.timestamp_since = now_;
  }
  if (segment.syn()) talk.peer_timestamps = segment.options.timestamps.has_value();
  return segment;
}

Packet Scenario::icmp_to_inject(const notation::IcmpPattern& pattern) {
  using wire::IcmpType;
  if (pattern.type == IcmpType::echo_request || pattern.type == IcmpType::echo_reply) {
    const std::uint32_t rest = (std::uint32_t{pattern.id.value_or(1)} << 16) | pattern.number.value_or(1);
    const auto payload = text(0, pattern.length.value_or(64) - wire::icmp_header_size);
    return icmp_packet({.source = remote_.address, .destination = local_.address},
                       {pattern.type, pattern.code, rest, payload});
  }
  wire::Segment ours{.source_port = local_.port,
                     .destination_port = pattern.quoted_port.value_or(remote_.port),
                     .seq = last_segment_.seq,
                     .ack = {},
                     .flags = wire::Flag::ack,
                     .options = {},
                     .text = {}};
  if (pattern.quoted_seq) ours.seq = from_us().isn + *pattern.quoted_seq;
  const Packet offending =
      tcp_packet({.source = local_.address, .destination = pattern.quoted_destination.value_or(remote_.address)}, ours);
  const std::uint32_t rest = pattern.mtu.value_or(0) | (std::uint32_t{pattern.octet.value_or(0)} << 24);
  return icmp_error(remote_.address, pattern.type, pattern.code, rest, offending);
}

Packet Scenario::build(std::string_view line, Where where) {
  const notation::Pattern pattern = parse(line, where);
  if (const auto* icmp = std::get_if<notation::IcmpPattern>(&pattern.payload)) return icmp_to_inject(*icmp);
  if (const auto* udp = std::get_if<notation::UdpPattern>(&pattern.payload)) {
    return udp_packet(remote_, local_, text(0, udp->length.value_or(0)));
  }
  const auto& tcp = std::get<notation::SegmentPattern>(pattern.payload);
  wire::Segment segment = segment_to_inject(tcp, where);
  const std::uint32_t before_text = segment.syn() ? 0 : 1;  // SYN has the first number, text follows
  const auto octets = text(*tcp.seq - before_text, tcp.text_size.value_or(0));
  segment.text = octets;
  const std::uint8_t tos = static_cast<std::uint8_t>(pattern.ip.tos.value_or(0) | pattern.ip.ecn.value_or(0));
  return tcp_packet({.source = remote_.address,
                     .destination = local_.address,
                     .ttl = pattern.ip.ttl.value_or(64),
                     .tos = tos,
                     .dont_fragment = pattern.ip.dont_fragment},
                    segment);
}

void Scenario::inject(std::string_view line, Where where) { inject_packet(build(line, where)); }

void Scenario::inject_packet(const Packet& packet, Offload offload) {
  const InboundPacket inbound{packet, offload};
  story_.packet(Direction::in, inbound, now_);
  last_ = now_;
  if (const auto datagram = wire::parse_ipv4(packet); datagram && datagram->header.protocol == wire::protocol_tcp) {
    if (const auto segment = wire::parse_segment(*datagram, offload)) watch_.received(datagram->header, *segment);
  }
  stack_->receive(inbound, now_);
}

void Scenario::collect(Where where) {
  while (const auto packet = stack_->transmit(now_)) {
    outbox_.push_back({flatten(*packet), packet->offload, now_});
    note_sent(outbox_.back(), where);
  }
}

void Scenario::note_sent(const Sent& sent, Where where) {
  const InboundPacket packet{sent.bytes, sent.offload};
  story_.packet(Direction::out, packet, now_);
  const auto datagram = wire::parse_ipv4(sent.bytes);
  if (!datagram) fail("the stack sent a bad packet: " + std::string(to_string(datagram.error())), where);
  if (datagram->header.protocol != wire::protocol_tcp) return;
  const auto segment = wire::parse_segment(*datagram, sent.offload);
  if (!segment) fail("the stack sent a bad segment: " + std::string(to_string(segment.error())), where);
  if (const std::string wrong = watch_.sent(datagram->header, *segment, sent.offload); !wrong.empty()) {
    fail("the stack sent " + wrong, where);
  }
  Conversation& talk = conversations_[{{datagram->header.source, segment->source_port},
                                       {datagram->header.destination, segment->destination_port}}];
  if (segment->syn()) talk.our_timestamps = segment->options.timestamps.has_value();
  if (segment->options.timestamps) talk.our_latest_timestamp = segment->options.timestamps->value;
}

Scenario::Sent Scenario::take(Where where) {
  collect(where);
  if (outbox_.empty()) fail("the stack sent nothing", where);
  Sent sent = std::move(outbox_.front());
  outbox_.pop_front();
  last_ = sent.at;
  return sent;
}

Packet Scenario::take_packet(Where where) { return take(where).bytes; }

void Scenario::ignore_sent() {
  collect();
  outbox_.clear();
}

const wire::Segment& Scenario::expect(std::string_view line, Where where) {
  const notation::Pattern pattern = parse(line, where);
  collect(where);
  if (outbox_.empty()) fail("expected > " + std::string(line) + "\nbut the stack sent nothing", where);
  check(take(where), pattern, line, where);
  return last_segment_;
}

const wire::Segment& Scenario::expect_after(Duration delay, std::string_view line, Where where) {
  const Instant before = last_;
  wait_for_packet(before + 2 * delay + 1s, where);
  const wire::Segment& segment = expect(line, where);
  if (last_ - before != delay) {
    fail("expected > " + std::string(line) + " after " + notation::format(delay) + " s, and it came after " +
             notation::format(last_ - before) + " s",
         where);
  }
  return segment;
}

void Scenario::check(Sent sent, const notation::Pattern& pattern, std::string_view line, Where where) {
  last_packet_ = std::move(sent.bytes);
  const auto wrong = differences(pattern, sent.offload);
  if (wrong.empty()) return passed();
  fail("expected > " + std::string(line) + "\n     got > " +
           notation::describe({last_packet_, sent.offload}, story_.origins()) + joined(wrong),
       where);
}

std::vector<std::string> Scenario::differences(const notation::Pattern& pattern, Offload offload) {
  const auto datagram = wire::parse_ipv4(last_packet_);
  std::vector<std::string> wrong = notation::differences(pattern.ip, datagram->header);
  const auto add = [&](const std::vector<std::string>& more) { wrong.insert(wrong.end(), more.begin(), more.end()); };
  if (const auto* tcp = std::get_if<notation::SegmentPattern>(&pattern.payload)) {
    const auto segment = wire::parse_segment(*datagram, offload);
    if (datagram->header.protocol != wire::protocol_tcp || !segment) return {"protocol: expected tcp"};
    last_segment_ = *segment;
    add(differences_of_segment(datagram->header, *tcp));
  } else if (const auto* icmp = std::get_if<notation::IcmpPattern>(&pattern.payload)) {
    const auto message = wire::parse_icmp(datagram->payload);
    if (datagram->header.protocol != wire::protocol_icmp || !message) return {"protocol: expected icmp"};
    const auto quoted = wire::parse_quoted_segment(message->payload);
    add(notation::differences(*icmp, *message,
                              quoted ? story_.origins().of(quoted->tuple.local, quoted->tuple.remote).isn : SeqNum{}));
  } else {
    wrong.emplace_back("protocol: expected udp, which the stack never sends");
  }
  return wrong;
}

std::vector<std::string> Scenario::differences_of_segment(const wire::Ipv4Header& ip,
                                                          const notation::SegmentPattern& pattern) {
  std::vector<std::string> wrong = notation::differences(pattern, last_segment_, from_us());
  const Endpoint source{ip.source, last_segment_.source_port};
  const Endpoint destination{ip.destination, last_segment_.destination_port};
  if (source != local_ || destination != remote_) {
    wrong.push_back("connection: expected " + name(local_) + " > " + name(remote_) + ", got " + name(source) + " > " +
                    name(destination));
  }
  // The text is checked where the scenario knows what the user wrote.
  const Bytes written = conversation().written;
  const std::uint32_t offset = last_segment_.seq - from_us().isn - 1;
  const Bytes text = last_segment_.text;
  if (!text.empty() && offset + text.size() <= written.size() &&
      !std::ranges::equal(text, written.subspan(offset, text.size()))) {
    wrong.emplace_back("text: not what the user wrote there");
  }
  return wrong;
}

void Scenario::silence(Where where) {
  collect(where);
  if (outbox_.empty()) return passed();
  std::string lines;
  for (const Sent& sent : outbox_) {
    lines += "\n  > " + notation::describe({sent.bytes, sent.offload}, story_.origins());
  }
  fail("expected silence, and the stack sent" + lines, where);
}

void Scenario::silence(Duration duration, Where where) {
  silence(where);
  advance(duration, where);
  silence(where);
}

// Time ----------------------------------------------------------------------------------------------------------------

bool Scenario::step(Instant limit, Where where) {
  collect(where);
  const auto deadline = stack_->next_deadline();
  if (!deadline || *deadline > limit) return false;
  if (*deadline <= now_) fail("next_deadline() is not in the future, though transmit() has nothing more", where);
  now_ = *deadline;
  collect(where);
  return true;
}

void Scenario::advance(Duration duration, Where where) {
  const Instant until = now_ + duration;
  while (step(until, where)) {
  }
  now_ = until;
  collect(where);
}

void Scenario::wait_for_packet(Instant limit, Where where) {
  collect(where);
  while (outbox_.empty() && step(limit, where)) {
  }
}

// The user ------------------------------------------------------------------------------------------------------------

void Scenario::call(std::string_view text) {
  story_.call(text, now_);
  last_ = now_;
}

void Scenario::stop_listening() {
  call("stop listening");
  listener_.reset();
}

Stream Scenario::accept(Where where) {
  call("accept");
  auto stream = listener_.accept();
  if (!stream) fail("accept: " + name(stream.error()), where);
  return std::move(*stream);
}

Stream& Scenario::connect(Where where) {
  call("connect");
  auto stream = stack_->connect(remote_, now_, {.local = local_});
  if (!stream) fail("connect: " + name(stream.error()), where);
  stream_ = std::move(*stream);
  return stream_;
}

Stream& Scenario::stream(Where where) {
  if (!stream_) stream_ = accept(where);
  return stream_;
}

void Scenario::establish(std::string_view syn_options, Where where) {
  inject("S 0:0(0) win 65535 " + std::string(syn_options), where);
  expect("S. 0:0(0) ack 1", where);
  inject(". 1:1(0) ack 1", where);
  stream_ = accept(where);
  state(State::established, where);
}

void Scenario::establish_actively(std::string_view syn_ack_options, Where where) {
  connect(where);
  expect("S 0:0(0)", where);
  inject("S. 0:0(0) ack 1 win 65535 " + std::string(syn_ack_options), where);
  expect(". 1:1(0) ack 1", where);
  state(State::established, where);
}

void Scenario::write(std::size_t size, Where where) {
  Stream& user = stream(where);
  call("write " + std::to_string(size));
  auto& written = conversations_[{user.local(), user.remote()}].written;
  const auto octets = text(written.size(), size);
  const auto taken = user.write(octets);
  if (!taken) fail("write: " + name(taken.error()), where);
  if (*taken != size) fail("write: room for " + std::to_string(*taken) + " octets only", where);
  written.insert(written.end(), octets.begin(), octets.end());
}

void Scenario::read(std::size_t size, Where where) {
  Stream& user = stream(where);
  call("read " + std::to_string(size));
  std::uint64_t& offset = conversations_[{user.local(), user.remote()}].read;
  std::vector<std::byte> buffer(size);
  for (std::size_t taken = 0; taken < size;) {
    const auto piece = user.read(MutableBytes{buffer}.subspan(taken));
    if (!piece) fail("read after " + std::to_string(taken) + " octets: " + name(piece.error()), where);
    if (*piece == 0) fail("read: the end of text after " + std::to_string(taken) + " octets", where);
    taken += *piece;
  }
  if (!is_text(offset, buffer)) fail("read: not the text that the peer sent", where);
  offset += size;
  passed();
}

void Scenario::read_end(Where where) {
  Stream& user = stream(where);
  call("read the end of text");
  std::array<std::byte, 1> buffer;
  const auto got = user.read(buffer);
  if (!got) fail("read: " + name(got.error()), where);
  if (*got != 0) fail("read: text where its end should be", where);
  passed();
}

void Scenario::read_error(Error error, Where where) {
  Stream& user = stream(where);
  call("read, failing");
  std::array<std::byte, 1> buffer;
  const auto got = user.read(buffer);
  if (got) fail("read: expected " + name(error) + ", got " + (*got == 0 ? "the end of text" : "text"), where);
  if (got.error() != error) fail("read: expected " + name(error) + ", got " + name(got.error()), where);
  passed();
}

void Scenario::close(Where where) {
  Stream& user = stream(where);
  call("close");
  if (const auto closed = user.close(); !closed) fail("close: " + name(closed.error()), where);
}

void Scenario::abort(Where where) {
  Stream& user = stream(where);
  call("abort");
  user.abort();
}

void Scenario::drop_stream() {
  call("let the stream go");
  stream_.reset();
}

void Scenario::state(State expected, Where where) {
  const State got = stream(where).state();
  if (got == expected) return passed();
  fail("expected the state " + std::string(to_string(expected)) + ", got " + std::string(to_string(got)), where);
}

Readiness Scenario::news(HandleId id) {
  while (const auto event = stack_->next_event()) events_.push_back(*event);
  Readiness all;
  for (const Event& event : events_) {
    if (event.id != id) continue;
    all.established |= event.what.established;
    all.readable |= event.what.readable;
    all.writable |= event.what.writable;
    all.closed |= event.what.closed;
    all.acceptable |= event.what.acceptable;
    all.error_reported |= event.what.error_reported;
    all.urgent |= event.what.urgent;
  }
  std::erase_if(events_, [&](const Event& event) { return event.id == id; });
  return all;
}

std::uint32_t Scenario::Conversation::timestamp(Instant now) const {
  return timestamp_base + static_cast<std::uint32_t>((now - timestamp_since) / 1ms);
}

}  // namespace backstop::test
