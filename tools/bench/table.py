#!/usr/bin/env python3
"""Medians and ratios of what against_kernel.sh has measured, beside the bars that we hold ourselves to.

    table.py RESULTS [--json FILE] [--svg FILE]

RESULTS has a line for each measurement: round, target, case, value, processor seconds for each GB. A ratio is the
median over the rounds of one value divided by another of the same round.
"""
import argparse
import json
import statistics
from collections import namedtuple
from xml.sax.saxutils import escape

VALUE, PROCESSOR = 0, 1
Row = namedtuple("Row", "name what unit column ours theirs against bar", defaults=("",))

# Processor time is held against what the kernel needs without offloads: the bars are 0.16 and 0.18 s/GB where that is
# 0.34 and 0.68. `ours` and `theirs` are (target, case). The bar is of the ratio: above 0 it must be reached, below 0 not passed.
ROWS = [
    ("with offload: veth, vnet TUN", [
        Row("receive", "the server receives", "Gbit/s", VALUE, ("stack", "receive"), ("kernel", "receive"), "kernel", 0.85),
        Row("send", "the server sends", "Gbit/s", VALUE, ("stack", "send"), ("kernel", "send"), "kernel", 0.85),
        Row("receive-cost", "processor time, receiving", "s/GB", PROCESSOR, ("stack", "receive"), ("kernel-plain", "receive"), "veth plain", -0.47),
        Row("send-cost", "processor time, sending", "s/GB", PROCESSOR, ("stack", "send"), ("kernel-plain", "send"), "veth plain", -0.26),
        Row("receive-cost-limit", "processor time, receiving", "s/GB", PROCESSOR, ("stack", "receive"), ("limit", "read"), "limit", None),
        Row("send-cost-limit", "processor time, sending", "s/GB", PROCESSOR, ("stack", "send"), ("limit", "write"), "limit", None),
        Row("round-trips-same", "round trips, one processor", "/s", VALUE, ("stack", "round-trips-same"), ("kernel", "round-trips-same"), "kernel", 1.25),
        Row("round-trips", "round trips, two processors", "/s", VALUE, ("stack", "round-trips"), ("kernel", "round-trips"), "kernel", None),
        Row("round-trips-busy", "the same, --busy-poll 50", "/s", VALUE, ("stack-busy", "round-trips"), ("kernel", "round-trips"), "kernel", None),
        Row("connections-same", "connections, on one processor", "/s", VALUE, ("stack", "connections-same"), ("kernel", "connections-same"), "kernel", 1.4),
        Row("connections-32", "the same, 32 at a time on two", "/s", VALUE, ("stack", "connections-32"), ("kernel", "connections-32"), "kernel", 1.6),
        Row("connect-listener", "connect() to a listener", "us", VALUE, ("stack", "connect-listener"), ("kernel", "connect-listener"), "kernel", None),
        Row("connect-fallback", "connect() to a fallback port", "us", VALUE, ("stack", "connect-fallback"), ("stack", "connect-listener"), "listener", -1.1),
    ]),
    ("without: veth, plain TUN", [
        Row("receive-plain", "the server receives", "Gbit/s", VALUE, ("stack-plain", "receive"), ("kernel-plain", "receive"), "kernel", 1.05),
        Row("send-plain", "the server sends", "Gbit/s", VALUE, ("stack-plain", "send"), ("kernel-plain", "send"), "kernel", 0.68),
        Row("receive-plain-limit", "the server receives", "Gbit/s", VALUE, ("stack-plain", "receive"), ("limit", "read-plain"), "limit", None),
        Row("send-plain-limit", "the server sends", "Gbit/s", VALUE, ("stack-plain", "send"), ("limit", "write-plain"), "limit", None),
        Row("receive-plain-cost", "processor time, receiving", "s/GB", PROCESSOR, ("stack-plain", "receive"), ("kernel-plain", "receive"), "kernel", None),
        Row("send-plain-cost", "processor time, sending", "s/GB", PROCESSOR, ("stack-plain", "send"), ("kernel-plain", "send"), "kernel", None),
        Row("round-trips-plain", "round trips, one processor", "/s", VALUE, ("stack-plain", "round-trips-same"), ("kernel-plain", "round-trips-same"), "kernel", None),
        Row("connections-plain", "connections, one at a time", "/s", VALUE, ("stack-plain", "connections-same"), ("kernel-plain", "connections-same"), "kernel", None),
    ]),
    ("beside idle connections", [
        Row("round-trips-idle", "round trips, one processor", "/s", VALUE, ("stack-idle", "round-trips-same"), ("stack-few", "round-trips-same"), "none", 0.95),
        Row("connections-idle", "connections, one at a time", "/s", VALUE, ("stack-idle", "connections-same"), ("stack-few", "connections-same"), "none", 0.95),
    ]),
]


