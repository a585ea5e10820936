#include "tools/replay/player.hpp"

#include <algorithm>

#include "tools/replay/stack_memory.hpp"

namespace backstop::replay {
namespace {

// Why: more than the largest window of any host that was captured, and of this only what is used is touched.
constexpr std::uint32_t buffer_size = 8 << 20;

Config config_for(const Part& part) {
  Config config;
  config.address = part.tuple.local.address;
  config.mtu = static_cast<std::uint16_t>(std::clamp<unsigned>(part.options.mss.value_or(1460) + 40u, 576u, 65'535u));
  config.max_connections = 4;
  config.max_listeners = 1;
  config.max_taps = 1;
  config.block_size = 4096;
  config.blocks = 3 * buffer_size / config.block_size;
  config.reply_queue = 64;
  config.max_reassemblies = 0;  // the reader has put fragments together
  config.coroutine_memory = 0;
  config.tcp.receive_buffer = buffer_size;
  config.tcp.send_buffer = buffer_size;
  // The capture shows what the host's Nagle algorithm did with its text; ours must not do it once more.
  config.tcp.no_delay = true;
  const bool is_active = part.opening == Part::Opening::active;
  if (is_active) {
    config.tcp.window_scaling = part.options.window_scale.has_value();
    config.tcp.timestamps = part.options.timestamps.has_value();
    config.tcp.selective_acks = part.options.sack_permitted;
  }
  config.tcp.ecn = !part.ecn ? Ecn::off : is_active ? Ecn::offer : Ecn::answer;
  return config;
}

}  // namespace

Player::Player(const Part& part, const ReplayOptions& options, CapturedText& text, PlayWatcher& watcher)
    : options_(options),
      part_(part),
      watcher_(watcher),
      application_(make_application(options.application, text)),
      stack_(config_for(part), StackMemory::of_this_thread()) {
  if (part.opening != Part::Opening::refused) {
    tap_ = stack_.attach_tap(
        {.segment = {}, .unmatched_syn = [this](const SynInfo& syn, Instant now) { answer(syn, now); }},
        {.suppress_rst = true});
  }
}

Player::~Player() = default;

void Player::answer(const SynInfo& syn, Instant now) {
  if (part_.opening != Part::Opening::passive || stream_) return;
  if (auto accepted = stack_.accept(syn, now, part_.numbers)) stream_ = std::move(*accepted);
}

void Player::open_actively(Instant now) {
  auto opened = stack_.connect(part_.tuple.remote, now, {.local = part_.tuple.local, .numbers = part_.numbers});
  if (opened) {
    stream_ = std::move(*opened);
  } else {
    trouble_ = "our stack cannot connect: " + std::string(to_string(opened.error()));
  }
}

void Player::arrive(Arrival arrival) {
  run_until(arrival.time);
  arrival.time += part_.distance;
  if (over()) return;
  if (waiting_.empty() && !must_wait(arrival)) {
    deliver(arrival);
  } else {
    arrival.kept.assign(arrival.packet.begin(), arrival.packet.end());
    arrival.packet = arrival.kept;  // moving a vector leaves its octets where they are
    waiting_.push_back(std::move(arrival));
  }
  run_until(now_);
}

// Whatever the host has acknowledged had reached it, however far away the capture was made.
void Player::come_to(Instant now, Offset received) {
  run_until(now);
  const auto is_received = [&](const Arrival& arrival) { return arrival.brings && *arrival.brings <= received; };
  const auto last = std::ranges::find_if(waiting_.rbegin(), waiting_.rend(), is_received);
  for (auto arrival = waiting_.begin(); arrival != last.base(); ++arrival)
    arrival->time = std::min(arrival->time, now_);
  deliver_waiting();
}

void Player::host_acts() {
  if (part_.opening == Part::Opening::active && !stream_ && !trouble_) open_actively(now_);
  settle();
}

void Player::host_aborts() {
  stream_.abort();
  settle();
}

void Player::run_until(Instant end) {
  // Why: a stack that asks to be called and then does nothing would keep us here for ever.
  constexpr int most_idle_calls = 100'000;
  int idle_calls = 0;
  deliver_waiting();
  for (auto step = next_step(); step && *step <= end && !over(); step = next_step()) {
    idle_calls = *step > now_ ? 0 : idle_calls + 1;
    if (idle_calls > most_idle_calls) {
      fault_ = "our stack asks to be called without end";
      return;
    }
    now_ = std::max(now_, *step);
    settle();
    if (!deliver_waiting()) give_up_waiting();
  }
  now_ = std::max(now_, end);
}

void Player::run_to_end(Instant end) {
  run_until(end + part_.distance);
  while (!waiting_.empty() && !over()) run_until(waiting_.front().time + options_.max_hold);
}

// The next moment at which something happens: a deadline of the stack, an arrival, or the end of a wait.
std::optional<Instant> Player::next_step() const {
  auto step = stack_.next_deadline();
  if (!waiting_.empty()) {
    const Instant due = waiting_.front().time;
    const Instant next = due > now_ ? due : due + options_.max_hold;
    step = step ? std::min(*step, next) : next;
  }
  return step;
}

// Delivers packets in their order as long as nothing holds them back. Returns whether there was one.
bool Player::deliver_waiting() {
  bool any = false;
  while (!waiting_.empty() && waiting_.front().time <= now_ && !over()) {
    const Arrival& next = waiting_.front();
    if (must_wait(next)) {
      if (!deliver_part_of_ack(next)) return any;
      continue;
    }
    const Arrival arrival = std::move(waiting_.front());
    waiting_.pop_front();
    deliver(arrival);
    any = true;
  }
  return any;
}

void Player::deliver(const Arrival& arrival) {
  watcher_.delivers(arrival, now_);
  stack_.receive({arrival.packet, arrival.offload}, now_);
  settle();
}

// When the congestion window keeps our stack from sending what one acknowledgment covers as a whole, it gets the part
// that it has earned: the captured host had a larger window, and its peer acknowledged more at once.
bool Player::deliver_part_of_ack(const Arrival& arrival) {
  if (sent_edge_ <= partially_acked_ || stream_.info().unsent == 0) return false;
  const auto datagram = wire::parse_ipv4(arrival.packet);
  auto segment = wire::parse_segment(datagram.value(), {.checksum_partial = true}).value();
  segment.flags = wire::Flag::ack;
  segment.text = {};
  segment.ack = part_.numbers.isn.value() + static_cast<std::uint32_t>(sent_edge_);
  segment.options.sack = {};
  Arrival part;
  part.time = now_;
  part.kept.resize(wire::max_headers_size);
  part.kept.resize(emit_segment(datagram->header, segment, {}, wire::ChecksumKind::full, part.kept));
  part.packet = part.kept;
  partially_acked_ = sent_edge_;
  ++partial_acks_;
  deliver(part);
  return true;
}

void Player::give_up_waiting() {
  if (waiting_.empty() || now_ < waiting_.front().time + options_.max_hold) return;
  trouble_ = "the peer acknowledges unsent data in packet " + std::to_string(waiting_.front().number);
}

// Lets stack and application act until both have nothing more to do at this moment.
void Player::settle() {
  while (true) {
    const bool has_sent = transmit_all();
    while (stack_.next_event()) {
    }
    const bool has_acted = stream_ && application_->go_on(stream_);
    if (!has_sent && !has_acted) return;
  }
}

bool Player::transmit_all() {
  bool any = false;
  while (const auto packet = stack_.transmit(now_)) {
    outgoing_.assign(packet->headers.begin(), packet->headers.end());
    for (const Bytes piece : packet->text) outgoing_.insert(outgoing_.end(), piece.begin(), piece.end());
    watcher_.sends(outgoing_, now_);
    any = true;
  }
  return any;
}

}  // namespace backstop::replay
