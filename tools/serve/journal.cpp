#include "tools/serve/journal.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <iostream>
#include <utility>

#include "tools/serve/escapes.hpp"
#include "tun/pcap_writer.hpp"

namespace backstop::tools {
namespace {

/// "2026-11-26 05:28:11", in UTC.
std::string time_of_day(std::time_t time) {
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return text.data();
}

std::string visit_row(std::string_view time, std::string_view source, std::string_view destination,
                      std::string_view octets, std::string_view said) {
  const auto padded = [](std::string_view text, std::size_t width) {
    return std::string(text) + std::string(width - std::min(width, text.size()), ' ') + "  ";
  };
  constexpr std::size_t endpoint_width = 21;  // of 255.255.255.255:65535
  return padded(time, 19) + padded(source, endpoint_width) + padded(destination, endpoint_width) + padded(octets, 6) +
         std::string(said);
}

}  // namespace

Journal::Journal(const ServeOptions& options)
    : out_(options.captures_to_stdout() ? std::cerr : std::cout),
      address_(options.address),
      queues_(options.queues),
      json_(options.json) {}

void Journal::ready(const std::string& device, std::uint16_t mtu) {
  const std::lock_guard lock(mutex_);
  out_ << "ready " << AddressText(address_).view() << " on " << device << ", mtu " << mtu;
  if (queues_ > 1) out_ << ", " << queues_ << " queues";
  out_ << std::endl;
}

void Journal::fallback(unsigned queue, const FlowEvent& event, std::string_view rule) {
  if (!json_) return;
  JsonObject object = about(queue, to_string(event.step), rule, event.tuple);
  object.add("flow", event.flow);
  if (event.step == Step::decided) object.add("verdict", to_string(event.verdict));
  if (event.cause != Cause::none) object.add("cause", to_string(event.cause));
  line(object);
}

void Journal::listener(unsigned queue, std::string_view step, std::string_view rule, const FourTuple& tuple) {
  if (json_) line(about(queue, step, rule, tuple));
}

void Journal::dial_failed(unsigned queue, std::string_view rule, const FourTuple& tuple, int error) {
  if (json_) line(about(queue, "dial_failed", rule, tuple).add("error", std::strerror(error)));
}

void Journal::visit(unsigned queue, std::string_view rule, const FourTuple& tuple, std::string_view said) {
  if (json_) {
    return line(
        about(queue, "visit", rule, tuple).add("octets", said.size()).add("said", std::string_view(escaped(said))));
  }
  const std::lock_guard lock(mutex_);
  if (!std::exchange(visited_, true)) out_ << visit_row("time", "source", "destination", "octets", "said") << '\n';
  out_ << visit_row(time_of_day(std::time(nullptr)), AddressText(tuple.remote).view(), AddressText(tuple.local).view(),
                    std::to_string(said.size()), escaped(said))
       << std::endl;
}

void Journal::summary(const Summary& summary) {
  if (json_) return line(json_of(summary, tun::PcapWriter::wall_clock()));
  const std::lock_guard lock(mutex_);
  if (visited_) out_ << '\n';
  out_ << table_of(summary) << std::flush;
}

JsonObject Journal::about(unsigned queue, std::string_view event, std::string_view rule, const FourTuple& tuple) const {
  JsonObject object;
  object.add_seconds("time", tun::PcapWriter::wall_clock()).add("event", event);
  if (queues_ > 1) object.add("queue", queue);
  object.add("source", AddressText(tuple.remote).view()).add("destination", AddressText(tuple.local).view());
  if (!rule.empty()) object.add("rule", rule);
  return object;
}

void Journal::line(const JsonObject& object) {
  const std::lock_guard lock(mutex_);
  out_ << object.text() << std::endl;
}

}  // namespace backstop::tools
