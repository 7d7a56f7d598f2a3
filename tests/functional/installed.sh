# An installation in a scratch prefix, as an author has it: `quoin-plugin new` makes plugins that
# build there with plain make and with autotools, and pass their test and the conformance suite.
set -u
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
if grep -q 'enable-asan\|enable-ubsan\|enable-tsan\|enable-coverage' "$top_builddir/config.log"; then
    echo "skipped: a sanitized mock cannot be linked into a plain test"
    exit 77
fi
if ! MAKEFLAGS='' make -C "$top_builddir" install DESTDIR="$tmp/root" >"$tmp/log" 2>&1; then
    cat "$tmp/log"
    exit 1
fi
prefix=$tmp/root$(sed -n 's/^prefix=//p' "$top_builddir/quoin.pc")
export PATH="$prefix/bin:$PATH"
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
# The files name the prefix that was configured; this installation lies elsewhere.
sed -i "s|^prefix=.*|prefix=$prefix|" "$PKG_CONFIG_PATH"/quoin*.pc
all=chain.read/1,chain.follow/1,block.read/1,store.own/1,rpc.serve/1
all=$all,http.serve/1,net.listen/1,net.connect/1,node.read/1,node.control/1,peers.read/1,peers.control/1
all=$all,coins.read/1,mempool.read/1,mempool.follow/1,tx.submit/1,fees.estimate/1
all=$all,mining.template/1,mining.submit/1,mining.check/1
fails=0

# step NAME command...
step() {
    local name=$1
    shift
    if "$@" >"$tmp/log" 2>&1; then
        echo "ok: $name"
    else
        echo "FAIL: $name"
        cat "$tmp/log"
        fails=$((fails + 1))
    fi
}

for file in README.md COPYING doc/plugin-guide.md doc/interfaces/host-1.md; do
    [ -s "$prefix/share/doc/quoin/$file" ] || { echo "FAIL: $file is not installed"; fails=$((fails + 1)); }
done
[ -s "$prefix/share/man/man1/quoind.1" ] || { echo "FAIL: no man page"; fails=$((fails + 1)); }
grep -q "^ExecStart=${prefix#"$tmp/root"}/bin/quoind " "$prefix/share/quoin/systemd/quoind.service" ||
    { echo "FAIL: the unit starts another quoind"; fails=$((fails + 1)); }
cd "$tmp" || exit 1
step "new, plain make" quoin-plugin new plain --needs "$all"
step "make check conform" env MAKEFLAGS= make -C plain check conform CC="${CC%% *}"
grep -q " 0 failed" "$tmp/log" || { echo "FAIL: the suite did not run"; fails=$((fails + 1)); }
step "make install" env MAKEFLAGS= make -C plain install DESTDIR="$tmp/to" CC="${CC%% *}"
[ -e "$tmp/to$prefix/lib/quoin/plugins/plain.so" ] || { echo "FAIL: not installed"; fails=$((fails + 1)); }

if command -v autoreconf >/dev/null && command -v libtoolize >/dev/null; then
    step "new, autotools" quoin-plugin new auto --needs "$all" --autotools
    step "autoreconf" sh -c 'cd auto && autoreconf -i'
    step "configure in another folder" sh -c "mkdir build && cd build && ../auto/configure CC='${CC%% *}'"
    step "make check conform there" env MAKEFLAGS= make -C build check conform
    grep -q " 0 failed" "$tmp/log" || { echo "FAIL: the suite did not run"; fails=$((fails + 1)); }
    step "make install there" env MAKEFLAGS= make -C build install DESTDIR="$tmp/to"
    [ -e "$tmp/to$prefix/lib/quoin/plugins/auto.so" ] || { echo "FAIL: not installed"; fails=$((fails + 1)); }
    [ ! -e "$tmp/to$prefix/lib/quoin/plugins/auto.la" ] || { echo "FAIL: .la"; fails=$((fails + 1)); }
else
    echo "no autotools here: that half was left out"
fi
# The guide, word for word: its files into an empty folder, then its commands.
mkdir walk home home/.quoin
printf 'plugindir=%s\nlisten=0\n[regtest]\nrpcport=%s\n' "$prefix/lib/quoin/plugins" $((20000 + $$ % 12000)) \
    >home/.quoin/quoin.conf
step "the guide's files" python3 -B "$top_srcdir/contrib/checks/guide.py" --extract walk
step "the guide's commands" env MAKEFLAGS= HOME="$tmp/home" "$BASH" -ec 'cd walk && . ./run.sh'
HOME="$tmp/home" quoin-cli -regtest stop >/dev/null 2>&1 # when a command before the last failed
cp "$tmp/log" "$tmp/walk.log"
for part in '1 test(s)' ' 0 failed' 'count.status []' 'Written: ' '"blocks":'; do
    grep -qF "$part" "$tmp/walk.log" || { echo "FAIL: no '$part' in the walk"; fails=$((fails + 1)); }
done

echo "$fails failures"
[ "$fails" -eq 0 ]
