#!/usr/bin/env python3
"""Fail if clang-format would change a C file. With --fix, let it. Versions differ in taste, so only
the one the house uses counts; without it the check is skipped."""
import os
import re
import shutil
import subprocess
import sys

import tree

VERSION = "14"


def find_tool():
    for name in (f"clang-format-{VERSION}", "clang-format"):
        path = shutil.which(name)
        if path:
            text = subprocess.run([path, "--version"], text=True, stdout=subprocess.PIPE).stdout
            if re.search(rf"version {VERSION}\.", text):
                return path
    return None


def main():
    tool = find_tool()
    if not tool:
        print(f"skipped: no clang-format {VERSION} here")
        sys.exit(77)
    files = [f for f in tree.sources() if not tree.generated(tree.lines(f))]
    options = ["-i"] if "--fix" in sys.argv else ["--dry-run", "--Werror"]
    n = os.cpu_count() or 1
    runs = [subprocess.Popen([tool, *options, *files[i::n]], cwd=tree.ROOT) for i in range(n)]
    bad = [r for r in runs if r.wait()]
    print(f"{len(files)} files; 'make format' mends them" if bad else f"{len(files)} files")
    sys.exit(bool(bad) or not files)


if __name__ == "__main__":
    main()
