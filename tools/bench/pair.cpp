#include "tools/bench/pair.hpp"

#include "tools/bench/case.hpp"
#include "tun/packet_copy.hpp"

namespace backstop::tools::bench {

Config configuration(Ipv4Address address, const PairOptions& options) {
  Config config;
  config.address = address;
  config.checksum_offload = true;  // left to the wire
  config.max_connections = options.max_connections;
  config.secret.fill(7);  // the same in every run, so that runs can be compared
  config.tcp.send_buffer = config.tcp.receive_buffer = application_octets;
  config.tcp.msl = std::chrono::milliseconds{1};  // TIME-WAIT must not fill the table
  return config;
}

bool Wire::carry(Stack& from, Stack& to, Instant now) {
  constexpr int burst = 64;
  for (int carried = 0; carried < burst; ++carried) {
    const auto packet = from.transmit(now);
    if (!packet) return carried > 0;
    const std::size_t size = packet->size();
    if (checksums_) {
      tun::copy_and_finish(*packet, packet_);
    } else {
      tun::copy_packet(*packet, packet_);
    }
    to.receive({.bytes = Bytes{packet_}.first(size), .offload = {.checksum_partial = !checksums_}}, now);
  }
  return true;
}

Pair::Pair(const PairOptions& options)
    : client_(configuration(client_address, options)),
      server_(configuration(server_address, options)),
      wire_(options.checksums) {}

void Pair::settle() {
  bool moved = true;
  while (moved) {
    moved = to_server();
    moved = to_client() || moved;
  }
}

std::pair<Stream, Stream> Pair::connect(Listener& listener) {
  auto near = client_.connect({server_address, listener.local().port}, now_);
  require(near.has_value(), "no connection can be opened");
  settle();
  auto far = listener.accept();
  require(far.has_value(), "the listener has no connection");
  return {std::move(*near), std::move(*far)};
}

}  // namespace backstop::tools::bench
