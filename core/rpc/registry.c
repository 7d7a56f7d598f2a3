/* The method table: a sorted array of shared entries under one lock. Calls hold a reference, so
 * that a plugin's method may be removed while one of its calls is still parked. */
#include "core/rpc/registry.h"

#include "core/base/alloc.h"
#include "core/os/thread.h"

#include <stdlib.h>

struct qc_rpc_registry {
    pthread_mutex_t lock;
    qc_rpc_entry **entry; /* sorted by name */
    size_t n, cap;
    qc_rpc_waitlist *moves;
    pthread_mutex_t absent_lock; /* held while somebody is asked */
    qc_rpc_ask_absent *ask_absent;
    void *absent_arg;
    _Atomic uint64_t finished, failed, active;
};

qc_rpc_registry *qc_rpc_registry_new(void)
{
    qc_rpc_registry *g = qc_alloc(sizeof *g);
    pthread_mutex_init(&g->lock, NULL);
    pthread_mutex_init(&g->absent_lock, NULL);
    g->moves = qc_rpc_waitlist_new();
    return g;
}

void qc_rpc_registry_free(qc_rpc_registry *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n; i++) {
        qc_rpc_entry_unref(g->entry[i]->behind);
        qc_rpc_entry_unref(g->entry[i]);
    }
    pthread_mutex_destroy(&g->absent_lock);
    pthread_mutex_destroy(&g->lock);
    qc_rpc_waitlist_free(g->moves);
    qc_free(g->entry);
    qc_free(g);
}

void qc_rpc_set_absent(qc_rpc_registry *g, qc_rpc_ask_absent *ask, void *arg)
{
    pthread_mutex_lock(&g->absent_lock);
    g->ask_absent = ask;
    g->absent_arg = arg;
    pthread_mutex_unlock(&g->absent_lock);
    qc_rpc_absent_changed(g);
}

void qc_rpc_absent_changed(qc_rpc_registry *g)
{
    qc_rpc_waitlist_wake(g->moves);
}

qc_rpc_absent qc_rpc_absent_of(qc_rpc_registry *g, const char *name, char *why, size_t cap)
{
    pthread_mutex_lock(&g->absent_lock);
    qc_rpc_absent is =
        g->ask_absent ? g->ask_absent(g->absent_arg, name, why, cap) : QC_RPC_NOBODYS;
    pthread_mutex_unlock(&g->absent_lock);
    return is;
}

qc_rpc_waitlist *qc_rpc_registry_moves(qc_rpc_registry *g)
{
    return g->moves;
}

void qc_rpc_entry_unref(qc_rpc_entry *e)
{
    if (!e || atomic_fetch_sub(&e->refs, 1) != 1)
        return;
    if (e->release)
        e->release(e->arg);
    qc_free(e->owned_text);
    qc_free(e);
}

