# quoin-plugin from the outside: what it prints, what it writes, and that what `new` makes builds
# with plain make and passes its test.
set -u
tool="$top_builddir/quoin-plugin"
hostile="$top_builddir/tests/hostile"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
fails=0
passes=0
out=""

# run WANTED_STATUS arguments...
run() {
    local want=$1 got
    shift
    out=$("$tool" -datadir="$tmp" -regtest -plugindir="$tmp/plugins" "$@" 2>&1 </dev/null)
    got=$?
    if [ "$got" -eq "$want" ]; then passes=$((passes + 1)); else
        fails=$((fails + 1))
        printf 'FAIL: quoin-plugin %s: status %s, wanted %s\n%s\n' "$*" "$got" "$want" "$out"
    fi
}
# the last output has this text
has() {
    if [[ $out == *"$1"* ]]; then passes=$((passes + 1)); else
        fails=$((fails + 1))
        printf 'FAIL: no "%s" in\n%s\n' "$1" "$out"
    fi
}

# ... has not
hasnot() {
    if [[ $out != *"$1"* ]]; then passes=$((passes + 1)); else
        fails=$((fails + 1))
        printf 'FAIL: "%s" in\n%s\n' "$1" "$out"
    fi
}

mkdir "$tmp/plugins" "$tmp/regtest"
cp "$hostile/GOOD.so" "$tmp/plugins/good.so"
grant="$tmp/regtest/plugins.d/org.quoin.test.plugin.grant"

run 0 inspect plugin
has "org.quoin.test.plugin"
has "requires   store.own/1: keeps one row per block"
has "exports    qn_plugin_entry"
run 0 inspect --json "$tmp/plugins/good.so"
python3 -c 'import json,sys; d=json.loads(sys.argv[1]); assert d["exports"]==["qn_plugin_entry"], d; assert d["manifest"]["id"]=="org.quoin.test.plugin"; assert d["problems"]==[]; assert "libc.so.6" in d["needed"]' "$out" || fails=$((fails + 1))
"$tool" -datadir="$tmp" inspect "$hostile/CTOR.so" >/dev/null 2>&1
if [ -e "$tmp/hostile-constructor-ran" ] || [ -e hostile-constructor-ran ]; then
    echo "FAIL: inspect ran the plugin"
    fails=$((fails + 1))
fi
run 1 inspect "$tmp/nothing.so"
has "file $tmp/nothing.so: found none there, wanted one"
ln -s "$hostile/GOOD.so" "$tmp/link.so"
run 1 inspect "$tmp/link.so"
has "file $tmp/link.so: found a symbolic link, wanted the file itself"
run 1 inspect nobody
has "found no plugin nobody in $tmp/plugins"
hasnot "did you mean"
run 1 enable plugni
has "found no plugin plugni in $tmp/plugins (did you mean plugin?)"
run 1 resolve org.quoin.test.plugni
has "(did you mean org.quoin.test.plugin?)"

