// Two devices joined by a pair of Unix sockets: no root needed, and unlike a memory wire they have descriptors to wait
// on and may be used from two threads.
#pragma once

#include <array>
#include <memory>

#include "tun/device.hpp"
#include "tun/file_descriptor.hpp"

namespace backstop::test {

class SocketPair {
 public:
  SocketPair();

  [[nodiscard]] tun::Device& left() { return left_; }
  [[nodiscard]] tun::Device& right() { return right_; }

 private:
  class End final : public tun::Device {
   public:
    std::optional<InboundPacket> receive() override;
    void send(const OutboundPacket& packet) override;
    [[nodiscard]] int fd() const override { return socket.get(); }
    [[nodiscard]] std::uint16_t mtu() const override { return 1500; }

    tun::FileDescriptor socket;

   private:
    std::array<std::byte, 65'535> buffer_;
  };

  End left_;
  End right_;
};

}  // namespace backstop::test
