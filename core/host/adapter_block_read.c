/* block.read/1: views and byte ranges of bodies. */
#include "core/host/internal.h"
#include "core/host/views.h"

#include "core/base/alloc.h"

#include "quoin/block_read.h"

#define HASHES_MAX 4096u
#define RANGES_MAX 4096u
#define RANGE_LEN_MAX 4000000u
#define BYTES_MAX (64u << 20)
#define VIEWS_MAX 1024u /* whatever the grant says */

typedef struct read_state {
    qc_views lent;
} read_state;

static const qc_index *find(const qc_chain *c, const qn_hash *hash)
{
    qc_hash h;
    memcpy(h.b, hash->b, 32);
    return qc_chain_find(c, &h);
}

static qn_status lend(qn_cap *cap, const qc_index *i, uint32_t flags, const qn_block_view **out)
{
    read_state *s = cap->state;
    qc_block *block;
    if (!i)
        return QN_E_NOTFOUND;
    qc_err err = qc_blocks_get(cap->plugin->host->blocks, i, (flags & QN_READ_SPENT) != 0, &block);
    if (err)
        return qc_status_of(err);
    *out = qc_block_view(block);
    return qc_views_hold(&s->lent, block) ? QN_OK : QN_E_LIMIT;
}

static qn_status read_views(qn_cap *cap, const qn_hash *hashes, uint32_t n, uint32_t flags,
                            const qn_block_view **views, uint32_t max, uint32_t *n_views)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    if (!n_views || (n && (!hashes || !views)) || n > HASHES_MAX || flags & ~QN_READ_SPENT)
        return QN_E_INVAL;
    uint32_t k = 0;
    for (; st == QN_OK && k < n && k < max; k++)
        st = lend(cap, find(cap->plugin->host->o.chain, &hashes[k]), flags, &views[k]);
    *n_views = st == QN_OK ? k : k - 1;
    return *n_views ? QN_OK : st;
}

static qn_status read_views_at(qn_cap *cap, uint32_t from, uint32_t flags,
                               const qn_block_view **views, uint32_t max, uint32_t *n_views)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    if (!n_views || (max && !views) || flags & ~QN_READ_SPENT)
        return QN_E_INVAL;
    *n_views = 0;
    const qc_index *tip = qc_chain_tip(cap->plugin->host->o.chain);
    if (!tip || from > tip->height)
        return QN_E_NOTFOUND;
    uint32_t k = 0;
    for (; st == QN_OK && k < max && k <= tip->height - from; k++)
        st = lend(cap, qc_index_ancestor(tip, from + k), flags, &views[k]);
    *n_views = st == QN_OK ? k : k - 1;
    return *n_views ? QN_OK : st;
}

static qn_status read_release(qn_cap *cap, const qn_block_view *view)
{
    read_state *s = cap->state;
    return qc_views_release(&s->lent, view) ? QN_OK : QN_E_INVAL;
}

/* Consecutive ranges are often of one block: it is read once for all of them. */
typedef struct body {
    const qc_index *at;
    qc_bytes raw;
    qn_status status;
} body;

static const qc_index *block_of(const qc_chain *c, const qn_read_range *r)
{
    static const qn_hash zero;
    if (memcmp(&r->hash, &zero, sizeof zero) == 0)
        return qc_chain_at(c, r->height);
    return find(c, &r->hash);
}

static qn_status find_range(const qc_chain *c, const qn_read_range *r, body *b)
{
    const qc_index *i = block_of(c, r);
    if (!i)
        return QN_E_NOTFOUND;
    if (r->len > RANGE_LEN_MAX)
        return QN_E_INVAL;
    if (i != b->at) {
        qc_bytes_free(&b->raw);
        b->at = i;
        b->status = qc_status_of(qc_chain_read_raw(c, i, &b->raw));
    }
    if (b->status != QN_OK)
        return b->status;
    return r->off > b->raw.len || r->len > b->raw.len - r->off ? QN_E_INVAL : QN_OK;
}

static qn_status read_ranges(qn_cap *cap, const qn_read_range *ranges, uint32_t n,
                             qn_read_result *results, void *bytes, uint32_t max_bytes,
                             uint32_t *n_bytes)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    if (!n_bytes || n > RANGES_MAX || (n && (!ranges || !results)) || (max_bytes && !bytes))
        return QN_E_INVAL;
    uint64_t need = 0;
    for (uint32_t k = 0; k < n; k++)
        need += ranges[k].len <= RANGE_LEN_MAX ? ranges[k].len : 0;
    *n_bytes = (uint32_t)(need < UINT32_MAX ? need : UINT32_MAX);
    if (need > BYTES_MAX)
        return QN_E_INVAL;
    if (need > max_bytes)
        return QN_E_SPACE;
    body b = {NULL, QC_BYTES_INIT, QN_OK};
    uint32_t used = 0;
    for (uint32_t k = 0; k < n; k++) {
        qn_status one = find_range(cap->plugin->host->o.chain, &ranges[k], &b);
        results[k] = (qn_read_result){one, one == QN_OK ? ranges[k].len : 0};
        if (results[k].len)
            memcpy((uint8_t *)bytes + used, b.raw.data + ranges[k].off, results[k].len);
        used += results[k].len;
    }
    qc_bytes_free(&b.raw);
    *n_bytes = used;
    return QN_OK;
}

static const qn_block_read_1 TABLE = {.h = {sizeof(qn_block_read_1), QN_BLOCK_READ_1_REVISION},
                                      .views = read_views,
                                      .views_at = read_views_at,
                                      .release = read_release,
                                      .ranges = read_ranges};

static qc_err adapter_open(qn_cap *cap, const char **why)
{
    (void)why;
    read_state *s = qc_alloc(sizeof *s);
    uint64_t window = qc_cap_number(cap, "window", 16);
    qc_views_init(&s->lent, (size_t)(window < VIEWS_MAX ? window : VIEWS_MAX));
    cap->state = s;
    return QC_OK;
}

static void adapter_close(qn_cap *cap)
{
    read_state *s = cap->state;
    qc_views_clear(&s->lent);
    qc_free(s);
}

const qc_adapter QC_ADAPTER_BLOCK_READ = {QN_BLOCK_READ_1_ID, &TABLE, adapter_open, NULL,
                                          adapter_close};
