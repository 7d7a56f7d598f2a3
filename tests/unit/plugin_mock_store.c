/* store.own of the mock: pairs in one sorted array, and the array as of the last sync. */
#include "tests/unit/plugin_mock.h"

#include "core/base/alloc.h"
#include "core/crypto/sha256.h"
#include "quoin/store_own.h"

#include <stdlib.h>

#define WALKS 64

typedef struct pair {
    uint32_t refs, key_len, value_len;
    uint8_t bytes[]; /* key, value */
} pair;

typedef struct state {
    pair **p;
    size_t n;
} state;

typedef struct walk {
    uint64_t id; /* 0: free */
    state at;
    size_t next;
} walk;

struct mock_store {
    mock *m;
    state live, synced;
    walk walk[WALKS];
    uint64_t next_id, syncs;
    bool unsynced;
};

mock_store *mock_store_new(void)
{
    return qc_alloc(sizeof(mock_store));
}

qn_cap *mock_store_cap(mock_store *s, mock *m)
{
    s->m = m;
    return (qn_cap *)s;
}

static mock_store *store_of(qn_cap *cap)
{
    return (mock_store *)cap;
}

static void pair_unref(pair *p)
{
    if (--p->refs == 0)
        qc_free(p);
}

static void state_clear(state *s)
{
    for (size_t i = 0; i < s->n; i++)
        pair_unref(s->p[i]);
    qc_free(s->p);
    *s = (state){NULL, 0};
}

static state state_copy(const state *s, size_t from, size_t to)
{
    state c = {qc_alloc((to - from + 1) * sizeof *c.p), to - from};
    for (size_t i = from; i < to; i++) {
        c.p[i - from] = s->p[i];
        s->p[i]->refs++;
    }
    return c;
}

static int compare(const void *a, size_t a_len, const void *b, size_t b_len)
{
    size_t n = a_len < b_len ? a_len : b_len;
    int c = n ? memcmp(a, b, n) : 0;
    return c ? c : (a_len > b_len) - (a_len < b_len);
}

