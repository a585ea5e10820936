// What the stack is measured against: the same services on kernel sockets, in one thread.
#pragma once

namespace backstop::tools::bench {

/// Echo on port 7, discard on 9, chargen on 19, until the process is killed. Throws std::system_error.
[[noreturn]] void serve_with_the_kernel();

}  // namespace backstop::tools::bench
