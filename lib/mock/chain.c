/* The mock's chain: chain.read, chain.follow, block.read over blocks in memory. */
#include "lib/mock/internal.h"

#include <stdlib.h>
#include <string.h>

static qn_mk_block *append(qn_mock *m, qn_mk_block *parent)
{
    qn_mk_block *b = qn_mk_grow(NULL, sizeof *b);
    *b = (qn_mk_block){qn_mk_build(m, parent), parent, 0};
    m->block = qn_mk_grow(m->block, (m->n_block + 1) * sizeof(qn_mk_block *));
    m->block[m->n_block++] = b;
    m->height = b->view->height;
    m->active = qn_mk_grow(m->active, ((size_t)m->height + 1) * sizeof(qn_mk_block *));
    m->active[m->height] = b;
    m->chain_seq++;
    return b;
}

void qn_mk_chain_init(qn_mock *m)
{
    (void)append(m, NULL);
}

void qn_mk_chain_free(qn_mock *m)
{
    for (size_t i = 0; i < m->n_block; i++) {
        free(m->block[i]->view);
        free(m->block[i]);
    }
    for (uint32_t i = 0; i < m->n_out; i++)
        free(m->out[i].script);
    free((void *)m->block);
    free((void *)m->active);
}

void qn_mk_chain_drop(qn_mock *m)
{
    memset(m->follow, 0, sizeof m->follow);
    for (size_t i = 0; i < m->n_block; i++)
        m->block[i]->lent = 0;
}

uint32_t qn_mock_pay(qn_mock *m, const void *script, uint32_t script_len, int64_t value)
{
    if (m->n_out == MOCK_ITEMS)
        abort();
    m->out[m->n_out].script = (uint8_t *)qn_mk_text(script, script_len);
    m->out[m->n_out].len = script_len;
    m->out[m->n_out].value = value;
    return m->n_out++;
}

void qn_mock_spend(qn_mock *m, const qn_hash *txid, uint32_t n)
{
    if (m->n_in == MOCK_ITEMS)
        abort();
    m->in[m->n_in].txid = *txid;
    m->in[m->n_in++].n = n;
}

void qn_mock_mine(qn_mock *m, uint32_t n)
{
    for (; n; n--)
        (void)append(m, m->active[m->height]);
}

void qn_mock_reorg(qn_mock *m, uint32_t back, uint32_t n)
{
    m->height -= back <= m->height ? back : m->height;
    m->chain_seq++;
    qn_mock_mine(m, n);
}

qn_status qn_mock_activate(qn_mock *m, const qn_hash *tip)
{
    qn_mk_block *b = qn_mk_find(m, tip);
    if (!b)
        return QN_E_NOTFOUND;
    m->height = b->view->height;
    m->active = qn_mk_grow(m->active, ((size_t)m->height + 1) * sizeof(qn_mk_block *));
    for (; b; b = b->parent)
        m->active[b->view->height] = b;
    m->chain_seq++;
    return QN_OK;
}

const qn_block_view *qn_mock_block(const qn_mock *m, uint32_t height)
{
    return height <= m->height ? m->active[height]->view : NULL;
}

void qn_mock_prune(qn_mock *m, uint32_t below)
{
    m->pruned = below <= m->height ? below : m->height;
}

void qn_mock_damage(qn_mock *m, uint32_t height)
{
    m->damaged = height + 1;
}

uint32_t qn_mock_height(const qn_mock *m)
{
    return m->height;
}

qn_mk_block *qn_mk_find(const qn_mock *m, const qn_hash *hash)
{
    for (size_t i = 0; i < m->n_block; i++)
        if (memcmp(m->block[i]->view->hash, hash->b, 32) == 0)
            return m->block[i];
    return NULL;
}

bool qn_mk_is_active(const qn_mock *m, const qn_mk_block *b)
{
    return b->view->height <= m->height && m->active[b->view->height] == b;
}

static qn_block_ref ref_of(const qn_mk_block *b)
{
    qn_block_ref r = {.height = UINT32_MAX};
    if (b) {
        memcpy(r.hash.b, b->view->hash, 32);
        r.height = b->view->height;
    }
    return r;
}

/* ---- chain.read ---- */

static qn_status give(void *to, uint32_t room, void *from, uint32_t have)
{
    uint32_t n = room < have ? room : have;
    if (n < 4)
        return QN_E_INVAL;
    memcpy(from, &n, 4); /* `size` is the first member */
    memcpy(to, from, n);
    return QN_OK;
}

