/* chain.read/1 over the chain's published snapshot. */
#include "core/host/internal.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"

#include <stdio.h>

#include "quoin/chain_read.h"

#define HEADERS_MAX 2000u

static qc_chain *chain_of(const qn_cap *cap)
{
    return cap->plugin->host->o.chain;
}

static qn_block_ref ref_of(const qc_index *i)
{
    qn_block_ref r;
    memcpy(r.hash.b, i->hash.b, 32);
    r.height = i->height;
    return r;
}

static void fill_header(const qc_chain *c, const qc_index *i, qn_header_rec *out)
{
    *out = (qn_header_rec){.ref = ref_of(i), .flags = QN_HEADER_KNOWN};
    if (qc_chain_contains(c, i))
        out->flags |= QN_HEADER_ACTIVE;
    if (atomic_load(&i->status) & QC_BLOCK_HAVE_DATA)
        out->flags |= QN_HEADER_BODY;
    out->chain_tx = atomic_load(&i->chain_tx);
    out->n_tx = atomic_load(&i->n_tx);
    out->mtp = qc_index_mtp(i);
    qc_header_write(&i->header, out->raw);
}

/* What the host fills in is no longer than what the caller has room for. */
static qn_status give(void *to, uint32_t room, void *from, uint32_t have)
{
    if (room < sizeof(uint32_t))
        return QN_E_INVAL;
    uint32_t n = room < have ? room : have;
    memcpy(from, &n, sizeof n); /* `size` is the first member */
    memcpy(to, from, n);
    return QN_OK;
}

/* The last answer of info(), of which most depends on the tip alone. An entry of the tree never
 * goes away, so that the same pointer is the same block. */
typedef struct last_info {
    const qc_index *tip, *best, *durable;
    qc_unixtime now;
    qn_chain_info info;
} last_info;

static void set_tip(last_info *l, const qc_index *tip)
{
    qc_hash work;
    qc_u256_to_hash(&tip->chain_work, &work);
    memcpy(l->info.chain_work, work.b, 32);
    l->info.tip = ref_of(tip);
    l->info.tip_time = tip->header.time;
    l->info.tip_mtp = qc_index_mtp(tip);
    l->tip = tip;
    l->best = NULL; /* what is made of both is made anew */
}

static void set_progress(last_info *l, const qc_chain *c, const qc_index *best, qc_unixtime now)
{
    l->info.best_header = ref_of(best);
    l->info.progress_ppm = (uint32_t)(qc_chain_progress(c, l->tip) * 1e6);
    l->best = best;
    l->now = now;
}

static qn_status read_info(qn_cap *cap, qn_chain_info *info)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    if (!info)
        return QN_E_INVAL;
    const qc_chain *c = chain_of(cap);
    const qc_index *tip = qc_chain_tip(c), *durable = qc_chain_durable(c);
    const qc_index *best = qc_chain_best_header(c);
    if (!tip)
        return QN_E_BUSY;
    last_info *l = cap->state;
    qn_chain_info *out = &l->info;
    qc_unixtime now = qc_clock_now();
    if (l->tip != tip)
        set_tip(l, tip);
    best = best ? best : tip;
    if (l->best != best || l->now != now)
        set_progress(l, c, best, now);
    if (l->durable != durable) {
        out->durable = ref_of(durable); /* never none again */
        l->durable = durable;
    }
    out->chain_seq = qc_chain_seq(c);
    out->prune_height = qc_chain_prune_height(c);
    out->flags = (qc_chain_initial_download(c) ? QN_CHAIN_INITIAL_DOWNLOAD : 0) |
                 (out->prune_height ? QN_CHAIN_PRUNED : 0);
    return give(info, info->size, out, sizeof *out);
}

static qn_status read_params(qn_cap *cap, qn_chain_params *params)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    if (!params)
        return QN_E_INVAL;
    const qc_params *p = qc_chain_params(chain_of(cap));
    qn_chain_params out = {.base58_pubkey = p->base58_pubkey,
                           .base58_script = p->base58_script,
                           .base58_secret = p->base58_secret,
                           .subsidy_halving = p->subsidy_halving,
                           .pow_spacing = p->pow_spacing,
                           .pow_timespan = p->pow_timespan,
                           .p2p_port = p->p2p_port};
    memcpy(out.magic, p->magic, sizeof out.magic);
    memcpy(out.genesis.b, p->genesis_hash.b, 32);
    memcpy(out.pow_limit, p->pow_limit.b, 32);
    snprintf(out.name, sizeof out.name, "%s", p->name);
    snprintf(out.bech32_hrp, sizeof out.bech32_hrp, "%s", p->bech32_hrp);
    return give(params, params->size, &out, sizeof out);
}

