// What packetdrill asks of a library that stands in for the kernel (its --so_filename): one table of functions, in the
// order of Linux's socket calls, with packets and the time as calls of their own. The first argument of each is the
// table's own `userdata`. packetdrill checks no pointer, so all of them are set.
// Read next: host.hpp, the virtual time behind it; calls.hpp, the socket calls.
#pragma once

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <cstddef>

extern "C" {

struct PacketdrillInterface {
  void* userdata;
  void (*free)(void*);
  int (*socket)(void*, int domain, int type, int protocol);
  int (*bind)(void*, int fd, const sockaddr*, socklen_t);
  int (*listen)(void*, int fd, int backlog);
  int (*accept)(void*, int fd, sockaddr*, socklen_t*);
  int (*connect)(void*, int fd, const sockaddr*, socklen_t);
  ssize_t (*read)(void*, int fd, void*, size_t);
  ssize_t (*readv)(void*, int fd, const iovec*, int);
  ssize_t (*recv)(void*, int fd, void*, size_t, int flags);
  ssize_t (*recvfrom)(void*, int fd, void*, size_t, int flags, sockaddr*, socklen_t*);
  ssize_t (*recvmsg)(void*, int fd, msghdr*, int flags);
  ssize_t (*write)(void*, int fd, const void*, size_t);
  ssize_t (*writev)(void*, int fd, const iovec*, int);
  ssize_t (*send)(void*, int fd, const void*, size_t, int flags);
  ssize_t (*sendto)(void*, int fd, const void*, size_t, int flags, const sockaddr*, socklen_t);
  ssize_t (*sendmsg)(void*, int fd, const msghdr*, int flags);
  int (*fcntl)(void*, int fd, int command, ...);
  int (*ioctl)(void*, int fd, unsigned long request, ...);
  int (*close)(void*, int fd);
  int (*shutdown)(void*, int fd, int how);
  int (*getsockopt)(void*, int fd, int level, int option, void*, socklen_t*);
  int (*setsockopt)(void*, int fd, int level, int option, const void*, socklen_t);
  int (*poll)(void*, pollfd*, nfds_t, int timeout);
  int (*netdev_send)(void*, const void* packet, size_t);
  int (*netdev_receive)(void*, void* packet, size_t* size, long long* microseconds);
  int (*usleep)(void*, useconds_t);
  int (*gettimeofday)(void*, timeval*, struct timezone*);
  int (*epoll_create)(void*, int size);
  int (*epoll_ctl)(void*, int epfd, int operation, int fd, epoll_event*);
  int (*epoll_wait)(void*, int epfd, epoll_event*, int most, int timeout);
  int (*pipe)(void*, int fds[2]);
  int (*splice)(void*, int fd_in, loff_t*, int fd_out, loff_t*, size_t, unsigned flags);
};

/// The library's entry: `flags` is packetdrill's --so_flags, or null.
void packetdrill_interface_init(const char* flags, PacketdrillInterface* table);
}
