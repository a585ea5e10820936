// Watches everything that one host sends and receives, and knows rules that every packet must keep:
//   - it parses, its checksums are right, it fits the MTU and the peer's MSS (RFC 9293 MUST-16)
//   - acknowledgments never go back, and never beyond what has arrived
//   - the right edge of the window never moves left (SHLD-14), and the peer's is respected
//   - sequence numbers leave no gap, nothing follows a FIN, timestamps do not run back
//   - the text is that which the user wrote, at the place where it was written
// It learns where a connection begins from the SYNs alone, so it also notices a stack that mixes two connections up.
// Read next: host.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "stack/config.hpp"
#include "stack/reassembly.hpp"
#include "stack/wire/segment.hpp"
#include "tests/simulation/stream_text.hpp"

namespace backstop::simulation {

struct TupleHash {
  std::size_t operator()(const FourTuple& tuple) const {
    const std::uint64_t addresses = std::uint64_t{tuple.local.address.value} << 32 | tuple.remote.address.value;
    const std::uint64_t ports = std::uint64_t{tuple.local.port} << 16 | tuple.remote.port;
    return static_cast<std::size_t>((addresses ^ ports << 24) * 0x9e37'79b9'7f4a'7c15 >> 16);
  }
};

class Inspector {
 public:
  explicit Inspector(const Config& config) : mtu_(config.mtu), device_cuts_(config.segmentation_offload > 0) {}

  /// The host sends this. What is wrong with it, or an empty string.
  std::string sent(Bytes packet, Offload offload);
  /// The host is given this, whatever it is.
  void received(Bytes packet, Offload offload, Instant now);
  /// From now on text of this connection must be that of `end`.
  void expect_text(const FourTuple& tuple, EndId end) { flows_[tuple].end = end; }
  /// This packet, the last received, brought a cookie: it begins a connection, perhaps not for the first time.
  void cookie_taken(Bytes packet);

  struct Counts {
    std::uint64_t packets = 0;
    std::uint64_t bare_acks = 0;  ///< neither SYN, FIN, RST nor text
    std::uint64_t resets = 0;
    std::uint64_t received = 0;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  /// A SYN that arrived, and how far what came after it reaches.
  struct HeardSyn {
    SeqNum isn;
    std::uint32_t reach = 0;  ///< SEG.SEQ + SEG.LEN - isn, the largest
    wire::TcpOptions options;
  };

  struct Flow {
    // What we sent in the present life of the connection, which began with a SYN of a new number.
    bool open = false;
    SeqNum iss;
    wire::Segment syn;
    std::array<wire::Segment, 4> answers;  ///< SYNs that we sent before
    std::size_t answer_count = 0;
    std::uint32_t reach = 0;           ///< SND.NXT - ISS, the largest
    std::optional<std::uint32_t> fin;  ///< offset of our FIN from ISS
    std::optional<SeqNum> ack;
    std::optional<SeqNum> right_edge;  ///< that we offered
    std::optional<std::uint32_t> timestamp;
    std::optional<EndId> end;

    // What the peer sent.
    bool peer_known = false;
    HeardSyn peer;
    std::optional<SeqNum> peer_right_edge;  ///< the largest that arrived
    std::array<HeardSyn, 4> heard;          ///< the latest at the end
    std::size_t heard_count = 0;
    bool heard_syn = false;  ///< since we sent the last

    [[nodiscard]] std::span<HeardSyn> heard_syns() { return std::span{heard}.first(heard_count); }
  };

  std::string check_segment(const wire::Ipv4Header& ip, const wire::Segment& segment, Offload offload);
  static bool is_cookie_again(Flow& flow, const wire::Segment& syn);
  static void return_to_cookie(Flow& flow, const wire::Segment& segment);
  static void begin(Flow& flow, const wire::Segment& syn);
  static std::string learn_peer(Flow& flow, const wire::Segment& segment);
  static std::string check_options(const Flow& flow, const wire::Segment& segment);
  static std::string check_acknowledgment(Flow& flow, const wire::Segment& segment);
  static std::string check_sequence(Flow& flow, const wire::Segment& segment);
  static std::string check_text(const Flow& flow, const wire::Segment& segment);
  [[nodiscard]] std::string check_size(const Flow& flow, const wire::Segment& segment, Offload offload) const;
  void datagram_arrives(const wire::Ipv4Datagram& datagram, Offload offload);
  static bool offers_the_same(const wire::TcpOptions& a, const wire::TcpOptions& b);
  static void hear_syn(Flow& flow, const wire::Segment& segment);
  static void note_offered_window(Flow& flow, const wire::Segment& segment);

  std::uint16_t mtu_;
  bool device_cuts_;
  std::unordered_map<FourTuple, Flow, TupleHash> flows_;
  std::optional<Reassembler> reassembler_;
  Counts counts_;
};

}  // namespace backstop::simulation
