#!/usr/bin/env python3
"""Checks pictures: well-formed XML, everything inside the view box, no two texts on top of each other.

    check_svg.py FILE...

Prints what is wrong, and fails when there is something.
"""
import re
import sys
import xml.etree.ElementTree as ElementTree

SVG = "{http://www.w3.org/2000/svg}"
HORIZONTAL = ("x", "x1", "x2", "cx")
VERTICAL = ("y", "y1", "y2", "cy")


def text_box(element):
    """The rectangle that a text takes, if its letters are as wide as those of DejaVu Sans Mono or Sans at most."""
    size = float(element.get("font-size"))
    letters = len("".join(element.itertext()))
    width = letters * size * (0.603 if "mono" in element.get("class", "") else 0.56)
    transform = element.get("transform")
    if transform:
        x, y = map(float, re.match(r"translate\((\S+) (\S+)\) rotate\(-90\)$", transform).groups())
        above = {"start": width, "middle": width / 2, "end": 0}[element.get("text-anchor", "start")]
        return x - size, y - above, x, y - above + width
    x, y = float(element.get("x")), float(element.get("y"))
    before = {"start": 0, "middle": width / 2, "end": width}[element.get("text-anchor", "start")]
    return x - before, y - size * 0.75, x - before + width, y + size * 0.2


def points_of(element):
    for name in HORIZONTAL:
        if element.get(name) is not None:
            yield float(element.get(name)), None
    for name in VERTICAL:
        if element.get(name) is not None:
            yield None, float(element.get(name))
    for pair in element.get("points", "").split():
        x, y = pair.split(",")
        yield float(x), float(y)
    if element.tag == SVG + "rect":
        yield float(element.get("x")) + float(element.get("width")), float(element.get("y")) + float(element.get("height"))


def problems_of(path):
    root = ElementTree.parse(path).getroot()
    if root.tag != SVG + "svg":
        yield f"the root is {root.tag}"
        return
    _, _, width, height = map(float, root.get("viewBox").split())
    slack = 0.5
    boxes = []
    for element in root.iter():
        for x, y in points_of(element):
            if x is not None and not -slack <= x <= width + slack or y is not None and not -slack <= y <= height + slack:
                yield f"{element.tag[len(SVG):]} at {x}, {y} is outside of {width} x {height}"
        if element.tag != SVG + "text":
            continue
        left, top, right, bottom = text_box(element)
        text = "".join(element.itertext())
        if left < -slack or top < -slack or right > width + slack or bottom > height + slack:
            yield f"the text {text!r} reaches out of the picture"
        boxes.append((top, bottom, left, right, text))
    boxes.sort()
    for i, (top, bottom, left, right, text) in enumerate(boxes):
        for other_top, other_bottom, other_left, other_right, other in boxes[i + 1 :]:
            if other_top >= bottom:
                break
            if other_left < right and left < other_right:
                yield f"the texts {text!r} and {other!r} are on top of each other"


def main():
    good = True
    for path in sys.argv[1:]:
        try:
            for problem in problems_of(path):
                print(f"{path}: {problem}")
                good = False
        except (ElementTree.ParseError, AttributeError, TypeError, ValueError) as error:
            print(f"{path}: {error}")
            good = False
    return 0 if good and len(sys.argv) > 1 else 1


if __name__ == "__main__":
    sys.exit(main())
