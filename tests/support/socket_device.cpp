#include "tests/support/socket_device.hpp"

#include <sys/socket.h>

#include <vector>

#include "tun/packet_copy.hpp"

namespace backstop::test {

SocketPair::SocketPair() {
  std::array<int, 2> ends{};
  tun::checked(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), "socketpair");
  left_.socket = tun::FileDescriptor(ends[0]);
  right_.socket = tun::FileDescriptor(ends[1]);
}

std::optional<InboundPacket> SocketPair::End::receive() {
  const ssize_t size = ::recv(socket.get(), buffer_.data(), buffer_.size(), 0);
  if (size <= 0) return std::nullopt;
  return InboundPacket{Bytes{buffer_}.first(static_cast<std::size_t>(size)), {}};
}

void SocketPair::End::send(const OutboundPacket& packet) {
  std::vector<std::byte> copy(packet.size());
  tun::copy_packet(packet, copy);
  ::send(socket.get(), copy.data(), copy.size(), MSG_NOSIGNAL);  // No room: lost, as on any link.
}

}  // namespace backstop::test
