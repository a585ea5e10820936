// What many connections cost: finding the one that a segment belongs to, and the memory of one that does nothing.
#include <chrono>
#include <fstream>

#include <unistd.h>

#include "tools/bench/catalogue.hpp"
#include "tools/bench/crowd.hpp"
#include "tools/bench/pair.hpp"

namespace backstop::tools::bench {
namespace {

constexpr Instant begin{std::chrono::seconds{1}};

/// Octets of this process that are in memory.
double resident_octets() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  statm >> all >> resident;
  require(resident > 0, "/proc/self/statm cannot be read");
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

/// One segment for each of many connections, in an order that no prefetcher knows.
class Demultiplexing final : public Work {
 public:
  explicit Demultiplexing(std::uint32_t size)
      : stack_(configuration(server_address, {.max_connections = size})), crowd_(stack_, size, begin) {}

  void run(std::uint64_t operations) override {
    for (std::uint64_t i = 0; i < operations; ++i) {
      random_ = random_ * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
      const auto member = static_cast<std::uint32_t>(((random_ >> 32) * crowd_.size()) >> 32);
      crowd_.speak(member, begin);
    }
  }

 private:
  Stack stack_;
  Crowd crowd_;
  std::uint64_t random_ = 1;
};

// All that the process has more of, after 100,000 connections, than before the stack was made: control blocks, tables,
// the users' handles. Not counted: the bench's own note of each connection's number.
double octets_per_idle_connection() {
  constexpr std::uint32_t size = 100'000;
  const double before = resident_octets();
  Stack stack(configuration(server_address, {.max_connections = size}));
  const Crowd crowd(stack, size, begin);
  return (resident_octets() - before) / size - sizeof(SeqNum);
}

}  // namespace

void add_crowds(Catalogue& catalogue) {
  for (const std::uint32_t size : {10u, 100u, 1'000u, 10'000u, 100'000u, 1'000'000u}) {
    catalogue.push_back({.name = "demux-" + std::to_string(size),
                         .what = "a segment for one of so many connections, at random",
                         .reference = size == 10 ? "" : "demux-10",
                         .unit = Unit::nanoseconds,
                         .make = [size] { return std::make_unique<Demultiplexing>(size); }});
  }
  catalogue.push_back({.name = "idle-memory",
                       .what = "resident memory of an idle connection, of 100,000",
                       .unit = Unit::octets,
                       .take = octets_per_idle_connection});
}

}  // namespace backstop::tools::bench
