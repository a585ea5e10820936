// A replayed corpus as one page of HTML that needs nothing else: a summary, and for each flow what became of it, its
// ladder and its time-sequence plot. Written as the replay goes on, so that memory does not grow with the corpus.
// Read next: html_parts.hpp, the page's style and script; tools/replay/report.hpp, who calls it.
#pragma once

#include <memory>
#include <ostream>

#include "tools/replay/report.hpp"

namespace backstop::page {

std::unique_ptr<replay::Report> html_report(std::ostream& out);

}  // namespace backstop::page
