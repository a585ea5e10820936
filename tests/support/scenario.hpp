// One stack, a scripted peer, and virtual time. A test plays segments written in the notation and says what must come
// back; every packet on the way is a real one, so the wire code is under test as well.
//
//   Scenario t;                                        // listens on port 80, time stands still
//   t.inject("S  0:0(0)       win 65535 <mss 1460>");  // numbers count from each side's ISN
//   t.expect("S. 0:0(0) ack 1 win 65535 <mss 1460>");  // what a line does not write is not compared
//   t.inject(".  1:1(0) ack 1");                       // a window that is not written stays as it was
//   t.silence();
//
// Segments injected one after the other arrive as one burst; expect() and silence() are where the stack gets to send.
// A test case that makes a Scenario runs once for each pair of ISNs, two of them next to the wrap.
// A failure throws, with the story so far. Packets are held to the rules in watch.hpp, whatever the test is about.
// Read next: link.hpp, for two stacks.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "stack/stack.hpp"
#include "tests/support/memory.hpp"
#include "tests/support/packets.hpp"
#include "tests/support/watch.hpp"
#include "tools/notation/pattern.hpp"
#include "tools/notation/transcript.hpp"

namespace backstop::test {

/// What a test expected and did not get. The message holds the whole story.
class StoryMismatch : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct IsnPair {
  std::uint32_t ours = 0;   ///< of the connection between the scenario's default endpoints, opened at its start
  std::uint32_t peers = 0;  ///< of every peer
};

class Scenario {
 public:
  using Where = std::source_location;
  using Change = std::function<void(Config&)>;

