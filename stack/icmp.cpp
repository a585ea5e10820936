// ICMP and UDP as far as a TCP stack needs them: echo (RFC 1122 section 3.2.2.6), errors about our segments
// (RFC 9293 section 3.9.2.2, RFC 5927), and "port unreachable" for every UDP datagram (RFC 1122 section 4.1.3.1).
#include <algorithm>

#include "stack/core.hpp"
#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/path_mtu.hpp"
#include "stack/wire/checksum.hpp"
#include "stack/wire/icmp.hpp"

namespace backstop {
namespace {

// RFC 1812 section 4.3.2.3: an error quotes as much as fits into 576 octets.
constexpr std::size_t most_quoted = 576 - wire::ipv4_header_size - wire::icmp_header_size;
constexpr std::size_t udp_header_size = 8;

// RFC 1122 section 3.2.2.1: network unknown, prohibited, unreachable for this type of service; the like about a host
// needs no list.
bool is_about_network(std::uint8_t code) { return code == 6 || code == 9 || code == 11; }

Error error_for(std::uint8_t code) {
  if (is_about_network(code)) return Error::network_unreachable;
  switch (static_cast<wire::UnreachableCode>(code)) {
    case wire::UnreachableCode::net:
      return Error::network_unreachable;
    case wire::UnreachableCode::protocol:
      return Error::protocol_unreachable;
    case wire::UnreachableCode::port:
      return Error::connection_refused;
    default:
      return Error::host_unreachable;
  }
}

bool is_too_big(const wire::IcmpMessage& error) {
  return error.type == wire::IcmpType::destination_unreachable &&
         static_cast<wire::UnreachableCode>(error.code) == wire::UnreachableCode::fragmentation_needed;
}

bool udp_checksum_is_right(const wire::Ipv4Datagram& datagram) {
  if (wire::load16(datagram.payload, 6) == 0) return true;  // RFC 768: the sender computed none
  wire::Checksum checksum = wire::pseudo_header(datagram.header.source, datagram.header.destination, wire::protocol_udp,
                                                static_cast<std::uint16_t>(datagram.payload.size()));
  checksum.add(datagram.payload);
  return checksum.finish() == 0;
}

}  // namespace

void Core::icmp_arrives(const wire::Ipv4Datagram& datagram, Instant) {
  const auto message = wire::parse_icmp(datagram.payload);
  if (!message) return drop(message.error());
  switch (message->type) {
    case wire::IcmpType::echo_request:
      return answer_echo(datagram, *message);
    case wire::IcmpType::destination_unreachable:
    case wire::IcmpType::time_exceeded:
    case wire::IcmpType::parameter_problem:
      return icmp_error_arrives(*message);
    default:
      drop(Drop::icmp_ignored);  // MUST-55: source quench among them
  }
}

void Core::answer_echo(const wire::Ipv4Datagram& datagram, const wire::IcmpMessage& request) {
  ++statistics_.echo_replies;
  queue_icmp(datagram.header.destination, datagram.header.source,
             {.type = wire::IcmpType::echo_reply, .code = 0, .rest = request.rest, .payload = request.payload});
}

// RFC 5927 section 4.1: only an error about something that is outstanding is believed.
void Core::icmp_error_arrives(const wire::IcmpMessage& error) {
  const auto quoted = wire::parse_quoted_segment(error.payload);
  const std::uint32_t index = quoted ? find_slot(quoted->tuple) : none;
  if (index == none) return drop(Drop::icmp_ignored);
  tcp::Tcb& tcb = slots_[index].tcb;
  if (quoted->seq < tcb.snd.una || quoted->seq >= tcb.snd.nxt) return drop(Drop::icmp_ignored);
  if (is_too_big(error)) {
    tcp::path_mtu_shrinks(tcb, environment_, error.rest & 0xffff);
  } else {
    path_fails(tcb, error);
  }
  settle_slot(index);
}

// Deviation: SHLD-26: codes 2 and 3 do not abort a connection once it is synchronized, for whoever guesses its numbers
// could forge them (RFC 5927 section 5.2); code 4 tells the path's MTU.
// Deviation: RFC 9293 section 3.9.2.2 lets no unreachable of the soft kind (MUST-56) end an attempt to connect either.
// As in deployed stacks it does, with its own error: whoever waits for a connection is told at once. Later, all are
// hints (SHLD-25), and the retransmission timer decides.
void Core::path_fails(tcp::Tcb& tcb, const wire::IcmpMessage& error) {
  const bool unreachable = error.type == wire::IcmpType::destination_unreachable;
  const Error what = unreachable ? error_for(error.code) : Error::host_unreachable;
  tcp::report_error(tcb, environment_, what);
  if (unreachable && tcb.state == State::syn_sent) tcp::fail(tcb, environment_, what);
}

void Core::udp_arrives(const wire::Ipv4Datagram& datagram, Offload offload) {
  if (datagram.payload.size() < udp_header_size) return drop(Drop::udp_truncated);
  if (!offload.checksum_partial && !udp_checksum_is_right(datagram)) return drop(Drop::udp_bad_checksum);
  send_unreachable(wire::UnreachableCode::port, datagram.whole);
}

void Core::send_unreachable(wire::UnreachableCode code, Bytes quotation) {
  if (!icmp_limiter_.allow(now_)) return drop(Drop::reply_rate_limited);
  ++statistics_.unreachables_sent;
  const Ipv4Address asker{wire::load32(quotation, 12)};
  const Ipv4Address asked{wire::load32(quotation, 16)};
  queue_icmp(asked, asker,
             {.type = wire::IcmpType::destination_unreachable,
              .code = static_cast<std::uint8_t>(code),
              .rest = 0,
              .payload = quotation.first(std::min(quotation.size(), most_quoted))});
}

void Core::queue_icmp(Ipv4Address source, Ipv4Address destination, const wire::IcmpMessage& message) {
  const std::size_t payload_size = wire::icmp_header_size + message.payload.size();
  const std::size_t size = wire::ipv4_header_size + payload_size;
  if (icmp_replies_.full()) return drop(Drop::reply_queue_full);
  // Deviation: an echo that does not fit one packet goes unanswered; nothing is fragmented on the way out.
  if (size > std::min<std::size_t>(blocks_.block_size(), config_.mtu)) return drop(Drop::icmp_ignored);
  const tcp::BlockId block = blocks_.take();
  if (block == tcp::no_block) return drop(Drop::reply_queue_full);

  const MutableBytes out{blocks_.data(block), size};
  wire::emit_ipv4({.source = source,
                   .destination = destination,
                   .protocol = wire::protocol_icmp,
                   .ttl = config_.tcp.ttl,
                   .tos = 0,
                   .id = ip_id_++},
                  payload_size, out);
  std::copy(message.payload.begin(), message.payload.end(),
            out.begin() + wire::ipv4_header_size + wire::icmp_header_size);
  wire::emit_icmp_header(message, out.subspan(wire::ipv4_header_size));
  icmp_replies_.push({block, static_cast<std::uint32_t>(size)});
}

}  // namespace backstop
