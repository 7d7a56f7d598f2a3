/* PSBTs as objects: their records, what is made of them, writing. */
#include "lib/psbt_impl.h"

#include "lib/hash.h"
#include "lib/tx.h"

#include <stdlib.h>
#include <string.h>

#define FINAL UINT32_MAX /* sequence */

/* ---- memory ---- */

qn_psbt *qn_psbt_blank(void)
{
    qn_psbt *p = calloc(1, sizeof *p);
    struct qn_psbt_memory *m = calloc(1, sizeof *m);
    if (!p || !m) {
        free(p);
        free(m);
        return NULL;
    }
    p->memory = m;
    return p;
}

void qn_psbt_free(qn_psbt *p)
{
    if (!p)
        return;
    qn_arena_clear(&p->memory->arena);
    free(p->memory);
    free(p);
}

void *qn_psbt_room(qn_psbt *p, size_t n, size_t size)
{
    return qn_arena_get(&p->memory->arena, n, size);
}

qn_psbt_bytes qn_psbt_copy(qn_psbt *p, const void *data, size_t len)
{
    const uint8_t *v = qn_arena_copy(&p->memory->arena, data, len);
    return (qn_psbt_bytes){v, v ? len : 0};
}

void qn_psbt_put_le(qn_grow *g, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        qn_grow_byte(g, (uint8_t)(v >> (8 * i)));
}

void qn_psbt_put_size(qn_grow *g, uint64_t n)
{
    unsigned bytes = n < 253 ? 0 : n <= 0xffff ? 2 : n <= 0xffffffff ? 4 : 8;
    if (bytes)
        qn_grow_byte(g, bytes == 2 ? 253 : bytes == 4 ? 254 : 255);
    qn_psbt_put_le(g, n, bytes ? bytes : 1);
}

void qn_psbt_put_var(qn_grow *g, const void *data, size_t len)
{
    qn_psbt_put_size(g, len);
    qn_grow_put(g, data, len);
}

/* ---- order ---- */

/* Types in the order of writing, as Core has it; what is not there comes last. */
static const uint8_t ORDER[3][32] = {
    {QN_PSBT_G_TX, QN_PSBT_G_XPUB, QN_PSBT_G_TX_VERSION, QN_PSBT_G_LOCKTIME, QN_PSBT_G_INPUTS,
     QN_PSBT_G_OUTPUTS, QN_PSBT_G_MODIFIABLE, QN_PSBT_G_VERSION, QN_PSBT_PROPRIETARY},
    {QN_PSBT_IN_TX,
     QN_PSBT_IN_COIN,
     QN_PSBT_IN_SIG,
     QN_PSBT_IN_SIGHASH,
     QN_PSBT_IN_REDEEM,
     QN_PSBT_IN_WITNESS,
     QN_PSBT_IN_ORIGIN,
     QN_PSBT_IN_RIPEMD160,
     QN_PSBT_IN_SHA256,
     QN_PSBT_IN_HASH160,
     QN_PSBT_IN_HASH256,
     QN_PSBT_IN_TAP_SIG,
     QN_PSBT_IN_TAP_SCRIPT_SIG,
     QN_PSBT_IN_TAP_LEAF,
     QN_PSBT_IN_TAP_ORIGIN,
     QN_PSBT_IN_TAP_KEY,
     QN_PSBT_IN_TAP_ROOT,
     QN_PSBT_IN_MUSIG,
     QN_PSBT_IN_MUSIG_NONCE,
     QN_PSBT_IN_MUSIG_SIG,
     QN_PSBT_IN_FINAL_SIG,
     QN_PSBT_IN_FINAL_WITNESS,
     QN_PSBT_IN_TXID,
     QN_PSBT_IN_VOUT,
     QN_PSBT_IN_SEQUENCE,
     QN_PSBT_IN_TIME,
     QN_PSBT_IN_HEIGHT,
     QN_PSBT_PROPRIETARY},
    {QN_PSBT_OUT_REDEEM, QN_PSBT_OUT_WITNESS, QN_PSBT_OUT_ORIGIN, QN_PSBT_OUT_AMOUNT,
     QN_PSBT_OUT_SCRIPT, QN_PSBT_PROPRIETARY, QN_PSBT_OUT_TAP_KEY, QN_PSBT_OUT_TAP_TREE,
     QN_PSBT_OUT_TAP_ORIGIN, QN_PSBT_OUT_MUSIG}};
