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
    /* Of loose transactions and packages, never of blocks. */
    QC_V_INPUTS_NOT_STANDARD, /* policy, by what the txid commits to */
    QC_V_NOT_STANDARD,        /* policy */
    QC_V_MISSING_INPUTS,      /* some coin is unknown or spent */
    QC_V_PREMATURE_SPEND,     /* not final, or of an immature coinbase */
    QC_V_WITNESS_MUTATED,     /* policy or consensus, perhaps by the witness alone */
    QC_V_WITNESS_STRIPPED,    /* somebody may have taken the witness away */
    QC_V_CONFLICT,            /* it is there, or its coins are spent, already */
    QC_V_MEMPOOL_POLICY,      /* fee, size, replacement, limits of the pool */
    QC_V_NO_MEMPOOL,          /* there is no pool to ask */
    QC_V_RECONSIDERABLE,      /* may do as part of a package */
    QC_V_UNKNOWN,             /* not judged, for its package failed */
    QC_V_PACKAGE_POLICY,      /* the package as such */
    QC_V_PACKAGE_TX,          /* a transaction of it: see there */
} qc_vcode;

#define QC_VERDICT_REASON_LEN 128
#define QC_VERDICT_DEBUG_LEN 352 /* a transaction and its parent: four hashes */
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
