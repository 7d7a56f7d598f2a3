/* The best chunks first, each whole or not at all (Core node/miner.cpp addChunks). */
#include "core/mining/choose.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"

/* When the block is all but full, of weight or of sigops, and so many chunks in a row did not fit,
 * it is left at that. */
#define MAX_MISSES 1000
#define FULL_ENOUGH 4000
#define FULL_OF_SIGOPS 400
#define REFS_AHEAD 8
#define USUAL 6000 /* transactions of a full block: room for them is made at once */

static qc_err resize(void *array, size_t n, size_t size)
{
    void **p = array;
    void *q = qc_try_realloc(*p, n * size);
    if (!q)
        return QC_ENOMEM;
    *p = q;
    return QC_OK;
}

/* For `need` transactions. */
static qc_err room(qc_chosen *c, size_t need)
{
    if (need <= c->cap)
        return QC_OK;
    size_t cap = QC_MAX(need, 2 * c->cap + 64);
    qc_err err = resize(&c->entry, cap, sizeof *c->entry);
    if (!err)
        c->cap = cap;
    return err;
}

static qc_err room_for_chunk(qc_chosen *c)
{
    if (c->n_chunks < c->cap_chunks)
        return QC_OK;
    size_t cap = QC_MAX(2 * c->cap_chunks + 64, c->cap); /* most are of one */
    qc_err err = resize(&c->chunk, cap, sizeof *c->chunk);
    if (!err)
        c->cap_chunks = cap;
    return err;
}

/* A chunk's sum is of adjusted weights; its rate is by virtual bytes. */
qc_feerate qc_chosen_rate(const qc_mempool_point *sum)
{
    return qc_feerate_paid(sum->fee, (sum->weight + QC_WITNESS_SCALE - 1) / QC_WITNESS_SCALE);
}

bool qc_chosen_fits(const qc_chosen *c, const qc_template_options *o,
                    const qc_mempool_entry *const *e, size_t n, int64_t adjusted_weight)
{
    int64_t sigops = c->sigops;
    if (c->weight + adjusted_weight >= o->max_weight)
        return false; /* most often that is it, and known without a look at them */
    for (size_t i = 0; i < n; i++)
        sigops += e[i]->sigop_cost;
    return sigops < (int64_t)QC_MAX_BLOCK_SIGOPS_COST;
}

static bool all_final(const qc_mempool_entry *const *e, size_t n, uint32_t height, uint32_t mtp)
{
    for (size_t i = 0; i < n; i++)
        if (!qc_locktime_passed(e[i]->rec.locktime, height, mtp) &&
            !qc_tx_is_final(&e[i]->tx, height, mtp))
            return false;
    return true;
}

