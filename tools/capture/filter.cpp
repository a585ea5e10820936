#include "tools/capture/filter.hpp"

#include <pcap/pcap.h>

#include <algorithm>
#include <stdexcept>

namespace backstop::capture {

struct Filter::Program {
  int link_type = 0;
  bpf_program code{};

  Program() = default;
  ~Program() { pcap_freecode(&code); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
};

Filter::Filter(std::string expression) : expression_(std::move(expression)) {}
Filter::~Filter() = default;
Filter::Filter(Filter&&) noexcept = default;
Filter& Filter::operator=(Filter&&) noexcept = default;

const Filter::Program& Filter::program_for(int link_type) {
  const auto found = std::ranges::find(programs_, link_type, [](const auto& program) { return program->link_type; });
  if (found != programs_.end()) return **found;
  constexpr int whole_frames = 262'144;
  auto program = std::make_unique<Program>();
  program->link_type = link_type;
  const std::unique_ptr<pcap_t, void (*)(pcap_t*)> pcap(pcap_open_dead(link_type, whole_frames), pcap_close);
  if (pcap_compile(pcap.get(), &program->code, expression_.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
    throw std::invalid_argument("filter '" + expression_ + "': " + pcap_geterr(pcap.get()) + "; see pcap-filter(7)");
  }
  programs_.push_back(std::move(program));
  return *programs_.back();
}

bool Filter::passes(const Frame& frame) {
  if (expression_.empty()) return true;
  pcap_pkthdr header{};
  header.caplen = static_cast<bpf_u_int32>(frame.bytes.size());
  header.len = frame.original_size;
  // NOLINTNEXTLINE: libpcap's bytes are u_char
  const auto* bytes = reinterpret_cast<const u_char*>(frame.bytes.data());
  return pcap_offline_filter(&program_for(frame.link_type).code, &header, bytes) != 0;
}

}  // namespace backstop::capture
