// A replayed flow as text: the transcript in the project's notation, goldens, and the lines that two hosts are compared
// by. What is written here is meant to be read in a diff.
// Read next: golden.hpp.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tools/replay/flow.hpp"

namespace backstop::replay {

using Lines = std::vector<std::string>;

/// "10.77.0.1:59302 > 10.77.0.2:8080": the peer, and the host whose part is ours.
std::string name_of(const FlowResult& flow);

/// Everything that reached our stack and that it sent, octet for octet: what goldens hold.
Lines transcript(const FlowResult& flow);
/// The same for a reader: with the captured host's packets beside ours, and without what only a machine compares.
Lines story_lines(const FlowResult& flow);

/// What was received and what `who` sent, by flags, numbers, lengths and kinds of options, for a diff of the two hosts.
Lines exchange_lines(const FlowResult& flow, Actor who);
/// What `who` sent, the same way.
Lines sent_lines(const FlowResult& flow, Actor who);

/// The lines without these fields.
Lines without(Lines lines, const std::set<Field>& ignored);

}  // namespace backstop::replay
