// Coroutines as a thin layer on the events: a Task reads, writes and accepts as if those calls waited.
//
//   Task echo(Stream stream) {
//     std::array<std::byte, 2048> buffer;
//     while (auto size = co_await read(stream, buffer)) {
//       if (*size == 0 || !co_await write(stream, Bytes{buffer}.first(*size))) break;
//     }
//   }
//
// Frames come from the stack's memory: a Task's first Stream, Listener, Stack or Executor argument says whose.
// Beware of lambdas: a coroutine's frame refers to the closure that was called, and does not copy what it captured.
// Included by nothing else in stack/. The executor drains the stack's events; nobody else may while it runs.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <expected>
#include <functional>
#include <memory_resource>
#include <optional>
#include <utility>
#include <vector>

#include "stack/intrusive_list.hpp"
#include "stack/stack.hpp"

namespace backstop {

class Executor;

namespace detail {

inline std::pmr::memory_resource* frame_memory_of(const Stream& stream) {
  return stream ? &stream.stack()->frame_memory() : nullptr;
}
inline std::pmr::memory_resource* frame_memory_of(const Listener& listener) {
  return listener ? &listener.stack()->frame_memory() : nullptr;
}
inline std::pmr::memory_resource* frame_memory_of(Stack& stack) { return &stack.frame_memory(); }
std::pmr::memory_resource* frame_memory_of(Executor& executor);

template <class T>
concept HasFrameMemory = requires(T& value) { frame_memory_of(value); };

template <class... Arguments>
std::pmr::memory_resource* find_frame_memory(Arguments&... arguments) {
  static_assert((HasFrameMemory<Arguments> || ...),
                "a Task needs a Stream, Listener, Stack or Executor among its arguments, to know whose memory to use");
  std::pmr::memory_resource* found = nullptr;
  const auto look_at = [&found]<class T>(T& argument) {
    if constexpr (HasFrameMemory<T>) {
      if (found == nullptr) found = frame_memory_of(argument);
    }
  };
  (look_at(arguments), ...);
  return found;
}

/// Allocates `size` octets and remembers the resource behind them; nullptr when it has no more.
void* allocate_frame(std::size_t size, std::pmr::memory_resource* memory) noexcept;
void free_frame(void* frame, std::size_t size) noexcept;

class Operation;
struct Waiting {};
struct Owned {};

}  // namespace detail

/// A coroutine that an Executor runs. It does nothing until spawned or awaited; destroying it ends it where it stands.
/// Empty when there was no memory for its frame.
class [[nodiscard]] Task {
 public:
  struct promise_type;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task();
  explicit operator bool() const { return handle_ != nullptr; }

  /// Awaiting a task runs it to its end; what it threw is thrown here.
  /// Error: insufficient_resources when it is empty.
  auto operator co_await() && noexcept;

 private:
  friend class Executor;
  friend class Both;
  explicit Task(Handle handle) : handle_(handle) {}
  Handle handle_;
};

struct Task::promise_type : detail::Place<promise_type, detail::Waiting>, detail::Place<promise_type, detail::Owned> {
  Executor* executor = nullptr;
  detail::Operation* operation = nullptr;  ///< what it waits for, when that is an event
  Handle continuation;                     ///< who awaits this task; empty for one that was spawned
  std::uint32_t* siblings = nullptr;       ///< counts the tasks that `continuation` awaits together
  std::exception_ptr failure;

  template <class... Arguments>
  static void* operator new(std::size_t size, Arguments&... arguments) noexcept {
    return detail::allocate_frame(size, detail::find_frame_memory(arguments...));
  }
  static void operator delete(void* frame, std::size_t size) noexcept { detail::free_frame(frame, size); }

  static Task get_return_object_on_allocation_failure() { return Task{}; }
  Task get_return_object() { return Task{Handle::from_promise(*this)}; }
  std::suspend_always initial_suspend() noexcept { return {}; }
  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    void await_suspend(Handle done) noexcept;
    void await_resume() noexcept {}
  };
  FinalAwaiter final_suspend() noexcept { return {}; }
  void return_void() {}
  void unhandled_exception() { failure = std::current_exception(); }
};

inline Task::~Task() {
  if (handle_) handle_.destroy();
}

/// Runs tasks on one stack. It is the one consumer of the stack's events; others see them as its Observer.
/// The stack must outlive it. Tasks that have not ended when it dies are destroyed where they stand.
class Executor {
 public:
  explicit Executor(Stack& stack, std::pmr::memory_resource& memory = *std::pmr::get_default_resource());
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// Owns the task to its end; it starts with the next run(), or later in this one. False when it is empty.
  bool spawn(Task task);
  /// Drains the stack's events and resumes who waited for them.
  void run(Instant now);
  /// When to call run() although the stack has no events; `immediately` when a task could go on now.
  [[nodiscard]] std::optional<Instant> next_deadline();
  /// Called with what a spawned task threw. Without it such an exception is dropped; either way the task has ended, and
  /// its streams with it. It must not throw.
  void on_failure(std::move_only_function<void(std::exception_ptr)> observer) { on_failure_ = std::move(observer); }

