/* The mock's store.own: sorted rows in memory, and a second copy of what was synced. */
#include "lib/mock/internal.h"

#include <stdlib.h>
#include <string.h>

static int compare(const uint8_t *a, uint32_t a_len, const uint8_t *b, uint32_t b_len)
{
    uint32_t n = a_len < b_len ? a_len : b_len;
    int c = n ? memcmp(a, b, n) : 0;
    return c ? c : (a_len > b_len) - (a_len < b_len);
}

/* First row whose key is not below `key`. */
static size_t lower(const qn_mk_rows *r, const uint8_t *key, uint32_t len)
{
    size_t lo = 0, hi = r->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (compare(r->row[mid].key, r->row[mid].key_len, key, len) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool at_key(const qn_mk_rows *r, size_t i, const uint8_t *key, uint32_t len)
{
    return i < r->n && compare(r->row[i].key, r->row[i].key_len, key, len) == 0;
}

static void free_row(struct qn_mk_row *row)
{
    free(row->key);
    free(row->value);
}

static void put(qn_mk_rows *r, const uint8_t *key, uint32_t key_len, const uint8_t *value,
                uint32_t value_len)
{
    size_t i = lower(r, key, key_len);
    struct qn_mk_row row = {(uint8_t *)qn_mk_text((const char *)key, key_len),
                            (uint8_t *)qn_mk_text((const char *)value, value_len), key_len,
                            value_len};
    if (at_key(r, i, key, key_len)) {
        free_row(&r->row[i]);
        r->row[i] = row;
        return;
    }
    if (r->n == r->cap) {
        r->cap = r->cap * 2 + 64;
        r->row = qn_mk_grow(r->row, r->cap * sizeof *r->row);
    }
    memmove(&r->row[i + 1], &r->row[i], (r->n - i) * sizeof *r->row);
    r->row[i] = row;
    r->n++;
}

static void delete_key(qn_mk_rows *r, const uint8_t *key, uint32_t len)
{
    size_t i = lower(r, key, len);
    if (!at_key(r, i, key, len))
        return;
    free_row(&r->row[i]);
    memmove(&r->row[i], &r->row[i + 1], (r->n - i - 1) * sizeof *r->row);
    r->n--;
}

void qn_mk_rows_free(qn_mk_rows *r)
{
    for (size_t i = 0; i < r->n; i++)
        free_row(&r->row[i]);
    free(r->row);
    *r = (qn_mk_rows){0};
}

static qn_mk_rows copy(const qn_mk_rows *r)
{
    qn_mk_rows out = {0};
    for (size_t i = 0; i < r->n; i++)
        put(&out, r->row[i].key, r->row[i].key_len, r->row[i].value, r->row[i].value_len);
    return out;
}

static void replace(qn_mk_rows *to, const qn_mk_rows *from)
{
    qn_mk_rows now = copy(from);
    qn_mk_rows_free(to);
    *to = now;
}

void qn_mk_store_drop(qn_mock *m, bool crash)
{
    for (int i = 0; i < MOCK_ITERS; i++) {
        qn_mk_rows_free(&m->iter[i].rows);
        m->iter[i].id = 0;
    }
    for (int i = 0; i < MOCK_SNAPSHOTS; i++) {
        qn_mk_rows_free(&m->snapshot[i].rows);
        m->snapshot[i].id = 0;
    }
    replace(crash ? &m->rows : &m->synced, crash ? &m->synced : &m->rows);
}

uint64_t qn_mock_store_count(const qn_mock *m)
{
    return m->rows.n;
}

static const qn_mk_rows *rows_of(const qn_mock *m, uint64_t snapshot)
{
    if (!snapshot)
        return &m->rows;
    for (int i = 0; i < MOCK_SNAPSHOTS; i++)
        if (m->snapshot[i].id == snapshot)
            return &m->snapshot[i].rows;
    return NULL;
}

static qn_status store_get(qn_cap *cap, uint64_t snapshot, const void *key, uint32_t key_len,
                           void *value, uint32_t max, uint32_t *n)
{
    qn_status st = qn_mk_enter(cap);
    const qn_mk_rows *r = rows_of(cap->mock, snapshot);
    if (st != QN_OK)
        return st;
    if (!r || !key_len)
        return r ? QN_E_INVAL : QN_E_CLOSED;
    size_t i = lower(r, key, key_len);
    if (!at_key(r, i, key, key_len))
        return QN_E_NOTFOUND;
    *n = r->row[i].value_len;
    if (*n > max)
        return QN_E_SPACE;
    if (*n)
        memcpy(value, r->row[i].value, *n);
    return QN_OK;
}

/* One record, checked or applied. Returns its length, 0: malformed. */
static uint64_t step(qn_mk_rows *r, const uint8_t *p, uint64_t left)
{
    qn_store_op op;
    if (left < sizeof op)
        return 0;
    memcpy(&op, p, sizeof op);
    uint64_t need = sizeof op + (uint64_t)op.key_len + op.value_len;
    bool put_op = op.op == QN_STORE_OP_PUT, del = op.op == QN_STORE_OP_DELETE && !op.value_len;
    if (need > left || !op.key_len || op.key_len > 4096 || (!put_op && !del))
        return 0;
    const uint8_t *key = p + sizeof op;
    if (r && put_op)
        put(r, key, op.key_len, key + op.key_len, op.value_len);
    else if (r)
        delete_key(r, key, op.key_len);
    return need;
}

static uint64_t bytes_of(const qn_mk_rows *r, size_t from, size_t to)
{
    uint64_t n = 0;
    for (size_t i = from; i < to; i++)
        n += r->row[i].key_len + r->row[i].value_len;
    return n;
}

/* What the batch adds at most. A batch that only deletes is always taken. */
static uint64_t puts_of(const uint8_t *p, uint64_t len)
{
    uint64_t sum = 0;
    qn_store_op op;
    for (uint64_t at = 0; at < len; at += sizeof op + (uint64_t)op.key_len + op.value_len) {
        memcpy(&op, p + at, sizeof op);
        if (op.op == QN_STORE_OP_PUT)
            sum += (uint64_t)op.key_len + op.value_len;
    }
    return sum;
}

void qn_mk_store_apply(qn_mock *m, const uint8_t *batch, uint64_t len)
{
    for (uint64_t at = 0; at < len;)
        at += step(&m->rows, batch + at, len - at);
}

void qn_mock_quota(qn_mock *m, uint64_t bytes)
{
    m->quota = bytes;
}

int qn_mock_store_row(const qn_mock *m, uint64_t i, const void **key, uint32_t *key_len,
                      const void **value, uint32_t *value_len)
{
    if (i >= m->rows.n)
        return 0;
    *key = m->rows.row[i].key;
    *key_len = m->rows.row[i].key_len;
    *value = m->rows.row[i].value;
    *value_len = m->rows.row[i].value_len;
    return 1;
}

static qn_status store_write(qn_cap *cap, const void *batch, uint64_t len, uint32_t flags)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    const uint8_t *p = batch;
    if (st != QN_OK)
        return st;
    for (uint64_t at = 0, n; at < len; at += n)
        if (!(n = step(NULL, p + at, len - at)))
            return QN_E_INVAL;
    if (m->quota && bytes_of(&m->rows, 0, m->rows.n) + puts_of(p, len) > m->quota)
        return QN_E_FULL;
    if ((st = qn_mk_folder_write(m, batch, len, flags)) != QN_OK)
        return st;
    qn_mk_store_apply(m, p, len);
    if (flags & QN_STORE_SYNC)
        replace(&m->synced, &m->rows);
    return QN_OK;
}

static qn_status store_snapshot_open(qn_cap *cap, uint64_t *snapshot)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    for (int i = 0; st == QN_OK && i < MOCK_SNAPSHOTS; i++)
        if (!m->snapshot[i].id) {
            *snapshot = m->snapshot[i].id = ++m->next_id;
            m->snapshot[i].rows = copy(&m->rows);
            return QN_OK;
        }
    return st == QN_OK ? QN_E_LIMIT : st;
}

