// Other addresses for flows that no stack would take from a network: those over the loopback (RFC 1122
// section 3.2.1.3), or from an address to itself. The packets are otherwise left as they are, wrong checksums included.
// Read next: flow.hpp.
#pragma once

#include <optional>

#include "stack/wire/address.hpp"
#include "stack/wire/bytes.hpp"

namespace backstop::replay {

class Disguise {
 public:
  /// Nothing when the flow needs none.
  static std::optional<Disguise> for_flow(const FourTuple& tuple);

  /// What our stack is to know the flow as.
  [[nodiscard]] FourTuple tuple() const { return {{host, original_.local.port}, {peer, original_.remote.port}}; }
  /// Changes a packet from the peer on its way in.
  void put_on(MutableBytes packet) const { exchange(packet, peer, host); }
  /// What others are to see of a packet from the peer, and of one of ours.
  void take_off_received(MutableBytes packet) const {
    exchange(packet, original_.remote.address, original_.local.address);
  }
  void take_off_sent(MutableBytes packet) const { exchange(packet, original_.local.address, original_.remote.address); }

 private:
  // RFC 5737: addresses that are nobody's.
  static constexpr Ipv4Address host = Ipv4Address::of(192, 0, 2, 1);
  static constexpr Ipv4Address peer = Ipv4Address::of(192, 0, 2, 2);

  explicit Disguise(const FourTuple& original) : original_(original) {}
  static void exchange(MutableBytes packet, Ipv4Address source, Ipv4Address destination);

  FourTuple original_;
};

}  // namespace backstop::replay
