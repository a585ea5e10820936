// What a replay is told as: to a reader, or to a machine in one of several formats.
// Read next: run.hpp, which calls reports; console.cpp, the one for readers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "tools/replay/corpus.hpp"
#include "tools/replay/replay.hpp"

namespace backstop::replay {

/// Flows by their verdicts.
struct Verdicts {
  std::uint64_t same = 0;
  std::uint64_t different = 0;
  std::uint64_t not_replayable = 0;

  void count(Verdict verdict);
  Verdicts& operator+=(const Verdicts& other);
  [[nodiscard]] std::uint64_t all() const { return same + different + not_replayable; }
};

/// What became of one capture.
struct CaptureReport {
  CaptureFile file;
  CaptureResult result;
  Verdicts verdicts;
  std::string unreadable;                  ///< why, when it is
  std::vector<std::string> missing_flows;  ///< that the golden has and the capture does not
  bool golden_written = false;
};

/// What became of the corpus.
struct Totals {
  std::uint64_t captures = 0;
  std::uint64_t unreadable = 0;
  std::uint64_t different = 0;  ///< captures with a difference
  std::uint64_t goldens_written = 0;
  std::uint64_t tcp_packets = 0;
  capture::CaptureCounts counts;
  Verdicts verdicts;

  void add(const CaptureReport& report);
};

/// Told of every flow when it has ended, then of its capture, in the order of the corpus; last of the whole.
class Report {
 public:
  virtual ~Report() = default;
  virtual void flow(const CaptureFile& file, const FlowResult& flow) = 0;
  virtual void capture(const CaptureReport& report) = 0;
  virtual void end(const Totals& totals) = 0;
  /// Whether flows come with their stories, those that are as they should be as well.
  [[nodiscard]] virtual bool needs_stories() const { return false; }

 protected:
  Report() = default;
  Report(const Report&) = default;
  Report& operator=(const Report&) = default;
};

std::string_view to_string(Verdict verdict);
/// "3 flows", "1 flow".
std::string counted(std::uint64_t count, std::string_view noun);
/// "60 flows: 58 same, 2 not replayable".
std::string to_string(const Verdicts& verdicts);
/// "flow 1, 10.77.0.1:59302 > 10.77.0.2:8080".
std::string title_of(const FlowResult& flow);
/// Everything that a reader wants to know of a flow that differs, in lines.
std::vector<std::string> explain(const FlowResult& flow);
/// How frames were passed over or put right, in a few words; empty when all is well.
std::string remarks_on(const capture::CaptureCounts& counts);

/// For readers: a line for each capture, and what there is to say about its flows; with `transcripts`, every packet.
std::unique_ptr<Report> console_report(std::ostream& out, bool transcripts);
/// The flows of the captures, played or not.
std::unique_ptr<Report> list_report(std::ostream& out);
/// The Test Anything Protocol, version 13.
std::unique_ptr<Report> tap_report(std::ostream& out);
/// JUnit's XML, as build servers read it.
std::unique_ptr<Report> junit_report(std::ostream& out);
/// One JSON object a line: each flow, each capture, the whole.
std::unique_ptr<Report> json_report(std::ostream& out);

}  // namespace backstop::replay
