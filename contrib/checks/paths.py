#!/usr/bin/env python3
"""Fail if a file names a folder of somebody's own machine."""
import os
import re
import sys

import tree

OWN = re.compile(r"(?<![\w.>}$)-])/(?:home|root|work|Users|mnt)/[A-Za-z0-9_.]")
TEXT = (".ac", ".am", ".c", ".h", ".inc", ".json", ".m4", ".md", ".py", ".sh", ".toml", ".txt", ".in",
        ".service")


def files():
    skip = {".git", "build-aux", "autom4te.cache", "__pycache__", "node_modules"}
    for folder, dirs, names in os.walk(tree.ROOT):
        dirs[:] = [d for d in dirs if d not in skip
                   and not os.path.exists(os.path.join(folder, d, "config.status"))]
        in_tree_build = folder == tree.ROOT and "config.status" in names
        for name in names:
            if name.endswith(TEXT) and not (in_tree_build and name in ("config.h", "aclocal.m4")):
                yield os.path.join(folder, name)


def main():
    bad = n = 0
    for path in files():
        n += 1
        with open(path, encoding="utf-8", errors="replace") as f:
            for number, line in enumerate(f, 1):
                if OWN.search(line):
                    print(f"{os.path.relpath(path, tree.ROOT)}:{number}: {line.strip()[:120]}")
                    bad += 1
    print(f"{n} files, {bad} lines with a path of one machine")
    sys.exit(bad > 0 or n == 0)


if __name__ == "__main__":
    main()
