// The colours of our pictures, by what they mean, for light and for dark surroundings. In SVG and HTML they are
// classes: "f-again" fills with the colour of retransmissions, "s-again" strokes with it. Read next: svg.hpp.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace backstop::page {

struct Colour {
  std::string_view name;
  std::string_view light;
  std::string_view dark;
};

inline constexpr std::array<Colour, 13> palette{{
    {"paper", "#ffffff", "#12161b"},
    {"band", "#eef2f6", "#1e252d"},
    {"grid", "#dde3e9", "#2b343e"},
    {"line", "#9aa5b1", "#5b6875"},
    {"soft", "#5f6b78", "#98a5b3"},
    {"ink", "#1d2630", "#e4eaf1"},
    {"again", "#c81e1e", "#ff7a70"},      // retransmissions, loss
    {"duplicate", "#b45309", "#f5a950"},  // duplicate ACKs
    {"sack", "#6d3fd4", "#b69cff"},
    {"window", "#1859a8", "#68b2ff"},
    {"order", "#0f766e", "#45cfc2"},  // out of order, gaps
    {"reset", "#b0188f", "#ff86dd"},
    {"ack", "#287a33", "#63d877"},
}};

/// The classes, with the dark colours where the reader prefers those; on paper always the light ones.
std::string palette_style();

}  // namespace backstop::page
