#include "stack/core.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <new>
#include <stdexcept>

#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/output.hpp"
#include "stack/tcp/segment_arrives.hpp"
#include "stack/tcp/timeouts.hpp"

namespace backstop {
namespace {

// Why: pings and errors are rare beside segments; more of them than this in one burst is a flood.
constexpr std::size_t icmp_queue_size = 64;
constexpr std::uint8_t ect_0 = 2;  // RFC 3168 section 5

const Config& checked(const Config& config) {
  if (!std::has_single_bit(config.block_size) || config.block_size < 512) {
    throw std::invalid_argument("Config::block_size must be a power of two, at least 512");
  }
  if (config.mtu < 68) throw std::invalid_argument("Config::mtu must be at least 68 (RFC 791)");
  if (config.max_connections == 0) throw std::invalid_argument("Config::max_connections must not be 0");
  if (config.max_option_sets == 0) throw std::invalid_argument("Config::max_option_sets must not be 0");
  if (std::min(config.tcp.initial_rto, config.tcp.maximum_rto) < tcp::shortest_rto) {
    throw std::invalid_argument("Config::tcp.initial_rto and maximum_rto must be at least 2 ms");
  }
  if (config.prefix > 32) throw std::invalid_argument("Config::prefix must be at most 32");
  return config;
}

// One record for each connection, and enough for every block to be in flight as segments of ordinary size.
std::uint32_t sent_records(const Config& config) {
  const std::uint64_t segments = std::uint64_t{config.blocks} * config.block_size / 1024;
  return config.max_connections + static_cast<std::uint32_t>(std::min<std::uint64_t>(segments, 1u << 24));
}

std::size_t most_pieces(const Config& config) { return wire::max_datagram_size / config.block_size + 2; }

}  // namespace

Core::Core(const Config& config, std::pmr::memory_resource& memory)
    : config_(checked(config)),
      secret_(config.secret),
      blocks_(config.blocks, config.block_size, memory),
      sent_(sent_records(config), config.max_connections, memory),
      flights_(config.max_connections, memory),
      histories_(config.max_connections, memory),
      option_sets_(config.tcp, config.max_option_sets, memory),
      environment_{config_.tcp,
                   option_sets_,
                   blocks_,
                   sent_,
                   flights_,
                   histories_,
                   statistics_,
                   config.mtu,
                   config.segmentation_offload,
                   std::max<std::uint16_t>(config.segmentation_segments, 1)},
      wheel_(config.max_connections, &memory),
      table_(config.max_connections, config.secret, &memory),
      reassembler_(config.max_reassemblies, &memory),
      frames_(config.coroutine_memory, &memory),
      slots_(config.max_connections, memory),
      listeners_(config.max_listeners, &memory),
      listener_buckets_(std::bit_ceil(std::max(config.max_listeners, 1u)), none, &memory),
      bound_(&memory),
      listener_events_(config.max_listeners, memory),
      taps_(&memory),
      replies_(config.reply_queue, memory),
      icmp_replies_(icmp_queue_size, memory),
      reset_limiter_(config.resets),
      icmp_limiter_(config.icmp_errors),
      landing_pieces_(config.checksum_offload ? most_pieces(config) : 0, &memory),
      pieces_(most_pieces(config), &memory) {
  bound_.reserve(config.max_listeners);
  taps_.resize(config.max_taps);
}

std::size_t Core::required_memory(const Config& config) {
  constexpr std::size_t alignment_slack = 25 * 64;  // a cache line for each of the allocations
  return sizeof(Core) + tcp::BlockPool::required_memory(config.blocks, config.block_size) +
         tcp::SentPool::required_memory(sent_records(config)) +
         tcp::FlightPool::required_memory(config.max_connections) +
         tcp::HistoryPool::required_memory(config.max_connections) +
         tcp::OptionSets::required_memory(config.max_option_sets) +
         TimerWheel::required_memory(config.max_connections) + FlowTable::required_memory(config.max_connections) +
         Reassembler::required_memory(config.max_reassemblies) + config.coroutine_memory +
         Slots::required_memory(config.max_connections) +
         config.max_listeners * (sizeof(ListenerSlot) + sizeof(Endpoint) + sizeof(std::uint32_t)) +
         std::bit_ceil(std::max(config.max_listeners, 1u)) * sizeof(std::uint32_t) + config.max_taps * sizeof(TapSlot) +
         config.reply_queue * sizeof(Reply) + icmp_queue_size * sizeof(IcmpReply) +
         most_pieces(config) * (sizeof(Bytes) + sizeof(MutableBytes)) + alignment_slack;
}

// --- Slots.

// Slots are taken first come, first served and given back last in, first out, so memory of a table that was never full
// stays untouched. Of its former life a slot keeps its generation, which is what makes old handles stale, and its
// places in queues, which it must not enter twice.
std::uint32_t Core::allocate_slot() {
  std::uint32_t index = free_slots_;
  if (index != none) {
    free_slots_ = slots_[index].next_acceptable;
    std::construct_at(&slots_[index].tcb);
  } else if (touched_slots_ < config_.max_connections) {
    index = touched_slots_++;
    std::construct_at(&slots_[index]);
  } else {
    return none;
  }
  Slot& slot = slots_[index];
  slot.listener = none;
  slot.in_use = true;
  slot.acceptable = false;
  ++connections_;
  return index;
}

void Core::free_slot(std::uint32_t index) {
  Slot& slot = slots_[index];
  assert(slot.in_use && slot.tcb.state == State::closed && !slot.in_table && !slot.is_half_open);
  slot.tcb.receive_queue.clear(blocks_);
  option_sets_.release(slot.tcb.options);
  slot.in_use = false;
  if (++slot.generation == 0) slot.generation = 1;
  slot.tcb.news = {};
  slot.next_acceptable = free_slots_;
  free_slots_ = index;
  --connections_;
}

// Why the one found last is looked at first: segments come in trains, and the hash alone takes longer than that.
std::uint32_t Core::find_slot(const FourTuple& tuple) {
  if (found_last_ != none && slots_[found_last_].in_table && slots_[found_last_].tcb.tuple == tuple) return found_last_;
  const std::uint32_t index = table_.find(tuple, [this](std::uint32_t i) -> auto& { return slots_[i].tcb.tuple; });
  if (index != none) found_last_ = index;
  return index;
}

[[gnu::noinline]] std::uint32_t Core::open_slot(const FourTuple& tuple, tcp::OptionSetId options) {
  const std::uint32_t index = allocate_slot();
  if (index == none) return none;
  Slot& slot = slots_[index];
  slot.tag = table_.insert(tuple, index);
  slot.in_table = true;
  slot.tcb.attached = true;
  slot.tcb.options = option_sets_.share(options);
  return index;
}

std::uint32_t Core::open_passive(const FourTuple& tuple, tcp::OptionSetId options, const wire::Segment& syn,
                                 Instant now, const InitialNumbers& numbers) {
  const std::uint32_t index = open_slot(tuple, options);
  if (index == none) {
    drop(Drop::tcp_no_resources);
    return none;
  }
  ++statistics_.passive_opens;
  slots_[index].is_half_open = true;
  ++half_open_;
  const tcp::FirstNumbers first = choose_numbers(tuple, numbers, now);
  tcp::open_passively(slots_[index].tcb, tuple, first.isn, first.timestamp_offset, syn, environment_, now);
  return index;
}

tcp::FirstNumbers Core::choose_numbers(const FourTuple& tuple, const InitialNumbers& wanted, Instant now) const {
  tcp::FirstNumbers numbers = tcp::first_numbers(secret_, tuple, now);
  if (wanted.isn) numbers.isn = *wanted.isn;
  if (wanted.timestamp) numbers.timestamp_offset = *wanted.timestamp - tcp::timestamp_clock(now);
  return numbers;
}

// --- What follows every event of a connection.

void Core::settle_slot(std::uint32_t index) {
  Slot& slot = slots_[index];
  if (slot.is_half_open && slot.tcb.state != State::syn_received) leave_half_open(index);
  if (slot.tcb.state == State::closed) return retire(index);
  if (slot.listener != none && slot.tcb.news.established && !slot.acceptable) child_is_established(index);
  take_a_turn(index);
  push_event(index);
}

// Whoever has something to send takes his turn, and tells his deadline at its end; the others tell it now.
void Core::take_a_turn(std::uint32_t index) {
  const tcp::Tcb& tcb = slots_[index].tcb;
  if (tcp::wants_turn(tcb)) return push_ready(index);
  wheel_.arm_no_later(index, tcp::next_deadline(tcb));
}

// The connection is CLOSED: it leaves the tables. The slot stays for as long as a user holds it, to tell why.
void Core::retire(std::uint32_t index) {
  Slot& slot = slots_[index];
  wheel_.cancel(index);
  if (slot.in_table) {
    table_.erase(slot.tag, index, [this](std::uint32_t other) { return slots_[other].tag; });
    slot.in_table = false;
  }
  const bool half_open_child = slot.listener != none && !slot.acceptable;
  if (half_open_child) slot.tcb.attached = false;
  if (!slot.tcb.attached) return free_slot(index);
  push_event(index);
}

void Core::adopt(std::uint32_t listener, std::uint32_t child) {
  slots_[child].listener = listener;
  if (slots_[child].is_half_open) ++listeners_[listener].half_open;
}

void Core::leave_half_open(std::uint32_t index) {
  Slot& slot = slots_[index];
  slot.is_half_open = false;
  --half_open_;
  if (slot.listener != none) --listeners_[slot.listener].half_open;
}

void Core::child_is_established(std::uint32_t index) {
  Slot& slot = slots_[index];
  ListenerSlot& listener = listeners_[slot.listener];
  ++listener.waiting;
  slot.acceptable = true;
  slot.next_acceptable = none;
  if (listener.last_acceptable == none) {
    listener.first_acceptable = index;
  } else {
    slots_[listener.last_acceptable].next_acceptable = index;
  }
  listener.last_acceptable = index;
  if (listener.has_event) return;
  listener.has_event = true;
  listener_events_.push(slot.listener);
}

void Core::push_ready(std::uint32_t index) {
  Slot& slot = slots_[index];
  if (slot.is_ready) return;
  slot.is_ready = true;
  ready_.push(*this, index);
}

void Core::push_event(std::uint32_t index) {
  Slot& slot = slots_[index];
  if (slot.has_event || slot.listener != none || !slot.tcb.attached || !slot.tcb.news.any()) return;
  slot.has_event = true;
  events_.push(*this, index);
}

void Core::wait_for_room(HandleId id) {
  Slot& slot = slots_[id.slot];
  if (slot.is_starved || !blocks_.is_scarce()) return;
  slot.is_starved = true;
  starved_.push(*this, id.slot);
}

// All of them: who finds no room again waits again.
void Core::wake_starved() {
  if (starved_.empty() || blocks_.is_scarce()) return;
  for (std::uint32_t index = starved_.pop(*this); index != none; index = starved_.pop(*this)) {
    Slot& slot = slots_[index];
    slot.is_starved = false;
    if (!slot.in_use || !slot.tcb.writer_waits) continue;
    slot.tcb.writer_waits = false;
    slot.tcb.news.writable = true;
    push_event(index);
  }
}

std::optional<Event> Core::next_event() {
  if (auto event = next_listener_event()) return event;
  while (!events_.empty()) {
    const std::uint32_t index = events_.pop(*this);
    Slot& slot = slots_[index];
    slot.has_event = false;
    const Readiness what = std::exchange(slot.tcb.news, {});
    if (slot.in_use && slot.tcb.attached && what.any())
      return std::optional<Event>{std::in_place, handle_of(index), what};
  }
  return std::nullopt;
}

std::optional<Event> Core::next_listener_event() {
  while (!listener_events_.empty()) {
    const std::uint32_t index = listener_events_.front();
    listener_events_.pop();
    ListenerSlot& listener = listeners_[index];
    listener.has_event = false;
    if (listener.in_use && listener.first_acceptable != none) {
      return Event{{index, listener.generation, true}, {.acceptable = true}};
    }
  }
  return std::nullopt;
}

// --- Packets out.

std::optional<OutboundPacket> Core::transmit(Instant now) {
  now_ = now;
  if (sending_block_ != tcp::no_block) blocks_.give_back(std::exchange(sending_block_, tcp::no_block));
  if (wheel_.may_expire(now) || reassembler_.next_deadline() <= now) fire_deadlines(now);
  if (!starved_.empty()) wake_starved();
  if (!replies_.empty()) [[unlikely]]
    return next_reply();
  if (!icmp_replies_.empty()) [[unlikely]]
    return next_icmp();
  if (!ready_.empty()) return next_segment(now);
  return std::nullopt;
}

void Core::fire_deadlines(Instant now) {
  for (std::uint32_t index = wheel_.expire(now); index != TimerWheel::no_slot; index = wheel_.expire(now)) {
    tcp::handle_timeouts(slots_[index].tcb, environment_, now);
    settle_slot(index);
  }
  if (reassembler_.next_deadline() <= now) {
    statistics_.drops[static_cast<std::size_t>(Drop::fragment_timeout)] += reassembler_.expire(now);
  }
}

std::optional<OutboundPacket> Core::next_reply() {
  const Reply reply = replies_.front();
  replies_.pop();
  if (reply.segment.rst()) ++statistics_.resets_sent;
  return build(ip_header(reply.tuple, reply.ttl, reply.dscp), reply.segment, 0, {}, 0);
}

std::optional<OutboundPacket> Core::next_icmp() {
  const IcmpReply reply = icmp_replies_.front();
  icmp_replies_.pop();
  sending_block_ = reply.block;
  ++statistics_.packets_sent;
  return OutboundPacket{.headers = {blocks_.data(reply.block), reply.size}, .text = {}, .offload = {}};
}

// Connections take turns, a packet each.
std::optional<OutboundPacket> Core::next_segment(Instant now) {
  while (!ready_.empty()) {
    const std::uint32_t index = ready_.pop(*this);
    Slot& slot = slots_[index];
    slot.is_ready = false;
    if (!slot.in_use || slot.tcb.state == State::closed) continue;
    tcp::Outgoing out;
    const bool sends = tcp::output(slot.tcb, environment_, now, out);
    if (sends && !out.last) {
      take_a_turn(index);
      return build_text(slot.tcb, out);
    }
    const Instant deadline = tcp::next_deadline(slot.tcb);
    wheel_.arm_no_later(index, deadline);
    if (sends) return build_text(slot.tcb, out);
    if (deadline <= now) fire_deadlines(now);  // it came while the connection waited for its turn
  }
  return std::nullopt;
}

std::optional<OutboundPacket> Core::build_text(tcp::Tcb& tcb, const tcp::Outgoing& out) {
  const std::size_t pieces = tcb.flight->send_queue.view(blocks_, out.text_offset, out.text_size, pieces_);
  const ConnectionOptions& options = environment_.options(tcb);
  wire::Ipv4Header ip = ip_header(tcb.tuple, options.ttl, options.dscp);
  if (out.ecn_capable) ip.tos |= ect_0;
  ip.dont_fragment = !tcb.fragmentable;
  return build(ip, out.segment, out.text_size, {pieces_.data(), pieces}, out.text_size > out.mss ? out.mss : 0);
}

wire::Ipv4Header Core::ip_header(const FourTuple& tuple, std::uint8_t ttl, std::uint8_t dscp) {
  return {
      .source = tuple.local.address,
      .destination = tuple.remote.address,
      .protocol = wire::protocol_tcp,
      .ttl = ttl,
      .tos = static_cast<std::uint8_t>(dscp << 2),
      .id = ip_id_++,
      .dont_fragment = true,
  };
}

std::optional<OutboundPacket> Core::build(const wire::Ipv4Header& ip, const wire::Segment& segment,
                                          std::size_t text_size, std::span<const Bytes> text, std::uint32_t mss) {
  const std::size_t size = wire::emit_headers(ip, segment, text_size, headers_);
  if (!config_.checksum_offload) wire::finish_checksum(MutableBytes{headers_}.first(size), text);
  ++statistics_.packets_sent;
  return OutboundPacket{
      .headers = Bytes{headers_}.first(size),
      .text = text,
      .offload = {.checksum_partial = config_.checksum_offload, .gso_size = static_cast<std::uint16_t>(mss)},
  };
}

std::optional<Instant> Core::next_deadline() const {
  if (!replies_.empty() || !icmp_replies_.empty() || !ready_.empty()) return immediately;
  if (!starved_.empty() && !blocks_.is_scarce()) return immediately;
  const Instant next = std::min(wheel_.next_deadline(), reassembler_.next_deadline());
  return next == never ? std::nullopt : std::optional{next};
}

}  // namespace backstop
