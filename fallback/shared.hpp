// What the fallback manager shares with its handles and tokens, which may outlive it and live on any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>

#include "fallback/deferrals.hpp"
#include "fallback/registry.hpp"
#include "fallback/waker.hpp"

namespace backstop {

class FallbackManager;

namespace detail {

struct FallbackShared {
  FallbackShared(FallbackManager& owner, std::uint32_t max_handlers, std::uint32_t max_flows,
                 std::move_only_function<void()> wake)
      : manager(&owner), waker(std::move(wake)), registry(max_handlers), deferrals(max_flows) {}

  FallbackManager* manager;  ///< nullptr when it is gone; for the thread that drives the stack only
  std::atomic<const void*> driver = this_thread();  ///< that thread, as far as is known
  Waker waker;
  Registry registry;
  Deferrals deferrals;
};

}  // namespace detail
}  // namespace backstop