  /// Takes part in every run(): sees each event before the tasks do, and may have deadlines of its own. It is attached
  /// for as long as it lives, and neither comes nor goes while a run() calls one.
  class Observer : public detail::Place<Observer> {
   public:
    virtual void on_run(Instant) {}
    virtual void on_event(const Event&, Instant) {}
    virtual std::optional<Instant> next_deadline() { return std::nullopt; }

   protected:
    ~Observer() = default;
  };
  void attach(Observer& observer) { observer.join(observers_); }

  [[nodiscard]] Stack& stack() { return stack_; }
  /// The time of the latest run(): the present, for a task.
  [[nodiscard]] Instant now() const { return now_; }
  /// Tasks that were spawned and have not ended.
  [[nodiscard]] std::uint32_t tasks() const { return tasks_; }

  /// For awaiters: `task` goes on when its operation has a result.
  void wait(Task::promise_type& task, detail::Operation& operation);
  /// For awaiters: `task` goes on in this or the next run().
  void make_ready(Task::promise_type& task) { ready_.push(task); }
  /// For awaiters: `task` goes on as soon as the one that runs has suspended.
  void transfer_to(Task::Handle task) { next_ = task; }

 private:
  friend struct Task::promise_type::FinalAwaiter;
  using Promise = Task::promise_type;
  using WaitPlace = detail::Place<Promise, detail::Waiting>;
  using OwnedPlace = detail::Place<Promise, detail::Owned>;

  WaitPlace*& waiters_of(HandleId id);
  void drain_events();
  void wake(const Event& event);
  void resume_ready();
  void resume(Task::Handle task);
  void finish(Promise& task);
  void destroy_finished();
  static void destroy_all(OwnedPlace*& tasks);

  Stack& stack_;
  Instant now_{};
  std::pmr::vector<WaitPlace*> connection_waiters_;  // by slot
  std::pmr::vector<WaitPlace*> listener_waiters_;    // by slot
  detail::BatchQueue<Promise, detail::Waiting> ready_;
  OwnedPlace* spawned_ = nullptr;
  OwnedPlace* finished_ = nullptr;
  detail::Place<Observer>* observers_ = nullptr;
  Task::Handle next_;
  std::uint32_t tasks_ = 0;
  bool closing_ = false;
  std::move_only_function<void(std::exception_ptr)> on_failure_;
};

namespace detail {

/// What a task waits for at events of one handle. It lives in the task's frame.
class Operation {
 public:
  /// Tries; true when there is a result, good or bad. Called before the task waits, so that nothing is missed, and
  /// again at each event of `id` that shows one of `what`.
  virtual bool attempt() = 0;

  bool await_ready() { return attempt(); }
  void await_suspend(Task::Handle task) { task.promise().executor->wait(task.promise(), *this); }

  const HandleId id;
  const Readiness what;

 protected:
  Operation(HandleId handle, Readiness events) : id(handle), what(events) {}
  ~Operation() = default;
};

template <class T>
bool blocks(const std::expected<T, Error>& result) {
  return !result && result.error() == Error::would_block;
}

class [[nodiscard]] Read final : public Operation {
 public:
  Read(Stream& stream, MutableBytes buffer)
      : Operation(stream.id(), {.readable = true, .closed = true}), stream_(stream), buffer_(buffer) {}
  bool attempt() override { return !blocks(result_ = stream_.read(buffer_)); }
  std::expected<std::size_t, Error> await_resume() { return result_; }

 private:
  Stream& stream_;
  MutableBytes buffer_;
  std::expected<std::size_t, Error> result_;
};

class [[nodiscard]] Write final : public Operation {
 public:
  Write(Stream& stream, Bytes text)
      : Operation(stream.id(), {.writable = true, .closed = true}), stream_(stream), rest_(text) {}
  bool attempt() override;
  std::expected<void, Error> await_resume() { return result_; }

 private:
  Stream& stream_;
  Bytes rest_;
  std::expected<void, Error> result_;
};

class [[nodiscard]] Readable final : public Operation {
 public:
  explicit Readable(Stream& stream) : Operation(stream.id(), {.readable = true, .closed = true}), stream_(stream) {}
  bool attempt() override { return !blocks(result_ = stream_.peek()); }
  std::expected<Bytes, Error> await_resume() { return result_; }

