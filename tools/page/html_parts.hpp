// The parts of the page that are the same for every corpus.
#pragma once

#include <string>
#include <string_view>

namespace backstop::page {

/// Everything up to the first flow.
std::string html_head();

/// The script that sorts the table by the column whose head is clicked. The page works without it.
std::string_view html_script();

}  // namespace backstop::page
