// The one page of the http handler: the connection that carries it, as it sees itself (in the manner of `ss -ti`).
// Pure: the request, the connection's state and the time go in, the whole response comes out.
#pragma once

#include <ctime>
#include <string>

#include "stack/tcp/info.hpp"
#include "tools/serve/http_request.hpp"

namespace backstop::tools {

struct HttpResponse {
  std::string text;         ///< status line, fields and content
  bool keep_alive = false;  ///< the connection is good for another request
};

/// Answers a request that is finished, rightly or wrongly. `now` is for the Date field (RFC 9110 section 6.6.1).
HttpResponse answer(const HttpRequestParser& parsed, const ConnectionInfo& info, std::time_t now);

/// The page itself, plain text.
std::string page_about(const ConnectionInfo& info);

}  // namespace backstop::tools
