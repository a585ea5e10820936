#include "tools/bench/two_cores.hpp"

#include <pthread.h>
#include <sched.h>

#include <thread>
#include <vector>

namespace backstop::tools::bench {
namespace {

/// Keeps the calling thread on the processor that is number `index` of those that it may use; where there are fewer, it
/// stays as it is.
/// Why: two threads that never sleep may share one processor for longer than a case takes, with the other idle.
void keep_to_processor(std::size_t index) {
  cpu_set_t allowed;
  if (::pthread_getaffinity_np(::pthread_self(), sizeof(allowed), &allowed) != 0) return;
  for (std::size_t processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (!CPU_ISSET(processor, &allowed) || index-- > 0) continue;
    cpu_set_t chosen;
    CPU_ZERO(&chosen);
    CPU_SET(processor, &chosen);
    ::pthread_setaffinity_np(::pthread_self(), sizeof(chosen), &chosen);
    return;
  }
}

}  // namespace

void TwoCores::run(std::uint64_t operations) {
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < works_.size(); ++i) {
    threads.emplace_back([this, i, operations] {
      keep_to_processor(i);
      works_[i]->run(operations);
    });
  }
}

}  // namespace backstop::tools::bench