# doctor explains what a runner found. fake NAME HOLDS REQUIRED...: a runner that found this
fake() {
    {
        echo '#!/bin/sh'
        printf "echo '{\"layers\": ["
        local comma=""
        while [ $# -gt 0 ]; do
            printf '%s{"name": "%s", "holds": %s, "required": %s, "why": "not here", "means": "it is %s"}' \
                "$comma" "$1" "$2" "$3" "$1"
            comma=", "
            shift 3
        done
        echo "]}'"
    } >"$tmp/runner"
    chmod 755 "$tmp/runner"
}
fake red true true blue true false
run 0 -runner="$tmp/runner" doctor
has "red              required  holds    it is red"
has "with every layer of the sandbox"
fake red true true blue false false
run 0 -runner="$tmp/runner" doctor
has "blue             bonus     missing  not assured: it is blue (not here)"
has "a second fence is missing (blue)"
fake red false true blue false false green false true
run 1 -runner="$tmp/runner" doctor
has "lacks what isolated plugins need (red, green)"
run 1 -runner="$tmp/runner" -json doctor
has '"holds": false'
fake
run 1 -runner="$tmp/runner" doctor
printf '#!/bin/sh\necho nonsense\n' >"$tmp/runner"
run 1 -runner="$tmp/runner" doctor
has "gave no answer"
run 1 -runner="$tmp/none" doctor
has "cannot run"
run 1 doctor more
# The real one: every layer is named, and the status says what the table does.
found=$("$top_builddir/quoin-runner" --probe --json)
code=$?
run $code -runner="$top_builddir/quoin-runner" doctor
python3 -c 'import json,sys; d=json.loads(sys.argv[1]); l=d["layers"]; assert len(l) == 14, l; has = {x["name"]: x["holds"] for x in l}; assert has["scopes"] == (has["landlock"] and d["landlock_abi"] >= 6), d; assert {x["name"] for x in l if x["required"]} == {"no-new-privs", "capabilities", "user", "limits", "landlock", "seccomp"}, l; assert all(x["holds"] for x in l if x["required"]) == (int(sys.argv[2]) == 0)' "$found" $code || fails=$((fails + 1))

run 0 lint plugin
run 1 lint "$hostile/EXTRA.so"
has "found symbol an_extra_symbol, wanted only qn_plugin_entry"
run 1 lint "$hostile/TWONOTES.so"
run 1 lint "$hostile/RUNPATH.so"
run 1 lint "$tool"

run 1 resolve plugin
has "No grant yet"
has "chain.follow/1"
has "not granted"

run 1 enable plugin
has "Nothing was written."
[ ! -e "$grant" ] || { echo "FAIL: a grant without consent"; fails=$((fails + 1)); }
run 0 enable --yes -mode=trusted plugin
has "in mode 'trusted': inside the node"
hasnot "of memory, 1 thread"
out=$(cat "$grant")
has "mode   = trusted"
rm "$grant"
run 1 enable --yes -config=greting=hello plugin
has "Error: -config: found greting=hello, wanted a name of the plugin's configuration (did you mean greeting?)"
run 1 enable --yes -mode=elsewhere plugin
has "nothing was written"
run 1 enable --yes "$hostile/NEWER.so"
has "nothing was written"
# No text becomes lines of the grant or orders to a terminal: not of a manifest, not of an option.
run 1 enable --yes "$hostile/INJECT.so"
has "config greeting: found default hello?[limits]?memory = 64GB, wanted one line of text"
run 1 inspect "$hostile/INJECT.so"
has "summary    a plugin?[2J?2J? for tests"
has " = hello?[limits]?memory = 64GB"
run 1 inspect --json "$hostile/INJECT.so"
has 'a plugin\u001B[2J\u009B2J\u202E for tests'
for bad in $'hello\n[limits]\nmemory = 64GB' $'hello\rx' $'hello\x7f' 'hello # x'; do
    run 1 enable --yes -config=greeting="$bad" plugin
    has "wanted 'NAME=VALUE'"
    [ ! -e "$grant" ] || { echo "FAIL: enabled with greeting=$bad"; fails=$((fails + 1)); rm "$grant"; }
done
run 0 enable --yes plugin
has "lets it read every block of the chain"
has "because it keeps one row per block"
# Who says yes knows the numbers: those that it gets when nothing is said, and those that are.
has "bounded by window=16: events that may be unacknowledged"
has "bounded by pin=0: "
has "bounded by quota=1000MB: bytes on disk"
has "in mode 'isolated': in a process of its own"
has "It gets 2000MB of memory, 1 thread and 50 lines of the log a second"
has "Written: $grant"
[ "$(stat -c %a "$grant")" = 600 ] || { echo "FAIL: mode of the grant"; fails=$((fails + 1)); }
run 0 resolve plugin
has "This node would load it."
has "rpc.serve/1              required  granted: prefix=plugin."
cp "$grant" "$tmp/before"
run 0 enable --yes plugin
has "has a grant already, which stays as it is"
hasnot "In its grant"
has "  quoin-plugin -datadir=$tmp -plugindir=$tmp/plugins -chain=regtest resolve org.quoin.test.plugin"
has "plugin reload org.quoin.test.plugin"
cmp -s "$grant" "$tmp/before" || { echo "FAIL: changed without a reason"; fails=$((fails + 1)); }

# Enabling again changes what is named, and shows it first; the operator's own lines stay.
same() { # FILE: it has these lines, from stdin
    if diff -u - "$1"; then passes=$((passes + 1)); else fails=$((fails + 1)); echo "FAIL: the text of $1"; fi
}
sed -i -e 's/^rpc.serve\/1 = .*/rpc.serve\/1   =prefix=plugin. # mine\r/' -e 's/^mode .*/&\n# why not/' "$grant"
printf '[limits]\nmemory=300MB' >>"$grant"
cp "$grant" "$tmp/before"
run 1 enable -grant=chain.follow/1=window=8 plugin
has "  changed: chain.follow/1 = window=16, becomes window=8"
has "      window (events that may be unacknowledged): was 16 (as when nothing is said), becomes 8"
has "Change its grant so? [y/N]"
has "Nothing was written."
cmp -s "$grant" "$tmp/before" || { echo "FAIL: changed without consent"; fails=$((fails + 1)); }
run 0 enable --yes -grant=chain.follow/1=window=8 -grant=rpc.serve/1=prefix=other. -config=greeting=hi plugin
has "  changed: rpc.serve/1 = prefix=plugin., becomes prefix=other."
has "  added: configuration greeting = hi"
has "plugin reload org.quoin.test.plugin"
sed -e 's/^chain.follow\/1 = .*/chain.follow\/1 = window=8/' -e 's/=prefix=plugin\./= prefix=other./' "$tmp/before" |
    python3 -c 'import sys; t = sys.stdin.read(); i = t.index("[limits]"); sys.stdout.write(t[:i] + "greeting = hi\n" + t[i:])' | same "$grant"
run 0 enable --yes -config='greeting=good day' plugin
has "  changed: configuration greeting = hi, becomes good day"
run 0 resolve plugin
# What it cannot do without, a mode or value that is none, another file, one that has changed: nothing.
cp "$grant" "$tmp/before"
for bad in -grant=store.own/1=no -grant=chain.follow/1=window=none -mode=elsewhere -grant=watch/1=yes \
    $'-config=greeting=a\n[limits]' '-config=greeting= hi' '-config=greeting=hi ' -config=nothing=1; do
    run 1 enable --yes "$bad" plugin
    cmp -s "$grant" "$tmp/before" || { echo "FAIL: changed by $bad"; fails=$((fails + 1)); }
done
run 1 enable --yes -mode=elsewhere plugin
hasnot "adds a line"
run 1 enable --yes -grant=store.own/1=no plugin
has "(-grant=INTERFACE=PARAMETERS adds a line)"
cp "$hostile/GOOD.so" "$tmp/elsewhere.so"
run 1 enable --yes -grant=chain.follow/1=window=9 "$tmp/elsewhere.so"
has "is for $tmp/plugins/good.so, not for $tmp/elsewhere.so"
has "  quoin-plugin -datadir=$tmp -plugindir=$tmp/plugins -chain=regtest disable org.quoin.test.plugin"
has "  quoin-plugin -datadir=$tmp -plugindir=$tmp/plugins -chain=regtest enable $tmp/elsewhere.so"
printf 'x' >>"$tmp/plugins/good.so"
run 1 enable --yes -grant=chain.follow/1=window=9 plugin
has "quoin-plugin -datadir=$tmp -plugindir=$tmp/plugins -chain=regtest pin org.quoin.test.plugin"
cp "$hostile/GOOD.so" "$tmp/plugins/good.so"
run 0 enable --yes -mode=trusted plugin
has "  changed: mode = isolated, becomes trusted"
has "in mode 'trusted': inside the node"
chmod 644 "$grant"
run 0 enable --yes -mode=isolated plugin
[ "$(stat -c %a "$grant")" = 644 ] || { echo "FAIL: another mode of the file"; fails=$((fails + 1)); }
cmp -s "$grant" "$tmp/before" || { echo "FAIL: there and back again is another text"; fails=$((fails + 1)); }
# What somebody else changes while it waits for an answer is not undone.
mkfifo "$tmp/answer"
"$tool" -datadir="$tmp" -regtest -plugindir="$tmp/plugins" enable -grant=chain.follow/1=window=7 plugin <"$tmp/answer" >"$tmp/said" 2>&1 &
asked=$!
exec 7>"$tmp/answer"
for _ in $(seq 400); do
    grep -q 'Change its grant so?' "$tmp/said" && break
    sleep 0.05
done
echo '# by somebody else' >>"$grant"
cp "$grant" "$tmp/theirs"
echo y >&7
exec 7>&-
if wait "$asked"; then echo "FAIL: wrote over another change"; fails=$((fails + 1)); fi
out=$(cat "$tmp/said")
has "has changed meanwhile; nothing was written"
cmp -s "$grant" "$tmp/theirs" || { echo "FAIL: another change is undone"; fails=$((fails + 1)); }
cp "$tmp/before" "$grant"
# A text of its own is no order to a terminal here either.
printf 'chain.follow/1 = window=\x1b[2J\n' >"$tmp/line"
sed -i -e "/^chain.follow/{r $tmp/line
d}" "$grant"
run 0 enable --yes -grant=chain.follow/1=window=9 plugin
has "was ?[2J, becomes 9"
cp "$tmp/before" "$grant"

