#include "tests/simulation/plan.hpp"

#include <algorithm>
#include <sstream>

#include "stack/tcp/isn.hpp"
#include "tests/simulation/stream_text.hpp"

namespace backstop::simulation {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t first_service_port = 80;
constexpr std::uint16_t nobody_port = 9;
constexpr std::uint16_t first_fixed_port = 5000;

class Planner {
 public:
  explicit Planner(std::uint64_t seed) : draw_(seed) { plan_.seed = seed; }

  Plan draw() {
    plan_.trouble = draw_.chance(0.2) ? 0s : draw_.between(0s, 30s);
    plan_.patient = draw_.chance(0.8);
    largest_text_ = draw_.pick<std::uint32_t>({2'000, 20'000, 20'000, 100'000, 400'000});
    const std::size_t hosts = draw_.pick<std::size_t>({2, 2, 2, 2, 2, 3, 4});
    for (std::size_t i = 0; i < hosts; ++i) plan_.hosts.push_back(host(i));
    cables();
    stalls();
    visits();
    plan_.start = start();
    return std::move(plan_);
  }

 private:
  // Hosts.

  HostPlan host(std::size_t index) {
    HostPlan host;
    Config& config = host.config;
    config.address = Ipv4Address::of(10, 0, 0, static_cast<std::uint8_t>(index + 1));
    config.prefix = 24;
    config.mtu = draw_.pick<std::uint16_t>({1500, 1500, 1500, 1400, 9000, 576, 296, 100});
    if (draw_.chance(0.3)) {
      config.segmentation_offload = draw_.pick<std::uint32_t>({3000, 16'000, 65'000});
      config.checksum_offload = true;
    } else {
      config.checksum_offload = draw_.chance(0.1);
    }
    tables(config);
    config.tcp = parameters();
    for (auto& octet : config.secret) octet = static_cast<std::uint8_t>(draw_.next());
    const std::size_t services = draw_.pick<std::size_t>({1, 1, 2, 3});
    for (std::size_t i = 0; i < services; ++i) {
      host.services.push_back(service(static_cast<std::uint16_t>(first_service_port + i)));
    }
    host.inbox = draw_.pick<std::size_t>({8, 64, 1000});
    if (draw_.chance(0.4)) host.fallback = fallback(config);
    return host;
  }

  void tables(Config& config) {
    config.max_connections = draw_.chance(0.2) ? draw_.about(1, 8) : 64;
    config.max_listeners = 8;
    config.max_taps = 2;
    config.block_size = draw_.pick<std::uint32_t>({512, 1024, 4096});
    config.blocks = draw_.chance(0.3) ? draw_.about(8, 64) : 1024;
    config.reply_queue = draw_.pick<std::uint32_t>({1, 4, 64, 64});
    config.max_reassemblies = draw_.pick<std::uint32_t>({0, 1, 4});
    config.coroutine_memory = 0;
  }

  FallbackPlan fallback(Config& config) {
    config.coroutine_memory = 256 * 1024;
    FallbackPlan plan;
    plan.max_flows = draw_.pick<std::uint32_t>({1, 4, 32});
    plan.most_in_flight = draw_.pick<std::uint32_t>({1, 3, 32});
    plan.sheds = draw_.coin();
    for (double* share : {&plan.declines, &plan.rejects, &plan.drops, &plan.defers}) {
      if (draw_.chance(0.4)) *share = draw_.fraction() * 0.5;
    }
    plan.answer_delay = draw_.between(0s, 8s);
    plan.timeout = draw_.between(1ms, 6s);
    plan.manner = manner();
    plan.manner.ending = draw_.chance(0.2) ? Ending::leave : Ending::close_when_sent;
    return plan;
  }

  Parameters parameters() {
    Parameters tcp;
    tcp.receive_buffer = draw_.about(256, 1 << 20);
    tcp.send_buffer = draw_.about(256, 1 << 20);
    tcp.window_scaling = draw_.chance(0.7);
    tcp.timestamps = draw_.chance(0.7);
    tcp.selective_acks = draw_.chance(0.7);
    tcp.initial_window = draw_.pick<std::uint32_t>({1, 2, 4, 10, 10, 20});
    tcp.initial_rto = draw_.pick<Duration>({1s, 1s, 3s, 300ms});
    tcp.minimum_rto = draw_.pick<Duration>({200ms, 200ms, 50ms, 1s});
    tcp.maximum_rto = draw_.pick<Duration>({60s, 120s});
    tcp.delayed_ack = draw_.pick<Duration>({0ms, 1ms, 40ms, 40ms, 200ms, 490ms});
    tcp.quick_acks = static_cast<std::uint8_t>(draw_.pick({0, 1, 16, 16}));
    tcp.msl = draw_.pick<Duration>({1s, 5s, 30s});
    tcp.fin_wait_2_timeout = draw_.pick<Duration>({60s, 5min});
    // Why 300 s: trouble for 30 s can make an RTO of 60 s, and a segment may be lost twice more behind it.
    const Duration patience = plan_.patient ? 300s : draw_.between(2s, 30s);
    tcp.user_timeout = tcp.syn_timeout = tcp.half_open_timeout = patience;
    if (draw_.chance(0.1)) {
      tcp.keep_alive = true;
      tcp.keep_alive_idle = draw_.between(5s, 60s);
      tcp.keep_alive_interval = draw_.between(1s, 20s);
      if (plan_.patient) tcp.keep_alive_probes = 255;  // whatever the trouble, some come behind it
    }
    return tcp;
  }

  Service service(std::uint16_t port) {
    Service service;
    service.port = port;
    service.backlog = draw_.pick<std::uint32_t>({1, 2, 16, 16});
    service.manner = manner();
    service.manner.ending = Ending::close_after_peer;
    if (draw_.chance(0.3)) {
      service.manner.echo = true;
      service.manner.octets = name_size;
    } else if (draw_.chance(0.3)) {
      service.manner.ending = Ending::close_when_sent;
    } else if (draw_.chance(0.15)) {
      service.manner.ending = draw_.coin() ? Ending::leave : Ending::abort;
    }
    if (draw_.chance(0.2)) service.accept_delay = draw_.between(0ms, 3s);
    if (draw_.chance(0.15)) {
      service.comes_and_goes = true;
      service.open_for = draw_.between(50ms, 10s);
      service.closed_for = draw_.between(50ms, 10s);
    }
    return service;
  }

  // Users.

  Manner manner() {
    Manner manner;
    manner.octets = draw_.chance(0.1) ? name_size : name_size + draw_.about(1, largest_text_);
    manner.write_size = draw_.about(1, 30'000);
    manner.read_size = draw_.about(1, 30'000);
    // Why these bounds: a user that takes an hour finds no more than one that takes a minute.
    const auto steps = [&](std::uint32_t size) { return std::max<std::uint64_t>(1, largest_text_ / size); };
    manner.write_size = std::max<std::uint32_t>(manner.write_size, largest_text_ / 2000);
    manner.read_size = std::max<std::uint32_t>(manner.read_size, largest_text_ / 2000);
    if (draw_.chance(0.3)) manner.write_pause = draw_.between(0s, 20s) / steps(manner.write_size);
    if (draw_.chance(0.3)) manner.read_pause = draw_.between(0s, 20s) / steps(manner.read_size);
    if (draw_.chance(0.2)) manner.read_delay = draw_.between(0s, 20s);
    manner.in_place = draw_.chance(0.3);
    manner.no_delay = draw_.chance(0.3);
    manner.lingers = draw_.coin();
    manner.abort_after = draw_.below(manner.octets + 1);
    return manner;
  }

  void visits() {
    const unsigned count = draw_.pick({1u, 1u, 1u, 2u, 3u, 6u});
    for (unsigned i = 0; i < count; ++i) plan_.visits.push_back(visit(i));
    if (draw_.chance(0.1)) simultaneous_open();
  }

  Visit visit(unsigned number) {
    Visit visit;
    visit.at = number == 0 ? 0s : draw_.between(0s, plan_.trouble + 1s);
    choose_ends(visit);
    const auto& services = plan_.hosts[visit.target].services;
    const Service& service = services[draw_.below(services.size())];
    visit.port = service.port;
    visit.may_be_refused = service.comes_and_goes;
    visit.manner = manner();
    if (service.manner.ending == Ending::close_when_sent && draw_.coin()) {
      visit.manner.ending = Ending::close_after_peer;
    } else if (draw_.chance(0.15)) {
      visit.manner.ending = draw_.coin() ? Ending::leave : Ending::abort;
    }
    if (draw_.chance(plan_.hosts[visit.target].fallback ? 0.4 : 0.05)) {
      visit.port = nobody_port;
      visit.may_be_refused = true;
      if (visit.manner.ending == Ending::close_after_peer) visit.manner.ending = Ending::close_when_sent;
    }
    if (draw_.chance(0.2)) repeat(visit);
    if (draw_.chance(0.5)) visit.local_port = static_cast<std::uint16_t>(first_fixed_port + number);
    return visit;
  }

  void choose_ends(Visit& visit) {
    visit.host = draw_.below(plan_.hosts.size());
    visit.target = (visit.host + 1 + draw_.below(plan_.hosts.size() - 1)) % plan_.hosts.size();
  }

  // Many short connections one after the other.
  void repeat(Visit& visit) {
    visit.times = static_cast<unsigned>(draw_.about(2, 20));
    visit.pause = draw_.coin() ? 0s : draw_.between(0s, 2s);
    visit.manner.octets = std::min<std::uint64_t>(visit.manner.octets, name_size + draw_.below(2000));
    visit.manner.write_pause = visit.manner.read_pause = 0s;
  }

  void simultaneous_open() {
    Visit one;
    choose_ends(one);
    one.at = draw_.between(0s, plan_.trouble);
    one.local_port = 4001;
    one.port = 4002;
    one.may_be_refused = true;
    one.manner = manner();
    Visit other = one;
    std::swap(other.host, other.target);
    std::swap(other.port, other.local_port);
    other.manner = manner();
    if (draw_.coin()) other.at += draw_.between(0s, 20ms);
    plan_.visits.push_back(one);
    plan_.visits.push_back(other);
  }

  // Cables.

  void cables() {
    const bool harsh = draw_.chance(0.3);
    for (std::size_t from = 0; from < plan_.hosts.size(); ++from) {
      for (std::size_t to = 0; to < plan_.hosts.size(); ++to) {
        if (from != to) cable(from, to, harsh);
      }
    }
  }

  void cable(std::size_t from, std::size_t to, bool harsh) {
    const CableConditions good = good_conditions(from, to);
    Duration at{};
    const bool is_bad = plan_.trouble > 0s && draw_.chance(0.8);
    const std::size_t changes = is_bad ? draw_.pick<std::size_t>({1, 1, 2, 5}) : 0;
    for (std::size_t i = 0; i < changes && at < plan_.trouble; ++i) {
      plan_.cables.push_back({at, from, to, bad_conditions(good, harsh)});
      at += draw_.between(10ms, std::max<Duration>(10ms, plan_.trouble));
    }
    plan_.cables.push_back({is_bad ? plan_.trouble : 0s, from, to, good});
  }

  CableConditions good_conditions(std::size_t from, std::size_t to) {
    CableConditions good;
    good.delay = draw_.pick<Duration>({0us, 100us, 5ms, 5ms, 50ms, 300ms});
    good.mtu = std::min(plan_.hosts[from].config.mtu, plan_.hosts[to].config.mtu);
    good.carries_offload = draw_.chance(0.3);
    good.rate = draw_.chance(0.3) ? draw_.about(200'000, 1'000'000'000) : 0;
    good.queue = draw_.pick<std::size_t>({10, 100, 1000});
    const Duration msl = std::min(plan_.hosts[from].config.tcp.msl, plan_.hosts[to].config.tcp.msl);
    good.lifetime = msl - msl / 10;
    return good;
  }

  CableConditions bad_conditions(const CableConditions& good, bool harsh) {
    CableConditions bad = good;
    const double scale = harsh ? 0.3 : 0.03;
    const auto maybe = [&](double& value, double largest) {
      if (draw_.coin()) value = draw_.fraction() * largest;
    };
    maybe(bad.loss, scale);
    maybe(bad.duplicate, scale);
    maybe(bad.reorder, scale);
    maybe(bad.corrupt, scale / 2);
    maybe(bad.late_copy, scale / 10);
    maybe(bad.congestion_mark, scale);
    bad.reorder_delay = draw_.between(0ms, 100ms);
    if (draw_.chance(0.3)) {
      bad.burst_loss = {draw_.fraction() * scale, 0.05 + draw_.fraction() * 0.9, draw_.fraction()};
    }
    if (draw_.chance(0.2)) bad.delay = draw_.between(0ms, 900ms);
    if (draw_.chance(0.15)) bad.down = true;
    if (draw_.chance(0.15)) bad.queue = draw_.between(1, 4);
    if (draw_.chance(0.15)) bad.mtu = std::max<std::size_t>(100, good.mtu / draw_.between(1, 8));
    bad.cuts_despite_df = draw_.coin();
    bad.reports_too_big = draw_.coin();
    return bad;
  }

  void stalls() {
    if (!draw_.chance(0.15)) return;
    const std::uint64_t count = draw_.between(1, 5);
    for (std::uint64_t i = 0; i < count; ++i) {
      plan_.stalls.push_back(
          {draw_.between(0s, plan_.trouble + 1s), draw_.below(plan_.hosts.size()), draw_.between(1ms, 2s)});
    }
  }

  // ISNs grow with time, so the time of the start decides what they are. In half of the worlds the first connection
  // that can be foreseen begins shortly before the wrap.
  Instant start() {
    const Instant any = Instant{} + draw_.between(0s, Duration{std::chrono::hours{24 * 365}});
    const Visit& visit = plan_.visits.front();
    if (draw_.coin() || visit.local_port == 0) return any;
    FourTuple tuple{{plan_.hosts[visit.host].config.address, visit.local_port},
                    {plan_.hosts[visit.target].config.address, visit.port}};
    std::size_t host = visit.host;
    if (draw_.coin()) {
      std::swap(tuple.local, tuple.remote);
      host = visit.target;
    }
    const SeqNum isn = tcp::first_numbers(tcp::SipKey{plan_.hosts[host].config.secret}, tuple, any).isn;
    const SeqNum wanted{0u - draw_.about(1, largest_text_)};
    return any + (wanted - isn) * Duration{4us};
  }

  Draw draw_;
  Plan plan_;
  std::uint32_t largest_text_ = 0;
};

}  // namespace

Plan draw_plan(std::uint64_t seed) { return Planner{seed}.draw(); }

std::string describe(const Plan& plan) {
  std::ostringstream out;
  const auto seconds = [](Duration time) { return std::chrono::duration<double>(time).count(); };
  out << "seed " << plan.seed << ": trouble for " << seconds(plan.trouble) << " s"
      << (plan.patient ? "" : ", impatient users") << "\n";
  for (const HostPlan& host : plan.hosts) {
    const Config& config = host.config;
    const Parameters& tcp = config.tcp;
    out << "  host " << AddressText(config.address).view() << " mtu " << config.mtu << " tso "
        << config.segmentation_offload << " connections " << config.max_connections << " blocks " << config.blocks
        << "x" << config.block_size << " replies " << config.reply_queue << " rcv " << tcp.receive_buffer << " snd "
        << tcp.send_buffer << (tcp.window_scaling ? " wscale" : "") << (tcp.timestamps ? " ts" : "")
        << (tcp.selective_acks ? " sack" : "") << (host.fallback ? " fallback" : "") << " iw " << tcp.initial_window
        << " delack " << seconds(tcp.delayed_ack) << " min_rto " << seconds(tcp.minimum_rto) << " msl "
        << seconds(tcp.msl) << "\n";
    for (const Service& service : host.services) {
      const Manner& manner = service.manner;
      out << "    port " << service.port << (manner.echo ? " echo" : "") << " writes " << manner.octets << " ending "
          << static_cast<int>(manner.ending) << " backlog " << service.backlog
          << (service.comes_and_goes ? " comes and goes" : "") << "\n";
    }
  }
  for (const CableChange& change : plan.cables) {
    const CableConditions& c = change.conditions;
    out << "  at " << seconds(change.at) << " cable " << change.from + 1 << "->" << change.to + 1 << " delay "
        << seconds(c.delay) << " rate " << c.rate << " queue " << c.queue << " loss " << c.loss << " burst "
        << c.burst_loss.to_bad << " dup " << c.duplicate << " reorder " << c.reorder << " corrupt " << c.corrupt
        << " late " << c.late_copy << " mtu " << c.mtu << (c.down ? " down" : "")
        << (c.carries_offload ? " offload" : "") << (c.cuts_despite_df ? " cuts" : "") << "\n";
  }
  for (const Visit& visit : plan.visits) {
    out << "  at " << seconds(visit.at) << " host " << visit.host + 1 << ":" << visit.local_port << " visits host "
        << visit.target + 1 << ":" << visit.port << " x" << visit.times << " writes " << visit.manner.octets
        << " ending " << static_cast<int>(visit.manner.ending) << (visit.manner.no_delay ? " nodelay" : "") << "\n";
  }
  return out.str();
}

}  // namespace backstop::simulation
