// A capture file as a stream of bytes: plain or gzipped, a file or standard input, told apart by looking at it.
// Read next: frame_source.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>

struct gzFile_s;

namespace backstop::capture {

class Input {
 public:
  /// Opens `path`; "-" is standard input. Throws UnreadableCapture.
  explicit Input(const std::string& path);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  /// The first octets, at most four; reading begins with them all the same.
  [[nodiscard]] std::span<const std::byte> first_octets() const { return std::span(first_).first(first_size_); }
  /// The stream. Its owner is the Input, until release_file().
  [[nodiscard]] std::FILE* file() { return file_; }
  /// Leaves closing the stream to the caller. The Input must outlive it all the same.
  [[nodiscard]] std::FILE* release_file();
  [[nodiscard]] const std::string& name() const { return name_; }

  /// Octets of the file that were read so far, compressed ones when it is.
  [[nodiscard]] std::uint64_t octets_read() const;
  /// What zlib says is wrong with the data, or empty.
  [[nodiscard]] std::string damage() const;
  /// True when gzipped data ended before its end.
  [[nodiscard]] bool cut_short() const;

 private:
  static ssize_t read(void* input, char* buffer, std::size_t size);

  std::string name_;
  gzFile_s* gzip_ = nullptr;
  std::FILE* file_ = nullptr;
  bool owns_file_ = true;
  std::array<std::byte, 4> first_{};
  std::size_t first_size_ = 0;
  std::size_t first_read_ = 0;
};

}  // namespace backstop::capture
