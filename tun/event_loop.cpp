#include "tun/event_loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>

#include "stack/poll.hpp"

namespace backstop::tun {
namespace {

// What epoll says of the descriptors of our own; tokens of watched ones come after.
constexpr std::uint64_t token_device = 0;
constexpr std::uint64_t token_wake = 1;
constexpr std::uint64_t token_alarm = 2;
constexpr std::uint64_t first_token = 3;

int control(const FileDescriptor& epoll, int operation, int fd, std::uint32_t events, std::uint64_t token) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  return ::epoll_ctl(epoll.get(), operation, fd, &event);
}

}  // namespace

Watch& Watch::operator=(Watch&& other) noexcept {
  std::swap(loop_, other.loop_);
  std::swap(token_, other.token_);
  return *this;
}

void Watch::reset() {
  if (loop_ != nullptr) std::exchange(loop_, nullptr)->unwatch(token_);
}

void Watch::set_events(std::uint32_t events) {
  if (loop_ == nullptr) return;
  const auto found = loop_->watched_.find(token_);
  if (found == loop_->watched_.end()) return;
  checked(control(loop_->epoll_, EPOLL_CTL_MOD, found->second->fd, events, token_), "epoll_ctl");
}

Timer& Timer::operator=(Timer&& other) noexcept {
  std::swap(loop_, other.loop_);
  std::swap(key_, other.key_);
  return *this;
}

void Timer::cancel() {
  if (loop_ != nullptr) std::exchange(loop_, nullptr)->timers_.erase(key_);
}

EventLoop::EventLoop(Stack& stack, Device& device)
    : stack_(stack),
      device_(device),
      can_wait_(device.fd() >= 0),
      epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(checked(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")),
      next_token_(first_token) {
  checked(control(epoll_, EPOLL_CTL_ADD, wake_.get(), EPOLLIN, token_wake), "epoll_ctl");
  checked(control(epoll_, EPOLL_CTL_ADD, alarm_.fd(), EPOLLIN, token_alarm), "epoll_ctl");
  if (can_wait_) checked(control(epoll_, EPOLL_CTL_ADD, device.fd(), EPOLLIN, token_device), "epoll_ctl");
}

EventLoop::~EventLoop() = default;

Instant EventLoop::now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return Instant{std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec}};
}

void EventLoop::run() {
  while (!stopping_.exchange(false)) turn();
}

// Every turn moves one burst of packets, calls what has been posted by then, and asks epoll: neither a flood of packets
// nor one of posts keeps the others waiting. Where more packets are likely no system call need tell of them, and epoll
// is asked every so many turns only; turns that find nothing are short ones.
void EventLoop::turn() {
  constexpr int time_for_a_look = 64;  // in packets, and turns
  call_posted();
  const Instant time = now();
  if (waits_since_ != never) arrivals_.waited(time - std::exchange(waits_since_, never));
  call_due(time);
  since_look_ += 1 + move_packets(time);
  const bool busy = more_packets_are_likely(time);
  if (busy && since_look_ < time_for_a_look) return;
  since_look_ = 0;
  wait_and_dispatch(busy ? time : next_deadline(), time);
}

bool EventLoop::more_packets_are_likely(Instant time) const {
  return arrivals_.are_likely() || linger_.goes_on() || time - last_packet_ < busy_poll_;
}

// Why all at once where nothing would tell us of packets that we left there: a device without a descriptor is always
// asked for another.
int EventLoop::receive_packets(Instant time) {
  int taken = 0;
  std::size_t last_size = 0;
  do {
    const auto size = device_.deliver(stack_, time);
    arrivals_.asked(size.has_value());
    if (!size) break;
    last_size = *size;
  } while (++taken < longest_burst && (!can_wait_ || arrivals_.are_likely()));
  if (taken > 0) last_packet_ = time;
  if (can_wait_) linger_.turned(taken, last_size >= device_.mtu(), time);
  return taken;
}

int EventLoop::move_packets(Instant time) {
  const int taken = receive_packets(time);
  bool sent = false;
  // Deadlines act while the stack sends. What the hook says to that goes out in a second pass, which meets no more of
  // them: it is the same time still.
  int passes = 0;
  do {
    if (hook_) hook_deadline_ = hook_(time);
    sent = transmit_all(stack_, device_, time) || sent;
  } while (++passes < 2 && stack_.has_events());
  if (sent) arrivals_.sent();
  return taken;
}

void EventLoop::call_posted() {
  if (!has_posts_) return;
  std::unique_lock lock(mutex_);
  for (std::size_t left = posted_.size(); left > 0; --left) {
    Callback function = std::move(posted_.front());
    posted_.pop_front();
    lock.unlock();
    function();
    function = nullptr;  // What it holds is destroyed without the lock, too.
    lock.lock();
  }
  has_posts_ = !posted_.empty();
}

void EventLoop::call_due(Instant now) {
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    auto due = timers_.extract(timers_.begin());
    due.mapped()();
  }
}

Instant EventLoop::next_deadline() {
  if (has_posts_ || stopping_) return immediately;
  Instant next = std::min(stack_.next_deadline().value_or(never), hook_deadline_.value_or(never));
  if (!timers_.empty()) next = std::min(next, timers_.begin()->first.first);
  return next;
}

// A deadline that has come since `time` was taken rings at once.
void EventLoop::wait_and_dispatch(Instant until, Instant time) {
  const bool sleeps = until > time;
  if (sleeps) {
    alarm_.ring_by(until);
    waits_since_ = now();
  }
  std::array<epoll_event, 64> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), sleeps ? -1 : 0);
  if (count < 0 && errno != EINTR) throw_errno("epoll_wait");
  for (int i = 0; i < count; ++i) {
    const epoll_event event = events[static_cast<std::size_t>(i)];
    dispatch(event.data.u64, event.events);
  }
}

void EventLoop::dispatch(std::uint64_t token, std::uint32_t events) {
  if (token == token_device) return;  // the next turn polls it
  if (token == token_wake) {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto size = ::read(wake_.get(), &count, sizeof(count));
    return;
  }
  if (token == token_alarm) return alarm_.rang();
  // A callback before this one may have ended this watch, and this one may end its own: hold it while it runs.
  const auto found = watched_.find(token);
  if (found == watched_.end()) return;
  const std::shared_ptr<Watched> watched = found->second;
  watched->callback(events);
}

void EventLoop::stop() {
  stopping_ = true;
  wake();
}

void EventLoop::post(Callback function) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(function));
    first = !has_posts_.exchange(true);
  }
  if (first) wake();
}

void EventLoop::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto size = ::write(wake_.get(), &one, sizeof(one));  // EAGAIN: it is awake already.
}

Watch EventLoop::watch(int fd, std::uint32_t events, WatchCallback callback) {
  const std::uint64_t token = next_token_++;
  if (control(epoll_, EPOLL_CTL_ADD, fd, events, token) != 0)
    throw_errno("epoll_ctl on descriptor " + std::to_string(fd));
  watched_.emplace(token, std::make_shared<Watched>(fd, std::move(callback)));
  return Watch{*this, token};
}

void EventLoop::unwatch(std::uint64_t token) {
  const auto found = watched_.find(token);
  if (found == watched_.end()) return;
  control(epoll_, EPOLL_CTL_DEL, found->second->fd, 0, token);
  watched_.erase(found);
}

Timer EventLoop::call_after(Duration delay, Callback function) {
  const Timer::Key key{now() + std::max(delay, Duration::zero()), next_token_++};
  timers_.emplace(key, std::move(function));
  return Timer{*this, key};
}

}  // namespace backstop::tun
