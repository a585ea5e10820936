#include "tun/tun_device.hpp"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <cstring>
#include <thread>
#include <vector>

#include "stack/wire/ipv4.hpp"
#include "stack/wire/segment.hpp"
#include "tun/network_namespace.hpp"
#include "tun/packet_copy.hpp"
#include "tun/qdisc.hpp"
#include "tun/vnet_header.hpp"

namespace backstop::tun {
namespace {

constexpr unsigned inbound_offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN;

// Why: it puts the packet behind a virtio_net_hdr at an offset where its 32-bit fields are aligned.
constexpr std::size_t buffer_front = 16;

std::unique_ptr<std::byte[]> new_buffer() {
  return std::make_unique_for_overwrite<std::byte[]>(buffer_front + wire::max_datagram_size);
}

FileDescriptor open_control() {
  FileDescriptor fd{::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)};
  if (fd) return fd;
  const bool missing = errno == ENOENT || errno == ENODEV || errno == ENXIO;
  throw_errno("open /dev/net/tun", missing ? "is the tun module loaded?" : "run as root or with CAP_NET_ADMIN");
}

const char* attach_hint(int error, bool several_queues) {
  switch (error) {
    case EPERM:
      return "run as root or with CAP_NET_ADMIN";
    case EBUSY:
      return "another process is attached";
    case E2BIG:
      return "a device has at most 256 queues";
    case EINVAL:
      return several_queues ? "there is a device of that name that is not a TUN device with several queues"
                            : "there is a device of that name that is not a TUN device with one queue";
    default:
      return "";
  }
}

/// A descriptor attached to the TUN device `name`; `name` becomes what the kernel calls it ("bs%d" is a pattern).
FileDescriptor attach(std::string& name, short extra_flags) {
  FileDescriptor fd = open_control();
  ifreq request{};
  std::ranges::copy(name, request.ifr_name);
  request.ifr_flags = static_cast<short>(IFF_TUN | IFF_NO_PI | extra_flags);
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
    throw_errno("TUNSETIFF " + name, attach_hint(errno, (extra_flags & IFF_MULTI_QUEUE) != 0));
  }
  name = request.ifr_name;
  return fd;
}

bool set_offloads(const FileDescriptor& fd, unsigned offloads) {
  return ::ioctl(fd.get(), TUNSETOFFLOAD, static_cast<unsigned long>(offloads)) == 0;
}

unsigned kernel_features() {
  const FileDescriptor fd = open_control();
  unsigned features = 0;
  return ::ioctl(fd.get(), TUNGETFEATURES, &features) == 0 ? features : 0;
}

// What merges plain packets is a thread of the kernel's. Why not beside several queues: they have the processors in
// use.
short flags_for(bool vnet, bool several_queues, unsigned features) {
  const unsigned queues = several_queues ? IFF_MULTI_QUEUE : 0;
  if (vnet) return static_cast<short>(queues | IFF_VNET_HDR);
  return static_cast<short>(several_queues ? queues : features & IFF_NAPI);
}

/// A device that was up before somebody attached has its queue switched on by a kernel thread a moment later, and loses
/// what is sent to it until then.
void wait_for_queue(const FileDescriptor& fd, const Interface& interface) {
  using std::chrono::milliseconds;
  // Why: the kernel takes microseconds; a second is for a machine that has none.
  for (int tries = 0; tries < 1000 && interface.up() && !interface.running(); ++tries) {
    std::this_thread::sleep_for(milliseconds{1});
  }
  // The flag is raised within the lock under which the queue is switched on. So is this call.
  ifreq request{};
  ::ioctl(fd.get(), TUNGETIFF, &request);
}

iovec piece_of(Bytes bytes) { return {const_cast<std::byte*>(bytes.data()), bytes.size()}; }

ssize_t write_pieces(int fd, Bytes vnet_header, const OutboundPacket& packet) {
  std::array<iovec, IOV_MAX> pieces;  // not initialised: 16 KB, of which a few entries are used
  int count = 0;
  if (!vnet_header.empty()) pieces[static_cast<std::size_t>(count++)] = piece_of(vnet_header);
  pieces[static_cast<std::size_t>(count++)] = piece_of(packet.headers);
  for (Bytes text : packet.text) pieces[static_cast<std::size_t>(count++)] = piece_of(text);
  return ::writev(fd, pieces.data(), count);
}

