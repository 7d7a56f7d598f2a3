/* mempool.read/1: answers of one moment, made by the chain thread, for which the plugin's loop
 * waits a few seconds at most. */
#include "core/host/adapter_mempool.h"
#include "core/host/ask.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"

#include "quoin/mempool_read.h"

#define ASKED_MAX 1000u                /* ids in one call */
#define US_PER_ENTRY 5u                /* of the chain thread, for what is near each */
#define BYTES_PER_US 1000u             /* that it copies, when other memory is slow */
#define BYTES_MAX ((uint64_t)64 << 20) /* of transactions in one answer */

qc_err qc_mempool_adapter_open(qn_cap *cap, const char **why)
{
    *why = QC_NO_MEMPOOL;
    return cap->plugin->host->pool ? QC_OK : QC_EINVAL;
}

void qc_mempool_adapter_close(qn_cap *cap)
{
    (void)cap;
}

/* One question. What goes in and out is of its own, since who asked may have gone on. */
typedef struct job {
    qc_host *host;
    qn_mempool_at at;
    uint32_t flags, n;
    uint32_t most; /* records or bytes that there is room for */
    uint64_t got;  /* that there are */
    bool no_memory;
    qn_mempool_info info;
    qn_hash *id;
    qn_mempool_outpoint *outpoint;
    qn_mempool_entry *entry;
    qn_mempool_spender *spender;
    qn_mempool_bytes *result;
    uint8_t *bytes;
} job;

static void job_free(void *arg)
{
    job *j = arg;
    qc_free(j->id);
    qc_free(j->outpoint);
    qc_free(j->entry);
    qc_free(j->spender);
    qc_free(j->result);
    qc_free(j->bytes);
    qc_free(j);
}

static job *job_new(const qn_cap *cap, uint32_t flags, uint32_t n)
{
    job *j = qc_alloc(sizeof *j);
    j->host = cap->plugin->host;
    j->flags = flags;
    j->n = n;
    return j;
}

/* `n` records of `size` bytes from the plugin, or zeroed ones. False: no memory, *j is freed. */
static bool room(job *j, void *at, const void *from, size_t size)
{
    void *v = qc_try_calloc((size_t)j->n + 1, size);
    if (!v) {
        job_free(j);
        return false;
    }
    if (from && j->n)
        memcpy(v, from, j->n * size);
    memcpy(at, &v, sizeof v);
    return true;
}

static const qc_mempool_entry *find(const job *j, const qn_hash *id)
{
    qc_hash h;
    memcpy(h.b, id->b, 32);
    return j->flags & QN_MEMPOOL_BY_WTXID ? qc_mempool_find_wtxid(j->host->pool, &h)
                                          : qc_mempool_find(j->host->pool, &h);
}

static qn_status ask(job *j, void (*fn)(qc_chain *c, void *arg))
{
    return qc_host_ask(j->host, 0, fn, j, job_free);
}

static bool bad_list(const void *in, uint32_t n, const void *out)
{
    return n > ASKED_MAX || (n && (!in || !out));
}

/* ---- info ---- */

static void find_info(qc_chain *c, void *arg)
{
    job *j = arg;
    qc_mempool_info m;
    const qc_policy *p = qc_mempool_policy(j->host->pool);
    const qc_mempool_options *o = qc_mempool_limits(j->host->pool);
    (void)c;
    qc_mempool_info_of(j->host->pool, &m);
    int64_t own = qc_feerate_kvb(m.min_fee), relay = qc_feerate_kvb(p->min_relay);
    j->info = (qn_mempool_info){.size = sizeof j->info,
                                .flags = (m.load_tried ? QN_MEMPOOL_LOADED : 0u) |
                                         (m.optimal ? QN_MEMPOOL_OPTIMAL : 0u),
                                .count = m.count,
                                .vbytes = m.vbytes,
                                .fees = m.fees,
                                .usage = m.usage,
                                .max_usage = o->max_bytes,
                                .unbroadcast = m.unbroadcast,
                                .min_fee = QC_MAX(own, relay),
                                .min_relay_fee = relay,
                                .incremental_fee = qc_feerate_kvb(p->incremental)};
    qc_host_pool_moment(j->host, &j->info.at);
}

static qn_status read_info(qn_cap *cap, qn_mempool_info *info)
{
    qn_status st = qc_cap_ask(cap);
    if (st != QN_OK)
        return st;
    if (!info || info->size < sizeof(uint32_t))
        return QN_E_INVAL;
    job *j = job_new(cap, 0, 0);
    if ((st = ask(j, find_info)) != QN_OK)
        return st;
    if (info->size < j->info.size)
        j->info.size = info->size;
    memcpy(info, &j->info, j->info.size);
    job_free(j);
    return QN_OK;
}

/* ---- entries ---- */

