// Where the demo's story is played: with the kernel's clients over TUN, or with a second stack as the client where the
// machine has no TUN for us. The story is the same.
// Read next: story.hpp.
#pragma once

#include <memory>
#include <string>

#include "tools/demo/host.hpp"
#include "tools/demo/recorder.hpp"

namespace backstop::tools {

/// What became of one connection of the client.
struct Attempt {
  enum class End { connected, refused, timed_out };
  End end = End::timed_out;
  Duration time{};     ///< from the call to the answer
  std::string answer;  ///< what came back
};

class Stage {
 public:
  virtual ~Stage() = default;

  /// Connects to `port`, sends `text`, closes the sending side and reads to the end.
  virtual Attempt talk(std::uint16_t port, const std::string& text) = 0;
  /// What a web client makes of http://address/.
  virtual std::string fetch_page() = 0;
  /// Runs `work` where the stack may be touched.
  virtual void on_stack(const std::function<void()>& work) = 0;
  virtual DemoHost& host() = 0;
  virtual Recorder& recorder() = 0;
};

/// TUN in a network namespace that only this process is in, and that ends with it. Throws std::system_error when the
/// machine does not let us.
std::unique_ptr<Stage> kernel_stage(const std::string& capture);
/// Two stacks on a wire in memory.
std::unique_ptr<Stage> memory_stage(const std::string& capture);

}  // namespace backstop::tools
