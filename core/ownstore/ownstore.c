#include "core/ownstore/ownstore.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/kv/kv.h"
#include "core/os/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#define KEY_MAX_LEN 4096u
#define VALUE_MAX_LEN (64u << 20)
#define BATCH_MAX ((uint64_t)512 << 20)
#define SNAPSHOTS_MAX 16u
#define ITERS_MAX 64u
#define CACHE_BYTES ((size_t)64 << 20)
#define OPEN_FILES 256u
#define MB 1000000u
#define BATCH_KEPT ((size_t)4 << 20)      /* bytes: a larger one is not kept for the next */
#define MEASURE_EVERY INT64_C(2000000000) /* ns */

typedef struct iter {
    uint64_t id; /* 0: free */
    uint64_t snapshot;
    qc_kv_iter *it;
    uint8_t from[KEY_MAX_LEN], to[KEY_MAX_LEN];
    uint32_t from_len, to_len;
    bool reverse, started;
} iter;

struct qc_ownstore {
    qc_ownstore_options o;
    char *dir;
    qc_kv *kv;
    qc_kv_batch *batch;            /* empty, with its memory; NULL: none is kept */
    uint64_t next_id, bytes, free; /* as last measured */
    bool told_full;                /* since the last write that was done */
    qc_mono measured;
    struct {
        uint64_t id;
        qc_kv_snapshot *snap;
    } snapshot[SNAPSHOTS_MAX];
    iter *iter[ITERS_MAX];
};
typedef qc_ownstore store;

static qn_status status_of(qc_err err)
{
    switch (err) {
    case QC_OK:
        return QN_OK;
    case QC_ENOENT:
        return QN_E_NOTFOUND;
    case QC_ENOMEM:
        return QN_E_NOMEM;
    case QC_EFULL:
        return QN_E_FULL;
    case QC_ECORRUPT:
        return QN_E_CORRUPT;
    case QC_EINVAL:
    case QC_ERANGE:
        return QN_E_INVAL;
    case QC_EBUSY:
        return QN_E_BUSY;
    case QC_EIO:
    case QC_EEXIST:
    case QC_EPERM:
    case QC_ECANCELED:
    case QC_ETIMEOUT:
    case QC_EPRUNED:
    case QC_EUNSUPPORTED:
    case QC_EBUG:
    case QC_ERR_COUNT:
        break;
    }
    return QN_E_IO;
}

/* ---- the folder ---- */

static qc_err open_kv(store *s, bool wipe, char *detail, size_t cap)
{
    const qc_kv_options o = {.engine = QC_KV_ROCKSDB,
                             .cache_bytes = CACHE_BYTES,
                             .create = true,
                             .wipe = wipe,
                             .max_open_files = OPEN_FILES};
    return qc_kv_open(&s->kv, s->dir, &o, detail, cap);
}

/* What the folder takes on disk. Files that vanish while we look do not count. */
static void measure(store *s)
{
    qc_os_list list;
    uint64_t sum = 0;
    s->measured = qc_clock_mono();
    if (qc_os_free_space(s->dir, &s->free))
        s->free = UINT64_MAX; /* not known: then nothing is refused for it */
    if (qc_os_list_dir(s->dir, &list))
        return;
    for (size_t i = 0; i < list.n; i++) {
        struct stat st;
        char *path = qc_asprintf("%s/%s", s->dir, list.name[i]);
        if (!stat(path, &st) && S_ISREG(st.st_mode))
            sum += (uint64_t)st.st_blocks * 512;
        qc_free(path);
    }
    qc_os_list_free(&list);
    s->bytes = sum;
}

qc_err qc_ownstore_open(const qc_ownstore_options *o, qc_ownstore **out, char *detail, size_t cap)
{
    store *s = qc_alloc(sizeof *s);
    s->o = *o;
    s->dir = qc_strdup(o->dir);
    qc_err err = open_kv(s, false, detail, cap);
    if (err) {
        qc_free(s->dir);
        qc_free(s);
        return err;
    }
    measure(s);
    *out = s;
    return QC_OK;
}

/* ---- handles ---- */

static bool snapshot_of(store *s, uint64_t id, qc_kv_snapshot **out)
{
    *out = NULL;
    if (id == 0)
        return true;
    for (size_t i = 0; i < SNAPSHOTS_MAX; i++)
        if (s->snapshot[i].id == id) {
            *out = s->snapshot[i].snap;
            return true;
        }
    return false;
}

static iter **iter_of(store *s, uint64_t id)
{
    for (size_t i = 0; id && i < ITERS_MAX; i++)
        if (s->iter[i] && s->iter[i]->id == id)
            return &s->iter[i];
    return NULL;
}

