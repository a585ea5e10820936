#include "tests/simulation/world.hpp"

#include <algorithm>
#include <array>

#include "tests/simulation/failure.hpp"

namespace backstop::simulation {
namespace {

using namespace std::chrono_literals;

// Why: the slowest users need a quarter of an hour, and twenty of them may come one after the other.
constexpr Duration longest = 12h;
constexpr Duration longest_lifetime = 30s;  // of a packet

}  // namespace

Tally& Tally::operator+=(const Tally& other) {
  worlds += other.worlds;
  packets += other.packets;
  lost += other.lost;
  octets_read += other.octets_read;
  ends += other.ends;
  ends_complete += other.ends_complete;
  ends_with_error += other.ends_with_error;
  retransmitted += other.retransmitted;
  retransmission_timeouts += other.retransmission_timeouts;
  return *this;
}

World::World(const Plan& plan, notation::Transcript* story)
    : plan_(plan), story_(story), now_(plan.start), good_from_(plan.start + plan.trouble) {
  Draw draw{plan.seed ^ 0x5eed};
  for (std::size_t i = 0; i < plan.hosts.size(); ++i) {
    hosts_.push_back(std::make_unique<Host>(i, plan.hosts[i], *this, ends_, draw.next()));
  }
  for (std::size_t i = 0; i < plan.hosts.size() * plan.hosts.size(); ++i) {
    cables_.emplace_back(draw.fork());
  }
}

void World::run() {
  schedule_plan();
  do {
    play();
  } while (dismiss_widows());
  for (auto& host : hosts_) host->close_services();
  play();
  check_end();
  for (auto& host : hosts_) host->check_end();
}

// The calendar --------------------------------------------------------------------------------------------------------

void World::at(Instant when, std::move_only_function<void()> what) {
  calendar_.push({std::max(when, now_), order_++, std::move(what)});
}

void World::schedule_plan() {
  for (const CableChange& change : plan_.cables) {
    at(plan_.start + change.at, [this, &change] { cable(change.from, change.to).conditions = change.conditions; });
  }
  at(plan_.start, [this] {
    for (auto& host : hosts_) host->open_services(now_);
  });
  for (const Stall& stall : plan_.stalls) {
    at(plan_.start + stall.at, [this, &stall] {
      note("host " + std::to_string(stall.host + 1) + " stalls");
      hosts_[stall.host]->stall_until(now_ + stall.duration);
    });
  }
  for (const Visit& visit : plan_.visits) {
    at(plan_.start + visit.at, [this, &visit] { begin_visit(visit, visit.times); });
  }
}

void World::begin_visit(const Visit& visit, unsigned times_left) {
  const Endpoint target{plan_.hosts[visit.target].config.address, visit.port};
  hosts_[visit.host]->visit(visit, target, now_, [this, &visit, times_left](const End* end) {
    if (times_left <= 1) return;
    // After an end without TIME-WAIT, the tuple is not used again while segments of it may be under way. TIME-WAIT does
    // not protect either where a RST can end it (RFC 1337) and no timestamps tell old segments from new ones.
    const bool orderly = end != nullptr && !end->error && !end->forceful;
    const bool told_apart =
        plan_.hosts[visit.host].config.tcp.timestamps && plan_.hosts[visit.target].config.tcp.timestamps;
    const bool safe = visit.local_port == 0 || (orderly && told_apart);
    // Two connections in one tick of the ISN's clock would have the same numbers.
    constexpr Duration tick = 4us;
    const Duration quiet = std::max(safe ? visit.pause : std::max(visit.pause, longest_lifetime), 2 * tick);
    at(now_ + quiet, [this, &visit, times_left] { begin_visit(visit, times_left - 1); });
  });
}

Instant World::next_time() const {
  Instant next = calendar_.empty() ? never : calendar_.top().when;
  for (const auto& host : hosts_) next = std::min(next, host->due());
  return next == never ? never : std::max(next, now_);
}

void World::play() {
  for (Instant next = next_time(); next != never; next = next_time()) {
    if (next > good_from_ + longest) throw Failure("it takes too long: " + hosts_.front()->describe_users());
    step(next);
  }
}

void World::step(Instant when) {
  now_ = when;
  while (!calendar_.empty() && calendar_.top().when <= now_) {
    auto what = std::move(calendar_.top().what);
    calendar_.pop();
    what();
  }
  for (auto& host : hosts_) {
    if (host->due() <= now_) host->take_turn(now_);
  }
  check_bounds();
}

// Packets -------------------------------------------------------------------------------------------------------------

std::size_t World::host_at(Ipv4Address address) const {
  const std::size_t index = (address.value & 0xff) - 1;
  return index < plan_.hosts.size() && plan_.hosts[index].config.address == address ? index : plan_.hosts.size();
}

void World::send(std::size_t host, test::Packet packet, Offload offload) {
  ++tally_.packets;
  const std::size_t to = host_at(Ipv4Address{wire::load32(packet, 16)});
  const bool leads_somewhere = to < hosts_.size() && to != host;
  arrivals_.clear();
  if (story_ == nullptr) {
    if (leads_somewhere) (void)cable(host, to).pass(std::move(packet), offload, now_, arrivals_);
  } else {
    const test::Packet copy = packet;
    const std::string_view remark =
        leads_somewhere ? cable(host, to).pass(std::move(packet), offload, now_, arrivals_) : "to nobody";
    story_->packet(notation::Direction::out, {copy, offload}, now_, remark);
  }
  if (arrivals_.empty()) ++tally_.lost;
  for (Cable::Arrival& arrival : arrivals_) {
    at(arrival.at, [this, where = arrival.at_sender ? host : to, bytes = std::move(arrival.bytes),
                    how = arrival.offload]() mutable { arrive(where, std::move(bytes), how); });
  }
}

void World::arrive(std::size_t host, test::Packet packet, Offload offload) {
  if (story_ != nullptr) story_->packet(notation::Direction::in, {packet, offload}, now_);
  if (!hosts_[host]->deliver(std::move(packet), offload)) note("no room for it");
}

void World::note(std::string_view text) {
  if (story_ != nullptr) story_->note(text, now_);
}

// Rules ---------------------------------------------------------------------------------------------------------------

void World::check_bounds() const {
  if (tally_.packets > 2'000'000) throw Failure("a storm of packets");
}

bool World::dismiss_widows() {
  bool any = false;
  for (auto& host : hosts_) any |= host->dismiss_widows(now_);
  return any;
}

void World::check_end() const {
  for (const End& end : ends_.all()) judge(end);
}

// Whether an error is explained by what others did, or by the trouble there was.
bool World::excuses(const End& end) const {
  const bool other_was_forceful = end.peer && ends_[*end.peer].forceful;
  const bool someone_gives_up =
      !plan_.patient || is_short_of_blocks(end.tuple.local.address) || is_short_of_blocks(end.tuple.remote.address);
  switch (*end.error) {
    case Error::user_timeout:
      return someone_gives_up ||
             (!end.was_established && (end.may_be_refused || turned_away(end.tuple.remote.address)));
    case Error::connection_refused:
      return end.may_be_refused;
    case Error::connection_aborted:
      return other_was_forceful || end.may_be_refused;
    case Error::connection_reset:
      return other_was_forceful || end.may_be_refused || someone_gives_up || !end.peer || sent_cookies(end.tuple);
    default:
      return false;
  }
}

// A connection needs a block for what it reads and one for what it writes. With fewer, it waits for others to be done.
bool World::is_short_of_blocks(Ipv4Address address) const {
  const std::size_t host = host_at(address);
  const auto concerns = [host](const Visit& visit) { return visit.host == host || visit.target == host; };
  return plan_.hosts[host].config.blocks < 2 * std::ranges::count_if(plan_.visits, concerns);
}

// Whether a host has ignored SYNs because its tables were full.
bool World::turned_away(Ipv4Address host) const {
  const Statistics& statistics = hosts_[host_at(host)]->statistics();
  return statistics.dropped(Drop::tcp_no_resources) + statistics.dropped(Drop::tcp_backlog_full) > 0;
}

// Whether one of the two hosts answered SYNs with cookies. It keeps nothing of them: where the first segment behind the
// SYN was lost, or overtaken, or came when the SYN had been answered once more, what follows is a stray's.
bool World::sent_cookies(const FourTuple& tuple) const {
  return std::ranges::any_of(std::array{tuple.local.address, tuple.remote.address}, [this](Ipv4Address host) {
    return hosts_[host_at(host)]->statistics().syn_cookies_sent > 0;
  });
}

void World::judge(const End& end) const {
  const std::string who =
      std::string(AddressText(end.tuple.local).view()) + " > " + std::string(AddressText(end.tuple.remote).view());
  if (end.error && !excuses(end)) throw Failure(who + " ended with \"" + std::string(to_string(*end.error)) + "\"");
  if (!end.saw_end || end.error) return;
  if (!end.peer) {
    if (end.read > 0) throw Failure(who + " has read without a peer");
    return;
  }
  const End& peer = ends_[*end.peer];
  if (end.read != peer.written) {
    throw Failure(who + " has read " + std::to_string(end.read) + " octets and the end of text, but its peer wrote " +
                  std::to_string(peer.written));
  }
}

Tally World::tally() {
  tally_.worlds = 1;
  for (const End& end : ends_.all()) {
    ++tally_.ends;
    tally_.octets_read += end.read;
    if (end.saw_end && !end.error) ++tally_.ends_complete;
    if (end.error) ++tally_.ends_with_error;
  }
  for (auto& host : hosts_) {
    tally_.retransmitted += host->statistics().segments_retransmitted;
    tally_.retransmission_timeouts += host->statistics().retransmission_timeouts;
  }
  return tally_;
}

}  // namespace backstop::simulation