/// Why: the kernel takes longer over several pieces than we take to copy so little.
constexpr std::size_t small_packet = 256;

ssize_t write_small(int fd, Bytes vnet_header, const OutboundPacket& packet) {
  std::array<std::byte, vnet_header_size + small_packet> bytes;
  std::ranges::copy(vnet_header, bytes.begin());
  copy_packet(packet, MutableBytes{bytes}.subspan(vnet_header.size()));
  return ::write(fd, bytes.data(), vnet_header.size() + packet.size());
}

/// For text in more pieces than one writev takes.
ssize_t write_copy(int fd, Bytes vnet_header, const OutboundPacket& packet) {
  std::vector<std::byte> copy(packet.size());
  copy_packet(packet, copy);
  return write_pieces(fd, vnet_header, {.headers = copy, .text = {}, .offload = packet.offload});
}

ssize_t write_packet(int fd, Bytes vnet_header, const OutboundPacket& packet) {
  if (packet.size() <= small_packet) return write_small(fd, vnet_header, packet);
  if (packet.text.size() + 2 <= IOV_MAX) return write_pieces(fd, vnet_header, packet);
  return write_copy(fd, vnet_header, packet);
}

}  // namespace

TunDevice::TunDevice(const TunOptions& options) : buffer_(new_buffer()) {
  in_network_namespace(options.network_namespace, [&] { open(options); });
}

TunDevice::TunDevice(const TunDevice* first)
    : fd_(),
      name_(first->name_),
      host_address_(first->host_address_),
      mtu_(first->mtu_),
      existed_(first->existed_),
      is_first_(false),
      vnet_(first->vnet_),
      flags_(first->flags_),
      buffer_(new_buffer()) {
  fd_ = attach(name_, flags_);
}

TunDevice::~TunDevice() {
  // Whoever attaches to it next may know nothing of offloads, and the device remembers them.
  if (existed_ && is_first_ && vnet_) set_offloads(fd_, 0);
}

std::unique_ptr<TunDevice> TunDevice::further_queue() const { return std::unique_ptr<TunDevice>(new TunDevice(this)); }

void TunDevice::open(const TunOptions& options) {
  name_ = options.name;
  existed_ = Interface(name_).exists();
  const unsigned features = kernel_features();
  vnet_ = options.offload == OffloadMode::automatic && (features & IFF_VNET_HDR) != 0;
  flags_ = flags_for(vnet_, options.several_queues, features);
  fd_ = attach(name_, flags_);
  if (vnet_ && !set_offloads(fd_, inbound_offloads)) {
    vnet_ = false;
    flags_ = flags_for(vnet_, options.several_queues, features);
    fd_.reset();
    fd_ = attach(name_, flags_);
  }
  if ((flags_ & IFF_NAPI) != 0) receive_thread_ = ReceiveThread(name_);
  if (!vnet_) set_offloads(fd_, 0);
  Interface interface(name_);
  configure(interface, options);
  wait_for_queue(fd_, interface);
  host_address_ = interface.address();
  mtu_ = interface.mtu();
}

void TunDevice::configure(Interface& interface, const TunOptions& options) {
  const auto present = interface.address();
  if (existed_ && options.host_address && present && *present != *options.host_address) {
    throw SystemError(EEXIST, "attach to " + name_, "it has the address " + to_string(*present));
  }
  if (options.mtu && interface.mtu() != *options.mtu) {
    if (existed_) {
      throw SystemError(EEXIST, "attach to " + name_, "it has an MTU of " + std::to_string(interface.mtu()));
    }
    interface.set_mtu(*options.mtu);
  }
  if (options.host_address && !present) interface.set_address(*options.host_address);
  // Why: the device is a queue itself and never asks to wait, so one before it only costs. Without, it works too.
  if (!existed_) set_noqueue(name_);
  if (!existed_ || (options.host_address && !interface.up())) interface.set_up();
}

