#include "tools/serve/handlers.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include "tools/serve/http_page.hpp"
#include "tools/serve/http_request.hpp"

namespace backstop::tools {
namespace {

constexpr std::array<std::byte, chargen_period> make_chargen_text() {
  std::array<std::byte, chargen_period> text{};
  for (std::size_t i = 0; i < chargen_period; ++i) {
    const std::size_t line = i / chargen_line;
    const std::size_t column = i % chargen_line;
    const std::size_t printable = ' ' + (line + column) % 95;
    text[i] = column < 72 ? std::byte(printable) : std::byte(column == 72 ? '\r' : '\n');
  }
  return text;
}
constexpr auto chargen_text = make_chargen_text();

Task send_chargen(Stream& stream) {
  std::uint64_t position = 0;
  while (const auto space = co_await writable(stream)) {
    fill_with_chargen(position, *space);
    stream.commit(space->size());
    position += space->size();
  }
}

Task throw_away(Stream& stream) {
  while (const auto text = co_await readable(stream)) {
    if (text->empty()) break;
    stream.consume(text->size());
  }
}

/// Reads one head. It is unfinished when the peer went first.
Task read_request(Stream& stream, HttpRequestParser& parser) {
  while (!parser.finished()) {
    const auto text = co_await readable(stream);
    if (!text || text->empty()) break;
    stream.consume(parser.take(*text));
  }
}

Task skip_body(Stream& stream, std::uint64_t size) {
  while (size > 0) {
    const auto text = co_await readable(stream);
    if (!text || text->empty()) break;
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(size, text->size()));
    stream.consume(part);
    size -= part;
  }
}

}  // namespace

void fill_with_chargen(std::uint64_t position, MutableBytes out) {
  auto offset = static_cast<std::size_t>(position % chargen_period);
  while (!out.empty()) {
    const auto part = std::min(out.size(), chargen_period - offset);
    std::copy_n(chargen_text.data() + offset, part, out.data());
    out = out.subspan(part);
    offset = 0;
  }
}

Task echo(Stream stream) {
  while (const auto text = co_await readable(stream)) {
    if (text->empty()) break;
    const auto taken = stream.write(*text);
    if (taken) {
      stream.consume(*taken);
    } else if (taken.error() != Error::would_block || !co_await writable(stream)) {
      break;
    }
  }
}

Task discard(Stream stream) { co_await throw_away(stream); }

Task chargen(Stream stream) { co_await both(send_chargen(stream), throw_away(stream)); }

Task http(Stream stream) {
  bool keep_alive = true;
  while (keep_alive) {
    HttpRequestParser parser;
    co_await read_request(stream, parser);
    if (!parser.finished()) co_return;
    const HttpResponse response = answer(parser, stream.info(), std::time(nullptr));
    if (!co_await write(stream, std::as_bytes(std::span{response.text}))) co_return;
    keep_alive = response.keep_alive;
    if (keep_alive) co_await skip_body(stream, parser.request().content_length);
  }
  co_await say_goodbye(stream);
}

Task banner(Stream stream, std::string_view text) {
  // Why not in the condition: GCC 12 makes code of that which traps.
  const auto written = co_await write(stream, std::as_bytes(std::span{text}));
  if (!written) co_return;
  co_await say_goodbye(stream);
}

Task say_goodbye(Stream& stream) {
  if (stream.close()) co_await throw_away(stream);
}

Task serve_connection(Handler handler, Stream stream) {
  switch (handler) {
    case Handler::echo:
      return echo(std::move(stream));
    case Handler::discard:
      return discard(std::move(stream));
    case Handler::chargen:
      return chargen(std::move(stream));
    case Handler::http:
      return http(std::move(stream));
  }
  return {};
}

}  // namespace backstop::tools
