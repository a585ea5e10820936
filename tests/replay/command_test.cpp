// `backstop replay` as its users have it: what it says, where it says it, and its exit code.
#include <algorithm>
#include <chrono>

#include "tests/replay/conversation.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/command_line.hpp"
#include "tests/support/source_folder.hpp"
#include "tools/capture/packet_reader.hpp"
#include "tools/replay/corpus.hpp"

using namespace backstop;
using namespace backstop::test;
using namespace std::chrono_literals;
using wire::Flag;

namespace {

bool contains(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

// One in which the server does what our stack never would: it never acknowledges all that it got.
Conversation impolite_conversation() {
  Conversation conversation;
  conversation.open().client(Flag::psh | Flag::ack, "hello").server(Flag::ack).client(Flag::ack, "again");
  conversation.server(Flag::ack);
  for (const std::size_t i : {4u, 6u}) conversation.packets()[i].packet[31] ^= std::byte{7};
  return conversation;
}

}  // namespace

TEST_CASE("replay: our stack comes to the same as the captured server") {
  const TemporaryFile file(file_of(whole_conversation()));
  const CommandResult result = replay_command({file.path()});
  CHECK(result.exit_code == 0);
  CHECK(result.out == file.path() + ": 1 flow: same\n");
  CHECK(contains(result.err, "1 capture, 10 packets, 1 flow: same; "));
}

TEST_CASE("replay: a difference is told with a unified diff of what both hosts did") {
  const TemporaryFile file(file_of(impolite_conversation()));
  const CommandResult result = replay_command({"--checksum", "ignore", file.path()});
  CAPTURE(result.out);
  CHECK(result.exit_code == 1);
  CHECK(contains(result.out, "1 flow: different\n  flow 1, 10.0.0.1:40000 > 10.0.0.2:80: different\n"));
  CHECK(contains(result.out, "    acks: "));
  CHECK(contains(result.out, "    --- captured host\n    +++ our stack\n    @@"));
}

TEST_CASE("replay: the transcript has the packets of the peer, of ours and of the captured host") {
  const TemporaryFile file(file_of(whole_conversation()));
  const CommandResult result = replay_command({"--transcript", file.path()});
  CHECK(contains(result.out, "flow 1, 10.0.0.1:40000 > 10.0.0.2:80, " + file.path() + "\n"));
  CHECK(contains(result.out, "    1 0.000000 < S  0:0(0) win 65535\n"));
  CHECK(contains(result.out, "    2 0.000100 ~ S. 0:0(0) ack 1 win 65535\n"));
  CHECK(contains(result.out, "      0.000000 > S. 0:0(0) ack 1"));
  CHECK(contains(result.out, "    4 0.000300 < P. 1:9(8) ack 1 win 65535\n"));
}

TEST_CASE("replay: either side can be ours, by address or by role") {
  const TemporaryFile file(file_of(whole_conversation()));
  for (const char* local : {"client", "10.0.0.1", "10.0.0.1:40000"}) {
    const CommandResult result = replay_command({"--local", local, file.path()});
    CHECK(result.exit_code == 0);
    CHECK(contains(replay_command({"--list", "--local", local, file.path()}).out,
                   "flow 1, 10.0.0.2:80 > 10.0.0.1:40000"));
  }
  for (const char* local : {"server", "10.0.0.2", "10.0.0.2:80"}) {
    CHECK(contains(replay_command({"--list", "--local", local, file.path()}).out,
                   "flow 1, 10.0.0.1:40000 > 10.0.0.2:80"));
  }
  CHECK(contains(replay_command({"--local", "10.0.0.9", file.path()}).out, "0 flows"));
}

TEST_CASE("replay: --list names the flows and what became of them, and plays none") {
  Conversation second(40'001, 1s);
  second.client(Flag::ack, "in the middle");
  const TemporaryFile file(file_of({whole_conversation(), second}));
  const CommandResult result = replay_command({"--list", file.path()});
  CHECK(result.exit_code == 0);
  CHECK(result.out == file.path() +
                          ": 2 flows\n"
                          "  flow 1, 10.0.0.1:40000 > 10.0.0.2:80: 10 packets, 0.000900 s, established, received 8, "
                          "sent 6, closed by the peer and then by the host, CLOSED\n"
                          "  flow 2, 10.0.0.1:40001 > 10.0.0.2:80: 1 packet, 0.000000 s, not replayable: its SYN is "
                          "not in the capture\n");
}

TEST_CASE("replay: --only and --filter choose flows and packets") {
  const TemporaryFile file(
      file_of({whole_conversation(40'000), whole_conversation(40'001), whole_conversation(40'002)}));
  CHECK(contains(replay_command({file.path()}).out, "3 flows: all same"));
  CHECK(contains(replay_command({"--only", "1,3", file.path()}).out, "2 flows: all same"));
  CHECK(
      contains(replay_command({"--filter", "port 40001", file.path()}).out, "1 flow: same (packets: 20 filtered out)"));
}

TEST_CASE("replay: what is ignored does not count, segment by segment either") {
  const std::string capture = source_folder() / "tests/pcap_fixtures/ip-fragments.client.pcap";
  const std::vector<std::string> by_segments{"--local", "10.77.0.1", "--compare", "segments"};
  const auto replayed = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), by_segments.begin(), by_segments.end());
    arguments.push_back(capture);
    return replay_command(arguments);
  };
  const CommandResult pushed = replayed({});
  CHECK(pushed.exit_code == 1);
  CHECK(contains(pushed.out, "-> .  1:1449(1448) ack 1 <TS>\n    +> P. 1:1449(1448) ack 1 <TS>\n"));
  CHECK(replayed({"--ignore", "push"}).exit_code == 0);
}

TEST_CASE("replay: a level that was not asked for does not count") {
  const TemporaryFile file(file_of(impolite_conversation()));
  CHECK(replay_command({"--checksum", "ignore", "--compare", "outcome,acks", file.path()}).exit_code == 1);
  const CommandResult segments = replay_command({"--compare", "segments", file.path()});
  CHECK(segments.exit_code == 1);  // our SYN,ACK has options
  CHECK(contains(segments.out, "-> S. 0:0(0) ack 1\n    +> S. 0:0(0) ack 1 <mss>\n"));
}

TEST_CASE("replay: classic servers instead of the captured one") {
  const TemporaryFile file(file_of(whole_conversation()));
  const CommandResult echo = replay_command({"--transcript", "--app", "echo", file.path()});
  CHECK(contains(echo.out, "> P. 1:9(8) ack 9"));
  CHECK(contains(replay_command({"--transcript", "--app", "chargen", file.path()}).out, "> .  1:537(536)"));
  // "answer" is never sent, and the peer acknowledges it.
  const CommandResult discard = replay_command({"--app", "discard", file.path()});
  CHECK(contains(discard.out, "the peer acknowledges unsent data in packet 7"));
}

TEST_CASE("replay: goldens are written once, hold every octet, and tell a change as a diff") {
  const TemporaryFolder folder;
  const std::string captures = folder.path() + "/captures";
  const std::string goldens = folder.path() + "/goldens";
  folder.add("captures/deep/a.pcap", file_of(whole_conversation()));
  const CommandResult missing = replay_command({"--golden", goldens, captures});
  CHECK(missing.exit_code == 1);
  CHECK(contains(missing.out, "there is no golden " + goldens + "/deep/a.pcap.txt"));
  CHECK(contains(missing.err, "if the difference is meant: the same command with --update-golden"));

  CHECK(contains(replay_command({"--golden", goldens, "--update-golden", captures}).err, "1 golden written"));
  CHECK_FALSE(contains(replay_command({"--golden", goldens, "--update-golden", captures}).err, "written"));
  CHECK(replay_command({"--golden", goldens, captures}).exit_code == 0);
  const std::string golden = folder.read("goldens/deep/a.pcap.txt");
  CHECK(golden.starts_with("flow 1, 10.0.0.1:40000 > 10.0.0.2:80\n    1 0.000000 < S  0:0(0) win 65535\n"));
  CHECK(golden.ends_with("= established, received 8, sent 6, closed by the peer and then by the host, CLOSED\n"));

  std::string changed = golden;
  changed.replace(changed.find("ttl 64"), 6, "ttl 63");
  changed += "\nflow 2, 10.0.0.1:40001 > 10.0.0.2:80\n";
  folder.add("goldens/deep/a.pcap.txt", std::as_bytes(std::span(changed)));
  const CommandResult different = replay_command({"--golden", goldens, captures});
  CHECK(different.exit_code == 1);
  CHECK(contains(different.out, "    --- " + goldens + "/deep/a.pcap.txt\n    +++ now\n    @@"));
  CHECK(contains(different.out, "not in the capture, but in the golden: flow 2, 10.0.0.1:40001 > 10.0.0.2:80"));
  const CommandResult ignoring = replay_command({"--golden", goldens, "--ignore", "ttl", captures});
  CHECK_FALSE(contains(ignoring.out, "@@"));
}

TEST_CASE("replay: unreadable captures are told, and the others replayed") {
  const TemporaryFolder folder;
  folder.add("a.pcap", file_of(whole_conversation()));
  folder.add("b.pcap", Octets{});
  folder.add("c.pcap", PcapFile({.link_type = 105}).add(Octets(20)).octets());
  const CommandResult result = replay_command({folder.path()});
  CHECK(result.exit_code == 3);
  CHECK(contains(result.out, "a.pcap: 1 flow: same\n"));
  CHECK(contains(result.out, "b.pcap: unreadable\n  " + folder.path() + "/b.pcap: empty\n"));
  CHECK(contains(result.out, "cannot read IEEE802_11 (802.11) frames; known are Ethernet"));
  CHECK(contains(result.err, "3 captures (2 unreadable)"));
}

TEST_CASE("replay: several threads say the same as one") {
  const TemporaryFolder folder;
  for (int i = 0; i < 40; ++i) {
    folder.add("capture-" + std::to_string(100 + i) + ".pcap", file_of(whole_conversation(40'000, i * 1s)));
  }
  folder.add("capture-117.pcap", file_of(impolite_conversation()));
  const CommandResult one = replay_command({"--jobs", "1", "--checksum", "ignore", folder.path()});
  CHECK(one.exit_code == 1);
  CHECK(std::ranges::count(one.out, '\n') > 40);
  for (const char* jobs : {"2", "7"}) {
    CHECK(replay_command({"--jobs", jobs, "--checksum", "ignore", folder.path()}).out == one.out);
  }
}

TEST_CASE("replay: shares of a corpus make the whole, wherever it lies") {
  std::vector<replay::CaptureFile> files;
  for (int i = 0; i < 100; ++i) files.push_back({"/somewhere/" + std::to_string(i), std::to_string(i)});
  std::size_t all = 0;
  for (const std::uint32_t index : {1u, 2u, 3u, 4u}) {
    const auto share = take_shard(files, {index, 4});
    CHECK(share.size() > 10);
    all += share.size();
  }
  CHECK(all == files.size());
  CHECK(take_shard(files, {0, 4}).size() == take_shard(files, {4, 4}).size());
}

TEST_CASE("replay: folders are searched, sorted, for what has a capture's name") {
  const TemporaryFolder folder;
  for (const char* name : {"b.pcapng", "a/z.pcap.gz", "a/b/c.cap", "d.dmp", "notes.txt", "pcap", "e.gz"}) {
    folder.add(name, Octets{});
  }
  std::vector<std::string> names;
  for (const auto& file : replay::find_captures({folder.path()})) names.push_back(file.name);
  CHECK(names == std::vector<std::string>{"a/b/c.cap", "a/z.pcap.gz", "b.pcapng", "d.dmp"});
}

TEST_CASE("replay: reports in the formats of machines") {
  const TemporaryFolder folder;
  folder.add("a.pcap", file_of(whole_conversation()));
  folder.add("b.pcap", file_of(impolite_conversation()));
  folder.add("c.pcap", file_of(Conversation().client(Flag::ack, "#<&>")));
  folder.add("d.pcap", Octets{});
  const auto report = [&](const std::string& format) {
    return replay_command({"--report", format, "--checksum", "ignore", folder.path()});
  };
  const CommandResult tap = report("tap");
  CHECK(tap.exit_code == 3);
  CHECK(contains(tap.out, "TAP version 13\nok 1 - a.pcap: flow 1, 10.0.0.1:40000 > 10.0.0.2:80\nnot ok 2 - b.pcap"));
  CHECK(
      contains(tap.out, "ok 3 - c.pcap: flow 1, 10.0.0.1:40000 > 10.0.0.2:80 # SKIP its SYN is not in the capture\n"));
  CHECK(contains(tap.out, "not ok 4 - d.pcap: readable\n"));
  CHECK(tap.out.ends_with("1..4\n"));

  const CommandResult junit = report("junit=" + folder.path() + "/junit.xml");
  const std::string xml = folder.read("junit.xml");
  CHECK(contains(junit.out, "a.pcap: 1 flow: same\n"));  // standard output is the readers'
  CHECK(contains(xml, R"(<testsuite name="b.pcap" tests="1" failures="1" errors="0" skipped="0">)"));
  CHECK(contains(xml, R"(<testcase classname="c.pcap" name="flow 1, 10.0.0.1:40000 &gt; 10.0.0.2:80"><skipped)"));
  CHECK(contains(xml, "<error message=\""));
  CHECK(count(xml, "<testcase ") == count(xml, "</testcase>"));

  const CommandResult json = report("json");
  CHECK(contains(json.out, R"({"event":"flow","capture":")" + folder.path() + R"(/a.pcap","flow":1,)"));
  CHECK(contains(json.out, R"("reason":"its SYN is not in the capture")"));
  CHECK(contains(json.out, R"("differences":[{"level":"acks")"));
  CHECK(contains(json.out, R"({"event":"end","captures":4,"unreadable":1,)"));
}

TEST_CASE("replay: --json tells every packet in its time") {
  const TemporaryFile file(file_of(whole_conversation(40'000, 5s)));
  const CommandResult result = replay_command({"--json", file.path()});
  CHECK(
      contains(result.out, R"({"event":"packet","flow":1,"number":1,"time":5.000000,"from":"peer","line":"S  0:0(0))"));
  CHECK(contains(result.out, R"({"event":"packet","flow":1,"time":5.000000,"from":"us","line":"S. 0:0(0) ack 1)"));
  CHECK(contains(result.out, R"("verdict":"same","captured":"established, received 8, sent 6)"));
}

TEST_CASE("replay: --pcap-out holds what our stack received and sent, in order, with nanoseconds") {
  const TemporaryFolder folder;
  const std::string out = folder.path() + "/out.pcap";
  const TemporaryFile file(file_of({whole_conversation(40'000, 7s + 5ns), whole_conversation(40'001, 7s + 7ns)}));
  CHECK(replay_command({"--pcap-out", out, file.path()}).exit_code == 0);
  capture::PacketReader reader(out, capture::Filter(""));
  std::size_t ours = 0;
  std::size_t peers = 0;
  std::optional<Instant> first_time;
  while (const auto packet = reader.next()) {
    if (!first_time) first_time = packet->time;
    ++(packet->ip.header.source == Ipv4Address::of(10, 0, 0, 2) ? ours : peers);
    CHECK(wire::parse_segment(packet->ip));
  }
  CHECK(first_time->time_since_epoch() == 7s + 5ns);
  CHECK(reader.counts().backwards == 0);
  CHECK(peers == 12);
  CHECK(ours >= 6);
}

TEST_CASE("replay: real time passes as fast as it is told to") {
  const TemporaryFile file(file_of(whole_conversation()));
  CHECK(replay_command({"--realtime=1000000", file.path()}).exit_code == 0);
}

TEST_CASE("replay: a capture of two idle hours takes no time") {
  Conversation conversation;
  conversation.open().talk("a", "b").pause(2h).close();
  const TemporaryFile file(file_of(conversation));
  CHECK(replay_command({file.path()}).exit_code == 0);
}

TEST_CASE("replay: what is wrong on the command line is told in one line that names the cure", "[usage]") {
  const TemporaryFolder folder;
  folder.add("a.pcap", file_of(whole_conversation()));
  folder.add("x/a.pcap", file_of(whole_conversation()));
  folder.add("empty/readme.txt", Octets{});
  const std::string path = folder.path() + "/a.pcap";
  struct Case {
    std::vector<std::string> arguments;
    std::string message;
  };
  const std::vector<Case> cases{
      {{}, "captures is required"},
      {{"/nowhere/x.pcap"}, "/nowhere/x.pcap: no such file or folder"},
      {{folder.path() + "/empty"}, "holds no captures (.pcap, .pcapng"},
      {{"--compare", "all", path}, "--compare knows no 'all'; it knows outcome, acks, segments, bytes"},
      {{"--compare", "bytes", path}, "add --golden DIR"},
      {{"--ignore", "colour", path}, "--ignore knows no 'colour'; it knows window, ipid"},
      {{"--local", "somewhere", path}, "--local 'somewhere' is neither an address like 10.0.0.1"},
      {{"--local", "10.0.0.1:http", path}, "--local '10.0.0.1:http'"},
      {{"--checksum", "maybe", path}, "it knows verify, ignore, auto"},
      {{"--app", "http", path}, "it knows capture, echo, discard, chargen"},
      {{"--max-hold", "0", path}, "--max-hold '0' is no positive number"},
      {{"--realtime=fast", path}, "--realtime 'fast' is no positive number"},
      {{"--only", "0", path}, "--only '0' is no flow's number; --list shows them"},
      {{"--jobs", "0", path}, "--jobs '0' is no number of threads from 1"},
      {{"--jobs", "2", "--json", path}, "leave it out"},
      {{"--shard", "5/4", path}, "--shard '5/4' is no share like 1/4"},
      {{"--report", "xml", path}, "--report knows no 'xml'; it knows tap, junit, json, html"},
      {{"--report", "tap=", path}, "write tap=FILE"},
      {{"--report", "tap", "--report", "json", path}, "both write to standard output"},
      {{"--report", "tap=/nowhere/x", path}, "cannot write /nowhere/x: No such file"},
      {{"--update-golden", path}, "--update-golden needs the folder: --golden DIR"},
      {{"--update-golden", "--golden", "x", "--only", "1", path}, "leave out --only"},
      {{"--golden", "x", path, folder.path() + "/x/a.pcap"}, "would have the same golden, a.pcap.txt"},
      {{"--filter", "tcp prot 80", path}, "filter 'tcp prot 80': "},
  };
  for (const auto& [arguments, message] : cases) {
    const CommandResult result = replay_command(arguments);
    CAPTURE(message, result.err);
    CHECK(result.exit_code == 2);
    CHECK(contains(result.err, message));
    CHECK(std::ranges::count(result.err, '\n') == 0);
  }
}
