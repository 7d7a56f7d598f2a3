/* Blocks to order: real serialization and real ids, but no proof of work and no signatures. */
#include "lib/mock/internal.h"

#include "lib/hash.h"

#include <stdlib.h>
#include <string.h>

#define SUBSIDY INT64_C(5000000000)

typedef struct bytes {
    uint8_t *data;
    size_t len, cap;
} bytes;

static void put(bytes *b, const void *data, size_t len)
{
    if (b->cap - b->len < len) {
        b->cap = b->cap * 2 + len + 256;
        b->data = qn_mk_grow(b->data, b->cap);
    }
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
}
static void put_le(bytes *b, uint64_t v, unsigned n)
{
    uint8_t p[8];
    for (unsigned i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> (8 * i));
    put(b, p, n);
}
static void put_compact(bytes *b, uint32_t v)
{
    if (v < 253) {
        put_le(b, v, 1);
    } else {
        put_le(b, v <= 0xffff ? 253 : 254, 1);
        put_le(b, v, v <= 0xffff ? 2 : 4);
    }
}

/* A block while it is being put together: its bytes and the records over them. */
typedef struct draft {
    bytes raw, tx, in, out, spent, fee, scripts;
    uint32_t n_tx, n_in, n_out;
    int64_t value_in, value_out;
} draft;

static void add_in(draft *d, const uint8_t *txid, uint32_t n, const uint8_t *script, uint32_t len,
                   const qn_spent_rec *spent)
{
    qn_in_rec r = {.prev_n = n, .sequence = UINT32_MAX, .script_len = len};
    memcpy(r.prev_txid, txid, 32);
    put(&d->raw, txid, 32);
    put_le(&d->raw, n, 4);
    put_compact(&d->raw, len);
    r.script_off = (uint32_t)d->raw.len;
    put(&d->raw, script, len);
    put_le(&d->raw, r.sequence, 4);
    put(&d->in, &r, sizeof r);
    put(&d->spent, spent, sizeof *spent);
    d->value_in += spent->value;
    d->n_in++;
}

static void add_out(draft *d, const uint8_t *script, uint32_t len, int64_t value)
{
    qn_out_rec r = {.value = value, .script_len = len};
    put_le(&d->raw, (uint64_t)value, 8);
    put_compact(&d->raw, len);
    r.script_off = (uint32_t)d->raw.len;
    put(&d->raw, script, len);
    put(&d->out, &r, sizeof r);
    d->value_out += value;
    d->n_out++;
}

static qn_tx_rec begin_tx(draft *d)
{
    qn_tx_rec t = {.off = (uint32_t)d->raw.len, .in0 = d->n_in, .out0 = d->n_out, .version = 2};
    d->value_in = d->value_out = 0;
    put_le(&d->raw, t.version, 4);
    return t;
}

static void end_tx(draft *d, qn_tx_rec t, bool coinbase)
{
    put_le(&d->raw, 0, 4);
    t.len = t.stripped = (uint32_t)d->raw.len - t.off;
    t.weight = 4 * t.len;
    t.n_in = d->n_in - t.in0;
    t.n_out = d->n_out - t.out0;
    qn_sha256d(d->raw.data + t.off, t.len, t.txid);
    memcpy(t.wtxid, t.txid, 32);
    put(&d->tx, &t, sizeof t);
    int64_t fee = coinbase ? 0 : d->value_in - d->value_out;
    put(&d->fee, &fee, sizeof fee);
    d->n_tx++;
}

static void add_coinbase(draft *d, qn_mock *m, uint32_t height)
{
    static const uint8_t zero[32], anybody[] = {0x51};
    const qn_spent_rec none = {0};
    uint8_t script[9] = {8};
    uint32_t salt = m->salt++;
    memcpy(script + 1, &height, 4);
    memcpy(script + 5, &salt, 4);
    qn_tx_rec t = begin_tx(d);
    put_compact(&d->raw, 1);
    add_in(d, zero, UINT32_MAX, script, sizeof script, &none);
    put_compact(&d->raw, 1);
    add_out(d, anybody, sizeof anybody, SUBSIDY);
    end_tx(d, t, true);
}

/* The coin that (txid, n) made on this branch; a coin that nobody made is an empty one. */
static qn_spent_rec find_coin(draft *d, const qn_mk_block *from, const qn_hash *txid, uint32_t n)
{
    qn_spent_rec s = {0};
    for (const qn_mk_block *b = from; b; b = b->parent)
        for (uint32_t i = 0; i < b->view->tx.count; i++) {
            const qn_tx_rec *t = qn_view_tx(b->view, i);
            if (memcmp(t->txid, txid->b, 32) != 0 || n >= t->n_out)
                continue;
            const qn_out_rec *o = qn_view_out(b->view, t->out0 + n);
            s = (qn_spent_rec){.value = o->value,
                               .script_off = d->scripts.len,
                               .script_len = o->script_len,
                               .height = b->view->height,
                               .coinbase = i == 0};
            put(&d->scripts, qn_view_raw(b->view) + o->script_off, o->script_len);
            return s;
        }
    return s;
}

