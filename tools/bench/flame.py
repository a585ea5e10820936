#!/usr/bin/env python3
"""Draws a flame graph of callgrind's counts: each box a function, as wide as its instructions, on top of its caller.

    valgrind --tool=callgrind --separate-callers=40 --callgrind-out-file=counts --toggle-collect=counted_work \\
        backstop_instructions round-trip 1000
    callgrind_annotate --auto=no --threshold=100 counts | flame.py TITLE > flame.svg

With --separate-callers callgrind writes a function as `function'caller'caller's caller`, so every line is one stack.
"""
import re
import sys
from xml.sax.saxutils import escape

WIDTH, ROW, LEAST = 1200, 18, 1.5  # pixels; narrower boxes are left out
COLOURS = {"wire::": "#f4a259", "tcp::": "#5b8e7d", "Core": "#8cb369", "TimerWheel": "#8cb369", "FlowTable": "#8cb369",
           "bench::": "#cccccc", "tun::": "#bc8fbd"}


class Box:
    def __init__(self):
        self.total, self.children = 0, {}


def short(name):
    """A function without its arguments, namespaces of ours, and where it was found."""
    name = re.sub(r"\(anonymous namespace\)::", "", name.strip())
    name = re.sub(r"\s*\[.*$", "", name).replace("backstop::", "").replace("tools::", "")
    return re.sub(r"\(.*$", "", re.sub(r"<.*>", "<>", name)) or name


def read(lines):
    root = Box()
    for line in lines:
        match = re.match(r"\s*([\d,]+) (?:\([ \d.]+%\) +)?[^:]*:(.+)$", line)
        if not match or "PROGRAM TOTALS" in line:
            continue
        stack = [short(name) for name in match[2].split("'")][::-1]
        if "counted_work" not in stack:
            continue
        cost = int(match[1].replace(",", ""))
        box = root
        box.total += cost
        for name in stack[stack.index("counted_work") + 1:]:
            box = box.children.setdefault(name, Box())
            box.total += cost
    return root


def depth(box):
    return 1 + max((depth(child) for child in box.children.values()), default=0)


def draw(box, name, x, level, scale, height, out):
    width = box.total * scale
    if width < LEAST:
        return
    y = height - (level + 1) * ROW
    colour = next((colour for key, colour in COLOURS.items() if key in name), "#e0d8b0")
    share = 100 * width / WIDTH
    out.append(f'<g><title>{escape(name)}: {share:.1f} %</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" '
               f'height="{ROW - 1}" fill="{colour}"/>')
    letters = int(width / 6.5)
    if letters > 2:
        out.append(f'<text x="{x + 3:.1f}" y="{y + 13}">{escape(name[:letters])}</text>')
    out.append("</g>")
    for child_name, child in sorted(box.children.items()):
        draw(child, child_name, x, level + 1, scale, height, out)
        x += child.total * scale


if len(sys.argv) != 2:
    sys.exit(__doc__)
root = read(sys.stdin)
if root.total == 0:
    sys.exit("flame.py: nothing below counted_work in what came in")
height = depth(root) * ROW + 30
boxes = []
draw(root, "all", 0, 0, WIDTH / root.total, height, boxes)
print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="11">')
print(f'<rect width="{WIDTH}" height="{height}" fill="white"/><text x="4" y="16" font-size="14">{escape(sys.argv[1])}</text>')
print("\n".join(boxes))
print("</svg>")