# One question per optional interface, then one for all: answers from a terminal.
out=$(printf 'n\ny\ny\n' | "$tool" -datadir="$tmp" -regtest enable "$top_builddir/tests/check/GOOD.so" 2>&1)
has "rpc.serve/1 (optional)"
has "bounded by prefix=check.: method names must start with this"
has $'It can do without, but nobody can call its methods then. Grant it? [y/N] n\n'
has $'It can do without. Grant it? [y/N] y\n'
has $'Enable it? [y/N] y\nWritten:'
check_grant="$tmp/regtest/plugins.d/org.quoin.test.check.grant"
out=$(cat "$check_grant")
has "chain.read/1 = yes"
has "mode   = isolated"
[[ $out != *rpc.serve* ]] || { echo "FAIL: granted against the answer"; fails=$((fails + 1)); }
rm "$check_grant"
out=$(printf 'n\ny\nn\n' | "$tool" -datadir="$tmp" -regtest enable "$top_builddir/tests/check/GOOD.so" 2>&1)
has "Nothing was written."
[ ! -e "$check_grant" ] || { echo "FAIL: a grant without consent"; fails=$((fails + 1)); }

# Where it may listen only the operator can say: with -grant, or asked for on the terminal.
echo_so="$top_builddir/doc/examples/net_listen.so"
echo_grant="$tmp/regtest/plugins.d/org.example.echo.grant"
run 1 enable --yes "$echo_so"
has "net.listen/1: where, only you know: -grant='net.listen/1=127.0.0.1:PORT'"
has "bounded by listen: numeric addresses"
has "bounded by max_conns=64: "
has "nothing was written"
run 0 enable --yes -grant='net.listen/1=127.0.0.1:50001 [::1]:50001, max_conns=9' "$echo_so"
has "granted with: 127.0.0.1:50001 [::1]:50001, max_conns=9"
has "bounded by listen=127.0.0.1:50001 [::1]:50001: "
has "bounded by max_conns=9: "
out=$(cat "$echo_grant")
has $'\nnet.listen/1 = 127.0.0.1:50001 [::1]:50001, max_conns=9\n'
run 0 resolve "$echo_so"
has "This node would load it."
rm "$echo_grant"
# The last one holds; a bad one is refused before anything is asked.
run 0 enable --yes -grant=net.listen/1=127.0.0.1:1 -grant=net.listen/1=127.0.0.1:2 "$echo_so"
out=$(cat "$echo_grant")
has "= 127.0.0.1:2"
rm "$echo_grant"
for bad in net.listen/1 net.listen/1= net.connect/1=a:1 'net.listen/1=127.0.0.1:1 # x' \
    $'net.listen/1=127.0.0.1:1\n[limits]' net.listen=127.0.0.1:1 net.listen/1=localhost:1 \
    net.listen/1=127.0.0.1:1,many=2; do
    run 1 enable --yes -grant="$bad" "$echo_so"
    [ ! -e "$echo_grant" ] || { echo "FAIL: enabled with -grant=$bad"; fails=$((fails + 1)); rm "$echo_grant"; }
