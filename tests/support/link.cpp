#include "tests/support/link.hpp"

#include <algorithm>
#include <stdexcept>

namespace backstop::test {
namespace {

constexpr std::size_t lines_kept = 200;
constexpr Ipv4Address router = Ipv4Address::of(192, 0, 2, 1);

Config host_configuration(std::uint8_t number, const TwoHosts::Change& change, const TwoHosts::Change& more = {}) {
  Config config;
  config.address = Ipv4Address::of(10, 0, 0, number);
  config.prefix = 24;
  config.max_connections = 16;
  config.max_listeners = 8;
  config.blocks = 2048;
  config.reply_queue = 64;
  config.coroutine_memory = 0;
  config.secret[0] = number;
  if (change) change(config);
  if (more) more(config);
  return config;
}

std::size_t largest_piece(const Packet& bytes, Offload offload) {
  if (offload.gso_size == 0) return bytes.size();
  const auto datagram = wire::parse_ipv4(bytes);
  const auto segment = datagram ? wire::parse_segment(*datagram, offload) : std::unexpected(datagram.error());
  return segment ? bytes.size() - segment->text.size() + offload.gso_size : bytes.size();
}

}  // namespace

Link::Link(Stack& first, Stack& second, const Conditions& conditions, std::uint64_t seed, Instant start)
    : directions_{{{conditions, &first, &second, Watch{first.config().mtu}},
                   {conditions, &second, &first, Watch{second.config().mtu}}}},
      random_(seed),
      now_(start),
      story_(start, {.addresses = false, .last_lines = lines_kept}) {}

void Link::drop_next(Way way, std::string_view line, int times) {
  const auto pattern = notation::parse(line);
  if (!pattern) throw std::invalid_argument("the line \"" + std::string(line) + "\": " + pattern.error());
  drops_.push_back({way, std::get<notation::SegmentPattern>(pattern->payload), times});
}

void Link::drop_nth_text(Way way, std::uint64_t nth) {
  drop_if_ = [way, nth, seen = std::uint64_t{0}](const Passing& passing) mutable {
    return passing.way == way && passing.segment && !passing.segment->text.empty() && ++seen == nth;
  };
}

// Time ----------------------------------------------------------------------------------------------------------------

Instant Link::next_event() const {
  Instant next = arrivals_.empty() ? never : arrivals_.begin()->first;
  for (const Direction& direction : directions_) {
    next = std::min(next, direction.from->next_deadline().value_or(never));
  }
  return std::max(next, now_);
}

bool Link::step() {
  exchange();
  const Instant next = next_event();
  if (next == never) return false;
  steps_without_progress_ = next == now_ ? steps_without_progress_ + 1 : 0;
  if (steps_without_progress_ > 1000) fail("next_deadline() stays in the past, though transmit() has nothing more");
  now_ = next;
  deliver_due();
  exchange();
  return true;
}

void Link::run_for(Duration duration) {
  run_until([] { return false; }, duration);
}

// What is due at one moment for one stack arrives as one burst.
void Link::deliver_due() {
  while (!arrivals_.empty() && arrivals_.begin()->first <= now_) {
    const Arrival arrival = std::move(arrivals_.extract(arrivals_.begin()).mapped());
    const InboundPacket packet{arrival.bytes, arrival.offload};
    if (const auto datagram = wire::parse_ipv4(arrival.bytes)) {
      const auto segment = wire::parse_segment(*datagram, arrival.offload);
      const bool is_segment = datagram->header.protocol == wire::protocol_tcp && !datagram->header.is_fragment();
      if (is_segment && segment) {
        directions_[index(reverse(arrival.way))].watch.received(datagram->header, *segment);
      }
    }
    directions_[index(arrival.way)].to->receive(packet, now_);
  }
}

void Link::exchange() {
  const auto both_send = [this] {
    const bool forward = send_all(Way::forward);
    return send_all(Way::backward) || forward;
  };
  while (both_send()) deliver_due();
}

bool Link::send_all(Way way) {
  bool any = false;
  while (const auto packet = directions_[index(way)].from->transmit(now_)) {
    enter(way, flatten(*packet), packet->offload);
    any = true;
  }
  return any;
}

// The way of one packet ---------------------------------------------------------------------------------------------

void Link::enter(Way way, Packet bytes, Offload offload) {
  Direction& direction = directions_[index(way)];
  ++direction.packets;
  const std::string_view remark = fate(way, bytes, offload);
  note(way, bytes, offload, remark);
  if (!remark.empty()) {
    ++direction.lost;
    return;
  }
  if (random_.chance(direction.conditions.duplicate)) travel(way, bytes, offload);
  travel(way, std::move(bytes), offload);
}

void Link::note(Way way, const Packet& bytes, Offload offload, std::string_view remark) {
  story_.packet(way == Way::forward ? notation::Direction::out : notation::Direction::in, {bytes, offload}, now_,
                remark);
  const auto datagram = wire::parse_ipv4(bytes);
  if (!datagram) fail("a stack sent a bad packet: " + std::string(to_string(datagram.error())));
  if (datagram->header.protocol != wire::protocol_tcp || datagram->header.is_fragment()) return;
  const auto segment = wire::parse_segment(*datagram, offload);
  if (!segment) fail("a stack sent a bad segment: " + std::string(to_string(segment.error())));
  const std::string wrong = directions_[index(way)].watch.sent(datagram->header, *segment, offload);
  if (!wrong.empty()) fail("a stack sent " + wrong);
}

// Why a packet does not arrive; empty when it does.
std::string_view Link::fate(Way way, const Packet& bytes, Offload offload) {
  Direction& direction = directions_[index(way)];
  Passing passing{way, direction.packets, {}, {}, {}};
  if (const auto datagram = wire::parse_ipv4(bytes)) {
    passing.ip = datagram->header;
    if (datagram->header.protocol == wire::protocol_tcp) {
      if (const auto segment = wire::parse_segment(*datagram, offload)) {
        passing.segment = *segment;
        story_.origins().learn(passing.ip.source, passing.ip.destination, *segment);
        passing.relative = story_.origins().of({passing.ip.source, segment->source_port},
                                               {passing.ip.destination, segment->destination_port});
      }
    }
  }
  if (chosen_to_drop(passing)) return "dropped";
  if (too_big(way, bytes, offload)) return "too big";
  if (random_loss(direction)) return "lost";
  const std::size_t waiting = static_cast<std::size_t>(
      std::ranges::count_if(direction.departures, [&](Instant departure) { return departure > now_; }));
  if (direction.conditions.queue > 0 && waiting >= direction.conditions.queue) return "queue full";
  return {};
}

bool Link::chosen_to_drop(const Passing& passing) {
  if (drop_if_ && drop_if_(passing)) return true;
  if (!passing.segment) return false;
  for (Drop& drop : drops_) {
    if (drop.times > 0 && drop.way == passing.way &&
        notation::differences(drop.pattern, *passing.segment, passing.relative).empty()) {
      --drop.times;
      return true;
    }
  }
  return false;
}

bool Link::random_loss(Direction& direction) {
  const Conditions& conditions = direction.conditions;
  const bool lost = random_.chance(conditions.loss);
  if (conditions.burst_loss.to_bad <= 0) return lost;
  const bool turns = random_.chance(direction.bad ? conditions.burst_loss.to_good : conditions.burst_loss.to_bad);
  if (turns) direction.bad = !direction.bad;
  return lost || (direction.bad && random_.chance(conditions.burst_loss.in_bad));
}

// A packet with DF that does not fit is answered as RFC 1191 section 4 asks.
bool Link::too_big(Way way, const Packet& bytes, Offload offload) {
  const Conditions& conditions = directions_[index(way)].conditions;
  if (largest_piece(bytes, offload) <= conditions.mtu) return false;
  if (!wire::parse_ipv4(bytes)->header.dont_fragment) return false;
  const Packet error = icmp_error(router, wire::IcmpType::destination_unreachable,
                                  static_cast<std::uint8_t>(wire::UnreachableCode::fragmentation_needed),
                                  static_cast<std::uint32_t>(conditions.mtu), bytes);
  arrivals_.emplace(now_ + conditions.delay, Arrival{reverse(way), error, {}});
  return true;
}

Instant Link::departure(Direction& direction, std::size_t size) {
  std::deque<Instant>& departures = direction.departures;
  while (!departures.empty() && departures.front() <= now_) departures.pop_front();
  if (direction.conditions.rate == 0) return now_;
  const auto takes = std::chrono::nanoseconds{size * 8 * 1'000'000'000 / direction.conditions.rate};
  direction.line_free = std::max(direction.line_free, now_) + takes;
  return departures.emplace_back(direction.line_free);
}

void Link::travel(Way way, Packet bytes, Offload offload) {
  Direction& direction = directions_[index(way)];
  const Conditions& conditions = direction.conditions;
  Instant arrival = departure(direction, bytes.size()) + conditions.delay;
  if (random_.chance(conditions.reorder)) arrival += conditions.reorder_delay;
  if (random_.chance(conditions.corrupt)) {
    if (offload.checksum_partial) finish_checksum(bytes);
    offload = {};
    const std::uint64_t bit = random_.below(bytes.size() * 8);
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    story_.note("corrupted on its way", now_);
  }
  if (bytes.size() > conditions.mtu && offload.gso_size == 0) {
    for (Packet& fragment : fragments(bytes, conditions.mtu)) arrivals_.emplace(arrival, Arrival{way, fragment, {}});
    return;
  }
  arrivals_.emplace(arrival, Arrival{way, std::move(bytes), offload});
}

void Link::fail(const std::string& what) const {
  throw std::runtime_error(what + "\nThe story so far:\n" + story_.text());
}

// Two hosts -----------------------------------------------------------------------------------------------------------

TwoHosts::TwoHosts(const Conditions& conditions, std::uint64_t seed, const Change& change_both,
                   const Change& change_second)
    : first(host_configuration(1, change_both), first_memory),
      second(host_configuration(2, change_both, change_second), second_memory),
      link(first, second, conditions, seed) {
  first_memory.seal();
  second_memory.seal();
}

TwoHosts::Connection TwoHosts::connect(std::uint16_t port, Duration limit) {
  auto listener = second.listen({second.config().address, port});
  auto stream = first.connect({second.config().address, port}, link.now());
  if (!listener || !stream) throw std::runtime_error("the connection could not be begun");
  Connection connection{std::move(*stream), {}};
  const bool accepted = link.run_until(
      [&] {
        auto other = listener->accept();
        if (other) connection.second = std::move(*other);
        return other.has_value();
      },
      limit);
  if (!accepted) throw std::runtime_error("no connection in time\nThe story so far:\n" + link.story().text());
  return connection;
}

}  // namespace backstop::test
