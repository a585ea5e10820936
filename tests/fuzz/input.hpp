// The octets of a fuzz input, taken as choices one after the other. Behind its end there are only zeros.
// Read next: targets/.
#pragma once

#include <algorithm>
#include <cstdint>

#include "stack/wire/bytes.hpp"

namespace backstop::fuzz {

class Input {
 public:
  explicit Input(Bytes octets) : rest_(octets) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  std::uint8_t octet() {
    const Bytes one = take(1);
    return one.empty() ? std::uint8_t{0} : std::to_integer<std::uint8_t>(one[0]);
  }
  std::uint16_t number16() { return static_cast<std::uint16_t>(octet() << 8 | octet()); }
  std::uint32_t number32() { return std::uint32_t{number16()} << 16 | number16(); }
  bool coin() { return (octet() & 1) != 0; }
  /// From 0 to limit - 1, for limits up to 256.
  std::uint32_t below(std::uint32_t limit) { return octet() % limit; }
  /// A small number, of either sign: most mistakes are next to an edge.
  std::uint32_t delta() { return static_cast<std::uint32_t>(static_cast<std::int8_t>(octet())); }
  /// Up to `size` octets.
  Bytes take(std::size_t size) {
    const Bytes front = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(front.size());
    return front;
  }
  Bytes rest() { return take(rest_.size()); }

 private:
  Bytes rest_;
};

}  // namespace backstop::fuzz
