// A replayed flow as a conversation that pictures can be made of: the peer, and either the captured host or our stack.
// Read next: html_report.hpp.
#pragma once

#include "tools/analysis/conversation.hpp"
#include "tools/replay/flow.hpp"

namespace backstop::page {

/// `host`: whose packets, of the two that answered the peer.
analysis::Conversation conversation_of(const replay::FlowResult& flow, replay::Actor host);

}  // namespace backstop::page
