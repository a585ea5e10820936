// Ladders from one capture: when a packet was at the two ends is estimated from the shortest round trips.
#include <algorithm>

#include "tools/analysis/round_trips.hpp"
#include "tools/ladder/ladder.hpp"
#include "tools/ladder/steps.hpp"
#include "tools/page/markup.hpp"

namespace backstop::ladder {
namespace {

using analysis::Conversation;
using analysis::Record;

std::string address_of(const Endpoint& endpoint) { return std::string(AddressText(endpoint).view()); }

// How far away the two hosts are from where the capture was made.
struct Distances {
  Duration client{};
  Duration server{};

  [[nodiscard]] Duration to(Side side) const { return side == Side::client ? client : server; }
};

// A host is half as far away as the shortest time that it took to answer.
Distances estimate_distances(const Conversation& conversation) {
  const auto half = [&](Side sender) {
    return analysis::shortest_round_trip(conversation, sender).value_or(Duration::zero()) / 2;
  };
  return {.client = half(Side::server), .server = half(Side::client)};
}

std::string note_of(const Distances& distances) {
  const auto seconds = [](Duration time) { return page::duration_text(std::chrono::duration<double>(time).count()); };
  const Duration nearer = std::min(distances.client, distances.server);
  const Duration farther = std::max(distances.client, distances.server);
  if (farther == Duration::zero()) return "nothing tells how far the hosts are from each other";
  if (nearer * 10 > farther) {
    return "captured " + seconds(distances.client) + " from the client and " + seconds(distances.server) +
           " from the server, as far as round trips tell; slopes are estimated by that";
  }
  const std::string near_host = distances.client < distances.server ? "client" : "server";
  const std::string far_host = distances.client < distances.server ? "server" : "client";
  return "captured at the " + near_host + "; slopes are estimated: " + seconds(farther) + " to the " + far_host +
         ", half of the shortest round trip";
}

}  // namespace

Ladder build(const Conversation& conversation) {
  const Distances distances = estimate_distances(conversation);
  Ladder ladder;
  ladder.title = "flow " + std::to_string(conversation.number) + ": " + name_of(conversation);
  ladder.client = address_of(conversation.client);
  ladder.server = address_of(conversation.server);
  ladder.start = conversation.first();
  ladder.distance = distances.client + distances.server;
  ladder.notes.push_back(note_of(distances));
  for (const Record& record : conversation.records) {
    Step step = step_of(conversation, record);
    step.client_number = record.number;
    step.time = record.time;
    step.sent = record.time - distances.to(record.from);
    step.arrived = record.time + distances.to(analysis::other(record.from));
    ladder.steps.push_back(std::move(step));
  }
  return ladder;
}

}  // namespace backstop::ladder
