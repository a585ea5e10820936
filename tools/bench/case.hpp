// A thing that `backstop bench` measures: work that is done again and again while a clock runs, or a number that is
// taken once. Read next: catalogue.hpp, all of them; runner.hpp, how they are timed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace backstop::tools::bench {

/// What is repeated. Making it may take long and is not timed.
class Work {
 public:
  Work() = default;
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  virtual ~Work() = default;

  /// Throws std::runtime_error when the work does not do what it claims to.
  virtual void run(std::uint64_t operations) = 0;
};

enum class Unit : std::uint8_t {
  gigabits_per_second,  ///< more is better
  nanoseconds,          ///< of one operation; less is better
  octets,               ///< less is better
};

struct Case {
  std::string name;
  std::string what{};       ///< for people
  std::string reference{};  ///< the case that it is divided by; empty: none
  Unit unit = Unit::nanoseconds;
  std::uint64_t octets = 0;  ///< that one operation moves, for gigabits_per_second
  bool threaded = false;     ///< the work has threads of its own

  std::function<std::unique_ptr<Work>()> make{};
  std::function<double()> take{};  ///< instead of `make`: the value itself
};

/// The value of `operations` that took `nanoseconds`.
inline double value_of(const Case& measured, std::uint64_t operations, double nanoseconds) {
  const auto count = static_cast<double>(operations);
  if (measured.unit == Unit::gigabits_per_second) {
    return count * static_cast<double>(measured.octets) * 8 / nanoseconds;
  }
  return nanoseconds / count;
}

/// Fails the run loudly when a bench does not see what it must see.
void require(bool holds, const char* what);

}  // namespace backstop::tools::bench
