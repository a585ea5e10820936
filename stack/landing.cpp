// Text that a device reads straight to its place in a receive queue, so that it is never copied by us. The stack
// guesses whose long text comes next and prepares blocks for it; the device reads a packet's headers into its own
// memory and the text into these blocks; then the headers tell whether the guess was right. Where it was not, nothing
// has happened: no octet in those blocks counts until RCV.NXT moves over it. Only for text whose checksum the device
// vouches for: ours are summed while they are copied.
#include "stack/core.hpp"
#include "stack/tcp/segment_arrives.hpp"

namespace backstop {
namespace {

// The headers of a plain segment.
std::size_t headers_size(bool stamped) {
  return wire::ipv4_header_size + wire::tcp_header_size + (stamped ? wire::padded_timestamps_size : 0);
}

}  // namespace

// Twice in a row the same connection: what two of them send in turns would be read to the wrong one's places.
void Core::note_long_text(std::uint32_t index, bool stamped) {
  likely_next_ = long_text_last_ == index ? index : none;
  likely_stamped_ = stamped;
  long_text_last_ = index;
  unlikely_in_a_row_ = 0;
}

// A short packet, or another connection's, may come in between. Two in a row: the stream has ended.
void Core::note_unlikely() {
  if (++unlikely_in_a_row_ == 2) likely_next_ = long_text_last_ = none;
}

Landing Core::landing() {
  if (likely_next_ == none || landing_pieces_.empty() || !slots_[likely_next_].in_use) return {};
  tcp::Tcb& tcb = slots_[likely_next_].tcb;
  const std::size_t headers = headers_size(likely_stamped_);
  const auto size = static_cast<std::uint32_t>(std::min<std::size_t>(tcb.rcv.wnd, wire::max_datagram_size - headers));
  if (size < long_text || !is_synchronized(tcb.state) || tcb.receive_queue.has_gaps() ||
      !blocks_.have_room_for_arrival(size)) {
    return {};
  }
  landing_ = likely_next_;
  landing_size_ = size;
  const std::size_t pieces = tcb.receive_queue.prepare(blocks_, size, landing_pieces_);
  return {headers, std::span{landing_pieces_}.first(pieces)};
}

bool Core::receive_landed(const InboundPacket& packet, Instant now) {
  const bool may_be_likely = landing_ != none && watching_taps_ == 0 && packet.offload.checksum_partial;
  const auto segment = may_be_likely ? wire::parse_plain_segment(packet.bytes) : std::nullopt;
  if (!segment || !is_likely_next(*segment)) {
    release_landing();
    note_unlikely();
    return false;
  }
  now_ = now;
  ++statistics_.packets_received;
  ++statistics_.segments_received;
  const std::uint32_t index = landing_;
  tcp::placed_segment_arrives(slots_[index].tcb, *segment, environment_, now);
  release_landing();
  settle_slot(index);
  if (segment->text.size() >= long_text) {
    note_long_text(index, segment->stamped);
  } else if (!segment->text.empty()) {
    note_unlikely();
  }
  return true;
}

bool Core::is_likely_next(const wire::PlainSegment& segment) {
  if (segment.stamped != likely_stamped_ || segment.text.size() > landing_size_) return false;
  if (find_slot(segment.tuple) != landing_) return false;
  const Slot& slot = slots_[landing_];
  return slot.tcb.receive_queue.is_prepared() && tcp::is_expected(slot.tcb, segment, environment_) &&
         !must_wait(slot, segment.flags);
}

// Blocks that text has come into stay.
void Core::release_landing() {
  if (landing_ == none) return;
  Slot& slot = slots_[std::exchange(landing_, none)];
  if (slot.in_use && !slot.tcb.receive_queue.has_gaps()) slot.tcb.receive_queue.refuse(blocks_);
}

}  // namespace backstop
