// What our stack answered when it was right, as a file next to others: every packet of every flow of one capture, octet
// for octet, readable, and the same on every machine. A later replay is compared with it, so that a change of behaviour
// is a diff that somebody reads.
// Read next: lines.hpp, which writes the packets.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tools/replay/flow.hpp"
#include "tools/replay/lines.hpp"

namespace backstop::replay {

class Golden {
 public:
  /// The golden of the capture `name` in `folder`; it need not be there yet. Throws std::runtime_error when it is there
  /// and cannot be read.
  Golden(const std::string& folder, const std::string& name);

  /// Keeps what the flow did, and returns the unified diff from the golden, without the ignored fields; empty when it
  /// is the same.
  std::string take(const FlowResult& flow, const std::set<Field>& ignored);
  /// The flows of the golden that were not taken.
  [[nodiscard]] std::vector<std::string> missing_flows() const;
  /// Makes what was taken the golden. Returns whether that is another one than before. Throws std::runtime_error.
  bool write() const;

 private:
  using Sections = std::map<std::uint32_t, Lines>;  // one a flow, its title first

  std::string path_;
  bool exists_ = false;
  Sections before_;
  Sections now_;
};

}  // namespace backstop::replay
