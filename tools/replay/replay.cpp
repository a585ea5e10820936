#include "tools/replay/replay.hpp"

#include "stack/wire/icmp.hpp"
#include "tools/replay/follower.hpp"

namespace backstop::replay {
namespace {

using capture::Packet;

// The two ends of a connection in an order that does not depend on who is speaking.
struct Ends {
  Endpoint low;
  Endpoint high;

  friend bool operator==(const Ends&, const Ends&) = default;
};

Ends ends_of(const Endpoint& a, const Endpoint& b) { return a < b ? Ends{a, b} : Ends{b, a}; }

struct HashEnds {
  std::size_t operator()(const Ends& ends) const {
    std::uint64_t hash = (std::uint64_t{ends.low.address.value} << 32) | ends.high.address.value;
    hash ^= ((std::uint64_t{ends.low.port} << 16) | ends.high.port) * 0x9e37'79b9'7f4a'7c15;
    hash *= 0xff51'afd7'ed55'8ccd;
    return static_cast<std::size_t>(hash ^ (hash >> 32));
  }
};

// Tells now and then how much of the capture was read.
class ReadingProgress {
 public:
  explicit ReadingProgress(std::atomic<std::uint64_t>* octets) : octets_(octets) {}
  void come_to(const capture::PacketReader& reader) {
    constexpr std::uint64_t packets_between = 1024;
    if (octets_ == nullptr || ++packets_ % packets_between != 0) return;
    *octets_ += reader.octets_read() - told_;
    told_ = reader.octets_read();
  }

 private:
  std::atomic<std::uint64_t>* octets_;
  std::uint64_t packets_ = 0;
  std::uint64_t told_ = 0;
};

class Replayer {
 public:
  Replayer(const ReplayOptions& options, const FlowSink& sink) : options_(options), sink_(sink) {}

  void take(const Packet& packet);
  void finish();
  CaptureResult result;

 private:
  struct Active {
    Ends ends;
    std::unique_ptr<Flow> flow;
  };
  using Flows = std::list<Active>;

  void take_tcp(const Packet& packet);
  void take_icmp(const Packet& packet);
  void end_quiet_flows(Instant now);
  Flow* find_or_open(const Ends& ends, const Endpoint& source, const Endpoint& destination,
                     const std::optional<wire::Segment>& segment, Instant now);
  [[nodiscard]] std::optional<Endpoint> host_of(const Endpoint& source, const Endpoint& destination,
                                                const std::optional<wire::Segment>& segment) const;
  void end(Flows::iterator flow);

  const ReplayOptions& options_;
  const FlowSink& sink_;
  Flows flows_;  // in the order of their first packets
  std::unordered_map<Ends, Flows::iterator, HashEnds> by_ends_;
};

void Replayer::take(const Packet& packet) {
  constexpr std::size_t ports_size = 4;
  if (result.tcp_packets % 1024 == 0) end_quiet_flows(packet.time);
  if (options_.follower != nullptr) {
    for (const Active& active : flows_) active.flow->advance(packet.time);  // so that it sees all packets in order
  }
  if (packet.ip.header.protocol == wire::protocol_icmp) return take_icmp(packet);
  if (packet.ip.header.protocol == wire::protocol_tcp && packet.ip.payload.size() >= ports_size)
    return take_tcp(packet);
  ++result.other_packets;
}

// Errors go to the flow whose segment they quote.
void Replayer::take_icmp(const Packet& packet) {
  ++result.other_packets;
  const auto message = wire::parse_icmp(packet.ip.payload);
  const auto quoted = message ? wire::parse_quoted_segment(message->payload) : std::nullopt;
  if (!quoted) return;
  const auto found = by_ends_.find(ends_of(quoted->tuple.local, quoted->tuple.remote));
  if (found != by_ends_.end() && found->second->flow->tuple() == quoted->tuple) found->second->flow->take_icmp(packet);
}

void Replayer::take_tcp(const Packet& packet) {
  ++result.tcp_packets;
  const Endpoint source{packet.ip.header.source, wire::load16(packet.ip.payload, 0)};
  const Endpoint destination{packet.ip.header.destination, wire::load16(packet.ip.payload, 2)};
  const auto parsed = wire::parse_segment(packet.ip, {.checksum_partial = true});
  const std::optional<wire::Segment> segment = parsed ? std::optional{*parsed} : std::nullopt;
  const Ends ends = ends_of(source, destination);
  Flow* flow = find_or_open(ends, source, destination, segment, packet.time);
  if (flow == nullptr) {
    ++result.other_packets;
    return;
  }
  flow->take({packet, segment, flow->tuple().local == source});
}

Flow* Replayer::find_or_open(const Ends& ends, const Endpoint& source, const Endpoint& destination,
                             const std::optional<wire::Segment>& segment, Instant now) {
  const auto found = by_ends_.find(ends);
  if (found != by_ends_.end()) {
    Flow& flow = *found->second->flow;
    const bool reopens = segment && segment->syn() && !segment->has_ack() &&
                         flow.is_reopened_by(*segment, flow.tuple().local == source, now);
    if (!reopens) return &flow;
    end(found->second);
  }
  const auto host = host_of(source, destination, segment);
  if (!host) return nullptr;
  const FourTuple tuple{*host, *host == source ? destination : source};
  flows_.push_back({ends, std::make_unique<Flow>(++result.flows, tuple, options_)});
  by_ends_[ends] = std::prev(flows_.end());
  return flows_.back().flow.get();
}

// Whose part is ours: the one that --local names, else the server or the client, known by the SYN.
std::optional<Endpoint> Replayer::host_of(const Endpoint& source, const Endpoint& destination,
                                          const std::optional<wire::Segment>& segment) const {
  if (options_.local) {
    const auto is_local = [&](const Endpoint& end) {
      return end.address == options_.local->address && (options_.local->port == 0 || options_.local->port == end.port);
    };
    if (is_local(destination)) return destination;
    return is_local(source) ? std::optional{source} : std::nullopt;
  }
  const bool from_server = segment && segment->syn() && segment->has_ack();
  return from_server == (options_.role == Role::server) ? source : destination;
}

// Lets go of connections that are over, once nothing late can come any more, so that memory does not grow with their
// number.
void Replayer::end_quiet_flows(Instant now) {
  constexpr Duration quiet = std::chrono::minutes{2};
  for (auto flow = flows_.begin(); flow != flows_.end();) {
    const auto next = std::next(flow);
    if (now - flow->flow->last() > quiet && flow->flow->over()) end(flow);
    flow = next;
  }
}

void Replayer::end(Flows::iterator flow) {
  FlowResult flow_result = flow->flow->finish();
  if (options_.only.empty() || options_.only.contains(flow_result.number)) sink_(std::move(flow_result));
  by_ends_.erase(flow->ends);
  flows_.erase(flow);
}

void Replayer::finish() {
  while (!flows_.empty()) end(flows_.begin());
}

}  // namespace

CaptureResult replay_capture(const std::string& path, const std::string& filter, const ReplayOptions& options,
                             const FlowSink& sink) {
  capture::PacketReader reader(path, capture::Filter(filter));
  Replayer replayer(options, sink);
  if (options.follower != nullptr) options.follower->begin_capture();
  ReadingProgress progress(options.octets_read);
  while (const auto packet = reader.next()) {
    replayer.take(*packet);
    progress.come_to(reader);
  }
  replayer.finish();
  replayer.result.counts = reader.counts();
  return replayer.result;
}

}  // namespace backstop::replay