static void add_queued(draft *d, qn_mock *m, const qn_mk_block *parent)
{
    static const uint8_t zero[32];
    const qn_spent_rec none = {0};
    qn_tx_rec t = begin_tx(d);
    put_compact(&d->raw, m->n_in ? m->n_in : 1);
    for (uint32_t i = 0; i < m->n_in; i++) {
        qn_spent_rec s = find_coin(d, parent, &m->in[i].txid, m->in[i].n);
        add_in(d, m->in[i].txid.b, m->in[i].n, NULL, 0, &s);
    }
    if (!m->n_in) /* from nowhere, but with a place of its own */
        add_in(d, zero, m->salt++, NULL, 0, &none);
    put_compact(&d->raw, m->n_out);
    for (uint32_t i = 0; i < m->n_out; i++) {
        add_out(d, m->out[i].script, m->out[i].len, m->out[i].value);
        free(m->out[i].script);
    }
    end_tx(d, t, false);
    m->n_in = m->n_out = 0;
}

static void merkle(const draft *d, uint8_t root[32])
{
    uint8_t pair[64];
    const qn_tx_rec *t = (const qn_tx_rec *)(const void *)d->tx.data;
    memcpy(root, t[0].txid, 32);
    if (d->n_tx == 1)
        return;
    memcpy(pair, t[0].txid, 32);
    memcpy(pair + 32, t[1].txid, 32);
    qn_sha256d(pair, 64, root);
}

static qn_array place(uint64_t *at, const bytes *b, uint32_t count, uint32_t stride)
{
    qn_array a = {*at, count, stride};
    *at += (b->len + 7) & ~(uint64_t)7;
    return a;
}

static qn_block_view *assemble(const draft *d, uint32_t height)
{
    uint64_t at = sizeof(qn_block_view);
    qn_block_view v = {.size = sizeof v, .flags = QN_VIEW_SPENT, .height = height};
    v.tx = place(&at, &d->tx, d->n_tx, sizeof(qn_tx_rec));
    v.in = place(&at, &d->in, d->n_in, sizeof(qn_in_rec));
    v.out = place(&at, &d->out, d->n_out, sizeof(qn_out_rec));
    v.spent = place(&at, &d->spent, d->n_in, sizeof(qn_spent_rec));
    v.fee = place(&at, &d->fee, d->n_tx, sizeof(int64_t));
    v.raw = (qn_range){at, d->raw.len};
    at += d->raw.len;
    v.spent_scripts = (qn_range){at, d->scripts.len};
    v.total = at + d->scripts.len;
    memcpy(v.prev, d->raw.data + 4, 32);
    qn_sha256d(d->raw.data, 80, v.hash);
    uint8_t *out = qn_mk_grow(NULL, v.total);
    memset(out, 0, v.total);
    memcpy(out, &v, sizeof v);
    const struct {
        uint64_t off;
        const bytes *b;
    } part[] = {{v.tx.off, &d->tx},
                {v.in.off, &d->in},
                {v.out.off, &d->out},
                {v.spent.off, &d->spent},
                {v.fee.off, &d->fee},
                {v.raw.off, &d->raw},
                {v.spent_scripts.off, &d->scripts}};
    for (unsigned i = 0; i < sizeof part / sizeof part[0]; i++)
        if (part[i].b->len)
            memcpy(out + part[i].off, part[i].b->data, part[i].b->len);
    return (qn_block_view *)(void *)out;
}

qn_block_view *qn_mk_build(qn_mock *m, const qn_mk_block *parent)
{
    static const uint8_t zero[32];
    draft d = {0};
    uint32_t height = parent ? parent->view->height + 1 : 0;
    uint8_t root[32];
    put_le(&d.raw, 0x20000000, 4);
    put(&d.raw, parent ? parent->view->hash : zero, 32);
    put(&d.raw, zero, 32); /* the merkle root, below */
    put_le(&d.raw, 1700000000u + 600u * height, 4);
    put_le(&d.raw, 0x207fffff, 4);
    put_le(&d.raw, 0, 4);
    bool more = m->n_in || m->n_out;
    put_compact(&d.raw, more ? 2 : 1);
    add_coinbase(&d, m, height);
    if (more)
        add_queued(&d, m, parent);
    merkle(&d, root);
    memcpy(d.raw.data + 36, root, 32);
    qn_block_view *v = assemble(&d, height);
    bytes *all[] = {&d.raw, &d.tx, &d.in, &d.out, &d.spent, &d.fee, &d.scripts};
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]->data);
    return v;
}
