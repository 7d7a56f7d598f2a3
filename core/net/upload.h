/* core/net/upload.h: what is sent to peers in 24 hours, and when that is enough (-maxuploadtarget;
 * Core net.cpp). One thread adds, any thread asks. */
#pragma once
#include "core/base/clock.h"

#include <stdatomic.h>

#define QC_UPLOAD_PERIOD 86400 /* seconds */

typedef struct qc_upload {
    uint64_t target; /* bytes a period; 0: no limit */
    _Atomic uint64_t sent;
    _Atomic int64_t since; /* start of the period; 0: nothing has been sent yet */
} qc_upload;

/** What getnettotals tells. */
typedef struct qc_upload_state {
    uint64_t target, left;
    bool reached;            /* all of it is spent */
    bool historical_reached; /* what is left is kept for new blocks: one of the largest size every
                                ten minutes */
    int64_t seconds_left;
} qc_upload_state;

/** "800", "800M" and so on: units k m g t of 1,000, K M G T of 1,024 each; without one: M.
 *  Returns: QC_OK; QC_EINVAL. */
QC_MUST_CHECK qc_err qc_upload_parse(const char *text, uint64_t *out);
void qc_upload_add(qc_upload *u, uint64_t bytes);
qc_upload_state qc_upload_now(const qc_upload *u);
