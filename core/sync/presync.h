/* core/sync/presync.h: headers of a chain that may be worthless (Core headerssync.h). The chain is
 * downloaded twice: first only its work is added up and a salted bit is kept of one header in some
 * hundred; when the work suffices, the same headers are asked for again and released once enough of
 * those bits have agreed. What a peer can make us keep is bounded. No I/O, no chain: a pure state
 * machine. Thread: any, one at a time per object. */
#pragma once
#include "core/btc/params.h"
#include "core/crypto/siphash.h"

typedef struct qc_presync qc_presync;

/** Where the headers attach, and what is wanted. */
typedef struct qc_presync_start {
    const qc_params *params;
    qc_header header; /* last header that we know on this chain */
    qc_hash hash;
    uint32_t height;
    uint32_t mtp; /* its median time past */
    qc_u256 work; /* up to it */
    qc_u256 want; /* least work of a chain worth having */
    int64_t now;  /* seconds */
    qc_siphash_key salt;
    uint64_t offset; /* random: which headers leave a bit */
    int64_t peer;    /* for the log */
} qc_presync_start;

typedef struct qc_presync_result {
    bool ok;      /* false: it is over, the headers did not fit */
    bool more;    /* ask for more; else it is over */
    qc_hash from; /* with `more`: the hash to ask from */
    qc_header *released;
    size_t n_released; /* owned: qc_free(); headers that may be judged for themselves now */
} qc_presync_result;

/** How often a bit is kept, and how many headers are held back. */
typedef struct qc_presync_size {
    uint32_t period, buffer;
} qc_presync_size;
/** Core kernel/chainparams.cpp HeadersSyncParams. */
qc_presync_size qc_presync_size_of(qc_chain_id id);

/** Out: owned, qc_presync_free(). */
qc_presync *qc_presync_new(const qc_presync_start *s);
void qc_presync_free(QC_OWN qc_presync *p);
/** The next headers, n > 0, each with valid proof of work and on top of the one before. `full`: the
 *  message held as many as it may. Over (not ok, or not more): only qc_presync_free() is left. */
void qc_presync_next(qc_presync *p, const qc_header *h, const qc_hash *hash, size_t n, bool full,
                     qc_presync_result *out);
/** Height reached in the first pass; -1 in the second. */
int64_t qc_presync_height(const qc_presync *p);
/** Hash of the header that it started from. */
const qc_hash *qc_presync_base(const qc_presync *p);
uint32_t qc_presync_time(const qc_presync *p);
/** Bytes held. */
size_t qc_presync_bytes(const qc_presync *p);
