#!/usr/bin/env python3
"""Draws cases that differ by a number in their names, as lines of `backstop bench --json`, on two logarithmic axes.

    backstop bench --json | plot.py PREFIX TITLE X-AXIS > plot.svg
"""
import json
import math
import sys
from xml.sax.saxutils import escape

WIDTH, HEIGHT, MARGIN = 640, 360, 60


def points(lines, prefix):
    found = []
    for line in lines:
        case = json.loads(line)
        number = case["case"].removeprefix(prefix)
        if number != case["case"] and number.isdigit():
            found.append((int(number), case["median"], case["unit"]))
    return sorted(found)


def scale(low, high, begin, end):
    """Maps low..high, whole powers of ten around them, to begin..end."""
    low, high = math.floor(math.log10(low)), math.ceil(math.log10(high) + 1e-9)
    step = (end - begin) / max(high - low, 1)
    return (lambda value: begin + (math.log10(value) - low) * step), [10**n for n in range(low, high + 1)]


def draw(found, title, x_axis):
    x, x_ticks = scale(found[0][0], found[-1][0], MARGIN, WIDTH - 20)
    values = [value for _, value, _ in found]
    y, y_ticks = scale(min(values), max(values), HEIGHT - MARGIN, 40)
    text = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            f'<text x="{MARGIN}" y="24" font-size="15">{escape(title)}</text>',
            f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(x_axis)}</text>',
            f'<text x="12" y="36">{escape(found[0][2])}</text>']
    for tick in x_ticks:
        text.append(f'<path d="M{x(tick):.1f} 40V{HEIGHT - MARGIN}" stroke="#ddd"/>'
                    f'<text x="{x(tick):.1f}" y="{HEIGHT - MARGIN + 18}" text-anchor="middle">{tick:,}</text>')
    for tick in y_ticks:
        text.append(f'<path d="M{MARGIN} {y(tick):.1f}H{WIDTH - 20}" stroke="#ddd"/>'
                    f'<text x="{MARGIN - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:,}</text>')
    line = " ".join(f"{x(n):.1f},{y(value):.1f}" for n, value, _ in found)
    text.append(f'<polyline points="{line}" fill="none" stroke="#0a62a9" stroke-width="2"/>')
    for n, value, unit in found:
        text.append(f'<circle cx="{x(n):.1f}" cy="{y(value):.1f}" r="3.5" fill="#0a62a9">'
                    f"<title>{n:,}: {value:,.1f} {escape(unit)}</title></circle>"
                    f'<text x="{x(n):.1f}" y="{y(value) - 8:.1f}" text-anchor="middle">{value:,.0f}</text>')
    return "\n".join(text + ["</svg>"])


if len(sys.argv) != 4:
    sys.exit(__doc__)
found = points(sys.stdin, sys.argv[1])
if not found:
    sys.exit(f"plot.py: no case named {sys.argv[1]}N in what came in")
print(draw(found, sys.argv[2], sys.argv[3]))
