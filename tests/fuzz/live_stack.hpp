// A stack that a fuzz target plays with: every packet it sends is inspected as in the simulation, and what a peer must
// know to answer it is remembered, so that an input can aim at the edges of windows. With BACKSTOP_FUZZ_STORY set in
// the environment, the packets are told on stderr. Read next: targets/connection.cpp.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "stack/reassembly.hpp"
#include "stack/stack.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/simulation/inspector.hpp"
#include "tests/support/memory.hpp"
#include "tests/support/packets.hpp"
#include "tools/notation/transcript.hpp"

namespace backstop::fuzz {

/// What a peer knows of a connection of the stack's, from its packets alone.
struct Known {
  SeqNum iss;         ///< of the stack's latest SYN
  SeqNum nxt;         ///< behind the latest octet sent
  SeqNum ack;         ///< the latest acknowledgment: what the peer sends next
  SeqNum right_edge;  ///< of the window it offered
  std::uint8_t scale = 0;
  std::uint32_t timestamp = 0;
  std::vector<SeqNum> peer_isns;  ///< of SYNs that were delivered
};

/// The octet that peers send at a sequence number.
std::byte peer_octet(SeqNum seq);

class LiveStack {
 public:
  /// Whether events are passed over, or left to somebody who takes them.
  enum class Events : bool { ignored, left };
  explicit LiveStack(const Config& config, Events events = Events::ignored);

  Stack& stack() { return stack_; }
  [[nodiscard]] Instant now() const { return now_; }
  simulation::Inspector& inspector() { return inspector_; }
  Known& known(const FourTuple& tuple) { return known_[tuple]; }
  [[nodiscard]] const test::Packet& last_sent() const { return last_sent_; }

  void deliver(const test::Packet& packet, Offload offload = {});
  /// Everything the stack has to send is sent and inspected.
  void drain();
  void set_time(Instant now) { now_ = std::max(now_, now); }
  /// Time moves on, through every deadline on the way.
  void advance(Duration duration);
  /// A segment from the peer of `tuple`, aimed by the input: numbers next to those that matter, any flags and options.
  test::Packet draw_segment(Input& input, const FourTuple& tuple);
  /// A segment with these numbers, and text that says where it belongs.
  test::Packet segment(const FourTuple& tuple, wire::Flags flags, SeqNum seq, SeqNum ack, std::size_t text_size = 0,
                       const wire::TcpOptions& options = {});
  /// What arrives otherwise than a peer sent it: damaged, cut into fragments, or an ICMP error about it.
  void deliver_badly(Input& input, test::Packet packet);
  void deliver_icmp_error(Input& input);
  /// Every connection is aborted; then nothing may be left in the stack.
  void finish();

 private:
  void tell(notation::Direction direction, const test::Packet& packet, Offload offload);
  void note_sent(const test::Packet& packet, Offload offload);
  void note_delivered(const test::Packet& packet);
  void note_syn(const wire::Ipv4Datagram& datagram);

  test::SealedMemory memory_;
  Stack stack_;
  simulation::Inspector inspector_;
  Reassembler reassembler_{16, std::pmr::get_default_resource()};  // more than the stack reassembles at a time
  Events events_;
  Instant now_{std::chrono::hours{1}};
  notation::Transcript story_{now_, {.addresses = true, .last_lines = 1}};
  test::Packet last_sent_;
  std::unordered_map<FourTuple, Known, simulation::TupleHash> known_;
};

}  // namespace backstop::fuzz