done
# What is misspelt is named, with what may be meant.
run 1 enable --yes -grant=net.lisen/1=127.0.0.1:1 "$echo_so"
has "Error: -grant: found net.lisen/1=127.0.0.1:1, wanted an interface that the plugin asks for (did you mean net.listen/1?)"
run 1 enable --yes -grant=net.listen=127.0.0.1:1 "$echo_so"
has "(did you mean net.listen/1?)"
run 1 enable --yes -grant=store.own/1=yes "$echo_so"
has "wanted an interface that the plugin asks for (net.listen/1)"
run 1 enable --yes -grant='net.listen/1=127.0.0.1:1, max_con=9' "$echo_so"
hasnot "asks for"
has "Error: -grant of net.listen/1: found max_con=9, wanted yes or key=value with a key of this interface (did you mean max_conns?)"
out=$(printf '127.0.0.1:50002\ny\n' | "$tool" -datadir="$tmp" -regtest enable "$echo_so" 2>&1)
has "Which? (ADDRESS:PORT ..., or nothing: not granted)"
out=$(cat "$echo_grant")
has "net.listen/1 = 127.0.0.1:50002"
rm "$echo_grant"
out=$(printf '\ny\n' | "$tool" -datadir="$tmp" -regtest enable "$echo_so" 2>&1)
has "      not granted: where, only you know (-grant='net.listen/1=ADDRESS:PORT')"
has "nothing was written"
out=$(printf '127.0.0.1:1 # x\n127.0.0.1:2\ny\n' | "$tool" -datadir="$tmp" -regtest enable "$echo_so" 2>&1)
has "      found 127.0.0.1:1 # x, wanted ADDRESS:PORT ..."
out=$(cat "$echo_grant")
has "net.listen/1 = 127.0.0.1:2"
rm "$echo_grant"
# An answer to another question is none; after three it is not granted.
out=$(printf 'y\n127.0.0.1:3\ny\n' | "$tool" -datadir="$tmp" -regtest enable "$echo_so" 2>&1)
has "      found y, wanted"
has "Written:"
rm "$echo_grant"
out=$(printf 'y\nx\n127.0.0.1\n127.0.0.1:3\ny\n' | "$tool" -datadir="$tmp" -regtest enable "$echo_so" 2>&1)
has "      not granted: where, only you know"
has "nothing was written"
# In a file too, what was asked stands before what was wrong.
run 1 enable --yes "$echo_so"
[[ $out == *"lets it"*"nothing was written"* ]] || { printf 'FAIL: another order\n%s\n' "$out"; fails=$((fails + 1)); }
out=$(printf 'db:5432\ny\n' | "$tool" -datadir="$tmp" -regtest enable "$top_builddir/doc/examples/net_connect.so" 2>&1)
has "Which? (HOST:PORT ..., or nothing: not granted)"
has "Written:"
# What is optional and given with -grant is not asked for.
out=$(printf 'n\ny\n' | "$tool" -datadir="$tmp" -regtest -grant=rpc.serve/1=prefix=other. enable "$top_builddir/tests/check/GOOD.so" 2>&1)
has "Written:"
out=$(cat "$check_grant")
has "rpc.serve/1 = prefix=other."
[[ $out != *chain.read* ]] || { echo "FAIL: granted against the answer"; fails=$((fails + 1)); }
# Enabled again it is asked about what is not granted; -yes grants nothing that is not named.
cp "$check_grant" "$tmp/before"
run 0 enable --yes "$top_builddir/tests/check/GOOD.so"
cmp -s "$check_grant" "$tmp/before" || { echo "FAIL: granted without a word"; fails=$((fails + 1)); }
out=$(printf 'y\ny\n' | "$tool" -datadir="$tmp" -regtest enable "$top_builddir/tests/check/GOOD.so" 2>&1)
has "chain.read/1 (optional)"
has "  added: chain.read/1 = yes"
out=$(cat "$check_grant")
has $'\nrpc.serve/1 = prefix=other.\n# lets it '
has $'\nchain.read/1 = yes\n'
out=$(printf 'n\n' | "$tool" -datadir="$tmp" -regtest -grant=rpc.serve/1=no enable "$top_builddir/tests/check/GOOD.so" 2>&1)
has "  taken away: rpc.serve/1 = prefix=other."
has "Nothing was written."
run 0 enable --yes -grant=rpc.serve/1=no "$top_builddir/tests/check/GOOD.so"
out=$(cat "$check_grant")
has $'\n# rpc.serve/1 = prefix=other.\n# lets it '
run 0 resolve "$top_builddir/tests/check/GOOD.so"
has "rpc.serve/1              optional  not granted"
run 0 enable --yes -grant=rpc.serve/1=prefix=third. "$top_builddir/tests/check/GOOD.so"
run 0 resolve "$top_builddir/tests/check/GOOD.so"
has "rpc.serve/1              optional  granted: prefix=third."
rm "$check_grant"
run 0 enable --yes -grant=rpc.serve/1=no "$top_builddir/tests/check/GOOD.so"
has "      not granted"
out=$(cat "$check_grant")
[[ $out != *rpc.serve* ]] || { echo "FAIL: granted against -grant"; fails=$((fails + 1)); }
rm "$check_grant"

