// The users' calls: opening and closing connections and listeners, and the answers of a tap's owner
// (RFC 9293 section 3.9.1, section 3.10.1). Calls on one connection are in tcp/user_calls.hpp.
#include <algorithm>
#include <cassert>

#include "stack/core.hpp"
#include "stack/tcp/output.hpp"
#include "stack/tcp/reset.hpp"
#include "stack/tcp/segment_arrives.hpp"
#include "stack/tcp/timeouts.hpp"
#include "stack/tcp/user_calls.hpp"

namespace backstop {
namespace {

// RFC 6335 section 6: the dynamic ports.
constexpr std::uint32_t first_dynamic_port = 49'152;
constexpr std::uint32_t dynamic_ports = 65'536 - first_dynamic_port;

bool can_be_connected_to(const Endpoint& remote) {
  const Ipv4Address address = remote.address;
  return remote.port != 0 && !address.is_this_network() && !address.is_loopback() && !address.is_multicast() &&
         !address.is_reserved() && !address.is_limited_broadcast();
}

/// The SYN that `info` describes, without its text.
wire::Segment syn_of(const SynInfo& info) {
  wire::Segment syn{
      .source_port = info.tuple.remote.port,
      .destination_port = info.tuple.local.port,
      .seq = info.irs,
      .flags = info.flags,
      .window = info.window,
  };
  syn.options = {.mss = info.mss,
                 .window_scale = info.window_scale,
                 .sack_permitted = info.sack_permitted,
                 .timestamps = info.timestamps,
                 .sack = {}};
  return syn;
}

/// The acknowledgment that brought its cookie back, without its text.
wire::Segment ack_of(const SynInfo& info) {
  return {.source_port = info.tuple.remote.port,
          .destination_port = info.tuple.local.port,
          .seq = info.irs + 1,
          .ack = *info.cookie + 1,
          .flags = wire::Flag::ack,
          .window = info.window};
}

}  // namespace

// --- Opening.

std::expected<HandleId, Error> Core::connect(Endpoint remote, Instant now, const ConnectOptions& options) {
  now_ = now;
  // Ourselves we cannot reach: nothing of the stack's own comes back in.
  const bool nobody = !can_be_connected_to(remote) || is_broadcast(remote.address) || remote.address == config_.address;
  if (nobody) return std::unexpected(Error::remote_unspecified);
  Endpoint local = options.local;
  if (local.address.is_unspecified()) local.address = config_.address;
  if (!is_ours(local.address)) return std::unexpected(Error::local_unspecified);
  if (local.port != 0) {
    if (find_slot({local, remote}) != none) return std::unexpected(Error::connection_already_exists);
  } else {
    local.port = choose_port(local.address, remote);
    if (local.port == 0) return std::unexpected(Error::insufficient_resources);
  }
  const auto set = options.options ? option_sets_.acquire(*options.options) : option_sets_.share(tcp::default_options);
  if (!set) return std::unexpected(Error::insufficient_resources);
  const FourTuple tuple{local, remote};
  const std::uint32_t index = open_slot(tuple, *set);
  option_sets_.release(*set);
  if (index == none) return std::unexpected(Error::insufficient_resources);
  ++statistics_.active_opens;
  const tcp::FirstNumbers first = choose_numbers(tuple, options.numbers, now);
  tcp::open_actively(slots_[index].tcb, tuple, first.isn, first.timestamp_offset, environment_, now);
  push_ready(index);  // its SYN is all that there is to do
  return opened(index);
}

// RFC 6056 section 3.3.3: where the search begins depends on the remote end and the secret, and moves on with each
// port. The last is kept: who connects to one place does so often.
std::uint16_t Core::choose_port(Ipv4Address local, Endpoint remote) {
  const FourTuple ends{.local = {local, 0}, .remote = remote};
  if (ends != ports_begin_for_) {
    ports_begin_for_ = ends;
    ports_begin_ = table_.hash(ends);
  }
  for (std::uint32_t tried = 0; tried < dynamic_ports; ++tried) {
    const auto port = static_cast<std::uint16_t>(first_dynamic_port + (ports_begin_ + next_port_++) % dynamic_ports);
    const bool taken = find_listener({local, port}) != none || find_slot({{local, port}, remote}) != none;
    if (!taken) return port;
  }
  return 0;
}

std::expected<HandleId, Error> Core::accept_syn(const SynInfo& info, Instant now, const InitialNumbers& numbers) {
  now_ = now;
  if (find_slot(info.tuple) != none) return std::unexpected(Error::connection_already_exists);
  if (info.cookie) return accept_by_cookie(info, now);
  wire::Segment syn = syn_of(info);
  // While the tap is still being asked, the SYN's text is at hand; later the peer sends it again.
  if (syn_in_hand_ != nullptr && syn_in_hand_->seq == info.irs) syn.text = syn_in_hand_->text;
  const std::uint32_t index = open_passive(info.tuple, tcp::default_options, syn, now, numbers);
  if (index == none) return std::unexpected(Error::insufficient_resources);
  settle_slot(index);
  return opened(index);
}

std::expected<HandleId, Error> Core::accept_by_cookie(const SynInfo& info, Instant now) {
  const std::uint32_t index = open_by_cookie(info.tuple, tcp::default_options, syn_of(info), ack_of(info), now);
  if (index == none) return std::unexpected(Error::insufficient_resources);
  settle_slot(index);
  return opened(index);
}

void Core::refuse(const SynInfo& info) {
  if (info.cookie) return reply_with_reset(info.tuple, ack_of(info));
  wire::Segment syn = syn_of(info);
  syn.seq += info.text_size;  // RST,ACK acknowledges SYN and text
  reply_with_reset(info.tuple, syn);
}

void Core::answer_with_cookie(const SynInfo& info, Instant now) {
  send_cookie(info.tuple, tcp::default_options, syn_of(info), now);
}

// The quotation is made again from what is known: an IPv4 header, and the first 64 bits of the SYN (RFC 792).
void Core::unreachable(const SynInfo& info, wire::UnreachableCode code) {
  constexpr std::size_t quoted_tcp = 8;
  std::array<std::byte, wire::ipv4_header_size + quoted_tcp> quotation{};
  wire::emit_ipv4(
      {.source = info.tuple.remote.address, .destination = info.tuple.local.address, .ttl = info.ttl, .tos = info.tos},
      wire::tcp_header_size + info.text_size, quotation);
  const MutableBytes tcp = MutableBytes{quotation}.subspan(wire::ipv4_header_size);
  wire::store16(tcp, 0, info.tuple.remote.port);
  wire::store16(tcp, 2, info.tuple.local.port);
  wire::store32(tcp, 4, info.irs.value());
  send_unreachable(code, quotation);
}

// --- Listeners.

std::expected<HandleId, Error> Core::listen(Endpoint local, ListenOptions options) {
  if (local.port == 0 || (!local.address.is_unspecified() && !is_ours(local.address))) {
    return std::unexpected(Error::local_unspecified);
  }
  if (find_exact_listener(local) != none) return std::unexpected(Error::connection_already_exists);
  const auto free = std::find_if(listeners_.begin(), listeners_.end(), [](const ListenerSlot& l) { return !l.in_use; });
  if (free == listeners_.end()) return std::unexpected(Error::insufficient_resources);
  const auto set = option_sets_.acquire(options.connections.value_or(config_.tcp));
  if (!set) return std::unexpected(Error::insufficient_resources);
  const auto index = static_cast<std::uint32_t>(free - listeners_.begin());
  const std::uint32_t generation = free->generation + 1 == 0 ? 1 : free->generation + 1;
  const bool had_event = free->has_event;
  *free = ListenerSlot{.local = local,
                       .generation = generation,
                       .backlog = options.backlog,
                       .options = *set,
                       .in_use = true,
                       .has_event = had_event};
  link_listener(index);
  bound_.push_back(local);
  return HandleId{index, generation, true};
}

void Core::link_listener(std::uint32_t index) {
  std::uint32_t& bucket = listener_buckets_[listener_bucket(listeners_[index].local.port)];
  listeners_[index].next_in_bucket = bucket;
  bucket = index;
}

void Core::unlink_listener(std::uint32_t index) {
  std::uint32_t* link = &listener_buckets_[listener_bucket(listeners_[index].local.port)];
  while (*link != index) link = &listeners_[*link].next_in_bucket;
  *link = listeners_[index].next_in_bucket;
}

Core::ListenerSlot* Core::find_listener_slot(HandleId id) {
  if (!id.is_listener || id.slot >= listeners_.size()) return nullptr;
  ListenerSlot& listener = listeners_[id.slot];
  return listener.in_use && listener.generation == id.generation ? &listener : nullptr;
}

std::expected<HandleId, Error> Core::accept(HandleId id) {
  ListenerSlot* listener = find_listener_slot(id);
  if (listener == nullptr) return std::unexpected(Error::connection_does_not_exist);
  const std::uint32_t index = listener->first_acceptable;
  if (index == none) return std::unexpected(Error::would_block);
  Slot& slot = slots_[index];
  listener->first_acceptable = slot.next_acceptable;
  if (listener->first_acceptable == none) listener->last_acceptable = none;
  --listener->waiting;
  slot.listener = none;
  slot.acceptable = false;
  push_event(index);
  return opened(index);
}

bool Core::has_acceptable(HandleId id) {
  const ListenerSlot* listener = find_listener_slot(id);
  return listener != nullptr && listener->first_acceptable != none;
}

void Core::close_listener(HandleId id) {
  ListenerSlot* listener = find_listener_slot(id);
  if (listener == nullptr) return;
  unlink_listener(id.slot);
  std::erase(bound_, listener->local);
  listener->in_use = false;
  option_sets_.release(listener->options);
  for (std::uint32_t index = 0; index < touched_slots_; ++index) {
    if (slots_[index].in_use && slots_[index].listener == id.slot) abort_child(index);
  }
}

// Nobody can accept it any more: the peer is told at once.
void Core::abort_child(std::uint32_t index) {
  Slot& slot = slots_[index];
  slot.listener = none;
  slot.acceptable = false;
  slot.tcb.attached = false;
  abort_slot(index);
}

Endpoint Core::listener_endpoint(HandleId id) const {
  return id.is_listener && id.slot < listeners_.size() ? listeners_[id.slot].local : Endpoint{};
}

// --- Handles.

tcp::Tcb* Core::find(HandleId id) {
  if (id.is_listener || id.slot >= touched_slots_) return nullptr;
  Slot& slot = slots_[id.slot];
  return slot.generation == id.generation ? &slot.tcb : nullptr;
}

std::expected<void, Error> Core::set_options(HandleId id, const ConnectionOptions& options) {
  tcp::Tcb* tcb = find(id);
  if (tcb == nullptr) return std::unexpected(Error::connection_does_not_exist);
  const auto set = option_sets_.acquire(options);
  if (!set) return std::unexpected(Error::insufficient_resources);
  tcp::change_options(*tcb, *set, environment_, now_);
  settle(id);
  return {};
}

void Core::text_was_written(HandleId id) {
  assert(tcp::wants_turn(slots_[id.slot].tcb));
  push_ready(id.slot);
}

void Core::end_reading(HandleId id) {
  tcp::Tcb& tcb = slots_[id.slot].tcb;
  tcp::end_reading(tcb, environment_, now_);
  if (tcb.ack_owed == tcp::AckOwed::now) push_ready(id.slot);
}

void Core::abort(HandleId id) {
  if (find(id) != nullptr) abort_slot(id.slot);
}

void Core::abort_slot(std::uint32_t index) {
  tcp::Tcb& tcb = slots_[index].tcb;
  if (const auto reset = tcp::abort(tcb, environment_, now_)) reply(tcb.tuple, *reset, environment_.options(tcb));
  settle_slot(index);
}

// The user lets go: CLOSE, or ABORT when text was left unread, so that the peer does not believe it was taken, or when
// the user has asked for it.
void Core::release(HandleId id) {
  tcp::Tcb* tcb = find(id);
  if (tcb == nullptr) return;
  tcb->attached = false;
  const bool aborts = tcb->receive_queue.readable() > 0 || environment_.options(*tcb).reset_on_release;
  if (tcb->state != State::closed && aborts) return abort_slot(id.slot);
  (void)tcp::close(*tcb, environment_);  // closing twice, or after the end, changes nothing
  tcp::watch_idle(*tcb, environment_, now_);
  settle_slot(id.slot);
}

// --- Taps.

std::optional<std::uint32_t> Core::attach_tap(TapCallbacks callbacks, TapFlags flags) {
  const auto is_free = [](const TapSlot& tap) { return !tap.in_use && !tap.callbacks.any(); };
  const auto free = std::find_if(taps_.begin(), taps_.end(), is_free);
  if (free == taps_.end()) return std::nullopt;
  free->callbacks = std::move(callbacks);
  free->flags = flags;
  free->in_use = true;
  if (free->callbacks.segment) ++watching_taps_;
  return static_cast<std::uint32_t>(free - taps_.begin());
}

void Core::detach_tap(std::uint32_t id) {
  taps_[id].in_use = false;
  taps_to_forget_ = true;
  if (tap_depth_ == 0) forget_detached_taps();
}

}  // namespace backstop