static const size_t ORDERED[3] = {9, 28, 10};

static size_t rank(unsigned kind, uint64_t type)
{
    size_t i = 0;
    while (i < ORDERED[kind] && ORDER[kind][i] != type)
        i++;
    return i;
}

static int origins(qn_psbt_bytes a, qn_psbt_bytes b)
{
    int c = memcmp(a.data, b.data, 4);
    if (c || a.len != b.len)
        return c ? c : a.len < b.len ? -1 : 1;
    qn_psbt_reader x = {a.data + 4, a.len - 4, NULL}, y = {b.data + 4, b.len - 4, NULL};
    while (x.left) {
        uint32_t l = qn_psbt_u32(&x), r = qn_psbt_u32(&y);
        if (l != r)
            return l < r ? -1 : 1;
    }
    return 0;
}

static int xpubs(const qn_psbt_record *a, const qn_psbt_record *b)
{
    int c = origins(a->value, b->value);
    c = c ? c : memcmp(a->data.data + 45, b->data.data + 45, 33);
    return c ? c : memcmp(a->data.data + 13, b->data.data + 13, 32);
}

static int leaves(const qn_psbt_record *a, const qn_psbt_record *b)
{
    const qn_psbt_bytes x = {a->value.data, a->value.len - 1},
                        y = {b->value.data, b->value.len - 1};
    int c = qn_psbt_compare(x, y);
    c = c ? c : x.data[x.len] - y.data[y.len];
    if (c || a->data.len != b->data.len)
        return c ? c : a->data.len < b->data.len ? -1 : 1;
    return qn_psbt_compare(a->data, b->data);
}

/* By the aggregate key, the leaf's hash (without one first), the participant. */
static int musigs(const qn_psbt_record *a, const qn_psbt_record *b)
{
    const qn_psbt_bytes x = {a->data.data + 33, a->data.len - 33},
                        y = {b->data.data + 33, b->data.len - 33};
    int c = qn_psbt_compare(x, y);
    return c ? c : memcmp(a->data.data, b->data.data, 33);
}

static int in_order(unsigned kind, const qn_psbt_record *a, const qn_psbt_record *b)
{
    size_t x = rank(kind, a->type), y = rank(kind, b->type);
    if (x != y)
        return x < y ? -1 : 1;
    if (kind == QN_PSBT_GLOBAL && a->type == QN_PSBT_G_XPUB)
        return xpubs(a, b);
    if (kind == QN_PSBT_INPUT && a->type == QN_PSBT_IN_SIG)
        return memcmp(a->id, b->id, 20);
    if (kind == QN_PSBT_INPUT && a->type == QN_PSBT_IN_TAP_LEAF)
        return leaves(a, b);
    if (kind == QN_PSBT_INPUT &&
        (a->type == QN_PSBT_IN_MUSIG_NONCE || a->type == QN_PSBT_IN_MUSIG_SIG))
        return musigs(a, b);
    return qn_psbt_compare(a->key, b->key);
}

static int global_order(const void *a, const void *b)
{
    return in_order(QN_PSBT_GLOBAL, a, b);
}

static int input_order(const void *a, const void *b)
{
    return in_order(QN_PSBT_INPUT, a, b);
}

static int output_order(const void *a, const void *b)
{
    return in_order(QN_PSBT_OUTPUT, a, b);
}

void qn_psbt_sort(qn_psbt_map *m)
{
    static int (*const BY[])(const void *, const void *) = {global_order, input_order,
                                                            output_order};
    if (m->n > 1)
        qsort(m->record, m->n, sizeof *m->record, BY[m->kind]);
}

/* ---- records ---- */

const qn_psbt_record *qn_psbt_get(const qn_psbt_map *m, uint64_t type)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->record[i].type == type)
            return &m->record[i];
    return NULL;
}

qn_psbt_bytes qn_psbt_value(const qn_psbt_map *m, uint64_t type)
{
    const qn_psbt_record *r = qn_psbt_get(m, type);
    return r ? r->value : (qn_psbt_bytes){NULL, 0};
}

const qn_psbt_record *qn_psbt_find(const qn_psbt_map *m, const void *key, size_t len)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->record[i].key.len == len && memcmp(m->record[i].key.data, key, len) == 0)
            return &m->record[i];
    return NULL;
}

