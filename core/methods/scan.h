/* core/methods/scan.h: state of the one scan of the UTXO set that may run at a time. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>

typedef struct qc_scan_state {
    _Atomic bool running;
    _Atomic int progress; /* percent */
    _Atomic bool abort;
} qc_scan_state;
