#!/usr/bin/env bash
# The host's tests in isolated mode once more as an ordinary user, when root runs the tests: then
# there is no user per plugin, and the namespaces come another way.
set -u
if [ "$(id -u)" != 0 ]; then
    echo "skipped: not root, so the tests ran as an ordinary user already"
    exit 77
fi
if ! command -v setpriv >/dev/null; then
    echo "skipped: no setpriv here"
    exit 77
fi
build=$(cd "${top_builddir:-.}" && pwd)
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
chmod 1777 "$tmp"
as_user() {
    (cd "$tmp" && setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all \
        env HOME="$tmp" TMPDIR="$tmp" top_builddir="$build" "$@")
}
if ! as_user test -r "$build/quoin-runner"; then
    echo "skipped: an ordinary user cannot read the build folder"
    exit 77
fi
as_user "$build/tests/unit/test_host_isolated"