bool qn_psbt_append(qn_psbt *p, qn_psbt_map *m, const qn_psbt_record *r)
{
    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 8;
        qn_psbt_record *more = qn_psbt_room(p, cap, sizeof *more);
        if (!more)
            return false;
        if (m->n)
            memcpy(more, m->record, m->n * sizeof *more);
        m->record = more;
        m->cap = cap;
    }
    qn_psbt_record *to = &m->record[m->n];
    *to = *r;
    if (m->kind == QN_PSBT_INPUT && r->type == QN_PSBT_IN_SIG) {
        uint8_t *id = qn_psbt_room(p, 20, 1);
        if (!id)
            return false;
        qn_hash160(r->data.data, r->data.len, id);
        to->id = id;
    }
    m->n++;
    return true;
}

bool qn_psbt_put(qn_psbt *p, qn_psbt_map *m, uint8_t type, const void *data, size_t data_len,
                 const void *value, size_t value_len)
{
    uint8_t *key = qn_psbt_room(p, data_len + 1, 1);
    qn_psbt_bytes copy = qn_psbt_copy(p, value, value_len);
    if (!key || !copy.data)
        return false;
    key[0] = type;
    if (data_len)
        memcpy(key + 1, data, data_len);
    qn_psbt_record *have = (qn_psbt_record *)(uintptr_t)qn_psbt_find(m, key, data_len + 1);
    const qn_psbt_record r = {
        .type = type, .key = {key, data_len + 1}, .data = {key + 1, data_len}, .value = copy};
    if (have)
        have->value = copy;
    else if (!qn_psbt_append(p, m, &r))
        return false;
    qn_psbt_sort(m);
    return true;
}

void qn_psbt_drop(qn_psbt_map *m, uint64_t type)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->n; i++)
        if (m->record[i].type != type)
            m->record[kept++] = m->record[i];
    m->n = kept;
}

static int key_order(const void *a, const void *b)
{
    const qn_psbt_record *const *x = a, *const *y = b;
    return qn_psbt_compare((*x)->key, (*y)->key);
}

/* Owned: free(). */
static const qn_psbt_record **by_key(const qn_psbt_map *m)
{
    const qn_psbt_record **v = malloc((m->n + 1) * sizeof(const qn_psbt_record *));
    for (size_t i = 0; v && i < m->n; i++)
        v[i] = &m->record[i];
    if (v && m->n > 1)
        qsort((void *)v, m->n, sizeof(const qn_psbt_record *), key_order);
    return v;
}

static bool copy_record(qn_psbt *p, qn_psbt_map *to, const qn_psbt_record *from)
{
    qn_psbt_record r = *from;
    r.key = qn_psbt_copy(p, from->key.data, from->key.len);
    r.value = qn_psbt_copy(p, from->value.data, from->value.len);
    if (!r.key.data || !r.value.data)
        return false;
    r.data = (qn_psbt_bytes){r.key.data + (from->data.data - from->key.data), from->data.len};
    return qn_psbt_append(p, to, &r);
}

static bool merge(qn_psbt *p, qn_psbt_map *to, const qn_psbt_map *from, bool all)
{
    const qn_psbt_record **have = by_key(to), **come = by_key(from);
    bool ok = have && come;
    const size_t n = to->n; /* what is added comes behind, and `have` may point to what was moved */
    qn_psbt_record *old = malloc((n + 1) * sizeof *old);
    if (ok && old) {
        for (size_t i = 0; i < n; i++)
            old[i] = *have[i];
        for (size_t i = 0, k = 0; ok && i < from->n; i++) {
            while (k < n && qn_psbt_compare(old[k].key, come[i]->key) < 0)
                k++;
            /* A hash type is not taken over: whoever signs must want it (as Core's Merge()). */
            if (to->kind == QN_PSBT_INPUT && come[i]->type == QN_PSBT_IN_SIGHASH && !all)
                continue;
            if (k == n || qn_psbt_compare(old[k].key, come[i]->key) != 0)
                ok = copy_record(p, to, come[i]);
        }
        qn_psbt_sort(to);
    }
    ok = ok && old;
    free(old);
    free((void *)have);
    free((void *)come);
    return ok;
}

bool qn_psbt_merge(qn_psbt *p, qn_psbt_map *to, const qn_psbt_map *from)
{
    return merge(p, to, from, true);
}

/* ---- transactions ---- */

