#include "tools/capture/frame_source.hpp"

#include <pcap/pcap.h>

#include <array>
#include <string_view>

#include "tools/capture/capture_error.hpp"
#include "tools/capture/input.hpp"
#include "tools/capture/pcapng.hpp"

namespace backstop::capture {
namespace {

struct PcapCloser {
  void operator()(pcap_t* pcap) const { pcap_close(pcap); }
};
using Pcap = std::unique_ptr<pcap_t, PcapCloser>;

class PcapSource final : public FrameSource {
 public:
  explicit PcapSource(std::unique_ptr<Input> input) : input_(std::move(input)) {
    std::array<char, PCAP_ERRBUF_SIZE> error{};
    pcap_.reset(pcap_fopen_offline_with_tstamp_precision(input_->file(), PCAP_TSTAMP_PRECISION_NANO, error.data()));
    if (!pcap_) throw UnreadableCapture(input_->name() + ": not a capture: " + why(error.data()));
    static_cast<void>(input_->release_file());  // pcap_close() closes it
  }

  std::optional<Frame> next() override {
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    const int result = pcap_next_ex(pcap_.get(), &header, &bytes);
    if (result == PCAP_ERROR_BREAK) {
      cut_short_ = input_->cut_short();
      return std::nullopt;
    }
    if (result != 1) return end_or_throw();
    const Duration time = std::chrono::seconds(header->ts.tv_sec) + std::chrono::nanoseconds(header->ts.tv_usec);
    return Frame{.number = ++number_,
                 .time = Instant{time},
                 .link_type = pcap_datalink(pcap_.get()),
                 .bytes = std::as_bytes(std::span(bytes, header->caplen)),
                 .original_size = header->len};
  }

  [[nodiscard]] bool cut_short() const override { return cut_short_; }
  [[nodiscard]] std::uint64_t octets_read() const override { return input_->octets_read(); }

 private:
  std::string why(std::string_view said_by_libpcap) const {
    const std::string damage = input_->damage();
    return damage.empty() ? std::string(said_by_libpcap) : "damaged gzip data: " + damage;
  }

  std::optional<Frame> end_or_throw() {
    const std::string_view error = pcap_geterr(pcap_.get());
    if (error.starts_with("truncated dump file")) {
      cut_short_ = true;
      return std::nullopt;
    }
    throw UnreadableCapture(input_->name() + ": damaged behind packet " + std::to_string(number_) + ": " + why(error));
  }

  std::unique_ptr<Input> input_;
  Pcap pcap_;  // destroyed before the input that it reads from
  std::uint64_t number_ = 0;
  bool cut_short_ = false;
};

}  // namespace

std::unique_ptr<FrameSource> open_capture(const std::string& path) {
  auto input = std::make_unique<Input>(path);
  if (const std::string damage = input->damage(); !damage.empty()) {
    throw UnreadableCapture(input->name() + ": damaged gzip data: " + damage);
  }
  if (input->first_octets().empty()) throw UnreadableCapture(input->name() + ": empty");
  if (is_pcapng(input->first_octets())) return open_pcapng(std::move(input));
  return std::make_unique<PcapSource>(std::move(input));
}

}  // namespace backstop::capture
