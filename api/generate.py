#!/usr/bin/env python3
"""Make the public headers, the layout texts and the reference pages from interfaces/*.toml.

generate.py [--out ROOT]        write everything below ROOT (default: the source tree)
generate.py --check             compare with what is checked in; exit 1 and name each difference
generate.py --prefix OLD NEW    exit 1 unless every layout text of OLD is a byte prefix of NEW's; an
                                unstable one may go, but not change
generate.py --add FILE ...      take these interface files too: how tests make releases of their own

The output is checked in, so that a build needs no Python for it and a review sees what changed.
The model (model.py) refuses what must not cross the boundary; emit.py and emit_trace.py
write the files."""
import argparse
import filecmp
import pathlib
import sys
import tempfile

import emit
import emit_trace
import emit_wire
import model

TOP = pathlib.Path(__file__).resolve().parent.parent


def write_all(source: pathlib.Path, out: pathlib.Path, more: list = ()) -> list[pathlib.Path]:
    """Write every generated file below `out`; returns their paths relative to it."""
    m = model.load(source / "api" / "interfaces", more)
    files = emit.everything(m) | emit_wire.everything(m) | {"lib/mock/tables.c": emit_trace.tables(m)}
    for name, text in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [pathlib.Path(name) for name in files]


def check(source: pathlib.Path) -> int:
    bad = 0
    with tempfile.TemporaryDirectory() as tmp:
        for name in write_all(source, pathlib.Path(tmp)):
            have = source / name
            if not have.exists() or not filecmp.cmp(pathlib.Path(tmp) / name, have, shallow=False):
                print(f"{name}: differs from what api/interfaces says; run api/generate.py")
                bad += 1
    return 1 if bad else 0


def check_prefix(old: pathlib.Path, new: pathlib.Path) -> int:
    """The layout rule: what was released stays, and only grows at its end."""
    bad = 0
    for path in sorted(old.glob("*.txt")):
        before = path.read_bytes()
        other = new / path.name
        after = other.read_bytes() if other.exists() else b""
        unstable = ".unstable-" in path.name
        if after == before or (not other.exists() if unstable else after.startswith(before)):
            continue
        bad += 1
        lines = zip(before.decode().splitlines(), after.decode().splitlines() + [""] * 10000)
        was, now = next(((a, b) for a, b in lines if a != b), ("", ""))
        print(f"{path.name}: released layout changed\n  released: {was}\n  now:      {now or '(gone)'}")
    return 1 if bad else 0


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--out", type=pathlib.Path, default=TOP)
    args.add_argument("--source", type=pathlib.Path, default=TOP)
    args.add_argument("--check", action="store_true")
    args.add_argument("--prefix", nargs=2, type=pathlib.Path, metavar=("OLD", "NEW"))
    args.add_argument("--add", nargs="+", type=pathlib.Path, default=[], metavar="FILE")
    a = args.parse_args()
    try:
        if a.prefix:
            return check_prefix(*a.prefix)
        if a.check:
            return check(a.source)
        write_all(a.source, a.out, a.add)
        return 0
    except model.Refused as e:
        print(f"generate.py: {e}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
