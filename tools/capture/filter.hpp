// A packet filter in tcpdump's language (pcap-filter(7)), applied to whole frames as tcpdump applies it.
// Read next: packet_reader.hpp.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/capture/frame.hpp"

namespace backstop::capture {

class Filter {
 public:
  /// `expression` empty: every frame passes.
  explicit Filter(std::string expression);
  ~Filter();
  Filter(Filter&&) noexcept;
  Filter& operator=(Filter&&) noexcept;

  /// Throws std::invalid_argument when the expression is wrong, or means nothing for the frame's link type.
  [[nodiscard]] bool passes(const Frame& frame);

 private:
  struct Program;
  const Program& program_for(int link_type);

  std::string expression_;
  std::vector<std::unique_ptr<Program>> programs_;  // one a link type
};

}  // namespace backstop::capture
