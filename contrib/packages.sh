# shellcheck shell=bash
# The Debian 12 packages Quoin needs. Sourced by contrib/check.sh and contrib/quickstart.sh.

# To build and run.
# shellcheck disable=SC2034
QUOIN_PACKAGES=(
    autoconf automake libtool make gcc libc6-dev pkg-config python3 git ca-certificates
    nettle-dev libgmp-dev libsecp256k1-dev libjansson-dev libevent-dev libmicrohttpd-dev
    libleveldb-dev librocksdb-dev libseccomp-dev libminiupnpc-dev libcmocka-dev
)
# Only contrib/check.sh.
# shellcheck disable=SC2034
QUOIN_CHECK_PACKAGES=(binutils clang-format-14 g++ xz-utils procps)
# shellcheck disable=SC2034
QUOIN_CLANG_PACKAGES=(clang)

# Install those of the named packages that are missing, when this machine has apt-get and we may.
# Otherwise say what is missing and go on: configure says precisely what it lacks.
install_packages() {
    local missing=() p sudo=()
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        echo "no apt-get here; needed are the equivalents of: $*"
        return 0
    fi
    for p in "$@"; do
        [[ $(dpkg-query -W -f '${Status}' "$p" 2>/dev/null || true) == *"ok installed"* ]] \
            || missing+=("$p")
    done
    if [[ ${#missing[@]} = 0 ]]; then
        echo "all installed"
        return 0
    fi
    if [[ $(id -u) != 0 ]]; then
        if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
            echo "not root, and no sudo without a password; missing: ${missing[*]}"
            return 0
        fi
        sudo=(sudo -n)
    fi
    echo "installing ${missing[*]}"
    local log
    log=$(mktemp)
    if ! { "${sudo[@]}" apt-get -q update \
        && "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
            -o Dpkg::Options::=--force-confold --no-install-recommends install "${missing[@]}"; } \
        >"$log" 2>&1 </dev/null; then
        tail -n 30 "$log"
        echo "apt-get failed; the whole log is $log"
        return 1
    fi
    rm -f "$log"
}
