#!/usr/bin/env bash
# The table of `make bench`; the arguments go to every benchmark.
set -euo pipefail
cd "${top_builddir:?}"
echo "processors: $(nproc), load: $(cut -d' ' -f1-3 /proc/loadavg) (a busy machine: see 'processor')"
header=--header
for b in ${QC_BENCHES:?}; do
    "./$b" $header "$@"
    header=
done
for b in ${QC_BENCH_SCRIPTS:?}; do
    python3 -B "${top_srcdir:?}/$b" "$@"
done
