#include "lib/mining.h"

#include "lib/hash.h"
#include "lib/tx.h"

#include <string.h>

#define PUSH_MAX 75
#define SCRIPT_SIG_MAX 100
#define OUT_SCRIPT_MAX 10000

/* ---- numbers ---- */

bool qn_target_of_bits(uint32_t bits, uint8_t out[32])
{
    uint32_t size = bits >> 24, word = bits & 0x7fffffu;
    if (size < 3)
        word >>= 8 * (3 - size);
    if (!word || bits & 0x800000u)
        return false;
    uint8_t t[32] = {0};
    uint32_t at = size > 3 ? size - 3 : 0;
    for (; word; word >>= 8, at++) {
        if (at >= 32)
            return false;
        t[at] = (uint8_t)word;
    }
    memcpy(out, t, sizeof t);
    return true;
}

bool qn_hash_meets(const uint8_t hash[32], const uint8_t target[32])
{
    for (int i = 31; i >= 0; i--)
        if (hash[i] != target[i])
            return hash[i] < target[i];
    return true;
}

void qn_merkle_fold(uint8_t hash[32], const uint8_t *path, size_t n)
{
    uint8_t pair[64];
    for (size_t i = 0; i < n; i++) {
        memcpy(pair, hash, 32);
        memcpy(pair + 32, path + 32 * i, 32);
        qn_sha256d(pair, sizeof pair, hash);
    }
}

/* ---- writing ---- */

typedef struct writer {
    uint8_t *out;
    size_t n, cap; /* n > cap: it did not fit */
} writer;

static void put(writer *w, const void *data, size_t len)
{
    if (len && w->n <= w->cap && len <= w->cap - w->n)
        memcpy(w->out + w->n, data, len);
    else if (len)
        w->n = w->cap + 1;
    if (w->n <= w->cap)
        w->n += len;
}

static void put_le(writer *w, uint64_t v, size_t len)
{
    uint8_t b[8];
    for (size_t i = 0; i < len; i++, v >>= 8)
        b[i] = (uint8_t)v;
    put(w, b, len);
}

static void put_compact(writer *w, uint64_t v)
{
    if (v < 253) {
        put_le(w, v, 1);
    } else { /* nothing here is above 65,535 */
        put_le(w, 253, 1);
        put_le(w, v, 2);
    }
}

static void put_zeros(writer *w, size_t len)
{
    static const uint8_t zero[PUSH_MAX];
    put(w, zero, len);
}

void qn_header_write(const qn_header_parts *h, uint8_t out[QN_HEADER_LEN])
{
    writer w = {out, 0, QN_HEADER_LEN};
    put_le(&w, (uint32_t)h->version, 4);
    put(&w, h->prev, 32);
    put(&w, h->root, 32);
    put_le(&w, h->time, 4);
    put_le(&w, h->bits, 4);
    put_le(&w, h->nonce, 4);
}

/* ---- the coinbase ---- */

static size_t script_len(const qn_coinbase *c)
{
    return c->prefix_len + (c->space ? 1 + c->space : 0) + (c->tag_len ? 1 + c->tag_len : 0);
}

static bool fits(const qn_coinbase *c)
{
    if (c->prefix_len > SCRIPT_SIG_MAX || c->space > PUSH_MAX || c->tag_len > PUSH_MAX)
        return false;
    for (size_t i = 0; i < c->n_out; i++)
        if (c->out[i].len > OUT_SCRIPT_MAX)
            return false;
    return script_len(c) >= 2 && script_len(c) <= SCRIPT_SIG_MAX && c->n_out <= 1000 &&
           c->n_last <= 1000;
}

static void put_script(writer *w, const qn_coinbase *c, size_t *space_at)
{
    put_compact(w, script_len(c));
    put(w, c->prefix, c->prefix_len);
    if (c->space)
        put_le(w, c->space, 1);
    *space_at = w->n;
    put_zeros(w, c->space);
    if (c->tag_len) {
        put_le(w, c->tag_len, 1);
        put(w, c->tag, c->tag_len);
    }
}

size_t qn_coinbase_write(const qn_coinbase *c, uint8_t *out, size_t cap, size_t *space_at)
{
    static const uint8_t no_output[36] = {[32] = 0xff, 0xff, 0xff, 0xff};
    writer w = {out, 0, cap};
    size_t at = 0;
    if (!fits(c))
        return 0;
    put_le(&w, c->version, 4);
    put_compact(&w, 1);
    put(&w, no_output, sizeof no_output);
    put_script(&w, c, &at);
    put_le(&w, c->sequence, 4);
    put_compact(&w, c->n_out + c->n_last);
    for (size_t i = 0; i < c->n_out; i++) {
        put_le(&w, (uint64_t)c->out[i].value, 8);
        put_compact(&w, c->out[i].len);
        put(&w, c->out[i].script, c->out[i].len);
    }
    put(&w, c->last, c->last_len);
    put_le(&w, c->locktime, 4);
    if (w.n > cap)
        return 0;
    *space_at = at;
    return w.n;
}

size_t qn_coinbase_add_witness(const uint8_t *tx, size_t len, const uint8_t witness[32],
                               uint8_t *out, size_t cap)
{
    static const uint8_t marker[2] = {0, 1}, stack[2] = {1, 32};
    writer w = {out, 0, cap};
    qn_tx_view v;
    if (!qn_tx_read(tx, len, &v) || v.len != len || v.has_witness || v.n_in != 1)
        return 0;
    put(&w, tx, 4);
    put(&w, marker, sizeof marker);
    put(&w, tx + 4, len - 8);
    put(&w, stack, sizeof stack);
    put(&w, witness, 32);
    put(&w, tx + len - 4, 4);
    return w.n > cap ? 0 : w.n;
}
