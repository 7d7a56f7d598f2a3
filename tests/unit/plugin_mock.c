#include "tests/unit/plugin_mock.h"

#include "core/base/alloc.h"
#include "core/btc/params.h"
#include "quoin/block_read.h"
#include "quoin/chain_follow.h"
#include "quoin/chain_read.h"
#include "quoin/rpc_serve.h"
#include "quoin/store_own.h"
#include "tests/unit/coinmap.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_BLOCKS 4096
#define MAX_TASKS 256
#define MAX_LENT 64
#define MAX_METHODS 32
#define MAX_REPLIES 64
#define WINDOW 16
#define NONE UINT32_MAX

typedef struct node {
    qc_block *block;
    uint32_t parent, height; /* parent NONE: genesis */
    bool forgotten;
} node;

typedef struct reply {
    uint64_t request; /* 0: free */
    json_t *value;    /* NULL: waiting */
    int code;
} reply;

struct mock {
    const char *network;
    node node[MAX_BLOCKS];
    uint32_t n_nodes, tip, pruned;
    uint32_t active[MAX_BLOCKS]; /* by height */
    coinmap *coins;              /* all outputs ever */

    const qn_plugin_1 *plugin;
    void *self;
    qn_config_item item[16];
    uint32_t n_items;
    const char *denied;
    struct {
        qn_task_fn *fn;
        void *arg;
    } task[MAX_TASKS];
    size_t n_tasks;
    uint64_t clock_ms;
    bool gave_up, crashed;
    char failure[200];
    qc_bytes log;

    uint64_t fail_at, crash_at;
    qn_status fail_with;

    bool following, waiting;
    uint32_t cursor; /* NONE: before genesis */
    uint64_t seq, acked;
    qn_follow_ready_fn *ready;
    void *ready_arg;
    qn_follow_event event;
    void *event_view;
    void *lent[MAX_LENT];

    mock_store *store;
    struct {
        char name[65];
        qn_rpc_handler_fn *fn;
        void *arg;
    } method[MAX_METHODS];
    size_t n_methods;
    reply reply[MAX_REPLIES];
    uint64_t next_request;
};

static mock *of(qn_cap *cap)
{
    return (mock *)cap;
}

qn_status mock_fault(mock *m)
{
    if (m->crashed)
        return QN_E_REVOKED;
    if (m->fail_at && --m->fail_at == 0)
        return m->fail_with;
    if (m->crash_at && --m->crash_at == 0)
        m->crashed = true;
    return QN_OK;
}

/* ---- the chain ---- */

static uint32_t find_node(const mock *m, const uint8_t *hash)
{
    for (uint32_t i = 0; i < m->n_nodes; i++)
        if (!m->node[i].forgotten && !memcmp(qc_block_hash(m->node[i].block)->b, hash, 32))
            return i;
    return NONE;
}

static void add_outputs(mock *m, const qc_block *b, uint32_t height)
{
    for (uint32_t i = 0; i < qc_block_n_tx(b); i++) {
        qc_tx tx = qc_block_tx(b, i);
        for (uint32_t o = 0; o < tx.rec->n_out; o++) {
            qc_outpoint out = {.n = o};
            memcpy(out.txid.b, tx.rec->txid, 32);
            qc_spent coin = {tx.out[o].value, qc_tx_script(&tx, o), height, i == 0};
            if (!coinmap_get(m->coins, &out))
                coinmap_add(m->coins, &out, &coin);
        }
    }
}

static void attach(mock *m, qc_block *b)
{
    uint32_t n = qc_block_view(b)->in.count, k = 0;
    qc_spent *spent = qc_alloc(n * sizeof *spent);
    for (uint32_t i = 0; i < qc_block_n_tx(b); i++) {
        qc_tx tx = qc_block_tx(b, i);
        for (uint32_t in = 0; in < tx.rec->n_in; in++, k++) {
            qc_outpoint o = qc_tx_prevout(&tx, in);
            const qc_spent *coin = i ? coinmap_get(m->coins, &o) : NULL;
            QC_ASSERT(i == 0 || coin);
            if (coin)
                spent[k] = *coin;
        }
    }
    QC_ASSERT(qc_block_attach_spent(b, spent) == QC_OK);
    qc_free(spent);
}

