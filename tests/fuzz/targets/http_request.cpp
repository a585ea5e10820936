// Any octets as an HTTP request head: reading it whole or in pieces gives the same, and never takes more than is there.
#include <string>

#include "tests/fuzz/input.hpp"
#include "tests/fuzz/target.hpp"
#include "tools/serve/http_request.hpp"

namespace backstop::fuzz {
namespace {

using tools::HttpRequestParser;

std::size_t take_all(HttpRequestParser& parser, Bytes text, std::size_t piece) {
  std::size_t taken = 0;
  while (!parser.finished() && taken < text.size()) {
    const Bytes part = text.subspan(taken, std::min(piece, text.size() - taken));
    const std::size_t now = parser.take(part);
    require(now <= part.size(), "more was taken than was there");
    require(now == part.size() || parser.finished(), "text was left although the head is not finished");
    taken += now;
  }
  return taken;
}

void run(Bytes octets) {
  Input input{octets};
  const std::size_t piece = 1 + input.below(40);
  const Bytes text = input.rest();
  HttpRequestParser whole;
  HttpRequestParser pieces;
  const std::size_t first = take_all(whole, text, text.size());
  const std::size_t second = take_all(pieces, text, piece);
  require(whole.finished() == pieces.finished() && whole.error() == pieces.error(), "pieces end otherwise");
  require(!whole.finished() || first == second, "pieces take another number of octets");
  require(whole.request().method == pieces.request().method &&
              whole.request().content_length == pieces.request().content_length &&
              whole.request().keep_alive == pieces.request().keep_alive &&
              whole.request().chunked == pieces.request().chunked,
          "pieces make another request");
  if (whole.finished()) require(whole.take(text) == 0, "a finished head takes more");
}

}  // namespace
}  // namespace backstop::fuzz

BACKSTOP_FUZZ_TARGET("http_request", backstop::fuzz::run);
