// Long transfers from the client to the server, and one on each of two cores.
#include <algorithm>
#include <cstring>
#include <vector>

#include "tools/bench/catalogue.hpp"
#include "tools/bench/pair.hpp"
#include "tools/bench/two_cores.hpp"

namespace backstop::tools::bench {
namespace {

constexpr std::uint64_t octets_of_operation = 64 << 10;

enum class Application : std::uint8_t {
  copies,     ///< write() and read(), from and into memory of its own
  zero_copy,  ///< write_space() and peek(): it has the text where it is
};

class Bulk final : public Work {
 public:
  Bulk(Application application, const PairOptions& options) : application_(application), pair_(options) {
    auto listener = pair_.server().listen({{}, 9});
    require(listener.has_value(), "the port is taken");
    std::tie(source_, sink_) = pair_.connect(*listener);
  }

  void run(std::uint64_t operations) override {
    const std::uint64_t end = received_ + operations * octets_of_operation;
    while (received_ < end) {
      const std::uint64_t before = received_;
      turn();
      require(received_ > before, "the transfer stands still");
    }
  }

 private:
  void turn() {
    if (application_ == Application::copies) {
      write_copies();
    } else {
      write_in_place();
    }
    pair_.to_server();
    received_ += application_ == Application::copies ? read_copies() : read_in_place();
    pair_.to_client();
    while (pair_.client().next_event()) {
    }
    while (pair_.server().next_event()) {
    }
    pair_.tick();
  }

  void write_copies() {
    while (const auto taken = source_.write(Bytes{text_}.subspan(written_ % text_.size()))) written_ += *taken;
  }
  void write_in_place() {
    while (const auto room = source_.write_space()) source_.commit(room->size());
  }
  std::uint64_t read_copies() {
    std::uint64_t total = 0;
    while (const auto size = sink_.read(MutableBytes{read_}.subspan((received_ + total) % read_.size())))
      total += *size;
    return total;
  }
  std::uint64_t read_in_place() {
    std::uint64_t total = 0;
    while (const auto text = sink_.peek()) {
      sink_.consume(text->size());
      total += text->size();
    }
    return total;
  }

  Application application_;
  Pair pair_;
  Stream source_;
  Stream sink_;
  std::uint64_t written_ = 0;
  std::uint64_t received_ = 0;
  std::vector<std::byte> text_ = std::vector<std::byte>(application_octets, std::byte{0x5a});
  std::vector<std::byte> read_ = std::vector<std::byte>(application_octets);
};

Case bulk(std::string name, std::string what, std::string reference, Application application, bool checksums) {
  return {.name = std::move(name),
          .what = std::move(what),
          .reference = std::move(reference),
          .unit = Unit::gigabits_per_second,
          .octets = octets_of_operation,
          .make = [=] { return std::make_unique<Bulk>(application, PairOptions{.checksums = checksums}); }};
}

}  // namespace

void add_bulk(Catalogue& catalogue) {
  const Case copies =
      bulk("bulk", "write() to read(), checksums on both sides", "probe-copy-checksum", Application::copies, true);
  catalogue.push_back(copies);
  catalogue.push_back(bulk("bulk-zero-copy", "write_space() to peek(), checksums on both sides", "probe-copy-checksum",
                           Application::zero_copy, true));
  catalogue.push_back(
      bulk("bulk-no-checksum", "write() to read(), no checksums", "probe-copy", Application::copies, false));
  catalogue.push_back(on_two_cores(copies, "bulk-2-cores", "as bulk, a pair of stacks on each of two cores"));
}

}  // namespace backstop::tools::bench
