// What is behind the Stack: the tables of connections and listeners, demultiplexing, the queue of replies, deadlines
// and the turns that connections take to send. core.cpp holds packets out and the tables, demultiplex.cpp and icmp.cpp
// packets in, landing.cpp long text that a device reads to its place, syn_cookies.cpp what happens above the limit on
// half-open connections, core_calls.cpp the users' calls. Read next: demultiplex.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <vector>

#include "stack/flow_table.hpp"
#include "stack/frame_pool.hpp"
#include "stack/rate_limiter.hpp"
#include "stack/reassembly.hpp"
#include "stack/ring.hpp"
#include "stack/stack.hpp"
#include "stack/tcp/isn.hpp"
#include "stack/tcp/tcb.hpp"
#include "stack/timer_wheel.hpp"
#include "stack/wire/plain_segment.hpp"

namespace backstop {

namespace tcp {
struct Outgoing;
}

class Core {
 public:
  Core(const Config& config, std::pmr::memory_resource& memory);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  static std::size_t required_memory(const Config& config);

  // The four verbs.
  void receive(const InboundPacket& packet, Instant now);
  Landing landing();
  bool receive_landed(const InboundPacket& packet, Instant now);
  void release_landing();
  std::optional<OutboundPacket> transmit(Instant now);
  [[nodiscard]] std::optional<Instant> next_deadline() const;
  std::optional<Event> next_event();
  [[nodiscard]] bool has_events() const { return !events_.empty() || !listener_events_.empty(); }

  // Opening.
  std::expected<HandleId, Error> listen(Endpoint local, ListenOptions options);
  std::expected<HandleId, Error> connect(Endpoint remote, Instant now, const ConnectOptions& options);
  std::expected<HandleId, Error> accept_syn(const SynInfo& syn, Instant now, const InitialNumbers& numbers);
  void refuse(const SynInfo& syn);
  void unreachable(const SynInfo& syn, wire::UnreachableCode code);
  void answer_with_cookie(const SynInfo& syn, Instant now);

  // Handles. A null pointer: the handle is stale.
  tcp::Tcb* find(HandleId id);
  tcp::Environment& environment() { return environment_; }
  /// After any call on a connection: deadlines, events, its turn to send, and its end.
  void settle(HandleId id) { settle_slot(id.slot); }
  /// After text was written: it takes its turn, and nothing else has changed.
  void text_was_written(HandleId id);
  /// A write found no room. Its own acknowledgments may never make any, when it is the pool that has run low.
  [[gnu::cold]] void wait_for_room(HandleId id);
  void end_reading(HandleId id);
  void abort(HandleId id);
  void release(HandleId id);
  std::expected<void, Error> set_options(HandleId id, const ConnectionOptions& options);
  std::expected<HandleId, Error> accept(HandleId listener);
  [[nodiscard]] bool has_acceptable(HandleId listener);
  void close_listener(HandleId listener);
  [[nodiscard]] Endpoint listener_endpoint(HandleId listener) const;

  std::optional<std::uint32_t> attach_tap(TapCallbacks callbacks, TapFlags flags);
  void detach_tap(std::uint32_t id);

  [[nodiscard]] std::span<const Endpoint> bound_ports() const { return bound_; }
  [[nodiscard]] const Statistics& statistics() const { return statistics_; }
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] std::uint32_t connections() const { return connections_; }
  [[nodiscard]] std::optional<HandleId> connection_at(std::uint32_t slot) const {
    return slot < touched_slots_ && slots_[slot].in_use ? std::optional{handle_of(slot)} : std::nullopt;
  }
  [[nodiscard]] std::uint32_t blocks_in_use() const { return blocks_.in_use(); }
  [[nodiscard]] FramePool& frames() { return frames_; }

 private:
  static constexpr std::uint32_t none = 0xffff'ffff;
  // Why: less is copied soon, and to tell a device where each of the blocks lies has a price of its own.
  static constexpr std::size_t long_text = 16'384;

