// SEGMENT ARRIVES as a table: every state x kind of segment x place in the window x acknowledgment. What is expected
// comes from a model of section 3.10.7 written here from the RFC's text, a rule a line, and knows nothing of the stack:
// its numbers are those that the script has played and the window is the one that the last segment on the wire told.
#include <array>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace backstop::test {
namespace {

constexpr std::uint32_t text_size = 5;

// --- The segment.

struct Kind {
  std::string_view name;
  std::string_view flags;
  std::uint32_t text = 0;

  [[nodiscard]] bool has(char flag) const { return flags.find(flag) != std::string_view::npos; }
  [[nodiscard]] bool syn() const { return has('S'); }
  [[nodiscard]] bool fin() const { return has('F'); }
  [[nodiscard]] bool rst() const { return has('R'); }
  [[nodiscard]] bool ack() const { return has('.'); }
  [[nodiscard]] std::uint32_t length() const { return text + (syn() ? 1 : 0) + (fin() ? 1 : 0); }
};

constexpr std::array<Kind, 9> kinds{{{"SYN", "S"},
                                     {"SYN-ACK", "S."},
                                     {"SYN-FIN", "SF"},
                                     {"ACK", "."},
                                     {"FIN", "F"},
                                     {"FIN-ACK", "F."},
                                     {"RST", "R"},
                                     {"RST-ACK", "R."},
                                     {"text", "P.", text_size}}};

enum class Place { left_of_window, left_edge, middle, right_edge, outside };
constexpr std::array<std::string_view, 5> places{"left of the window", "left edge", "middle", "right edge", "outside"};

// Old: before SND.UNA. The last acknowledged: SND.UNA. Current: SND.NXT. Ahead: what was never sent.
enum class Ack { old, una, current, ahead };
constexpr std::array<std::string_view, 4> acks{"old", "SND.UNA", "current", "ahead"};

struct Arrival {
  Kind kind;
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;

  [[nodiscard]] std::string line() const {
    std::string line = std::string(kind.flags) + " " + notation::format_range(seq, kind.text);
    if (kind.ack()) line += " ack " + std::to_string(ack);
    return line;
  }
};

// --- What the model knows of a connection. Numbers are relative to the ISNs.

struct Model {
  State state = State::closed;
  std::uint32_t una = 0;
  std::uint32_t nxt = 0;
  std::uint32_t rcv_nxt = 0;
  std::uint32_t rcv_wnd = 1000;
  bool fin_sent = false;
  bool fin_received = false;