static qn_status read_info(qn_cap *cap, qn_chain_info *info)
{
    const qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    qn_chain_info out = {.epoch = 1, .chain_seq = m->chain_seq, .progress_ppm = 1000000};
    out.tip = out.durable = out.best_header = ref_of(m->active[m->height]);
    out.tip_time = out.tip_mtp = 1700000000u + 600u * m->height;
    return give(info, info->size, &out, sizeof out);
}

static qn_status read_params(qn_cap *cap, qn_chain_params *params)
{
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    qn_chain_params out = {.magic = {0xfa, 0xbf, 0xb5, 0xda},
                           .name = "regtest",
                           .bech32_hrp = "bcrt",
                           .genesis = ref_of(cap->mock->active[0]).hash,
                           .base58_pubkey = 111,
                           .base58_script = 196,
                           .base58_secret = 239,
                           .subsidy_halving = 150,
                           .pow_spacing = 600,
                           .pow_timespan = 1209600,
                           .p2p_port = 18444};
    memset(out.pow_limit, 0xff, 31);
    out.pow_limit[31] = 0x7f;
    return give(params, params->size, &out, sizeof out);
}

static void header_of(const qn_mock *m, const qn_mk_block *b, qn_header_rec *out)
{
    *out = (qn_header_rec){.ref = ref_of(b), .flags = QN_HEADER_KNOWN | QN_HEADER_BODY};
    if (qn_mk_is_active(m, b))
        out->flags |= QN_HEADER_ACTIVE;
    out->n_tx = b->view->tx.count;
    for (const qn_mk_block *i = b; i; i = i->parent)
        out->chain_tx += i->view->tx.count;
    out->mtp = 1700000000u + 600u * b->view->height;
    memcpy(out->raw, qn_view_raw(b->view), 80);
}

static qn_status read_headers(qn_cap *cap, uint32_t from, qn_header_rec *headers, uint32_t max,
                              uint32_t *n)
{
    const qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    if (from > m->height)
        return QN_E_NOTFOUND;
    for (*n = 0; *n < max && *n < 2000 && from + *n <= m->height; ++*n)
        header_of(m, m->active[from + *n], &headers[*n]);
    return QN_OK;
}

static qn_status read_by_hash(qn_cap *cap, const qn_hash *hashes, uint32_t n,
                              qn_header_rec *headers)
{
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    for (uint32_t i = 0; i < n; i++) {
        const qn_mk_block *b = qn_mk_find(cap->mock, &hashes[i]);
        memset(&headers[i], 0, sizeof headers[i]);
        if (b)
            header_of(cap->mock, b, &headers[i]);
    }
    return QN_OK;
}

static qn_status read_locator(qn_cap *cap, const qn_hash *from, qn_hash *hashes, uint32_t max,
                              uint32_t *n)
{
    const qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    const qn_mk_block *b = from ? qn_mk_find(m, from) : m->active[m->height];
    if (!b)
        return QN_E_NOTFOUND;
    uint32_t step = 1;
    for (*n = 0; b; ++*n) {
        if (*n < max)
            memcpy(hashes[*n].b, b->view->hash, 32);
        step *= *n >= 10 ? 2 : 1;
        bool genesis = !b->parent;
        for (uint32_t k = 0; k < step && b->parent; k++)
            b = b->parent;
        if (genesis)
            b = NULL;
    }
    return *n <= max ? QN_OK : QN_E_SPACE;
}

static qn_status read_find_fork(qn_cap *cap, const qn_hash *locator, uint32_t n, qn_block_ref *fork)
{
    const qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    *fork = ref_of(m->active[0]);
    for (uint32_t i = 0; i < n; i++) {
        const qn_mk_block *b = qn_mk_find(m, &locator[i]);
        if (b && qn_mk_is_active(m, b)) {
            *fork = ref_of(b);
            break;
        }
    }
    return QN_OK;
}

const qn_chain_read_1 QN_MK_CHAIN_READ = {.h = {sizeof(qn_chain_read_1), QN_CHAIN_READ_1_REVISION},
                                          .info = read_info,
                                          .params = read_params,
                                          .headers = read_headers,
                                          .headers_by_hash = read_by_hash,
                                          .locator = read_locator,
                                          .find_fork = read_find_fork};

/* ---- chain.follow ---- */

static qn_mk_follow *by_id(qn_mock *m, uint64_t id)
{
    for (int i = 0; id && i < MOCK_FOLLOWS; i++)
        if (m->follow[i].id == id)
            return &m->follow[i];
    return NULL;
}

/* The block that next() would tell of, or NULL. */
static qn_mk_block *upcoming(const qn_mock *m, const qn_mk_follow *f, uint32_t *type)
{
    qn_mk_block *c = f->cursor;
    if (c && !qn_mk_is_active(m, c)) {
        *type = QN_EV_DISCONNECT;
        return c;
    }
    uint32_t height = c ? c->view->height + 1 : f->from_height;
    *type = QN_EV_CONNECT;
    return height <= m->height ? m->active[height] : NULL;
}