  struct Slot {
    tcp::Tcb tcb;
    std::uint32_t generation = 1;   // of the connection in it, or of the next one
    std::uint32_t tag = 0;          // in the flow table
    std::uint32_t listener = none;  // whose child it is, until accepted
    std::uint32_t next_ready = none;
    std::uint32_t next_event = none;
    std::uint32_t next_starved = none;
    std::uint32_t next_acceptable = none;  // or the next free slot
    bool in_use : 1 = false;
    bool in_table : 1 = false;
    bool is_ready : 1 = false;
    bool has_event : 1 = false;
    bool is_starved : 1 = false;
    bool is_half_open : 1 = false;  // opened by a peer, in its handshake
    bool acceptable : 1 = false;    // in its listener's queue
  };
  static_assert(sizeof(Slot) <= 320);  // what an idle connection costs, with its places in two tables
  using Slots = tcp::Places<Slot, 4>;

  struct ListenerSlot {
    Endpoint local;
    std::uint32_t generation = 0;
    std::uint32_t next_in_bucket = none;
    std::uint32_t backlog = 0;
    std::uint32_t half_open = 0;
    std::uint32_t waiting = 0;  // for accept()
    std::uint32_t first_acceptable = none;
    std::uint32_t last_acceptable = none;
    tcp::OptionSetId options = tcp::default_options;  // of the connections that come to it
    bool in_use = false;
    bool has_event = false;

    [[nodiscard]] bool is_full() const { return waiting >= backlog; }
  };

  struct TapSlot {
    TapCallbacks callbacks;
    TapFlags flags;
    bool in_use = false;
  };

  struct Reply {
    FourTuple tuple;
    wire::Segment segment;
    std::uint8_t ttl;
    std::uint8_t dscp;
  };

  /// A whole ICMP packet in a borrowed block.
  struct IcmpReply {
    tcp::BlockId block = tcp::no_block;
    std::uint32_t size = 0;
  };

  /// A singly linked queue of slots through one of their link members.
  template <std::uint32_t Slot::* Next>
  struct SlotQueue {
    std::uint32_t first = none;
    std::uint32_t last = none;

    void push(Core& core, std::uint32_t index) {
      core.slots_[index].*Next = none;
      if (last == none) {
        first = index;
      } else {
        core.slots_[last].*Next = index;
      }
      last = index;
    }
    std::uint32_t pop(Core& core) {
      const std::uint32_t index = first;
      if (index == none) return none;
      first = core.slots_[index].*Next;
      if (first == none) last = none;
      return index;
    }
    [[nodiscard]] bool empty() const { return first == none; }
  };

  // demultiplex.cpp: packets in.
  [[gnu::cold]] void drop(Drop reason) { ++statistics_.drops[static_cast<std::size_t>(reason)]; }
  [[nodiscard]] bool may_be_of_another_stack(const wire::Ipv4Datagram& datagram);
  void datagram_arrives(const wire::Ipv4Datagram& datagram, Offload offload, Instant now);
  [[nodiscard]] std::optional<Drop> check_addresses(const wire::Ipv4Header& header) const;
  [[nodiscard]] bool is_ours(Ipv4Address address) const;
  [[nodiscard]] bool is_broadcast(Ipv4Address address) const;
  void segment_arrives(const wire::Ipv4Datagram& datagram, Offload offload, Instant now);
  bool plain_segment_arrives(const InboundPacket& packet, Instant now);
  void expected_segment_arrives(std::uint32_t index, wire::PlainSegment& segment, bool is_verified, Instant now);
  void show_to_taps(const wire::Ipv4Header& header, const wire::Segment& segment, Instant now);
  template <class Call>
  void call_taps(Call call);
  bool connection_takes(const wire::Ipv4Header& header, const wire::Segment& segment, Instant now);
  bool connection_takes(std::uint32_t index, const wire::Segment& segment, bool congestion_experienced, Instant now);
  [[gnu::cold]] void reset_of_nobody(const FourTuple& tuple, SeqNum seq, Instant now);
  [[nodiscard]] bool must_wait(const Slot& slot, wire::Flags flags) const;
  void listener_takes(std::uint32_t listener, const wire::Ipv4Header& header, const wire::Segment& segment,
                      Instant now);
  void listener_takes_syn(std::uint32_t listener, const FourTuple& tuple, const wire::Segment& syn, Instant now);
  void nobody_takes(const wire::Ipv4Header& header, const wire::Segment& segment, Instant now);
  [[nodiscard]] std::uint32_t find_listener(Endpoint local) const;
  [[nodiscard]] std::uint32_t find_exact_listener(Endpoint local) const;
  TapSlot* suppressing_tap();
  void ask(TapSlot& tap, const SynInfo& syn, const wire::Segment& segment, Instant now);
  [[gnu::cold]] void forget_detached_taps();
  void reply(const FourTuple& tuple, const wire::Segment& segment, const ConnectionOptions& options);
  void reply_with_reset(const FourTuple& tuple, const wire::Segment& segment);

