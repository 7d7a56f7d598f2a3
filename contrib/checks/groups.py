#!/usr/bin/env python3
"""Fail if a group of tests is empty: a folder of core/ without a unit test, a test program without
a test or that no list names, a fuzz target without a corpus."""
import glob
import os
import re
import sys

import tree

# Held by tests of whole programs (tests/functional), not by unit tests of their own.
FUNCTIONAL = ("cli", "methods", "mining", "net", "tool")


def read(path):
    return "\n".join(tree.lines(path))


def here(pattern):
    return [os.path.relpath(p, tree.ROOT) for p in sorted(glob.glob(os.path.join(tree.ROOT, pattern)))]


def folders_without_tests():
    for folder in here("core/*/"):
        name = os.path.basename(folder.rstrip("/"))
        has_code = bool(here(f"core/{name}/*.c"))
        lists = here(f"tests/unit/{name}.inc")
        if has_code and name not in FUNCTIONAL and not (lists and "TESTS +=" in read(lists[0])):
            yield f"core/{name}: has code and no test in tests/unit/{name}.inc"


def programs_without_tests():
    listed = "\n".join(read(p) for p in here("tests/*/*.inc"))
    for path in here("tests/unit/test_*.c"):
        if not re.search(r"cmocka_unit_test\w*\(", read(path)):
            yield f"{path}: no test in it"
        if not re.search(rf"TESTS \+=[^\n]*{re.escape(path[:-2])}(_\d+)?(\s|$)", listed):
            yield f"{path}: in no TESTS"


def targets_without_corpus():
    for path in here("tests/fuzz/fuzz_*.c"):
        name = os.path.basename(path)[len("fuzz_"):-2]
        if name != "main" and not here(f"tests/fuzz/corpus/{name}/*"):
            yield f"{path}: tests/fuzz/corpus/{name} is empty"


def main():
    bad = [*folders_without_tests(), *programs_without_tests(), *targets_without_corpus()]
    print(*bad, f"{len(bad)} empty groups", sep="\n")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