qc_hash mock_add_block(mock *m, qc_span bytes)
{
    qc_block *b;
    QC_ASSERT(m->n_nodes < MAX_BLOCKS && qc_block_parse(bytes, &b) == QC_WIRE_OK);
    uint32_t parent = find_node(m, qc_block_header(b)->prev.b);
    QC_ASSERT(parent != NONE || m->n_nodes == 0);
    uint32_t height = parent == NONE ? 0 : m->node[parent].height + 1;
    qc_block_set_height(b, height);
    add_outputs(m, b, height);
    attach(m, b);
    m->node[m->n_nodes++] = (node){b, parent, height, false};
    return *qc_block_hash(b);
}

void mock_set_tip(mock *m, const qc_hash *hash)
{
    uint32_t at = find_node(m, hash->b);
    QC_ASSERT(at != NONE);
    m->tip = at;
    for (; at != NONE; at = m->node[at].parent)
        m->active[m->node[at].height] = at;
    if (m->following && m->waiting) {
        m->waiting = false;
        QC_ASSERT(m->n_tasks < MAX_TASKS);
        /* The ready callback takes the subscription too: see mock_step(). */
        m->task[m->n_tasks].fn = NULL;
        m->task[m->n_tasks++].arg = NULL;
    }
}

static bool on_chain(const mock *m, uint32_t i)
{
    return m->tip != NONE && m->node[i].height <= m->node[m->tip].height &&
           m->active[m->node[i].height] == i;
}

uint32_t mock_height(const mock *m)
{
    return m->node[m->tip].height;
}

uint32_t mock_height_of(const mock *m, const qc_hash *hash)
{
    uint32_t i = find_node(m, hash->b);
    QC_ASSERT(i != NONE);
    return m->node[i].height;
}

qc_hash mock_hash_at(const mock *m, uint32_t height)
{
    return *qc_block_hash(m->node[m->active[height]].block);
}

void mock_forget(mock *m, const qc_hash *hash)
{
    uint32_t i = find_node(m, hash->b);
    QC_ASSERT(i != NONE && !on_chain(m, i));
    m->node[i].forgotten = true;
}

void mock_prune(mock *m, uint32_t below)
{
    m->pruned = below;
}

static qn_block_ref ref_of(const mock *m, uint32_t i)
{
    qn_block_ref r = {.height = NONE};
    if (i != NONE) {
        memcpy(r.hash.b, qc_block_hash(m->node[i].block)->b, 32);
        r.height = m->node[i].height;
    }
    return r;
}

static void *copy_view(const mock *m, uint32_t i, bool with_spent)
{
    const qn_block_view *v = qc_block_view(m->node[i].block);
    qn_block_view *copy = qc_alloc(v->total);
    memcpy(copy, v, v->total);
    if (!with_spent)
        copy->flags &= ~QN_VIEW_SPENT;
    return copy;
}

/* ---- host ---- */

static qn_status host_get(qn_cap *cap, const char *id, uint32_t min_revision, const void **table,
                          qn_cap **handle);

static void host_log(qn_cap *cap, uint32_t level, const char *message, uint32_t len)
{
    mock *m = of(cap);
    (void)level;
    QC_ASSERT(qc_bytes_append(&m->log, message, len) == QC_OK);
    QC_ASSERT(qc_bytes_append(&m->log, "\n", 2) == QC_OK);
    m->log.len--; /* the NUL is overwritten by the next line */
}

static void host_fail(qn_cap *cap, int32_t why, const char *message, uint32_t len)
{
    mock *m = of(cap);
    snprintf(m->failure, sizeof m->failure, "%d: %.*s", why, (int)len, message);
    m->gave_up = true;
}

static qn_status host_post(qn_cap *cap, qn_task_fn *task, void *arg)
{
    mock *m = of(cap);
    qn_status st = mock_fault(m);
    if (st != QN_OK)
        return st;
    if (m->n_tasks == MAX_TASKS)
        return QN_E_LIMIT;
    m->task[m->n_tasks].fn = task;
    m->task[m->n_tasks++].arg = arg;
    return QN_OK;
}

