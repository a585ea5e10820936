// What `backstop serve` tells while it runs and at its end: the line that begins with "ready", then with --json an
// object for each step, else the visitors of ports that log, and a table at the end. Each line is flushed. It goes to
// stdout, or to stderr when a capture has that. All queues tell it, each from its own thread. Read next: report.hpp.
#pragma once

#include <iosfwd>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "stack/wire/address.hpp"
#include "tools/serve/options.hpp"
#include "tools/serve/report.hpp"

namespace backstop::tools {

class Journal {
 public:
  explicit Journal(const ServeOptions& options);

  void ready(const std::string& device, std::uint16_t mtu);
  /// A step of a flow that the fallback manager knows. `rule`: of the handler that claimed it, if one did.
  void fallback(unsigned queue, const FlowEvent& event, std::string_view rule);
  /// A connection of a listener was accepted, or has ended.
  void listener(unsigned queue, std::string_view step, std::string_view rule, const FourTuple& tuple);
  /// A dial for a proxy failed with `error`, an errno.
  void dial_failed(unsigned queue, std::string_view rule, const FourTuple& tuple, int error);
  /// Somebody came to a port that logs, and said that much. Without --json it is a row of a table.
  void visit(unsigned queue, std::string_view rule, const FourTuple& tuple, std::string_view said);
  void summary(const Summary& summary);

  /// Whether anybody reads the steps.
  [[nodiscard]] bool wants_steps() const { return json_; }

 private:
  [[nodiscard]] JsonObject about(unsigned queue, std::string_view event, std::string_view rule,
                                 const FourTuple& tuple) const;
  void line(const JsonObject& object);

  std::mutex mutex_;  ///< of everything below
  std::ostream& out_;
  Ipv4Address address_;
  unsigned queues_;
  bool json_;
  bool visited_ = false;
};

}  // namespace backstop::tools
