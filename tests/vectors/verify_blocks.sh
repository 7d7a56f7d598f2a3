#!/bin/bash
# Run verify_block over every block that has its spent outputs, as they are and with one byte
# changed: a script, an amount that a signature covers, a signature. A verifier that skips scripts
# fails here. The vectors lie in $QUOIN_VECTORS, or beside the project in shared/vectors.
set -u
dir=${QUOIN_VECTORS:-$top_srcdir/../shared/vectors}
if ! test -d "$dir"; then
    echo "skipped: no test vectors at $dir (set QUOIN_VECTORS)"
    exit 77
fi
run=$top_builddir/tests/vectors/verify_block
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0

# expect STATUS TEXT NAME ARGUMENTS...: run it; the output must hold TEXT.
expect()
{
    local status=$1 text=$2 name=$3 got
    shift 3
    "$run" "$@" > "$tmp/out" 2>&1
    got=$?
    if test "$got" = "$status" && grep -qF -- "$text" "$tmp/out"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$name: status $got, wanted $status and '$text':"
        tail -n 3 "$tmp/out"
    fi
}

# change FILE KIND SEED: write $tmp/changed, FILE with one byte changed.
change()
{
    "${PYTHON:-python3}" - "$1" "$2" "$3" "$tmp/changed" << 'PYTHON'
import json, random, re, struct, sys

name, kind, seed, out = sys.argv[1:]
data = bytearray(open(name, "rb").read())
pick = random.Random(int(seed))


def coins(data):
    """(offset of the value, offset of the script, its length) for each coin of a .undo file"""
    at = 0
    while at < len(data):
        n, head = data[at + 8], 9
        if n == 253:
            n, head = struct.unpack_from("<H", data, at + 9)[0], 11
        yield at, at + head, n
        at += head + n


V0 = re.compile("0014.{40}|0020.{64}")
if name.endswith(".json"):
    rows = json.loads(data)
    which = [r["txout"] for r in rows if kind == "script" or V0.fullmatch(r["txout"]["script_pubkey"])]
    txout = pick.choice(which)
    if kind == "value":
        txout["value"] ^= 1 << pick.randrange(8)
    else:
        script = bytearray.fromhex(txout["script_pubkey"])
        script[pick.randrange(3, 20)] ^= 1 << pick.randrange(8)
        txout["script_pubkey"] = script.hex()
    data = json.dumps(rows).encode()
elif kind in ("script", "value"):
    all_coins = list(coins(data))
    if kind == "value":
        all_coins = [c for c in all_coins if V0.fullmatch(data[c[1]:c[1] + c[2]].hex())]
    value, script, n = pick.choice(all_coins)
    at = value if kind == "value" else script + pick.randrange(3, min(n, 20))
    data[at] ^= 1 << pick.randrange(8)
else:  # a byte of R of a DER signature, or of a Schnorr signature alone on its stack
    shape = rb"[\x44-\x49]\x30[\x43-\x46]\x02[\x20\x21]" if kind == "der" else rb"\x01\x40(?=.{64}\x01\x40)"
    found = [m.end() for m in re.finditer(shape, bytes(data), re.S)]
    data[pick.choice(found) + pick.randrange(4, 28)] ^= 1 << pick.randrange(8)
open(out, "wb").write(data)
PYTHON
}

bad='block-script-verify-flag-failed'
# block CHAIN HEIGHT FILE FORMAT KINDS...: the block as it is, then changed.
block()
{
    local chain=$1 height=$2 raw=$dir/$3.raw spent=$dir/$3.$4 kind
    local as=(--chain "$chain" --height "$height")
    shift 4
    test -e "$raw" && test -e "$spent" || return
    expect 0 valid "$raw" "${as[@]}" "$raw" "$spent"
    for kind in "$@"; do
        case $kind in
        script | value)
            change "$spent" "$kind" "$height"
            mv "$tmp/changed" "$tmp/changed.$(basename "$spent")"
            expect 1 "$bad" "$spent, $kind changed" "${as[@]}" "$raw" \
                "$tmp/changed.$(basename "$spent")"
            ;;
        *)
            change "$raw" "$kind" "$height"
            expect 1 "$bad" "$raw, $kind changed" "${as[@]}" --no-merkle "$tmp/changed" "$spent"
            expect 1 bad- "$raw, $kind changed, with merkle" "${as[@]}" "$tmp/changed" "$spent"
            ;;
        esac
    done
}

block main 866342 mainnet/block_866342 spent.json script value der schnorr
block main 300025 mainnet/block_300025 undo script der
block testnet3 928816 testnet3/block_928816 undo script value der
block testnet3 928828 testnet3/block_928828 undo der
block testnet3 928848 testnet3/block_928848 undo script value
block testnet3 928927 testnet3/block_928927 undo value der

raw=$dir/mainnet/block_300025.raw spent=$dir/mainnet/block_300025.undo
if test -e "$raw"; then
    expect 0 valid "$raw, no merkle" --chain main --height 300025 --no-merkle "$raw" "$spent"
    as=(--chain main --height 300025)
    expect 1 bad-cb-height "wrong height" --chain main --height 300026 "$raw" "$spent"
    head -c 200000 "$raw" > "$tmp/short"
    expect 1 'end of data' "short block" "${as[@]}" "$tmp/short" "$spent"
    (cat "$raw"; echo) > "$tmp/long"
    expect 1 'data left over' "long block" "${as[@]}" "$tmp/long" "$spent"
    head -c 40000 "$spent" > "$tmp/short"
    expect 2 'end of data' "short coins" "${as[@]}" "$raw" "$tmp/short"
    (cat "$spent"; printf '\1\0\0\0\0\0\0\0\0') > "$tmp/long"
    expect 2 'coins, but the block spends' "a coin too many" "${as[@]}" "$raw" "$tmp/long"
    expect 2 'no chain is called' "unknown chain" --chain x --height 1 "$raw" "$spent"
    expect 2 'usage:' "no height" --chain main "$raw" "$spent"
fi
echo "$passed passed, $failed failed"
test "$passed" -gt 0 -o "$failed" -gt 0 || exit 77
test "$failed" = 0
