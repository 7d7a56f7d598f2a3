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

/* The next n bits are the highest of `bits`; below them are those that follow, or zeros. */
typedef struct bit_reader {
    const uint8_t *p, *end;
    uint64_t bits;
    unsigned n;
    bool failed;
} bit_reader;

static void fill(bit_reader *r)
{
    if (r->end - r->p >= 8) {
        const unsigned more = (63 - r->n) / 8;
        r->bits |= qc_read_be64(r->p) >> r->n;
        r->p += more;
        r->n += 8 * more;
        return;
    }
    for (; r->n <= 56 && r->p < r->end; r->n += 8)
        r->bits |= (uint64_t)*r->p++ << (56 - r->n);
}

static void drop(bit_reader *r, unsigned n)
{
    r->bits = n < 64 ? r->bits << n : 0;
    r->n -= n;
}

/* A run of ones, up to the zero that ends it. */
static uint64_t get_ones(bit_reader *r)
{
    for (uint64_t q = 0;;) {
        const unsigned ones = ~r->bits ? (unsigned)__builtin_clzll(~r->bits) : 64;
        if (ones < r->n) {
            drop(r, ones + 1);
            return q + ones;
        }
        q += r->n;
        drop(r, r->n);
        fill(r);
        if (!r->n) {
            r->failed = true;
            return 0;
        }
    }
}

static uint64_t get_delta(bit_reader *r)
{
    fill(r);
    const uint64_t q = get_ones(r);
    if (r->n < QC_GCS_P)
        fill(r);
    if (r->n < QC_GCS_P) {
        r->failed = true;
        return 0;
    }
    const uint64_t rest = r->bits >> (64 - QC_GCS_P);
    drop(r, QC_GCS_P);
    return q << QC_GCS_P | rest;
}

/* Out: *n elements, coded in what *r reads. */
static bool open_filter(qc_span filter, bit_reader *r, uint64_t *n)
{
    qc_reader head = qc_reader_of(filter);
    *n = qc_r_compact(&head);
    *r = (bit_reader){.p = head.p, .end = filter.data + filter.len};
    return !head.fail;
}

qc_err qc_gcs_match(qc_span filter, const qc_hash *block, qc_span element, bool *hit)
{
    bit_reader r;
    uint64_t n, at = 0;
    qc_siphash_key k = key_of(block);
    *hit = false;
    if (!open_filter(filter, &r, &n))
        return QC_ECORRUPT;
    uint64_t want = map(qc_siphash(&k, element.data, element.len), n * QC_GCS_M);
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

/* What is wanted, by the highest bits: nothing is sorted for a single look. */
typedef struct wanted {
    uint64_t *hash, *value; /* as they came; those of a bucket side by side */
    uint32_t *bucket;       /* where each begins; one more than there are */
    size_t n;
    unsigned shift; /* of a value: its bucket */
    uint64_t most;
} wanted;

#define BUCKETS 4u /* for each value, at least */

static void wanted_free(wanted *w)
{
    qc_free(w->hash);
    qc_free(w->value);
    qc_free(w->bucket);
}

static qc_err wanted_new(wanted *w, const qc_siphash_key *k, const qc_span *element, size_t n,
                         uint64_t range)
{
    *w = (wanted){.n = n};
    while (range >> w->shift > BUCKETS * n)
        w->shift++;
    const size_t buckets = (size_t)(range >> w->shift) + 1;
    w->hash = qc_try_calloc(n + 1, sizeof *w->hash);
    w->value = qc_try_calloc(n + 1, sizeof *w->value);
    w->bucket = qc_try_calloc(buckets + 1, sizeof *w->bucket);
    if (!w->hash || !w->value || !w->bucket) {
        wanted_free(w);
        return QC_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        w->hash[i] = map(qc_siphash(k, element[i].data, element[i].len), range);
        w->bucket[w->hash[i] >> w->shift]++;
        if (w->hash[i] > w->most)
            w->most = w->hash[i];
    }
    for (size_t i = 1; i <= buckets; i++) /* now where each ends, */
        w->bucket[i] += w->bucket[i - 1];
    for (size_t i = 0; i < n; i++) /* and then where it begins */
        w->value[--w->bucket[w->hash[i] >> w->shift]] = w->hash[i];
    return QC_OK;
}

static bool is_wanted(const wanted *w, uint64_t v)
{
    const uint32_t *b = &w->bucket[v >> w->shift];
    for (uint32_t i = b[0]; i < b[1]; i++)
        if (w->value[i] == v)
            return true;
    return false;
}

static qc_err walk(bit_reader *r, uint64_t n, const wanted *w, bool *hit)
{
    uint64_t at = 0;
    for (uint64_t i = 0; i < n && !*hit; i++) {
        at += get_delta(r);
        if (r->failed)
            return QC_ECORRUPT;
        if (at > w->most)
            break;
        *hit = is_wanted(w, at);
    }
    return QC_OK;
}

qc_err qc_gcs_match_any(qc_span filter, const qc_hash *block, const qc_span *element, size_t n,
                        bool *hit)
{
    bit_reader r;
    uint64_t n_set;
    qc_siphash_key k = key_of(block);
    wanted w;
    *hit = false;
    if (!open_filter(filter, &r, &n_set))
        return QC_ECORRUPT;
    if (n == 0)
        return QC_OK;
    if (n > UINT32_MAX)
        return QC_ENOMEM;
    qc_err err = wanted_new(&w, &k, element, n, n_set * QC_GCS_M);
    if (err)
        return err;
    err = walk(&r, n_set, &w, hit);
    wanted_free(&w);
    return err;
}
