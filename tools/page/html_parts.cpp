#include "tools/page/html_parts.hpp"

#include "tools/page/palette.hpp"

namespace backstop::page {
namespace {

// Why order: the summary is written last, when everything is known, and read first.
constexpr std::string_view style = R"(
:root{color-scheme:light dark;--paper:#fff;--band:#eef2f6;--grid:#dde3e9;--soft:#5f6b78;--ink:#1d2630;--bad:#c81e1e;
--good:#287a33;--odd:#b45309}
@media screen and (prefers-color-scheme:dark){:root{--paper:#12161b;--band:#1e252d;--grid:#2b343e;--soft:#98a5b3;
--ink:#e4eaf1;--bad:#ff7a70;--good:#63d877;--odd:#f5a950}}
*{box-sizing:border-box}
body{display:flex;flex-direction:column;max-width:1288px;margin:0 auto;padding:24px;background:var(--paper);
color:var(--ink);font:15px/1.5 system-ui,'Segoe UI','DejaVu Sans',Helvetica,Arial,sans-serif}
header,#summary{order:-1}
h1{font-size:24px;margin:0 0 4px}
h2{font-size:17px;margin:32px 0 4px;overflow-wrap:anywhere}
p{margin:4px 0}
.soft{color:var(--soft)}
table{border-collapse:collapse;width:100%;margin:16px 0;font-size:14px}
th,td{text-align:left;padding:5px 10px;border-bottom:1px solid var(--grid);vertical-align:top;overflow-wrap:anywhere}
th,td.line{white-space:nowrap}
td:first-child{min-width:13em}
td.number,th.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
th button{all:unset;cursor:pointer;font-weight:600}
th button:focus-visible{outline:2px solid currentColor}
th[aria-sort=ascending] button::after{content:' \2191'}
th[aria-sort=descending] button::after{content:' \2193'}
tbody tr:hover{background:var(--band)}
a{color:inherit}
.same{color:var(--good)}.different,.unreadable{color:var(--bad);font-weight:600}.not{color:var(--odd)}
details{margin:6px 0}
summary{cursor:pointer;color:var(--soft)}
pre{background:var(--band);padding:10px 12px;overflow-x:auto;font-size:12.5px;line-height:1.45}
pre .plus{color:var(--good)}pre .minus{color:var(--bad)}
pre,.mono{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace}
.mono{white-space:pre}
svg{display:block;max-width:100%;height:auto}
@media print{body{max-width:none;padding:0}section{break-inside:auto}h2{break-after:avoid}summary{list-style:none}
tr{break-inside:avoid}}
)";

constexpr std::string_view script = R"(<script>
for (const head of document.querySelectorAll('th')) {
  const button = document.createElement('button');
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener('click', () => {
    const ascending = head.getAttribute('aria-sort') !== 'ascending';
    const key = row => row.cells[head.cellIndex].dataset.key ?? row.cells[head.cellIndex].textContent;
    const compare = (a, b) => key(a).localeCompare(key(b), 'en', {numeric: true});
    const body = head.closest('table').tBodies[0];
    const rows = [...body.rows].sort(compare);
    body.append(...(ascending ? rows : rows.reverse()));
    for (const other of head.parentNode.cells) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', ascending ? 'ascending' : 'descending');
  });
}
const open = () => document.getElementById(location.hash.slice(1))?.querySelectorAll('details')
  .forEach(details => details.open = true);
addEventListener('hashchange', open);
open();
</script>
)";

}  // namespace

std::string html_head() {
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Backstop replay</title>\n<style>" +
         std::string(style) + palette_style() +
         "</style>\n</head>\n<body>\n<header><h1>Backstop replay</h1></header>\n";
}

std::string_view html_script() { return script; }

}  // namespace backstop::page
