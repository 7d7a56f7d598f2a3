#!/bin/sh
# A few dozen points of the node's crash tests, for `make check`.
exec "${PYTHON:-python3}" -B "$top_srcdir/tests/crash/run_import.py"