static void print_rate(const qc_mempool_entry *e)
{
    char rate[QC_FEERATE_TEXT], txid[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(qc_entry_txid(e), txid);
    qc_log(QC_LOG_INFO, "mining", "fee rate %s txid %s",
           qc_feerate_text(qc_feerate_paid(e->modified_fee, e->vsize), rate), txid);
}

/* Nothing is read here but the line of an entry that was asked of memory ahead. */
static void keep_one(qc_chosen *c, const qc_mempool_entry *e)
{
    const qn_tx_rec *r = &e->rec;
    c->entry[c->n++] = e;
    c->bytes += r->len;
    c->n_in += r->n_in;
}

static qc_err keep(qc_chosen *c, const qc_mempool_entry *const *e, size_t n,
                   const qc_mempool_point *sum)
{
    qc_err err = room(c, c->n + n);
    if (!err)
        err = room_for_chunk(c);
    if (err)
        return err;
    c->chunk[c->n_chunks++] = (qc_template_chunk){sum->fee, sum->weight, (uint32_t)c->n};
    for (size_t i = 0; i < n; i++)
        keep_one(c, e[i]);
    return QC_OK;
}

qc_err qc_chosen_take(qc_chosen *c, const qc_template_options *o, const qc_mempool_entry *const *e,
                      size_t n, const qc_mempool_point *sum)
{
    qc_err err = c->only_fees ? QC_OK : keep(c, e, n, sum);
    for (size_t i = 0; i < n && !err; i++) {
        c->fees += e[i]->fee;
        c->weight += e[i]->rec.weight;
        c->sigops += e[i]->sigop_cost;
        if (o->print && !c->only_fees)
            print_rate(e[i]);
    }
    return err;
}

static bool all_but_full(const qc_chosen *c, const qc_template_options *o)
{
    return c->weight + FULL_ENOUGH > o->max_weight ||
           c->sigops + FULL_OF_SIGOPS > (int64_t)QC_MAX_BLOCK_SIGOPS_COST;
}

/* Not even the least transaction would fit. */
static bool no_room(const qc_chosen *c, const qc_template_options *o)
{
    return c->weight >= o->max_weight || c->sigops >= (int64_t)QC_MAX_BLOCK_SIGOPS_COST;
}

static qc_err fill(qc_mempool_build *b, const qc_template_options *o, uint32_t height, uint32_t mtp,
                   qc_chosen *c)
{
    const qc_mempool_entry *const *e;
    qc_mempool_point sum;
    unsigned misses = 0;
    for (size_t n; !no_room(c, o) && (n = qc_mempool_build_chunk(b, &e, &sum)) > 0;) {
        if (qc_feerate_cmp(qc_chosen_rate(&sum), o->min_feerate) < 0)
            return QC_OK; /* what is left pays no better */
        if (!qc_chosen_fits(c, o, e, n, sum.weight) || !all_final(e, n, height, mtp)) {
            if (++misses > MAX_MISSES && all_but_full(c, o))
                return QC_OK;
            qc_mempool_build_skip(b);
            continue;
        }
        qc_err err = qc_chosen_take(c, o, e, n, &sum);
        if (err)
            return err;
        misses = 0;
        qc_mempool_build_take(b);
    }
    return QC_OK;
}

/* Apart from the choosing: each reference is an atomic step, at which the processor waits for all
 * that it has asked of memory so far. */
void qc_chosen_hold(qc_chosen *c)
{
    for (size_t i = 0; i < c->n; i++) {
        if (i + REFS_AHEAD < c->n)
            __builtin_prefetch((const void *)(uintptr_t)&c->entry[i + REFS_AHEAD]->refs, 1);
        (void)qc_mempool_entry_ref(c->entry[i]);
    }
    c->held = true;
}

qc_err qc_choose(const qc_mempool *m, const qc_template_options *o, uint32_t height, uint32_t mtp,
                 qc_chosen *out)
{
    *out = (qc_chosen){.weight = o->reserved_weight, .sigops = o->reserved_sigops};
    if (!m || o->no_mempool)
        return QC_OK;
    qc_err err = room(out, QC_MIN(qc_mempool_count(m), (size_t)USUAL));
    qc_mempool_build *b = qc_mempool_build_start(m);
    if (!err)
        err = fill(b, o, height, mtp, out);
    qc_mempool_build_end(b);
    if (err)
        qc_chosen_clear(out);
    else
        qc_chosen_hold(out);
    return err;
}

qc_amount qc_choose_fees(const qc_mempool *m, const qc_template_options *o, uint32_t height,
                         uint32_t mtp)
{
    qc_chosen c = {.weight = o->reserved_weight, .sigops = o->reserved_sigops, .only_fees = true};
    if (!m || o->no_mempool)
        return 0;
    qc_mempool_build *b = qc_mempool_build_start(m);
    if (fill(b, o, height, mtp, &c))
        qc_chosen_clear(&c); /* it never fails: nothing is kept */
    qc_mempool_build_end(b);
    return c.fees;
}

qc_err qc_choose_these(const qc_template_options *o, const qc_mempool_entry *const *e, size_t n,
                       qc_chosen *out)
{
    *out = (qc_chosen){.weight = o->reserved_weight, .sigops = o->reserved_sigops};
    for (size_t i = 0; i < n; i++) {
        const qc_mempool_point sum = {e[i]->modified_fee, e[i]->adjusted_weight};
        qc_err err = qc_chosen_take(out, o, &e[i], 1, &sum);
        if (err) {
            qc_chosen_clear(out);
            return err;
        }
    }
    qc_chosen_hold(out);
    return QC_OK;
}

void qc_chosen_clear(qc_chosen *c)
{
    for (size_t i = 0; i < c->n && c->held; i++)
        qc_mempool_entry_unref(c->entry[i]);
    qc_free(c->entry);
    qc_free(c->chunk);
    *c = (qc_chosen){.n = 0};
}