  [[nodiscard]] bool in_window(std::uint32_t seq) const { return rcv_nxt <= seq && seq < rcv_nxt + rcv_wnd; }
};

struct Outcome {
  State state;        // LISTEN and CLOSED are one: there is no connection
  std::string reply;  // a line, or nothing
};

std::string acknowledgment(const Model& m) {
  return ". " + notation::format_range(m.nxt, 0) + " ack " + std::to_string(m.rcv_nxt);
}
std::string reset_at_ack(const Arrival& a) { return "R " + notation::format_range(a.ack, 0); }
std::string syn_ack(const Arrival& a) { return "S. ack " + std::to_string(a.seq + 1); }

// --- Section 3.10.7.1 to 3.10.7.3.

Outcome closed(const Arrival& a) {
  if (a.kind.rst()) return {State::closed, ""};
  if (a.kind.ack()) return {State::closed, reset_at_ack(a)};
  if (a.kind.syn() && a.kind.fin()) return {State::closed, ""};  // ours: a SYN,FIN is nobody's honest segment
  return {State::closed, "R. ack " + std::to_string(a.seq + a.kind.length())};
}

Outcome listen(const Arrival& a) {
  if (a.kind.rst()) return {State::closed, ""};
  if (a.kind.ack()) return {State::closed, reset_at_ack(a)};
  if (a.kind.syn() && a.kind.fin()) return {State::closed, ""};  // ours, by default
  if (a.kind.syn()) return {State::syn_received, syn_ack(a)};
  return {State::closed, ""};
}

Outcome syn_sent(const Model& m, const Arrival& a) {
  const bool acceptable = m.una < a.ack && a.ack <= m.nxt;
  if (a.kind.ack() && !acceptable) return {State::syn_sent, a.kind.rst() ? "" : reset_at_ack(a)};
  if (a.kind.rst()) return {a.kind.ack() ? State::closed : State::syn_sent, ""};
  if (!a.kind.syn()) return {State::syn_sent, ""};
  if (!a.kind.ack()) return {State::syn_received, syn_ack(a)};  // the FIN is not processed before ESTABLISHED
  return {State::established, ". 1:1(0) ack " + std::to_string(a.seq + 1)};
}

// --- Section 3.10.7.4, step by step. A step returns an outcome when it is the last one.

using Step = std::optional<Outcome>;

Step first(const Model& m, const Arrival& a) {
  const std::uint32_t length = a.kind.length();
  const bool acceptable = m.in_window(a.seq) || (length > 0 && m.in_window(a.seq + length - 1));
  if (acceptable) return {};
  return Outcome{m.state, a.kind.rst() ? "" : acknowledgment(m)};
}

Step second(const Model& m, const Arrival& a) {
  if (!a.kind.rst()) return {};
  if (a.seq != m.rcv_nxt) return Outcome{m.state, acknowledgment(m)};  // RFC 5961 section 3
  return Outcome{State::closed, ""};                                   // SYN-RECEIVED was opened passively: LISTEN
}

Step fourth(const Model& m, const Arrival& a) {
  if (!a.kind.syn()) return {};
  if (m.state == State::syn_received) return Outcome{State::closed, ""};  // opened passively: back to LISTEN
  return Outcome{m.state, acknowledgment(m)};                             // RFC 5961 section 4
}

Step fifth(Model& m, const Arrival& a) {
  if (!a.kind.ack()) return Outcome{m.state, ""};
  if (m.state == State::syn_received) {
    if (!(m.una < a.ack && a.ack <= m.nxt)) return Outcome{m.state, reset_at_ack(a)};
    m.state = State::established;
  }
  if (a.ack > m.nxt) return Outcome{m.state, acknowledgment(m)};
  m.una = std::max(m.una, a.ack);
  const bool fin_acked = m.fin_sent && m.una == m.nxt;
  if (fin_acked && m.state == State::fin_wait_1) m.state = State::fin_wait_2;
  if (fin_acked && m.state == State::closing) m.state = State::time_wait;
  if (fin_acked && m.state == State::last_ack) return Outcome{State::closed, ""};
  return {};
}

// What is behind a hole is kept, and acknowledged at once (RFC 5681 section 4.2). Behind the peer's FIN there is
// nothing.
Step seventh(Model& m, const Arrival& a) {
  if (a.kind.length() == 0 || m.fin_received) return Outcome{m.state, ""};
  if (a.seq != m.rcv_nxt) return Outcome{m.state, acknowledgment(m)};
  m.rcv_nxt += a.kind.text;
  if (!a.kind.fin()) return Outcome{m.state, acknowledgment(m)};
  return {};
}

Outcome eighth(Model& m) {
  ++m.rcv_nxt;
  if (m.state == State::established) return {State::close_wait, acknowledgment(m)};
  if (m.state == State::fin_wait_1) return {State::closing, acknowledgment(m)};
  return {State::time_wait, acknowledgment(m)};
}

Outcome synchronized(Model m, const Arrival& a) {
  // MAY-2: a SYN beyond everything that the old connection used opens a new one.
  const bool reopens = m.state == State::time_wait && a.kind.syn() && !a.kind.ack() && !a.kind.fin();
  if (reopens && a.seq > m.rcv_nxt) return {State::syn_received, syn_ack(a)};
  if (const Step last = first(m, a)) return *last;
  if (const Step last = second(m, a)) return *last;
  if (const Step last = fourth(m, a)) return *last;
  if (const Step last = fifth(m, a)) return *last;
  if (const Step last = seventh(m, a)) return *last;
  return eighth(m);
}

Outcome expected(const Model& m, const Arrival& a) {
  switch (m.state) {
    case State::closed:
      return closed(a);
    case State::listen:
      return listen(a);
    case State::syn_sent:
      return syn_sent(m, a);
    default:
      return synchronized(m, a);
  }
}

// --- States, reached by playing segments.

void small_window(Config& config) {
  config.tcp.receive_buffer = 1000;
  config.tcp.window_scaling = false;
  config.blocks = 64;
}

// The window that the last segment told.
void note_window(Model& m, const wire::Segment& last) { m.rcv_wnd = last.window; }

// Ten octets each way first, so that there are older acknowledgments and older text.
Model play_established(Scenario& t) {
  t.establish("<mss 1460>");
  t.write(10);
  t.expect("P. 1:11(10) ack 1");
  t.inject("P. 1:11(10) ack 11");
  Model m{.state = State::established, .una = 11, .nxt = 11, .rcv_nxt = 11};
  note_window(m, t.expect(". 11:11(0) ack 11"));
  return m;
}

void play_our_fin(Scenario& t, Model& m) {
  t.close();
  t.expect("F. 11:11(0) ack " + std::to_string(m.rcv_nxt));
  m.nxt = 12;
  m.fin_sent = true;
}

void play_peers_fin(Scenario& t, Model& m, std::uint32_t ack) {
  t.inject("F. 11:11(0) ack " + std::to_string(ack));
  m.una = ack;
  m.rcv_nxt = 12;
  m.fin_received = true;
  note_window(m, t.expect(". " + notation::format_range(m.nxt, 0) + " ack 12"));
}

Model play(Scenario& t, State state) {
  if (state == State::closed) t.stop_listening();
  if (state == State::closed || state == State::listen) return {.state = state, .una = 50, .nxt = 50, .rcv_nxt = 100};
  if (state == State::syn_sent) {
    t.connect();
    t.expect("S  0:0(0)");
    return {.state = state, .una = 0, .nxt = 1, .rcv_nxt = 100};
  }
  if (state == State::syn_received) {
    t.inject("S  0:0(0) win 65535 <mss 1460>");
    Model m{.state = state, .una = 0, .nxt = 1, .rcv_nxt = 1};
    note_window(m, t.expect("S. 0:0(0) ack 1"));
    return m;
  }
  Model m = play_established(t);
  const bool peer_first = state == State::close_wait || state == State::last_ack;
  if (peer_first) play_peers_fin(t, m, 11);
  if (state != State::established && state != State::close_wait) play_our_fin(t, m);
  if (state == State::fin_wait_2) {
    t.inject(". 11:11(0) ack 12");
    m.una = 12;
  }
  if (state == State::closing) play_peers_fin(t, m, 11);
  if (state == State::time_wait) play_peers_fin(t, m, 12);
  m.state = state;
  return m;
}

// --- The table.

std::uint32_t number_at(Place place, const Model& m) {
  switch (place) {
    case Place::left_of_window:
      return m.rcv_nxt - 10;
    case Place::left_edge:
      return m.rcv_nxt;
    case Place::middle:
      return m.rcv_nxt + m.rcv_wnd / 2;
    case Place::right_edge:
      return m.rcv_nxt + m.rcv_wnd - 1;
    case Place::outside:
      return m.rcv_nxt + m.rcv_wnd + 5;
  }
  return 0;
}

std::uint32_t number_for(Ack ack, const Model& m) {
  switch (ack) {
    case Ack::old:
      return m.una - 1;
    case Ack::una:
      return m.una;
    case Ack::current:
      return m.nxt;
    case Ack::ahead:
      return m.nxt + 1;
  }
  return 0;
}

State state_of_connection(Scenario& t) {
  for (std::uint32_t slot = 0; slot < t.stack().config().max_connections; ++slot) {
    const auto found = t.stack().connection_at(slot);
    if (found && found->info.state != State::closed) return found->info.state;
  }
  return State::closed;
}

// What is wrong with the stack's answer, or an empty string.
std::string try_out(IsnPair isns, State state, const Kind& kind, Place place, Ack ack) {
  Scenario t{isns, small_window};
  const Model m = play(t, state);
  const Arrival arrival{kind, number_at(place, m), number_for(ack, m)};
  const Outcome outcome = expected(m, arrival);
  try {
    t.inject(arrival.line());
    if (!outcome.reply.empty()) t.expect(outcome.reply);
    t.silence();
    const State got = state_of_connection(t);
    if (got == outcome.state) return {};
    return "expected the state " + std::string(to_string(outcome.state)) + ", got " + std::string(to_string(got)) +
           "\n" + t.story().text();
  } catch (const StoryMismatch& mismatch) {
    return mismatch.what();
  }
}

TEST_CASE("SEGMENT ARRIVES as a table: state x segment x place x acknowledgment", "[3.10.7][MUST-11][SHLD-31]") {
  const auto state = GENERATE(State::closed, State::listen, State::syn_sent, State::syn_received, State::established,
                              State::fin_wait_1, State::fin_wait_2, State::close_wait, State::closing, State::last_ack,
                              State::time_wait);
  const auto isns = GENERATE(values<IsnPair>({{1'000'000, 2'000'000}, {0xffff'fff8, 0xffff'fff8}}));
  std::string wrong;
  int cells = 0;
  for (const Kind& kind : kinds) {
    for (std::size_t place = 0; place < places.size(); ++place) {
      for (std::size_t ack = 0; ack < (kind.ack() ? acks.size() : 1); ++ack) {
        ++cells;
        const std::string why = try_out(isns, state, kind, static_cast<Place>(place), static_cast<Ack>(ack));
        if (why.empty()) continue;
        wrong += "\n" + std::string(to_string(state)) + ", " + std::string(kind.name) + ", " +
                 std::string(places[place]) + (kind.ack() ? ", ack " + std::string(acks[ack]) : "") + ": " + why;
      }
    }
  }
  INFO(wrong);
  CHECK(wrong.empty());
  CHECK(cells == 5 * (4 + 5 * 4));
}

}  // namespace
}  // namespace backstop::test
