#include "tools/serve/journal.hpp"

#include <cstring>
#include <iostream>

#include "tun/pcap_writer.hpp"

namespace backstop::tools {
namespace {

JsonObject about(std::string_view event, std::string_view rule, const FourTuple& tuple) {
  JsonObject object;
  object.add_seconds("time", tun::PcapWriter::wall_clock()).add("event", event);
  object.add("source", AddressText(tuple.remote).view()).add("destination", AddressText(tuple.local).view());
  if (!rule.empty()) object.add("rule", rule);
  return object;
}

}  // namespace

Journal::Journal(const ServeOptions& options)
    : out_(options.captures_to_stdout() ? std::cerr : std::cout), address_(options.address), json_(options.json) {}

void Journal::ready(const std::string& device, std::uint16_t mtu) {
  out_ << "ready " << AddressText(address_).view() << " on " << device << ", mtu " << mtu << std::endl;
}

void Journal::fallback(const FlowEvent& event, std::string_view rule) {
  if (!json_) return;
  JsonObject object = about(to_string(event.step), rule, event.tuple);
  object.add("flow", event.flow);
  if (event.step == Step::decided) object.add("verdict", to_string(event.verdict));
  if (event.cause != Cause::none) object.add("cause", to_string(event.cause));
  line(object);
}

void Journal::listener(std::string_view step, std::string_view rule, const FourTuple& tuple) {
  if (json_) line(about(step, rule, tuple));
}

void Journal::dial_failed(std::string_view rule, const FourTuple& tuple, int error) {
  if (json_) line(about("dial_failed", rule, tuple).add("error", std::strerror(error)));
}

void Journal::summary(const Summary& summary) {
  if (json_) return line(json_of(summary, tun::PcapWriter::wall_clock()));
  out_ << table_of(summary) << std::flush;
}

void Journal::line(const JsonObject& object) { out_ << object.text() << std::endl; }

}  // namespace backstop::tools
