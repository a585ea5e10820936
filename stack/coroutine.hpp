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
// Included by nothing else in stack/. The executor drains the stack's events; nobody else may while it runs.
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <expected>
#include <functional>
#include <memory_resource>
#include <optional>
#include <type_traits>
#include <utility>

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

template <class First, class... Rest>
std::pmr::memory_resource* find_frame_memory(First& first, Rest&... rest) {
  if constexpr (HasFrameMemory<First>) {
    return frame_memory_of(first);
  } else {
    static_assert(sizeof...(Rest) > 0, "a Task needs a Stream, Listener, Stack or Executor among its arguments");
    return find_frame_memory(rest...);
  }
}

/// Allocates `size` octets and remembers the resource behind them; nullptr when it has no more.
void* allocate_frame(std::size_t size, std::pmr::memory_resource* memory) noexcept;
void free_frame(void* frame, std::size_t size) noexcept;

}  // namespace detail

/// A coroutine that an Executor runs. It does nothing until spawned or awaited; destroying it ends it where it stands.
/// Empty when there was no memory for its frame.
class [[nodiscard]] Task {
 public:
  struct promise_type {
    Executor* executor = nullptr;
    std::coroutine_handle<> continuation;  ///< who awaits this task; empty for one that was spawned
    std::uint32_t spawned_index = 0;       ///< place in the executor's list, for one that was spawned
    std::exception_ptr failure;

    template <class... Arguments>
    static void* operator new(std::size_t size, Arguments&... arguments) noexcept {
      return detail::allocate_frame(size, detail::find_frame_memory(arguments...));
    }
    static void operator delete(void* frame, std::size_t size) noexcept { detail::free_frame(frame, size); }

    static Task get_return_object_on_allocation_failure() { return Task{}; }
    Task get_return_object() { return Task{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct FinalAwaiter {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> done) noexcept;
      void await_resume() noexcept {}
    };
    FinalAwaiter final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { failure = std::current_exception(); }
  };
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }
  explicit operator bool() const { return handle_ != nullptr; }

  /// Awaiting a task runs it to its end; what it threw is thrown here.
  auto operator co_await() && noexcept {
    struct Awaiter {
      Handle child;
      bool await_ready() { return !child; }
      Handle await_suspend(Handle parent) {
        child.promise().executor = parent.promise().executor;
        child.promise().continuation = parent;
        return child;
      }
      void await_resume() {
        if (child && child.promise().failure) std::rethrow_exception(child.promise().failure);
      }
    };
    return Awaiter{handle_};
  }

 private:
  friend class Executor;
  explicit Task(Handle handle) : handle_(handle) {}
  Handle handle_;
};

/// Runs tasks on one stack. It is the one consumer of the stack's events; other listeners to them go through it.
class Executor {
 public:
  explicit Executor(Stack& stack, std::pmr::memory_resource& memory = *std::pmr::get_default_resource());
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// Starts the task and owns it to its end. False when the task is empty or there are as many as the stack's
  /// connections and listeners together already.
  bool spawn(Task task);
  /// Drains the stack's events and resumes who waited for them.
  void run();
  /// Called with what a task that was spawned threw. Without one such an exception is dropped, and the task's streams
  /// are closed by its end as always.
  void on_failure(std::move_only_function<void(std::exception_ptr)> observer);

  [[nodiscard]] Stack& stack() { return stack_; }
  /// Tasks that were spawned and have not ended.
  [[nodiscard]] std::uint32_t tasks() const { return task_count_; }

  enum class Wait : std::uint8_t { read, write };
  /// Resumes `waiter` at the next event of `id` of that kind; one waiter for each. For awaiters.
  void wait(HandleId id, Wait kind, std::coroutine_handle<> waiter);

 private:
  friend struct Task::promise_type::FinalAwaiter;
  struct Waiters {
    std::coroutine_handle<> read;
    std::coroutine_handle<> write;
  };

  Waiters& waiters_of(HandleId id);
  void resume(std::coroutine_handle<>& waiter);
  void finished(Task::Handle task);

  Stack& stack_;
  std::pmr::vector<Waiters> connection_waiters_;  // by slot
  std::pmr::vector<Waiters> listener_waiters_;    // by slot
  std::pmr::vector<Task::Handle> spawned_;
  std::uint32_t task_count_ = 0;
  std::move_only_function<void(std::exception_ptr)> on_failure_;
};

/// Awaits `attempt()` until it returns something else than would_block, trying again at each event.
template <class Attempt>
class [[nodiscard]] Retry {
 public:
  using Result = std::invoke_result_t<Attempt&>;
  Retry(HandleId id, Executor::Wait kind, Attempt attempt) : id_(id), kind_(kind), attempt_(std::move(attempt)) {}

  bool await_ready() { return try_now(); }
  void await_suspend(Task::Handle task) { task.promise().executor->wait(id_, kind_, task); }
  /// would_block here means: an event came, and yet there is nothing. The free functions below try again.
  Result await_resume() {
    if (!result_) try_now();
    return result_ ? std::move(*result_) : Result{std::unexpected(Error::would_block)};
  }

 private:
  bool try_now() {
    auto result = attempt_();
    if (!result && result.error() == Error::would_block) return false;
    result_.emplace(std::move(result));
    return true;
  }

  HandleId id_;
  Executor::Wait kind_;
  Attempt attempt_;
  std::optional<Result> result_;
};

}  // namespace backstop
