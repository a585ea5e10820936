// A second stack as the client, on a wire in memory, in virtual time.
#include <algorithm>
#include <array>

#include "stack/poll.hpp"
#include "tools/demo/stage.hpp"
#include "tun/memory_wire.hpp"
#include "tun/pcap_writer.hpp"

namespace backstop::tools {
namespace {

constexpr Duration patience = std::chrono::seconds{5};

class MemoryStage final : public Stage {
 public:
  explicit MemoryStage(const std::string& capture)
      : writer_(capture, [this] { return now_.time_since_epoch().count(); }),
        captured_(wire_.right(), writer_),
        recorder_(captured_, [this] { return now_; }),
        host_(recorder_, [] {}),
        client_(client_configuration()) {}

  Attempt talk(std::uint16_t port, const std::string& text) override {
    const Instant begin = now_;
    auto stream = client_.connect({demo_address, port}, now_).value();
    Attempt attempt;
    wait_until([&] { return stream.state() == State::established || stream.state() == State::closed; });
    attempt.time = now_ - begin;
    if (stream.state() != State::established) {
      const auto ended = stream.peek();
      if (!ended && ended.error() == Error::connection_refused) attempt.end = Attempt::End::refused;
      return attempt;
    }
    attempt.end = Attempt::End::connected;
    (void)stream.write(std::as_bytes(std::span(text)));
    (void)stream.close();
    wait_until([&] { return read_some(stream, attempt.answer); });
    return attempt;
  }

  std::string fetch_page() override {
    return talk(80, "GET / HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n").answer;
  }
  void on_stack(const std::function<void()>& work) override { work(); }
  DemoHost& host() override { return host_; }
  Recorder& recorder() override { return recorder_; }

 private:
  static Config client_configuration() {
    Config config;
    config.address = demo_client_address;
    config.secret.fill(1);
    return config;
  }

  /// Whether the end of text was read, or an error.
  static bool read_some(Stream& stream, std::string& answer) {
    std::array<std::byte, 4096> buffer;
    for (;;) {
      const auto size = stream.read(buffer);
      if (!size) return size.error() != Error::would_block;
      if (*size == 0) return true;
      answer.append(reinterpret_cast<const char*>(buffer.data()), *size);
    }
  }

  template <class Done>
  void wait_until(Done done) {
    const Instant end = now_ + patience;
    while (!done() && now_ < end) turn(end);
  }

  // One turn of both ends; time moves on when neither has anything to do.
  void turn(Instant end) {
    bool moved = poll(client_, wire_.left(), now_);
    moved = receive_burst(host_.stack, recorder_, now_) || moved;
    host_.executor.run(now_);
    moved = transmit_all(host_.stack, recorder_, now_) || moved;
    while (client_.next_event()) {
    }
    if (moved) return;
    Instant next = std::min(host_.stack.next_deadline().value_or(never), client_.next_deadline().value_or(never));
    next = std::min(next, host_.executor.next_deadline().value_or(never));
    now_ = std::clamp(next, now_ + std::chrono::microseconds{1}, end);
  }

  Instant now_{std::chrono::seconds{1}};
  tun::MemoryWire wire_;
  tun::PcapWriter writer_;
  tun::PcapDevice captured_;
  Recorder recorder_;
  DemoHost host_;
  Stack client_;
};

}  // namespace

std::unique_ptr<Stage> memory_stage(const std::string& capture) { return std::make_unique<MemoryStage>(capture); }

}  // namespace backstop::tools
