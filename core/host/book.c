/* A shelf per plugin, with what it was given in the order in which it was. What a shelf keeps alive
 * is bounded from above: of each template the bytes that the one before it does not have. When one
 * goes, its share passes to the one behind it, which may have what only it was charged for. */
#include "core/host/book.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/mempool/keymap.h"

#include <pthread.h>

#define PER_TX 64u /* bytes of lists */

typedef struct given {
    struct given *next;
    const qc_template *t;
    uint32_t held;
    qc_mono at;      /* when it was given last */
    bool counted;    /* charge is known */
    uint64_t charge; /* bytes that the one before does not have */
    bool has_found;
    qc_hash found;
} given;

typedef struct shelf {
    struct shelf *next;
    char *plugin;
    given *first;
    uint32_t n, held;
    uint64_t charge;
} shelf;

struct qc_book {
    qc_mono (*now)(void);
    pthread_mutex_t lock;
    shelf *shelves;
};

qc_book *qc_book_new(qc_mono (*now)(void))
{
    qc_book *b = qc_alloc(sizeof *b);
    b->now = now;
    pthread_mutex_init(&b->lock, NULL);
    return b;
}

static void given_free(given *g)
{
    qc_template_unref(g->t);
    qc_free(g);
}

void qc_book_free(qc_book *b)
{
    if (!b)
        return;
    while (b->shelves) {
        shelf *s = b->shelves;
        b->shelves = s->next;
        while (s->first) {
            given *g = s->first;
            s->first = g->next;
            given_free(g);
        }
        qc_free(s->plugin);
        qc_free(s);
    }
    pthread_mutex_destroy(&b->lock);
    qc_free(b);
}

static shelf *shelf_of(qc_book *b, const char *plugin)
{
    shelf *s = b->shelves;
    while (s && strcmp(s->plugin, plugin) != 0)
        s = s->next;
    return s;
}

static shelf *shelf_make(qc_book *b, const char *plugin)
{
    shelf *s = qc_alloc(sizeof *s);
    *s = (shelf){.next = b->shelves, .plugin = qc_strdup(plugin)};
    b->shelves = s;
    return s;
}

static given *by_id(const shelf *s, uint64_t id)
{
    given *g = s ? s->first : NULL;
    while (g && g->t->id != id)
        g = g->next;
    return g;
}

/* ---- what it costs ---- */

static uint64_t bytes_of(const qc_template *t)
{
    return sizeof *t + t->tx_bytes + (uint64_t)t->n_tx * PER_TX;
}

/* Bytes of t that `before` has not. */
static uint64_t difference(const qc_template *before, const qc_template *t)
{
    qc_keymap have;
    uint64_t bytes = sizeof *t + (uint64_t)t->n_tx * PER_TX;
    if (!before || !before->n_tx)
        return bytes_of(t);
    qc_keymap_init(&have, 32);
    qc_keymap_must_reserve(&have, before->n_tx);
    for (uint32_t i = 0; i < before->n_tx; i++)
        qc_keymap_put(&have, before->entry[i]->tx.rec->wtxid, (void *)(uintptr_t)before->entry[i]);
    for (uint32_t i = 0; i < t->n_tx; i++)
        if (qc_keymap_get(&have, t->entry[i]->tx.rec->wtxid) != t->entry[i])
            bytes += t->entry[i]->tx.rec->len;
    qc_keymap_clear(&have);
    return bytes;
}

/* Take it off the shelf; what it was charged for may live on in the next. */
static given *unlink_given(shelf *s, given **at)
{
    given *g = *at, *after = g->next;
    *at = after;
    s->n--;
    s->charge -= g->charge;
    if (after && after->counted) {
        uint64_t most = bytes_of(after->t), more = after->charge + g->charge;
        s->charge += QC_MIN(more, most) - after->charge;
        after->charge = QC_MIN(more, most);
    }
    return g;
}

/* What can go: onto a list, to be freed without the lock. `bytes`: more is too much. */
static void prune(shelf *s, qc_mono now, uint64_t bytes, given **gone)
{
    for (given **at = &s->first; *at;) {
        bool old = now - (*at)->at >= QC_BOOK_KEPT;
        if ((*at)->held || (!old && s->charge <= bytes)) {
            at = &(*at)->next;
            continue;
        }
        given *g = unlink_given(s, at);
        g->next = *gone;
        *gone = g;
    }
}