 private:
  Stream& stream_;
  std::expected<Bytes, Error> result_;
};

class [[nodiscard]] Writable final : public Operation {
 public:
  explicit Writable(Stream& stream) : Operation(stream.id(), {.writable = true, .closed = true}), stream_(stream) {}
  bool attempt() override { return !blocks(result_ = stream_.write_space()); }
  std::expected<MutableBytes, Error> await_resume() { return result_; }

 private:
  Stream& stream_;
  std::expected<MutableBytes, Error> result_;
};

class [[nodiscard]] Established final : public Operation {
 public:
  explicit Established(Stream& stream)
      : Operation(stream.id(), {.established = true, .closed = true}), stream_(stream) {}
  bool attempt() override;
  std::expected<void, Error> await_resume() { return result_; }

 private:
  Stream& stream_;
  std::expected<void, Error> result_;
};

class [[nodiscard]] Closed final : public Operation {
 public:
  explicit Closed(Stream& stream) : Operation(stream.id(), {.closed = true}), stream_(stream) {}
  bool attempt() override { return stream_.state() == State::closed; }
  void await_resume() {}

 private:
  Stream& stream_;
};

class [[nodiscard]] Acceptance final : public Operation {
 public:
  explicit Acceptance(Listener& listener) : Operation(listener.id(), {.acceptable = true}), listener_(listener) {}
  bool attempt() override { return !blocks(result_ = listener_.accept()); }
  std::expected<Stream, Error> await_resume() { return std::move(result_); }

 private:
  Listener& listener_;
  std::expected<Stream, Error> result_ = std::unexpected(Error::would_block);
};

}  // namespace detail

// What can be awaited. The stream or listener must stay where it is, and the buffer alive, until the call has returned.
// Any number of tasks may wait on one stream. Errors are those of the Stream's and Listener's own calls.

/// RECEIVE, when there is text: the octets read; 0 is the end of text.
inline detail::Read read(Stream& stream, MutableBytes buffer) { return {stream, buffer}; }
/// SEND all of `text`, as room comes.
inline detail::Write write(Stream& stream, Bytes text) { return {stream, text}; }
/// Text to read in place, for consume(); an empty piece is the end of text.
inline detail::Readable readable(Stream& stream) { return detail::Readable{stream}; }
/// Room to write text in place, for commit().
inline detail::Writable writable(Stream& stream) { return detail::Writable{stream}; }
/// The end of the handshake, or what ended it.
inline detail::Established established(Stream& stream) { return detail::Established{stream}; }
/// The end of the connection, whichever it is.
inline detail::Closed closed(Stream& stream) { return detail::Closed{stream}; }
/// The next connection of a listener.
inline detail::Acceptance accept(Listener& listener) { return detail::Acceptance{listener}; }

/// Lets tasks wait for something that is no event of the stack's, such as a descriptor of the embedder's loop. Not for
/// other threads: those post to the loop first.
class Signal {
 public:
  Signal() = default;
  ~Signal();
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  /// Resumes all who wait; when nobody does, the next to wait does not.
  void notify();

 private:
  friend class Notified;
  detail::Place<Task::promise_type, detail::Waiting>* waiters_ = nullptr;
  bool notified_ = false;
};

class [[nodiscard]] Notified {
 public:
  explicit Notified(Signal& signal) : signal_(signal) {}
  bool await_ready() { return std::exchange(signal_.notified_, false); }
  void await_suspend(Task::Handle task) {
    static_cast<detail::Place<Task::promise_type, detail::Waiting>&>(task.promise()).join(signal_.waiters_);
  }
  void await_resume() {}

 private:
  Signal& signal_;
};

inline Notified notified(Signal& signal) { return Notified{signal}; }

/// Awaiting it runs both tasks, in turns, until both have ended; then what the first of them threw is thrown.
/// Error: insufficient_resources when one is empty; then none was run.
class [[nodiscard]] Both {
 public:
  Both(Task first, Task second) : first_(std::move(first)), second_(std::move(second)) {}
  bool await_ready() { return !first_ || !second_; }
  void await_suspend(Task::Handle parent);
  std::expected<void, Error> await_resume();

 private:
  Task first_;
  Task second_;
  std::uint32_t running_ = 2;
};

/// Two tasks at once, such as the two directions of a relay.
inline Both both(Task first, Task second) { return {std::move(first), std::move(second)}; }

inline auto Task::operator co_await() && noexcept {
  struct Awaiter {
    Handle child;
    bool await_ready() { return !child; }
    void await_suspend(Handle parent) {
      Executor& executor = *parent.promise().executor;
      child.promise().executor = &executor;
      child.promise().continuation = parent;
      executor.transfer_to(child);
    }
    std::expected<void, Error> await_resume() {
      if (!child) return std::unexpected(Error::insufficient_resources);
      if (child.promise().failure) std::rethrow_exception(child.promise().failure);
      return {};
    }
  };
  return Awaiter{handle_};
}

}  // namespace backstop
