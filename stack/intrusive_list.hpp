// Lists whose members carry their own place, so that joining and leaving are O(1) and never allocate.
// Whoever dies leaves the list that it is in.
// Read next: coroutine.hpp, where tasks wait in such lists.
#pragma once

namespace backstop::detail {

/// A place in one list of Ts, which derive from it; a Tag tells the places of one T apart. A list is its first place.
template <class T, class Tag = void>
class Place {
 public:
  Place() = default;
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  void join(Place*& list) {
    leave();
    next_ = list;
    here_ = &list;
    if (next_ != nullptr) next_->here_ = &next_;
    list = this;
  }
  void leave() {
    if (here_ == nullptr) return;
    *here_ = next_;
    if (next_ != nullptr) next_->here_ = here_;
    here_ = nullptr;
    next_ = nullptr;
  }
  [[nodiscard]] Place* next() const { return next_; }
  [[nodiscard]] T& owner() { return static_cast<T&>(*this); }

 protected:
  ~Place() { leave(); }

 private:
  Place* next_ = nullptr;
  Place** here_ = nullptr;  // what points to this place
};

/// First in, first out, a batch at a time: who is pushed while a batch is popped belongs to the next one.
template <class T, class Tag = void>
class BatchQueue {
 public:
  BatchQueue() = default;
  BatchQueue(const BatchQueue&) = delete;
  BatchQueue& operator=(const BatchQueue&) = delete;
  ~BatchQueue() {
    next_batch();
    while (pop() != nullptr) {
    }
  }

  void push(T& member) { static_cast<Place<T, Tag>&>(member).join(incoming_); }
  [[nodiscard]] bool empty() const { return incoming_ == nullptr && batch_ == nullptr; }
  /// All that were pushed since the last call make the batch. The one before must have been popped to its end.
  void next_batch() {
    while (incoming_ != nullptr) incoming_->join(batch_);
  }
  /// The oldest of the batch, or nothing.
  T* pop() {
    if (batch_ == nullptr) return nullptr;
    T& member = batch_->owner();
    batch_->leave();
    return &member;
  }

 private:
  Place<T, Tag>* incoming_ = nullptr;  // last in front
  Place<T, Tag>* batch_ = nullptr;     // first in front
};

}  // namespace backstop::detail
