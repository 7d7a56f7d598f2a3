# contrib/quickstart.sh against this build: the first command of the README works to its end.
set -u
[ -e "$top_builddir/.libs/indexer.so" ] || { echo "built without plugins"; exit 77; }
if "$top_srcdir/contrib/quickstart.sh" --build="$top_builddir" >"$top_builddir/quickstart-test.log" 2>&1 &&
    grep -q "It works" "$top_builddir/quickstart-test.log"; then
    rm -rf "$top_builddir/quickstart" "$top_builddir/quickstart-test.log"
    echo "1 passed, 0 failed"
else
    cat "$top_builddir/quickstart-test.log"
    echo "0 passed, 1 failed"
    exit 1
fi