  static constexpr Endpoint default_local{Ipv4Address::of(10, 0, 0, 2), 80};
  static constexpr Endpoint default_remote{Ipv4Address::of(10, 0, 0, 1), 40'000};

  /// `change` alters the configuration, which is the default one but for its size. Runs the test case once per ISN
  /// pair.
  explicit Scenario(const Change& change = {});
  Scenario(IsnPair isns, const Change& change = {});
  ~Scenario();
  Scenario(const Scenario&) = delete;
  Scenario& operator=(const Scenario&) = delete;

  // The wire ----------------------------------------------------------------------------------------------------------
  /// The segment arrives. A TSecr that is not written is our latest TSval; when both SYNs had timestamps and the line
  /// writes no options, it gets them.
  void inject(std::string_view line, Where where = Where::current());
  void inject_packet(const Packet& packet, Offload offload = {});
  /// The packet that inject() would deliver.
  [[nodiscard]] Packet build(std::string_view line, Where where = Where::current());
  /// The next packet of the stack is this one.
  const wire::Segment& expect(std::string_view line, Where where = Where::current());
  /// The same, and it was sent exactly `delay` after the line before in the story; time moves on as needed.
  const wire::Segment& expect_after(Duration delay, std::string_view line, Where where = Where::current());
  /// The stack has nothing to send now, or until `duration` has passed.
  void silence(Where where = Where::current());
  void silence(Duration duration, Where where = Where::current());
  /// The next packet of the stack, whatever it is.
  Packet take_packet(Where where = Where::current());
  /// Forgets what the stack sent and nobody expected.
  void ignore_sent();

  /// From now on lines are about the connection between these ports (and, if given, this peer's address).
  void between(std::uint16_t local_port, std::uint16_t remote_port, Ipv4Address remote = default_remote.address);

  // Time --------------------------------------------------------------------------------------------------------------
  /// Time moves on, through every deadline on the way; what is sent then waits for expect().
  void advance(Duration duration, Where where = Where::current());
  [[nodiscard]] Instant now() const { return now_; }

  // The user ----------------------------------------------------------------------------------------------------------
  Stack& stack() { return *stack_; }
  Listener& listener() { return listener_; }
  /// Lets the listener on port 80 go.
  void stop_listening();
  /// The connection that waits longest at the listener.
  Stream accept(Where where = Where::current());
  /// Active open between the ports of the day. Read it with stream().
  Stream& connect(Where where = Where::current());
  /// The connection under test: the one that connect() or establish() made, else the next to accept.
  Stream& stream(Where where = Where::current());
  /// A connection that a peer opened: the three-way handshake, with these options in its SYN.
  void establish(std::string_view syn_options = "<mss 1460>", Where where = Where::current());
  /// A connection that we opened.
  void establish_actively(std::string_view syn_ack_options = "<mss 1460>", Where where = Where::current());

  /// Writes `size` octets of test text; all of them must find room. expect() then checks the text of segments too.
  void write(std::size_t size, Where where = Where::current());
  /// Reads: exactly `size` octets of the peer's text must be there, and be right.
  void read(std::size_t size, Where where = Where::current());
  /// The user reads the end of text.
  void read_end(Where where = Where::current());
  /// The user's next read fails like this.
  void read_error(Error error, Where where = Where::current());
  void close(Where where = Where::current());
  void abort(Where where = Where::current());
  /// The stream under test is let go, as its destructor does.
  void drop_stream();
  /// The stream under test is in this state.
  void state(State expected, Where where = Where::current());
  /// What the events since the last question said about this handle.
  Readiness news(HandleId id);
  Readiness news() { return news(stream().id()); }

  void note(std::string_view text) { story_.note(text, now_); }
  [[nodiscard]] const notation::Transcript& story() const { return story_; }
  [[noreturn]] void fail(const std::string& what, Where where);

 private:
  Scenario(IsnPair isns, const Config& config);

  struct Sent {
    Packet bytes;
    Offload offload;
    Instant at;
  };
  // What the script needs to know of a connection to write its lines.
  struct Conversation {
    std::uint16_t window = 65'535;  // last injected
    bool peer_timestamps = false;
    bool our_timestamps = false;
    std::uint32_t our_latest_timestamp = 0;
    std::uint32_t timestamp_base = 1;  // the peer's clock showed this ...
    Instant timestamp_since;           // ... then, and ticks in milliseconds
    std::vector<std::byte> written;    // by the user
    std::uint64_t read = 0;            // octets of the peer's text

    [[nodiscard]] std::uint32_t timestamp(Instant now) const;
  };

  void collect(Where where = Where::current());
  void note_sent(const Sent& sent, Where where);
  Sent take(Where where);
  void check(Sent sent, const notation::Pattern& pattern, std::string_view line, Where where);
  std::vector<std::string> differences(const notation::Pattern& pattern, Offload offload);
  std::vector<std::string> differences_of_segment(const wire::Ipv4Header& ip, const notation::SegmentPattern& pattern);
  void wait_for_packet(Instant limit, Where where);
  bool step(Instant limit, Where where);
  notation::Pattern parse(std::string_view line, Where where);
  wire::Segment segment_to_inject(const notation::SegmentPattern& pattern, Where where);
  Packet icmp_to_inject(const notation::IcmpPattern& pattern);
  void call(std::string_view text);
  Conversation& conversation() { return conversations_[{local_, remote_}]; }
  notation::Relative from_us() const { return story_.origins().of(local_, remote_); }
  notation::Relative from_peer() const { return story_.origins().of(remote_, local_); }

  IsnPair isns_;
  SealedMemory memory_;
  std::optional<Stack> stack_;
  Instant now_;
  Instant last_;  // time of the line before, for expect_after
  notation::Transcript story_;
  Watch watch_;
  Listener listener_;
  Stream stream_;
  Endpoint local_ = default_local;
  Endpoint remote_ = default_remote;
  std::deque<Sent> outbox_;
  Packet last_packet_;
  wire::Segment last_segment_;  // views last_packet_
  std::map<std::pair<Endpoint, Endpoint>, Conversation> conversations_;
  std::vector<Event> events_;
  int exceptions_at_start_;
  bool told_ = false;  // the story, in an exception
};

}  // namespace backstop::test
