# What the shell completes (contrib/completion), asked of the programs that were built.
# shellcheck shell=bash disable=SC2154
set -u
# shellcheck source=contrib/completion/quoind
. "$top_srcdir/contrib/completion/quoind"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
fails=0
passes=0
compopt() { :; } # works only while something is completed

# complete_it FUNCTION PROGRAM words...: as typed, the last one not to its end
complete_it() {
    local function=$1 program=$2
    shift
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    "$function" "$program" 2>"$tmp/stderr"
    out=" ${COMPREPLY[*]} "
    is "$(cat "$tmp/stderr")" ""
}
is() {
    if [ "$1" = "$2" ]; then passes=$((passes + 1)); else
        fails=$((fails + 1))
        printf 'FAIL: found "%s", wanted "%s"\n' "$1" "$2"
    fi
}
has() {
    if [[ $out == *" $1 "* ]]; then passes=$((passes + 1)); else
        fails=$((fails + 1))
        printf 'FAIL: found "%s", wanted %s among it\n' "$out" "$1"
    fi
}

mkdir -p "$tmp/plugins" "$tmp/regtest/plugins.d"
: >"$tmp/plugins/blockcount.so"
: >"$tmp/plugins/other.so"
: >"$tmp/regtest/plugins.d/org.example.blockcount.grant"
tool="$top_builddir/quoin-plugin"
place=(-datadir "=" "$tmp" -regtest -plugindir "=" "$tmp/plugins")
complete_it _quoin_plugin "$tool" ""
for command in inspect lint enable disable pin run trace check new doctor; do has "$command"; done
complete_it _quoin_plugin "$tool" "do"
is "$out" " doctor "
for command in inspect lint resolve enable; do
    complete_it _quoin_plugin "$tool" "${place[@]}" "$command" blo
    is "$out" " blockcount "
done
for command in disable pin trace; do
    complete_it _quoin_plugin "$tool" "${place[@]}" "$command" blo
    is "$out" " blockcount "
    complete_it _quoin_plugin "$tool" "${place[@]}" "$command" org.
    is "$out" " org.example.blockcount "
done
complete_it _quoin_plugin "$tool" enable -mode =
is "$out" " isolated trusted "
complete_it _quoin_plugin "$tool" enable --mode = t
is "$out" " trusted "
complete_it _quoin_plugin "$tool" run -seed =
is "$out" "  "
complete_it _quoin_plugin "$tool" inspect "$tmp/plugins/ot"
is "$out" " $tmp/plugins/other.so "

quoind="$top_builddir/quoind"
complete_it _quoind "$quoind" -dbc
is "$out" " -dbcache= "
complete_it _quoind "$quoind" --dbc
is "$out" " --dbcache= "
complete_it _quoind "$quoind" -datadir = "$tmp/plug"
is "$out" " $tmp/plugins "
complete_it _quoind "$quoind" -chain = te
is "$out" " test testnet4 "

# A node that answers.
cat >"$tmp/quoin-cli" <<'EOF'
#!/bin/sh
for word; do last=$word; done
case $last in
help) printf '== Control ==\ngetplugininfo "id"\nplugin "command" "id"\n' ;;
listplugins) printf '[\n  {\n    "id": "org.quoin.gbt",\n    "state": "RUNNING"\n  },\n  {\n    "id": "org.quoin.watch"\n  }\n]\n' ;;
esac
EOF
chmod 755 "$tmp/quoin-cli"
complete_it _quoin_cli "$tmp/quoin-cli" ""
is "$out" " getplugininfo plugin "
complete_it _quoin_cli "$tmp/quoin-cli" -regtest plugin ""
is "$out" " start stop reload quarantine-clear loglevel trace "
complete_it _quoin_cli "$tmp/quoin-cli" -datadir = /nowhere plugin start ""
is "$out" " gbt watch "
complete_it _quoin_cli "$tmp/quoin-cli" getplugininfo org.quoin.w
is "$out" " org.quoin.watch "
complete_it _quoin_cli "$tmp/quoin-cli" plugin trace gbt o
is "$out" " on off "
complete_it _quoin_cli "$tmp/quoin-cli" getblockcount ""
is "$out" "  "
echo "$passes passed, $fails failed"
[ "$fails" -eq 0 ]
