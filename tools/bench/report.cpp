#include "tools/bench/report.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "tools/json.hpp"

namespace backstop::tools::bench {
namespace {

std::string_view name_of(Unit unit) {
  switch (unit) {
    case Unit::gigabits_per_second:
      return "Gbit/s";
    case Unit::nanoseconds:
      return "ns";
    case Unit::octets:
      return "octets";
  }
  return "";
}

std::string number(double value, int decimals = 1) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

std::string padded(std::string text, std::size_t width, bool right = false) {
  const std::size_t spaces = width > text.size() ? width - text.size() : 0;
  text.insert(right ? 0 : text.size(), spaces, ' ');
  return text;
}

const Result* reference_of(const Result& result, const std::vector<Result>& all) {
  const auto found =
      std::ranges::find_if(all, [&](const Result& other) { return other.measured.name == result.measured.reference; });
  return found == all.end() ? nullptr : &*found;
}

std::string line(const std::string& name, const std::string& value, const std::string& unit, const std::string& range,
                 const std::string& ratio) {
  return padded(name, 20) + padded(value, 10, true) + ' ' + padded(unit, 8) + padded(range, 18, true) + "  " + ratio +
         '\n';
}

}  // namespace

std::string table_of(const std::vector<Result>& results) {
  std::string text = line("case", "median", "", "least .. most", "ratio");
  for (const Result& result : results) {
    const auto [least, most] = std::ranges::minmax(result.values);
    const Result* reference = reference_of(result, results);
    const std::string ratio =
        reference == nullptr ? "" : number(median_ratio(result, *reference), 2) + " x " + reference->measured.name;
    text += line(result.measured.name, number(median(result.values)), std::string(name_of(result.measured.unit)),
                 number(least) + " .. " + number(most), ratio);
  }
  return text;
}

std::string json_of(const std::vector<Result>& results) {
  std::string text;
  for (const Result& result : results) {
    const auto [least, most] = std::ranges::minmax(result.values);
    JsonObject object;
    object.add("case", result.measured.name).add("unit", name_of(result.measured.unit));
    object.add("median", median(result.values)).add("least", least).add("most", most);
    object.add("rounds", result.values.size());
    if (const Result* reference = reference_of(result, results)) {
      object.add("reference", reference->measured.name).add("ratio", median_ratio(result, *reference));
    }
    text += object.text() + '\n';
  }
  return text;
}

std::string list_of(const std::vector<Case>& cases) {
  std::string text;
  for (const Case& one : cases) text += padded(one.name, 22) + one.what + '\n';
  return text;
}

}  // namespace backstop::tools::bench
