#include "tools/capture/input.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tools/capture/capture_error.hpp"

namespace backstop::capture {
namespace {

int open_descriptor(const std::string& path) {
  const int descriptor = path == "-" ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw UnreadableCapture(path + ": " + std::strerror(errno));
  struct stat about{};
  if (::fstat(descriptor, &about) == 0 && S_ISDIR(about.st_mode)) {
    ::close(descriptor);
    throw UnreadableCapture(path + ": is a directory");
  }
  return descriptor;
}

}  // namespace

Input::Input(const std::string& path) : name_(path == "-" ? "standard input" : path) {
  const int descriptor = open_descriptor(path);
  gzip_ = ::gzdopen(descriptor, "rb");  // reads what is not gzipped as it is
  if (gzip_ == nullptr) {
    ::close(descriptor);
    throw UnreadableCapture(name_ + ": zlib cannot open it");
  }
  // Why: zlib's 8 KB make a fifth of the time go into system calls; asked for twice its buffer and more, it reads what
  // is not gzipped straight into ours.
  constexpr unsigned buffer_size = 1 << 17;
  ::gzbuffer(gzip_, buffer_size / 4);
  const int size = ::gzread(gzip_, first_.data(), static_cast<unsigned>(first_.size()));
  first_size_ = static_cast<std::size_t>(std::max(size, 0));
  file_ = ::fopencookie(this, "rb", {.read = &Input::read, .write = nullptr, .seek = nullptr, .close = nullptr});
  if (file_ != nullptr) std::setvbuf(file_, nullptr, _IOFBF, buffer_size);
}

Input::~Input() {
  if (owns_file_ && file_ != nullptr) std::fclose(file_);
  if (gzip_ != nullptr) ::gzclose(gzip_);
}

std::FILE* Input::release_file() {
  owns_file_ = false;
  return file_;
}

std::uint64_t Input::octets_read() const { return static_cast<std::uint64_t>(std::max<z_off_t>(::gzoffset(gzip_), 0)); }

std::string Input::damage() const {
  int number = Z_OK;
  const char* text = ::gzerror(gzip_, &number);
  return number == Z_OK || number == Z_STREAM_END || number == Z_BUF_ERROR ? "" : text;
}

bool Input::cut_short() const {
  int number = Z_OK;
  ::gzerror(gzip_, &number);
  return number == Z_BUF_ERROR;
}

ssize_t Input::read(void* input, char* buffer, std::size_t size) {
  auto& self = *static_cast<Input*>(input);
  if (self.first_read_ < self.first_size_) {
    const std::size_t part = std::min(size, self.first_size_ - self.first_read_);
    std::memcpy(buffer, self.first_.data() + self.first_read_, part);
    self.first_read_ += part;
    return static_cast<ssize_t>(part);
  }
  const int taken = ::gzread(self.gzip_, buffer, static_cast<unsigned>(std::min<std::size_t>(size, 1 << 30)));
  if (taken < 0) errno = EIO;
  return taken;
}

}  // namespace backstop::capture