static qn_status store_snapshot_close(qn_cap *cap, uint64_t snapshot)
{
    qn_mock *m = cap->mock;
    for (int i = 0; i < MOCK_ITERS; i++)
        if (m->iter[i].id && snapshot && m->iter[i].snapshot == snapshot)
            return QN_E_BUSY;
    for (int i = 0; i < MOCK_SNAPSHOTS; i++)
        if (snapshot && m->snapshot[i].id == snapshot) {
            qn_mk_rows_free(&m->snapshot[i].rows);
            m->snapshot[i].id = 0;
            return QN_OK;
        }
    return QN_E_CLOSED;
}

static qn_status store_iter_open(qn_cap *cap, uint64_t snapshot, const void *from,
                                 uint32_t from_len, const void *to, uint32_t to_len, uint32_t flags,
                                 uint64_t *id)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    const qn_mk_rows *r = rows_of(m, snapshot);
    if (st != QN_OK)
        return st;
    for (int i = 0; r && i < MOCK_ITERS; i++) {
        struct qn_mk_iter *it = &m->iter[i];
        if (it->id)
            continue;
        it->rows = copy(r);
        it->at = lower(&it->rows, from, from_len);
        it->end = to_len ? lower(&it->rows, to, to_len) : it->rows.n;
        it->end = it->end < it->at ? it->at : it->end;
        it->reverse = (flags & QN_ITER_REVERSE) != 0;
        it->snapshot = snapshot;
        *id = it->id = ++m->next_id;
        return QN_OK;
    }
    return r ? QN_E_LIMIT : QN_E_CLOSED;
}

