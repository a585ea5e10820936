#!/usr/bin/env python3
"""Writes the conformance table into README.md, or checks that the one there is right.

usage: conformance.py [--check]

A requirement of requirements.tsv is kept when a test case carries its id as a tag ("[MUST-13]"), or departed from when
a comment begins with "Deviation:" and the id ("// Deviation: MUST-51, MUST-52: why"). A MUST or SHOULD with neither, and
an id that RFC 9293 does not have, is an error. Exit status: 0 all is well, 1 not, 2 wrong arguments.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- conformance: written by ./dev conformance -->", "<!-- end of conformance -->"
ID = r"(?:MUST|SHLD|MAY|REC)-\d+"
KINDS = {"MUST": "MUST", "SHLD": "SHOULD", "MAY": "MAY", "REC": "recommended"}
STRINGS = r'(?:"(?:[^"\\]|\\.)*"\s*)+'
TEST_CASE = re.compile(rf"TEST_CASE\(\s*({STRINGS}),\s*({STRINGS})\)")
MOST_TESTS = 3  # named for one requirement; the rest are counted


def text_of(literals):
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals)).replace('\\"', '"')


def read_requirements():
    lines = (ROOT / "tests/conformance/requirements.tsv").read_text().splitlines()
    return {line.split("\t")[0]: line.split("\t")[1:] for line in lines if line and not line.startswith("#")}


def read_tests():
    tests = {}
    for path in sorted((ROOT / "tests").rglob("*.cpp")):
        for name, tags in TEST_CASE.findall(path.read_text()):
            for tag in re.findall(rf"\[({ID})\]", text_of(tags)):
                tests.setdefault(tag, []).append((path.relative_to(ROOT), text_of(name)))
    return tests


def read_deviations():
    """Reasons by id: what follows the ids, to the end of the comment."""
    deviations = {}
    files = [p for folder in ("stack", "fallback", "tun") for p in (ROOT / folder).rglob("*.[ch]pp")]
    for path in sorted(files):
        comment = re.compile(rf"//+ (?:[^\n]*?\s)?Deviation: ({ID}(?:, {ID})*):((?:[^\n]*\n\s*//)*[^\n]*)")
        for ids, reason in comment.findall(path.read_text()):
            reason = " ".join(re.sub(r"\n\s*///?", " ", reason).split())
            for one in ids.split(", "):
                deviations[one] = (path.relative_to(ROOT), reason)
    return deviations


def evidence(requirement, tests, deviations, note):
    if requirement in deviations:
        path, reason = deviations[requirement]
        return f"**deviation** ([{path.name}]({path})): {reason}"
    if requirement in tests:
        shown = [f"[{path.stem}]({path}): {name}" for path, name in tests[requirement]]
        more = len(shown) - MOST_TESTS
        return "<br>".join(shown[:MOST_TESTS]) + (f"<br>and {more} more" if more > 0 else "")
    return note or "not offered"


def summary(requirements, tests, deviations):
    parts = []
    for kind, word in KINDS.items():
        ids = [one for one in requirements if one.startswith(kind + "-")]
        shown = sum(one in tests and one not in deviations for one in ids)
        departed = sum(one in deviations for one in ids)
        noted = sum(len(requirements[one]) > 2 for one in ids)
        rest = len(ids) - shown - departed - noted
        words = [f"{shown} of {len(ids)} {word} shown by tests"]
        words += [f"{departed} departed from"] * (departed > 0) + [f"{noted} asked of applications"] * (noted > 0)
        words += [f"{rest} not offered"] * (rest > 0)
        parts.append(", ".join(words))
    return "; ".join(parts) + "."


def table(requirements, tests, deviations):
    lines = [summary(requirements, tests, deviations), "", "<details><summary>Each requirement, and what shows it"
             "</summary>", "", "| requirement | section | what it asks | shown by |", "|--|--|--|--|"]
    for one, (section, text, *note) in requirements.items():
        what = evidence(one, tests, deviations, note[0] if note else "")
        lines.append(f"| {one} | {section} | {text} | {what} |".replace("\\|", "|"))
    return "\n".join(lines + ["", "</details>"])


def errors(requirements, tests, deviations):
    for one in sorted((tests.keys() | deviations.keys()) - requirements.keys()):
        yield f"{one} is no requirement of RFC 9293"
    for one, (_, text, *note) in requirements.items():
        if one.startswith(("MUST", "SHLD")) and one not in tests and one not in deviations and not note:
            yield f"{one} ({text}): neither a test has this tag, nor is there a 'Deviation: {one}: ...'"


def main(arguments):
    if arguments not in ([], ["--check"]):
        print("usage: conformance.py [--check]", file=sys.stderr)
        return 2
    found = read_requirements(), read_tests(), read_deviations()
    wrong = list(errors(*found))
    readme = ROOT / "README.md"
    before, begin, rest = readme.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        wrong.append(f"README.md lacks the lines '{BEGIN}' and '{END}'")
    elif not wrong:
        right = f"{before}{BEGIN}\n{table(*found)}\n{END}{after}"
        if arguments == []:
            readme.write_text(right)
        elif right != readme.read_text():
            wrong.append("the table in README.md is not up to date: ./dev conformance writes it")
    for line in wrong:
        print(f"conformance: {line}", file=sys.stderr)
    if not wrong:
        print(summary(*found))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
