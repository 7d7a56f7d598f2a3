#!/bin/bash
# Run every set of run_vectors whose file is there, one for each CPU at a time, the longest first.
# The vectors lie in $QUOIN_VECTORS, or beside the project in shared/vectors.
set -u
dir=${QUOIN_VECTORS:-$top_srcdir/../shared/vectors}
if ! test -d "$dir"; then
    echo "skipped: no test vectors at $dir (set QUOIN_VECTORS)"
    exit 77
fi
run=$top_builddir/tests/vectors/run_vectors
out=$(mktemp -d) || exit 99
trap 'rm -rf "$out"' EXIT

one()
{
    "$1" "$2" "$4/$3" > "$5/$2" 2>&1 || echo "$2" >> "$5/.failed"
}
export -f one
"$run" --list | while read -r set path; do
    test -e "$dir/$path" && echo "$(stat -c %s "$dir/$path") $set $path"
done | sort -rn | while read -r _ set path; do
    printf '%s\0%s\0' "$set" "$path"
done | xargs -0 -r -n 2 -P "$(nproc)" bash -c 'one "$1" "$4" "$5" "$2" "$3"' - "$run" "$dir" "$out"

passed=0 failed=0
for log in "$out"/*; do
    test -e "$log" || { echo "skipped: no set's file is in $dir"; exit 77; }
    last=$(tail -n 1 "$log")
    echo "$(basename "$log"): $last"
    grep -v ' passed, ' "$log"
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
test "$failed" = 0 && ! test -e "$out/.failed"
