// The table that packetdrill calls, and the few calls that packetdrill makes to the C library itself: with the library
// also in LD_PRELOAD those are caught here and answered from the same sockets.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <iostream>
#include <memory>

#include "tools/packetdrill/calls.hpp"
#include "tools/packetdrill/interface.hpp"

namespace backstop::packetdrill {
namespace {

// Why: longer than any wait for a retransmission that a script could mean, and still soon over.
constexpr Duration patience = std::chrono::seconds{200};

struct Adapter {
  explicit Adapter(std::string_view flags) : host(parse_flags(flags)), calls(host) {}

  Host host;
  Calls calls;
};

// What the calls caught from the C library go to: a process runs one script at a time.
Adapter* current = nullptr;

Adapter& adapter_of(void* userdata) { return *static_cast<Adapter*>(userdata); }

/// As the C library returns it.
template <class Returned>
Returned as_returned(const Result& result) {
  if (!result) errno = result.error();
  return static_cast<Returned>(result.value_or(-1));
}

template <class Returned, class Call>
Returned locked(void* userdata, Call call) {
  Adapter& adapter = adapter_of(userdata);
  Lock lock = adapter.host.lock();
  adapter.host.catch_up();
  return as_returned<Returned>(call(adapter, lock));
}

msghdr message_of(const iovec* pieces, std::size_t count) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces);
  message.msg_iovlen = count;
  return message;
}

iovec piece_of(const void* data, std::size_t size) { return {const_cast<void*>(data), size}; }

ssize_t receive(void* userdata, int fd, msghdr& message, int flags) {
  return locked<ssize_t>(userdata, [&](Adapter& a, Lock& lock) { return a.calls.receive(lock, fd, message, flags); });
}

ssize_t send(void* userdata, int fd, const msghdr& message, int flags) {
  return locked<ssize_t>(userdata, [&](Adapter& a, Lock& lock) { return a.calls.send(lock, fd, message, flags); });
}

// --- The table's entries, in its order.

void free_adapter(void* userdata) {
  Adapter* adapter = &adapter_of(userdata);
  if (current == adapter) current = nullptr;
  delete adapter;
}

int call_socket(void* userdata, int domain, int type, int protocol) {
  return locked<int>(userdata, [&](Adapter& a, Lock&) { return a.calls.socket(domain, type, protocol); });
}

int call_bind(void* userdata, int fd, const sockaddr* address, socklen_t size) {
  return locked<int>(userdata, [&](Adapter& a, Lock&) { return a.calls.bind(fd, address, size); });
}

int call_listen(void* userdata, int fd, int backlog) {
  return locked<int>(userdata, [&](Adapter& a, Lock&) { return a.calls.listen(fd, backlog); });
}

int call_accept(void* userdata, int fd, sockaddr* address, socklen_t* size) {
  return locked<int>(userdata, [&](Adapter& a, Lock& lock) { return a.calls.accept(lock, fd, address, size); });
}

int call_connect(void* userdata, int fd, const sockaddr* address, socklen_t size) {
  return locked<int>(userdata, [&](Adapter& a, Lock& lock) { return a.calls.connect(lock, fd, address, size); });
}

ssize_t call_read(void* userdata, int fd, void* buffer, size_t size) {
  const iovec piece = piece_of(buffer, size);
  msghdr message = message_of(&piece, 1);
  return receive(userdata, fd, message, 0);
}

ssize_t call_readv(void* userdata, int fd, const iovec* pieces, int count) {
  msghdr message = message_of(pieces, static_cast<std::size_t>(count));
  return receive(userdata, fd, message, 0);
}

ssize_t call_recv(void* userdata, int fd, void* buffer, size_t size, int flags) {
  const iovec piece = piece_of(buffer, size);
  msghdr message = message_of(&piece, 1);
  return receive(userdata, fd, message, flags);
}

ssize_t call_recvfrom(void* userdata, int fd, void* buffer, size_t size, int flags, sockaddr*, socklen_t* length) {
  if (length != nullptr) *length = 0;  // a stream has no sender to tell
  return call_recv(userdata, fd, buffer, size, flags);
}

ssize_t call_recvmsg(void* userdata, int fd, msghdr* message, int flags) {
  message->msg_namelen = 0;
  return receive(userdata, fd, *message, flags);
}

ssize_t call_write(void* userdata, int fd, const void* buffer, size_t size) {
  const iovec piece = piece_of(buffer, size);
  return send(userdata, fd, message_of(&piece, 1), 0);
}

ssize_t call_writev(void* userdata, int fd, const iovec* pieces, int count) {
  return send(userdata, fd, message_of(pieces, static_cast<std::size_t>(count)), 0);
}

ssize_t call_send(void* userdata, int fd, const void* buffer, size_t size, int flags) {
  const iovec piece = piece_of(buffer, size);
  return send(userdata, fd, message_of(&piece, 1), flags);
}

ssize_t call_sendto(void* userdata, int fd, const void* buffer, size_t size, int flags, const sockaddr*, socklen_t) {
  return call_send(userdata, fd, buffer, size, flags);
}

ssize_t call_sendmsg(void* userdata, int fd, const msghdr* message, int flags) {
  return send(userdata, fd, *message, flags);
}

int call_fcntl(void* userdata, int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  const long argument = command == F_SETFL || command == F_SETFD ? va_arg(arguments, int) : 0;
  va_end(arguments);
  return locked<int>(userdata, [&](Adapter& a, Lock&) { return a.calls.fcntl(fd, command, argument); });
}

int call_ioctl(void* userdata, int fd, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  int* const argument = va_arg(arguments, int*);
  va_end(arguments);
  return locked<int>(userdata, [&](Adapter& a, Lock&) { return a.calls.ioctl(fd, request, argument); });
}