static void fill(const qc_mempool *m, const qc_mempool_entry *e, qn_mempool_entry *out)
{
    qc_mempool_family f;
    qc_mempool_family_of(m, e, &f);
    *out = (qn_mempool_entry){.status = QN_OK,
                              .fee = e->fee,
                              .modified_fee = e->modified_fee,
                              .vsize = e->vsize,
                              .weight = e->tx.rec->weight,
                              .time = e->time,
                              .sequence = e->sequence,
                              .height = e->height,
                              .chunk_fee = f.chunk_fee,
                              .chunk_weight = f.chunk_weight,
                              .ancestors = (uint32_t)f.ancestors,
                              .ancestor_vsize = f.ancestor_vsize,
                              .ancestor_fees = f.ancestor_fees,
                              .descendants = (uint32_t)f.descendants,
                              .descendant_vsize = f.descendant_vsize,
                              .descendant_fees = f.descendant_fees,
                              .cluster = (uint32_t)f.cluster};
    out->flags = (qc_mempool_signals(m, e) ? QN_MEMPOOL_ENTRY_REPLACEABLE : 0u) |
                 (qc_mempool_unbroadcast(m, qc_entry_txid(e)) ? QN_MEMPOOL_ENTRY_UNBROADCAST : 0u);
    memcpy(out->txid.b, e->tx.rec->txid, 32);
    memcpy(out->wtxid.b, e->tx.rec->wtxid, 32);
}

static void find_entries(qc_chain *c, void *arg)
{
    job *j = arg;
    (void)c;
    for (uint32_t i = 0; i < j->n; i++) {
        const qc_mempool_entry *e = find(j, &j->id[i]);
        if (e)
            fill(j->host->pool, e, &j->entry[i]);
        else
            j->entry[i].status = QN_E_NOTFOUND;
    }
    qc_host_pool_moment(j->host, &j->at);
}

static qn_status read_entries(qn_cap *cap, const qn_hash *ids, uint32_t n, uint32_t flags,
                              qn_mempool_entry *out, qn_mempool_at *at)
{
    qn_status st = qc_cap_ask(cap);
    if (st != QN_OK)
        return st;
    if (bad_list(ids, n, out) || flags & ~(uint32_t)QN_MEMPOOL_BY_WTXID)
        return QN_E_INVAL;
    job *j = job_new(cap, flags, n);
    if (!room(j, &j->id, ids, sizeof *ids) || !room(j, &j->entry, NULL, sizeof *out))
        return QN_E_NOMEM;
    if ((st = ask(j, find_entries)) != QN_OK)
        return st;
    qc_cap_worked(cap, (uint64_t)n * US_PER_ENTRY);
    if (n)
        memcpy(out, j->entry, n * sizeof *out);
    if (at)
        *at = j->at;
    job_free(j);
    return QN_OK;
}

/* ---- spenders ---- */

static uint32_t input_of(const qc_mempool_entry *e, const qc_outpoint *o)
{
    uint32_t i = 0;
    for (; i < e->tx.rec->n_in; i++) {
        qc_outpoint p = qc_tx_prevout(&e->tx, i);
        if (p.n == o->n && qc_hash_eq(&p.txid, &o->txid))
            break;
    }
    return i;
}

static void find_spenders(qc_chain *c, void *arg)
{
    job *j = arg;
    (void)c;
    for (uint32_t i = 0; i < j->n; i++) {
        qn_mempool_spender *out = &j->spender[i];
        qc_outpoint o = {.n = j->outpoint[i].n};
        memcpy(o.txid.b, j->outpoint[i].txid.b, 32);
        const qc_mempool_entry *e = qc_mempool_spender(j->host->pool, &o);
        if (!e) {
            out->status = QN_E_NOTFOUND;
            continue;
        }
        out->input = input_of(e, &o);
        memcpy(out->txid.b, e->tx.rec->txid, 32);
        memcpy(out->wtxid.b, e->tx.rec->wtxid, 32);
    }
    qc_host_pool_moment(j->host, &j->at);
}

static qn_status read_spenders(qn_cap *cap, const qn_mempool_outpoint *outpoints, uint32_t n,
                               qn_mempool_spender *out, qn_mempool_at *at)
{
    qn_status st = qc_cap_ask(cap);
    if (st != QN_OK)
        return st;
    if (bad_list(outpoints, n, out))
        return QN_E_INVAL;
    job *j = job_new(cap, 0, n);
    if (!room(j, &j->outpoint, outpoints, sizeof *outpoints) ||
        !room(j, &j->spender, NULL, sizeof *out))
        return QN_E_NOMEM;
    if ((st = ask(j, find_spenders)) != QN_OK)
        return st;
    qc_cap_worked(cap, (uint64_t)n * US_PER_ENTRY);
    if (n)
        memcpy(out, j->spender, n * sizeof *out);
    if (at)
        *at = j->at;
    job_free(j);
    return QN_OK;
}