static qn_status read_headers(qn_cap *cap, uint32_t from, qn_header_rec *headers, uint32_t max,
                              uint32_t *n_headers)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    if (!n_headers || (!headers && max))
        return QN_E_INVAL;
    const qc_chain *c = chain_of(cap);
    const qc_index *tip = qc_chain_tip(c);
    *n_headers = 0;
    if (!tip || from > tip->height)
        return QN_E_NOTFOUND;
    if (max > HEADERS_MAX)
        max = HEADERS_MAX;
    uint32_t n = tip->height - from < max ? tip->height - from + 1 : max;
    if (n == 0)
        return QN_OK;
    /* Down from the last one by parents: all of one chain, whatever happens to the tip. */
    const qc_index *i = qc_index_ancestor(tip, from + n - 1);
    for (uint32_t k = n; k-- > 0; i = i->parent)
        fill_header(c, i, &headers[k]);
    *n_headers = n;
    return QN_OK;
}

static const qc_index *find(const qc_chain *c, const qn_hash *hash)
{
    qc_hash h;
    memcpy(h.b, hash->b, 32);
    return qc_chain_find(c, &h);
}

static qn_status read_by_hash(qn_cap *cap, const qn_hash *hashes, uint32_t n,
                              qn_header_rec *headers)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    if (n > HEADERS_MAX || (n && (!hashes || !headers)))
        return QN_E_INVAL;
    const qc_chain *c = chain_of(cap);
    for (uint32_t k = 0; k < n; k++) {
        const qc_index *i = find(c, &hashes[k]);
        if (i)
            fill_header(c, i, &headers[k]);
        else
            headers[k] = (qn_header_rec){.flags = 0};
    }
    return QN_OK;
}

static qn_status read_locator(qn_cap *cap, const qn_hash *from, qn_hash *hashes, uint32_t max,
                              uint32_t *n_hashes)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    if (!n_hashes || (!hashes && max))
        return QN_E_INVAL;
    const qc_chain *c = chain_of(cap);
    const qc_index *i = from ? find(c, from) : qc_chain_tip(c);
    *n_hashes = 0;
    if (!i)
        return QN_E_NOTFOUND;
    uint32_t n = 0, step = 1;
    for (;;) {
        if (n < max)
            memcpy(hashes[n].b, i->hash.b, 32);
        n++;
        if (i->height == 0)
            break;
        i = qc_index_ancestor(i, i->height > step ? i->height - step : 0);
        if (n >= 10)
            step *= 2;
    }
    *n_hashes = n;
    return n <= max ? QN_OK : QN_E_SPACE;
}

static qn_status read_find_fork(qn_cap *cap, const qn_hash *locator, uint32_t n, qn_block_ref *fork)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    const qc_chain *c = chain_of(cap);
    if (!fork || n > 101 || (n && !locator) || !qc_chain_at(c, 0))
        return QN_E_INVAL;
    *fork = ref_of(qc_chain_at(c, 0));
    for (uint32_t k = 0; k < n; k++) {
        const qc_index *i = find(c, &locator[k]);
        if (i && qc_chain_contains(c, i)) {
            *fork = ref_of(i);
            break;
        }
    }
    return QN_OK;
}

static const qn_chain_read_1 TABLE = {.h = {sizeof(qn_chain_read_1), QN_CHAIN_READ_1_REVISION},
                                      .info = read_info,
                                      .params = read_params,
                                      .headers = read_headers,
                                      .headers_by_hash = read_by_hash,
                                      .locator = read_locator,
                                      .find_fork = read_find_fork};

static qc_err read_open(qn_cap *cap, const char **why)
{
    (void)why;
    last_info *l = qc_alloc(sizeof *l);
    l->info.epoch = cap->plugin->host->epoch;
    cap->state = l;
    return QC_OK;
}

static void read_close(qn_cap *cap)
{
    qc_free(cap->state);
    cap->state = NULL;
}

const qc_adapter QC_ADAPTER_CHAIN_READ = {QN_CHAIN_READ_1_ID, &TABLE, read_open, NULL, read_close};
