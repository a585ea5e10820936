#include "tun/signals.hpp"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace backstop::tun {

SignalWatch::SignalWatch(EventLoop& loop, std::initializer_list<int> signals,
                         std::function<void(int signal)> callback) {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : signals) sigaddset(&set, signal);
  fd_ = FileDescriptor(checked(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), "signalfd"));
  watch_ = loop.watch(fd_.get(), EPOLLIN, [fd = fd_.get(), callback = std::move(callback)](std::uint32_t) {
    signalfd_siginfo info{};
    if (::read(fd, &info, sizeof(info)) == sizeof(info)) callback(static_cast<int>(info.ssi_signo));
  });
  pthread_sigmask(SIG_BLOCK, &set, &mask_before_);
}

SignalWatch::~SignalWatch() {
  watch_.reset();
  pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

}  // namespace backstop::tun
