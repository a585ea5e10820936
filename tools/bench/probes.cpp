// What the machine can do at best: moving and summing octets in pieces of a full segment, with nothing else around.
#include <cstring>
#include <vector>

#include "stack/wire/checksum.hpp"
#include "tools/bench/catalogue.hpp"
#include "tools/bench/pair.hpp"
#include "tools/bench/two_cores.hpp"

namespace backstop::tools::bench {
namespace {

enum class Probe : std::uint8_t { copy, checksum, copy_then_checksum };

class ProbeWork final : public Work {
 public:
  explicit ProbeWork(Probe probe)
      : probe_(probe), from_(application_octets, std::byte{0x5a}), to_(application_octets, std::byte{0xa5}) {}

  void run(std::uint64_t operations) override {
    for (std::uint64_t i = 0; i < operations; ++i) {
      const std::size_t at = next_piece();
      if (probe_ != Probe::checksum) std::memcpy(to_.data() + at, from_.data() + at, segment_text);
      if (probe_ != Probe::copy) sum(Bytes{to_}.subspan(at, segment_text));
    }
  }

 private:
  std::size_t next_piece() {
    at_ = at_ + 2 * segment_text <= from_.size() ? at_ + segment_text : 0;
    return at_;
  }
  void sum(Bytes piece) {
    wire::Checksum checksum;
    checksum.add(piece);
    sink_ = checksum.finish();
  }

  Probe probe_;
  std::vector<std::byte> from_;
  std::vector<std::byte> to_;
  std::size_t at_ = 0;
  volatile std::uint16_t sink_ = 0;  // keeps the sums from being optimised away
};

Case probe(std::string name, std::string what, Probe kind) {
  return {.name = std::move(name),
          .what = std::move(what),
          .unit = Unit::gigabits_per_second,
          .octets = segment_text,
          .make = [kind] { return std::make_unique<ProbeWork>(kind); }};
}

}  // namespace

void add_probes(Catalogue& catalogue) {
  catalogue.push_back(probe("probe-copy", "limit: memcpy of 1448 octets at a time", Probe::copy));
  catalogue.push_back(probe("probe-checksum", "limit: checksum of 1448 octets at a time", Probe::checksum));
  const Case both = probe("probe-copy-checksum", "limit: memcpy, then checksum", Probe::copy_then_checksum);
  catalogue.push_back(both);
  catalogue.push_back(on_two_cores(both, "probe-2-cores", "limit: the same on each of two cores"));
}

}  // namespace backstop::tools::bench
