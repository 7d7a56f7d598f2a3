#!/usr/bin/env bash
# usage: run.sh CORPUS SECONDS TARGET...   (make fuzz)
# Runs each libFuzzer target for SECONDS. What it finds is kept in fuzz-corpus/<name>/, an input
# that crashes it in fuzz-crash/<name>-*. Fails when any target crashed.
set -euo pipefail
corpus=$1 seconds=$2
shift 2
failed=()
for target in "$@"; do
    name=${target##*/fuzz_}
    mkdir -p "fuzz-corpus/$name" fuzz-crash
    if ! "$target" -help=1 2>&1 | grep libFuzzer >/dev/null; then
        echo "$target: not a libFuzzer program; configure with CC=clang --enable-fuzz" >&2
        exit 2
    fi
    echo "== $name, $seconds s"
    "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -verbosity=0 -artifact_prefix="fuzz-crash/$name-" "fuzz-corpus/$name" "$corpus/$name" \
        || failed+=("$name")
done
echo "$(($# - ${#failed[@]})) targets held, ${#failed[@]} failed ${failed[*]:-}"
test ${#failed[@]} -eq 0
