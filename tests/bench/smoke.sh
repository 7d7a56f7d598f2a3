#!/usr/bin/env bash
# Every benchmark once, so that none rots. Its figures mean nothing here.
set -euo pipefail
top_builddir=${top_builddir:-.} passed=0 failed=0
for b in ${QC_BENCHES:?}; do
    if "$top_builddir/$b" --smoke; then
        passed=$((passed + 1))
    else
        echo "failed: $b"
        failed=$((failed + 1))
    fi
done
for b in import sync peers mempool watch; do
    if python3 -B "${srcdir:-.}/tests/bench/$b.py" --smoke; then
        passed=$((passed + 1))
    else
        echo "failed: $b.py"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
test $failed -eq 0 && test $passed -gt 0
