// What a socket's error queue tells of text that was written: when it was sent and acknowledged (SO_TIMESTAMPING), and
// when its memory may be used again (MSG_ZEROCOPY; here that is always a copy).
#include <ctime>
// Needs the above, and does not say so.
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tools/packetdrill/calls.hpp"

namespace backstop::packetdrill {
namespace {

std::uint32_t option_value(const Socket& socket, int option) {
  const auto value = socket.options.values.find({SOL_SOCKET, option});
  std::uint32_t number = 0;
  if (value == socket.options.values.end()) return number;
  std::memcpy(&number, value->second.data(), std::min(value->second.size(), sizeof number));
  return number;
}

bool is_reached(const Milestone& milestone, const ConnectionInfo& info) {
  if (milestone.kind == Milestone::Kind::sent) return info.bytes_acked + info.unacknowledged >= milestone.end;
  return info.bytes_acked >= milestone.end || info.state == State::closed;
}

Report timestamp(std::uint32_t what, std::uint32_t id, Instant at) {
  return {.error = ENOMSG, .origin = SO_EE_ORIGIN_TIMESTAMPING, .code = 0, .info = what, .data = id, .at = at};
}

// Calls that follow each other share a report while nobody has taken it.
void report_zerocopy(Socket& socket, std::uint32_t id) {
  for (Report& report : socket.reports) {
    if (report.origin != SO_EE_ORIGIN_ZEROCOPY || report.data + 1 != id) continue;
    report.data = id;
    return;
  }
  socket.reports.push_back(
      {.origin = SO_EE_ORIGIN_ZEROCOPY, .code = SO_EE_CODE_ZEROCOPY_COPIED, .info = id, .data = id});
}

template <class Value>
void put_control(msghdr& message, std::size_t& used, int level, int type, const Value& value) {
  if (message.msg_control == nullptr || used + CMSG_SPACE(sizeof value) > message.msg_controllen) return;
  auto* header = reinterpret_cast<cmsghdr*>(static_cast<std::byte*>(message.msg_control) + used);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(header), &value, sizeof value);
  used += CMSG_SPACE(sizeof value);
}

scm_timestamping as_linux(Instant at) {
  const auto nanoseconds = at.time_since_epoch().count();
  scm_timestamping times{};
  times.ts[0].tv_sec = nanoseconds / 1'000'000'000;
  times.ts[0].tv_nsec = nanoseconds % 1'000'000'000;
  return times;
}

struct ExtendedError {
  sock_extended_err error;
  sockaddr_in offender;
};

}  // namespace

void Calls::note_written(Socket& socket, std::size_t size, int flags) {
  socket.written += size;
  const std::uint32_t wanted = option_value(socket, SO_TIMESTAMPING);
  const auto last = static_cast<std::uint32_t>(socket.written - socket.timestamps_since - 1);
  if ((wanted & (SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE)) != 0) {
    socket.milestones.push_back({Milestone::Kind::sent, socket.written, last});
  }
  if ((wanted & SOF_TIMESTAMPING_TX_ACK) != 0) {
    socket.milestones.push_back({Milestone::Kind::acknowledged, socket.written, last});
  }
  if ((flags & MSG_ZEROCOPY) != 0 && option_value(socket, SO_ZEROCOPY) != 0) {
    socket.milestones.push_back({Milestone::Kind::no_longer_needed, socket.written, socket.next_zerocopy++});
  }
}

void Calls::report_milestones(Socket& socket) {
  if (socket.milestones.empty()) return;
  const ConnectionInfo info = socket.stream.info();
  const std::uint32_t wanted = option_value(socket, SO_TIMESTAMPING);
  std::erase_if(socket.milestones, [&](const Milestone& milestone) {
    if (!is_reached(milestone, info)) return false;
    const Instant now = host_.now();
    switch (milestone.kind) {
      case Milestone::Kind::sent:
        if ((wanted & SOF_TIMESTAMPING_TX_SCHED) != 0) {
          socket.reports.push_back(timestamp(SCM_TSTAMP_SCHED, milestone.id, now));
        }
        if ((wanted & SOF_TIMESTAMPING_TX_SOFTWARE) != 0) {
          socket.reports.push_back(timestamp(SCM_TSTAMP_SND, milestone.id, now));
        }
        break;
      case Milestone::Kind::acknowledged:
        socket.reports.push_back(timestamp(SCM_TSTAMP_ACK, milestone.id, now));
        break;
      case Milestone::Kind::no_longer_needed:
        report_zerocopy(socket, milestone.id);
        break;
    }
    rearm(socket);
    return true;
  });
}

Result Calls::take_report(Socket& socket, msghdr& message) {
  if (socket.reports.empty()) return std::unexpected{EAGAIN};
  const Report report = socket.reports.front();
  socket.reports.pop_front();
  std::size_t used = 0;
  message.msg_flags = MSG_ERRQUEUE;
  if (report.at) {
    put_control(message, used, SOL_SOCKET, SO_TIMESTAMPING, as_linux(*report.at));
    // The text itself would come with it, for which nobody brings room, unless it was not wanted.
    const bool only_time = (option_value(socket, SO_TIMESTAMPING) & SOF_TIMESTAMPING_OPT_TSONLY) != 0;
    if (!only_time) message.msg_flags |= MSG_TRUNC;
  }
  ExtendedError extended{};
  extended.error.ee_errno = report.error;
  extended.error.ee_origin = report.origin;
  extended.error.ee_code = report.code;
  extended.error.ee_info = report.info;
  extended.error.ee_data = report.data;
  put_control(message, used, SOL_IP, IP_RECVERR, extended);
  message.msg_controllen = used;
  return 0;
}

}  // namespace backstop::packetdrill
