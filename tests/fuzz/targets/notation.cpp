// Any text as a line of the notation: it is read or refused with a column, and a segment that was read is written as a
// line that means the same.
#include <string>

#include "tests/fuzz/target.hpp"
#include "tools/notation/format.hpp"
#include "tools/notation/pattern.hpp"

namespace backstop::fuzz {
namespace {

void run(Bytes octets) {
  const std::string_view line{reinterpret_cast<const char*>(octets.data()), octets.size()};
  const auto pattern = notation::parse(line);
  if (!pattern) return require(!pattern.error().empty(), "a line was refused without a word");
  const auto* segment = std::get_if<notation::SegmentPattern>(&pattern->payload);
  if (segment == nullptr) return;
  const notation::Relative origins{SeqNum{0xffff'ff00}, SeqNum{77}};
  const wire::Segment made = notation::to_segment(*segment, origins);
  require(notation::differences(*segment, made, origins).empty() || segment->text_size.value_or(0) > 0 ||
              segment->options.has_value(),
          "a segment does not match the line that it was made of");
  const std::string written = notation::format(made, origins);
  const auto again = notation::parse(written);
  require(again.has_value(), ("a written line is not read: " + written).c_str());
  require(notation::format(notation::to_segment(std::get<notation::SegmentPattern>(again->payload), origins),
                           origins) == written,
          ("a line changes when it is read and written: " + written).c_str());
}

}  // namespace
}  // namespace backstop::fuzz

BACKSTOP_FUZZ_TARGET("notation", backstop::fuzz::run);
