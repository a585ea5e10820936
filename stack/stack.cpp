#include "stack/stack.hpp"

#include <new>

#include "stack/core.hpp"
#include "stack/tcp/user_calls.hpp"

namespace backstop {

Stack::Stack(const Config& config, std::pmr::memory_resource& memory) : memory_(memory) {
  void* place = memory_.allocate(sizeof(Core), alignof(Core));
  try {
    core_ = new (place) Core(config, memory);
  } catch (...) {
    memory_.deallocate(place, sizeof(Core), alignof(Core));
    throw;
  }
}

Stack::~Stack() {
  core_->~Core();
  memory_.deallocate(core_, sizeof(Core), alignof(Core));
}

void Stack::receive(const InboundPacket& packet, Instant now) { core_->receive(packet, now); }
Landing Stack::landing() { return core_->landing(); }
bool Stack::receive_landed(const InboundPacket& packet, Instant now) { return core_->receive_landed(packet, now); }
void Stack::release_landing() { core_->release_landing(); }
std::optional<OutboundPacket> Stack::transmit(Instant now) { return core_->transmit(now); }
std::optional<Instant> Stack::next_deadline() const { return core_->next_deadline(); }
std::optional<Event> Stack::next_event() { return core_->next_event(); }
bool Stack::has_events() const { return core_->has_events(); }

std::expected<Listener, Error> Stack::listen(Endpoint local, ListenOptions options) {
  const auto id = core_->listen(local, options);
  if (!id) return std::unexpected(id.error());
  return Listener{*this, *id};
}

std::expected<Stream, Error> Stack::connect(Endpoint remote, Instant now, ConnectOptions options) {
  const auto id = core_->connect(remote, now, options);
  if (!id) return std::unexpected(id.error());
  return Stream{*this, *id};
}

std::expected<Stream, Error> Stack::accept(const SynInfo& syn, Instant now, InitialNumbers numbers) {
  const auto id = core_->accept_syn(syn, now, numbers);
  if (!id) return std::unexpected(id.error());
  return Stream{*this, *id};
}

void Stack::refuse(const SynInfo& syn, Instant) { core_->refuse(syn); }
void Stack::unreachable(const SynInfo& syn, wire::UnreachableCode code, Instant) { core_->unreachable(syn, code); }
void Stack::answer_with_cookie(const SynInfo& syn, Instant now) { core_->answer_with_cookie(syn, now); }

void Stack::abort(HandleId connection) { core_->abort(connection); }

Tap Stack::attach_tap(TapCallbacks callbacks, TapFlags flags) {
  const auto id = core_->attach_tap(std::move(callbacks), flags);
  return id ? Tap{*this, *id} : Tap{};
}

std::span<const Endpoint> Stack::bound_tcp_ports() const { return core_->bound_ports(); }
const Statistics& Stack::statistics() const { return core_->statistics(); }
const Config& Stack::config() const { return core_->config(); }
std::uint32_t Stack::connections() const { return core_->connections(); }
std::optional<ConnectionSnapshot> Stack::connection_at(std::uint32_t slot) const {
  const auto id = core_->connection_at(slot);
  if (!id) return std::nullopt;
  return ConnectionSnapshot{*id, tcp::info(*core_->find(*id), core_->environment())};
}
std::uint32_t Stack::blocks_in_use() const { return core_->blocks_in_use(); }
std::pmr::memory_resource& Stack::frame_memory() { return core_->frames(); }
std::size_t Stack::required_memory(const Config& config) { return Core::required_memory(config); }

// --- Tap.

Tap& Tap::operator=(Tap&& other) noexcept {
  if (this != &other) {
    detach();
    stack_ = std::exchange(other.stack_, nullptr);
    id_ = other.id_;
  }
  return *this;
}

void Tap::detach() {
  if (Stack* stack = std::exchange(stack_, nullptr)) stack->core_->detach_tap(id_);
}

// --- Stream.

Stream& Stream::operator=(Stream&& other) noexcept {
  if (this != &other) {
    reset();
    stack_ = std::exchange(other.stack_, nullptr);
    id_ = other.id_;
  }
  return *this;
}

void Stream::reset() {
  if (Stack* stack = std::exchange(stack_, nullptr)) stack->core_->release(id_);
}

tcp::Tcb* Stream::connection() const { return stack_ != nullptr ? stack_->core_->find(id_) : nullptr; }

std::expected<Bytes, Error> Stream::peek() {
  const tcp::Tcb* tcb = connection();
  if (tcb == nullptr) return std::unexpected(Error::connection_does_not_exist);
  return tcp::peek(*tcb, stack_->core_->environment());
}

void Stream::consume(std::size_t size) {
  tcp::Tcb* tcb = connection();
  if (tcb == nullptr || size == 0) return;
  Core& core = *stack_->core_;
  tcp::consume(*tcb, static_cast<std::uint32_t>(size), core.environment());
  core.end_reading(id_);
}

std::expected<std::size_t, Error> Stream::read(MutableBytes buffer) {
  if (buffer.empty()) return 0;
  tcp::Tcb* tcb = connection();
  if (tcb == nullptr) return std::unexpected(Error::connection_does_not_exist);
  Core& core = *stack_->core_;
  const auto taken = tcp::read(*tcb, buffer, core.environment());
  if (taken && *taken > 0) core.end_reading(id_);
  return taken;
}

std::expected<MutableBytes, Error> Stream::write_space() {
  tcp::Tcb* tcb = connection();
  if (tcb == nullptr) return std::unexpected(Error::connection_does_not_exist);
  Core& core = *stack_->core_;
  const auto room = tcp::write_space(*tcb, core.environment());
  if (!room && room.error() == Error::would_block) core.wait_for_room(id_);
  return room;
}

void Stream::commit(std::size_t size) {
  tcp::Tcb* tcb = connection();
  if (tcb == nullptr || size == 0) return;
  if (tcp::commit(*tcb, static_cast<std::uint32_t>(size))) stack_->core_->text_was_written(id_);
}

std::expected<std::size_t, Error> Stream::write(Bytes text) {
  if (text.empty()) return 0;
  tcp::Tcb* tcb = connection();
  if (tcb == nullptr) return std::unexpected(Error::connection_does_not_exist);
  Core& core = *stack_->core_;
  const auto taken = tcp::write(*tcb, text, core.environment());
  const bool finds_no_room = taken ? *taken < text.size() : taken.error() == Error::would_block;
  if (finds_no_room) core.wait_for_room(id_);
  if (taken) core.text_was_written(id_);
  return taken;
}

std::expected<std::size_t, Error> Stream::write_urgent(Bytes text) {
  const auto taken = write(text);
  if (!taken || *taken == 0) return taken;
  tcp::mark_urgent(*connection());
  stack_->core_->settle(id_);
  return taken;
}

std::expected<void, Error> Stream::close() {
  tcp::Tcb* tcb = connection();
  if (tcb == nullptr) return std::unexpected(Error::connection_does_not_exist);
  const auto result = tcp::close(*tcb, stack_->core_->environment());
  stack_->core_->settle(id_);
  return result;
}

void Stream::abort() {
  if (stack_ != nullptr) stack_->core_->abort(id_);
}

ConnectionOptions Stream::options() const {
  const tcp::Tcb* tcb = connection();
  return tcb != nullptr ? stack_->core_->environment().options(*tcb) : ConnectionOptions{};
}

std::expected<void, Error> Stream::set_options(const ConnectionOptions& options) {
  if (stack_ == nullptr) return std::unexpected(Error::connection_does_not_exist);
  return stack_->core_->set_options(id_, options);
}

std::expected<void, Error> Stream::set_no_delay(bool no_delay) {
  ConnectionOptions changed = options();
  changed.no_delay = no_delay;
  return set_options(changed);
}

State Stream::state() const { return info().state; }
Endpoint Stream::local() const { return info().tuple.local; }
Endpoint Stream::remote() const { return info().tuple.remote; }

ConnectionInfo Stream::info() const {
  const tcp::Tcb* tcb = connection();
  return tcb != nullptr ? tcp::info(*tcb, stack_->core_->environment()) : ConnectionInfo{};
}

// --- Listener.

Listener& Listener::operator=(Listener&& other) noexcept {
  if (this != &other) {
    reset();
    stack_ = std::exchange(other.stack_, nullptr);
    id_ = other.id_;
  }
  return *this;
}

void Listener::reset() {
  if (Stack* stack = std::exchange(stack_, nullptr)) stack->core_->close_listener(id_);
}

std::expected<Stream, Error> Listener::accept() {
  if (stack_ == nullptr) return std::unexpected(Error::connection_does_not_exist);
  const auto id = stack_->core_->accept(id_);
  if (!id) return std::unexpected(id.error());
  return Stream{*stack_, *id};
}

bool Listener::has_pending() const { return stack_ != nullptr && stack_->core_->has_acceptable(id_); }
Endpoint Listener::local() const { return stack_ != nullptr ? stack_->core_->listener_endpoint(id_) : Endpoint{}; }

}  // namespace backstop
