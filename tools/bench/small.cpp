// Many small things: one octet there and back, and whole connections.
#include <array>
#include <chrono>
#include <vector>

#include "tools/bench/catalogue.hpp"
#include "tools/bench/crowd.hpp"
#include "tools/bench/pair.hpp"

namespace backstop::tools::bench {
namespace {

constexpr std::uint16_t echo_port = 7;

void forget_events(Stack& stack) {
  while (stack.next_event()) {
  }
}

// Sends back what has come; false at the end of text.
bool echo(Stream& stream) {
  while (const auto text = stream.peek()) {
    if (text->empty()) return false;
    const auto taken = stream.write(*text);
    require(taken.has_value(), "there is no room for an echo");
    stream.consume(*taken);
  }
  return true;
}

PairOptions options_for(std::uint32_t idle) { return {.max_connections = 16'384 + idle}; }

/// An echo server and its client, beside `idle` other connections of the server's.
class EchoPair {
 public:
  explicit EchoPair(std::uint32_t idle)
      : pair_(options_for(idle)), listener_(listen()), crowd_(pair_.server(), idle, pair_.now()) {}

 protected:
  Listener listen() {
    auto listener = pair_.server().listen({{}, echo_port});
    require(listener.has_value(), "the port is taken");
    return std::move(*listener);
  }

  Pair pair_;
  Listener listener_;
  Crowd crowd_;
};

class RoundTrips final : public Work, private EchoPair {
 public:
  explicit RoundTrips(std::uint32_t idle) : EchoPair(idle) { std::tie(near_, far_) = pair_.connect(listener_); }

  void run(std::uint64_t operations) override {
    for (std::uint64_t i = 0; i < operations; ++i) round_trip();
  }

 private:
  void round_trip() {
    std::array<std::byte, 1> octet{std::byte{1}};
    (void)near_.write(octet);
    pair_.to_server();
    while (pair_.server().next_event()) echo(far_);
    pair_.to_client();
    bool back = false;
    while (pair_.client().next_event()) back = near_.read(octet).value_or(0) == 1 || back;
    require(back, "the octet did not come back");
    pair_.tick();
  }

  Stream near_;
  Stream far_;
};

/// Messages of one size, one after the other, from the client to the server.
class Messages final : public Work, private EchoPair {
 public:
  explicit Messages(std::uint32_t size) : EchoPair(0), text_(size), read_(size) {
    std::tie(near_, far_) = pair_.connect(listener_);
    near_.set_no_delay(true);
  }

  void run(std::uint64_t operations) override {
    for (std::uint64_t i = 0; i < operations; ++i) message();
  }

 private:
  void message() {
    require(near_.write(text_).value_or(0) == text_.size(), "there is no room for a message");
    for (std::size_t arrived = 0; arrived < text_.size();) {
      require(pair_.to_server(), "a message stands still");
      arrived += far_.read(MutableBytes{read_}.subspan(arrived)).value_or(0);
      pair_.to_client();
      forget_events(pair_.client());
      forget_events(pair_.server());
    }
    pair_.tick();
  }

  Stream near_;
  Stream far_;
  std::vector<std::byte> text_;
  std::vector<std::byte> read_;
};

/// Connect, one octet there and back, close from the client's side; the port waits in TIME-WAIT for two milliseconds.
class Connections final : public Work, private EchoPair {
 public:
  using EchoPair::EchoPair;

  void run(std::uint64_t operations) override {
    for (std::uint64_t i = 0; i < operations; ++i) one();
  }

 private:
  void one() {
    auto near = pair_.client().connect({server_address, echo_port}, pair_.now());
    require(near.has_value(), "no connection can be opened");
    std::array<std::byte, 1> octet{std::byte{1}};
    (void)near->write(octet);
    exchange();  // SYN; SYN,ACK
    exchange();  // ACK and the octet; the octet
    require(near->read(octet).value_or(0) == 1, "the octet did not come back");
    near->reset();
    exchange();  // FIN; ACK and FIN
    exchange();  // ACK
    require(!serving_, "the server's end is still open");
    pair_.tick();
  }

  void exchange() {
    pair_.to_server();
    serve();
    pair_.to_client();
    forget_events(pair_.client());
  }

  void serve() {
    while (const auto event = pair_.server().next_event()) {
      if (event->what.acceptable) serving_ = std::move(*listener_.accept());
      if (event->what.readable && !echo(serving_)) serving_.reset();
    }
  }

  Stream serving_;
};

/// `argument`: how many idle connections, or the size of a message.
template <class OfThis>
Case small(std::string name, std::string what, std::string reference, std::uint32_t argument) {
  return {.name = std::move(name),
          .what = std::move(what),
          .reference = std::move(reference),
          .unit = Unit::nanoseconds,
          .make = [argument] { return std::make_unique<OfThis>(argument); }};
}

}  // namespace

void add_small(Catalogue& catalogue) {
  constexpr std::uint32_t many = 100'000;
  catalogue.push_back(small<RoundTrips>("round-trip", "one octet there and back", "", 0));
  catalogue.push_back(
      small<RoundTrips>("round-trip-idle", "the same beside 100,000 idle connections", "round-trip", many));
  for (const std::uint32_t size : {16u, 256u, 1448u, 4096u, 16'384u}) {
    catalogue.push_back(small<Messages>("message-" + std::to_string(size), "write() so many octets, and read() them",
                                        size == 16 ? "" : "message-16", size));
  }
  catalogue.push_back(small<Connections>("connect", "connect, one octet there and back, close", "", 0));
  catalogue.push_back(small<Connections>("connect-idle", "the same beside 100,000 idle connections", "connect", many));
}

}  // namespace backstop::tools::bench