static struct qn_mk_iter *iter_of(qn_mock *m, uint64_t id)
{
    for (int i = 0; id && i < MOCK_ITERS; i++)
        if (m->iter[i].id == id)
            return &m->iter[i];
    return NULL;
}

static qn_status store_iter_next(qn_cap *cap, uint64_t id, const uint8_t **key, uint32_t *n_key,
                                 const uint8_t **value, uint32_t *n_value)
{
    qn_status st = qn_mk_enter(cap);
    struct qn_mk_iter *it = iter_of(cap->mock, id);
    if (st != QN_OK)
        return st;
    if (!it || it->at >= it->end)
        return it ? QN_E_END : QN_E_CLOSED;
    const struct qn_mk_row *row = &it->rows.row[it->reverse ? --it->end : it->at++];
    *key = row->key;
    *n_key = row->key_len;
    *value = row->value;
    *n_value = row->value_len;
    return QN_OK;
}

static qn_status store_iter_close(qn_cap *cap, uint64_t id)
{
    struct qn_mk_iter *it = iter_of(cap->mock, id);
    if (!it)
        return QN_E_CLOSED;
    qn_mk_rows_free(&it->rows);
    it->id = 0;
    return QN_OK;
}

static qn_status store_info(qn_cap *cap, qn_store_info *info)
{
    qn_status st = qn_mk_enter(cap);
    if (st == QN_OK)
        *info = (qn_store_info){.size = sizeof *info,
                                .bytes = bytes_of(&cap->mock->rows, 0, cap->mock->rows.n),
                                .quota = cap->mock->quota};
    return st;
}

static qn_status store_size_of(qn_cap *cap, const void *from, uint32_t from_len, const void *to,
                               uint32_t to_len, uint64_t *size)
{
    const qn_mk_rows *r = &cap->mock->rows;
    qn_status st = qn_mk_enter(cap);
    if (st == QN_OK)
        *size = bytes_of(r, lower(r, from, from_len), to_len ? lower(r, to, to_len) : r->n);
    return st;
}

static qn_status store_wipe(qn_cap *cap)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    for (int i = 0; i < MOCK_ITERS; i++)
        if (m->iter[i].id || (i < MOCK_SNAPSHOTS && m->snapshot[i].id))
            return QN_E_BUSY;
    if ((st = qn_mk_folder_wipe(m)) != QN_OK)
        return st;
    qn_mk_rows_free(&m->rows);
    qn_mk_rows_free(&m->synced);
    return QN_OK;
}

const qn_store_own_1 QN_MK_STORE_OWN = {.h = {sizeof(qn_store_own_1), QN_STORE_OWN_1_REVISION},
                                        .get = store_get,
                                        .write = store_write,
                                        .snapshot_open = store_snapshot_open,
                                        .snapshot_close = store_snapshot_close,
                                        .iter_open = store_iter_open,
                                        .iter_next = store_iter_next,
                                        .iter_close = store_iter_close,
                                        .info = store_info,
                                        .size_of = store_size_of,
                                        .wipe = store_wipe};