# Values of the configuration, judged as the node will; the others stay comments.
if [ -e "$top_builddir/.libs/miner.so" ]; then
    miner="$top_builddir/.libs/miner.so" miner_grant="$tmp/regtest/plugins.d/org.quoin.miner.grant"
    run 0 enable --yes -config=threads=7 -config=threads=3 "$miner"
    out=$(cat "$miner_grant")
    has $'\nthreads = 3\n'
    has $'\n# autostart = '
    rm "$miner_grant"
    # The chain is looked at before anybody is asked.
    out=$("$tool" -datadir="$tmp" -regtest=0 enable "$miner" 2>&1 </dev/null)
    has "network: found main, wanted one that the manifest names (test, testnet4, signet, regtest): this is main, was -chain=regtest meant?"
    has "nothing was written"
    hasnot "it asks for"
    for bad in nothing=1 threads threads= threads=x $'threads=1\n[limits]' 'threads=1 # x'; do
        run 1 enable --yes -config="$bad" "$miner"
        [ ! -e "$miner_grant" ] || { echo "FAIL: enabled with -config=$bad"; fails=$((fails + 1)); rm "$miner_grant"; }
    done
fi

# Addresses of the configuration against those of the grant; the class that the manifest asks for; help
# and reasons to their end.
if [ -e "$top_builddir/.libs/stratum.so" ]; then
    stratum="$top_builddir/.libs/stratum.so" stratum_grant="$tmp/regtest/plugins.d/org.quoin.stratum.grant"
    run 0 enable --yes -grant=net.listen/1=127.0.0.1:3334 "$stratum"
    has "Warning: the configuration has listen = 127.0.0.1:3333, but 127.0.0.1:3333 is not granted (net.listen/1 = 127.0.0.1:3334)"
    has "processor class 'latency'"
    has "so that miners go on where they were after a restart"
    out=$(cat "$stratum_grant")
    has $'\n[limits]\n'
    has $'\ncpu = latency'
    [ "$(awk '{ print length }' "$stratum_grant" | sort -n | tail -1)" -lt 400 ] || { echo "FAIL: a long line"; fails=$((fails + 1)); }
    out=$(tr '\n' ' ' <"$stratum_grant" | sed 's/ # / /g')
    has "the one without a number gets the rest, as does the user in solo mode; none: nobody"
    rm "$stratum_grant"
    run 0 enable --yes -grant='net.listen/1=127.0.0.1:3334 [::1]:3333, max_conns=9' -config='listen=[::1]:3333 127.0.0.1:3334' "$stratum"
    hasnot "Warning"
    rm "$stratum_grant"
    watch="$top_builddir/.libs/watch.so" watch_grant="$tmp/regtest/plugins.d/org.quoin.watch.grant"
    run 0 enable --yes -config=webhook=http://127.0.0.1:8080/events "$watch"
    has "webhook = http://127.0.0.1:8080/events, but 127.0.0.1:8080 is not granted (net.connect/1 = nothing)"
    has $'So it may act, and not only look:\n  tx.submit/1 = rate=60, max_fee=100000, test_only=no\n      lets it send'
    has "      taken because of -yes, it can do without: -grant=tx.submit/1=no"
    cp "$watch_grant" "$tmp/watch_grant"
    rm "$watch_grant"
    run 0 enable --yes -grant=tx.submit/1=no "$watch"
    hasnot "may act"
    run 0 disable --yes watch
    run 0 enable --yes -grant=tx.submit/1=rate=1 "$watch"
    has "tx.submit/1 = rate=1"
    hasnot "because of -yes"
    mv "$tmp/watch_grant" "$watch_grant"
    # What may be handed in: as the interface has it, and as the manual of the plugin shows.
    out=$(cat "$watch_grant")
    hasnot "[limits]"
    line=$(grep '^tx.submit/1 = ' "$watch_grant")
    out=$(sed -n 's/^    \(tx\.submit\/1\)  *= /\1 = /p' "$top_srcdir/plugins/watch/README.md")
    [ "$line" = "$out" ] || { printf 'FAIL: %s, and in its README %s\n' "$line" "$out"; fails=$((fails + 1)); }
    rm "$watch_grant"