static void free_all(given *gone)
{
    while (gone) {
        given *g = gone;
        gone = g->next;
        given_free(g);
    }
}

/* ---- giving ---- */

static given **end_of(shelf *s)
{
    given **at = &s->first;
    while (*at)
        at = &(*at)->next;
    return at;
}

static void hold(shelf *s, qc_mono now, const qc_template *t)
{
    given *g = by_id(s, t->id);
    if (!g) {
        g = qc_alloc(sizeof *g);
        *g = (given){.t = qc_template_ref(t)};
        *end_of(s) = g;
        s->n++;
    }
    g->at = now;
    g->held++;
    s->held++;
}

qn_status qc_book_give(qc_book *b, const char *plugin, const qc_book_limits *l,
                       const qc_template *t)
{
    given *gone = NULL;
    pthread_mutex_lock(&b->lock);
    shelf *s = shelf_of(b, plugin);
    s = s ? s : shelf_make(b, plugin);
    for (shelf *o = b->shelves; o; o = o->next)
        prune(o, b->now(), UINT64_MAX, &gone); /* those of plugins that are gone grow old too */
    bool full = s->held >= l->held || s->charge > l->bytes;
    if (full)
        prune(s, b->now(), l->bytes, &gone);
    full = s->held >= l->held || s->charge > l->bytes;
    if (!full)
        hold(s, b->now(), t);
    pthread_mutex_unlock(&b->lock);
    free_all(gone);
    return full ? QN_E_LIMIT : QN_OK;
}

void qc_book_settle(qc_book *b, const char *plugin, const qc_book_limits *l)
{
    given *gone = NULL;
    const qc_template *before = NULL;
    pthread_mutex_lock(&b->lock);
    shelf *s = shelf_of(b, plugin);
    for (given *g = s ? s->first : NULL; g; before = g->t, g = g->next) {
        if (g->counted)
            continue;
        g->charge = difference(before, g->t);
        g->counted = true;
        s->charge += g->charge;
    }
    if (s)
        prune(s, b->now(), l->bytes, &gone);
    pthread_mutex_unlock(&b->lock);
    free_all(gone);
}

qn_status qc_book_release(qc_book *b, const char *plugin, uint64_t id)
{
    pthread_mutex_lock(&b->lock);
    shelf *s = shelf_of(b, plugin);
    given *g = by_id(s, id);
    bool held = g && g->held;
    if (held) {
        g->held--;
        s->held--;
    }
    pthread_mutex_unlock(&b->lock);
    return held ? QN_OK : QN_E_CLOSED;
}

/* ---- finding ---- */

const qc_template *qc_book_find(qc_book *b, const char *plugin, uint64_t id, bool held)
{
    const qc_template *t = NULL;
    pthread_mutex_lock(&b->lock);
    const given *g = by_id(shelf_of(b, plugin), id);
    if (g && (g->held || (!held && b->now() - g->at < QC_BOOK_KEPT)))
        t = qc_template_ref(g->t);
    pthread_mutex_unlock(&b->lock);
    return t;
}

void qc_book_set_found(qc_book *b, const char *plugin, uint64_t id, const qc_hash *hash)
{
    pthread_mutex_lock(&b->lock);
    given *g = by_id(shelf_of(b, plugin), id);
    if (g) {
        g->has_found = true;
        g->found = *hash;
    }
    pthread_mutex_unlock(&b->lock);
}

bool qc_book_found(qc_book *b, const char *plugin, uint64_t id, qc_hash *hash)
{
    pthread_mutex_lock(&b->lock);
    const given *g = by_id(shelf_of(b, plugin), id);
    bool found = g && g->has_found;
    if (found)
        *hash = g->found;
    pthread_mutex_unlock(&b->lock);
    return found;
}

qc_book_usage qc_book_usage_of(qc_book *b, const char *plugin)
{
    qc_book_usage u = {0};
    pthread_mutex_lock(&b->lock);
    const shelf *s = shelf_of(b, plugin);
    if (s)
        u = (qc_book_usage){s->held, s->n, s->charge};
    pthread_mutex_unlock(&b->lock);
    return u;
}
