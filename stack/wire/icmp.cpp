#include "stack/wire/icmp.hpp"

#include "stack/wire/checksum.hpp"

namespace backstop::wire {

std::expected<IcmpMessage, Drop> parse_icmp(Bytes bytes) {
  if (bytes.size() < icmp_header_size) return std::unexpected(Drop::icmp_truncated);
  Checksum checksum;
  checksum.add(bytes);
  if (checksum.finish() != 0) return std::unexpected(Drop::icmp_bad_checksum);
  return IcmpMessage{static_cast<IcmpType>(load8(bytes, 0)), load8(bytes, 1), load32(bytes, 4),
                     bytes.subspan(icmp_header_size)};
}

void emit_icmp_header(const IcmpMessage& message, MutableBytes out) {
  store8(out, 0, static_cast<std::uint8_t>(message.type));
  store8(out, 1, message.code);
  store16(out, 2, 0);
  store32(out, 4, message.rest);
  Checksum checksum;
  checksum.add(out.first(icmp_header_size));
  checksum.add(message.payload);
  store16(out, 2, checksum.finish());
}

std::optional<QuotedSegment> parse_quoted_segment(Bytes quotation) {
  // The quotation is cut short, so parse_ipv4's check of the total length does not apply.
  if (quotation.size() < ipv4_header_size || load8(quotation, 0) >> 4 != 4) return std::nullopt;
  const std::size_t header_size = (load8(quotation, 0) & 0xfu) * 4u;
  if (header_size < ipv4_header_size || quotation.size() < header_size + 8) return std::nullopt;
  if (load8(quotation, 9) != protocol_tcp || (load16(quotation, 6) & 0x1fff) != 0) return std::nullopt;
  return QuotedSegment{
      .tuple = {.local = {{load32(quotation, 12)}, load16(quotation, header_size)},
                .remote = {{load32(quotation, 16)}, load16(quotation, header_size + 2)}},
      .seq = SeqNum{load32(quotation, header_size + 4)},
  };
}

}  // namespace backstop::wire
