#include "tools/packetdrill/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <vector>

namespace backstop::packetdrill {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::vector<std::string_view> words(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> found;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    if (end > 0) found.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return found;
}

// Decimal, or hexadecimal with 0x as sysctl takes it too.
std::optional<std::int64_t> number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x")) {
    text.remove_prefix(2);
    base = 16;
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <class Number>
bool set_number(Number& field, std::string_view value) {
  const auto read = number(value);
  if (!read || *read < 0) return false;
  field = static_cast<Number>(std::min<std::int64_t>(*read, std::numeric_limits<Number>::max()));
  return true;
}

template <class Unit>
bool set_time(Duration& field, std::string_view value) {
  const auto read = number(value);
  if (!read || *read < 0) return false;
  field = Unit{*read};
  return true;
}

bool set_flag(bool& field, std::string_view value) {
  const auto read = number(value);
  if (!read) return false;
  field = *read != 0;
  return true;
}

bool set_address(Ipv4Address& field, std::string_view value) {
  const auto address = parse_address(value);
  if (address) field = *address;
  return address.has_value();
}

bool set_congestion(CongestionAlgorithm& field, std::string_view value) {
  const auto algorithm = congestion_algorithm(value);
  if (algorithm) field = *algorithm;
  return algorithm.has_value();
}

// As Linux numbers it: 0 off, 1 offer, 2 answer.
bool set_ecn(Ecn& field, std::string_view value) {
  if (value == "0" || value == "off") {
    field = Ecn::off;
  } else if (value == "1" || value == "offer") {
    field = Ecn::offer;
  } else if (value == "2" || value == "answer") {
    field = Ecn::answer;
  } else {
    return false;
  }
  return true;
}

// Linux's three numbers for a buffer: least, default and most octets.
bool set_receive_buffers(Settings& settings, std::string_view value) {
  const auto three = words(value, " \t");
  return three.size() == 3 && set_number(settings.receive_space, three[1]) &&
         set_number(settings.config.tcp.receive_buffer, three[2]);
}

// Only kernels that have RACK know the key: they push what they hand to a device at once, two segments at least.
bool set_recovery(Settings& settings, std::string_view) {
  settings.config.segmentation_segments = std::max<std::uint16_t>(settings.config.segmentation_segments, 2);
  return true;
}

bool set_send_buffers(Settings& settings, std::string_view value) {
  const auto three = words(value, " \t");
  return three.size() == 3 && set_number(settings.send_buffer, three[1]) &&
         set_number(settings.largest_send_buffer, three[2]);
}

// How long Linux keeps trying with a number of retransmissions: the first after the initial RTO, each waiting twice as
// long as the one before, at most two minutes.
bool set_retries(Duration& field, Duration first, std::string_view value) {
  std::uint8_t retries = 0;
  if (!set_number(retries, value)) return false;
  field = {};
  for (int i = 0; i <= retries; ++i) {
    field += first;
    first = std::min<Duration>(2 * first, seconds{120});
  }
  return true;
}

bool set_rfc1323(Settings& settings, std::string_view value) {
  return set_flag(settings.config.tcp.timestamps, value) && set_flag(settings.config.tcp.window_scaling, value);
}

using Setter = bool (*)(Settings&, std::string_view);
struct Key {
  std::string_view name;
  Setter set;
};

constexpr std::array keys{
    Key{"local", [](Settings& s, std::string_view v) { return set_address(s.config.address, v); }},
    Key{"mtu", [](Settings& s, std::string_view v) { return set_number(s.config.mtu, v); }},
    Key{"initial_window", [](Settings& s, std::string_view v) { return set_number(s.config.tcp.initial_window, v); }},
    Key{"initcwnd", [](Settings& s, std::string_view v) { return set_number(s.config.tcp.initial_window, v); }},
    Key{"initial_rto",
        [](Settings& s, std::string_view v) { return set_time<milliseconds>(s.config.tcp.initial_rto, v); }},
    Key{"min_rto", [](Settings& s, std::string_view v) { return set_time<milliseconds>(s.config.tcp.minimum_rto, v); }},
    Key{"max_rto", [](Settings& s, std::string_view v) { return set_time<milliseconds>(s.config.tcp.maximum_rto, v); }},
    Key{"delayed_ack",
        [](Settings& s, std::string_view v) { return set_time<milliseconds>(s.config.tcp.delayed_ack, v); }},
    Key{"quick_acks", [](Settings& s, std::string_view v) { return set_number(s.config.tcp.quick_acks, v); }},
    Key{"congestion", [](Settings& s, std::string_view v) { return set_congestion(s.config.tcp.congestion, v); }},
    Key{"receive_buffer", [](Settings& s, std::string_view v) { return set_number(s.config.tcp.receive_buffer, v); }},
    Key{"send_buffer", [](Settings& s, std::string_view v) { return set_number(s.config.tcp.send_buffer, v); }},
    Key{"sack", [](Settings& s, std::string_view v) { return set_flag(s.config.tcp.selective_acks, v); }},
    Key{"timestamps", [](Settings& s, std::string_view v) { return set_flag(s.config.tcp.timestamps, v); }},
    Key{"window_scaling", [](Settings& s, std::string_view v) { return set_flag(s.config.tcp.window_scaling, v); }},
    Key{"ecn", [](Settings& s, std::string_view v) { return set_ecn(s.config.tcp.ecn, v); }},
    Key{"ttl", [](Settings& s, std::string_view v) { return set_number(s.config.tcp.ttl, v); }},

    // Linux's names, as scripts give them to sysctl.
    Key{"net.ipv4.tcp_rmem", set_receive_buffers},
    Key{"net.ipv4.tcp_wmem", set_send_buffers},
    Key{"net.ipv4.tcp_sack", [](Settings& s, std::string_view v) { return set_flag(s.config.tcp.selective_acks, v); }},
    Key{"net.ipv4.tcp_timestamps",
        [](Settings& s, std::string_view v) { return set_flag(s.config.tcp.timestamps, v); }},
    Key{"net.ipv4.tcp_window_scaling",
        [](Settings& s, std::string_view v) { return set_flag(s.config.tcp.window_scaling, v); }},
    Key{"net.ipv4.tcp_ecn", [](Settings& s, std::string_view v) { return set_ecn(s.config.tcp.ecn, v); }},
    Key{"net.ipv4.tcp_congestion_control",
        [](Settings& s, std::string_view v) { return set_congestion(s.config.tcp.congestion, v); }},
    Key{"net.ipv4.tcp_slow_start_after_idle",
        [](Settings& s, std::string_view v) { return set_flag(s.config.tcp.restart_after_idle, v); }},
    Key{"net.ipv4.tcp_recovery", set_recovery},
    Key{"net.ipv4.tcp_min_tso_segs",
        [](Settings& s, std::string_view v) { return set_number(s.config.segmentation_segments, v); }},
    Key{"net.ipv4.tcp_syn_retries",
        [](Settings& s, std::string_view v) {
          return set_retries(s.config.tcp.syn_timeout, s.config.tcp.initial_rto, v);
        }},
    Key{"net.ipv4.tcp_synack_retries",
        [](Settings& s, std::string_view v) {
          return set_retries(s.config.tcp.half_open_timeout, s.config.tcp.initial_rto, v);
        }},
    Key{"net.ipv4.tcp_retries2",
        [](Settings& s, std::string_view v) {
          return set_retries(s.config.tcp.user_timeout, s.config.tcp.minimum_rto, v);
        }},
    Key{"net.ipv4.tcp_rto_min_us",
        [](Settings& s, std::string_view v) {
          return set_time<std::chrono::microseconds>(s.config.tcp.minimum_rto, v);
        }},
    Key{"net.ipv4.tcp_rto_max_ms",
        [](Settings& s, std::string_view v) { return set_time<milliseconds>(s.config.tcp.maximum_rto, v); }},
    Key{"net.ipv4.tcp_fin_timeout",
        [](Settings& s, std::string_view v) { return set_time<seconds>(s.config.tcp.fin_wait_2_timeout, v); }},
    Key{"net.ipv4.tcp_keepalive_time",
        [](Settings& s, std::string_view v) { return set_time<seconds>(s.config.tcp.keep_alive_idle, v); }},
    Key{"net.ipv4.tcp_keepalive_intvl",
        [](Settings& s, std::string_view v) { return set_time<seconds>(s.config.tcp.keep_alive_interval, v); }},
    Key{"net.ipv4.tcp_keepalive_probes",
        [](Settings& s, std::string_view v) { return set_number(s.config.tcp.keep_alive_probes, v); }},
    Key{"net.ipv4.ip_default_ttl", [](Settings& s, std::string_view v) { return set_number(s.config.tcp.ttl, v); }},

    // FreeBSD's.
    Key{"net.inet.tcp.rfc1323", set_rfc1323},
    Key{"net.inet.tcp.sack.enable",
        [](Settings& s, std::string_view v) { return set_flag(s.config.tcp.selective_acks, v); }},
    Key{"net.inet.tcp.ecn.enable", [](Settings& s, std::string_view v) { return set_ecn(s.config.tcp.ecn, v); }},
    Key{"net.inet.tcp.recvspace", [](Settings& s, std::string_view v) { return set_number(s.receive_space, v); }},
    Key{"kern.ipc.maxsockbuf",
        [](Settings& s, std::string_view v) { return set_number(s.config.tcp.receive_buffer, v); }},
};

bool set_syn_options(Settings& settings, std::string_view value) {
  if (value != "linux" && value != "freebsd") return false;
  settings.syn_options = value == "linux" ? SynOptions::linux_order : SynOptions::freebsd_order;
  return true;
}

// sysctl takes slashes for dots.
std::string canonical(std::string_view key) {
  std::string name{key};
  std::replace(name.begin(), name.end(), '/', '.');
  return name;
}

}  // namespace

