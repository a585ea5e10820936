// Things that a connection needs for a time only, lent and taken back: there is one for each connection, so nobody who
// needs one goes without. What came back last is lent first, and so memory of those that were never needed at the same
// time stays untouched: it costs addresses, and nothing else.
// Read next: flight.hpp, congestion.hpp, what is lent.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <new>

#include "stack/tcp/places.hpp"

namespace backstop::tcp {

template <class Loan, std::size_t lines>
class LoanPool {
 public:
  LoanPool(std::uint32_t count, std::pmr::memory_resource& memory) : places_(count, memory) {}

  /// A fresh one. No more than `count` may be lent at a time.
  Loan* take() {
    Place* const place = free_ != nullptr ? free_ : &places_[touched_++];
    if (free_ != nullptr) free_ = free_->next_free;
    ++in_use_;
    return ::new (static_cast<void*>(&place->loan)) Loan;  // not Loan{}, for which it would be filled with zeros first
  }
  void give_back(Loan* loan) {
    Place* const place = reinterpret_cast<Place*>(loan);
    place->next_free = free_;
    free_ = place;
    --in_use_;
  }
  [[nodiscard]] std::uint32_t in_use() const { return in_use_; }

  static constexpr std::size_t required_memory(std::uint32_t count) {
    return Places<Place, lines>::required_memory(count);
  }

 private:
  union Place {
    Loan loan;
    Place* next_free;
  };

  Places<Place, lines> places_;
  std::uint32_t touched_ = 0;
  std::uint32_t in_use_ = 0;
  Place* free_ = nullptr;
};

}  // namespace backstop::tcp
