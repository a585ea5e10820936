// The user of the replayed connection: the captured host's application as far as the capture tells it, or one of the
// classic ones. Everything it reads is checked against the text that the peer sent.
// Read next: player.hpp, which asks it to go on after every packet.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "stack/stream.hpp"
#include "tools/replay/text_stream.hpp"

namespace backstop::replay {

enum class ApplicationKind : std::uint8_t { captured, echo, discard, chargen };

/// What was captured of both directions, for an application to go by.
struct CapturedText {
  TextStream peer;
  TextStream host;
  std::optional<Offset> host_fin;  ///< where the captured host had no more text
};

class Application {
 public:
  explicit Application(CapturedText& captured) : captured_(captured) {}
  virtual ~Application() = default;
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  /// Reads and writes what can be read and written now. Returns whether there was anything.
  virtual bool go_on(Stream& stream) = 0;

  [[nodiscard]] std::uint64_t octets_read() const { return static_cast<std::uint64_t>(read_ - 1); }
  /// Where the stack delivered something else than the peer sent.
  [[nodiscard]] const std::optional<std::string>& wrong_text() const { return wrong_text_; }

 protected:
  /// The text that can be read now, checked; empty when there is none.
  Bytes next_text(Stream& stream);
  void took(Stream& stream, std::size_t size);
  [[nodiscard]] bool at_end(Stream& stream) const;

  CapturedText& captured_;

 private:
  Offset read_ = 1;
  std::optional<std::string> wrong_text_;
};

std::unique_ptr<Application> make_application(ApplicationKind kind, CapturedText& captured);

}  // namespace backstop::replay