fi

printf 'x' >>"$tmp/plugins/good.so"
run 1 resolve plugin
has "sha256: found"
has ", as the grant says (after an update: quoin-plugin -datadir=$tmp -plugindir=$tmp/plugins -chain=regtest pin org.quoin.test.plugin)"
run 1 pin plugin
has "Nothing was written."
run 0 pin --yes plugin
run 0 resolve plugin
run 0 pin --yes plugin
has "already"
chmod 666 "$grant"
run 1 resolve plugin
has "found mode 0666"
run 1 disable --yes plugni
has "found no grant for plugni in $tmp/regtest/plugins.d (did you mean plugin?)"
run 0 disable --yes "$tmp/plugins/good.so"
has "plugin stop org.quoin.test.plugin"
[ ! -e "$grant" ] || { echo "FAIL: the grant is still there"; fails=$((fails + 1)); }
run 1 disable --yes plugin
has "found no grant for plugin"
# One that is there, but was never enabled, is no unknown name.
run 1 pin --yes plugin
has "found no grant for plugin in $tmp/regtest/plugins.d: $tmp/plugins/good.so is not enabled (quoin-plugin -datadir=$tmp -plugindir=$tmp/plugins -chain=regtest enable plugin does that)"
run 1 pin --yes nothere
has "found no grant for nothere in $tmp/regtest/plugins.d"
hasnot "is not enabled"