static qn_status host_timer_set(qn_cap *cap, uint32_t ms, qn_task_fn *task, void *arg, uint64_t *id)
{
    (void)cap, (void)ms, (void)task, (void)arg, (void)id;
    return QN_E_LIMIT;
}

static qn_status host_timer_cancel(qn_cap *cap, uint64_t id)
{
    (void)cap, (void)id;
    return QN_E_NOTFOUND;
}

static void host_progress(qn_cap *cap, uint32_t permille, const char *what, uint32_t len)
{
    (void)cap, (void)permille, (void)what, (void)len;
}

/* Runs on by itself, so that work in slices really comes in slices. */
static uint64_t host_now_ms(qn_cap *cap)
{
    return of(cap)->clock_ms += 3;
}

static int64_t host_time(qn_cap *cap)
{
    (void)cap;
    return 1500000000;
}

static qn_status host_random(qn_cap *cap, void *buffer, uint32_t len)
{
    (void)cap;
    memset(buffer, 7, len);
    return QN_OK;
}

static const qn_host_1 HOST = {.h = {sizeof HOST, 1},
                               .get = host_get,
                               .log = host_log,
                               .fail = host_fail,
                               .post = host_post,
                               .timer_set = host_timer_set,
                               .timer_cancel = host_timer_cancel,
                               .progress = host_progress,
                               .now_ms = host_now_ms,
                               .time = host_time,
                               .random = host_random};

/* ---- chain.read ---- */

static qn_status read_info(qn_cap *cap, qn_chain_info *info)
{
    mock *m = of(cap);
    info->tip = info->durable = info->best_header = ref_of(m, m->tip);
    return QN_OK;
}

static qn_status read_params(qn_cap *cap, qn_chain_params *p)
{
    mock *m = of(cap);
    qn_status st = mock_fault(m);
    if (st == QN_OK)
        snprintf(p->name, sizeof p->name, "%s", m->network);
    return st;
}

static qn_status read_headers(qn_cap *cap, uint32_t from, qn_header_rec *h, uint32_t max,
                              uint32_t *n)
{
    (void)cap, (void)from, (void)h, (void)max, (void)n;
    return QN_E_UNSUPPORTED;
}

static qn_status read_headers_by_hash(qn_cap *cap, const qn_hash *hashes, uint32_t n,
                                      qn_header_rec *h)
{
    (void)cap, (void)hashes, (void)n, (void)h;
    return QN_E_UNSUPPORTED;
}

static qn_status read_locator(qn_cap *cap, const qn_hash *from, qn_hash *hashes, uint32_t max,
                              uint32_t *n)
{
    mock *m = of(cap);
    qn_status st = mock_fault(m);
    if (st != QN_OK)
        return st;
    uint32_t i = from ? find_node(m, from->b) : m->tip, step = 1;
    if (i == NONE)
        return QN_E_NOTFOUND;
    for (*n = 0; *n < max;) {
        hashes[(*n)++] = ref_of(m, i).hash;
        if (m->node[i].height == 0)
            return QN_OK;
        step = *n > 10 ? step * 2 : 1;
        for (uint32_t k = 0; k < step && m->node[i].height > 0; k++)
            i = m->node[i].parent;
    }
    return QN_E_SPACE;
}

static qn_status read_find_fork(qn_cap *cap, const qn_hash *l, uint32_t n, qn_block_ref *fork)
{
    (void)cap, (void)l, (void)n, (void)fork;
    return QN_E_UNSUPPORTED;
}

static const qn_chain_read_1 CHAIN_READ = {.h = {sizeof CHAIN_READ, 1},
                                           .info = read_info,
                                           .params = read_params,
                                           .headers = read_headers,
                                           .headers_by_hash = read_headers_by_hash,
                                           .locator = read_locator,
                                           .find_fork = read_find_fork};

/* ---- chain.follow ---- */

static void event_end(mock *m)
{
    qc_free(m->event_view);
    m->event_view = NULL;
}