static void free_iter(iter **slot)
{
    qc_kv_iter_free((*slot)->it);
    qc_free(*slot);
    *slot = NULL;
}

static void close_handles(store *s)
{
    for (size_t i = 0; i < ITERS_MAX; i++)
        if (s->iter[i])
            free_iter(&s->iter[i]);
    for (size_t i = 0; i < SNAPSHOTS_MAX; i++)
        if (s->snapshot[i].id) {
            qc_kv_snapshot_free(s->kv, s->snapshot[i].snap);
            s->snapshot[i].id = 0;
        }
}

void qc_ownstore_close(qc_ownstore *s)
{
    if (!s)
        return;
    close_handles(s);
    qc_kv_batch_free(s->batch);
    if (s->kv)
        qc_kv_close(s->kv);
    qc_free(s->dir);
    qc_free(s);
}

uint64_t qc_ownstore_bytes(const qc_ownstore *s)
{
    return s->bytes;
}

/* Every method of the table begins here. */
static qn_status enter(qn_cap *cap, store **s)
{
    const qc_cap_head *head = (const qc_cap_head *)(const void *)cap;
    qn_status st = head->enter(cap, 0);
    *s = head->state;
    if (st != QN_OK)
        return st;
    if (!*s)
        return QN_E_BUSY;              /* not open yet: the plugin's former self still holds it */
    return (*s)->kv ? QN_OK : QN_E_IO; /* a wipe that failed left nothing open */
}

/* What gives something back works after the end too. */
static qn_status enter_closing(qn_cap *cap, store **s)
{
    const qc_cap_head *head = (const qc_cap_head *)(const void *)cap;
    qn_status st = head->enter(cap, 1);
    *s = head->state;
    return st == QN_OK && !*s ? QN_E_CLOSED : st;
}

static bool key_ok(const void *key, uint32_t len)
{
    return key && len >= 1 && len <= KEY_MAX_LEN;
}

/* An end of a range: may be empty. */
static bool end_ok(const void *key, uint32_t len)
{
    return len <= KEY_MAX_LEN && (key || len == 0);
}

/* ---- the table ---- */

static qn_status store_get(qn_cap *cap, uint64_t snapshot, const void *key, uint32_t key_len,
                           void *value, uint32_t max_value, uint32_t *n_value)
{
    store *s;
    qc_kv_snapshot *snap;
    qc_bytes got = QC_BYTES_INIT;
    qn_status st = enter(cap, &s);
    if (st != QN_OK)
        return st;
    if (!key_ok(key, key_len) || !n_value || (!value && max_value))
        return QN_E_INVAL;
    if (!snapshot_of(s, snapshot, &snap))
        return QN_E_CLOSED;
    qc_err err = qc_kv_get(s->kv, snap, qc_span_of(key, key_len), &got);
    if (err)
        return status_of(err);
    *n_value = (uint32_t)got.len;
    st = got.len <= max_value ? QN_OK : QN_E_SPACE;
    if (st == QN_OK && got.len)
        memcpy(value, got.data, got.len);
    qc_bytes_free(&got);
    return st;
}

/* One record of a batch. Out: *used bytes. */
static bool batch_step(qc_kv_batch *b, const uint8_t *p, uint64_t left, uint64_t *used)
{
    qn_store_op op;
    if (left < sizeof op)
        return false;
    memcpy(&op, p, sizeof op);
    uint64_t need = sizeof op + (uint64_t)op.key_len + op.value_len;
    if (need > left || op.key_len < 1 || op.key_len > KEY_MAX_LEN || op.value_len > VALUE_MAX_LEN)
        return false;
    qc_span key = qc_span_of(p + sizeof op, op.key_len);
    if (op.op == QN_STORE_OP_PUT)
        qc_kv_batch_put(b, key, qc_span_of(p + sizeof op + op.key_len, op.value_len));
    else if (op.op == QN_STORE_OP_DELETE && op.value_len == 0)
        qc_kv_batch_delete(b, key);
    else
        return false;
    *used = need;
    return true;
}

static QC_PRINTF(2, 3) void tell_full(store *s, const char *fmt, ...)
{
    char text[160];
    va_list ap;
    if (s->told_full || !s->o.complain)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    s->o.complain(s->o.arg, text);
    s->told_full = true;
}

