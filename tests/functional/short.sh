#!/bin/sh
# The short functional tests, for `make check`.
exec "${PYTHON:-python3}" -B "$top_srcdir/tests/functional/run.py" --short
