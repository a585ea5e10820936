#include "stack/coroutine.hpp"

#include <cassert>
#include <new>

namespace backstop {
namespace detail {
namespace {

// In front of each frame, so that it finds back to its resource. Its alignment keeps the frame's.
struct alignas(__STDCPP_DEFAULT_NEW_ALIGNMENT__) FrameHeader {
  std::pmr::memory_resource* memory;
};

}  // namespace

std::pmr::memory_resource* frame_memory_of(Executor& executor) { return &executor.stack().frame_memory(); }

void* allocate_frame(std::size_t size, std::pmr::memory_resource* memory) noexcept {
  if (memory == nullptr) return nullptr;
  try {
    void* place = memory->allocate(sizeof(FrameHeader) + size, alignof(FrameHeader));
    return new (place) FrameHeader{memory} + 1;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void free_frame(void* frame, std::size_t size) noexcept {
  FrameHeader* header = static_cast<FrameHeader*>(frame) - 1;
  header->memory->deallocate(header, sizeof(FrameHeader) + size, alignof(FrameHeader));
}

bool Write::attempt() {
  while (!rest_.empty()) {
    const auto size = stream_.write(rest_);
    if (blocks(size)) return false;
    if (!size) {
      result_ = std::unexpected(size.error());
      return true;
    }
    rest_ = rest_.subspan(*size);
  }
  return true;
}

bool Established::attempt() {
  const State state = stream_.state();
  if (is_synchronized(state)) return true;
  if (state != State::closed) return false;
  if (const auto text = stream_.peek(); !text) result_ = std::unexpected(text.error());
  return true;
}

}  // namespace detail

namespace {

bool intersect(Readiness a, Readiness b) {
  return (a.established && b.established) || (a.readable && b.readable) || (a.writable && b.writable) ||
         (a.closed && b.closed) || (a.acceptable && b.acceptable);
}

}  // namespace

void Task::promise_type::FinalAwaiter::await_suspend(Handle done) noexcept {
  promise_type& task = done.promise();
  if (!task.continuation) return task.executor->finish(task);
  if (task.siblings != nullptr && --*task.siblings > 0) return;
  task.executor->transfer_to(task.continuation);
}

Executor::Executor(Stack& stack, std::pmr::memory_resource& memory)
    : stack_(stack),
      connection_waiters_(stack.config().max_connections, nullptr, &memory),
      listener_waiters_(stack.config().max_listeners, nullptr, &memory) {}

Executor::~Executor() {
  closing_ = true;
  destroy_all(spawned_);
  while (observers_ != nullptr) observers_->leave();
}

bool Executor::spawn(Task task) {
  if (!task || closing_) return false;
  Promise& promise = std::exchange(task.handle_, nullptr).promise();
  promise.executor = this;
  static_cast<OwnedPlace&>(promise).join(spawned_);
  ready_.push(promise);
  ++tasks_;
  return true;
}

void Executor::run(Instant now) {
  // Why: enough for whatever tasks do in answer to each other, and a bound for those that never tire of it.
  constexpr int rounds = 64;
  now_ = now;
  for (auto* place = observers_; place != nullptr; place = place->next()) place->owner().on_run(now);
  for (int round = 0; round < rounds && (stack_.has_events() || !ready_.empty()); ++round) {
    drain_events();
    resume_ready();
  }
}

std::optional<Instant> Executor::next_deadline() {
  if (!ready_.empty()) return immediately;
  std::optional<Instant> earliest;
  for (auto* place = observers_; place != nullptr; place = place->next()) {
    const auto deadline = place->owner().next_deadline();
    if (deadline && (!earliest || *deadline < *earliest)) earliest = deadline;
  }
  return earliest;
}

void Executor::wait(Promise& task, detail::Operation& operation) {
  task.operation = &operation;
  static_cast<WaitPlace&>(task).join(waiters_of(operation.id));
}

Executor::WaitPlace*& Executor::waiters_of(HandleId id) {
  auto& table = id.is_listener ? listener_waiters_ : connection_waiters_;
  assert(id.slot < table.size());
  return table[id.slot];
}

void Executor::drain_events() {
  while (const auto event = stack_.next_event()) {
    for (auto* place = observers_; place != nullptr; place = place->next()) place->owner().on_event(*event, now_);
    wake(*event);
  }
}

void Executor::wake(const Event& event) {
  WaitPlace* next = nullptr;
  for (WaitPlace* place = waiters_of(event.id); place != nullptr; place = next) {
    next = place->next();
    detail::Operation& operation = *place->owner().operation;
    if (operation.id != event.id || !intersect(operation.what, event.what)) continue;
    if (operation.attempt()) ready_.push(place->owner());
  }
}

void Executor::resume_ready() {
  ready_.next_batch();
  while (Promise* task = ready_.pop()) resume(Task::Handle::from_promise(*task));
}

// Tasks that await each other take turns in this loop and not on each other's stack: compilers promise to turn
// symmetric transfer into a jump only when they optimise, and sanitizers keep them from it.
void Executor::resume(Task::Handle task) {
  next_ = task;
  while (next_) std::exchange(next_, nullptr).resume();
  destroy_finished();
}

void Executor::finish(Promise& task) {
  --tasks_;
  static_cast<OwnedPlace&>(task).join(finished_);
}

void Executor::destroy_finished() {
  while (finished_ != nullptr) {
    Promise& task = finished_->owner();
    static_cast<OwnedPlace&>(task).leave();
    const std::exception_ptr failure = task.failure;
    Task::Handle::from_promise(task).destroy();
    if (failure && on_failure_) on_failure_(failure);
  }
}

void Executor::destroy_all(OwnedPlace*& tasks) {
  while (tasks != nullptr) {
    Promise& task = tasks->owner();
    static_cast<OwnedPlace&>(task).leave();
    Task::Handle::from_promise(task).destroy();
  }
}

Signal::~Signal() {
  while (waiters_ != nullptr) waiters_->leave();
}

void Signal::notify() {
  notified_ = waiters_ == nullptr;
  while (waiters_ != nullptr) {
    Task::promise_type& task = waiters_->owner();
    task.executor->make_ready(task);
  }
}

void Both::await_suspend(Task::Handle parent) {
  Executor& executor = *parent.promise().executor;
  for (Task* task : {&first_, &second_}) {
    Task::promise_type& promise = task->handle_.promise();
    promise.executor = &executor;
    promise.continuation = parent;
    promise.siblings = &running_;
    executor.make_ready(promise);
  }
}

std::expected<void, Error> Both::await_resume() {
  if (!first_ || !second_) return std::unexpected(Error::insufficient_resources);
  for (Task* task : {&first_, &second_}) {
    if (task->handle_.promise().failure) std::rethrow_exception(task->handle_.promise().failure);
  }
  return {};
}

}  // namespace backstop
