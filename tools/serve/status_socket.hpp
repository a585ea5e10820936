// Answers questions about a run on a Unix socket, as HTTP, so that curl and Prometheus can ask too:
//
//   curl --unix-socket PATH http://backstop/status.json
//
// Nothing here waits: a client that sends or reads slowly is served when it can be, and let go when it takes too long.
// Read next: status.hpp, what is answered; ../ss/ss.cpp, who asks.
#pragma once

#include <functional>
#include <list>
#include <string>

#include "tools/serve/http_request.hpp"
#include "tun/event_loop.hpp"
#include "tun/file_descriptor.hpp"

namespace backstop::tools {

/// The content for a path, and what kind of content it is. Nothing: there is no such path.
struct StatusPage {
  std::string content;
  std::string_view type;
};
using FindPage = std::function<std::optional<StatusPage>(std::string_view path)>;

class StatusSocket {
 public:
  /// Makes the socket at `path`. One that was left there by a process which is gone is replaced. Throws
  /// std::system_error, also when somebody serves there.
  StatusSocket(tun::EventLoop& loop, std::string path, FindPage find_page);
  /// Takes the socket away.
  ~StatusSocket();
  StatusSocket(const StatusSocket&) = delete;
  StatusSocket& operator=(const StatusSocket&) = delete;

 private:
  struct Client {
    tun::FileDescriptor socket;
    HttpRequestParser request;
    std::string answer;
    std::size_t sent = 0;
    tun::Watch watch;  // after the socket: it ends first
    tun::Timer patience;
  };
  using Place = std::list<Client>::iterator;

  void welcome();
  void turn(Place client);
  static bool read_request(Client& client);
  static bool send_answer(Client& client);

  tun::EventLoop& loop_;
  std::string path_;
  FindPage find_page_;
  std::list<Client> clients_;
  tun::FileDescriptor listener_;
  tun::Watch watch_;
};

/// The whole response to a request that is finished.
std::string respond(const HttpRequestParser& parsed, const FindPage& find_page);

}  // namespace backstop::tools
