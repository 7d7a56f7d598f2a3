#!/usr/bin/env python3
"""Fail if a header does not compile alone. Public headers also as strict C99 and as C++."""
import concurrent.futures
import os
import shlex
import shutil
import subprocess
import sys

import tree

CC = shlex.split(os.environ.get("CC", "cc"))
CPPFLAGS = shlex.split(os.environ.get("QC_CPPFLAGS", ""))
WARN = ["-Wall", "-Wextra", "-Wpedantic", "-Wno-unused-macros", "-Werror", "-fsyntax-only"]


def compile_alone(job):
    header, command, language = job
    name = header[len("api/"):] if header.startswith("api/") else header
    text = f'#include "{name}"\n#include "{name}"\ntypedef int not_empty;\n'
    got = subprocess.run(command + WARN + CPPFLAGS + ["-x", language, "-"], input=text, text=True,
                         cwd=tree.BUILD, stderr=subprocess.PIPE)
    return header, " ".join(command), got.returncode, got.stderr


def jobs():
    cxx = shutil.which("g++") or shutil.which("clang++")
    for header in tree.sources(ends=(".h",)):
        public = header.startswith(("api/", "lib/"))
        allow = ["-DQN_ALLOW_UNSTABLE"] if header.endswith("_unstable.h") else []
        yield header, CC + ["-std=c11"] + allow, "c"
        if public:
            yield header, CC + ["-std=c99"] + allow, "c"
        if public and cxx:
            yield header, [cxx, "-std=c++11"] + allow, "c++"


def main():
    bad = n = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header, command, code, text in pool.map(compile_alone, jobs()):
            n += 1
            if code:
                print(f"{header}: does not compile alone with {command}\n{text}")
                bad += 1
    print(f"{n} compilations, {bad} failed")
    sys.exit(bad > 0 or n == 0)


if __name__ == "__main__":
    main()