/* Two limits answer with one status: which it was is said in the log, once. */
static bool has_room(store *s, uint64_t len)
{
    if (s->o.quota && s->bytes + len > s->o.quota) {
        tell_full(s, "its quota of %llu MB is used up: %llu MB are on the disk",
                  (unsigned long long)(s->o.quota / MB), (unsigned long long)(s->bytes / MB));
        return false;
    }
    if (s->free < s->o.floor || s->free - s->o.floor < len) {
        tell_full(s, "the disk has %llu MB free, and plugins leave %llu MB to the node",
                  (unsigned long long)(s->free / MB), (unsigned long long)(s->o.floor / MB));
        return false;
    }
    return true;
}

/* Memory that is new costs more than what is written with it. */
static qc_kv_batch *take_batch(store *s)
{
    qc_kv_batch *b = s->batch ? s->batch : qc_kv_batch_new(s->kv);
    s->batch = NULL;
    return b;
}

static void give_batch(store *s, qc_kv_batch *b)
{
    if (qc_kv_batch_size(b) > BATCH_KEPT) {
        qc_kv_batch_free(b);
        return;
    }
    qc_kv_batch_clear(b);
    s->batch = b;
}

static qn_status store_write(qn_cap *cap, const void *batch, uint64_t batch_len, uint32_t flags)
{
    store *s;
    const uint8_t *p = batch;
    qn_status st = enter(cap, &s);
    if (st != QN_OK)
        return st;
    if ((!batch && batch_len) || batch_len > BATCH_MAX || flags & ~QN_STORE_SYNC)
        return QN_E_INVAL;
    if (qc_clock_mono() - s->measured > MEASURE_EVERY)
        measure(s);
    if (!has_room(s, batch_len))
        return QN_E_FULL;
    qc_kv_batch *b = take_batch(s);
    for (uint64_t left = batch_len, used = 0; st == QN_OK && left; left -= used, p += used)
        if (!batch_step(b, p, left, &used)) {
            st = QN_E_INVAL;
            break;
        }
    if (st == QN_OK)
        st = status_of(qc_kv_write(s->kv, b, (flags & QN_STORE_SYNC) != 0));
    give_batch(s, b);
    if (st == QN_OK) { /* until the next measurement */
        s->bytes += batch_len;
        s->free -= batch_len < s->free ? batch_len : s->free;
        s->told_full = false;
    }
    return st;
}

static qn_status store_snapshot_open(qn_cap *cap, uint64_t *snapshot)
{
    store *s;
    qn_status st = enter(cap, &s);
    if (st != QN_OK)
        return st;
    if (!snapshot)
        return QN_E_INVAL;
    for (size_t i = 0; i < SNAPSHOTS_MAX; i++)
        if (!s->snapshot[i].id) {
            s->snapshot[i].snap = qc_kv_snapshot_new(s->kv);
            *snapshot = s->snapshot[i].id = ++s->next_id;
            return QN_OK;
        }
    return QN_E_LIMIT;
}

static qn_status store_snapshot_close(qn_cap *cap, uint64_t snapshot)
{
    store *s;
    qn_status st = enter_closing(cap, &s);
    if (st != QN_OK)
        return st;
    for (size_t i = 0; i < ITERS_MAX; i++)
        if (s->iter[i] && snapshot && s->iter[i]->snapshot == snapshot)
            return QN_E_BUSY;
    for (size_t i = 0; i < SNAPSHOTS_MAX; i++)
        if (snapshot && s->snapshot[i].id == snapshot) {
            qc_kv_snapshot_free(s->kv, s->snapshot[i].snap);
            s->snapshot[i].id = 0;
            return QN_OK;
        }
    return QN_E_CLOSED;
}

static qn_status store_iter_open(qn_cap *cap, uint64_t snapshot, const void *from,
                                 uint32_t from_len, const void *to, uint32_t to_len, uint32_t flags,
                                 uint64_t *id)
{
    store *s;
    qc_kv_snapshot *snap;
    size_t slot = 0;
    qn_status st = enter(cap, &s);
    if (st != QN_OK)
        return st;
    if (!end_ok(from, from_len) || !end_ok(to, to_len) || flags & ~QN_ITER_REVERSE || !id)
        return QN_E_INVAL;
    if (!snapshot_of(s, snapshot, &snap))
        return QN_E_CLOSED;
    while (slot < ITERS_MAX && s->iter[slot])
        slot++;
    if (slot == ITERS_MAX)
        return QN_E_LIMIT;
    iter *it = qc_alloc(sizeof *it);
    it->id = ++s->next_id;
    it->snapshot = snapshot;
    it->it = qc_kv_iter_new(s->kv, snap);
    it->reverse = (flags & QN_ITER_REVERSE) != 0;
    it->from_len = from_len;
    it->to_len = to_len;
    if (from_len)
        memcpy(it->from, from, from_len);
    if (to_len)
        memcpy(it->to, to, to_len);
    s->iter[slot] = it;
    *id = it->id;
    return QN_OK;
}

