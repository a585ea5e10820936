// backstop_throughput: what one connection carries over simulated paths, by loss, delay, buffer and algorithm, beside
// what the models of the algorithms predict. All of it in virtual time and from fixed seeds, so the table is the same
// on every machine; table.txt is it.
//
// The path: 20 Mbit/s with a queue of 100 packets, loss and reordering in the direction of the text. What is measured
// is the text that the receiver's user read from the 5th to the 35th second. Models, in segments of text a round trip,
// with p the probability of loss:
//   NewReno  sqrt(3 / 2p)                                (Mathis and others 1997)
//   CUBIC    1.054 (RTT / p)^3/4, or NewReno's if larger (RFC 9438 section 5.1 with C = 0.4, beta = 0.7; section 4.3)
// and never more than the line or the buffer lets through. They know nothing of timeouts: where windows are of a few
// segments only, they promise too much.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/link.hpp"

namespace backstop::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t line_rate = 20'000'000;  // bits a second
constexpr std::size_t queue = 100;               // packets
constexpr double segment_text = 1448;            // octets: an MTU of 1500 less headers and timestamps
constexpr Duration segment_time = 600us;         // of 1500 octets on the line
constexpr Duration warm_up = 5s;
constexpr Duration measured = 30s;

struct Path {
  double loss = 0;
  Duration delay{};  // in each direction
  double reorder = 0;
  std::uint32_t buffer = 0;
  CongestionAlgorithm algorithm = CongestionAlgorithm::cubic;
};

// Writes as much as there is room for, for ever.
void fill(Stream& stream) {
  static const std::array<std::byte, 65'536> text{};
  while (stream.write(text)) continue;
}

std::uint64_t drain(Stream& stream) {
  std::uint64_t taken = 0;
  for (auto piece = stream.peek(); piece && !piece->empty(); piece = stream.peek()) {
    taken += piece->size();
    stream.consume(piece->size());
  }
  return taken;
}

/// Megabits of text a second.
double goodput(const Path& path) {
  TwoHosts hosts{{.delay = path.delay, .rate = line_rate, .queue = queue}, 1, [&](Config& config) {
                   config.tcp.congestion = path.algorithm;
                   config.tcp.send_buffer = config.tcp.receive_buffer = path.buffer;
                 }};
  auto [first, second] = hosts.connect();
  Conditions& forward = hosts.link.conditions(Way::forward);
  forward.loss = path.loss;
  forward.reorder = path.reorder;
  forward.reorder_delay = 3 * segment_time + segment_time / 2;  // overtaken by three
  std::uint64_t read = 0;
  const auto move_text = [&] {
    fill(first);
    read += drain(second);
    return false;
  };
  hosts.link.run_until(move_text, warm_up);
  read = 0;
  hosts.link.run_until(move_text, measured);
  return static_cast<double>(read) * 8 / 1e6 / std::chrono::duration<double>(measured).count();
}

/// What the model of the algorithm promises; nothing where it does not speak: without loss only line and buffer count.
double model(const Path& path) {
  const double rtt = std::chrono::duration<double>(2 * path.delay + segment_time).count();
  double segments = 1e9;
  if (path.loss > 0) {
    segments = std::sqrt(1.5 / path.loss);
    if (path.algorithm == CongestionAlgorithm::cubic) {
      segments = std::max(segments, 1.054 * std::pow(rtt / path.loss, 0.75));
    }
  }
  const double line = static_cast<double>(line_rate) * segment_text / 1500;
  const double by_buffer = path.buffer * 8.0 / rtt;
  return std::min({segments * segment_text * 8 / rtt, line, by_buffer}) / 1e6;
}

std::string row(const Path& path) {
  std::array<char, 120> text{};
  const double shown = goodput(path);
  std::snprintf(text.data(), text.size(), "%4.1f %%  %4lld ms  %4.0f %%  %5u KB  %-7s  %6.2f  %6.2f\n", path.loss * 100,
                static_cast<long long>(path.delay / 1ms), path.reorder * 100, path.buffer / 1024,
                path.algorithm == CongestionAlgorithm::cubic ? "CUBIC" : "NewReno", shown, model(path));
  return text.data();
}

