/* core/store/coding.h: how Core packs outputs, coins and small integers (Core compressor.cpp,
 * coins.h, undo.h). Private to core/store. Thread: any. */
#pragma once
#include "core/store/coinsdb.h"

#define QC_VARINT_MAX 10 /* bytes of the longest VARINT */

/** Write Core's VARINT; returns the bytes taken. */
static inline size_t qc_varint_put(uint8_t *p, uint64_t v)
{
    uint8_t tmp[QC_VARINT_MAX];
    size_t n = 0;
    for (;; n++) {
        tmp[n] = (uint8_t)((v & 0x7f) | (n ? 0x80 : 0));
        if (v <= 0x7f)
            break;
        v = (v >> 7) - 1;
    }
    for (size_t i = 0; i <= n; i++)
        p[i] = tmp[n - i];
    return n + 1;
}

/** A VARINT that Core reads into 32 bits. False when it does not end, or is larger. */
bool qc_varint_u32(qc_reader *r, uint32_t *out);

/** What a coin is, besides its output. `height` below 2^31. */
typedef struct qc_coin_code {
    uint32_t height;
    bool coinbase;
} qc_coin_code;

/** As qc_txout_decompress(), and says why not: *why is static. */
QC_MUST_CHECK qc_err qc_txout_read(qc_reader *r, qc_amount *value, qc_bytes *script,
                                   const char **why);
/** varint(height * 2 + coinbase); `dummy`: and Core's zero version byte when the height is not
 *  zero, as undo data has it. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_coin_write(qc_bytes *out, qc_coin_code code, bool dummy, qc_amount value,
                                   qc_span script);
/** Returns: QC_OK; QC_ECORRUPT (*why); QC_ENOMEM. The script is appended to *script. */
QC_MUST_CHECK qc_err qc_coin_read(qc_reader *r, bool dummy, qc_coin_code *code, qc_amount *value,
                                  qc_bytes *script, const char **why);

/** qc_utxo_stats_compute() with a given number of threads besides the caller's. */
QC_MUST_CHECK qc_err qc_utxo_stats_with(qc_coinsdb *db, qc_utxo_hash kind,
                                        const _Atomic bool *cancel, unsigned workers,
                                        qc_utxo_stats *out);
