#include "tools/serve/http_page.hpp"

#include <array>
#include <cstdio>

namespace backstop::tools {
namespace {

std::string text_of(const Endpoint& endpoint) { return std::string(AddressText(endpoint).view()); }

std::string milliseconds(Duration time) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f ms", static_cast<double>(time.count()) / 1e6);
  return text.data();
}

std::string octets(std::uint64_t count) { return std::to_string(count) + " octets"; }

class Page {
 public:
  explicit Page(const std::string& title) : text_(title + "\n\n") {}
  Page& row(std::string name, const std::string& value) {
    constexpr std::size_t width = 20;
    name.resize(width, ' ');
    text_ += name + value + "\n";
    return *this;
  }
  std::string text() { return std::move(text_); }

 private:
  std::string text_;
};

void add_path(Page& page, const ConnectionInfo& info) {
  page.row("state", std::string(to_string(info.state)))
      .row("mss", octets(info.mss) + ", peer announced " + std::to_string(info.peer_mss))
      .row("window scale", "ours " + std::to_string(info.receive_scale) + ", peer's " + std::to_string(info.send_scale))
      .row("timestamps", info.timestamps ? "on" : "off")
      .row("selective acks", info.selective_acks ? "on" : "off")
      .row("srtt", milliseconds(info.srtt) + ", rttvar " + milliseconds(info.rttvar))
      .row("rto", milliseconds(info.rto));
}

void add_flow(Page& page, const ConnectionInfo& info) {
  page.row("send window", octets(info.send_window))
      .row("receive window", octets(info.receive_window))
      .row("congestion window", octets(info.congestion_window))
      .row("received", octets(info.bytes_received) + " in " + std::to_string(info.segments_received) + " segments")
      .row("acknowledged",
           octets(info.bytes_acked) + " of ours, " + std::to_string(info.segments_sent) + " segments sent")
      .row("retransmitted", std::to_string(info.retransmissions) + " segments");
}

HttpStatus status_of(const HttpRequestParser& parsed) {
  if (parsed.error()) return *parsed.error();
  if (parsed.request().chunked) return HttpStatus::length_required;
  const auto& method = parsed.request().method;
  return method == "GET" || method == "HEAD" ? HttpStatus::ok : HttpStatus::method_not_allowed;
}

/// RFC 9110 section 5.6.7. Not strftime, whose names of days and months follow the locale.
std::string http_date(std::time_t now) {
  constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm time{};
  ::gmtime_r(&now, &time);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%s, %02d %s %d %02d:%02d:%02d GMT",
                days[static_cast<std::size_t>(time.tm_wday)], time.tm_mday,
                months[static_cast<std::size_t>(time.tm_mon)], time.tm_year + 1900, time.tm_hour, time.tm_min,
                time.tm_sec);
  return text.data();
}

}  // namespace

std::string page_about(const ConnectionInfo& info) {
  Page page("You are " + text_of(info.tuple.remote) + " and reached " + text_of(info.tuple.local) +
            ", served by Backstop's own TCP.");
  add_path(page, info);
  add_flow(page, info);
  return page.text();
}

HttpResponse answer(const HttpRequestParser& parsed, const ConnectionInfo& info, std::time_t now) {
  const HttpStatus status = status_of(parsed);
  const bool ok = status == HttpStatus::ok;
  const bool keep_alive = ok && parsed.request().keep_alive;
  const auto reason = std::string(reason_phrase(status));
  const auto content = ok ? page_about(info) : reason + "\n";
  std::string text = "HTTP/1.1 " + std::to_string(static_cast<int>(status)) + " " + reason + "\r\n";
  text += "Date: " + http_date(now) + "\r\n";
  text += "Content-Type: text/plain; charset=utf-8\r\n";
  text += "Content-Length: " + std::to_string(content.size()) + "\r\n";
  if (status == HttpStatus::method_not_allowed) text += "Allow: GET, HEAD\r\n";
  text += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  if (parsed.request().method != "HEAD") text += content;
  return {.text = std::move(text), .keep_alive = keep_alive};
}

}  // namespace backstop::tools
