// Hashes of what a peer can choose, keyed by the stack's secret so that no peer can make them collide.
#pragma once

#include <cstdint>

#include "stack/tcp/siphash.hpp"
#include "stack/wire/address.hpp"
#include "stack/wire/seq.hpp"

namespace backstop::detail {

/// One SYN, however often it is sent.
struct FlowKey {
  FourTuple tuple;
  SeqNum irs;

  friend bool operator==(const FlowKey&, const FlowKey&) = default;
};

/// The flows of a source address, in all or with one handler.
struct SourceKey {
  Ipv4Address source;
  std::uint32_t handler = 0;  ///< its number; 0: any

  friend bool operator==(const SourceKey&, const SourceKey&) = default;
};

struct KeyedHash {
  tcp::SipKey key;

  std::uint64_t operator()(const FlowKey& flow) const {
    tcp::SipHash13 hash{key};
    hash.add(pair(flow.tuple.local.address.value, flow.tuple.remote.address.value));
    hash.add(pair(flow.irs.value(), (std::uint32_t{flow.tuple.local.port} << 16) | flow.tuple.remote.port));
    return hash.finish(0, 16);
  }
  std::uint64_t operator()(const SourceKey& source) const {
    tcp::SipHash13 hash{key};
    hash.add(pair(source.source.value, source.handler));
    return hash.finish(0, 8);
  }
  std::uint64_t operator()(std::uint16_t port) const { return port; }  // 65,536 of them, spread by themselves

 private:
  static std::uint64_t pair(std::uint32_t high, std::uint32_t low) { return (std::uint64_t{high} << 32) | low; }
};

}  // namespace backstop::detail
