// `backstop plot`: what is drawn of a connection over time, and how.
#include <cstdlib>
#include <sstream>

#include "tests/pictures/golden.hpp"
#include "tests/support/capture_file.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/source_folder.hpp"
#include "tools/analysis/round_trips.hpp"
#include "tools/plot/series.hpp"
#include "tools/plot/ticks.hpp"

using namespace backstop;
using namespace backstop::plot;
using analysis::Side;
using backstop::test::fixture;

namespace {

Chart chart_of(Kind kind, const std::string& capture, Side sender = Side::client) {
  return make_chart(kind, analysis::read_conversations(fixture(capture), "", {}).at(0), sender);
}

const Series& series(const Chart& chart, std::string_view name) {
  const auto found = std::ranges::find(chart.series, name, &Series::name);
  REQUIRE(found != chart.series.end());
  return *found;
}

std::vector<std::string> labels(double low, double high, int most) {
  const Ticks ticks = round_ticks(low, high, most);
  std::vector<std::string> texts;
  for (const double value : ticks.values) texts.push_back(ticks.label(value));
  return texts;
}

}  // namespace

TEST_CASE("ticks are at round numbers") {
  CHECK(labels(0, 100'000, 6) == std::vector<std::string>{"0", "20,000", "40,000", "60,000", "80,000", "100,000"});
  CHECK(labels(0, 0.0785, 8) ==
        std::vector<std::string>{"0.00", "0.01", "0.02", "0.03", "0.04", "0.05", "0.06", "0.07"});
  CHECK(labels(-0.3, 1, 8) == std::vector<std::string>{"-0.2", "0.0", "0.2", "0.4", "0.6", "0.8", "1.0"});
  CHECK(labels(3, 7, 5) == std::vector<std::string>{"3", "4", "5", "6", "7"});
}

TEST_CASE("time and sequence numbers: every segment is a bar, retransmissions apart") {
  const Chart chart = chart_of(Kind::time_sequence, "upload-loss5.client");
  CHECK(series(chart, "retransmission").data.size() == 4);
  CHECK(series(chart, "text").data.size() == 69);
  CHECK(series(chart, "text").data[0].y == 1);
  CHECK(series(chart, "text").data[0].top == 1449);
  CHECK(series(chart, "SYN, FIN").data.size() == 2);
  CHECK(series(chart, "duplicate ACK").data.size() > 30);
  // Never above what was sent, and the last is the FIN's.
  CHECK(series(chart, "acknowledged").data.back().y == series(chart, "SYN, FIN").data.back().y);
  for (const Datum& block : series(chart, "SACK blocks").data) CHECK(block.y < block.top);
}

TEST_CASE("windows: zero windows are marked, and nothing is in flight in the end") {
  const Chart chart = chart_of(Kind::window, "zero-window.client");
  CHECK(series(chart, "window zero").data.size() == 2);
  CHECK(series(chart, "sent and not acknowledged").data.back().y == 0);
  for (const Datum& datum : series(chart, "sent and not acknowledged").data) CHECK(datum.y <= 2 * 2896);
}

TEST_CASE("text in flight, with and without what SACK reports") {
  const Chart chart = chart_of(Kind::cwnd, "burst-loss.client");
  const auto& all = series(chart, "sent and not acknowledged").data;
  const auto& pipe = series(chart, "of it, without what SACK reports").data;
  REQUIRE(all.size() == pipe.size());
  bool sacked = false;
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(pipe[i].y <= all[i].y);
    sacked |= pipe[i].y < all[i].y;
  }
  CHECK(sacked);
}

TEST_CASE("round trips are those of the path, and none is taken of a retransmission") {
  const Chart chart = chart_of(Kind::rtt, "upload-loss5.client");
  for (const Datum& sample : series(chart, "sample").data) {
    CHECK(sample.y >= 10);
    CHECK(sample.y < 60);
  }
  // The FIN was lost once: that its second copy was acknowledged says nothing.
  const auto lost_fin = analysis::read_conversations(fixture("fin-lost.client"), "", {}).at(0);
  for (const auto& trip : analysis::round_trips(lost_fin, Side::client))
    CHECK(trip.time < std::chrono::milliseconds(60));
}

TEST_CASE("throughput: all text is in some span") {
  const Chart chart = chart_of(Kind::throughput, "upload-clean.client");
  const auto& acknowledged = series(chart, "acknowledged").data;
  double octets = 0;
  for (const Datum& datum : acknowledged) octets += datum.y * 1000 / 8 * (acknowledged[1].x - acknowledged[0].x);
  CHECK(octets == Approx(65'536).margin(2));  // and the FIN
}

TEST_CASE("who sent more text is drawn") {
  const auto busier = [](const std::string& name) {
    return busier_side(analysis::read_conversations(fixture(name), "", {}).at(0));
  };
  CHECK(busier("upload-clean.client") == Side::client);
  CHECK(busier("half-close-server-sends.client") == Side::server);
}

TEST_CASE("data for xplot") {
  std::ostringstream out;
  write_xplot(out, chart_of(Kind::time_sequence, "tail-loss.client"));
  test::check_golden("plot-tail-loss.xpl", out.str());
}

TEST_CASE("plots of all captures are well-formed and inside of their frame") {
  if (std::system("python3 -c '' 2>/dev/null") != 0) BACKSTOP_SKIP("python3, whose XML parser reads the pictures");
  std::vector<std::unique_ptr<test::TemporaryFile>> files;
  std::string command = "python3 '" + (test::source_folder() / "tests/pictures/check_svg.py").string() + "'";
  for (const auto& entry : std::filesystem::directory_iterator(fixture("x").parent_path())) {
    if (entry.path().extension() != ".pcap" || !entry.path().stem().string().ends_with(".client")) continue;
    const auto conversation = analysis::read_conversations(entry.path(), "", {}).at(0);
    for (const Kind kind : {Kind::time_sequence, Kind::window, Kind::rtt, Kind::cwnd, Kind::throughput}) {
      std::ostringstream out;
      write_svg(out, make_chart(kind, conversation, busier_side(conversation)), page::Surroundings::file);
      const std::string svg = out.str();
      files.push_back(std::make_unique<test::TemporaryFile>(std::as_bytes(std::span(svg)), ".svg"));
      command += " " + files.back()->path();
    }
  }
  CHECK(std::system(command.c_str()) == 0);
}

TEST_CASE("a plot of many points stays small") {
  Chart chart{.title = "many", .notes = {}, .y_label = "octets", .series = {{.name = "dots", .colour = "ink"}}};
  chart.series.push_back({.name = "steps", .colour = "ack", .shape = Shape::steps});
  for (int i = 0; i < 500'000; ++i) {
    chart.series[0].data.push_back({i * 1e-5, i * 100.0});
    chart.series[1].data.push_back({i * 1e-5, i * 100.0});
  }
  std::ostringstream out;
  write_svg(out, chart, page::Surroundings::file);
  CHECK(out.str().size() < 1'000'000);
}
