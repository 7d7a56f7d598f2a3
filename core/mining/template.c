#include "core/mining/template.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/btc/wire.h"
#include "core/chain/testblock.h"
#include "core/mining/assemble.h"

#include <stdio.h>

qc_template_options qc_template_defaults(void)
{
    return (qc_template_options){
        .reserved_weight = QC_TEMPLATE_RESERVED_WEIGHT,
        .reserved_sigops = QC_TEMPLATE_RESERVED_SIGOPS,
        .max_weight = QC_MAX_BLOCK_WEIGHT,
        .min_feerate = qc_feerate_per_kvb(QC_TEMPLATE_MIN_FEE),
    };
}

static qc_err above(char *why, size_t cap, const char *name, int64_t v, const char *what,
                    int64_t most)
{
    if (why)
        snprintf(why, cap, "%s (%lld) exceeds %s (%lld)", name, (long long)v, what,
                 (long long)most);
    return QC_EINVAL;
}

qc_err qc_template_options_check(const qc_template_options *o, bool named, char *why, size_t cap)
{
    const char *reserved = named ? "-blockreservedweight" : "block_reserved_weight";
    const char *most = named ? "-blockmaxweight" : "block_max_weight";
    const char *limit = "consensus maximum block weight";
    if (o->reserved_weight < QC_TEMPLATE_LEAST_RESERVED_WEIGHT) {
        if (why)
            snprintf(why, cap, "%s (%lld) is lower than minimum safety value of (%u)", reserved,
                     (long long)o->reserved_weight, QC_TEMPLATE_LEAST_RESERVED_WEIGHT);
        return QC_EINVAL;
    }
    if (o->reserved_weight > QC_MAX_BLOCK_WEIGHT)
        return above(why, cap, reserved, o->reserved_weight, limit, QC_MAX_BLOCK_WEIGHT);
    if (o->max_weight > QC_MAX_BLOCK_WEIGHT)
        return above(why, cap, most, o->max_weight, limit, QC_MAX_BLOCK_WEIGHT);
    if (o->reserved_weight > o->max_weight)
        return above(why, cap, reserved, o->reserved_weight, most, o->max_weight);
    if (o->reserved_sigops < 0 || o->reserved_sigops > QC_MAX_BLOCK_SIGOPS_COST)
        return above(why, cap, "coinbase_output_max_additional_sigops", o->reserved_sigops,
                     "consensus maximum block sigops cost", QC_MAX_BLOCK_SIGOPS_COST);
    return QC_OK;
}

const qc_template *qc_template_ref(const qc_template *t)
{
    qc_template *mine = (qc_template *)(uintptr_t)t;
    atomic_fetch_add_explicit(&mine->refs, 1, memory_order_relaxed);
    return t;
}