/* The first pair whose key is not below `key`. */
static size_t lower_bound(const state *s, const void *key, size_t len)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (compare(s->p[mid]->bytes, s->p[mid]->key_len, key, len) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool holds(const state *s, size_t i, const void *key, size_t len)
{
    return i < s->n && compare(s->p[i]->bytes, s->p[i]->key_len, key, len) == 0;
}

static qn_status get(qn_cap *cap, uint64_t snapshot, const void *key, uint32_t key_len, void *value,
                     uint32_t max_value, uint32_t *n_value)
{
    mock_store *s = store_of(cap);
    qn_status st = mock_fault(s->m);
    if (st != QN_OK)
        return st;
    QC_ASSERT(snapshot == 0);
    size_t i = lower_bound(&s->live, key, key_len);
    if (!holds(&s->live, i, key, key_len))
        return QN_E_NOTFOUND;
    const pair *p = s->live.p[i];
    *n_value = p->value_len;
    if (p->value_len > max_value)
        return QN_E_SPACE;
    if (p->value_len)
        memcpy(value, p->bytes + p->key_len, p->value_len);
    return QN_OK;
}

/* ---- batches ---- */

typedef struct op {
    size_t seq;
    pair *p; /* new pair; value_len of a deletion is DELETED */
} op;
#define DELETED UINT32_MAX

static int by_key(const void *a, const void *b)
{
    const op *x = a, *y = b;
    int c = compare(x->p->bytes, x->p->key_len, y->p->bytes, y->p->key_len);
    return c ? c : (x->seq > y->seq) - (x->seq < y->seq);
}

static op *read_batch(const uint8_t *batch, uint64_t len, size_t *n)
{
    op *list = NULL;
    size_t cap = 0;
    *n = 0;
    for (uint64_t pos = 0; pos < len;) {
        qn_store_op head;
        QC_ASSERT(len - pos >= sizeof head);
        memcpy(&head, batch + pos, sizeof head);
        pos += sizeof head;
        QC_ASSERT(head.key_len <= len - pos && head.value_len <= len - pos - head.key_len);
        QC_ASSERT(head.op == QN_STORE_OP_PUT || head.value_len == 0);
        if (*n == cap)
            list = realloc(list, (cap = cap ? cap * 2 : 256) * sizeof *list);
        pair *p = qc_alloc(sizeof *p + head.key_len + head.value_len);
        *p = (pair){1, head.key_len, head.op == QN_STORE_OP_PUT ? head.value_len : DELETED};
        memcpy(p->bytes, batch + pos, head.key_len + head.value_len);
        pos += head.key_len + head.value_len;
        list[*n] = (op){*n, p};
        (*n)++;
    }
    return list;
}

/* Merge sorted operations into the sorted pairs; of one key's operations the last counts. */
static void merge(state *s, op *list, size_t n)
{
    state out = {qc_alloc((s->n + n + 1) * sizeof *out.p), 0};
    size_t i = 0;
    for (size_t k = 0; k < n; k++) {
        pair *p = list[k].p;
        if (k + 1 < n &&
            !compare(p->bytes, p->key_len, list[k + 1].p->bytes, list[k + 1].p->key_len)) {
            pair_unref(p);
            continue;
        }
        while (i < s->n && compare(s->p[i]->bytes, s->p[i]->key_len, p->bytes, p->key_len) < 0)
            out.p[out.n++] = s->p[i++];
        if (holds(s, i, p->bytes, p->key_len))
            pair_unref(s->p[i++]);
        if (p->value_len == DELETED)
            pair_unref(p);
        else
            out.p[out.n++] = p;
    }
    while (i < s->n)
        out.p[out.n++] = s->p[i++];
    qc_free(s->p);
    *s = out;
}

static qn_status write_batch(qn_cap *cap, const void *batch, uint64_t batch_len, uint32_t flags)
{
    mock_store *s = store_of(cap);
    qn_status st = mock_fault(s->m);
    if (st != QN_OK)
        return st;
    size_t n;
    op *list = read_batch(batch, batch_len, &n);
    if (n)
        qsort(list, n, sizeof *list, by_key);
    merge(&s->live, list, n);
    free(list);
    s->unsynced = true;
    if (flags & QN_STORE_SYNC) {
        s->unsynced = false;
        state_clear(&s->synced);
        s->synced = state_copy(&s->live, 0, s->live.n);
        s->syncs++;
    }
    return QN_OK;
}

/* ---- walks ---- */

static qn_status iter_open(qn_cap *cap, uint64_t snapshot, const void *from, uint32_t from_len,
                           const void *to, uint32_t to_len, uint32_t flags, uint64_t *iter)
{
    mock_store *s = store_of(cap);
    qn_status st = mock_fault(s->m);
    if (st != QN_OK)
        return st;
    QC_ASSERT(snapshot == 0 && flags == 0);
    for (size_t i = 0; i < WALKS; i++) {
        walk *w = &s->walk[i];
        if (w->id)
            continue;
        size_t a = from_len ? lower_bound(&s->live, from, from_len) : 0;
        size_t b = to_len ? lower_bound(&s->live, to, to_len) : s->live.n;
        *w = (walk){++s->next_id, state_copy(&s->live, a, b > a ? b : a), 0};
        *iter = w->id;
        return QN_OK;
    }
    return QN_E_LIMIT;
}

static walk *walk_of(mock_store *s, uint64_t id)
{
    for (size_t i = 0; id && i < WALKS; i++)
        if (s->walk[i].id == id)
            return &s->walk[i];
    return NULL;
}

static qn_status iter_next(qn_cap *cap, uint64_t iter, const uint8_t **key, uint32_t *n_key,
                           const uint8_t **value, uint32_t *n_value)
{
    mock_store *s = store_of(cap);
    qn_status st = mock_fault(s->m);
    if (st != QN_OK)
        return st;
    walk *w = walk_of(s, iter);
    if (!w)
        return QN_E_CLOSED;
    if (w->next == w->at.n)
        return QN_E_END;
    const pair *p = w->at.p[w->next++];
    *key = p->bytes;
    *n_key = p->key_len;
    *value = p->bytes + p->key_len;
    *n_value = p->value_len;
    return QN_OK;
}

static qn_status iter_close(qn_cap *cap, uint64_t iter)
{
    walk *w = walk_of(store_of(cap), iter);
    if (!w)
        return QN_E_CLOSED;
    state_clear(&w->at);
    w->id = 0;
    return QN_OK;
}

static qn_status snapshot_open(qn_cap *cap, uint64_t *snapshot)
{
    (void)cap;
    (void)snapshot;
    return QN_E_LIMIT;
}

static qn_status snapshot_close(qn_cap *cap, uint64_t snapshot)
{
    (void)cap;
    (void)snapshot;
    return QN_E_CLOSED;
}

static qn_status info(qn_cap *cap, qn_store_info *out)
{
    out->bytes = store_of(cap)->live.n;
    out->quota = 0;
    return QN_OK;
}

static qn_status size_of(qn_cap *cap, const void *from, uint32_t from_len, const void *to,
                         uint32_t to_len, uint64_t *size)
{
    const state *s = &store_of(cap)->live;
    size_t a = from_len ? lower_bound(s, from, from_len) : 0;
    size_t b = to_len ? lower_bound(s, to, to_len) : s->n;
    *size = b > a ? b - a : 0;
    return QN_OK;
}

static qn_status wipe(qn_cap *cap)
{
    mock_store *s = store_of(cap);
    qn_status st = mock_fault(s->m);
    if (st != QN_OK)
        return st;
    if (mock_store_walks(s))
        return QN_E_BUSY;
    state_clear(&s->live);
    state_clear(&s->synced);
    return QN_OK;
}

const qn_store_own_1 *mock_store_table(void)
{
    static const qn_store_own_1 table = {
        .h = {sizeof table, 1},
        .get = get,
        .write = write_batch,
        .snapshot_open = snapshot_open,
        .snapshot_close = snapshot_close,
        .iter_open = iter_open,
        .iter_next = iter_next,
        .iter_close = iter_close,
        .info = info,
        .size_of = size_of,
        .wipe = wipe,
    };
    return &table;
}

void mock_store_lose(mock_store *s)
{
    for (size_t i = 0; i < WALKS; i++) {
        state_clear(&s->walk[i].at);
        s->walk[i].id = 0;
    }
    state_clear(&s->live);
    s->live = state_copy(&s->synced, 0, s->synced.n);
    s->unsynced = false;
}

void mock_store_free(mock_store *s)
{
    mock_store_lose(s);
    state_clear(&s->live);
    state_clear(&s->synced);
    qc_free(s);
}

size_t mock_store_walks(const mock_store *s)
{
    size_t n = 0;
    for (size_t i = 0; i < WALKS; i++)
        n += s->walk[i].id != 0;
    return n;
}

size_t mock_store_size(const mock_store *s)
{
    return s->live.n;
}

bool mock_store_is_synced(const mock_store *s)
{
    return !s->unsynced;
}

uint64_t mock_store_syncs(const mock_store *s)
{
    return s->syncs;
}

void mock_store_hash(const mock_store *s, qc_hash *out)
{
    qc_sha256_ctx c;
    qc_sha256_init(&c);
    for (size_t i = 0; i < s->live.n; i++) {
        const pair *p = s->live.p[i];
        qc_sha256_update(&c, &p->key_len, sizeof p->key_len);
        qc_sha256_update(&c, p->bytes, p->key_len + p->value_len);
    }
    qc_sha256_final(&c, out->b);
}
