#!/usr/bin/env bash
# From nothing to a node with an indexer that answers: for Debian 12, harmless to repeat.
set -euo pipefail

usage() {
    cat <<'END'
usage: contrib/quickstart.sh [--no-install] [--keep-running] [--build=DIR]

Installs what is missing (apt-get), builds Quoin in build/, starts a node on a private test chain in
build/quickstart/ with the indexer plugin, mines, spends, asks the index, and shows what a
reorganisation does to its answers. Takes a few minutes, nearly all of it compiling.

  --no-install     install no packages
  --keep-running   leave the node running at the end
  --build=DIR      use what has been built there; install and build nothing
END
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build
install=1 keep=0 built=0
for arg in "$@"; do
    case $arg in
    --no-install) install=0 ;;
    --keep-running) keep=1 ;;
    --build=*) build=$(cd "${arg#--build=}" && pwd) install=0 built=1 ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
done

data=$build/quickstart

# shellcheck source=contrib/packages.sh
. "$root/contrib/packages.sh"

say() {
    printf '\n\033[1m%s\033[0m\n' "$*"
}
[[ -t 1 ]] || say() { printf '\n== %s\n' "$*"; }

quietly() {
    if ! "$@" >"$build/quickstart.log" 2>&1 </dev/null; then
        tail -n 40 "$build/quickstart.log"
        printf 'failed: %s\nthe whole log is %s\n' "$*" "$build/quickstart.log"
        exit 1
    fi
}

mkdir -p "$build"
if [[ $install = 1 ]]; then
    say "Packages"
    install_packages "${QUOIN_PACKAGES[@]}"
fi

if [[ $built = 0 ]]; then
    say "Build (into build/)"
    cd "$root"
    [[ -x configure ]] || quietly ./autogen.sh
    cd "$build"
    [[ -e config.status ]] || quietly "$root/configure" -q
    quietly make -j "$(nproc)"
    echo "built quoind, quoin-cli, quoin-plugin and the plugin .libs/indexer.so"
fi

# ---- a node of our own: a private chain, a free port, no peers, nothing shared with any other ----

chain=$data/regtest
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
if [[ -e $chain/bitcoind.pid ]] && kill -0 "$(cat "$chain/bitcoind.pid")" 2>/dev/null; then
    echo "a node is still running in $data; stop it first: kill $(cat "$chain/bitcoind.pid")"
    exit 1
fi
rm -rf "$data"
mkdir -p "$data"
chmod 700 "$data"
printf 'regtest=1\n[regtest]\nrpcport=%s\nlisten=0\nplugindir=%s\n' "$port" "$build/.libs" >"$data/quoin.conf"

cli() {
    "$build/quoin-cli" -datadir="$data" "$@" </dev/null
}
# Show a command as it could be typed, and run it.
show() {
    printf '$ quoin-cli %s\n' "$*"
    cli "$@"
}
field() {
    python3 -c 'import json, sys; v = json.load(sys.stdin)
for k in sys.argv[1:]: v = v[int(k) if k.isdigit() else k]
print(v)' "$@"
}
expect() {
    [[ $1 = "$2" ]] || { printf 'failed: the index says %s, wanted %s\n' "$1" "$2" && exit 1; }
}
stop_node() {
    cli stop >/dev/null 2>&1 || true
    for _ in $(seq 300); do
        [[ -e $chain/bitcoind.pid ]] || return 0
        sleep 0.1
    done
}

say "Grant the indexer what it asks for"
"$build/quoin-plugin" -datadir="$data" -yes enable indexer </dev/null

say "Start the node"
trap stop_node EXIT
"$build/quoind" -datadir="$data" -daemonwait </dev/null
cli -getinfo | head -n 3

# Wait until the index has seen the chain's tip.
indexed() {
    local tip
    tip=$(cli getbestblockhash)
    for _ in $(seq 300); do
        [[ $(cli indexer.status 2>/dev/null | field tip hash 2>/dev/null || true) = "$tip" ]] && return 0
        sleep 0.1
    done
    echo "the indexer did not reach $tip; see $chain/debug.log"
    exit 1
}

# Coins that this script can spend without keeping a key: their script is just OP_TRUE (as P2WSH).
miner=bcrt1qft5p2uhsdcdc3l2ua4ap5qqfg4pjaqlp250x7us7a8qqhrxrxfsqseac85
alice=bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080

# The raw transaction that spends output 0 of TXID: 30 to Alice, the rest back, 0.0001 as fee.
payment() {
    python3 - "$1" <<'END'
import sys
def out(sats, script):
    return sats.to_bytes(8, "little").hex() + f"{len(script) // 2:02x}" + script
print("02000000" "0001" "01" + bytes.fromhex(sys.argv[1])[::-1].hex() + "00000000" "00" "ffffffff"
      "02" + out(30_0000_0000, "0014751e76e8199196d454941c45d1b3a323f1433bd6")
      + out(19_9999_0000, "00204ae81572f06e1b88fd5ced7a1a000945432e83e1551e6f721ee9c00b8cc33260")
      + "010151" "00000000")
END
}

say "Mine 101 blocks, then one that spends the first coins: 30 of them to Alice"
cli generatetoaddress 101 "$miner" >/dev/null
coinbase=$(cli getblock "$(cli getblockhash 1)" | field tx 0)
raw=$(payment "$coinbase")
block=$(cli generateblock "$miner" "[\"$raw\"]" | field hash)
txid=$(cli getblock "$block" | field tx 1)
indexed

say "Ask the index"
show indexer.balance "$alice"
show indexer.history "$alice"
show indexer.spender "$coinbase" 0

say "A reorganisation: the block with the payment is replaced by two others"
cli invalidateblock "$block" # the payment waits in the mempool now, and would be mined again
cli generateblock "$miner" '[]' >/dev/null
cli generateblock "$miner" '[]' >/dev/null
indexed
show indexer.balance "$alice"
expect "$(cli indexer.balance "$alice" | field transactions)" 0

say "The payment again, in a block of the new chain"
cli generateblock "$miner" "[\"$raw\"]" >/dev/null
indexed
show indexer.tx "$txid"
expect "$(cli indexer.balance "$alice" | field balance)" 30.0

say "It works. What to try next"
cat <<END
The chain, its index and the log stay in $data (debug.log in regtest/).

In $root:

  build/quoind -datadir=build/quickstart -daemonwait      # start the node again; then
  build/quoin-cli -datadir=build/quickstart help          # every method
  build/quoin-cli -datadir=build/quickstart indexer.status
  build/quoin-cli -datadir=build/quickstart stop

  build/quoin-plugin inspect build/.libs/indexer.so       # what a plugin asks for; runs nothing
  cat build/quickstart/regtest/plugins.d/*.grant          # what it was granted
  contrib/check.sh                                        # every test

README.md says what Quoin is, doc/plugin-guide.md how to write a plugin, HACKING.md how to change Quoin.
END
if [[ $keep = 1 ]]; then
    trap - EXIT
    echo "The node is running. Stop it with: $build/quoin-cli -datadir=$data stop"
fi
