// Any octets as TCP options: reading never leaves them, and what was read is written and read again without loss.
#include <array>

#include "stack/wire/tcp_options.hpp"
#include "tests/fuzz/target.hpp"

namespace backstop::fuzz {
namespace {

wire::TcpOptions write_and_read(const wire::TcpOptions& options) {
  std::array<std::byte, wire::max_options_size> out{};
  const std::size_t size = wire::emit_options(options, out);
  require(size <= out.size() && size % 4 == 0, "options of a size that no header can have");
  require(size == wire::options_size(options), "options_size() says something else than emit_options()");
  return wire::parse_options(Bytes{out}.first(size));
}

void run(Bytes octets) {
  const Bytes options = octets.first(std::min(octets.size(), wire::max_options_size));
  const wire::TcpOptions read = wire::parse_options(options);
  const wire::TcpOptions once = write_and_read(read);
  wire::TcpOptions expected = read;
  expected.sack.truncate(once.sack.size());
  require(once == expected, "options were lost or changed in writing");
  require(write_and_read(once) == once, "options change when written twice");
}

}  // namespace
}  // namespace backstop::fuzz

BACKSTOP_FUZZ_TARGET("options", backstop::fuzz::run);