int call_close(void* userdata, int fd) {
  return locked<int>(userdata, [&](Adapter& a, Lock& lock) { return a.calls.close(lock, fd); });
}

int call_shutdown(void* userdata, int fd, int how) {
  return locked<int>(userdata, [&](Adapter& a, Lock&) { return a.calls.shutdown(fd, how); });
}

int call_getsockopt(void* userdata, int fd, int level, int option, void* value, socklen_t* size) {
  return locked<int>(userdata, [&](Adapter& a, Lock&) { return a.calls.get_option(fd, level, option, value, size); });
}

int call_setsockopt(void* userdata, int fd, int level, int option, const void* value, socklen_t size) {
  return locked<int>(userdata, [&](Adapter& a, Lock&) { return a.calls.set_option(fd, level, option, value, size); });
}

int call_poll(void* userdata, pollfd* fds, nfds_t count, int timeout) {
  return locked<int>(userdata, [&](Adapter& a, Lock& lock) { return a.calls.poll(lock, fds, count, timeout); });
}

int netdev_send(void* userdata, const void* packet, size_t size) {
  return locked<int>(userdata, [&](Adapter& a, Lock&) {
    a.host.receive({static_cast<const std::byte*>(packet), size});
    return Result{0};
  });
}

// No packet for so long: an empty one ends the script, where an error would make packetdrill ask again for ever.
int netdev_receive(void* userdata, void* packet, size_t* size, long long* microseconds) {
  return locked<int>(userdata, [&](Adapter& a, Lock&) {
    const auto sent = a.host.next_packet(patience);
    if (!sent) std::cerr << "backstop: the stack has sent nothing for 200 s of the script's time\n";
    const Bytes bytes = sent ? Bytes{sent->bytes} : Bytes{};
    const Instant at = sent ? sent->at : a.host.now();
    *size = std::min(*size, bytes.size());
    if (*size > 0) std::memcpy(packet, bytes.data(), *size);
    *microseconds = std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count();
    return Result{0};
  });
}

int call_usleep(void* userdata, useconds_t time) {
  return locked<int>(userdata, [&](Adapter& a, Lock& lock) {
    a.host.advance(lock, std::chrono::microseconds{time});
    return Result{0};
  });
}

int call_gettimeofday(void* userdata, timeval* time, struct timezone*) {
  Adapter& adapter = adapter_of(userdata);
  const Lock lock = adapter.host.lock();
  const auto now = adapter.host.look_at_clock().count();
  time->tv_sec = now / 1'000'000;
  time->tv_usec = now % 1'000'000;
  return 0;
}

int call_epoll_create(void* userdata, int size) {
  return locked<int>(userdata, [&](Adapter& a, Lock&) { return a.calls.epoll_create(size); });
}

int call_epoll_ctl(void* userdata, int epfd, int operation, int fd, epoll_event* event) {
  return locked<int>(userdata, [&](Adapter& a, Lock&) { return a.calls.epoll_control(epfd, operation, fd, event); });
}

int call_epoll_wait(void* userdata, int epfd, epoll_event* events, int most, int timeout) {
  return locked<int>(userdata,
                     [&](Adapter& a, Lock& lock) { return a.calls.epoll_wait(lock, epfd, events, most, timeout); });
}

// A pipe of the kernel's: only what is spliced through it comes from the stack.
int call_pipe(void*, int fds[2]) { return ::pipe2(fds, O_CLOEXEC); }

int call_splice(void* userdata, int from, loff_t*, int to, loff_t*, size_t size, unsigned flags) {
  return locked<int>(userdata, [&](Adapter& a, Lock& lock) { return a.calls.splice(lock, from, to, size, flags); });
}

constexpr PacketdrillInterface table{
    nullptr,           free_adapter,    call_socket,     call_bind,     call_listen,    call_accept, call_connect,
    call_read,         call_readv,      call_recv,       call_recvfrom, call_recvmsg,   call_write,  call_writev,
    call_send,         call_sendto,     call_sendmsg,    call_fcntl,    call_ioctl,     call_close,  call_shutdown,
    call_getsockopt,   call_setsockopt, call_poll,       netdev_send,   netdev_receive, call_usleep, call_gettimeofday,
    call_epoll_create, call_epoll_ctl,  call_epoll_wait, call_pipe,     call_splice,
};

template <class Function>
Function* next_definition(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool is_ours(int fd) { return current != nullptr && current->calls.knows(fd); }

}  // namespace
}  // namespace backstop::packetdrill

using namespace backstop::packetdrill;  // NOLINT(google-build-using-namespace): what follows is C

extern "C" {

[[gnu::visibility("default")]] void packetdrill_interface_init(const char* flags, PacketdrillInterface* out) {
  current = new Adapter{flags != nullptr ? flags : ""};
  *out = table;
  out->userdata = current;
}

[[gnu::visibility("default")]] int getsockopt(int fd, int level, int option, void* value, socklen_t* size) noexcept {
  if (is_ours(fd)) return call_getsockopt(current, fd, level, option, value, size);
  return next_definition<decltype(::getsockopt)>("getsockopt")(fd, level, option, value, size);
}

[[gnu::visibility("default")]] ssize_t sendfile(int to, int from, off_t* offset, size_t size) noexcept {
  if (!is_ours(to)) return next_definition<decltype(::sendfile)>("sendfile")(to, from, offset, size);
  return locked<ssize_t>(current,
                         [&](Adapter& a, Lock& lock) { return a.calls.sendfile(lock, to, from, offset, size); });
}
}