/* ---- txids ---- */

static void find_txids(qc_chain *c, void *arg)
{
    job *j = arg;
    (void)c;
    qc_host_pool_moment(j->host, &j->at);
    j->got = qc_mempool_count(j->host->pool);
    j->n = (uint32_t)QC_MIN(j->got, (uint64_t)j->most);
    j->id = qc_try_calloc((size_t)j->n + 1, sizeof *j->id);
    j->no_memory = !j->id;
    if (j->no_memory || !j->n)
        return;
    /* No further than is asked for. */
    const qc_mempool_entry *const *e;
    qc_mempool_point sum;
    qc_mempool_build *b = qc_mempool_build_start(j->host->pool);
    uint32_t got = 0;
    for (size_t n; got < j->n && (n = qc_mempool_build_chunk(b, &e, &sum));
         qc_mempool_build_take(b))
        for (size_t i = 0; i < n && got < j->n; i++)
            memcpy(j->id[got++].b, e[i]->tx.rec->txid, 32);
    qc_mempool_build_end(b);
}

static qn_status read_txids(qn_cap *cap, qn_hash *out, uint32_t max, uint32_t *n, qn_mempool_at *at)
{
    qn_status st = qc_cap_ask(cap);
    if (st != QN_OK)
        return st;
    if (!n || (!out && max))
        return QN_E_INVAL;
    job *j = job_new(cap, 0, 0);
    j->most = max;
    if ((st = ask(j, find_txids)) != QN_OK)
        return st;
    qc_cap_worked(cap, j->n);
    if (j->no_memory) {
        job_free(j);
        return QN_E_NOMEM;
    }
    if (j->n)
        memcpy(out, j->id, j->n * sizeof *out);
    if (at)
        *at = j->at;
    *n = (uint32_t)j->got;
    st = j->got > max ? QN_E_SPACE : QN_OK;
    job_free(j);
    return st;
}

/* ---- transactions ---- */

static void copy_bytes(job *j)
{
    size_t used = 0;
    j->bytes = qc_try_malloc((size_t)j->got + 1);
    j->no_memory = !j->bytes;
    for (uint32_t i = 0; i < j->n && j->bytes; i++) {
        const qc_mempool_entry *e = find(j, &j->id[i]);
        if (!e)
            continue;
        qc_span b = qc_tx_bytes(&e->tx);
        memcpy(j->bytes + used, b.data, b.len);
        used += b.len;
    }
}

static void find_bytes(qc_chain *c, void *arg)
{
    job *j = arg;
    (void)c;
    for (uint32_t i = 0; i < j->n; i++) {
        const qc_mempool_entry *e = find(j, &j->id[i]);
        j->result[i].status = e ? QN_OK : QN_E_NOTFOUND;
        j->result[i].len = e ? e->tx.rec->len : 0;
        j->got += j->result[i].len;
    }
    if (j->got <= j->most && j->got <= BYTES_MAX)
        copy_bytes(j);
}

static qn_status read_transactions(qn_cap *cap, const qn_hash *ids, uint32_t n, uint32_t flags,
                                   qn_mempool_bytes *results, void *out, uint32_t max,
                                   uint32_t *n_out)
{
    qn_status st = qc_cap_ask(cap);
    if (st != QN_OK)
        return st;
    if (bad_list(ids, n, results) || flags & ~(uint32_t)QN_MEMPOOL_BY_WTXID || !n_out ||
        (!out && max))
        return QN_E_INVAL;
    job *j = job_new(cap, flags, n);
    j->most = max;
    if (!room(j, &j->id, ids, sizeof *ids) || !room(j, &j->result, NULL, sizeof *results))
        return QN_E_NOMEM;
    if ((st = ask(j, find_bytes)) != QN_OK)
        return st;
    qc_cap_worked(cap, n + (j->bytes ? j->got / BYTES_PER_US : 0));
    if (j->no_memory) {
        job_free(j);
        return QN_E_NOMEM;
    }
    if (j->bytes && j->got)
        memcpy(out, j->bytes, (size_t)j->got);
    if (j->bytes && n)
        memcpy(results, j->result, n * sizeof *results);
    *n_out = (uint32_t)QC_MIN(j->got, (uint64_t)UINT32_MAX);
    st = j->bytes ? QN_OK : QN_E_SPACE;
    job_free(j);
    return st;
}

static const qn_mempool_read_1 TABLE = {
    .h = {sizeof(qn_mempool_read_1), QN_MEMPOOL_READ_1_REVISION},
    .info = read_info,
    .entries = read_entries,
    .spenders = read_spenders,
    .txids = read_txids,
    .transactions = read_transactions};

const qc_adapter QC_ADAPTER_MEMPOOL_READ = {QN_MEMPOOL_READ_1_ID, &TABLE, qc_mempool_adapter_open,
                                            NULL, qc_mempool_adapter_close};
