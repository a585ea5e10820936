// What the analysis says about segments: the rules one by one, then all captures against what Wireshark says.
#include <array>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/pictures/golden.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/source_folder.hpp"
#include "tools/analysis/conversation.hpp"
#include "tools/notation/pattern.hpp"

using namespace backstop;
using namespace backstop::analysis;
using namespace std::chrono_literals;

namespace {

// A connection told in the notation; packets are numbered from 1.
class Watched {
 public:
  std::string client(std::string_view line, Duration after = 1ms) { return see(Side::client, line, after); }
  std::string server(std::string_view line, Duration after = 1ms) { return see(Side::server, line, after); }

  /// A handshake without window scaling; the client's RTT is 10 ms.
  void open() {
    client("S 0:0(0) win 1000 <mss 1460,wscale 0>");
    server("S. 0:0(0) ack 1 win 1000 <mss 1460,wscale 0>", 10ms);
    client(". 1:1(0) ack 1 win 1000", 0ms);
  }

  FlowAnalyzer analyzer;

 private:
  std::string see(Side from, std::string_view line, Duration after) {
    static constexpr std::array<std::byte, 2000> zeros{};
    now_ += after;
    const auto pattern = notation::parse(line);
    if (!pattern) FAIL(pattern.error());
    const auto& written = std::get<notation::SegmentPattern>(pattern->payload);
    // Next to the wrap, so that every test crosses it.
    const SeqNum client_isn{0xffff'ffff};
    const SeqNum server_isn{0xffff'fffe};
    const bool by_client = from == Side::client;
    wire::Segment segment =
        notation::to_segment(written, {by_client ? client_isn : server_isn, by_client ? server_isn : client_isn});
    segment.text = Bytes(zeros).first(written.text_size.value_or(0));
    return to_string(analyzer.see(from, segment, ++number_, now_));
  }

  Instant now_{};
  std::uint64_t number_ = 0;
};

}  // namespace

TEST_CASE("an orderly connection has nothing that stands out") {
  Watched flow;
  CHECK(flow.client("S 0:0(0) win 1000 <mss 1460>").empty());
  CHECK(flow.server("S. 0:0(0) ack 1 win 1000 <mss 1460>").empty());
  CHECK(flow.client(". 1:1(0) ack 1 win 1000").empty());
  CHECK(flow.client("P. 1:101(100) ack 1 win 1000").empty());
  CHECK(flow.server(". 1:1(0) ack 101 win 1000").empty());
  CHECK(flow.client("F. 101:101(0) ack 1 win 1000").empty());
  CHECK(flow.server("F. 1:1(0) ack 102 win 1000").empty());
  CHECK(flow.client(". 102:102(0) ack 2 win 1000").empty());
}

TEST_CASE("lost text: duplicate ACKs, then a fast retransmission") {
  Watched flow;
  flow.open();
  for (const char* line : {". 1:101(100) ack 1", ". 101:201(100) ack 1", ". 201:301(100) ack 1"}) flow.client(line);
  flow.server(". 1:1(0) ack 101 win 1000");
  CHECK(flow.server(". 1:1(0) ack 101 win 1000 <nop,nop,sack 201:301>") == "Dup ACK 7#1");
  CHECK(flow.server(". 1:1(0) ack 101 win 1000 <nop,nop,sack 201:401>") == "Dup ACK 7#2");
  CHECK(flow.client(". 101:201(100) ack 1 win 1000") == "Fast Retransmission");
}

TEST_CASE("a retransmission long after the duplicate ACKs is an ordinary one") {
  Watched flow;
  flow.open();
  flow.client(". 1:101(100) ack 1 win 1000");
  CHECK(flow.client(". 1:101(100) ack 1 win 1000", 200ms) == "Retransmission");
}

TEST_CASE("text that was acknowledged already is retransmitted for nothing") {
  Watched flow;
  flow.open();
  flow.client(". 1:101(100) ack 1 win 1000");
  flow.server(". 1:1(0) ack 101 win 1000");
  CHECK(flow.client(". 1:101(100) ack 1 win 1000", 300ms) == "Spurious Retransmission");
  CHECK(flow.server(". 1:1(0) ack 101 win 1000 <nop,nop,sack 1:101>") == "Dup ACK 5#1, D-SACK");
}

TEST_CASE("text that fills a gap is out of order when it comes soon, else retransmitted") {
  Watched flow;
  flow.open();
  CHECK(flow.client(". 101:201(100) ack 1 win 1000") == "Previous segment not captured");
  SECTION("within the handshake's time") { CHECK(flow.client(". 1:101(100) ack 1 win 1000", 9ms) == "Out-Of-Order"); }
  SECTION("later") { CHECK(flow.client(". 1:101(100) ack 1 win 1000", 11ms) == "Retransmission"); }
}

TEST_CASE("windows: full, zero, probed, updated") {
  Watched flow;
  flow.open();
  CHECK(flow.client("P. 1:1001(1000) ack 1 win 1000") == "Window Full");
  CHECK(flow.server(". 1:1(0) ack 1001 win 0") == "ZeroWindow");
  CHECK(flow.client("P. 1001:1002(1) ack 1 win 1000", 200ms) == "ZeroWindowProbe");
  CHECK(flow.server(". 1:1(0) ack 1001 win 0") == "ZeroWindowProbeAck");
  CHECK(flow.server(". 1:1(0) ack 1001 win 1000") == "Window Update");
}

TEST_CASE("keep-alives and their answers") {
  Watched flow;
  flow.open();
  CHECK(flow.client(". 0:0(0) ack 1 win 1000", 1s) == "Keep-Alive");
  CHECK(flow.server(". 1:1(0) ack 1 win 1000") == "Keep-Alive ACK");
}

TEST_CASE("an acknowledgment of what was not captured") {
  Watched flow;
  flow.open();
  CHECK(flow.server(". 1:1(0) ack 501 win 1000") == "ACKed unseen segment");
}

TEST_CASE("windows are scaled when both SYNs offered it, and SYNs are not") {
  Watched flow;
  flow.client("S 0:0(0) win 1000 <wscale 7>");
  flow.server("S. 0:0(0) ack 1 win 1000 <wscale 3>");
  CHECK(flow.analyzer.window(Side::server) == 1000);
  flow.client(". 1:1(0) ack 1 win 1000");
  CHECK(flow.analyzer.window(Side::client) == 128'000);
}

TEST_CASE("a RST from somebody else moves nothing") {
  Watched flow;
  flow.client("S 0:0(0) win 1000");
  flow.server("R. 4000:4000(0) ack 1 win 0");
  CHECK(flow.server("S. 0:0(0) ack 1 win 1000").empty());
  CHECK(flow.analyzer.place().seq == 0);
  flow.client("R 70000:70000(0) win 0");
  CHECK(flow.client(". 1:1(0) ack 1 win 1000").empty());
}

TEST_CASE("a connection captured from its middle counts from 1") {
  Watched flow;
  flow.client(". 5000:5100(100) ack 700 win 1000");
  CHECK(flow.analyzer.place().seq == 1);
  CHECK(flow.analyzer.place().ack == 1);
  flow.server("P. 700:710(10) ack 5100 win 1000");
  CHECK(flow.analyzer.place().seq == 1);
  CHECK(flow.analyzer.place().ack == 101);
}

TEST_CASE("a SYN with another number opens a new flow once the old one is over, and simultaneous opens are one") {
  CHECK(read_conversations(test::fixture("simultaneous-open.client"), "", {}).size() == 1);
  CHECK(read_conversations(test::fixture("port-scan.client"), "", {}).size() == 60);
  CHECK(read_conversations(test::fixture("parallel-8.client"), "", {3}).front().number == 3);
}

TEST_CASE("every packet of the captures is marked as Wireshark marks it, or the difference is explained") {
  std::map<std::string, std::string> expected;  // "CAPTURE PACKET" -> marks
  std::ifstream facts(test::source_folder() / "tests/pictures/marks.txt");
  for (std::string line; std::getline(facts, line);) {
    if (line.starts_with('#')) continue;
    const std::size_t colon = line.find(": ");
    REQUIRE(colon != line.npos);
    const std::string marks = line.substr(colon + 2, line.find(" | ") - colon - 2);
    if (marks != "nothing") expected[line.substr(0, colon)] = marks;
  }
  REQUIRE(expected.size() > 400);
  std::map<std::string, std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(test::fixture("x").parent_path())) {
    if (entry.path().extension() != ".pcap") continue;
    for (const Conversation& conversation : read_conversations(entry.path(), "", {})) {
      for (const Record& record : conversation.records) {
        const std::string marks = to_string(record.finding);
        if (!marks.empty()) found[entry.path().stem().string() + " " + std::to_string(record.number)] = marks;
      }
    }
  }
  for (const auto& [packet, marks] : expected) CHECK(packet + ": " + found[packet] == packet + ": " + marks);
  for (const auto& [packet, marks] : found) CHECK(packet + ": " + marks == packet + ": " + expected[packet]);
}
