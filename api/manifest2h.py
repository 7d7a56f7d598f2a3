#!/usr/bin/env python3
"""manifest2h.py MANIFEST.json OUT.h: a header that embeds a plugin's manifest.

The header is included once, at file scope, by the plugin's source. The text is embedded as it is,
after a check that it is JSON of legal size, so that a typing mistake stops the build."""
import json
import sys


def pairs(items):
    seen = dict(items)
    if len(seen) != len(items):
        raise ValueError("a member is given twice")
    return seen


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    source, out = sys.argv[1:]
    data = open(source, "rb").read()
    try:
        json.loads(data, object_pairs_hook=pairs)
    except ValueError as e:
        print(f"{source}: not a manifest: {e}", file=sys.stderr)
        return 1
    if len(data) + 1 > 16384:
        print(f"{source}: {len(data)} bytes; a manifest has at most 16,383", file=sys.stderr)
        return 1
    data += b"\0"
    rows = [", ".join(f"{b}" for b in data[i:i + 20]) for i in range(0, len(data), 20)]
    with open(out, "w", encoding="ascii") as f:
        f.write('/* Made by manifest2h.py from the plugin\'s manifest.json. */\n#include "quoin/plugin.h"\n\n')
        f.write(f"QN_PLUGIN_MANIFEST_BYTES({len(data)},\n    " + ",\n    ".join(rows) + ");\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