run 0 -help
has "enable"
run 1
run 1 frobnicate x
has "no such command: frobnicate (quoin-plugin -help)"
run 1 enable --yes -grant net.listen/1=127.0.0.1:1 plugin
has "Error: found plugin, wanted nothing more (the value of an option stands behind '=': -option=value)"
run 1 enabel x
has "no such command: enabel (did you mean enable? quoin-plugin -help)"
run 1 -datadri=/tmp inspect plugin
has "Invalid parameter -datadri=/tmp (did you mean -datadir?)"
for bad in Bad-Name foo-bar foo_bar 1foo '' aaaaaaaaaabbbbbbbbbbcccccccccc123; do
    run 1 -dir="$tmp" new "$bad"
    has "Error: found name $bad, wanted a small letter and then at most 31 small letters and digits:"
done
has "the name ends the plugin's id, which holds no '_', and begins its methods' names, which hold no '-'"
run 1 new fine --needs no.such/1
has "it has host/1"
run 1 new fine --needs watch/1,watch.unstable/1
has "watch.unstable/1 is on trial and not in libquoin-mock"

# run and trace, on a plugin that keeps the rules and on one that does not.
good="$top_builddir/tests/check/GOOD.so"
run 1 run "$good"
has "found no -mock"
run 0 run "$good" --mock -blocks=12 -rpc=check.status -rpc='check.status [1]'
has "others come; height"
has "check.status []"
has '{"coins":'
has "check.status [1]"
has "It stopped in order."
first=$out
run 0 run "$good" --mock -blocks=12 -rpc=check.status -rpc='check.status [1]'
[ "$first" = "$out" ] || { echo "FAIL: the same seed, another run"; fails=$((fails + 1)); }
run 0 run "$good" --mock -blocks=12 -seed=2
[ "$first" != "$out" ] || { echo "FAIL: another seed, the same run"; fails=$((fails + 1)); }
run 1 run "$good" --mock -config=batch=51
has "batch: found 51, wanted a whole number from 1 to 50 (-config=batch=VALUE)"
# What is no number, no name, no method and no JSON is an error, and nothing runs instead.
run 1 run "$good" --mock -rpc=check.statsu
has "Error: -rpc: found check.statsu, wanted a method that the plugin answers (did you mean check.status?)"
for bad in '{bad' '[1' 7 'nobody knows'; do
    run 1 run "$good" --mock -rpc="check.status $bad"
    has "Error: -rpc: found $bad after the method ("
    hasnot "It stopped in order."
done
run 1 run "$good" --mock -rpc=' [1]'
has "Error: -rpc: found no method, wanted 'METHOD [PARAMETERS]'"
for bad in x '' -1 1000000 7x 99999999999999999999; do
    run 1 run "$good" --mock -blocks="$bad"
    has "Error: -blocks: found $bad, wanted a whole number from 0 to 999999"
    hasnot "It stopped in order."
done
for command in run trace check; do
    run 1 $command "$good" --mock -seed=zzz
    has "Error: -seed: found zzz, wanted a whole number from 0 to 9223372036854775807"
    run 1 $command "$good" --mock -config=nosuch=1
    has "-config: found nosuch=1, wanted a name that it has, such as batch"
    run 1 $command "$good" --mock -config=bach=1
    has "-config: found bach=1, wanted a name that it has, such as batch"
    run 1 $command "$good" --mock -config=batch
    has "-config: found batch, wanted NAME=VALUE"
