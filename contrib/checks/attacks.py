#!/usr/bin/env python3
"""Fail if the table of attacks in SECURITY.md is not the one that the test holds to
(tests/hostile/attacks/table.txt). --fix writes it."""
import os
import re
import sys

import tree

TABLE = "tests/hostile/attacks/table.txt"
BEGIN, END = "<!-- attacks: made from " + TABLE + " -->", "<!-- end of attacks -->"
CONDITION = {"R": "when root started the node", "U": "when an ordinary user started the node",
             "+": "with namespaces", "-": "without namespaces", "2": "with Landlock of ABI 2", "6": "on a kernel without such calls"}


def outcome(text):
    """"refused U-:works" in words."""
    base, *exceptions = text.split()
    said = [base]
    for e in exceptions:
        conditions, what = e.split(":")
        said.append(what + " " + " ".join(CONDITION[c] for c in reversed(conditions)))
    return "; ".join(said)


def rows():
    for line in tree.lines(TABLE):
        if not line.strip():
            continue
        if line.startswith("# ") and "|" not in line and re.fullmatch(r"# [a-z' ]+", line):
            yield "heading", line[2:]
        elif not line.startswith("#"):
            yield "row", [f.strip() for f in line.split("|")]


def render():
    out = []
    for kind, what in rows():
        if kind == "heading":
            out += ["", f"**{what[0].upper()}{what[1:]}**", "",
                    "| attack | what it tries | stopped by | from a constructor | from init |",
                    "| --- | --- | --- | --- | --- |"]
        else:
            name, tries, stopped, constructor, init, _ = what
            out.append(f"| `{name}` | {tries} | {stopped} | {outcome(constructor)} | {outcome(init)} |")
    return out + [""]


def main():
    path = os.path.join(tree.ROOT, "SECURITY.md")
    text = tree.lines("SECURITY.md")
    begin, end = text.index(BEGIN), text.index(END)
    want = render()
    n = sum(line.startswith("| `") for line in want)
    if text[begin + 1:end] == want:
        print(f"{n} attacks in SECURITY.md as in {TABLE}")
        sys.exit(n == 0)
    if "--fix" in sys.argv:
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(text[:begin + 1] + want + text[end:]) + "\n")
        return
    for line in sorted(set(want) ^ set(text[begin + 1:end])):
        print(f"{'missing in' if line in want else 'only in'} SECURITY.md: {line}")
    print("contrib/checks/attacks.py --fix writes the table")
    sys.exit(1)


if __name__ == "__main__":
    main()
