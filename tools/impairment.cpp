#include "tools/impairment.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace backstop::tools {
namespace {

struct FaultName {
  std::string_view name;
  double tun::Faults::* chance;
};
constexpr std::array fault_names{
    FaultName{"loss", &tun::Faults::loss}, FaultName{"duplicate", &tun::Faults::duplication},
    FaultName{"reorder", &tun::Faults::reordering}, FaultName{"corrupt", &tun::Faults::corruption}};

std::unexpected<std::string> about(std::string_view item, std::string_view message) {
  return std::unexpected("'" + std::string(item) + "' " + std::string(message));
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// "5%" as 0.05.
std::optional<double> parse_chance(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  const auto percent = parse_number<double>(text.substr(0, text.size() - 1));
  if (!percent || !(*percent >= 0 && *percent <= 100)) return std::nullopt;
  return *percent / 100;
}

std::expected<void, std::string> parse_item(std::string_view item, tun::FaultOptions& options) {
  const auto equals = item.find('=');
  const auto name = item.substr(0, equals);
  const auto value = equals == std::string_view::npos ? std::string_view{} : item.substr(equals + 1);
  if (name == "seed") {
    const auto seed = parse_number<std::uint64_t>(value);
    if (!seed) return about(item, "is not a seed like seed=7");
    options.seed = *seed;
    return {};
  }
  const auto* fault = std::ranges::find(fault_names, name, &FaultName::name);
  if (fault == fault_names.end()) return about(item, "is none of loss, duplicate, reorder, corrupt and seed");
  const auto chance = parse_chance(value);
  if (!chance) return about(item, "is not a percentage like " + std::string(name) + "=5%");
  options.inbound.*(fault->chance) = *chance;
  options.outbound.*(fault->chance) = *chance;
  return {};
}

}  // namespace

std::expected<tun::FaultOptions, std::string> parse_impairment(std::string_view text) {
  tun::FaultOptions options;
  for (bool more = true; more;) {
    const auto comma = text.find(',');
    if (const auto done = parse_item(text.substr(0, comma), options); !done) return std::unexpected(done.error());
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
  }
  return options;
}

}  // namespace backstop::tools