OffloadCapabilities TunDevice::offload() const {
  if (!vnet_) return {};
  return {.checksum = true, .segmentation = wire::max_datagram_size - wire::max_headers_size};
}

// `read` has the system call put a virtio_net_hdr, if there is one, and a packet to where it is given, and returns what
// the call does.
template <class Read>
std::optional<InboundPacket> TunDevice::read_packet(Read read) {
  const std::size_t front = vnet_ ? vnet_header_size : 0;
  std::byte* const packet = buffer_.get() + buffer_front;
  while (true) {
    const ssize_t size = read(packet - front, front);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return std::nullopt;
    if (size < 0) throw_errno("read " + name_, errno == EBADFD ? "somebody deleted the device" : "");
    const Bytes bytes{packet, static_cast<std::size_t>(size) - std::min(front, static_cast<std::size_t>(size))};
    ++counters_.received;
    stream_.received();
    if (!vnet_) return InboundPacket{bytes, {}};
    VnetHeader header;
    std::memcpy(header.data(), packet - front, front);
    if (const auto offload = parse_vnet_header(header, bytes)) return InboundPacket{bytes, *offload};
    ++counters_.dropped_inbound;
  }
}

std::optional<InboundPacket> TunDevice::receive() {
  return read_packet(
      [this](std::byte* to, std::size_t front) { return ::read(fd_.get(), to, front + wire::max_datagram_size); });
}

std::optional<std::size_t> TunDevice::deliver(Stack& stack, Instant now) {
  const Landing landing = vnet_ ? stack.landing() : Landing{};
  if (landing.text.empty()) return Device::deliver(stack, now);
  const auto packet = receive_into(landing);
  if (!packet) {
    stack.release_landing();
    return std::nullopt;
  }
  if (stack.receive_landed(*packet, now)) {
    ++counters_.received_in_place;
  } else {
    gather(landing, packet->bytes.size());
    stack.receive(*packet, now);
  }
  return packet->bytes.size();
}

// The buffer has a gap then where the landing is.
std::optional<InboundPacket> TunDevice::receive_into(const Landing& landing) {
  return read_packet([&](std::byte* to, std::size_t front) {
    std::array<iovec, IOV_MAX> pieces;  // not initialised, as above
    pieces[0] = {to, front + landing.headers};
    std::size_t count = 1;
    std::size_t size = landing.headers;
    for (MutableBytes piece : landing.text) {
      pieces[count++] = {piece.data(), piece.size()};
      size += piece.size();
    }
    pieces[count++] = {to + front + size, wire::max_datagram_size - size};
    return ::readv(fd_.get(), pieces.data(), static_cast<int>(count));
  });
}

// Closes the gap in a packet of `size` octets.
void TunDevice::gather(const Landing& landing, std::size_t size) {
  std::size_t at = landing.headers;
  for (MutableBytes piece : landing.text) {
    if (at >= size) return;
    const std::size_t part = std::min(piece.size(), size - at);
    std::memcpy(buffer_.get() + buffer_front + at, piece.data(), part);
    at += part;
  }
}

void TunDevice::send(const OutboundPacket& packet) {
  const VnetHeader header = vnet_ ? emit_vnet_header(packet) : VnetHeader{};
  const Bytes front = vnet_ ? Bytes{header} : Bytes{};
  ssize_t written;
  do {
    written = write_packet(fd_.get(), front, packet);
  } while (written < 0 && errno == EINTR);
  if (written >= 0) {
    count_sent(static_cast<std::size_t>(written));
  } else {
    count_failed_send(errno);
  }
}

void TunDevice::count_sent(std::size_t size) {
  ++counters_.sent;
  if (vnet_) return;
  stream_.sent(size > mtu_ / 2u);
  receive_thread_.use(stream_.goes_on());
}

void TunDevice::count_failed_send(int error) {
  switch (error) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
      ++counters_.dropped_no_room;
      return;
    case EIO:
      ++counters_.dropped_link_down;
      return;
    case EINVAL:
      ++counters_.dropped_refused;
      return;
    default:
      throw SystemError(error, "write " + name_, error == EBADFD ? "somebody deleted the device" : "");
  }
}

}  // namespace backstop::tun