const char *qn_psbt_take_tx(qn_psbt *p, qn_psbt_bytes tx, bool *bare, size_t *used)
{
    static const char SHORT[] = "SpanReader::read(): end of data";
    qn_psbt_reader r = {tx.data, tx.len, NULL};
    p->tx_version = qn_psbt_u32(&r);
    uint64_t n = qn_psbt_size(&r);
    if (r.fail || n > r.left / 41)
        return r.fail ? r.fail : SHORT;
    *bare = true;
    p->n_in = (size_t)n;
    p->in = qn_psbt_room(p, p->n_in, sizeof *p->in);
    for (size_t i = 0; p->in && i < p->n_in; i++) {
        p->in[i].txid = qn_psbt_take(&r, 32).data;
        p->in[i].vout = qn_psbt_u32(&r);
        *bare &= qn_psbt_var(&r).len == 0;
        p->in[i].has_sequence = true;
        p->in[i].sequence = qn_psbt_u32(&r);
        p->in[i].map.kind = QN_PSBT_INPUT;
    }
    n = qn_psbt_size(&r);
    if (r.fail || n > r.left / 9)
        return r.fail ? r.fail : SHORT;
    p->n_out = (size_t)n;
    p->out = qn_psbt_room(p, p->n_out, sizeof *p->out);
    for (size_t i = 0; p->out && i < p->n_out; i++) {
        p->out[i].coin.value = (int64_t)qn_psbt_u64(&r);
        p->out[i].coin.script = qn_psbt_var(&r);
        p->out[i].map.kind = QN_PSBT_OUTPUT;
    }
    p->has_locktime = true;
    p->locktime = qn_psbt_u32(&r);
    if (r.fail || !p->in || !p->out)
        return r.fail ? r.fail : "out of memory";
    if (used)
        *used = tx.len - r.left;
    return r.left && !used ? "Size of value was not the stated size" : NULL;
}

bool qn_psbt_locktime(const qn_psbt *p, uint32_t *out)
{
    bool may_time = true, may_height = true;
    uint32_t time = 0, height = 0;
    for (size_t i = 0; p->version == 2 && i < p->n_in; i++) {
        const qn_psbt_in *in = &p->in[i];
        may_height &= !(in->has_time && !in->has_height);
        may_time &= !(in->has_height && !in->has_time);
        if (!may_time && !may_height)
            return false;
        if (in->has_time && in->time > time)
            time = in->time;
        if (in->has_height && in->height > height)
            height = in->height;
    }
    *out = may_height && height ? height
           : may_time && time   ? time
           : p->has_locktime    ? p->locktime
                                : 0;
    return true;
}

static void put_input(qn_grow *g, const qn_psbt_in *in, bool final, bool unique)
{
    qn_psbt_bytes sig = {NULL, 0};
    if (final)
        sig = qn_psbt_value(&in->map, QN_PSBT_IN_FINAL_SIG);
    qn_grow_put(g, in->txid, 32);
    qn_psbt_put_le(g, in->vout, 4);
    qn_psbt_put_var(g, sig.data, sig.len);
    qn_psbt_put_le(g, unique ? 0 : in->has_sequence ? in->sequence : FINAL, 4);
}

static void put_tx(qn_grow *g, const qn_psbt *p, uint32_t locktime, bool final, bool unique)
{
    bool witness = false;
    for (size_t i = 0; final && i < p->n_in; i++)
        witness |= qn_psbt_get(&p->in[i].map, QN_PSBT_IN_FINAL_WITNESS) != NULL;
    qn_psbt_put_le(g, p->tx_version, 4);
    if (witness)
        qn_psbt_put_le(g, 0x0100, 2); /* marker and flag (BIP144) */
    qn_psbt_put_size(g, p->n_in);
    for (size_t i = 0; i < p->n_in; i++)
        put_input(g, &p->in[i], final, unique);
    qn_psbt_put_size(g, p->n_out);
    for (size_t i = 0; i < p->n_out; i++) {
        qn_psbt_put_le(g, (uint64_t)p->out[i].coin.value, 8);
        qn_psbt_put_var(g, p->out[i].coin.script.data, p->out[i].coin.script.len);
    }
    for (size_t i = 0; witness && i < p->n_in; i++) {
        qn_psbt_bytes w = qn_psbt_value(&p->in[i].map, QN_PSBT_IN_FINAL_WITNESS);
        if (w.data)
            qn_grow_put(g, w.data, w.len);
        else
            qn_grow_byte(g, 0);
    }
    qn_psbt_put_le(g, locktime, 4);
}

