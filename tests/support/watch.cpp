#include "tests/support/watch.hpp"

#include <algorithm>

namespace backstop::test {
namespace {

constexpr std::uint16_t default_mss = 536;  // MUST-15
// Why: an MSS of nothing but options would never make progress, so smaller offers are taken as this.
constexpr std::uint16_t least_mss = 48;

// What text and options of one segment may come to, by the MSS option of the peer's SYN.
std::uint32_t allowed_by(const wire::TcpOptions& syn) {
  const std::uint16_t mss = syn.mss.value_or(default_mss);
  return mss == 0 ? default_mss : std::max(mss, least_mss);
}

std::string check_syn_options(const wire::Segment& segment) {
  if (segment.syn()) return {};
  if (segment.options.mss) return "the MSS option without SYN (MUST-65)";
  if (segment.options.window_scale) return "the window scale option without SYN";
  if (segment.options.sack_permitted) return "SACK-permitted without SYN";
  return {};
}

bool both_have_timestamps(const wire::TcpOptions& a, const wire::TcpOptions& b) { return a.timestamps && b.timestamps; }

// The shift of the window that a segment of this side carries.
std::uint32_t shift_of(const wire::TcpOptions& side, const wire::TcpOptions& other, const wire::Segment& segment) {
  return !segment.syn() && side.window_scale && other.window_scale ? *side.window_scale : 0u;
}

}  // namespace

std::string Watch::sent(const wire::Ipv4Header& ip, const wire::Segment& segment, Offload offload) {
  Conversation& both = conversation({ip.source, segment.source_port}, {ip.destination, segment.destination_port});
  note_end(both, segment);
  if (segment.rst()) return check_syn_options(segment);
  const Side before = both.ours;
  note(both.ours, both.peers, segment);
  if (auto wrong = check_syn_options(segment); !wrong.empty()) return wrong;
  if (segment.syn()) return {};

  if (before.ack && both.peers.syn_seen && segment.ack < *before.ack) return "an acknowledgment that goes back";
  // Scaling rounds the window down, which may take back less than one unit (RFC 7323 section 2.4).
  const std::uint32_t shift = shift_of(both.ours.syn_options, both.peers.syn_options, segment);
  if (before.right_edge &&
      segment.ack + (std::uint32_t{segment.window} << shift) + ((1u << shift) - 1) < *before.right_edge) {
    return "a right edge of the window that moves left (SHLD-14)";
  }
  if (both_have_timestamps(both.ours.syn_options, both.peers.syn_options)) {
    if (!segment.options.timestamps) return "no timestamps, though both SYNs had them";
    if (before.timestamp && static_cast<std::int32_t>(segment.options.timestamps->value - *before.timestamp) < 0) {
      return "a timestamp that runs back";
    }
  }
  return check_size(both, segment, offload);
}

void Watch::received(const wire::Ipv4Header& ip, const wire::Segment& segment) {
  Conversation& both = conversation({ip.destination, segment.destination_port}, {ip.source, segment.source_port});
  note_end(both, segment);
  if (!segment.rst()) note(both.peers, both.ours, segment);
}

Watch::Conversation& Watch::conversation(const Endpoint& local, const Endpoint& remote) {
  return conversations_[{local, remote}];
}

void Watch::note_end(Conversation& both, const wire::Segment& segment) {
  if (segment.rst() || segment.fin()) both.ours.ended = both.peers.ended = true;
}

// A SYN begins a side anew, but not when it is an old duplicate in a connection that lives.
void Watch::note(Side& side, const Side& other, const wire::Segment& segment) {
  if (segment.syn() && (!side.syn_seen || side.ended)) {
    side = Side{};
    side.syn_seen = true;
    side.syn_options = segment.options;
  }
  if (segment.options.timestamps) side.timestamp = segment.options.timestamps->value;
  if (!segment.has_ack()) return;
  const std::uint32_t window = std::uint32_t{segment.window} << shift_of(side.syn_options, other.syn_options, segment);
  side.ack = side.ack ? max(*side.ack, segment.ack) : segment.ack;
  side.right_edge = side.right_edge ? max(*side.right_edge, segment.ack + window) : segment.ack + window;
}

std::string Watch::check_size(const Conversation& both, const wire::Segment& segment, Offload offload) const {
  if (segment.text.empty()) return {};
  const auto size = static_cast<std::uint32_t>(segment.text.size());
  const SeqNum end = segment.seq + size;
  if (both.peers.right_edge && end > *both.peers.right_edge && size > 1) return "text beyond the peer's window";
  const std::uint32_t piece = offload.gso_size > 0 ? offload.gso_size : size;
  const auto options = static_cast<std::uint32_t>(wire::options_size(segment.options));
  if (both.peers.syn_seen && piece + options > allowed_by(both.peers.syn_options)) {
    return "more text than the peer's MSS less the options (MUST-16)";
  }
  if (piece + options + wire::tcp_header_size + wire::ipv4_header_size > mtu_) return "a packet larger than the MTU";
  return {};
}

}  // namespace backstop::test
