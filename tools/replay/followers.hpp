// Those who follow a replay packet by packet: one writes a capture, one prints lines of JSON, one makes time pass.
// Read next: follower.hpp.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "tools/notation/origins.hpp"
#include "tools/replay/follower.hpp"
#include "tun/pcap_writer.hpp"

namespace backstop::replay {

/// What our stack received and sent, as a capture. Each packet is on the disk, or in the pipe, at once.
class CaptureWriter final : public Follower {
 public:
  explicit CaptureWriter(const std::string& path)
      : writer_(path, [this] { return time_.time_since_epoch().count(); }) {}
  void begin_capture() override {}
  void follow(const PlayedPacket& packet) override;

 private:
  Instant time_{};
  tun::PcapWriter writer_;
};

/// A line of JSON for each packet.
class JsonPackets final : public Follower {
 public:
  explicit JsonPackets(std::ostream& out) : out_(out) {}
  void begin_capture() override { origins_ = {}; }
  void follow(const PlayedPacket& packet) override;

 private:
  std::ostream& out_;
  notation::Origins origins_;
};

/// Waits until each packet's time has come, `speed` times as fast as the capture's.
class Pace final : public Follower {
 public:
  explicit Pace(double speed) : speed_(speed) {}
  void begin_capture() override { first_.reset(); }
  void follow(const PlayedPacket& packet) override;

 private:
  using Clock = std::chrono::steady_clock;

  double speed_;
  std::optional<Instant> first_;
  Clock::time_point began_;
};

/// One after the other.
class Followers final : public Follower {
 public:
  void add(std::unique_ptr<Follower> follower) { followers_.push_back(std::move(follower)); }
  [[nodiscard]] bool empty() const { return followers_.empty(); }
  void begin_capture() override {
    for (const auto& follower : followers_) follower->begin_capture();
  }
  void follow(const PlayedPacket& packet) override {
    for (const auto& follower : followers_) follower->follow(packet);
  }

 private:
  std::vector<std::unique_ptr<Follower>> followers_;
};

}  // namespace backstop::replay
