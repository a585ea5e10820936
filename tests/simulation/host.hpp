// One host of a simulated world: a real stack, the users of its connections, perhaps a fallback manager, and an
// inspector at its device. Read next: world.hpp.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "fallback/manager.hpp"
#include "stack/coroutine.hpp"
#include "stack/stack.hpp"
#include "tests/simulation/inspector.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/user.hpp"
#include "tests/support/memory.hpp"
#include "tests/support/packets.hpp"

namespace backstop::simulation {

/// What a host needs of the world around it.
class Surroundings {
 public:
  virtual void send(std::size_t host, test::Packet packet, Offload offload) = 0;
  virtual void at(Instant when, std::move_only_function<void()> what) = 0;
  virtual void note(std::string_view text) = 0;

 protected:
  ~Surroundings() = default;
};

class Host : private Executor::Observer {
 public:
  Host(std::size_t index, const HostPlan& plan, Surroundings& world, Ends& ends, std::uint64_t seed);

  void open_services(Instant now);
  void close_services();
  /// Active open. `ended` is called when its user has gone.
  using Ended = std::move_only_function<void(const End*)>;  ///< null: it could not even begin
  void visit(const Visit& visit, Endpoint target, Instant now, Ended ended);

  /// A packet has arrived at the device. False when that has no room for it.
  bool deliver(test::Packet packet, Offload offload);
  void stall_until(Instant when) { stalled_until_ = when; }
  /// When take_turn() has something to do; `never` when nothing will happen by itself.
  [[nodiscard]] Instant due();
  /// Packets in, users, packets out, until nothing is left to do. Throws Failure.
  void take_turn(Instant now);

  /// Whoever waits for a peer that has gone is dismissed. Throws Failure when somebody waits for a peer that is there.
  /// Returns whether somebody was dismissed.
  bool dismiss_widows(Instant now);
  /// Everything borrowed must have come back. Throws Failure.
  void check_end() const;

  [[nodiscard]] const Statistics& statistics() const { return stack_.statistics(); }
  [[nodiscard]] const Inspector& inspector() const { return inspector_; }
  [[nodiscard]] std::size_t users() const { return users_.size(); }
  [[nodiscard]] std::string describe_users() const;

 private:
  struct OpenService {
    const Service* plan;
    Listener listener;
  };
  struct Arrived {
    test::Packet bytes;
    Offload offload;
  };
  struct Guest {
    User user;
    Ended ended;
    Instant wake = never;  // the earliest that is in the world's calendar
  };

  static std::uint64_t key(HandleId id) { return std::uint64_t{id.generation} << 32 | id.slot; }
  void open(OpenService& service);
  void close(OpenService& service);
  void accept_all(OpenService& service, Instant now);
  void expect_text_of(End& accepted);
  void take_in(Stream stream, End& end, const Manner& manner, Instant now, Ended ended);
  void let_act(std::uint64_t guest, Instant now);
  void receive_all(Instant now);
  bool hear_events(Instant now);
  void on_event(const Event& event, Instant now) override;
  FallbackDecision decide(Consultation& about);
  Task serve_unclaimed(Stream stream);
  void check_outcomes() const;
  bool transmit_all(Instant now);
  void check_deadline(Instant now) const;

  std::size_t index_;
  const HostPlan& plan_;
  Surroundings& world_;
  Ends& ends_;
  test::SealedMemory memory_;
  Stack stack_;
  Inspector inspector_;
  Draw draw_;
  bool heard_ = false;  // an event, in this turn
  // Of a host with a fallback manager, whose executor takes the events.
  std::optional<Executor> executor_;
  std::optional<FallbackManager> fallback_;
  FallbackHandle handler_;
  std::deque<std::pair<std::uint64_t, DeferToken>> tokens_;  // by number
  std::uint64_t last_token_ = 0;
  std::deque<OpenService> services_;
  std::map<std::uint64_t, Guest> users_;  // by handle
  std::deque<Arrived> inbox_;
  Instant stalled_until_ = immediately;
};

}  // namespace backstop::simulation
