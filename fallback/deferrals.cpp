#include "fallback/deferrals.hpp"

#include "fallback/shared.hpp"

namespace backstop {

std::string_view to_string(AnswerError error) {
  switch (error) {
    case AnswerError::already_answered:
      return "already answered";
    case AnswerError::expired:
      return "expired";
    case AnswerError::cancelled:
      return "cancelled";
  }
  return "unknown error";
}

namespace detail {

std::uint32_t Deferrals::open(std::uint32_t slot, CancelHandler on_cancel) {
  const std::lock_guard lock(mutex_);
  Box& box = boxes_[slot];
  box.progress = Progress::waiting;
  box.content = std::move(on_cancel);
  return ++box.generation;
}

std::expected<void, AnswerError> Deferrals::answer(std::uint32_t slot, std::uint32_t generation,
                                                   FallbackDecision&& decision) {
  std::variant<std::monostate, CancelHandler, FallbackDecision> content = std::move(decision);
  const std::lock_guard lock(mutex_);
  Box& box = boxes_[slot];
  // Why: a place is used again as late as possible, so only the oldest of tokens find another generation there.
  if (box.generation != generation || box.progress == Progress::expired) return std::unexpected(AnswerError::expired);
  if (box.progress == Progress::answered) return std::unexpected(AnswerError::already_answered);
  if (box.progress != Progress::waiting) return std::unexpected(AnswerError::cancelled);
  box.progress = Progress::answered;
  box.content.swap(content);  // so that what the CancelHandler captured dies after the lock is released
  box.next_answer = none;
  (newest_answer_ == none ? oldest_answer_ : boxes_[newest_answer_].next_answer) = slot;
  newest_answer_ = slot;
  return {};
}

bool Deferrals::waits(std::uint32_t slot, std::uint32_t generation) const {
  const std::lock_guard lock(mutex_);
  return boxes_[slot].generation == generation && boxes_[slot].progress == Progress::waiting;
}

std::optional<Deferrals::Answer> Deferrals::take_answer() {
  const std::lock_guard lock(mutex_);
  if (oldest_answer_ == none) return std::nullopt;
  const std::uint32_t slot = oldest_answer_;
  Box& box = boxes_[slot];
  oldest_answer_ = box.next_answer;
  if (oldest_answer_ == none) newest_answer_ = none;
  Answer answer{slot, std::move(std::get<FallbackDecision>(box.content))};
  box.content = std::monostate{};
  return answer;
}

bool Deferrals::expire(std::uint32_t slot) {
  std::unique_lock lock(mutex_);
  if (boxes_[slot].progress != Progress::waiting) return false;
  call_off(lock, boxes_[slot], Progress::expired);
  return true;
}

void Deferrals::cancel(std::uint32_t slot) {
  std::unique_lock lock(mutex_);
  if (boxes_[slot].progress == Progress::answered) forget_answer(slot);
  call_off(lock, boxes_[slot], Progress::cancelled);
}

void Deferrals::call_off(std::unique_lock<std::mutex>& lock, Box& box, Progress reason) {
  box.progress = reason;
  auto content = std::exchange(box.content, std::monostate{});
  lock.unlock();
  auto* const on_cancel = std::get_if<CancelHandler>(&content);
  if (on_cancel == nullptr || !*on_cancel) return;
  try {
    (*on_cancel)();
  } catch (...) {  // the flow's end does not hang on it
  }
}

void Deferrals::forget_answer(std::uint32_t slot) {
  std::uint32_t before = none;
  for (std::uint32_t at = oldest_answer_; at != slot; at = boxes_[at].next_answer) {
    if (at == none) return;  // taken already
    before = at;
  }
  (before == none ? oldest_answer_ : boxes_[before].next_answer) = boxes_[slot].next_answer;
  if (newest_answer_ == slot) newest_answer_ = before;
}

}  // namespace detail

DeferToken& DeferToken::operator=(DeferToken&& other) noexcept {
  if (this == &other) return *this;
  reset();
  shared_ = std::move(other.shared_);
  slot_ = other.slot_;
  generation_ = other.generation_;
  return *this;
}

std::expected<void, AnswerError> DeferToken::answer(FallbackDecision decision) {
  if (!shared_) return std::unexpected(AnswerError::cancelled);
  if (decision.kind() == FallbackDecision::Kind::defer) decision = FallbackDecision::reject();
  const auto taken = shared_->deferrals.answer(slot_, generation_, std::move(decision));
  if (taken) shared_->waker.request();
  return taken;
}

bool DeferToken::waits() const { return shared_ && shared_->deferrals.waits(slot_, generation_); }

void DeferToken::reset() {
  if (!shared_) return;
  (void)answer(FallbackDecision::reject());
  shared_.reset();
}

}  // namespace backstop
