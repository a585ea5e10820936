// What libFuzzer calls: the one target that this program was linked with.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  backstop::fuzz::targets().front().run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
