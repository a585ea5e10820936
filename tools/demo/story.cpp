#include "tools/demo/story.hpp"

#include <atomic>

#include "tools/serve/handlers.hpp"

namespace backstop::tools {
namespace {

constexpr std::uint16_t page_port = 80;
constexpr std::uint16_t caught_port = 8123;
constexpr std::uint16_t declined_port = 9999;
constexpr std::uint16_t last_port = 8124;

std::string microseconds(Duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(time).count()) + " us";
}

class Story {
 public:
  Story(Stage& stage, std::ostream& out) : stage_(stage), out_(out) {}

  bool play() {
    FallbackHandle handle = claim_ports();
    a_listener_answers();
    an_unclaimed_port_is_caught();
    a_declined_port_is_refused();
    the_listener_wins();
    handle.reset();
    the_plain_rst_is_back();
    out_ << (good_ ? "\nAll of it happened.\n" : "\nNot all of it happened: see FAILED above.\n");
    return good_;
  }

 private:
  // The embedder's callback: it would take port 80 too, if it were asked.
  FallbackHandle claim_ports() {
    return stage_.host().fallback.register_handler([this](const Endpoint&, const Endpoint& destination) {
      ++consulted_;
      const bool mine = destination.port == page_port || (destination.port >= 8000 && destination.port < 9000);
      return mine ? FallbackDecision::accept(echo) : FallbackDecision::decline();
    });
  }

  void a_listener_answers() {
    begin("A listener answers: http://10.90.0.2/");
    const std::string page = stage_.fetch_page();
    claim(page.find("congestion window") != std::string::npos,
          std::to_string(page.size()) + " octets of page came back");
    finish();
  }

  void an_unclaimed_port_is_caught() {
    begin("Nobody listens on port 8123: the fallback handler claims the flow on its first SYN");
    const Attempt attempt = stage_.talk(caught_port, "hello, backstop\n");
    claim(attempt.end == Attempt::End::connected, "connected in " + microseconds(attempt.time));
    claim(attempt.answer == "hello, backstop\n", "what was sent came back");
    claim(stage_.recorder().seen(caught_port).syns == 1, "one SYN was seen, none was repeated");
    finish();
  }

  void a_declined_port_is_refused() {
    begin("The handler declines port 9999: refused at once, before any SYN,ACK");
    const Attempt attempt = stage_.talk(declined_port, "");
    claim(attempt.end == Attempt::End::refused, "connection refused in " + microseconds(attempt.time));
    const Seen seen = stage_.recorder().seen(declined_port);
    claim(seen.syn_acks == 0 && seen.resets > 0, "RST, and no SYN,ACK");
    finish();
  }

  void the_listener_wins() {
    begin("The handler would claim port 80 as well, but an explicit listener comes first");
    const int before = consulted_;
    const std::string page = stage_.fetch_page();
    claim(page.find("congestion window") != std::string::npos, "the page came from the listener");
    claim(consulted_ == before, "the handler was not asked");
    finish();
  }

  void the_plain_rst_is_back() {
    begin("The last handler has left: the plain, fail-closed RST is back");
    const Attempt attempt = stage_.talk(last_port, "");
    claim(attempt.end == Attempt::End::refused, "connection refused in " + microseconds(attempt.time));
    bool observing = true;
    stage_.on_stack([&] { observing = stage_.host().fallback.observing(); });
    claim(!observing, "the manager no longer watches the stack");
    finish();
  }

  void begin(const std::string& title) { out_ << "\n" << ++number_ << ". " << title << "\n"; }

  void claim(bool happened, const std::string& what) {
    good_ = good_ && happened;
    out_ << (happened ? "   ok      " : "   FAILED  ") << what << "\n";
  }

  void finish() {
    for (const std::string& line : stage_.recorder().take_lines()) out_ << "   " << line << "\n";
  }

  Stage& stage_;
  std::ostream& out_;
  std::atomic<int> consulted_ = 0;
  int number_ = 0;
  bool good_ = true;
};

}  // namespace

bool play_story(Stage& stage, std::ostream& out) { return Story{stage, out}.play(); }

}  // namespace backstop::tools
