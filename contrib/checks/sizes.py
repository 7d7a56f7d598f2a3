#!/usr/bin/env python3
"""Fail if a file or function outgrows the house's limits.

contrib/size-exceptions lists what may be larger, as `<path>[:function] <measure> <number>`. It may
only shrink: an entry must state today's number exactly, and one that is no longer needed must go."""
import re
import sys

import tree

# measure: (warn, stop)
LIMITS = {"c": (600, 900), "h": (250, 400), "api-h": (300, 500), "function": (60, 100),
          "includes": (20, 30), "parameters": (6, 8)}
HEAD = re.compile(r"([A-Za-z_]\w*)\s*\(([^{}]*)\)\s*$", re.S)


def functions(text):
    """(name, lines, parameters) of each function; the house's format puts { and } in column 0."""
    start = 0
    opened = None
    for n, line in enumerate(text):
        if line == "{" and opened is None:
            opened = n
        elif line == "}" and opened is not None:
            head = "\n".join(text[start:opened])
            m = HEAD.search(re.sub(r"/\*.*?\*/", "", head, flags=re.S))
            if m:
                yield m[1], n - opened + 1, count_parameters(m[2])
            start, opened = n + 1, None
        elif opened is None and (not line.strip() or line[0] in "#}" or line.endswith((";", "\\"))
                                  or (n and text[n - 1].endswith("\\"))):
            start = n + 1


def count_parameters(text):
    depth = 0
    n = 1
    for c in text:
        depth += (c in "([") - (c in ")]")
        n += c == "," and depth == 0
    return 0 if text.strip() in ("", "void") else n


def measures(path, text):
    kind = "c" if path.endswith(".c") else "api-h" if path.startswith("api/") else "h"
    yield path, kind, len(text)
    if kind == "c":
        yield path, "includes", sum(line.startswith("#include") for line in text)
        for name, n, parameters in functions(text):
            yield f"{path}:{name}", "function", n
            yield f"{path}:{name}", "parameters", parameters


def read_exceptions():
    found = {}
    for row in tree.lines("contrib/size-exceptions"):
        words = row.split("#")[0].split()
        if words:
            found[words[0], words[1]] = int(words[2])
    return found


def main():
    exceptions = read_exceptions()
    bad = warned = seen = 0
    for path in tree.sources():
        text = tree.lines(path)
        if tree.generated(text):
            continue
        for what, measure, n in measures(path, text):
            seen += 1
            warn, stop = LIMITS[measure]
            listed = exceptions.pop((what, measure), None)
            if listed is not None and n <= stop:
                print(f"contrib/size-exceptions: {what} {measure} is {n}: the entry must go")
                bad += 1
            elif listed is not None and listed != n:
                print(f"contrib/size-exceptions: {what} {measure} is {n}, listed as {listed}")
                bad += 1
            elif listed is None and n > stop:
                print(f"{what}: {measure} {n}, limit {stop}")
                bad += 1
            elif n > warn:
                print(f"note: {what}: {measure} {n}, better {warn} at most")
                warned += 1
    for what, measure in exceptions:
        print(f"contrib/size-exceptions: {what} {measure}: no such thing; the entry must go")
        bad += 1
    print(f"{seen} sizes, {warned} notes, {bad} over the limit")
    sys.exit(bad > 0 or seen == 0)


if __name__ == "__main__":
    main()
