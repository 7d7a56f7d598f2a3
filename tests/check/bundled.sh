# Every bundled plugin passes the conformance suite. QUOIN_CHECK_SEEDS="1 2 3": with more histories.
set -u
bad=0
for la in $QC_PLUGINS; do
    for seed in ${QUOIN_CHECK_SEEDS:-1}; do
        "$top_builddir/quoin-plugin" check "$top_builddir/.libs/${la%.la}.so" -seed=$seed || bad=1
    done
done
exit $bad