struct Selection {
  std::optional<double> loss;  // per cent
};

std::string table(const Selection& selection) {
  std::string all =
      "  loss    delay  reorder   buffer  control  Mbit/s   model\n"
      "         one way 3 places\n";
  for (const double loss : {0.0, 0.001, 0.01, 0.05}) {
    if (selection.loss && std::abs(loss * 100 - *selection.loss) > 1e-9) continue;
    for (const Duration delay : {Duration{0ms}, Duration{10ms}, Duration{100ms}}) {
      for (const double reorder : {0.0, 0.1}) {
        if (reorder > 0 && (loss > 0 || delay != Duration{10ms})) continue;
        for (const std::uint32_t buffer : {64u << 10, 1u << 20}) {
          for (const auto algorithm : {CongestionAlgorithm::new_reno, CongestionAlgorithm::cubic}) {
            all += row({loss, delay, reorder, buffer, algorithm});
          }
        }
      }
    }
  }
  return all;
}

// The goodput in a row, and what stands before it.
struct Figure {
  std::string path;
  double goodput = 0;
};

std::optional<Figure> figure(const std::string& row) {
  const std::size_t model = row.find_last_of(' ');
  const std::size_t shown =
      model == std::string::npos ? model : row.find_last_of(' ', row.find_last_not_of(' ', model));
  if (shown == std::string::npos || row.find('%') == std::string::npos) return std::nullopt;
  return Figure{row.substr(0, row.find_last_not_of(' ', shown) + 1), std::strtod(row.c_str() + shown, nullptr)};
}

std::vector<Figure> figures(std::istream& rows) {
  std::vector<Figure> all;
  for (std::string line; std::getline(rows, line);) {
    if (auto one = figure(line)) all.push_back(*std::move(one));
  }
  return all;
}

/// Every row of `rows` stands in the file, with a goodput that differs by less than a tenth. Why not by nothing: a
/// change of the stack that moves a packet moves the second digit.
bool check(const std::string& rows, const std::string& path) {
  std::ifstream file{path};
  std::istringstream measured_rows{rows};
  const auto known = figures(file);
  bool right = !known.empty();
  for (const Figure& now : figures(measured_rows)) {
    const auto found = std::ranges::find(known, now.path, &Figure::path);
    if (found != known.end() && std::abs(now.goodput - found->goodput) <= 0.1 * found->goodput) continue;
    std::cerr << "throughput: " << now.path << ": " << now.goodput << " Mbit/s, which is not what " << path
              << " says (./dev throughput writes it)\n";
    right = false;
  }
  return right;
}

/// Reordering by three places costs less than five per cent.
bool check_reordering() {
  bool right = true;
  for (const auto algorithm : {CongestionAlgorithm::new_reno, CongestionAlgorithm::cubic}) {
    Path path{.delay = 10ms, .buffer = 1u << 20, .algorithm = algorithm};
    const double straight = goodput(path);
    path.reorder = 0.1;
    const double reordered = goodput(path);
    if (reordered >= 0.95 * straight) continue;
    std::cerr << "throughput: reordering by three places costs more than 5 %: " << straight << " Mbit/s become "
              << reordered << "\n";
    right = false;
  }
  return right;
}

int run(int argc, char** argv) {
  CLI::App app{"Measures one connection over simulated paths in virtual time, and prints the table."};
  Selection selection;
  std::string file;
  bool reordering = false;
  app.add_option("--loss", selection.loss, "only the rows with this loss, in per cent");
  app.add_option("--check", file, "print nothing; is the goodput that of this file, within a tenth?");
  app.add_flag("--reordering", reordering, "only check what reordering costs");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (reordering) return check_reordering() ? 0 : 1;
  const std::string rows = table(selection);
  if (!file.empty()) return check(rows, file) ? 0 : 1;
  std::cout << rows << std::flush;
  return 0;
}

}  // namespace
}  // namespace backstop::test

int main(int argc, char** argv) { return backstop::test::run(argc, argv); }
