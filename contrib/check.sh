#!/usr/bin/env bash
# Build and test Quoin from a clean tree, on a bare Debian 12 if need be.
set -euo pipefail

usage() {
    cat <<'END'
usage: contrib/check.sh [--quick] [--clang] [--sanitize] [--tsan] [--dist] [--all] [--no-install]

  (nothing)      install what is missing, build with gcc -Werror, run every test
  --quick        the same without installing and in the build folder of last time
  --clang        also build and test with clang
  --sanitize     also build and test with the address and undefined-behaviour sanitizers
  --tsan         also build the threaded tests with the thread sanitizer and run them
  --dist         also make distcheck
  --all          all of these
  --no-install   install no packages

Environment: JOBS (default: CPUs), BUILD_ROOT (default: build-check in the tree), QUOIN_VECTORS.
The exit status is 0 only when everything passed; the last line says how many tests did.
END
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=${JOBS:-$(nproc)}
build_root=${BUILD_ROOT:-$root/build-check}
install=1 quick=0 clang=0 sanitize=0 tsan=0 dist=0
for arg in "$@"; do
    case $arg in
    --quick) quick=1 install=0 ;;
    --clang) clang=1 ;;
    --sanitize) sanitize=1 ;;
    --tsan) tsan=1 ;;
    --dist) dist=1 ;;
    --all) clang=1 sanitize=1 tsan=1 dist=1 ;;
    --no-install) install=0 ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
done

# shellcheck source=contrib/packages.sh
. "$root/contrib/packages.sh"

started=$SECONDS
step() {
    printf '\n== %s (%d s)\n' "$*" "$((SECONDS - started))"
}

# Run quietly; show the end of what it said when it fails.
quietly() {
    local log=$1
    shift
    if ! "$@" >"$log" 2>&1 </dev/null; then
        tail -n 60 "$log"
        printf 'failed: %s\nthe whole log is %s\n' "$*" "$log"
        return 1
    fi
}

total_passed=0 total_failed=0 total_skipped=0 failed_runs=()

add_up() {
    local line
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$1" | tail -n 1 || true)
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)? ]]; then
        total_passed=$((total_passed + BASH_REMATCH[1]))
        total_failed=$((total_failed + BASH_REMATCH[2]))
        total_skipped=$((total_skipped + ${BASH_REMATCH[4]:-0}))
    fi
}

# build NAME [configure arguments]: configure if needed, make. The folder is $build_root/NAME.
build() {
    local name=$1 dir=$build_root/$1
    shift
    mkdir -p "$dir"
    if ! build_in "$dir" "$@"; then
        failed_runs+=("$name build")
        return 1
    fi
}

build_in() (
    dir=$1
    shift
    cd "$dir" || exit
    if [[ $quick = 0 || ! -e config.status ]]; then
        quietly "$dir/configure.log" "$root/configure" -q --enable-werror "$@" || exit
    fi
    quietly "$dir/make.log" make -j "$jobs"
)

# run NAME TARGET [make arguments]: a test target in that folder, counted.
run() {
    local name=$1 target=$2
    shift 2
    local log=$build_root/$name/$target.log rc=0
    make -C "$build_root/$name" -j "$jobs" "$target" "$@" >"$log" 2>&1 </dev/null || rc=$?
    grep -E '^(FAIL|ERROR|SKIP|failed):? ' "$log" || true
    add_up "$log"
    if [[ $rc -ne 0 ]]; then
        failed_runs+=("$name $target")
        tail -n 40 "$log"
        find "$build_root/$name" -name test-suite.log -newer "$build_root/$name/config.status" \
            -exec tail -n 200 {} +
        printf 'failed: make %s in %s\n' "$target" "$build_root/$name"
    else
        grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1 || true
    fi
}

cd "$root"
if [[ $install = 1 ]]; then
    step "packages"
    extra=()
    [[ $clang = 0 && $sanitize = 0 ]] || extra=("${QUOIN_CLANG_PACKAGES[@]}")
    install_packages "${QUOIN_PACKAGES[@]}" "${QUOIN_CHECK_PACKAGES[@]}" "${extra[@]}"
fi

mkdir -p "$build_root"
if [[ $quick = 0 || ! -x configure ]]; then
    step "autogen"
    quietly "$build_root/autogen.log" ./autogen.sh
fi

step "gcc: build"
if build gcc CC=gcc; then
    step "gcc: make check"
    run gcc check
fi
if [[ $clang = 1 ]]; then
    step "clang: build and make check"
    build clang CC=clang && run clang check
fi
if [[ $sanitize = 1 ]]; then
    step "address and undefined-behaviour sanitizers: build and make check"
    build sanitize CC=gcc --enable-asan --enable-ubsan CFLAGS='-g -O1' && run sanitize check
fi
if [[ $tsan = 1 ]]; then
    step "thread sanitizer: build and unit tests"
    build tsan CC=gcc --enable-tsan CFLAGS='-g -O1' && run tsan check-threads
fi
if [[ $dist = 1 && -e $build_root/gcc/Makefile ]]; then
    step "distcheck"
    run gcc distcheck
fi

step "done"
for r in "${failed_runs[@]}"; do
    printf 'failed: %s\n' "$r"
done
if [[ ${#failed_runs[@]} -gt 0 && $total_failed = 0 ]]; then
    total_failed=${#failed_runs[@]}
fi
line="$total_passed passed, $total_failed failed"
[[ $total_skipped = 0 ]] || line+=", $total_skipped skipped"
echo "$line"
[[ ${#failed_runs[@]} = 0 && $total_failed = 0 && $total_passed -gt 0 ]]
