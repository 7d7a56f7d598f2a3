/* core/consensus/verdict.h: a judgement on foreign data. An invalid block is a normal result. */
#pragma once
#include "core/base/err.h"

/** Core consensus/validation.h BlockValidationResult and TxValidationResult, merged. */
typedef enum qc_vcode {
    QC_V_OK = 0,
    QC_V_CONSENSUS,      /* invalid by consensus rules */
    QC_V_CACHED_INVALID, /* known to be invalid ("duplicate-invalid") */
    QC_V_INVALID_HEADER, /* invalid proof of work or time too old */
    QC_V_MUTATED,        /* the data does not match the hash: never marks the hash invalid */
    QC_V_MISSING_PREV,   /* "prev-blk-not-found" */
    QC_V_INVALID_PREV,   /* "bad-prevblk" */
    QC_V_TIME_FUTURE,    /* "time-too-new": not permanent */
    QC_V_LOW_WORK,       /* "too-little-chainwork" */
} qc_vcode;

#define QC_VERDICT_REASON_LEN 96
#define QC_VERDICT_DEBUG_LEN 288 /* a failed script names three hashes */
/** All zero: valid. May be copied. */
typedef struct qc_verdict {
    qc_vcode code;
    char reason[QC_VERDICT_REASON_LEN]; /* Core's reject reason; empty when ok */
    char debug[QC_VERDICT_DEBUG_LEN];   /* Core's debug message, may be empty */
} qc_verdict;

static inline bool qc_verdict_ok(const qc_verdict *v)
{
    return v->code == QC_V_OK;
}
/** Fill *v; debug_fmt NULL: no debug text. Returns false, so that `return qc_verdict_fail(...)`
 *  reads well. */
bool qc_verdict_fail(qc_verdict *v, qc_vcode code, const char *reason, const char *debug_fmt, ...)
    QC_PRINTF(4, 5);
/** As qc_verdict_fail() with a ready debug text (may be NULL) and a formatted reason. */
bool qc_verdict_failf(qc_verdict *v, qc_vcode code, const char *debug, const char *reason_fmt, ...)
    QC_PRINTF(4, 5);
/** "reason, debug", "reason" or "Valid" as Core's ValidationState::ToString(). Returns out. */
char *qc_verdict_text(const qc_verdict *v, char *out, size_t cap);
