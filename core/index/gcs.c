#include "core/index/gcs.h"

#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "core/btc/wire.h"
#include "core/crypto/siphash.h"

#include <stdlib.h>

static qc_siphash_key key_of(const qc_hash *block)
{
    return (qc_siphash_key){qc_read_le64(block->b), qc_read_le64(block->b + 8)};
}

__extension__ typedef unsigned __int128 u128;

/* Map a 64-bit hash onto [0, range) without division (BIP158 "fast range"). */
static uint64_t map(uint64_t hash, uint64_t range)
{
    return (uint64_t)((u128)hash * range >> 64);
}

void qc_gcs_begin(qc_gcs_builder *b, const qc_hash *block)
{
    qc_siphash_key k = key_of(block);
    *b = (qc_gcs_builder){k.k0, k.k1, NULL, 0, 0};
}

qc_err qc_gcs_add(qc_gcs_builder *b, qc_span element)
{
    qc_siphash_key k = {b->k0, b->k1};
    if (b->n == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 256;
        uint64_t *p = qc_try_realloc(b->hash, cap * sizeof *p);
        if (!p)
            return QC_ENOMEM;
        b->hash = p;
        b->cap = cap;
    }
    b->hash[b->n++] = qc_siphash(&k, element.data, element.len);
    return QC_OK;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Bits, most significant first. */
typedef struct bit_writer {
    qc_bytes *out;
    uint8_t cur;
    unsigned used;
    qc_err err;
} bit_writer;

static void put_bits(bit_writer *w, uint64_t v, unsigned n)
{
    while (n > 0 && !w->err) {
        unsigned room = 8 - w->used, take = n < room ? n : room;
        uint64_t part = v >> (n - take) & ((1u << take) - 1);
        w->cur = (uint8_t)(w->cur | part << (room - take));
        w->used += take;
        n -= take;
        if (w->used == 8) {
            w->err = qc_bytes_append(w->out, &w->cur, 1);
            w->cur = 0;
            w->used = 0;
        }
    }
}

static void put_delta(bit_writer *w, uint64_t delta)
{
    uint64_t q = delta >> QC_GCS_P;
    for (; q >= 32; q -= 32)
        put_bits(w, 0xffffffffu, 32);
    put_bits(w, ((uint64_t)1 << (q + 1)) - 2, (unsigned)q + 1); /* q ones and a zero */
    put_bits(w, delta & ((1u << QC_GCS_P) - 1), QC_GCS_P);
}

/* Equal elements have equal hashes; different ones with equal hashes are as good as equal. */
static size_t sort_unique(uint64_t *v, size_t n)
{
    size_t kept = 0;
    if (n)
        qsort(v, n, sizeof *v, by_value);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || v[i] != v[i - 1])
            v[kept++] = v[i];
    return kept;
}

qc_err qc_gcs_finish(qc_gcs_builder *b, qc_bytes *out)
{
    size_t n = sort_unique(b->hash, b->n);
    uint64_t range = (uint64_t)n * QC_GCS_M, last = 0;
    bit_writer w = {out, 0, 0, qc_w_compact(out, n)};
    /* The map keeps the order, so what is sorted stays sorted. */
    for (size_t i = 0; i < n && !w.err; i++) {
        uint64_t v = map(b->hash[i], range);
        put_delta(&w, v - last);
        last = v;
    }
    if (w.used && !w.err)
        w.err = qc_bytes_append(out, &w.cur, 1);
    qc_free(b->hash);
    b->hash = NULL;
    return w.err;
}

/* ---- matching ---- */

typedef struct bit_reader {
    qc_span in;
    size_t at; /* bit */
    bool failed;
} bit_reader;

static unsigned get_bit(bit_reader *r)
{
    if (r->at >= r->in.len * 8) {
        r->failed = true;
        return 0;
    }
    unsigned bit = (unsigned)r->in.data[r->at / 8] >> (7 - r->at % 8) & 1u;
    r->at++;
    return bit;
}

static uint64_t get_delta(bit_reader *r)
{
    uint64_t q = 0, rest = 0;
    while (get_bit(r))
        q++;
    for (unsigned i = 0; i < QC_GCS_P; i++)
        rest = rest << 1 | get_bit(r);
    return q << QC_GCS_P | rest;
}

qc_err qc_gcs_match(qc_span filter, const qc_hash *block, qc_span element, bool *hit)
{
    qc_reader head = qc_reader_of(filter);
    uint64_t n = qc_r_compact(&head), at = 0;
    qc_siphash_key k = key_of(block);
    *hit = false;
    if (head.fail)
        return QC_ECORRUPT;
    uint64_t want = map(qc_siphash(&k, element.data, element.len), n * QC_GCS_M);
    bit_reader r = {qc_span_of(head.p, qc_reader_left(&head)), 0, false};
    for (uint64_t i = 0; i < n; i++) {
        at += get_delta(&r);
        if (r.failed)
            return QC_ECORRUPT;
        if (at >= want) {
            *hit = at == want;
            return QC_OK;
        }
    }
    return QC_OK;
}

/* Both are sorted: one walk over each. */
static qc_err walk(bit_reader *r, uint64_t n, const uint64_t *want, size_t n_want, bool *hit)
{
    uint64_t at = 0;
    size_t k = 0;
    for (uint64_t i = 0; i < n && k < n_want; i++) {
        at += get_delta(r);
        if (r->failed)
            return QC_ECORRUPT;
        while (k < n_want && want[k] < at)
            k++;
        if (k < n_want && want[k] == at) {
            *hit = true;
            return QC_OK;
        }
    }
    return QC_OK;
}

qc_err qc_gcs_match_any(qc_span filter, const qc_hash *block, const qc_span *element, size_t n,
                        bool *hit)
{
    qc_reader head = qc_reader_of(filter);
    uint64_t n_set = qc_r_compact(&head);
    qc_siphash_key k = key_of(block);
    *hit = false;
    if (head.fail)
        return QC_ECORRUPT;
    uint64_t *want = qc_try_calloc(n + 1, sizeof *want);
    if (!want)
        return QC_ENOMEM;
    for (size_t i = 0; i < n; i++)
        want[i] = map(qc_siphash(&k, element[i].data, element[i].len), n_set * QC_GCS_M);
    n = sort_unique(want, n);
    bit_reader r = {qc_span_of(head.p, qc_reader_left(&head)), 0, false};
    qc_err err = walk(&r, n_set, want, n, hit);
    qc_free(want);
    return err;
}