static bool give(qn_grow *g, uint8_t **out, size_t *len)
{
    if (g->failed) {
        qn_grow_clear(g);
        return false;
    }
    *out = g->data;
    *len = g->len;
    return true;
}

qn_psbt_result qn_psbt_tx(const qn_psbt *p, bool final, uint8_t **out, size_t *len)
{
    qn_grow g = {.data = NULL};
    uint32_t locktime;
    if (!qn_psbt_locktime(p, &locktime))
        return QN_PSBT_NO_LOCKTIME;
    put_tx(&g, p, locktime, final, false);
    return give(&g, out, len) ? QN_PSBT_OK : QN_PSBT_NO_MEMORY;
}

/* What tells one transaction from another while it is made (BIP370). */
static qn_psbt_result unique_id(const qn_psbt *p, uint8_t id[32])
{
    qn_grow g = {.data = NULL};
    uint32_t locktime;
    if (!qn_psbt_locktime(p, &locktime))
        return QN_PSBT_NO_LOCKTIME;
    put_tx(&g, p, locktime, false, p->version == 2);
    bool ok = !g.failed;
    if (ok)
        qn_sha256d(g.data, g.len, id);
    qn_grow_clear(&g);
    return ok ? QN_PSBT_OK : QN_PSBT_NO_MEMORY;
}

/* ---- combiner ---- */

static bool merge_flags(qn_psbt *p, const qn_psbt *from)
{
    if (!p->has_modifiable && !from->has_modifiable)
        return true;
    uint8_t a = p->has_modifiable ? p->modifiable : 0,
            b = from->has_modifiable ? from->modifiable : 0;
    p->modifiable = (uint8_t)((a & b & ~QN_PSBT_HAS_SINGLE) | ((a | b) & QN_PSBT_HAS_SINGLE));
    p->has_modifiable = true;
    return qn_psbt_put(p, &p->map, QN_PSBT_G_MODIFIABLE, NULL, 0, &p->modifiable, 1);
}

static void merge_numbers(qn_psbt_in *in, const qn_psbt_in *from)
{
    in->sequence = in->has_sequence ? in->sequence : from->sequence;
    in->time = in->has_time ? in->time : from->time;
    in->height = in->has_height ? in->height : from->height;
    in->has_sequence |= from->has_sequence;
    in->has_time |= from->has_time;
    in->has_height |= from->has_height;
}

qn_psbt_result qn_psbt_combine(qn_psbt *p, const qn_psbt *from)
{
    uint8_t a[32], b[32];
    qn_psbt_result r = unique_id(p, a);
    r = r ? r : unique_id(from, b);
    if (r)
        return r == QN_PSBT_NO_MEMORY ? r : QN_PSBT_OTHER_TX;
    if (memcmp(a, b, 32) != 0 || p->version != from->version)
        return QN_PSBT_OTHER_TX;
    bool ok = qn_psbt_merge(p, &p->map, &from->map) && merge_flags(p, from);
    for (size_t i = 0; ok && i < p->n_in; i++) {
        ok = merge(p, &p->in[i].map, &from->in[i].map, false);
        merge_numbers(&p->in[i], &from->in[i]);
    }
    for (size_t i = 0; ok && i < p->n_out; i++)
        ok = qn_psbt_merge(p, &p->out[i].map, &from->out[i].map);
    if (!p->has_locktime && from->has_locktime) {
        p->has_locktime = true;
        p->locktime = from->locktime;
    }
    return ok ? QN_PSBT_OK : QN_PSBT_NO_MEMORY;
}

/* ---- coins ---- */

bool qn_psbt_witness_coin(const qn_psbt_in *in, qn_psbt_coin *out)
{
    qn_psbt_bytes v = qn_psbt_value(&in->map, QN_PSBT_IN_COIN);
    qn_psbt_reader r = {v.data, v.len, NULL};
    if (!v.data)
        return false;
    out->value = (int64_t)qn_psbt_u64(&r);
    out->script = qn_psbt_var(&r);
    return true;
}