void qn_mk_wake(qn_mock *m)
{
    uint32_t type;
    for (int i = 0; i < MOCK_FOLLOWS; i++) {
        qn_mk_follow *f = &m->follow[i];
        if (!f->id || !f->waiting || !upcoming(m, f, &type))
            continue;
        if (!m->steps)
            return;
        m->steps--;
        f->waiting = false;
        qn_mk_note(m, "-- on_ready(follow=%llu)", (unsigned long long)f->id);
        f->on_ready(f->arg, f->id);
    }
}

static qn_status follow_open(qn_cap *cap, const qn_follow_options *o, const qn_hash *locator,
                             uint32_t n, qn_follow_ready_fn *on_ready, void *arg, uint64_t *follow,
                             qn_block_ref *start)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    qn_mk_follow *f = m->follow;
    while (f < m->follow + MOCK_FOLLOWS && f->id)
        f++;
    if (f == m->follow + MOCK_FOLLOWS)
        return QN_E_LIMIT;
    qn_mk_block *at = n ? qn_mk_find(m, &locator[0]) : NULL;
    if (n && !at) {
        for (uint32_t i = 1; i < n && !(at && qn_mk_is_active(m, at)); i++)
            at = qn_mk_find(m, &locator[i]);
        *start = ref_of(at && qn_mk_is_active(m, at) ? at : NULL);
        return QN_E_UNKNOWN_TIP;
    }
    *f = (qn_mk_follow){
        .id = ++m->next_id, .cursor = at, .window = m->window, .on_ready = on_ready, .arg = arg};
    if (o && (o->set & QN_SET_FOLLOW_OPTIONS_FLAGS))
        f->flags = o->flags;
    if (o && (o->set & QN_SET_FOLLOW_OPTIONS_WINDOW) && o->window < f->window)
        f->window = o->window;
    if (o && !n && (o->set & QN_SET_FOLLOW_OPTIONS_FROM_HEIGHT))
        f->from_height = o->from_height;
    *follow = f->id;
    *start = ref_of(at);
    return QN_OK;
}

/* The body of the block that comes next is gone: say so, and go to the first that is there. */
static const qn_follow_event *gap(const qn_mock *m, qn_mk_follow *f)
{
    f->event =
        (qn_follow_event){.size = sizeof f->event, .type = QN_EV_GAP, .epoch = 1, .seq = ++f->seq};
    f->event.ref = ref_of(m->active[m->pruned]);
    f->event.prev = ref_of(f->cursor);
    f->event.lag = m->height - m->pruned + 1;
    f->cursor = m->active[m->pruned - 1];
    return &f->event;
}

static qn_status follow_next(qn_cap *cap, uint64_t id, const qn_follow_event **event,
                             const qn_block_view **view)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    uint32_t type;
    if (st != QN_OK)
        return st;
    qn_mk_follow *f = by_id(m, id);
    if (!f)
        return QN_E_CLOSED;
    qn_mk_block *b = upcoming(m, f, &type);
    f->waiting = !b;
    if (!b)
        return QN_E_AGAIN;
    if (f->seq - f->acked >= f->window)
        return QN_E_LIMIT;
    if (type == QN_EV_CONNECT && b->view->height < m->pruned &&
        !(f->flags & QN_FOLLOW_HEADERS_ONLY)) {
        *event = gap(m, f);
        *view = NULL;
        return QN_OK;
    }
    f->cursor = type == QN_EV_CONNECT ? b : b->parent;
    f->event =
        (qn_follow_event){.size = sizeof f->event, .type = type, .epoch = 1, .seq = ++f->seq};
    f->event.ref = ref_of(b);
    f->event.prev = ref_of(b->parent);
    f->event.lag =
        f->cursor && f->cursor->view->height < m->height ? m->height - f->cursor->view->height : 0;
    if (f->cursor == m->active[m->height]) {
        f->event.flags = QN_EVF_TIP;
        f->event.chain_seq = m->chain_seq;
    }
    *event = &f->event;
    *view = f->flags & QN_FOLLOW_HEADERS_ONLY ? NULL : b->view;
    return QN_OK;
}

static qn_status follow_ack(qn_cap *cap, uint64_t id, uint64_t seq)
{
    qn_status st = qn_mk_enter(cap);
    qn_mk_follow *f = by_id(cap->mock, id);
    if (st != QN_OK)
        return st;
    if (!f || seq > f->seq)
        return f ? QN_E_INVAL : QN_E_CLOSED;
    if (seq > f->acked)
        f->acked = seq;
    return QN_OK;
}