def read(path):
    values = {}
    with open(path, encoding="ascii") as lines:
        for line in lines:
            number, target, case, value, processor = line.split()
            values.setdefault((target, case), {})[int(number)] = (float(value), float(processor))
    return values


def measure(row, values):
    """The row as a dictionary, or nothing when one of its sides was not measured."""
    ours, theirs = values.get(row.ours, {}), values.get(row.theirs, {})
    rounds = [r for r in ours if r in theirs and theirs[r][row.column] > 0]
    if not rounds:
        return None
    ratios = [ours[r][row.column] / theirs[r][row.column] for r in rounds]
    ratio = statistics.median(ratios)
    met = None if row.bar is None else ratio >= row.bar if row.bar > 0 else ratio <= -row.bar
    return {
        "case": row.name, "what": row.what, "unit": row.unit, "against": row.against,
        "ours": statistics.median(ours[r][row.column] for r in rounds),
        "theirs": statistics.median(theirs[r][row.column] for r in rounds),
        "ratio": ratio, "least": min(ratios), "most": max(ratios), "rounds": len(rounds),
        "bar": None if row.bar is None else abs(row.bar),
        "bar_is": None if row.bar is None else "least" if row.bar > 0 else "most", "met": met,
    }


def bar_of(row):
    if row["bar"] is None:
        return ""
    sign = ">=" if row["bar_is"] == "least" else "<="
    return f"{sign} {row['bar']:.2f}  {'met' if row['met'] else 'MISSED'}"


def table(blocks):
    lines = []
    for title, rows in blocks:
        lines.append(f"{title:<30} {'stack':>10} {'other':>10}          {'ratio':>5}  {'least .. most':>14}  to          bar")
        for row in rows:
            digits = 3 if row["unit"] == "s/GB" else 1
            spread = f"{row['least']:.2f} .. {row['most']:.2f}"
            lines.append(f"{row['what']:<30} {row['ours']:>10.{digits}f} {row['theirs']:>10.{digits}f} {row['unit']:<7} "
                         f"{row['ratio']:>6.2f}x {spread:>14}  {row['against']:<11} {bar_of(row)}".rstrip())
        lines.append("")
    return "\n".join(lines)


def draw(blocks):
    """Ratios as bars, with a mark where ours must reach to, or may not pass."""
    left, width, step = 250, 420, 24
    rows = [row for _, rows in blocks for row in rows if row["bar"] is not None]
    scale = width / max(max(row["most"], row["bar"]) for row in rows)
    height = 50 + step * len(rows)
    text = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 70} {height}" font-family="sans-serif" font-size="12">',
            f'<rect width="{left + width + 70}" height="{height}" fill="white"/>',
            f'<text x="{left}" y="22" font-size="15">On TUN, against the kernel: ratios, and the bars</text>']
    for i, row in enumerate(rows):
        y = 40 + step * i
        colour = "#2a7a3b" if row["met"] else "#b3402a"
        x = left + row["bar"] * scale
        text += [f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{escape(row["case"])}</text>',
                 f'<rect x="{left}" y="{y}" width="{row["ratio"] * scale:.1f}" height="15" fill="{colour}"/>',
                 f'<path d="M{left + row["least"] * scale:.1f} {y + 7.5}H{left + row["most"] * scale:.1f}" stroke="black"/>',
                 f'<path d="M{x:.1f} {y - 3}V{y + 18}" stroke="black" stroke-width="2" stroke-dasharray="3 2"/>',
                 f'<text x="{left + max(row["ratio"], row["most"], row["bar"]) * scale + 6:.1f}" y="{y + 12}">{row["ratio"]:.2f}</text>']
    return "\n".join(text + ["</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results")
    parser.add_argument("--json", help="write an object for each row to this file")
    parser.add_argument("--svg", help="draw the rows that have a bar into this file")
    arguments = parser.parse_args()
    values = read(arguments.results)
    blocks = [(title, [m for m in (measure(row, values) for row in rows) if m]) for title, rows in ROWS]
    blocks = [(title, rows) for title, rows in blocks if rows]
    print(table(blocks), end="")
    if arguments.json:
        with open(arguments.json, "w", encoding="ascii") as file:
            file.writelines(json.dumps(row) + "\n" for _, rows in blocks for row in rows)
    if arguments.svg:
        with open(arguments.svg, "w", encoding="ascii") as file:
            file.write(draw(blocks))


main()