std::optional<CongestionAlgorithm> congestion_algorithm(std::string_view name) {
  if (name == "reno" || name == "new_reno" || name == "newreno") return CongestionAlgorithm::new_reno;
  if (name == "cubic") return CongestionAlgorithm::cubic;
  return std::nullopt;
}

bool Settings::set(std::string_view key, std::string_view value) {
  const std::string name = canonical(key);
  if (name == "options") return set_syn_options(*this, value);
  const auto known = std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == name; });
  return known != keys.end() && known->set(*this, value);
}

Settings linux_profile() {
  Settings settings;
  Config& config = settings.config;
  config.address = Ipv4Address::of(192, 168, 0, 1);
  config.any_ip = true;
  config.max_connections = 64;
  config.blocks = 4096;
  config.block_size = 8192;
  config.resets = {};  // what a script injects is answered, however often
  config.icmp_errors = {};
  config.coroutine_memory = 0;
  // What Linux hands to a device at once shows in where PSH stands. Scripts that set nothing are from the time when
  // that was a segment, and the window scale was 6; today's say what they expect (tcp_rmem, tcp_recovery).
  config.segmentation_offload = 65'535 - 60;
  config.segmentation_segments = 1;
  config.tcp.receive_buffer = 3 << 20;
  config.tcp.send_buffer = 4 << 20;
  return settings;
}

