#include "fallback/registry.hpp"

#include <algorithm>
#include <cassert>

#include "fallback/waker.hpp"

namespace backstop::detail {

Registry::Registry(std::uint32_t max_handlers) : entries_(max_handlers) { order_.reserve(max_handlers); }

std::optional<HandlerId> Registry::add(Callback callback, const HandlerOptions& options) {
  auto owned = std::make_unique<Callback>(std::move(callback));
  const std::lock_guard lock(mutex_);
  const auto entry = std::ranges::find(entries_, Use::free, &Entry::use);
  if (entry == entries_.end()) return std::nullopt;
  const auto slot = static_cast<std::uint32_t>(entry - entries_.begin());
  entry->use = Use::registered;
  entry->number = ++last_number_;
  entry->options = options;
  entry->callback = std::move(owned);
  insert_in_order(slot);
  ++version_;
  return HandlerId{entry->number, slot};
}

void Registry::insert_in_order(std::uint32_t slot) {
  const int priority = entries_[slot].options.priority;
  const auto behind = [&](std::uint32_t other) { return entries_[other].options.priority < priority; };
  order_.insert(std::ranges::find_if(order_, behind), slot);
}

bool Registry::remove(HandlerId id) {
  std::unique_ptr<Callback> callback;  // dies after the lock is released
  std::unique_lock lock(mutex_);
  Entry* const entry = find(id);
  if (entry == nullptr) return false;
  std::erase(order_, id.slot);
  ++version_;
  if (running_ == entry) {
    entry->use = Use::leaving;
    if (running_thread_ == this_thread()) return true;
    entry->awaited = true;
    call_ended_.wait(lock, [&] { return running_ != entry; });
    entry->awaited = false;
  }
  callback = std::move(entry->callback);
  entry->use = Use::free;
  return true;
}

bool Registry::contains(HandlerId id) const {
  const std::lock_guard lock(mutex_);
  return find(id) != nullptr;
}

std::uint32_t Registry::size() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::uint32_t>(order_.size());
}

std::uint64_t Registry::version() const {
  const std::lock_guard lock(mutex_);
  return version_;
}

Registry::Cursor Registry::start() const {
  const std::lock_guard lock(mutex_);
  return {.last_number = last_number_};
}

bool Registry::is_behind(const Cursor& cursor, const Entry& entry) {
  if (entry.number > cursor.last_number) return false;
  if (cursor.number == 0) return true;
  if (entry.options.priority != cursor.priority) return entry.options.priority < cursor.priority;
  return entry.number > cursor.number;
}

std::optional<Registry::Turn> Registry::enter(Cursor& cursor) {
  const std::lock_guard lock(mutex_);
  assert(running_ == nullptr && "a handler must not bring packets to the stack that asks it");
  const auto next = std::ranges::find_if(order_, [&](auto slot) { return is_behind(cursor, entries_[slot]); });
  if (next == order_.end()) return std::nullopt;
  Entry& entry = entries_[*next];
  cursor.priority = entry.options.priority;
  cursor.number = entry.number;
  running_ = &entry;
  running_thread_ = this_thread();
  return Turn{{entry.number, *next}, entry.options, entry.callback.get()};
}

void Registry::leave(const Turn& turn) {
  std::unique_ptr<Callback> callback;  // dies after the lock is released
  const std::lock_guard lock(mutex_);
  running_ = nullptr;
  call_ended_.notify_all();
  Entry& entry = entries_[turn.id.slot];
  if (entry.use != Use::leaving || entry.awaited) return;
  callback = std::move(entry.callback);
  entry.use = Use::free;
}

void Registry::clear() {
  for (;;) {
    HandlerId first;
    {
      const std::lock_guard lock(mutex_);
      if (order_.empty()) return;
      first = {entries_[order_.front()].number, order_.front()};
    }
    remove(first);
  }
}

Registry::Entry* Registry::find(HandlerId id) {
  return const_cast<Entry*>(std::as_const(*this).find(id));  // NOLINT: the entry itself is not const
}

const Registry::Entry* Registry::find(HandlerId id) const {
  if (id.slot >= entries_.size()) return nullptr;
  const Entry& entry = entries_[id.slot];
  return entry.use == Use::registered && entry.number == id.number ? &entry : nullptr;
}

}  // namespace backstop::detail
