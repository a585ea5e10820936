#include "tools/replay/application.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace backstop::replay {

Bytes Application::next_text(Stream& stream) {
  const auto piece = stream.peek();
  if (!piece || piece->empty()) return {};
  const Bytes sent = captured_.peer.view(read_, read_ + static_cast<Offset>(piece->size()));
  // Why memcmp: it is ten times as fast here as std::equal, which compares octet by octet.
  if (sent.size() < piece->size() || std::memcmp(sent.data(), piece->data(), piece->size()) != 0) {
    if (!wrong_text_) wrong_text_ = "the text delivered behind octet " + std::to_string(read_ - 1) + " was not sent";
  }
  return *piece;
}

void Application::took(Stream& stream, std::size_t size) {
  stream.consume(size);
  read_ += static_cast<Offset>(size);
  captured_.peer.consume_to(read_);
}

bool Application::at_end(Stream& stream) const {
  const auto piece = stream.peek();
  return piece && piece->empty();
}

namespace {

// Reads at once whatever arrives, for those that do nothing with it.
class Reader : public Application {
 public:
  using Application::Application;

 protected:
  bool read_all(Stream& stream) {
    bool any = false;
    for (Bytes text = next_text(stream); !text.empty(); text = next_text(stream)) {
      took(stream, text.size());
      any = true;
    }
    return any;
  }
};

class CapturedApplication final : public Reader {
 public:
  using Reader::Reader;
  bool go_on(Stream& stream) override {
    const bool has_read = read_all(stream);
    const bool has_written = write_captured(stream);
    // In the same breath: whose last packet had text and FIN had closed before it was sent.
    const bool has_closed = close_as_captured(stream);
    return has_read || has_written || has_closed;
  }

 private:
  bool write_captured(Stream& stream) {
    const Bytes text = captured_.host.view(written_, captured_.host.end());
    if (text.empty() || closed_) return false;
    const auto size = stream.write(text);
    if (!size || *size == 0) return false;
    written_ += static_cast<Offset>(*size);
    captured_.host.consume_to(written_);
    return true;
  }
  bool close_as_captured(Stream& stream) {
    if (closed_ || !captured_.host_fin || written_ < *captured_.host_fin) return false;
    closed_ = true;
    return stream.close().has_value();
  }

  Offset written_ = 1;
  bool closed_ = false;
};

class Discard final : public Reader {
 public:
  using Reader::Reader;
  bool go_on(Stream& stream) override {
    const bool has_read = read_all(stream);
    if (closed_ || !at_end(stream)) return has_read;
    closed_ = true;
    return stream.close().has_value();
  }

 private:
  bool closed_ = false;
};

class Echo final : public Application {
 public:
  using Application::Application;
  bool go_on(Stream& stream) override {
    bool any = false;
    for (Bytes text = next_text(stream); !text.empty(); text = next_text(stream)) {
      const auto size = stream.write(text);
      if (!size || *size == 0) return any;
      took(stream, *size);
      any = true;
    }
    if (closed_ || !at_end(stream)) return any;
    closed_ = true;
    return stream.close().has_value();
  }

 private:
  bool closed_ = false;
};

// RFC 864: lines of 72 characters, each beginning one character later in the alphabet than the one before.
class Chargen final : public Reader {
 public:
  using Reader::Reader;
  bool go_on(Stream& stream) override {
    bool any = read_all(stream);
    if (closed_) return any;
    if (at_end(stream)) {
      closed_ = true;
      return stream.close().has_value() || any;
    }
    while (true) {
      const auto line = next_line();
      const auto size = stream.write(Bytes(line).subspan(line_offset_));
      if (!size || *size == 0) return any;
      any = true;
      line_offset_ += *size;
      if (line_offset_ < line.size()) continue;
      line_offset_ = 0;
      ++line_number_;
    }
  }

 private:
  [[nodiscard]] std::array<std::byte, 74> next_line() const {
    constexpr unsigned first = ' ';
    constexpr unsigned characters = '~' - ' ' + 1;
    std::array<std::byte, 74> line{};
    for (unsigned i = 0; i < 72; ++i) line[i] = static_cast<std::byte>(first + (line_number_ + i) % characters);
    line[72] = std::byte{'\r'};
    line[73] = std::byte{'\n'};
    return line;
  }

  unsigned line_number_ = 0;
  std::size_t line_offset_ = 0;
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<Application> make_application(ApplicationKind kind, CapturedText& captured) {
  switch (kind) {
    case ApplicationKind::captured:
      break;
    case ApplicationKind::echo:
      return std::make_unique<Echo>(captured);
    case ApplicationKind::discard:
      return std::make_unique<Discard>(captured);
    case ApplicationKind::chargen:
      return std::make_unique<Chargen>(captured);
  }
  return std::make_unique<CapturedApplication>(captured);
}

}  // namespace backstop::replay
