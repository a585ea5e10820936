// What may be set for one connection, in the field's terms, and where it is kept: connections with equal options share
// one set, so that a connection pays for a number and not for a dozen settings.
// Read next: parameters.hpp, whose options are the defaults.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <vector>

#include "stack/tcp/time.hpp"

namespace backstop {

/// How the congestion window grows and shrinks.
enum class CongestionAlgorithm : std::uint8_t { new_reno, cubic };

struct ConnectionOptions {
  using seconds = std::chrono::seconds;

  /// Most octets it may hold for its user to read: the largest receive window. The window scale comes from what is set
  /// when the connection opens, so a larger buffer later may not be told to the peer in full.
  std::uint32_t receive_buffer = 1 << 20;
  /// Most octets it may hold that are not acknowledged yet.
  std::uint32_t send_buffer = 1 << 20;

  /// Largest MSS to offer and to send, octets of text and options; 0: what the device's MTU allows. Settled by the
  /// SYNs.
  std::uint16_t maximum_segment = 0;

  CongestionAlgorithm congestion = CongestionAlgorithm::cubic;  ///< MAY-18
  bool no_delay = false;                                        ///< switch Nagle's algorithm off (MUST-17)

  bool keep_alive = false;                           ///< MUST-25: off by default
  std::uint8_t keep_alive_probes = 9;                ///< unanswered ones that end the connection (MUST-29)
  Duration keep_alive_idle = std::chrono::hours{2};  ///< MUST-28
  Duration keep_alive_interval = seconds{75};

  /// R1 (RFC 9293 section 3.8.3): retransmissions of the same segment after which the user is told (SHLD-9, SHLD-10).
  std::uint8_t advise_after = 3;
  /// R2: text or FIN unacknowledged for this long ends the connection (MUST-21; SHLD-11: 100 s or more).
  Duration user_timeout = seconds{180};
  /// How long a connection whose user has gone waits in FIN-WAIT-2 for the peer's FIN.
  Duration fin_wait_2_timeout = seconds{60};
  /// Letting the connection go aborts it (SO_LINGER with a time of 0); else what was written is sent in the background.
  bool reset_on_release = false;
  /// Whether soft errors of the path, and reaching R1, are events (MUST-47, SHLD-20).
  bool error_reports = true;

  std::uint8_t ttl = 64;  ///< MUST-49
  std::uint8_t dscp = 0;  ///< six bits (MUST-48); may change while the connection lives (SHLD-21)

  friend bool operator==(const ConnectionOptions&, const ConnectionOptions&) = default;
};

namespace tcp {

using OptionSetId = std::uint16_t;
/// The set of whoever has set nothing.
inline constexpr OptionSetId default_options = 0;

/// The sets in use, bounded. Each counts who uses it; nobody changes one, a connection moves to another.
class OptionSets {
 public:
  OptionSets(const ConnectionOptions& defaults, std::uint16_t count, std::pmr::memory_resource& memory);

  [[nodiscard]] const ConnectionOptions& operator[](OptionSetId set) const { return sets_[set].options; }
  /// The set that equals `wanted`, with one user more. Nothing when there is none and all are taken.
  std::optional<OptionSetId> acquire(const ConnectionOptions& wanted);
  /// One user more of a set that is in use.
  OptionSetId share(OptionSetId set);
  void release(OptionSetId set) { --sets_[set].users; }

  static std::size_t required_memory(std::uint16_t count) { return std::size_t{count} * sizeof(Set); }

 private:
  struct Set {
    ConnectionOptions options;
    std::uint32_t users = 0;
  };
  std::pmr::vector<Set> sets_;
};

}  // namespace tcp
}  // namespace backstop