void qc_template_unref(const qc_template *t)
{
    qc_template *mine = (qc_template *)(uintptr_t)t;
    if (!mine || atomic_fetch_sub_explicit(&mine->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < mine->n_tx; i++)
        qc_mempool_entry_unref(mine->entry[i]);
    qc_free(mine->entry);
    qc_free((void *)(uintptr_t)mine->chunk);
    qc_free(atomic_load(&mine->depends));
    if (mine->parent)
        qc_free((void *)(uintptr_t)mine->tip);
    qc_template_unref(mine->parent);
    qc_free(mine);
}

void qc_template_tx_at(const qc_template *t, uint32_t i, qc_template_tx *out)
{
    QC_ASSERT(i < t->n_tx);
    const qc_mempool_entry *e = t->entry[i];
    const qc_template_depends *d = qc_template_depends_of(t);
    *out = (qc_template_tx){
        .txid = e->tx.rec->txid,
        .wtxid = e->tx.rec->wtxid,
        .fee = e->fee,
        .weight = e->tx.rec->weight,
        .sigops = (uint32_t)e->sigop_cost,
        .depends = d->place + d->at[i],
        .n_depends = d->at[i + 1] - d->at[i],
        .time = e->time,
        .bytes = qc_tx_bytes(&e->tx),
    };
}

void qc_template_set_found(const qc_template *t, const qc_index *i)
{
    atomic_store(&((qc_template *)(uintptr_t)t)->found, i);
}

const qc_index *qc_template_found(const qc_template *t)
{
    return atomic_load(&((qc_template *)(uintptr_t)t)->found);
}

const qc_index *qc_template_on(const qc_template *t)
{
    const qc_index *found = t->parent ? qc_template_found(t->parent) : NULL;
    return found ? found : t->tip;
}

uint32_t qc_template_bits(const qc_template *t, uint32_t time)
{
    return t->params->allow_min_difficulty ? qc_mining_bits(t->params, qc_template_on(t), time)
                                           : t->bits;
}

/* A block more than twice the spacing behind its parent may be of the least difficulty. */
qc_unixtime qc_template_easier_at(const qc_template *t)
{
    qc_unixtime at = (qc_unixtime)t->tip->header.time + 2 * (qc_unixtime)t->params->pow_spacing + 1;
    if (!t->params->allow_min_difficulty || at > (qc_unixtime)UINT32_MAX ||
        (qc_unixtime)t->cur_time >= at)
        return 0;
    return qc_template_bits(t, (uint32_t)at) == t->bits ? 0 : at;
}

void qc_template_time(const qc_template *t, qc_unixtime now, uint32_t *time, uint32_t *bits)
{
    *time = (uint32_t)QC_MAX((int64_t)t->cur_time, QC_MIN(now, (int64_t)UINT32_MAX));
    *bits = qc_template_bits(t, *time);
}

/* ---- blocks ---- */

/* Id of a whole serialized transaction. */
static qc_err id_of(qc_span tx, qc_hash *out)
{
    qc_txbuf b;
    qc_wire_fail fail = qc_tx_parse(tx, true, &b);
    if (fail != QC_WIRE_OK)
        return fail == QC_WIRE_NOMEM ? QC_ENOMEM : QC_EINVAL;
    memcpy(out->b, b.tx.rec->txid, 32);
    qc_txbuf_clear(&b);
    return QC_OK;
}

qc_err qc_template_header(const qc_template *t, const qc_solution *s, qc_header *out)
{
    qc_hash txid;
    qc_err err = id_of(s->coinbase, &txid);
    if (err)
        return err;
    *out = (qc_header){
        .version = s->version,
        .prev = s->prev ? *s->prev : t->prev,
        .merkle_root = qc_merkle_fold(&txid, 0, t->path, t->path_len),
        .time = s->time,
        .bits = s->bits,
        .nonce = s->nonce,
    };
    return QC_OK;
}

static qc_err write_body(const qc_template *t, const qc_solution *s, qc_bytes *out)
{
    qc_header h;
    uint8_t head[QC_HEADER_LEN];
    qc_err err = qc_template_header(t, s, &h);
    if (err)
        return err;
    qc_header_write(&h, head);
    err = qc_bytes_reserve(out, sizeof head + 9 + s->coinbase.len + t->weight);
    if (!err)
        err = qc_bytes_append(out, head, sizeof head);
    if (!err)
        err = qc_w_compact(out, t->n_tx + 1u);
    if (!err)
        err = qc_bytes_append(out, s->coinbase.data, s->coinbase.len);
    for (uint32_t i = 0; !err && i < t->n_tx; i++) {
        qc_span tx = qc_tx_bytes(&t->entry[i]->tx);
        err = qc_bytes_append(out, tx.data, tx.len);
    }
    return err;
}

qc_err qc_template_bytes(const qc_template *t, const qc_solution *s, qc_bytes *out)
{
    *out = (qc_bytes)QC_BYTES_INIT;
    qc_err err = write_body(t, s, out);
    if (err)
        qc_bytes_free(out);
    return err;
}

/* The ids that the pool has computed need not be computed again. */
static qc_err parse(const qc_template *t, const qc_bytes *bytes, qc_block **out)
{
    qc_tx_ids *known = qc_try_calloc(t->n_tx + 1u, sizeof *known);
    if (!known)
        return QC_ENOMEM;
    for (uint32_t i = 0; i < t->n_tx; i++)
        known[i + 1] = (qc_tx_ids){t->entry[i]->tx.rec->txid, t->entry[i]->tx.rec->wtxid};
    qc_wire_fail fail = qc_block_parse_known(qc_bytes_span(bytes), known, out);
    qc_free(known);
    if (fail == QC_WIRE_OK)
        return QC_OK;
    return fail == QC_WIRE_NOMEM ? QC_ENOMEM : QC_EINVAL;
}

qc_err qc_template_block(const qc_template *t, const qc_solution *s, qc_block **out)
{
    qc_bytes bytes;
    *out = NULL;
    qc_err err = qc_template_bytes(t, s, &bytes);
    if (!err)
        err = parse(t, &bytes, out);
    qc_bytes_free(&bytes);
    return err;
}

static qc_err simple_solution(const qc_template *t, qc_span script, qc_bytes *coinbase,
                              qc_solution *out)
{
    *coinbase = (qc_bytes)QC_BYTES_INIT;
    qc_err err = qc_coinbase_write(&t->coinbase, script, qc_span_of(NULL, 0), coinbase);
    *out = (qc_solution){.version = t->version,
                         .time = t->cur_time,
                         .bits = t->bits,
                         .coinbase = qc_bytes_span(coinbase)};
    if (err)
        qc_bytes_free(coinbase);
    return err;
}

qc_err qc_template_simple(const qc_template *t, qc_span script, qc_bytes *out)
{
    qc_bytes coinbase;
    qc_solution s;
    qc_err err = simple_solution(t, script, &coinbase, &s);
    if (err)
        return err;
    err = qc_template_bytes(t, &s, out);
    qc_bytes_free(&coinbase);
    return err;
}

bool qc_template_check(qc_chain *c, const qc_template *t, qc_verdict *v)
{
    return qc_template_check_until(c, t, 0, v);
}

bool qc_template_check_until(qc_chain *c, const qc_template *t, qc_mono until, qc_verdict *v)
{
    qc_bytes coinbase;
    qc_solution s;
    qc_block *b = NULL;
    qc_err err = simple_solution(t, qc_span_of(NULL, 0), &coinbase, &s);
    if (!err)
        err = qc_template_block(t, &s, &b);
    qc_bytes_free(&coinbase);
    if (err)
        return qc_verdict_fail(v, QC_V_CONSENSUS, "error", "%s", qc_err_text(err));
    bool ok = qc_chain_test_block_until(c, b, false, false, until, v);
    qc_block_unref(b);
    return ok;
}
