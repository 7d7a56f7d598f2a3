#!/usr/bin/env bash
# Every benchmark once, so that none rots. Its figures mean nothing here.
set -euo pipefail
passed=0 failed=0
try() {
    if "$@" --smoke; then
        passed=$((passed + 1))
    else
        echo "failed: $*"
        failed=$((failed + 1))
    fi
}
cd "${top_builddir:?}"
for b in ${QC_BENCHES:?}; do
    try "./$b"
done
for b in ${QC_BENCH_SCRIPTS:?}; do
    try python3 -B "${top_srcdir:?}/$b"
done
echo "$passed passed, $failed failed"
test $failed -eq 0 && test $passed -gt 0