Settings freebsd_profile() {
  Settings settings = linux_profile();
  settings.syn_options = SynOptions::freebsd_order;
  settings.receive_space = 65'536;
  settings.config.tcp.receive_buffer = 2 << 20;
  settings.config.tcp.delayed_ack = milliseconds{100};
  settings.config.tcp.quick_acks = 0;
  return settings;
}

Settings parse_flags(std::string_view flags) {
  Settings settings = linux_profile();
  for (const std::string_view pair : words(flags, ", ")) {
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view key = pair.substr(0, equals);
    const std::string_view value = pair.substr(std::min(equals + 1, pair.size()));
    if (key == "profile" && value == "linux") {
      settings = linux_profile();
    } else if (key == "profile" && value == "freebsd") {
      settings = freebsd_profile();
    } else if (!settings.set(key, value)) {
      std::cerr << "backstop: --so_flags: '" << pair
                << "' is not understood; tests/packetdrill/README.md lists the keys\n";
      std::exit(2);
    }
  }
  return settings;
}

SettingsFile::SettingsFile() {
  const char* path = std::getenv("BACKSTOP_PACKETDRILL_SETTINGS");
  if (path != nullptr) path_ = path;
}

bool SettingsFile::has_new_lines() const {
  if (path_.empty()) return false;
  std::ifstream file{path_, std::ios::ate};
  return file && static_cast<std::size_t>(file.tellg()) > read_;
}

bool SettingsFile::apply_new_lines(Settings& settings) {
  if (!has_new_lines()) return false;
  std::ifstream file{path_};
  file.seekg(static_cast<std::streamoff>(read_));
  for (std::string line; std::getline(file, line); read_ += line.size() + 1) {
    const std::size_t equals = std::min(line.find('='), line.size());
    // A key that means nothing here is as good as one that is set: scripts set many for safety.
    (void)settings.set(std::string_view{line}.substr(0, equals),
                       std::string_view{line}.substr(std::min(equals + 1, line.size())));
  }
  return true;
}

}  // namespace backstop::packetdrill
