#include "core/index/coinstats_set.h"

#include "core/base/endian.h"
#include "core/consensus/check.h"
#include "core/script/pattern.h"

/* ---- one block ---- */

/* Called for each coin that a block makes or spends. */
typedef struct coin_walk {
    qc_coinstats *s; /* NULL: only the hash */
    qc_muhash *m;
    bool back; /* the block is taken back */
    qc_bytes text;
} coin_walk;

static void count_coin(qc_coinstats *s, const qc_coin *c, bool made)
{
    qc_u256 value = qc_u256_from64((uint64_t)c->value);
    uint64_t bogo = qc_coin_bogosize(c->script_len);
    if (made) {
        qc_u256_add(c->coinbase ? &s->coinbase : &s->new_outputs_ex_coinbase, &value);
        s->txouts++;
        s->total_amount += c->value;
        s->bogosize += bogo;
    } else {
        qc_u256_add(&s->prevout_spent, &value);
        s->txouts--;
        s->total_amount -= c->value;
        s->bogosize -= bogo;
    }
}

static qc_err one_coin(coin_walk *w, const qc_outpoint *o, const qc_coin *c, bool made)
{
    w->text.len = 0;
    qc_err err = qc_coin_hash_text(&w->text, o, c);
    if (err)
        return err;
    if (made != w->back)
        qc_muhash_add(w->m, qc_bytes_span(&w->text));
    else
        qc_muhash_remove(w->m, qc_bytes_span(&w->text));
    if (w->s)
        count_coin(w->s, c, made);
    return QC_OK;
}

static qc_err made_coins(coin_walk *w, const qc_tx *tx, uint32_t height, bool coinbase)
{
    qc_outpoint o = {.n = 0};
    qc_err err = QC_OK;
    memcpy(o.txid.b, tx->rec->txid, sizeof o.txid.b);
    for (; o.n < tx->rec->n_out && !err; o.n++) {
        qc_span script = qc_tx_script(tx, o.n);
        qc_coin c = {.value = tx->out[o.n].value,
                     .height = height,
                     .coinbase = coinbase,
                     .script_len = (uint32_t)script.len,
                     .script = (uint8_t *)(uintptr_t)script.data};
        if (!qc_script_is_unspendable(script))
            err = one_coin(w, &o, &c, true);
        else if (w->s)
            w->s->unspendable_scripts += c.value;
    }
    return err;
}

static qc_err spent_coins(coin_walk *w, const qc_tx *tx, const qn_block_view *v)
{
    qc_err err = QC_OK;
    for (uint32_t k = 0; k < tx->rec->n_in && !err; k++) {
        const qn_spent_rec *s = qn_view_spent(v, tx->rec->in0 + k);
        qc_outpoint o = qc_tx_prevout(tx, k);
        qc_coin c = {.value = s->value,
                     .height = s->height,
                     .coinbase = s->coinbase != 0,
                     .script_len = s->script_len,
                     .script = (uint8_t *)(uintptr_t)qn_view_spent_script(v, s)};
        err = one_coin(w, &o, &c, false);
    }
    return err;
}

static qc_err walk_block(coin_walk *w, const qc_index *i, const qc_block *b)
{
    qc_err err = QC_OK;
    bool overwritten = qc_bip30_overwritten(i->height, &i->hash);
    for (uint32_t t = 0; t < qc_block_n_tx(b) && !err; t++) {
        qc_tx tx = qc_block_tx(b, t);
        if (t == 0 && overwritten)
            continue;
        err = made_coins(w, &tx, i->height, t == 0);
        if (!err && t > 0)
            err = spent_coins(w, &tx, qc_block_view(b));
    }
    qc_bytes_free(&w->text);
    return err;
}