static qn_status follow_open(qn_cap *cap, const qn_follow_options *o, const qn_hash *locator,
                             uint32_t n, qn_follow_ready_fn *ready, void *arg, uint64_t *follow,
                             qn_block_ref *start)
{
    mock *m = of(cap);
    qn_status st = mock_fault(m);
    if (st != QN_OK)
        return st;
    QC_ASSERT(o && (o->flags & QN_FOLLOW_SPENT) && !m->following);
    uint32_t at = n ? find_node(m, locator[0].b) : NONE;
    if (n && at == NONE) {
        for (uint32_t i = 1; i < n && at == NONE; i++) {
            at = find_node(m, locator[i].b);
            at = at != NONE && on_chain(m, at) ? at : NONE;
        }
        *start = ref_of(m, at);
        return QN_E_UNKNOWN_TIP;
    }
    m->following = true;
    m->waiting = false;
    m->cursor = at;
    m->seq = m->acked = 0;
    m->ready = ready;
    m->ready_arg = arg;
    *follow = 1;
    *start = ref_of(m, at);
    return QN_OK;
}

static qn_status follow_gap(mock *m)
{
    m->event = (qn_follow_event){.size = sizeof m->event,
                                 .type = QN_EV_GAP,
                                 .seq = ++m->seq,
                                 .ref = ref_of(m, m->active[m->pruned]),
                                 .prev = ref_of(m, m->cursor)};
    m->cursor = m->node[m->active[m->pruned]].parent;
    return QN_OK;
}

static qn_status follow_move(mock *m)
{
    uint32_t type = QN_EV_CONNECT, block, next;
    if (m->cursor != NONE && !on_chain(m, m->cursor)) {
        type = QN_EV_DISCONNECT;
        block = m->cursor;
        next = m->node[block].parent;
    } else {
        block = next = m->active[m->cursor == NONE ? 0 : m->node[m->cursor].height + 1];
        if (m->node[block].height < m->pruned)
            return follow_gap(m);
    }
    m->event = (qn_follow_event){.size = sizeof m->event,
                                 .type = type,
                                 .seq = ++m->seq,
                                 .lag = m->node[m->tip].height - m->node[next].height,
                                 .ref = ref_of(m, block),
                                 .prev = ref_of(m, m->node[block].parent)};
    if (next == m->tip)
        m->event.flags |= QN_EVF_TIP;
    m->cursor = next;
    m->event_view = copy_view(m, block, true);
    return QN_OK;
}

static qn_status follow_next(qn_cap *cap, uint64_t follow, const qn_follow_event **event,
                             const qn_block_view **view)
{
    mock *m = of(cap);
    qn_status st = mock_fault(m);
    if (st != QN_OK)
        return st;
    if (!m->following || follow != 1)
        return QN_E_CLOSED;
    event_end(m);
    if (m->cursor == m->tip) {
        m->waiting = true;
        return QN_E_AGAIN;
    }
    if (m->seq - m->acked >= WINDOW)
        return QN_E_LIMIT;
    st = follow_move(m);
    *event = &m->event;
    *view = m->event_view;
    return st;
}

static qn_status follow_ack(qn_cap *cap, uint64_t follow, uint64_t seq)
{
    mock *m = of(cap);
    qn_status st = mock_fault(m);
    if (st != QN_OK)
        return st;
    if (!m->following || follow != 1)
        return QN_E_CLOSED;
    if (seq > m->seq || seq < m->acked)
        return QN_E_INVAL;
    QC_ASSERT(mock_store_is_synced(m->store)); /* what is acknowledged survives a crash */
    m->acked = seq;
    return QN_OK;
}

static qn_status follow_close(qn_cap *cap, uint64_t follow)
{
    mock *m = of(cap);
    if (!m->following || follow != 1)
        return QN_E_CLOSED;
    event_end(m);
    m->following = false;
    return QN_OK;
}

static qn_status follow_retain(qn_cap *cap, const qn_block_view *view)
{
    (void)cap, (void)view;
    return QN_E_LIMIT;
}

