/* PSBTs as objects: what is made of their records, writing. */
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
        ok = qn_psbt_merge_some(p, &p->in[i].map, &from->in[i].map);
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
