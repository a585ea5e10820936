// Random numbers that are the same on every machine and with every library: splitmix64 (Steele, Lea, Flood 2014).
#pragma once

#include <cstdint>

namespace backstop::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e37'79b9'7f4a'7c15);
    z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
    return z ^ (z >> 31);
  }
  /// A number of 0 to limit - 1.
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }
  /// True with this probability. Takes a number from the sequence only when the answer is open.
  bool chance(double probability) {
    if (probability <= 0) return false;
    if (probability >= 1) return true;
    return static_cast<double>(next() >> 11) < probability * static_cast<double>(std::uint64_t{1} << 53);
  }

 private:
  std::uint64_t state_;
};

}  // namespace backstop::test
