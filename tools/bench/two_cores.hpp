// The same work twice, each on a core of its own: what a second core brings where nothing is shared.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

#include "tools/bench/case.hpp"

namespace backstop::tools::bench {

/// An operation is one of each of the two works.
class TwoCores final : public Work {
 public:
  explicit TwoCores(const std::function<std::unique_ptr<Work>()>& make) : works_{make(), make()} {}

  void run(std::uint64_t operations) override;

 private:
  std::array<std::unique_ptr<Work>, 2> works_;
};

/// `one` on each of two cores, and divided by it.
inline Case on_two_cores(const Case& one, std::string name, std::string what) {
  return {.name = std::move(name),
          .what = std::move(what),
          .reference = one.name,
          .unit = one.unit,
          .octets = 2 * one.octets,
          .threaded = true,
          .make = [make = one.make] { return std::make_unique<TwoCores>(make); }};
}

}  // namespace backstop::tools::bench