static void first_step(iter *i)
{
    i->started = true;
    if (!i->reverse) {
        qc_kv_iter_seek(i->it, qc_span_of(i->from, i->from_len));
        return;
    }
    if (i->to_len)
        qc_kv_iter_seek(i->it, qc_span_of(i->to, i->to_len));
    if (i->to_len && qc_kv_iter_valid(i->it))
        qc_kv_iter_prev(i->it); /* `to` is outside the range */
    else
        qc_kv_iter_seek_last(i->it);
}

static bool below(qc_span a, const uint8_t *b, uint32_t b_len)
{
    size_t n = a.len < b_len ? a.len : b_len;
    int c = n ? memcmp(a.data, b, n) : 0;
    return c ? c < 0 : a.len < b_len;
}

static qn_status store_iter_next(qn_cap *cap, uint64_t id, const uint8_t **key, uint32_t *n_key,
                                 const uint8_t **value, uint32_t *n_value)
{
    store *s;
    qn_status st = enter(cap, &s);
    if (st != QN_OK)
        return st;
    iter **slot = iter_of(s, id);
    if (!slot)
        return QN_E_CLOSED;
    if (!key || !n_key || !value || !n_value)
        return QN_E_INVAL;
    iter *i = *slot;
    if (!i->started)
        first_step(i);
    else if (qc_kv_iter_valid(i->it) && i->reverse)
        qc_kv_iter_prev(i->it);
    else if (qc_kv_iter_valid(i->it))
        qc_kv_iter_next(i->it);
    if (!qc_kv_iter_valid(i->it)) {
        qc_err err = qc_kv_iter_status(i->it);
        return err ? status_of(err) : QN_E_END;
    }
    qc_span k = qc_kv_iter_key(i->it), v = qc_kv_iter_value(i->it);
    if (below(k, i->from, i->from_len) || (i->to_len && !below(k, i->to, i->to_len)))
        return QN_E_END;
    *key = k.data;
    *n_key = (uint32_t)k.len;
    *value = v.data;
    *n_value = (uint32_t)v.len;
    return QN_OK;
}

static qn_status store_iter_close(qn_cap *cap, uint64_t id)
{
    store *s;
    qn_status st = enter_closing(cap, &s);
    if (st != QN_OK)
        return st;
    iter **slot = iter_of(s, id);
    if (!slot)
        return QN_E_CLOSED;
    free_iter(slot);
    return QN_OK;
}

static qn_status store_info(qn_cap *cap, qn_store_info *info)
{
    store *s;
    qn_status st = enter(cap, &s);
    if (st != QN_OK)
        return st;
    if (!info || info->size < sizeof(uint32_t))
        return QN_E_INVAL;
    measure(s);
    qn_store_info out = {.size = sizeof out, .bytes = s->bytes, .quota = s->o.quota};
    if (info->size < out.size)
        out.size = info->size;
    memcpy(info, &out, out.size);
    return QN_OK;
}

static qn_status store_size_of(qn_cap *cap, const void *from, uint32_t from_len, const void *to,
                               uint32_t to_len, uint64_t *size)
{
    uint8_t last[KEY_MAX_LEN];
    store *s;
    qn_status st = enter(cap, &s);
    if (st != QN_OK)
        return st;
    if (!end_ok(from, from_len) || !end_ok(to, to_len) || !size)
        return QN_E_INVAL;
    if (!to_len) {
        memset(last, 0xff, sizeof last); /* no key is above this one */
        to = last;
        to_len = sizeof last;
    }
    *size = qc_kv_size_estimate(s->kv, qc_span_of(from, from_len), qc_span_of(to, to_len));
    return QN_OK;
}

static qn_status store_wipe(qn_cap *cap)
{
    store *s;
    char detail[256] = "";
    qn_status st = enter(cap, &s);
    if (st != QN_OK)
        return st;
    for (size_t i = 0; i < ITERS_MAX; i++)
        if (s->iter[i] || (i < SNAPSHOTS_MAX && s->snapshot[i].id))
            return QN_E_BUSY;
    qc_kv_batch_free(s->batch);
    s->batch = NULL;
    qc_kv_close(s->kv);
    s->kv = NULL;
    qc_err err = open_kv(s, true, detail, sizeof detail);
    if (err) {
        if (s->o.complain)
            s->o.complain(s->o.arg, detail);
        return QN_E_IO;
    }
    measure(s);
    return QN_OK;
}

const qn_store_own_1 QC_OWNSTORE_TABLE = {.h = {sizeof(qn_store_own_1), QN_STORE_OWN_1_REVISION},
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