static qn_status follow_release(qn_cap *cap, const qn_block_view *view)
{
    (void)cap, (void)view;
    return QN_E_INVAL;
}

static const qn_chain_follow_1 FOLLOW = {.h = {sizeof FOLLOW, 1},
                                         .open = follow_open,
                                         .next = follow_next,
                                         .ack = follow_ack,
                                         .close = follow_close,
                                         .retain = follow_retain,
                                         .release = follow_release};

/* ---- block.read ---- */

static qn_status lend(mock *m, uint32_t i, uint32_t flags, const qn_block_view **view)
{
    if (i == NONE)
        return QN_E_NOTFOUND;
    if (m->node[i].height < m->pruned)
        return QN_E_PRUNED;
    for (size_t k = 0; k < MAX_LENT; k++)
        if (!m->lent[k]) {
            *view = m->lent[k] = copy_view(m, i, flags & QN_READ_SPENT);
            return QN_OK;
        }
    return QN_E_LIMIT;
}

static qn_status read_views(qn_cap *cap, const qn_hash *hashes, uint32_t n, uint32_t flags,
                            const qn_block_view **views, uint32_t max, uint32_t *n_views)
{
    mock *m = of(cap);
    qn_status st = mock_fault(m);
    for (*n_views = 0; st == QN_OK && *n_views < n && *n_views < max; (*n_views)++)
        if ((st = lend(m, find_node(m, hashes[*n_views].b), flags, &views[*n_views])) != QN_OK)
            break;
    return *n_views ? QN_OK : st;
}

static qn_status read_views_at(qn_cap *cap, uint32_t from, uint32_t flags,
                               const qn_block_view **views, uint32_t max, uint32_t *n_views)
{
    (void)cap, (void)from, (void)flags, (void)views, (void)max, (void)n_views;
    return QN_E_UNSUPPORTED;
}

static qn_status read_release(qn_cap *cap, const qn_block_view *view)
{
    mock *m = of(cap);
    for (size_t k = 0; k < MAX_LENT; k++)
        if (m->lent[k] && m->lent[k] == (const void *)view) {
            qc_free(m->lent[k]);
            m->lent[k] = NULL;
            return QN_OK;
        }
    return QN_E_INVAL;
}

static qn_status read_ranges(qn_cap *cap, const qn_read_range *r, uint32_t n,
                             qn_read_result *results, void *bytes, uint32_t max, uint32_t *n_bytes)
{
    (void)cap, (void)r, (void)n, (void)results, (void)bytes, (void)max, (void)n_bytes;
    return QN_E_UNSUPPORTED;
}

static const qn_block_read_1 BLOCK_READ = {.h = {sizeof BLOCK_READ, 1},
                                           .views = read_views,
                                           .views_at = read_views_at,
                                           .release = read_release,
                                           .ranges = read_ranges};

/* ---- rpc.serve ---- */

static qn_status rpc_add(qn_cap *cap, const qn_rpc_method *limits, const char *name,
                         const char *arg_names, const char *help, qn_rpc_handler_fn *fn, void *arg)
{
    mock *m = of(cap);
    qn_status st = mock_fault(m);
    (void)limits, (void)arg_names;
    if (st != QN_OK)
        return st;
    QC_ASSERT(m->n_methods < MAX_METHODS && strlen(name) <= 64 && help[0]);
    snprintf(m->method[m->n_methods].name, sizeof m->method[0].name, "%s", name);
    m->method[m->n_methods].fn = fn;
    m->method[m->n_methods++].arg = arg;
    return QN_OK;
}

static qn_status rpc_remove(qn_cap *cap, const char *name)
{
    (void)cap, (void)name;
    return QN_E_NOTFOUND;
}

static reply *reply_of(mock *m, uint64_t request)
{
    for (size_t i = 0; request && i < MAX_REPLIES; i++)
        if (m->reply[i].request == request)
            return &m->reply[i];
    return NULL;
}

