// A live connection, led to one of its states and then given whatever the input says: segments aimed at the edges of
// its windows, broken packets, ICMP errors, user's calls, time. Every packet it sends keeps the simulation's rules, its
// user reads what the peer sent at that place, and in the end everything that was borrowed has come back.
#include <algorithm>
#include <array>
#include <cassert>
#include <deque>

#include "tests/fuzz/live_stack.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/simulation/stream_text.hpp"

namespace backstop::fuzz {
namespace {

using namespace std::chrono_literals;
using enum wire::Flag;

constexpr Ipv4Address ours = Ipv4Address::of(10, 0, 0, 2);
constexpr Ipv4Address peers = Ipv4Address::of(10, 0, 0, 1);
constexpr SeqNum peer_isn{0xffff'ff00};
constexpr std::uint32_t goals = 12;  // states to lead a connection to; some in two ways

template <class T, std::size_t Size>
T pick(Input& input, const std::array<T, Size>& choices) {
  return choices[input.below(Size)];
}

Config draw_config(Input& input) {
  Config config;
  config.address = ours;
  config.prefix = 24;
  config.mtu = pick<std::uint16_t, 4>(input, {1500, 1500, 296, 9000});
  config.max_connections = 3;
  config.max_listeners = 1;
  config.max_taps = 1;
  config.blocks = pick<std::uint32_t, 3>(input, {8, 32, 200});
  config.block_size = 512;
  config.reply_queue = pick<std::uint32_t, 3>(input, {1, 4, 32});
  config.max_reassemblies = 1;
  config.coroutine_memory = 0;
  const std::uint8_t flags = input.octet();
  if ((flags & 1) != 0) config.segmentation_offload = 16'000;
  config.checksum_offload = (flags & 2) != 0 || config.segmentation_offload > 0;
  config.tcp.timestamps = (flags & 4) != 0;
  config.tcp.selective_acks = (flags & 8) != 0;
  config.tcp.window_scaling = (flags & 16) != 0;
  config.tcp.ecn = (flags & 32) != 0 ? Ecn::offer : Ecn::answer;
  config.tcp.keep_alive = (flags & 64) != 0;
  config.tcp.congestion = (flags & 128) != 0 ? CongestionAlgorithm::new_reno : CongestionAlgorithm::cubic;
  config.tcp.receive_buffer = pick<std::uint32_t, 4>(input, {256, 4096, 65'535, 1 << 20});
  config.tcp.send_buffer = pick<std::uint32_t, 3>(input, {256, 8192, 1 << 20});
  config.tcp.delayed_ack = pick<Duration, 3>(input, {0ms, 40ms, 490ms});
  return config;
}

// One end, and what its user knows.
struct User {
  Stream stream;
  simulation::EndId id;
  FourTuple tuple;
  std::uint64_t written = 0;
  std::uint32_t read = 0;
  State state = State::closed;
};

class Play {
 public:
  explicit Play(Bytes octets) : input_(octets), live_(draw_config(input_)) {
    listener_ = *live_.stack().listen({{}, 80}, {.backlog = 2});
  }

  void run() {
    lead_to(input_.below(goals));
    for (int steps = 0; !input_.empty() && steps < 400; ++steps) {
      step();
      look();
    }
    if (input_.coin()) wait_for_the_end();
    users_.clear();
    listener_.reset();
    live_.finish();
  }

 private:
  static constexpr FourTuple passive{{ours, 80}, {peers, 40'000}};
  static constexpr FourTuple active{{ours, 5000}, {peers, 81}};

  // Leading to a state, by the segments that a good peer would send.

  void lead_to(std::uint32_t goal) {
    if (goal == 0) return;  // LISTEN
    const bool opens = goal == 1 || goal == 2 || goal == 11;
    tuple_ = opens ? active : passive;
    if (opens) {
      connect();
      if (goal == 1) return;  // SYN-SENT
      live_.deliver(live_.segment(tuple_, goal == 2 ? wire::Flags{syn} : syn | ack, peer_isn, known().nxt, 0,
                                  handshake_options()));
      return;  // SYN-RECEIVED after both opened at once, or ESTABLISHED
    }
    live_.deliver(live_.segment(tuple_, syn, peer_isn, {}, 0, handshake_options()));
    if (goal == 3) return;  // SYN-RECEIVED
    send(ack);
    accept();
    if (goal == 4 || users_.empty()) return;      // ESTABLISHED
    if (goal == 5 || goal == 6) send(fin | ack);  // CLOSE-WAIT
    if (goal >= 6) close(users_.front());         // LAST-ACK, FIN-WAIT-1
    if (goal == 8 || goal == 10) send(ack);       // FIN-WAIT-2
    if (goal == 10) send(fin | ack);              // TIME-WAIT
    if (goal == 9) {                              // CLOSING
      live_.deliver(live_.segment(tuple_, fin | ack, known().ack, known().nxt - 1));
    }
  }

  wire::TcpOptions handshake_options() {
    wire::TcpOptions options;
    const std::uint8_t which = input_.octet();
    options.mss = pick<std::uint16_t, 4>(input_, {1460, 536, 100, 8960});
    if ((which & 1) != 0) options.window_scale = which >> 4;
    options.sack_permitted = (which & 2) != 0;
    if ((which & 4) != 0) options.timestamps = wire::Timestamps{1, known().timestamp};
    return options;
  }

  void send(wire::Flags flags) {
    wire::TcpOptions options;
    if (known().timestamp != 0) options.timestamps = wire::Timestamps{2, known().timestamp};
    live_.deliver(live_.segment(tuple_, flags, known().ack, known().nxt, 0, options));
  }

  Known& known() { return live_.known(tuple_); }

  // What an input can do.

  void step() {
    const std::uint8_t what = input_.octet();
    tuple_ = (what & 128) != 0 ? active : passive;
    User* const user = users_.empty() ? nullptr : &users_[what / 32 % users_.size()];
    switch (what % 20) {
      case 0:
        return live_.deliver_badly(input_, live_.draw_segment(input_, tuple_));
      case 1:
        return live_.deliver_icmp_error(input_);
      case 2:
        return live_.advance(1ms * input_.number16());
      case 3:
        return live_.advance(1us * (std::uint64_t{1} << input_.below(33)));
      case 4:
        return to_deadline();
      case 5:
        return connect();
      case 6:
        return accept();
      case 7:
        return send(ack);
      case 8:
      case 9:
        return user != nullptr ? write(*user) : void();
      case 10:
      case 11:
        return user != nullptr ? read(*user) : void();
      case 12:
        return user != nullptr ? end(*user) : void();
      default:
        return live_.deliver(live_.draw_segment(input_, tuple_));
    }
  }

  void to_deadline() {
    if (const auto next = live_.stack().next_deadline()) live_.advance(*next - live_.now());
  }

  void connect() {
    auto stream = live_.stack().connect(active.remote, live_.now(), {.local = {{}, active.local.port}});
    if (stream) take_in(std::move(*stream));
    live_.drain();
  }

  void accept() {
    while (auto stream = listener_.accept()) take_in(std::move(*stream));
    live_.drain();
  }

  void take_in(Stream stream) {
    const FourTuple tuple{stream.local(), stream.remote()};
    users_.push_back({std::move(stream), next_id_++, tuple});
    live_.inspector().expect_text(tuple, users_.back().id);
  }

  void write(User& user) {
    const std::size_t size = 1 + input_.number16() % 8192u;
    std::vector<std::byte> text(size);
    simulation::fill_text(user.id, user.written, text);
    if (input_.coin()) {
      const auto taken = user.stream.write(text);
      if (taken) user.written += *taken;
    } else if (const auto room = user.stream.write_space()) {
      require(!room->empty(), "room of no octets");
      const std::size_t part = std::min(room->size(), size);
      std::ranges::copy(Bytes{text}.first(part), room->begin());
      user.stream.commit(part);
      user.written += part;
    }
    live_.drain();
  }

  void read(User& user) {
    const std::size_t size = 1 + input_.number16() % 8192u;
    std::vector<std::byte> buffer(size);
    if (input_.coin()) {
      const auto taken = user.stream.read(buffer);
      if (taken) check_text(user, Bytes{buffer}.first(*taken));
    } else if (const auto piece = user.stream.peek()) {
      const Bytes part = piece->first(std::min(piece->size(), size));
      check_text(user, part);
      user.stream.consume(part.size());
    }
    live_.drain();
  }

  // The text must fit behind one of the SYNs that arrived; which of them it was, only the stack knows.
  void check_text(User& user, Bytes text) {
    const auto& isns = live_.known(user.tuple).peer_isns;
    const auto fits = [&](SeqNum isn) {
      SeqNum at = isn + 1 + user.read;
      return std::ranges::all_of(text, [&](std::byte octet) {
        const bool right = octet == peer_octet(at);
        at += 1;
        return right;
      });
    };
    require(std::ranges::any_of(isns, fits), "the user reads what no peer has sent there");
    user.read += static_cast<std::uint32_t>(text.size());
  }

  void close(User& user) {
    (void)user.stream.close();
    live_.drain();
  }

  void end(User& user) {
    const std::uint8_t how = input_.octet();
    if (how % 8 < 4) return close(user);
    if (how % 8 == 4) user.stream.abort();
    if (how % 8 == 5) user.stream.reset();
    if (how % 8 == 6) user.stream.set_no_delay((how & 8) != 0);
    if (how % 8 == 7) listener_.reset();
    std::erase_if(users_, [](const User& one) { return !one.stream; });
    live_.drain();
  }

  // Rules about what the user sees.
  void look() {
    for (User& user : users_) {
      const ConnectionInfo info = user.stream.info();
      require(info.bytes_acked <= user.written, "more acknowledged than was written");
      require(info.congestion_window > 0 || info.state == State::closed, "a congestion window of nothing");
      user.state = info.state;
    }
  }

  // Without a peer and without users every connection ends by itself.
  void wait_for_the_end() {
    users_.clear();
    listener_.reset();
    live_.drain();
    live_.advance(30min);
    require(live_.stack().connections() == 0, "a connection that nobody holds lives for ever");
  }

  Input input_;
  LiveStack live_;
  Listener listener_;
  std::deque<User> users_;
  FourTuple tuple_ = passive;
  simulation::EndId next_id_ = 1;
};

void run(Bytes octets) { Play{octets}.run(); }

}  // namespace
}  // namespace backstop::fuzz

BACKSTOP_FUZZ_TARGET("connection", backstop::fuzz::run);
