#include "tools/page/palette.hpp"

namespace backstop::page {
namespace {

void add_classes(std::string& style, std::string_view Colour::* shade) {
  for (const Colour& colour : palette) {
    const std::string name(colour.name);
    const std::string value(colour.*shade);
    style += ".f-" + name + "{fill:" + value + "}.s-" + name + "{stroke:" + value + "}\n";
  }
}

}  // namespace

std::string palette_style() {
  std::string style;
  add_classes(style, &Colour::light);
  style += "@media screen and (prefers-color-scheme:dark){\n";
  add_classes(style, &Colour::dark);
  return style + "}\n";
}

}  // namespace backstop::page
