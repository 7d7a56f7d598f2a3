/* core/rpc/json_write.h: a forward-only JSON writer. It prints what Core prints: amounts as exact
 * decimals, doubles with 16 significant digits, strings escaped the same way. Nothing is kept as a
 * tree. Thread: any, one at a time per writer. */
#pragma once
#include "core/base/bytes.h"
#include "core/base/hash.h"

#include <jansson.h>

/** Zero-initialised is a valid empty writer. A failed allocation is sticky: see qc_jw_ok(). */
typedef struct qc_jw {
    qc_bytes out;
    uint32_t depth; /* open objects and arrays */
    bool comma;     /* a value precedes on this level */
    bool failed;    /* out of memory; everything after it is dropped */
} qc_jw;
#define QC_JW_INIT                                                                                 \
    {                                                                                              \
        QC_BYTES_INIT, 0, false, false                                                             \
    }

/** All written, nothing left open, memory sufficed. */
bool qc_jw_ok(const qc_jw *w);
/** Nothing was written yet. */
bool qc_jw_is_empty(const qc_jw *w);
/** Free the buffer and start afresh. */
void qc_jw_clear(qc_jw *w);

void qc_jw_obj(qc_jw *w);
void qc_jw_obj_end(qc_jw *w);
void qc_jw_arr(qc_jw *w);
void qc_jw_arr_end(qc_jw *w);
/** Name of the next member; the value follows. */
void qc_jw_key(qc_jw *w, const char *key);

void qc_jw_str(qc_jw *w, const char *s);
void qc_jw_strn(qc_jw *w, const char *s, size_t n);
void qc_jw_strf(qc_jw *w, const char *fmt, ...) QC_PRINTF(2, 3);
void qc_jw_int(qc_jw *w, int64_t v);
void qc_jw_uint(qc_jw *w, uint64_t v);
void qc_jw_bool(qc_jw *w, bool v);
void qc_jw_null(qc_jw *w);
/** Satoshis as a number with exactly eight decimals. */
void qc_jw_amount(qc_jw *w, int64_t satoshis);
/** "%.16g"; null when not finite. */
void qc_jw_double(qc_jw *w, double v);
/** Lower-case hex in the order of the bytes. */
void qc_jw_hex(qc_jw *w, qc_span data);
/** A hash as RPC shows it (reversed). */
void qc_jw_hash(qc_jw *w, const qc_hash *h);
/** One complete JSON value, already text. The caller vouches for it. */
void qc_jw_raw(qc_jw *w, const char *text, size_t n);
/** The same, n > 0 bytes that the caller writes at once: borrowed until the writer is used. NULL:
 *  out of memory, as qc_jw_ok() says then too. */
char *qc_jw_room(qc_jw *w, size_t n);
/** A parsed value, printed again. */
void qc_jw_json(qc_jw *w, const json_t *v);

/* Key and value in one call. */
#define QC_JW_KEYED(name, type)                                                                    \
    static inline void qc_jw_k##name(qc_jw *w, const char *key, type v)                            \
    {                                                                                              \
        qc_jw_key(w, key);                                                                         \
        qc_jw_##name(w, v);                                                                        \
    }
QC_JW_KEYED(str, const char *)
QC_JW_KEYED(int, int64_t)
QC_JW_KEYED(uint, uint64_t)
QC_JW_KEYED(bool, bool)
QC_JW_KEYED(amount, int64_t)
QC_JW_KEYED(double, double)
QC_JW_KEYED(hex, qc_span)
QC_JW_KEYED(hash, const qc_hash *)
QC_JW_KEYED(json, const json_t *)
#undef QC_JW_KEYED
static inline void qc_jw_knull(qc_jw *w, const char *key)
{
    qc_jw_key(w, key);
    qc_jw_null(w);
}
static inline void qc_jw_kobj(qc_jw *w, const char *key)
{
    qc_jw_key(w, key);
    qc_jw_obj(w);
}
static inline void qc_jw_karr(qc_jw *w, const char *key)
{
    qc_jw_key(w, key);
    qc_jw_arr(w);
}
