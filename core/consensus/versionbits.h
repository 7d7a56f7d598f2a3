/* core/consensus/versionbits.h: BIP9 deployments. Pure: the state of a block follows from the
 * headers before it. Thread: any. */
#pragma once
#include "core/btc/params.h"
#include "core/consensus/check.h"

#define QC_VB_TOP_BITS 0x20000000u
#define QC_VB_TOP_MASK 0xe0000000u

typedef enum qc_vb_state {
    QC_VB_DEFINED,
    QC_VB_STARTED,
    QC_VB_LOCKED_IN,
    QC_VB_ACTIVE,
    QC_VB_FAILED
} qc_vb_state;
/** "defined" "started" "locked_in" "active" "failed". */
const char *qc_vb_state_name(qc_vb_state s);

/** State of the block at `height` on this branch; its ancestors up to height - 1 are asked.
 *  Out: *since (may be NULL): height of the first block with this state, 0 for defined and for
 *  deployments that are always or never active. */
qc_vb_state qc_vb_state_at(const qc_bip9 *d, const qc_ancestors *a, uint32_t height,
                           uint32_t *since);

/** What getdeploymentinfo tells about the block at `height`. */
typedef struct qc_vb_info {
    qc_vb_state current, next;
    uint32_t since;
    bool has_stats; /* while started or locked in: the five below */
    uint32_t period, threshold, elapsed, count;
    bool possible; /* threshold 0 and possible false when locked in: not shown */
    bool has_active_since;
    uint32_t active_since; /* may be height + 1 */
} qc_vb_info;
/** `a` must answer for `height` itself too. Out: *out; signalling (may be NULL; room for period + 1
 *  bytes): '#' or '-' for each block of the period up to `height`, NUL-terminated. */
void qc_vb_info_at(const qc_bip9 *d, const qc_ancestors *a, uint32_t height, qc_vb_info *out,
                   char *signalling);

/** Version of a new block at `height` (ComputeBlockVersion). */
int32_t qc_vb_block_version(const qc_params *p, const qc_ancestors *a, uint32_t height);