bool qn_psbt_coin_of(const qn_psbt_in *in, qn_psbt_coin *out)
{
    qn_psbt_bytes v = qn_psbt_value(&in->map, QN_PSBT_IN_TX);
    qn_tx_view tx;
    qn_tx_cursor at = {0};
    qn_tx_out o;
    uint8_t id[32];
    if (!v.data)
        return qn_psbt_witness_coin(in, out);
    if (!qn_tx_read(v.data, v.len, &tx) || in->vout >= tx.n_out)
        return false;
    qn_tx_id(&tx, id);
    if (memcmp(id, in->txid, 32) != 0)
        return false;
    for (uint32_t i = 0; i <= in->vout; i++)
        if (!qn_tx_next_out(&tx, &at, &o))
            return false;
    *out = (qn_psbt_coin){o.value, {o.script, o.script_len}};
    return true;
}

bool qn_psbt_is_final(const qn_psbt_in *in)
{
    return qn_psbt_get(&in->map, QN_PSBT_IN_FINAL_SIG) ||
           qn_psbt_get(&in->map, QN_PSBT_IN_FINAL_WITNESS);
}

/* ---- creator ---- */

static bool put_number(qn_psbt *p, qn_psbt_map *m, uint8_t type, uint64_t v, unsigned n)
{
    uint8_t b[8];
    for (unsigned i = 0; i < n; i++)
        b[i] = (uint8_t)(v >> (8 * i));
    return qn_psbt_put(p, m, type, NULL, 0, b, n);
}

static bool put_count(qn_psbt *p, uint8_t type, size_t v)
{
    qn_grow g = {.data = NULL};
    qn_psbt_put_size(&g, v);
    bool ok = !g.failed && qn_psbt_put(p, &p->map, type, NULL, 0, g.data, g.len);
    qn_grow_clear(&g);
    return ok;
}

static bool put_input_2(qn_psbt *p, qn_psbt_in *in)
{
    return qn_psbt_put(p, &in->map, QN_PSBT_IN_TXID, NULL, 0, in->txid, 32) &&
           put_number(p, &in->map, QN_PSBT_IN_VOUT, in->vout, 4) &&
           put_number(p, &in->map, QN_PSBT_IN_SEQUENCE, in->sequence, 4);
}

static bool put_version_2(qn_psbt *p)
{
    bool ok = put_number(p, &p->map, QN_PSBT_G_TX_VERSION, p->tx_version, 4) &&
              put_number(p, &p->map, QN_PSBT_G_LOCKTIME, p->locktime, 4) &&
              put_count(p, QN_PSBT_G_INPUTS, p->n_in) &&
              put_count(p, QN_PSBT_G_OUTPUTS, p->n_out) &&
              put_number(p, &p->map, QN_PSBT_G_VERSION, 2, 4);
    for (size_t i = 0; ok && i < p->n_in; i++)
        ok = put_input_2(p, &p->in[i]);
    for (size_t i = 0; ok && i < p->n_out; i++) {
        qn_psbt_out *o = &p->out[i];
        ok = put_number(p, &o->map, QN_PSBT_OUT_AMOUNT, (uint64_t)o->coin.value, 8) &&
             qn_psbt_put(p, &o->map, QN_PSBT_OUT_SCRIPT, NULL, 0, o->coin.script.data,
                         o->coin.script.len);
    }
    return ok;
}

/* The bytes of the unsigned transaction become its first record, or records of its parts. */
static qn_psbt *finish(qn_psbt *p, uint32_t version, qn_grow *g)
{
    bool bare, ok = !g->failed;
    qn_psbt_bytes tx = ok ? qn_psbt_copy(p, g->data, g->len) : (qn_psbt_bytes){NULL, 0};
    qn_grow_clear(g);
    ok = tx.data && !qn_psbt_take_tx(p, tx, &bare, NULL);
    p->version = version;
    if (ok)
        ok = version == 2 ? put_version_2(p)
                          : qn_psbt_put(p, &p->map, QN_PSBT_G_TX, NULL, 0, tx.data, tx.len);
    if (ok)
        return p;
    qn_psbt_free(p);
    return NULL;
}

qn_psbt *qn_psbt_new_of(uint32_t version, uint32_t tx_version, uint32_t locktime,
                        const qn_psbt_in *in, size_t n_in, const qn_psbt_out *out, size_t n_out)
{
    qn_psbt *p = qn_psbt_blank();
    qn_grow g = {.data = NULL};
    const qn_psbt parts = {.tx_version = tx_version,
                           .n_in = n_in,
                           .n_out = n_out,
                           .in = (qn_psbt_in *)(uintptr_t)in,
                           .out = (qn_psbt_out *)(uintptr_t)out};
    if (!p)
        return NULL;
    put_tx(&g, &parts, locktime, false, false);
    return finish(p, version, &g);
}

