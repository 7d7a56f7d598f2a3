#!/usr/bin/env python3
"""Fail if a name leaves its house.

A plugin exports exactly qn_plugin_entry; no program shows a qn_ or qc_ name to what it loads; what
an archive of core/ defines for others begins with qc_ (QC_ for constant
tables), what lib/ defines with qn_."""
import glob
import os
import shlex
import subprocess
import sys

import tree

NM = shlex.split(os.environ.get("NM", "nm"))

PROGRAMS = ("quoind", "quoin-cli", "quoin-plugin", "quoin-runner", "quoin-upnp")
TOOLCHAIN = ("__", "_init", "_fini", "_edata", "_end", "_IO_stdin_used")  # not ours to name


def names(path, *options):
    out = subprocess.run([*NM, "--defined-only", *options, path],
                         check=True, text=True, stdout=subprocess.PIPE).stdout
    rows = (line.split() for line in out.splitlines())
    return [r[-1] for r in rows if len(r) >= 3 and not r[-1].startswith(TOOLCHAIN)]


def find(pattern):
    return sorted(glob.glob(os.path.join(tree.BUILD, pattern), recursive=True))


def plugins():
    """The built .so of each libtool archive that the build calls a plugin."""
    for la in os.environ.get("QC_PLUGINS", "").split():
        folder, name = os.path.split(la)
        yield os.path.join(tree.BUILD, folder, ".libs", name[:-len(".la")] + ".so")


def main():
    bad = []
    seen = 0
    for plugin in plugins():
        seen += 1
        if names(plugin, "-D") != ["qn_plugin_entry"]:
            bad.append(f"{plugin}: exports {names(plugin, '-D')}, not just qn_plugin_entry")
    for program in (p for name in PROGRAMS for p in find(name)):
        seen += 1
        bad += [f"{program}: shows {n}" for n in names(program, "-D") if n.startswith(("qn_", "qc_"))]
    for archive in find("core/**/*.a") + find("lib/*.a"):
        seen += 1
        prefix = "qc_" if os.path.relpath(archive, tree.BUILD).startswith("core/") else "qn_"
        bad += [f"{archive}: defines {n}, which does not begin with {prefix}"
                for n in names(archive, "-g") if not n.startswith((prefix, prefix.upper()))]
    print(*bad, f"{seen} files, {len(bad)} names out of place", sep="\n")
    sys.exit(1 if bad else 77 if not seen else 0)


if __name__ == "__main__":
    main()
