#!/usr/bin/env python3
"""Fail if a file includes something that core/LAYERS does not grant its folder.

A line of core/LAYERS names a folder (or a pattern) and what it may include: folders that have a
line above it, so that the graph has no cycle, and outside headers as <prefix>."""
import fnmatch
import os
import re
import sys

import tree

INCLUDE = re.compile(r'\s*#\s*include\s+([<"])([^>"]+)[>"]')
GUARDED = ("cmocka.h", "dlfcn.h", "event2/", "gmp.h", "jansson.h", "leveldb/", "microhttpd.h",
           "nettle/", "pthread.h", "rocksdb/", "seccomp.h", "secp256k1", "zmq.h")


def read_grants(rows):
    """Folder pattern -> (granted folders, granted prefixes of outside headers)."""
    grants = {}
    for n, row in enumerate(rows, 1):
        words = row.split("#")[0].split()
        if not words:
            continue
        dirs = set()
        for w in (w for w in words[1:] if w[0] != "<"):
            above = fnmatch.filter(grants, w)
            if not above:
                sys.exit(f"core/LAYERS:{n}: {w} has no line above this one")
            dirs.update(above)
        grants[words[0]] = (dirs, tuple(w.strip("<>") for w in words[1:] if w[0] == "<"))
    return grants


def unit_of(folder, grants):
    """(the folder or the nearest one above it that has a line, the pattern of that line)."""
    while folder:
        for pattern in grants:
            if fnmatch.fnmatchcase(folder, pattern) and folder.count("/") == pattern.count("/"):
                return folder, pattern
        folder = os.path.dirname(folder)
    return None, None


def allowed(file, kind, path, grants):
    unit, pattern = unit_of(os.path.dirname(file), grants)
    if not unit:
        return False
    dirs, libs = grants[pattern]
    if kind == "<" and not path.startswith("quoin/"):
        return not path.startswith(GUARDED) or path.startswith(libs)
    folder = "api" if path.startswith("quoin/") else os.path.dirname(path)
    if folder == "" and path == "config.h":
        return True
    to, to_pattern = unit_of(folder, grants)
    both_tests = to_pattern == pattern == "tests/*"
    return to is not None and (to == unit or to_pattern in dirs or both_tests)


def main():
    grants = read_grants(tree.lines("core/LAYERS"))
    bad = files = 0
    for file in tree.sources():
        files += 1
        for n, text in enumerate(tree.lines(file), 1):
            m = INCLUDE.match(text)
            if m and not allowed(file, m[1], m[2], grants):
                print(f"{file}:{n}: {os.path.dirname(file)} may not include {m[2]} (core/LAYERS)")
                bad += 1
    print(f"{files} files, {bad} includes that are not granted")
    sys.exit(bad > 0 or files == 0)


if __name__ == "__main__":
    main()
