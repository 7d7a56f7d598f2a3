#!/bin/sh
# Two dozen points of the crash tests of node and indexer, for `make check`.
exec "${PYTHON:-python3}" -B "$top_srcdir/tests/crash/run_indexer.py"
