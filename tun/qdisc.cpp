#include "tun/qdisc.hpp"

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "tun/file_descriptor.hpp"

namespace backstop::tun {
namespace {

constexpr std::array<char, 8> noqueue{"noqueue"};

struct Request {
  nlmsghdr header{};
  tcmsg qdisc{};
  rtattr kind_header{};
  std::array<char, noqueue.size()> kind{};
};
static_assert(sizeof(Request) == NLMSG_LENGTH(sizeof(tcmsg)) + RTA_LENGTH(noqueue.size()), "no padding in between");

Request request_for(unsigned interface_index) {
  Request request;
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = RTM_NEWQDISC;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
  request.qdisc.tcm_ifindex = static_cast<int>(interface_index);
  request.qdisc.tcm_parent = TC_H_ROOT;
  request.kind_header.rta_type = TCA_KIND;
  request.kind_header.rta_len = RTA_LENGTH(noqueue.size());
  request.kind = noqueue;
  return request;
}

/// What the kernel says to the request: 0, or an error's number.
int answer(const FileDescriptor& netlink) {
  struct {
    nlmsghdr header;
    nlmsgerr error;
    std::array<char, 256> rest;
  } message{};
  const ssize_t size = ::recv(netlink.get(), &message, sizeof(message), 0);
  if (size < 0) return errno;
  const bool whole = static_cast<std::size_t>(size) >= NLMSG_LENGTH(sizeof(nlmsgerr));
  return whole && message.header.nlmsg_type == NLMSG_ERROR ? -message.error.error : EPROTO;
}

}  // namespace

bool set_noqueue(const std::string& name) {
  const FileDescriptor netlink{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
  const Request request = request_for(::if_nametoindex(name.c_str()));
  if (!netlink || ::send(netlink.get(), &request, sizeof(request), 0) < 0) return false;
  errno = answer(netlink);
  return errno == 0;
}

}  // namespace backstop::tun
