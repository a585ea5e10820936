// `backstop replay --report html`: the page itself, and the page in a real browser.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/pictures/golden.hpp"
#include "tests/support/capture_file.hpp"
#include "tests/support/catch.hpp"
#include "tools/page/html_report.hpp"
#include "tools/page/markup.hpp"
#include "tools/replay/run.hpp"

using namespace backstop;
using backstop::test::fixture;

namespace {

constexpr const char* hostile_name = "<script>alert('x')</script>&\".pcap";

// A page about captures of all kinds: one connection, eight, one that differs, one that cannot be replayed, one that
// cannot be read.
std::string make_page() {
  const test::TemporaryFile no_capture(std::as_bytes(std::span("this is no capture at all")));
  std::vector<replay::CaptureFile> files{{no_capture.path(), hostile_name}};
  for (const char* name : {"tail-loss.client", "parallel-8.client", "rto-backoff.client", "tfo.client"}) {
    files.push_back({fixture(name), std::string(name) + ".pcap"});
  }
  replay::RunOptions options;
  options.replay.local = replay::LocalEnd{Ipv4Address::of(10, 77, 0, 1), 0};
  options.replay.keep_stories = true;
  std::ostringstream page;
  std::vector<std::unique_ptr<replay::Report>> reports;
  reports.push_back(page::html_report(page));
  CHECK(reports[0]->needs_stories());
  replay::Progress progress;
  run(files, options, reports, progress, [] {});
  return page.str();
}

// tail-loss, 8 of parallel-8, rto-backoff, 2 of tfo, and the unreadable one.
constexpr std::size_t rows = 1 + 8 + 1 + 2 + 1;

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

void replace(std::string& text, std::string_view what, const std::string& with) {
  const std::size_t at = text.rfind(what);
  REQUIRE(at != text.npos);
  text.replace(at, what.size(), with);
}

// The page with eyes of ours in it: nothing may be loaded, errors are collected, and what there is to see is measured
// and written into the title.
std::string observed(std::string page) {
  replace(page, "<head>",
          "<head><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
          "script-src 'unsafe-inline'\"><script>const problems = [];"
          "addEventListener('error', e => problems.push(e.message));"
          "addEventListener('securitypolicyviolation', e => problems.push(e.blockedURI));"
          "console.error = console.warn = text => problems.push(text);</script>");
  replace(page, "</body>", R"(<script>
for (const details of document.querySelectorAll('details')) details.open = true;
const pictures = [...document.querySelectorAll('svg')].map(svg => svg.getBoundingClientRect());
const visible = pictures.filter(box => box.width > 600 && box.height > 200).length;
const table = document.querySelector('table');
const rows = table.tBodies[0].rows.length;
const column = () => [...table.tBodies[0].rows].map(row => Number(row.cells[3].textContent.replace(',', '')));
const ordered = numbers => numbers.every((n, i) => i === 0 || numbers[i - 1] <= n);
const before = ordered(column());
table.tHead.rows[0].cells[3].querySelector('button').click();
const summaryOnTop = document.getElementById('summary').getBoundingClientRect().top < 200;
const fits = document.documentElement.scrollWidth <= innerWidth;
document.title = `rows ${rows}, pictures ${visible} of ${pictures.length}, sorted ${before} ${ordered(column())}, ` +
  `on top ${summaryOnTop}, fits ${fits}, problems ${problems.length} ${problems}`;
</script></body>)");
  return page;
}

std::string output_of(const std::string& command) {
  std::string output;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer{};
  for (std::size_t size; (size = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    output.append(buffer.data(), size);
  ::pclose(pipe);
  return output;
}

}  // namespace

TEST_CASE("the page has a row and a section for each flow, and needs nothing from elsewhere") {
  const std::string page = make_page();
  const std::size_t body = page.find("<tbody>");
  CHECK(count(page.substr(body), "<tr>") == rows);
  CHECK(count(page, "<section id=\"f") == rows - 1);
  // Two pictures of each flow that was played, three of the one that differs.
  const std::size_t played = count(page, "<summary>Ladder</summary>");
  CHECK(played == 1 + 8 + 1);
  CHECK(count(page, "<svg") == 2 * played + 3);
  CHECK(count(page, "<summary>Ladder with our stack</summary>") == 1);
  CHECK(page.find("http") == page.find("http://www.w3.org/2000/svg"));
  CHECK(count(page, "http") == count(page, "xmlns=\"http://www.w3.org/2000/svg\""));
  CHECK(count(page, "src=") == 0);
}

TEST_CASE("the page escapes what it is told") {
  const std::string page = make_page();
  CHECK(count(page, "<script>alert") == 0);
  CHECK(count(page, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;.pcap") > 0);
  CHECK(count(page, "<script>") == 1);
}

TEST_CASE("text is escaped for HTML and XML") {
  CHECK(page::escape("a<b>&\"'") == "a&lt;b&gt;&amp;&quot;&#39;");
  CHECK(page::escape("gr\xc3\xbc\xc3\x9f") == "gr\xc3\xbc\xc3\x9f");
  CHECK(page::escape(std::string("\0\x1b", 2)) == "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(page::escape("\xff\xc3") == "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(page::escape("\xed\xa0\x80") == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // a surrogate
  CHECK(page::escape("\xef\xbf\xbf") == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // no character
  CHECK(page::escape("\xf0\x9f\x99\x82") == "\xf0\x9f\x99\x82");
}

TEST_CASE("numbers as people read them") {
  CHECK(page::grouped(0) == "0");
  CHECK(page::grouped(999) == "999");
  CHECK(page::grouped(1'234'567) == "1,234,567");
  CHECK(page::number(1.5) == "1.5");
  CHECK(page::number(-0.001) == "0");
  CHECK(page::duration_text(0.0103) == "10.3 ms");
  CHECK(page::duration_text(7200) == "7200 s");
}

TEST_CASE("a browser shows the page: no network, no errors, every row and picture") {
  if (std::system("command -v chromium >/dev/null") != 0) BACKSTOP_SKIP("chromium, to look at the page with");
  const std::string page = observed(make_page());
  const test::TemporaryFile file(std::as_bytes(std::span(page)), ".html");
  const std::string dom = output_of(
      "profile=$(mktemp -d) && timeout 100 chromium --headless --no-sandbox --disable-gpu --disable-quic "
      "--no-first-run "
      "--disable-background-networking --disable-component-update --disable-sync --window-size=1280,900 "
      "--user-data-dir=\"$profile\" --dump-dom 'file://" +
      file.path() + "' 2>/dev/null; rm -r \"$profile\"");
  const std::size_t title = dom.find("<title>");
  REQUIRE(title != dom.npos);
  const std::size_t pictures = count(page, "<svg");
  CHECK(dom.substr(title + 7, dom.find("</title>") - title - 7) ==
        "rows " + std::to_string(rows) + ", pictures " + std::to_string(pictures) + " of " + std::to_string(pictures) +
            ", sorted false true, on top true, fits true, problems 0 ");
}
