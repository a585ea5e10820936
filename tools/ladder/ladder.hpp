// The sequence diagram of a connection as values: who sent what to whom, when it left and when it arrived. Made from
// one capture, which sees one place only, or from two, made at the two hosts, which together show what was lost on the
// way. Read next: text.cpp, mermaid.cpp and svg.cpp, which draw it.
#pragma once

#include <array>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/analysis/conversation.hpp"
#include "tools/page/svg.hpp"

namespace backstop::ladder {

using analysis::Side;

/// What a step is drawn as. The first that fits counts.
enum class Kind : std::uint8_t {
  reset,
  message,  ///< ICMP
  again,    ///< any retransmission
  gap,      ///< out of order, or something in front of it is missing
  duplicate_ack,
  window,
  keep_alive,
  control,  ///< SYN or FIN
  plain,
  count_,
};

/// What became of a packet on its way.
enum class Passage : std::uint8_t {
  whole,
  lost,
  twice,      ///< a second copy of a packet that was sent once
  from_afar,  ///< nobody was seen to send it: it comes from a router, or was not captured
};

/// Many steps in the place of which one stands.
struct Hidden {
  std::array<std::uint64_t, 2> segments{};  ///< by who sent them: client, server
  std::array<std::uint64_t, 2> octets{};    ///< of text
  std::uint64_t marked = 0;                 ///< of all, those that stand out
};

struct Step {
  Side from = Side::client;
  Kind kind = Kind::plain;
  Passage passage = Passage::whole;
  Instant time{};                   ///< when it was captured, at its sender if there
  Instant sent{};                   ///< at its sender, estimated with one capture
  Instant arrived{};                ///< at its receiver, estimated with one capture
  std::uint64_t client_number = 0;  ///< in the client's capture, or the only one; 0: not there
  std::uint64_t server_number = 0;  ///< in the server's
  std::string segment;              ///< "P. 1:101(100) ack 1 win 63"
  std::string options;              ///< of a SYN, or the SACK blocks: "sack 201:301"
  std::string marks;                ///< "Fast Retransmission"
  std::string details;              ///< all of it, with the timestamps
  std::uint32_t text_size = 0;
  std::optional<Hidden> hidden;
};

struct Ladder {
  std::string title;
  std::string client;
  std::string server;
  bool two_captures = false;
  Instant start{};
  Duration distance{};  ///< from one host to the other; zero when it is not known
  std::vector<Step> steps;
  std::vector<std::string> notes;  ///< what a reader should know about the picture
};

/// From one capture, made anywhere on the way.
Ladder build(const analysis::Conversation& conversation);

/// From two captures of the same connection, made at its two ends. When their clocks disagree, the server's is moved.
Ladder build(const analysis::Conversation& at_client, const analysis::Conversation& at_server);

/// Puts one step in the place of long runs in which nothing stands out, and of the middle of what is longer still.
void collapse(Ladder& ladder);

/// "31 segments, 44,888 octets from the client; 12 segments from the server".
std::string to_string(const Hidden& hidden);

/// The name of its colour in the palette.
std::string_view colour_of(Kind kind);
std::string_view name_of(Kind kind);

/// Whether so much time between two events is to be drawn as a break.
bool is_pause(Duration time, Duration distance);

/// `width`: columns.
void write_text(std::ostream& out, const Ladder& ladder, std::size_t width);
/// A sequenceDiagram in Mermaid's language.
void write_mermaid(std::ostream& out, const std::vector<Ladder>& ladders);
/// Ladders one below the other.
void write_svg(std::ostream& out, const std::vector<Ladder>& ladders, page::Surroundings surroundings);

}  // namespace backstop::ladder
