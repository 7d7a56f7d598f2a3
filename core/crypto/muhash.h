/* core/crypto/muhash.h: MuHash3072, a hash of a set that takes and gives back elements in any order
 * (Core crypto/muhash). Numbers modulo 2^3072 - 1103717. Thread: any, one at a time per object. */
#pragma once
#include "core/base/bytes.h"

#define QC_MUHASH_LIMBS 48
#define QC_MUHASH_NUM_LEN 384 /* bytes of one number */
#define QC_MUHASH_LEN (2 * QC_MUHASH_NUM_LEN)

/** A set as a fraction: added elements multiply num, removed ones den. */
typedef struct qc_muhash {
    uint64_t num[QC_MUHASH_LIMBS], den[QC_MUHASH_LIMBS]; /* least significant first */
} qc_muhash;

/** The empty set. */
void qc_muhash_init(qc_muhash *m);
void qc_muhash_add(qc_muhash *m, qc_span element);
void qc_muhash_remove(qc_muhash *m, qc_span element);
/** Union with, and difference from, the set `o`: work split among threads is joined so. */
void qc_muhash_combine(qc_muhash *m, const qc_muhash *o);
void qc_muhash_separate(qc_muhash *m, const qc_muhash *o);
/** The set's hash in wire order. Afterwards den is one and num holds the whole value. */
void qc_muhash_finalize(qc_muhash *m, uint8_t out[static 32]);
/** Numerator, then denominator, little-endian: Core's serialization (coinstatsindex). */
void qc_muhash_write(const qc_muhash *m, uint8_t out[static QC_MUHASH_LEN]);
void qc_muhash_read(qc_muhash *m, const uint8_t in[static QC_MUHASH_LEN]);
