// Things that a connection needs for a time only, lent and taken back: there is one for each connection, so nobody who
// needs one goes without. What came back last is lent first, and so memory of those that were never needed at the same
// time stays untouched: it costs addresses, and nothing else.
// Read next: flight.hpp, congestion.hpp, what is lent.
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <type_traits>

namespace backstop::tcp {

template <class Loan>
class LoanPool {
 public:
  LoanPool(std::uint32_t count, std::pmr::memory_resource& memory)
      : memory_(memory),
        count_(count),
        places_(static_cast<Place*>(memory.allocate(required_memory(count), alignof(Place)))) {}
  ~LoanPool() { memory_.deallocate(places_, required_memory(count_), alignof(Place)); }
  LoanPool(const LoanPool&) = delete;
  LoanPool& operator=(const LoanPool&) = delete;

  /// A fresh one. No more than `count` may be lent at a time.
  Loan* take() {
    Place* const place = free_ != nullptr ? free_ : &places_[touched_++];
    if (free_ != nullptr) free_ = free_->next_free;
    ++in_use_;
    return std::construct_at(&place->loan);
  }
  void give_back(Loan* loan) {
    Place* const place = reinterpret_cast<Place*>(loan);
    place->next_free = free_;
    free_ = place;
    --in_use_;
  }
  [[nodiscard]] std::uint32_t in_use() const { return in_use_; }

  static constexpr std::size_t required_memory(std::uint32_t count) { return std::size_t{count} * sizeof(Place); }

 private:
  static_assert(std::is_trivially_destructible_v<Loan>);
  union Place {
    Loan loan;
    Place* next_free;
  };

  std::pmr::memory_resource& memory_;
  std::uint32_t count_;
  std::uint32_t touched_ = 0;
  std::uint32_t in_use_ = 0;
  Place* free_ = nullptr;
  Place* places_;
};

}  // namespace backstop::tcp
