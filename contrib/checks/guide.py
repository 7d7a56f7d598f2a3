#!/usr/bin/env python3
"""Fail if a block of code in doc/plugin-guide.md is not the text of a file that is built and tested.

A block of C, JSON or make stands below a line `<!-- FILE -->`: it is a part of that file, line by
line; or below `<!-- whole FILE -->`: it is that file. With --extract FOLDER the whole files and the
commands below `<!-- run -->` (as run.sh) are written there, for a test that does what the guide says."""
import os
import pathlib
import re
import sys

import tree

GUIDE = "doc/plugin-guide.md"
BLOCK = re.compile(r"^(?:<!-- (.*?) -->\n\n?)?```(\w*)\n(.*?)^```$", re.S | re.M)
MUST = {"c", "json", "make"}


def main():
    text = pathlib.Path(tree.ROOT, GUIDE).read_text(encoding="utf-8")
    out = pathlib.Path(sys.argv[sys.argv.index("--extract") + 1]) if "--extract" in sys.argv else None
    bad = n = 0
    run = ""
    for mark, kind, code in BLOCK.findall(text):
        line = text[:text.index(code)].count("\n")
        if mark == "run":
            run += code
            continue
        if not mark:
            if kind in MUST:
                print(f"{GUIDE}:{line}: code that no file holds")
                bad += 1
            continue
        n += 1
        whole, name = mark.startswith("whole "), mark.removeprefix("whole ")
        path = pathlib.Path(tree.ROOT, name)
        have = path.read_text(encoding="utf-8") if path.exists() else ""
        if (code != have) if whole else ("\n" + code) not in ("\n" + have):
            print(f"{GUIDE}:{line}: this is not {'the text' if whole else 'a part'} of {name}")
            bad += 1
        if whole and out:
            (out / path.name).write_text(code, encoding="utf-8")
    for name in sorted(os.listdir(os.path.join(tree.ROOT, "doc/examples"))):
        if name.endswith(".c") and not name.endswith("_test.c") and name not in text:
            print(f"doc/examples/{name}: the guide does not speak of it")
            bad += 1
    if out:
        (out / "run.sh").write_text(run, encoding="utf-8")
    print(f"{n} blocks, {bad} wrong")
    sys.exit(bad > 0 or n == 0 or not run)


if __name__ == "__main__":
    main()
