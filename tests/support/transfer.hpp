// Users that move test text: a Source writes it as room comes, a Sink reads it and checks every octet.
// Read next: tests/tcp/transfer_test.cpp.
#pragma once

#include <algorithm>
#include <array>
#include <optional>

#include "stack/stack.hpp"
#include "tests/support/packets.hpp"

namespace backstop::test {

/// Writes `size` octets of test text, then closes.
class Source {
 public:
  Source(Stream& stream, std::uint64_t size) : stream_(stream), size_(size) {}

  /// Writes what there is room for.
  void run() {
    while (!closed_ && !error_) {
      if (written_ == size_) return close();
      const auto piece = text(written_, std::min<std::uint64_t>(size_ - written_, 16'384));
      const auto taken = stream_.write(piece);
      if (!taken) {
        if (taken.error() != Error::would_block) error_ = taken.error();
        return;
      }
      written_ += *taken;
    }
  }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] std::uint64_t written() const { return written_; }
  [[nodiscard]] std::optional<Error> error() const { return error_; }

 private:
  void close() {
    closed_ = true;
    if (const auto closed = stream_.close(); !closed) error_ = closed.error();
  }

  Stream& stream_;
  std::uint64_t size_;
  std::uint64_t written_ = 0;
  bool closed_ = false;
  std::optional<Error> error_;
};

/// Reads to the end of text.
class Sink {
 public:
  explicit Sink(Stream& stream) : stream_(stream) {}

  /// Reads what is there, at most `limit` octets.
  void run(std::uint64_t limit = ~std::uint64_t{0}) {
    std::array<std::byte, 16'384> buffer;
    while (!ended_ && !error_ && limit > 0) {
      const auto got = stream_.read(MutableBytes{buffer}.first(std::min<std::uint64_t>(limit, buffer.size())));
      if (!got) {
        if (got.error() != Error::would_block) error_ = got.error();
        return;
      }
      if (*got == 0) ended_ = true;
      right_ = right_ && is_text(received_, Bytes{buffer}.first(*got));
      received_ += *got;
      limit -= *got;
    }
  }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] bool right() const { return right_; }  ///< every octet so far was the one that the source wrote
  [[nodiscard]] std::uint64_t received() const { return received_; }
  [[nodiscard]] std::optional<Error> error() const { return error_; }

 private:
  Stream& stream_;
  std::uint64_t received_ = 0;
  bool ended_ = false;
  bool right_ = true;
  std::optional<Error> error_;
};

}  // namespace backstop::test
