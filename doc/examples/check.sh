# Every example of the guide passes the conformance suite.
bad=0
for so in "$top_builddir"/doc/examples/*.so; do
    "$top_builddir/quoin-plugin" check "$so" || bad=1
done
exit $bad
