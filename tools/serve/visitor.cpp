#include "tools/serve/visitor.hpp"

#include <algorithm>
#include <string>

#include "tools/serve/handlers.hpp"

namespace backstop::tools {
namespace {

// Why: who has something to say says it at once; who waits for us to speak first has shown that, too.
constexpr Duration patience = std::chrono::seconds{5};

}  // namespace

Task log_visitor(Stream stream, tun::EventLoop& loop, RecordVisit record) {
  const FourTuple tuple = stream.info().tuple;
  const tun::Timer time_is_up = loop.call_after(patience, [&stream] { stream.abort(); });
  std::string said;
  while (said.size() < most_said) {
    const auto text = co_await readable(stream);
    if (!text || text->empty()) break;
    const auto part = text->first(std::min(text->size(), most_said - said.size()));
    said.append(reinterpret_cast<const char*>(part.data()), part.size());
    stream.consume(part.size());
  }
  record(tuple, said);
  co_await say_goodbye(stream);
}

}  // namespace backstop::tools