qn_psbt *qn_psbt_new(uint32_t version, const void *tx, size_t len)
{
    qn_psbt *p = qn_psbt_blank(), *made = NULL;
    qn_tx_view v;
    qn_tx_cursor at_in = {0}, at_out = {0};
    qn_tx_in in;
    qn_tx_out out;
    bool bare;
    if (!p)
        return NULL;
    /* One without inputs and witness data is not read by the other form. */
    if (!qn_psbt_take_tx(p, (qn_psbt_bytes){tx, len}, &bare, NULL)) {
        made =
            qn_psbt_new_of(version, p->tx_version, p->locktime, p->in, p->n_in, p->out, p->n_out);
    } else if (qn_tx_read(tx, len, &v) && v.len == len) {
        qn_psbt_in *ins = qn_psbt_room(p, v.n_in, sizeof *ins);
        qn_psbt_out *outs = qn_psbt_room(p, v.n_out, sizeof *outs);
        for (size_t i = 0; ins && qn_tx_next_in(&v, &at_in, &in); i++)
            ins[i] = (qn_psbt_in){.txid = in.prev_txid,
                                  .vout = in.prev_n,
                                  .has_sequence = true,
                                  .sequence = in.sequence};
        for (size_t i = 0; outs && qn_tx_next_out(&v, &at_out, &out); i++)
            outs[i] = (qn_psbt_out){.coin = {out.value, {out.script, out.script_len}}};
        if (ins && outs)
            made = qn_psbt_new_of(version, v.version, v.locktime, ins, v.n_in, outs, v.n_out);
    }
    qn_psbt_free(p);
    return made;
}

/* ---- writing ---- */

/* The transaction that made a coin is written without its witness data. */
static void put_bare_tx(qn_grow *g, qn_psbt_bytes v)
{
    qn_tx_view tx;
    qn_grow bare = {.data = NULL};
    if (!qn_tx_read(v.data, v.len, &tx) || !tx.has_witness) {
        qn_psbt_put_var(g, v.data, v.len);
        return;
    }
    qn_psbt_put_le(&bare, tx.version, 4);
    qn_grow_put(&bare, v.data + tx.in_off, tx.witness_off - tx.in_off);
    qn_psbt_put_le(&bare, tx.locktime, 4);
    qn_psbt_put_var(g, bare.data, bare.len);
    g->failed |= bare.failed;
    qn_grow_clear(&bare);
}

/* What a finalized input keeps of itself. */
static bool stays(uint64_t type)
{
    return type <= QN_PSBT_IN_COIN || type == QN_PSBT_IN_FINAL_SIG ||
           type == QN_PSBT_IN_FINAL_WITNESS ||
           (type >= QN_PSBT_IN_TXID && type <= QN_PSBT_IN_HEIGHT) || type == QN_PSBT_PROPRIETARY ||
           type == QN_PSBT_UNKNOWN;
}

static void put_map(qn_grow *g, const qn_psbt_map *m, bool final)
{
    for (size_t i = 0; i < m->n; i++) {
        const qn_psbt_record *r = &m->record[i];
        if (final && !stays(r->type))
            continue;
        if (m->kind == QN_PSBT_GLOBAL && r->type == QN_PSBT_G_VERSION && r->value.data[0] == 0)
            continue; /* 0 goes without saying */
        qn_psbt_put_var(g, r->key.data, r->key.len);
        if (m->kind == QN_PSBT_INPUT && r->type == QN_PSBT_IN_TX)
            put_bare_tx(g, r->value);
        else
            qn_psbt_put_var(g, r->value.data, r->value.len);
    }
    qn_grow_byte(g, 0);
}

bool qn_psbt_write(const qn_psbt *p, uint8_t **out, size_t *len)
{
    qn_grow g = {.data = NULL};
    qn_grow_put(&g, "psbt\xff", 5);
    put_map(&g, &p->map, false);
    for (size_t i = 0; i < p->n_in; i++)
        put_map(&g, &p->in[i].map, qn_psbt_is_final(&p->in[i]));
    for (size_t i = 0; i < p->n_out; i++)
        put_map(&g, &p->out[i].map, false);
    return give(&g, out, len);
}
