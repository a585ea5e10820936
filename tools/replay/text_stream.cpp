#include "tools/replay/text_stream.hpp"

#include <algorithm>

namespace backstop::replay {

void TextStream::add(Offset offset, Bytes text) {
  if (offset < end_) {
    const auto old = static_cast<std::size_t>(end_ - offset);
    if (old >= text.size()) return;
    text = text.subspan(old);
    offset = end_;
  }
  if (text.empty()) return;
  if (offset > end_) {
    if (waiting_size_ + text.size() > limit) return;
    const auto [place, is_new] = waiting_.try_emplace(offset, text.begin(), text.end());
    if (is_new) {
      waiting_size_ += text.size();
    } else if (text.size() > place->second.size()) {
      waiting_size_ += text.size() - place->second.size();
      place->second.insert(place->second.end(), text.begin() + static_cast<std::ptrdiff_t>(place->second.size()),
                           text.end());
    }
    return;
  }
  append(text);
  append_waiting();
}

Bytes TextStream::view(Offset from, Offset to) const {
  from = std::clamp(from, begin(), end_);
  to = std::clamp(to, from, end_);
  return text().subspan(static_cast<std::size_t>(from - begin()), static_cast<std::size_t>(to - from));
}

void TextStream::consume_to(Offset offset) {
  const Offset place = std::clamp(offset, begin(), end_);
  consumed_ += static_cast<std::size_t>(place - begin());
  // Why half: each octet is moved at most once on average.
  if (consumed_ * 2 >= kept_.size()) {
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(consumed_));
    consumed_ = 0;
  }
}

void TextStream::append(Bytes text) {
  if (kept_.size() - consumed_ + text.size() > limit) return;
  kept_.insert(kept_.end(), text.begin(), text.end());
  end_ += static_cast<Offset>(text.size());
}

void TextStream::append_waiting() {
  while (!waiting_.empty() && waiting_.begin()->first <= end_) {
    const auto piece = waiting_.extract(waiting_.begin());
    waiting_size_ -= piece.mapped().size();
    const auto old = static_cast<std::size_t>(end_ - piece.key());
    if (old < piece.mapped().size()) append(Bytes(piece.mapped()).subspan(old));
  }
}

}  // namespace backstop::replay