  // landing.cpp: text that is read straight to its place.
  void note_long_text(std::uint32_t index, bool stamped);
  void note_unlikely();
  bool is_likely_next(const wire::PlainSegment& segment);

  // syn_cookies.cpp: answers that keep nothing.
  [[nodiscard]] bool wants_cookie(const ListenerSlot& listener) const;
  [[gnu::cold]] void send_cookie(const FourTuple& tuple, tcp::OptionSetId options, const wire::Segment& syn,
                                 Instant now);
  std::optional<wire::Segment> take_cookie(const FourTuple& tuple, tcp::OptionSetId options, const wire::Segment& ack,
                                           Instant now);
  std::uint32_t open_by_cookie(const FourTuple& tuple, tcp::OptionSetId options, const wire::Segment& syn,
                               const wire::Segment& ack, Instant now);
  [[gnu::cold]] bool listener_takes_cookie(std::uint32_t listener, const wire::Ipv4Header& header,
                                           const wire::Segment& ack, Instant now);
  [[gnu::cold]] bool tap_takes_cookie(const wire::Ipv4Header& header, const wire::Segment& ack, Instant now);

  // icmp.cpp: ICMP and UDP.
  [[gnu::cold]] void icmp_arrives(const wire::Ipv4Datagram& datagram, Instant now);
  void answer_echo(const wire::Ipv4Datagram& datagram, const wire::IcmpMessage& request);
  void icmp_error_arrives(const wire::IcmpMessage& error);
  void path_fails(tcp::Tcb& tcb, const wire::IcmpMessage& error);
  [[gnu::cold]] void udp_arrives(const wire::Ipv4Datagram& datagram, Offload offload);
  [[gnu::cold]] void send_unreachable(wire::UnreachableCode code, Bytes quotation);
  void queue_icmp(Ipv4Address source, Ipv4Address destination, const wire::IcmpMessage& message);

  // core.cpp: slots and packets out.
  std::uint32_t allocate_slot();
  void free_slot(std::uint32_t index);
  std::uint32_t open_slot(const FourTuple& tuple, tcp::OptionSetId options);
  std::uint32_t open_passive(const FourTuple& tuple, tcp::OptionSetId options, const wire::Segment& syn, Instant now,
                             const InitialNumbers& numbers = {});
  [[nodiscard]] tcp::FirstNumbers choose_numbers(const FourTuple& tuple, const InitialNumbers& wanted,
                                                 Instant now) const;
  [[nodiscard]] std::uint32_t find_slot(const FourTuple& tuple);
  [[nodiscard]] HandleId handle_of(std::uint32_t index) const { return {index, slots_[index].generation, false}; }
  /// The same as what a call returns, made in its place.
  [[nodiscard]] std::expected<HandleId, Error> opened(std::uint32_t index) const {
    return std::expected<HandleId, Error>{std::in_place, index, slots_[index].generation, false};
  }
  void settle_slot(std::uint32_t index);
  void retire(std::uint32_t index);
  void adopt(std::uint32_t listener, std::uint32_t child);
  void leave_half_open(std::uint32_t index);
  void child_is_established(std::uint32_t index);
  void take_a_turn(std::uint32_t index);
  void push_ready(std::uint32_t index);
  void push_event(std::uint32_t index);
  [[gnu::cold]] void wake_starved();
  void fire_deadlines(Instant now);
  std::optional<OutboundPacket> next_reply();
  [[gnu::cold]] std::optional<OutboundPacket> next_icmp();
  std::optional<OutboundPacket> next_segment(Instant now);
  std::optional<OutboundPacket> build(const wire::Ipv4Header& ip, const wire::Segment& segment, std::size_t text_size,
                                      std::span<const Bytes> text, std::uint32_t mss);
  wire::Ipv4Header ip_header(const FourTuple& tuple, std::uint8_t ttl, std::uint8_t dscp);
  std::optional<OutboundPacket> build_text(tcp::Tcb& tcb, const tcp::Outgoing& out);
  std::optional<Event> next_listener_event();

