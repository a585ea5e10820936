#include "stack/tcp/path_mtu.hpp"

#include <algorithm>
#include <array>

namespace backstop::tcp {
namespace {

// Why: a forged report must not make us send crumbs. A path that takes less gets fragments.
constexpr std::uint16_t least_path_mtu = 552;

// RFC 1191 section 7: the MTUs that there are, so that a search takes few steps.
constexpr std::array<std::uint16_t, 8> plateaus{32'000, 17'914, 8'166, 4'352, 2'002, 1'492, 1'006, least_path_mtu};

std::uint16_t plateau_below(std::uint16_t mtu) {
  const auto lower =
      std::find_if(plateaus.begin(), plateaus.end(), [&](std::uint16_t plateau) { return plateau < mtu; });
  return lower == plateaus.end() ? least_path_mtu : *lower;
}

void resend_what_is_too_large(Tcb& tcb, Environment& env) {
  for (RecordId id = tcb.flight->sent.head(); id != no_record; id = env.sent[id].next) {
    if (env.sent[id].length() > tcb.mss()) tcb.flight->sent.mark_lost(env.sent, id);
  }
}

}  // namespace

void path_mtu_shrinks(Tcb& tcb, Environment& env, std::uint32_t mtu) {
  const std::uint32_t told = mtu == 0 ? plateau_below(tcb.path_mtu) : mtu;
  if (told >= tcb.path_mtu) return;
  tcb.fragmentable = told < least_path_mtu;
  const std::uint32_t least = std::min(tcb.path_mtu, least_path_mtu);  // our own device may take even less
  tcb.path_mtu = static_cast<std::uint16_t>(std::max(told, least));
  resend_what_is_too_large(tcb, env);
}

void suspect_black_hole(Tcb& tcb, Environment& env) {
  constexpr std::uint8_t timeouts_in_a_row = 4;  // Why: one more than R1 asks for, so that plain loss seldom gets here
  if (tcb.flight->timeouts < timeouts_in_a_row || tcb.flight->sent.empty() || tcb.path_mtu <= least_path_mtu) return;
  const std::uint32_t length = env.sent[tcb.flight->sent.head()].length();
  const bool refused = length > tcb.snd.wnd;  // what the peer's window has no room for vanishes with good reason
  if (length >= tcb.mss() && !refused) tcb.path_mtu = plateau_below(tcb.path_mtu);
}

}  // namespace backstop::tcp
