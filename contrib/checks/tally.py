#!/usr/bin/env python3
"""Close `make check`: read what each test program left (.trs and .log) and print how many tests
passed and failed, alone on the last line. A program that prints cmocka's lines or such a closing
line of its own counts by its tests, any other as one."""
import os
import re
import sys

OWN = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)
CASE = re.compile(r"^\[ *(OK|FAILED|SKIPPED) *\] (?!\d+ test\(s\))(\S+)", re.M)


def count(trs):
    """(passed, failed, skipped) of one program, and whether anything failed."""
    base = os.path.splitext(trs)[0]
    try:
        with open(base + ".trs", encoding="utf-8", errors="replace") as f:
            result = re.search(r":global-test-result: (\w+)", f.read())[1]
        with open(base + ".log", encoding="utf-8", errors="replace") as f:
            log = f.read()
    except (OSError, TypeError):
        return 0, 1, 0  # it never ran
    cases = {name: what for what, name in CASE.findall(log)}
    own = OWN.findall(log)
    if cases:
        seen = list(cases.values())
        got = [seen.count("OK"), seen.count("FAILED"), seen.count("SKIPPED")]
    elif own:
        got = [int(n or 0) for n in own[-1]]
    else:
        got = [result in ("PASS", "XFAIL"), 0, result == "SKIP"]
    if result in ("FAIL", "ERROR", "XPASS"):
        got[1] = max(got[1], 1)
    return tuple(int(n) for n in got)


def main():
    total = [0, 0, 0]
    for trs in sys.argv[1:]:
        got = count(trs)
        total = [a + b for a, b in zip(total, got)]
        if got[1]:
            print(f"failed: {os.path.splitext(trs)[0]} ({got[1]})")
    text = f"{total[0]} passed, {total[1]} failed"
    print(text + (f", {total[2]} skipped" if total[2] else ""))
    sys.exit(total[1] > 0 or total[0] == 0)


if __name__ == "__main__":
    main()