/* What should be there and is not: nobody claimed it. */
static qc_err count_unclaimed(qc_coinstats *s)
{
    qc_u256 in = qc_u256_from64((uint64_t)s->total_subsidy), out = s->new_outputs_ex_coinbase;
    qc_u256 lost = qc_u256_from64((uint64_t)(s->unspendable_genesis + s->unspendable_bip30 +
                                             s->unspendable_scripts + s->unspendable_unclaimed));
    qc_u256_add(&in, &s->prevout_spent);
    qc_u256_add(&out, &s->coinbase);
    qc_u256_add(&out, &lost);
    if (qc_u256_cmp(&in, &out) < 0)
        return QC_ECORRUPT;
    qc_u256_sub(&in, &out);
    if (qc_u256_bits(&in) > 63)
        return QC_ECORRUPT;
    s->unspendable_unclaimed += (int64_t)in.w[0];
    return QC_OK;
}

qc_err qc_coinstats_apply(qc_coinstats *s, qc_muhash *m, const qc_params *p, const qc_index *i,
                          const qc_block *b)
{
    coin_walk w = {.s = s, .m = m};
    int64_t subsidy = qc_subsidy(p, i->height);
    s->total_subsidy += subsidy;
    if (i->height == 0) {
        s->unspendable_genesis += subsidy; /* no coin of genesis was ever made */
    } else {
        if (qc_bip30_overwritten(i->height, &i->hash))
            s->unspendable_bip30 += subsidy;
        qc_err err = walk_block(&w, i, b);
        if (err)
            return err;
    }
    qc_muhash copy = *m; /* finishing changes it */
    qc_muhash_finalize(&copy, s->muhash.b);
    return count_unclaimed(s);
}

qc_err qc_coinstats_undo_hash(qc_muhash *m, const qc_index *i, const qc_block *b)
{
    coin_walk w = {.m = m, .back = true};
    return i->height ? walk_block(&w, i, b) : QC_OK;
}

/* ---- coding ---- */

static uint8_t *put64(uint8_t *p, uint64_t v)
{
    qc_write_le64(p, v);
    return p + 8;
}

static uint8_t *put256(uint8_t *p, const qc_u256 *v)
{
    for (int k = 0; k < 4; k++)
        p = put64(p, v->w[k]);
    return p;
}

void qc_coinstats_write(const qc_coinstats *s, uint8_t out[static QC_COINSTATS_LEN])
{
    uint8_t *p = out;
    memcpy(p, s->muhash.b, 32);
    p = put64(p + 32, s->txouts);
    p = put64(p, s->bogosize);
    p = put64(p, (uint64_t)s->total_amount);
    p = put64(p, (uint64_t)s->total_subsidy);
    p = put256(p, &s->prevout_spent);
    p = put256(p, &s->new_outputs_ex_coinbase);
    p = put256(p, &s->coinbase);
    p = put64(p, (uint64_t)s->unspendable_genesis);
    p = put64(p, (uint64_t)s->unspendable_bip30);
    p = put64(p, (uint64_t)s->unspendable_scripts);
    put64(p, (uint64_t)s->unspendable_unclaimed);
}

static uint64_t get64(const uint8_t **p)
{
    uint64_t v = qc_read_le64(*p);
    *p += 8;
    return v;
}

static qc_u256 get256(const uint8_t **p)
{
    qc_u256 v;
    for (int k = 0; k < 4; k++)
        v.w[k] = get64(p);
    return v;
}

void qc_coinstats_read(const uint8_t in[static QC_COINSTATS_LEN], qc_coinstats *out)
{
    const uint8_t *p = in + 32;
    memcpy(out->muhash.b, in, 32);
    out->txouts = get64(&p);
    out->bogosize = get64(&p);
    out->total_amount = (int64_t)get64(&p);
    out->total_subsidy = (int64_t)get64(&p);
    out->prevout_spent = get256(&p);
    out->new_outputs_ex_coinbase = get256(&p);
    out->coinbase = get256(&p);
    out->unspendable_genesis = (int64_t)get64(&p);
    out->unspendable_bip30 = (int64_t)get64(&p);
    out->unspendable_scripts = (int64_t)get64(&p);
    out->unspendable_unclaimed = (int64_t)get64(&p);
}
