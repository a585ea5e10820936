// Writes SVG elements to a stream, one after the other. Colours are names of palette.hpp.
// Read next: tools/ladder/svg.cpp and tools/plot/chart.cpp, which draw with it.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "tools/page/markup.hpp"

namespace backstop::page {

struct Point {
  double x = 0;
  double y = 0;
};

/// Whether a picture stands on its own or is part of a page that brings the style.
enum class Surroundings : std::uint8_t { file, page };

/// How a line is drawn.
struct Stroke {
  std::string_view colour = "ink";
  double width = 1;
  bool dashed = false;
};

/// How text is set.
struct Type {
  std::string_view colour = "ink";
  std::string_view anchor = "start";  ///< start, middle or end
  double size = 11;
  bool bold = false;
  bool monospaced = false;
};

/// A piece of text in its colour.
struct Run {
  std::string text;
  std::string_view colour;
};

class Svg {
 public:
  /// Begins a picture of this size; `title` is its name for who cannot see it.
  Svg(std::ostream& out, double width, double height, std::string_view title, Surroundings surroundings);
  /// Ends it.
  ~Svg();
  Svg(const Svg&) = delete;
  Svg& operator=(const Svg&) = delete;

  void line(Point from, Point to, const Stroke& stroke);
  void polyline(const std::vector<Point>& points, const Stroke& stroke);
  void polygon(const std::vector<Point>& points, std::string_view colour);
  void rectangle(Point corner, double width, double height, std::string_view colour);
  void circle(Point centre, double radius, std::string_view colour);
  void text(Point at, std::string_view text, const Type& type);
  /// Pieces of text side by side; `type` tells all but their colours.
  void text(Point at, const std::vector<Run>& runs, const Type& type);
  /// Text that is turned by 90 degrees to the left.
  void upright_text(Point at, std::string_view text, const Type& type);
  /// What follows up to the matching end_group() tells `title` when it is pointed at.
  void begin_group(std::string_view title);
  void end_group();

 private:
  std::ostream& out_;
};

}  // namespace backstop::page