  // core_calls.cpp: users' calls.
  [[gnu::cold]] std::expected<HandleId, Error> accept_by_cookie(const SynInfo& info, Instant now);
  std::uint16_t choose_port(Ipv4Address local, Endpoint remote);
  ListenerSlot* find_listener_slot(HandleId id);
  void link_listener(std::uint32_t index);
  void unlink_listener(std::uint32_t index);
  [[nodiscard]] std::size_t listener_bucket(std::uint16_t port) const { return port & (listener_buckets_.size() - 1); }
  void abort_slot(std::uint32_t index);
  [[gnu::cold]] void abort_child(std::uint32_t index);

  Config config_;
  tcp::SipKey secret_;
  Statistics statistics_;
  Instant now_{};  // the latest that a driver told: for calls that bring no time

  tcp::BlockPool blocks_;
  tcp::SentPool sent_;
  tcp::FlightPool flights_;
  tcp::HistoryPool histories_;
  tcp::OptionSets option_sets_;
  tcp::Environment environment_;
  TimerWheel wheel_;
  FlowTable table_;
  Reassembler reassembler_;
  FramePool frames_;

  Slots slots_;
  std::uint32_t touched_slots_ = 0;
  std::uint32_t found_last_ = none;  // by find_slot()
  std::uint32_t free_slots_ = none;
  std::uint32_t connections_ = 0;
  std::uint32_t half_open_ = 0;
  Instant cookies_until_ = immediately;  // when the last cookie that is out expires
  SlotQueue<&Slot::next_ready> ready_;
  SlotQueue<&Slot::next_event> events_;
  SlotQueue<&Slot::next_starved> starved_;  // their users wait for room that only other connections can make

  std::pmr::vector<ListenerSlot> listeners_;
  std::pmr::vector<std::uint32_t> listener_buckets_;
  std::pmr::vector<Endpoint> bound_;
  Ring<std::uint32_t> listener_events_;

  std::pmr::vector<TapSlot> taps_;
  std::uint32_t watching_taps_ = 0;             // those with a callback for segments
  std::uint32_t tap_depth_ = 0;                 // callbacks of taps that are running
  bool taps_to_forget_ = false;                 // one was detached meanwhile
  const wire::Segment* syn_in_hand_ = nullptr;  // the SYN that a tap is being asked about

  Ring<Reply> replies_;
  Ring<IcmpReply> icmp_replies_;
  RateLimiter reset_limiter_;
  RateLimiter icmp_limiter_;
  std::uint32_t long_text_last_ = none;            // whose the last long text was
  std::uint32_t likely_next_ = none;               // whose the next one is, since the last two were
  bool likely_stamped_ = false;                    // whether its segments have timestamps
  std::uint32_t unlikely_in_a_row_ = 0;            // packets that were not what was likely
  std::uint32_t landing_ = none;                   // whose receive queue has places for text that has not come yet
  std::size_t landing_size_ = 0;                   // octets of these
  std::pmr::vector<MutableBytes> landing_pieces_;  // scratch for them
  tcp::BlockId sending_block_ = tcp::no_block;     // viewed by the last packet returned
  std::uint16_t ip_id_ = 0;
  std::uint16_t next_port_ = 0;
  FourTuple ports_begin_for_;  // whose ports were last chosen, but for the port; and where they begin
  std::uint32_t ports_begin_ = 0;
  std::array<std::byte, wire::max_headers_size> headers_{};
  std::pmr::vector<Bytes> pieces_;  // scratch for the text of the packet being built
};

}  // namespace backstop
