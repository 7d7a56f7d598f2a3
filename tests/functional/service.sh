# The systemd unit, as systemd itself reads it: no complaint, no more exposed than it was, and what the
# sandbox of plugins needs is among the system calls that it leaves.
set -u
if ! command -v systemd-analyze >/dev/null; then
    echo "skipped: no systemd-analyze here"
    exit 77
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
fails=0
fail() {
    echo "FAIL: $*"
    fails=$((fails + 1))
}

# The program where it is: a unit whose program is missing is complained of.
mkdir -p "$tmp/bin"
printf '#!/bin/sh\n' >"$tmp/bin/quoind"
chmod 755 "$tmp/bin/quoind"
sed "s|^ExecStart=[^ ]*quoind |ExecStart=$tmp/bin/quoind |" "$top_srcdir/contrib/systemd/quoind.service.in" \
    >"$tmp/quoind.service"
grep -q "ExecStart=$tmp/bin/quoind -datadir" "$tmp/quoind.service" || fail "the unit starts no quoind"
said=$(systemd-analyze verify "$tmp/quoind.service" 2>&1) || fail "verify: status $?"
said=$(printf '%s\n' "$said" | grep quoind.service) && fail "verify: found '$said', wanted no complaint"
if systemd-analyze security --help 2>/dev/null | grep -q -- --threshold; then
    systemd-analyze security --offline=true --threshold=30 "$tmp/quoind.service" >"$tmp/log" 2>&1 ||
        fail "security: found '$(tail -1 "$tmp/log")', wanted at most 3.0"
fi

# A set names calls and other sets, one a line.
expand() {
    systemd-analyze syscall-filter "$1" 2>/dev/null | sed -n 's/^ *\([a-z0-9_@-]*\)$/\1/p' | tail -n +2 |
        while read -r name; do
            case $name in
            @*) expand "$name" ;;
            *) echo "$name" ;;
            esac
        done
}
sed -n 's/^SystemCallFilter=//p' "$tmp/quoind.service" | tr ' ' '\n' | while read -r name; do
    case $name in
    @*) expand "$name" ;;
    *) echo "$name" ;;
    esac
done | sort -u >"$tmp/allowed"
for call in clone execveat unshare mount umount2 pivot_root mkdir symlink chdir fchdir close_range prctl \
    setrlimit prlimit64 capget capset setresuid setresgid setgroups sched_setscheduler seccomp \
    landlock_create_ruleset landlock_add_rule landlock_restrict_self memfd_create fcntl socketpair \
    pidfd_send_signal waitid wait4 eventfd2 recvmsg sendmsg; do
    grep -qx "$call" "$tmp/allowed" || fail "SystemCallFilter= leaves out $call, which plugins need"
done
grep -qx ptrace "$tmp/allowed" && fail "SystemCallFilter= allows ptrace"

echo "$fails failures"
[ "$fails" -eq 0 ]