static qn_status rpc_reply(qn_cap *cap, uint64_t request, const char *result, uint64_t len)
{
    reply *r = reply_of(of(cap), request);
    if (!r || r->value)
        return QN_E_CLOSED;
    r->value = json_loadb(result, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    QC_ASSERT(r->value != NULL);
    return QN_OK;
}

static qn_status rpc_reply_error(qn_cap *cap, uint64_t request, int32_t code, const char *message,
                                 uint32_t len)
{
    reply *r = reply_of(of(cap), request);
    if (!r || r->value)
        return QN_E_CLOSED;
    QC_ASSERT(code != 0);
    r->value = json_stringn(message, len);
    r->code = code;
    return QN_OK;
}

static const qn_rpc_serve_1 RPC = {.h = {sizeof RPC, 1},
                                   .add = rpc_add,
                                   .remove = rpc_remove,
                                   .reply = rpc_reply,
                                   .reply_error = rpc_reply_error};

uint64_t mock_send(mock *m, const char *method, const char *params)
{
    size_t i = 0, k = 0;
    while (i < m->n_methods && strcmp(m->method[i].name, method))
        i++;
    while (k < MAX_REPLIES && m->reply[k].request)
        k++;
    QC_ASSERT(i < m->n_methods && k < MAX_REPLIES && m->self);
    m->reply[k] = (reply){++m->next_request, NULL, 0};
    qn_rpc_request r = {sizeof r, 30000, m->next_request};
    m->method[i].fn(m->method[i].arg, &r, params, (uint32_t)strlen(params));
    return r.request;
}

json_t *mock_answer(mock *m, uint64_t request, int *code)
{
    reply *r = reply_of(m, request);
    QC_ASSERT(r != NULL);
    json_t *value = r->value;
    if (value) {
        *code = r->code;
        *r = (reply){0, NULL, 0};
    }
    return value;
}

json_t *mock_ask(mock *m, const char *method, const char *params, int *code)
{
    uint64_t request = mock_send(m, method, params);
    mock_run(m);
    json_t *value = mock_answer(m, request, code);
    QC_ASSERT(value != NULL);
    return value;
}

/* ---- the plugin ---- */

static qn_status host_get(qn_cap *cap, const char *id, uint32_t min_revision, const void **table,
                          qn_cap **handle)
{
    mock *m = of(cap);
    QC_ASSERT(min_revision <= 1);
    if (m->denied && !strcmp(m->denied, id))
        return QN_E_DENIED;
    const struct {
        const char *id;
        const void *table;
    } all[] = {{QN_CHAIN_READ_1_ID, &CHAIN_READ},
               {QN_CHAIN_FOLLOW_1_ID, &FOLLOW},
               {QN_BLOCK_READ_1_ID, &BLOCK_READ},
               {QN_STORE_OWN_1_ID, mock_store_table()},
               {QN_RPC_SERVE_1_ID, &RPC}};
    for (size_t i = 0; i < QC_COUNTOF(all); i++)
        if (!strcmp(all[i].id, id)) {
            *table = all[i].table;
            *handle = all[i].table == mock_store_table() ? mock_store_cap(m->store, m) : cap;
            return QN_OK;
        }
    return QN_E_NOSUCH;
}

mock *mock_new(const char *network)
{
    mock *m = qc_alloc(sizeof *m);
    m->network = network;
    m->tip = NONE;
    m->coins = coinmap_new();
    m->store = mock_store_new();
    return m;
}

void mock_config(mock *m, const char *const *pairs)
{
    for (m->n_items = 0; *pairs; pairs += 2)
        m->item[m->n_items++] = (qn_config_item){pairs[0], pairs[1]};
}

void mock_deny(mock *m, const char *id)
{
    m->denied = id;
}

static void end(mock *m)
{
    m->plugin->fini(m->self);
    m->self = NULL;
    event_end(m);
    m->following = false;
    m->n_tasks = m->n_methods = 0;
    for (size_t i = 0; i < MAX_LENT; i++) {
        qc_free(m->lent[i]);
        m->lent[i] = NULL;
    }
    for (size_t i = 0; i < MAX_REPLIES; i++) {
        json_decref(m->reply[i].value);
        m->reply[i] = (reply){0, NULL, 0};
    }
}

qn_status mock_start(mock *m, const qn_plugin_1 *plugin)
{
    qn_config config = {sizeof config, m->n_items, m->item};
    QC_ASSERT(!m->self && plugin->h.size >= sizeof *plugin);
    m->plugin = plugin;
    m->gave_up = m->crashed = false;
    m->failure[0] = '\0';
    m->n_tasks = m->n_methods = 0;
    qn_status st = plugin->init((qn_cap *)m, &HOST, &config, &m->self);
    if (st != QN_OK) {
        m->self = NULL;
        return st;
    }
    st = plugin->start(m->self);
    if (st != QN_OK && !m->crashed)
        end(m);
    return st;
}

qn_status mock_stop(mock *m)
{
    qn_status st = m->plugin->stop(m->self, 1000);
    QC_ASSERT(mock_leases(m) == 0);
    end(m);
    return st;
}

void mock_kill(mock *m)
{
    if (m->self)
        end(m);
    m->crashed = false;
    m->crash_at = 0;
    mock_store_lose(m->store);
}

bool mock_step(mock *m)
{
    if (m->n_tasks == 0 || m->crashed || !m->self)
        return false;
    qn_task_fn *fn = m->task[0].fn;
    void *arg = m->task[0].arg;
    memmove(m->task, m->task + 1, --m->n_tasks * sizeof m->task[0]);
    if (fn)
        fn(arg);
    else if (m->following)
        m->ready(m->ready_arg, 1);
    return true;
}

void mock_run(mock *m)
{
    while (!m->gave_up && mock_step(m))
        ;
    if (m->gave_up && m->self && !m->crashed)
        (void)mock_stop(m);
}

bool mock_running(const mock *m)
{
    return m->self != NULL;
}

const char *mock_failure(const mock *m)
{
    return m->failure;
}

const char *mock_log(const mock *m)
{
    return m->log.len ? (const char *)m->log.data : "";
}

void mock_free(mock *m)
{
    mock_kill(m);
    for (uint32_t i = 0; i < m->n_nodes; i++)
        qc_block_unref(m->node[i].block);
    coinmap_free(m->coins);
    mock_store_free(m->store);
    qc_bytes_free(&m->log);
    qc_free(m);
}

/* ---- faults and counts ---- */

void mock_fail_at(mock *m, uint64_t n, qn_status st)
{
    m->fail_at = n;
    m->fail_with = st;
}

void mock_crash_at(mock *m, uint64_t n)
{
    m->crash_at = n;
}

bool mock_crashed(const mock *m)
{
    return m->crashed;
}

bool mock_fault_was_hit(const mock *m)
{
    return m->fail_at == 0;
}

size_t mock_leases(const mock *m)
{
    size_t n = mock_store_walks(m->store);
    for (size_t i = 0; i < MAX_LENT; i++)
        n += m->lent[i] != NULL;
    return n;
}

size_t mock_store_count(const mock *m)
{
    return mock_store_size(m->store);
}

qc_hash mock_store_digest(const mock *m)
{
    qc_hash h;
    mock_store_hash(m->store, &h);
    return h;
}

uint64_t mock_syncs(const mock *m)
{
    return mock_store_syncs(m->store);
}

void mock_store_put(mock *m, const void *key, uint32_t key_len, const void *value, uint32_t len)
{
    uint64_t fail = m->fail_at, crash = m->crash_at;
    qn_store_op head = {value ? QN_STORE_OP_PUT : QN_STORE_OP_DELETE, key_len, value ? len : 0};
    qc_bytes b = QC_BYTES_INIT;
    m->fail_at = m->crash_at = 0;
    QC_ASSERT(qc_bytes_append(&b, &head, sizeof head) == QC_OK);
    QC_ASSERT(qc_bytes_append(&b, key, key_len) == QC_OK);
    if (value)
        QC_ASSERT(qc_bytes_append(&b, value, len) == QC_OK);
    QC_ASSERT(mock_store_table()->write(mock_store_cap(m->store, m), b.data, b.len,
                                        QN_STORE_SYNC) == QN_OK);
    qc_bytes_free(&b);
    m->fail_at = fail;
    m->crash_at = crash;
}
