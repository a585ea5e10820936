// A bounded first-in, first-out queue whose memory is taken once.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <vector>

namespace backstop {

template <class T>
class Ring {
 public:
  Ring(std::size_t capacity, std::pmr::memory_resource& memory) : places_(capacity, &memory) {}

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] bool full() const { return size_ == places_.size(); }
  [[nodiscard]] std::size_t size() const { return size_; }

  /// False when it is full.
  bool push(const T& value) {
    if (full()) return false;
    places_[wrapped(first_ + size_++)] = value;
    return true;
  }
  /// The oldest; the queue must not be empty.
  [[nodiscard]] const T& front() const { return places_[first_]; }
  void pop() {
    first_ = wrapped(first_ + 1);
    --size_;
  }

 private:
  /// Why: a division would take longer than all the rest.
  [[nodiscard]] std::size_t wrapped(std::size_t at) const { return at < places_.size() ? at : at - places_.size(); }

  std::pmr::vector<T> places_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace backstop