static qn_status follow_close(qn_cap *cap, uint64_t id)
{
    qn_mk_follow *f = by_id(cap->mock, id);
    if (f)
        *f = (qn_mk_follow){.id = 0};
    return f ? QN_OK : QN_E_CLOSED;
}

static qn_mk_block *by_view(const qn_mock *m, const qn_block_view *view)
{
    for (size_t i = 0; view && i < m->n_block; i++)
        if (m->block[i]->view == view)
            return m->block[i];
    return NULL;
}

static qn_status hold(qn_cap *cap, const qn_block_view *view)
{
    qn_status st = qn_mk_enter(cap);
    qn_mk_block *b = by_view(cap->mock, view);
    if (st == QN_OK && b)
        b->lent++;
    return st == QN_OK && !b ? QN_E_INVAL : st;
}

static qn_status release(qn_cap *cap, const qn_block_view *view)
{
    qn_mk_block *b = by_view(cap->mock, view);
    if (!b || !b->lent)
        return QN_E_INVAL;
    b->lent--;
    return QN_OK;
}

const qn_chain_follow_1 QN_MK_CHAIN_FOLLOW = {
    .h = {sizeof(qn_chain_follow_1), QN_CHAIN_FOLLOW_1_REVISION},
    .open = follow_open,
    .next = follow_next,
    .ack = follow_ack,
    .close = follow_close,
    .retain = hold,
    .release = release};

/* ---- block.read ---- */

static qn_status read_views(qn_cap *cap, const qn_hash *hashes, uint32_t n, uint32_t flags,
                            const qn_block_view **views, uint32_t max, uint32_t *n_views)
{
    qn_status st = qn_mk_enter(cap);
    (void)flags;
    if (st != QN_OK)
        return st;
    for (*n_views = 0; *n_views < n && *n_views < max; ++*n_views) {
        qn_mk_block *b = qn_mk_find(cap->mock, &hashes[*n_views]);
        if (!b)
            return *n_views ? QN_OK : QN_E_NOTFOUND;
        if (b->view->height < cap->mock->pruned)
            return *n_views ? QN_OK : QN_E_PRUNED;
        b->lent++;
        views[*n_views] = b->view;
    }
    return QN_OK;
}

static qn_status read_views_at(qn_cap *cap, uint32_t from, uint32_t flags,
                               const qn_block_view **views, uint32_t max, uint32_t *n_views)
{
    const qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    (void)flags;
    if (st != QN_OK)
        return st;
    *n_views = 0;
    if (from < m->pruned)
        return QN_E_PRUNED;
    for (; *n_views < max && from + *n_views <= m->height; ++*n_views) {
        m->active[from + *n_views]->lent++;
        views[*n_views] = m->active[from + *n_views]->view;
    }
    return from <= m->height ? QN_OK : QN_E_NOTFOUND;
}

static qn_status read_ranges(qn_cap *cap, const qn_read_range *ranges, uint32_t n,
                             qn_read_result *results, void *bytes, uint32_t max, uint32_t *n_bytes)
{
    static const qn_hash zero;
    const qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    uint64_t need = 0;
    if (st != QN_OK)
        return st;
    for (uint32_t i = 0; i < n; i++)
        need += ranges[i].len;
    *n_bytes = (uint32_t)need;
    if (need > max)
        return QN_E_SPACE;
    uint32_t used = 0;
    for (uint32_t i = 0; i < n; i++) {
        const qn_read_range *r = &ranges[i];
        bool by_height = memcmp(&r->hash, &zero, sizeof zero) == 0;
        const qn_block_view *v = by_height ? qn_mock_block(m, r->height) : NULL;
        const qn_mk_block *b = by_height ? NULL : qn_mk_find(m, &r->hash);
        v = b ? b->view : v;
        results[i] = (qn_read_result){v ? QN_E_INVAL : QN_E_NOTFOUND, 0};
        if (!v || r->off > v->raw.len || r->len > v->raw.len - r->off)
            continue;
        memcpy((uint8_t *)bytes + used, qn_view_raw(v) + r->off, r->len);
        results[i] = (qn_read_result){QN_OK, r->len};
        used += r->len;
    }
    *n_bytes = used;
    return QN_OK;
}

const qn_block_read_1 QN_MK_BLOCK_READ = {.h = {sizeof(qn_block_read_1), QN_BLOCK_READ_1_REVISION},
                                          .views = read_views,
                                          .views_at = read_views_at,
                                          .release = release,
                                          .ranges = read_ranges};
