#include "tests/simulation/stream_text.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include "tests/support/random.hpp"

namespace backstop::simulation {
namespace {

// Why a prime: the text repeats after so many octets, which then is no multiple of a segment, a block or a window.
constexpr std::size_t period = longest_text;

// Twice the period, so that a piece of it never wraps.
const std::array<std::byte, 2 * period>& noise() {
  static const auto octets = [] {
    std::array<std::byte, 2 * period> all{};
    test::Random random{1};
    for (std::size_t i = 0; i < period; ++i) all[i] = all[i + period] = static_cast<std::byte>(random.next() >> 56);
    return all;
  }();
  return octets;
}

const std::byte* text_at(EndId end, std::uint64_t offset) {
  return noise().data() + (std::uint64_t{end} * 7919 + offset) % period;
}

std::byte name_octet(EndId end, std::uint64_t offset) { return static_cast<std::byte>(end >> (8 * offset) & 0xff); }

}  // namespace

void fill_text(EndId end, std::uint64_t offset, MutableBytes out) {
  assert(out.size() <= longest_text);
  std::memcpy(out.data(), text_at(end, offset), out.size());
  for (std::size_t i = 0; i < out.size() && offset + i < name_size; ++i) out[i] = name_octet(end, offset + i);
}

bool is_text_of(EndId end, std::uint64_t offset, Bytes text) {
  assert(text.size() <= longest_text);
  for (; offset < name_size && !text.empty(); ++offset, text = text.subspan(1)) {
    if (text[0] != name_octet(end, offset)) return false;
  }
  return text.empty() || std::memcmp(text.data(), text_at(end, offset), text.size()) == 0;
}

}  // namespace backstop::simulation