/* Index of `name`, or where it belongs. Under the lock. */
static size_t find(const qc_rpc_registry *g, const char *name, bool *found)
{
    size_t lo = 0, hi = g->n;
    *found = false;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strcmp(g->entry[mid]->m.name, name);
        if (c == 0) {
            *found = true;
            return mid;
        }
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Put `e` into the place of another, and what that stood in front of behind it. Under the lock. */
static qc_rpc_entry *replace(qc_rpc_registry *g, size_t at, qc_rpc_entry *e)
{
    qc_rpc_entry *old = g->entry[at];
    e->behind = old->behind;
    old->behind = NULL;
    g->entry[at] = e;
    return old;
}

/* Take one out of the table; what it stood in front of is there again. Under the lock. */
static qc_rpc_entry *take_out(qc_rpc_registry *g, size_t at)
{
    qc_rpc_entry *e = g->entry[at];
    if (e->behind) {
        g->entry[at] = e->behind;
        e->behind = NULL;
        return e;
    }
    g->n--;
    memmove(g->entry + at, g->entry + at + 1, (g->n - at) * sizeof(qc_rpc_entry *));
    return e;
}

static qc_err insert(qc_rpc_registry *g, qc_rpc_entry *e, bool in_front)
{
    bool found;
    qc_err err = QC_OK;
    qc_rpc_entry *held = NULL;
    pthread_mutex_lock(&g->lock);
    size_t at = find(g, e->m.name, &found);
    if (found && g->entry[at]->held_by) {
        held = replace(g, at, e);
    } else if (found && in_front && !g->entry[at]->owned_text) {
        e->behind = g->entry[at];
        g->entry[at] = e;
    } else if (found) {
        err = QC_EEXIST;
    } else {
        if (g->n == g->cap) {
            g->cap = g->cap ? g->cap * 2 : 64;
            g->entry = qc_try_realloc(g->entry, g->cap * sizeof(qc_rpc_entry *));
            QC_ASSERT(g->entry);
        }
        memmove(g->entry + at + 1, g->entry + at, (g->n - at) * sizeof(qc_rpc_entry *));
        g->entry[at] = e;
        g->n++;
    }
    pthread_mutex_unlock(&g->lock);
    qc_rpc_entry_unref(held);
    if (!err)
        qc_rpc_waitlist_wake(g->moves);
    return err;
}

qc_err qc_rpc_register(qc_rpc_registry *g, const qc_rpc_method *m, void *arg)
{
    qc_rpc_entry *e = qc_alloc(sizeof *e);
    e->m = *m;
    e->arg = arg;
    atomic_init(&e->refs, 1);
    qc_err err = insert(g, e, false);
    if (err)
        qc_free(e);
    return err;
}

void qc_rpc_register_all(qc_rpc_registry *g, const qc_rpc_method *table, void *arg)
{
    for (; table->name; table++) {
        qc_err err = qc_rpc_register(g, table, arg);
        QC_ASSERT(err == QC_OK);
    }
}

static qc_err add_dynamic(qc_rpc_registry *g, const char *category, const char *name,
                          const char *help, const qc_rpc_entry *how, bool in_front)
{
    size_t cl = strlen(category) + 1, nl = strlen(name) + 1, hl = strlen(help) + 1;
    qc_rpc_entry *e = qc_alloc(sizeof *e);
    e->owned_text = qc_alloc(cl + nl + hl);
    memcpy(e->owned_text, category, cl);
    memcpy(e->owned_text + cl, name, nl);
    memcpy(e->owned_text + cl + nl, help, hl);
    e->m = (qc_rpc_method){
        .category = e->owned_text, .name = e->owned_text + cl, .fn = how->m.fn, .raw_params = true};
    e->dynamic_help = e->owned_text + cl + nl;
    e->arg = how->arg;
    e->release = how->release;
    atomic_init(&e->refs, 1);
    qc_err err = insert(g, e, in_front);
    if (err) {
        /* Nothing was taken over: the caller keeps arg. */
        qc_free(e->owned_text);
        qc_free(e);
    }
    return err;
}

qc_err qc_rpc_register_dynamic(qc_rpc_registry *g, const char *category, const char *name,
                               const char *help, qc_rpc_fn *fn, void *arg,
                               void (*release)(void *arg))
{
    const qc_rpc_entry how = {.m = {.fn = fn}, .arg = arg, .release = release};
    return add_dynamic(g, category, name, help, &how, false);
}

qc_err qc_rpc_register_in_front(qc_rpc_registry *g, const char *category, const char *name,
                                const char *help, qc_rpc_fn *fn, void *arg,
                                void (*release)(void *arg))
{
    const qc_rpc_entry how = {.m = {.fn = fn}, .arg = arg, .release = release};
    return add_dynamic(g, category, name, help, &how, true);
}

qc_err qc_rpc_unregister(qc_rpc_registry *g, const char *name)
{
    bool found;
    qc_rpc_entry *e = NULL;
    pthread_mutex_lock(&g->lock);
    size_t at = find(g, name, &found);
    if (found)
        e = take_out(g, at);
    pthread_mutex_unlock(&g->lock);
    qc_rpc_entry_unref(e);
    return found ? QC_OK : QC_ENOENT;
}

qc_err qc_rpc_swap_held(qc_rpc_registry *g, qc_rpc_entry *e)
{
    bool found;
    qc_rpc_entry *old = NULL;
    pthread_mutex_lock(&g->lock);
    size_t at = find(g, e->m.name, &found);
    if (found)
        old = replace(g, at, e);
    pthread_mutex_unlock(&g->lock);
    qc_rpc_entry_unref(old);
    return found ? QC_OK : QC_ENOENT;
}

/* One entry that `owner` holds, taken out of the table, or NULL. */
static qc_rpc_entry *take_held(qc_rpc_registry *g, const char *owner)
{
    qc_rpc_entry *e = NULL;
    pthread_mutex_lock(&g->lock);
    for (size_t i = 0; i < g->n && !e; i++)
        if (g->entry[i]->held_by && strcmp(g->entry[i]->held_by, owner) == 0)
            e = take_out(g, i);
    pthread_mutex_unlock(&g->lock);
    return e;
}

void qc_rpc_release_held(qc_rpc_registry *g, const char *owner)
{
    qc_rpc_entry *e;
    while ((e = take_held(g, owner))) {
        qc_rpc_entry_unref(e);
        qc_rpc_waitlist_wake(g->moves);
    }
}

qc_rpc_entry *qc_rpc_entry_get(qc_rpc_registry *g, const char *name)
{
    bool found;
    pthread_mutex_lock(&g->lock);
    size_t at = find(g, name, &found);
    qc_rpc_entry *e = found ? g->entry[at] : NULL;
    if (e)
        atomic_fetch_add(&e->refs, 1);
    pthread_mutex_unlock(&g->lock);
    return e;
}

static int by_category(const void *pa, const void *pb)
{
    const qc_rpc_entry *a = *(qc_rpc_entry *const *)pa, *b = *(qc_rpc_entry *const *)pb;
    int c = strcmp(a->m.category, b->m.category);
    return c ? c : strcmp(a->m.name, b->m.name);
}

qc_rpc_entry **qc_rpc_entries(qc_rpc_registry *g, size_t *n)
{
    pthread_mutex_lock(&g->lock);
    qc_rpc_entry **list = qc_alloc((g->n + 1) * sizeof *list);
    for (size_t i = 0; i < g->n; i++) {
        list[i] = g->entry[i];
        atomic_fetch_add(&list[i]->refs, 1);
    }
    *n = g->n;
    pthread_mutex_unlock(&g->lock);
    qsort(list, *n, sizeof *list, by_category);
    return list;
}

/* ---- counts ---- */

void qc_rpc_count_begin(qc_rpc_registry *g)
{
    atomic_fetch_add_explicit(&g->active, 1, memory_order_relaxed);
}

void qc_rpc_count_end(qc_rpc_registry *g, bool failed)
{
    atomic_fetch_sub_explicit(&g->active, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&g->finished, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&g->failed, failed, memory_order_relaxed);
}

void qc_rpc_counts(const qc_rpc_registry *g, uint64_t *finished, uint64_t *failed, uint64_t *active)
{
    *finished = atomic_load_explicit(&g->finished, memory_order_relaxed);
    *failed = atomic_load_explicit(&g->failed, memory_order_relaxed);
    *active = atomic_load_explicit(&g->active, memory_order_relaxed);
}
