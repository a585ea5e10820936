// Writes the packets of a capture as lines of the notation, as `tcpdump -r` writes them in its own.
// Read next: dump_command.cpp for the command line, tools/notation/format.hpp for what a line says.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <set>
#include <string>

#include "tools/capture/packet_reader.hpp"

namespace backstop::dump {

enum class TimeFormat : std::uint8_t {
  relative,  ///< seconds since the capture's first packet
  delta,     ///< seconds since the line before
  absolute,  ///< date and time, UTC
};

struct DumpOptions {
  TimeFormat time = TimeFormat::relative;
  bool absolute_numbers = false;  ///< sequence numbers as on the wire
  bool marks = false;             ///< say what is a retransmission, a duplicate ACK and so on
  bool json = false;
  std::string filter{};
  std::set<std::uint32_t> only{};  ///< flows, by number; empty: everything
};

/// Writes every packet of the capture. Throws capture::UnreadableCapture; what came before the damage is written then.
capture::CaptureCounts dump_capture(const std::string& path, const DumpOptions& options, std::ostream& out);

/// "2 IPv6, 1 malformed": the frames that no line tells of; empty when there are none.
std::string left_out(const capture::CaptureCounts& counts);

}  // namespace backstop::dump