done
run 1 check "$good" -at=x
has "Error: -at: found x, wanted a whole number from 0 to"
run 1 check "$good" -timeout=0
has "Error: -timeout: found 0, wanted a whole number from 1 to 1000000"
run 1 trace nobody -timeout=x
has "Error: -timeout: found x, wanted a whole number from 0 to 1000000"
run 1 run "$good" --mock -config=batch=5 -config=batch=51
has "batch: found 51"
run 1 run "$top_builddir/tests/check/CRASH_AT_LOAD.so" --mock
has "ended by signal 6"
run 1 run "$top_builddir/tests/check/WRONG_THREAD.so" --mock
has "store.own/1 get was called from a thread that may not call it"
run 1 run "$top_builddir/tests/check/SYMBOL.so" --mock
has "a_symbol_more"
run 0 trace "$good" -blocks=3
has 'host/1 get(id="chain.follow/1", min_revision=1) = QN_OK'
has "-- start() answered QN_OK"
has "chain.follow/1 ack(follow=1, seq=1) = QN_OK"
has "= QN_E_AGAIN (-8)"
has "-- stop()"

# What new makes, with the tree in the place of an installed prefix.
mkdir "$tmp/pc"
cat >"$tmp/pc/quoin.pc" <<EOF
plugindir=$tmp/plugins
pkgdatadir=$top_srcdir/api
Name: quoin
Description: the tree
Version: 0
Cflags: -I$top_srcdir/api -I$top_srcdir
Libs: -L$top_builddir/lib -lquoin-util
EOF
cat >"$tmp/pc/quoin-mock.pc" <<EOF
Name: quoin-mock
Description: the tree
Version: 0
Cflags: -I$top_srcdir/api -I$top_srcdir
Libs: -L$top_builddir/lib -lquoin-mock -lquoin-util -lnettle
EOF
export PKG_CONFIG_PATH="$tmp/pc:${PKG_CONFIG_PATH:-}"
n=0
every=chain.read/1,chain.follow/1,block.read/1,store.own/1,rpc.serve/1
every=$every,http.serve/1,net.listen/1,net.connect/1,node.read/1,node.control/1,peers.read/1,peers.control/1
every=$every,coins.read/1,mempool.read/1,mempool.follow/1,tx.submit/1,fees.estimate/1
every=$every,mining.template/1,mining.submit/1,mining.check/1
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
for needs in chain.follow/1 chain.follow/1,store.own/1 chain.follow/1,rpc.serve/1 \
    chain.follow/1,store.own/1,rpc.serve/1 \
    chain.read/1,rpc.serve/1 store.own/1 \
    http.serve/1 net.listen/1 net.connect/1 node.read/1 node.control/1 peers.read/1 peers.control/1 \
    coins.read/1 mempool.read/1 mempool.follow/1 mempool.follow/1,chain.follow/1 tx.submit/1 fees.estimate/1 \
    mining.template/1 mining.submit/1 mining.check/1 \
    watch/1 \
    chain.read/1,chain.follow/1,block.read/1,store.own/1,rpc.serve/1 \
    "$every"; do
    n=$((n + 1))
    run 0 -templatedir="$top_srcdir/contrib/plugin-template" -dir="$tmp" new "fresh$n" --needs "$needs"
    flags="-O1 -Wall -Wextra -Werror"
    target=check
    # A sanitized mock cannot be linked into a plain test.
    if grep -q 'enable-asan\|enable-ubsan\|enable-tsan\|enable-coverage' "$top_builddir/config.log"; then
        target=all
    fi
    if log=$(MAKEFLAGS='' make -C "$tmp/fresh$n" CC="${CC%% *}" CFLAGS="$flags" "$target" 2>&1); then
        passes=$((passes + 1))
    else
        fails=$((fails + 1))
        printf 'FAIL: new with %s:\n%s\n' "$needs" "$log"
        continue
    fi
    run 0 lint "$tmp/fresh$n/fresh$n.so"
    # Where it listens and whom it reaches: a free port here, and nobody.
    grants=()
    [[ $needs == *net.listen* ]] && grants+=(-grant="net.listen/1=127.0.0.1:$port" -config="listen=127.0.0.1:$port")
    [[ $needs == *net.connect* ]] && grants+=(-grant=net.connect/1=127.0.0.1:1 -config=target=127.0.0.1:1)
    run 0 check "${grants[@]}" "$tmp/fresh$n/fresh$n.so"
    has " 0 failed"
    has "pass  parity"
    run 0 enable --yes "${grants[@]}" "$tmp/fresh$n/fresh$n.so"
done
echo "$passes passed, $fails failed"
[ "$fails" -eq 0 ]
