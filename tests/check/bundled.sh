# Every bundled plugin passes the conformance suite.
set -u
bad=0
for la in $QC_PLUGINS; do
    for seed in 1 2; do
        "$top_builddir/quoin-plugin" check "$top_builddir/.libs/${la%.la}.so" -seed=$seed || bad=1
    done
done
exit $bad
