/* A shelf per plugin, with what it was given in the order in which it was, and locked by itself.
 * What a shelf keeps alive is counted transaction by transaction, each once however many templates
 * have it; who is on a block that is not found yet keeps that one's alive too. */
#include "core/host/book.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/mempool/keymap.h"

#include <pthread.h>

#define PER_TX 64u /* bytes of lists */
#define SWEEP_EVERY ((qc_mono)10 * 1000000000)
#define KEY 32

typedef struct given {
    struct given *next, *prev;
    uint8_t key[KEY]; /* its id */
    const qc_template *t;
    uint32_t held;
    qc_mono at;   /* when it was given, or released, last: the list is in this order */
    bool counted; /* its transactions are among the uses */
} given;

/* A transaction, and how many of the counted templates have it. */
typedef struct use {
    uint8_t key[KEY]; /* its address */
    uint32_t n;
} use;

typedef struct shelf {
    struct shelf *next; /* never goes */
    char *plugin;
    pthread_mutex_t lock;
    given *first, *last;
    qc_keymap by_id, uses;
    uint32_t held, idle; /* as often as they are held; those that are not */
    uint32_t uncounted;
    uint64_t charge; /* of the counted ones */
    uint64_t other;  /* qc_book_charge() */
} shelf;

struct qc_book {
    qc_mono (*now)(void);
    pthread_mutex_t lock; /* of the list of shelves */
    shelf *shelves;
    qc_mono swept;
};

qc_book *qc_book_new(qc_mono (*now)(void))
{
    qc_book *b = qc_alloc(sizeof *b);
    b->now = now;
    b->swept = now();
    pthread_mutex_init(&b->lock, NULL);
    return b;
}

static void given_free(given *g)
{
    qc_template_unref(g->t);
    qc_free(g);
}

static void shelf_free(shelf *s)
{
    size_t at = 0;
    for (given *g = s->first, *next; g; g = next) {
        next = g->next;
        given_free(g);
    }
    for (use *u; (u = qc_keymap_next(&s->uses, &at));)
        qc_free(u);
    qc_keymap_clear(&s->uses);
    qc_keymap_clear(&s->by_id);
    pthread_mutex_destroy(&s->lock);
    qc_free(s->plugin);
    qc_free(s);
}

void qc_book_free(qc_book *b)
{
    if (!b)
        return;
    while (b->shelves) {
        shelf *s = b->shelves;
        b->shelves = s->next;
        shelf_free(s);
    }
    pthread_mutex_destroy(&b->lock);
    qc_free(b);
}

static shelf *shelf_make(qc_book *b, const char *plugin)
{
    shelf *s = qc_alloc(sizeof *s);
    *s = (shelf){.next = b->shelves, .plugin = qc_strdup(plugin)};
    pthread_mutex_init(&s->lock, NULL);
    qc_keymap_init(&s->by_id, KEY);
    qc_keymap_init(&s->uses, KEY);
    b->shelves = s;
    return s;
}

/* Locked, to be unlocked by close_shelf(). NULL: it was never given anything. */
static shelf *open_shelf(qc_book *b, const char *plugin, bool make)
{
    pthread_mutex_lock(&b->lock);
    shelf *s = b->shelves;
    while (s && strcmp(s->plugin, plugin) != 0)
        s = s->next;
    if (!s && make)
        s = shelf_make(b, plugin);
    pthread_mutex_unlock(&b->lock);
    if (s)
        pthread_mutex_lock(&s->lock);
    return s;
}

static void close_shelf(shelf *s)
{
    if (s)
        pthread_mutex_unlock(&s->lock);
}

static given *by_id(const shelf *s, uint64_t id)
{
    uint8_t key[KEY] = {0};
    memcpy(key, &id, sizeof id);
    return s ? qc_keymap_get(&s->by_id, key) : NULL;
}

/* ---- what it costs ---- */

static uint64_t lists_of(const qc_template *t)
{
    return sizeof *t + (uint64_t)t->n_tx * PER_TX;
}

static void use_one(shelf *s, const qc_mempool_entry *e)
{
    uint8_t key[KEY] = {0};
    memcpy(key, &e, sizeof e);
    use *u = qc_keymap_get(&s->uses, key);
    if (!u) {
        u = qc_alloc(sizeof *u);
        *u = (use){.n = 0};
        memcpy(u->key, key, sizeof key);
        qc_keymap_must_reserve(&s->uses, 1);
        qc_keymap_put(&s->uses, u->key, u);
        s->charge += e->tx.rec->len;
    }
    u->n++;
}

static void let_go_one(shelf *s, const qc_mempool_entry *e)
{
    uint8_t key[KEY] = {0};
    memcpy(key, &e, sizeof e);
    use *u = qc_keymap_get(&s->uses, key);
    if (--u->n)
        return;
    qc_keymap_take(&s->uses, key);
    qc_free(u);
    s->charge -= e->tx.rec->len;
}

/* With those that it keeps alive. */
static void count(shelf *s, const qc_template *t)
{
    for (; t; t = t->parent) {
        s->charge += lists_of(t);
        for (uint32_t i = 0; i < t->n_tx; i++)
            use_one(s, t->entry[i]);
    }
}

static void count_off(shelf *s, const qc_template *t)
{
    for (; t; t = t->parent) {
        s->charge -= lists_of(t);
        for (uint32_t i = 0; i < t->n_tx; i++)
            let_go_one(s, t->entry[i]);
    }
}

/* ---- the list ---- */

static void unlink_given(shelf *s, given *g)
{
    *(g->prev ? &g->prev->next : &s->first) = g->next;
    *(g->next ? &g->next->prev : &s->last) = g->prev;
}

static void append(shelf *s, given *g)
{
    g->next = NULL;
    g->prev = s->last;
    *(s->last ? &s->last->next : &s->first) = g;
    s->last = g;
}

static bool over(const shelf *s, uint64_t bytes)
{
    return s->charge > bytes || s->other > bytes - s->charge;
}

/* What can go: onto a list, to be freed without the lock. `bytes`: more is too much. */
static void prune(shelf *s, qc_mono now, uint64_t bytes, given **gone)
{
    for (given *g = s->first, *next; g; g = next) {
        next = g->next;
        bool old = now - g->at >= QC_BOOK_KEPT;
        if (!old && !over(s, bytes) && s->idle <= QC_BOOK_IDLE)
            return; /* those behind it are younger */
        if (g->held)
            continue;
        unlink_given(s, g);
        qc_keymap_take(&s->by_id, g->key);
        s->idle--;
        if (g->counted)
            count_off(s, g->t);
        s->uncounted -= !g->counted;
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

void qc_book_sweep(qc_book *b)
{
    given *gone = NULL;
    qc_mono now = b->now();
    pthread_mutex_lock(&b->lock);
    bool due = now - b->swept >= SWEEP_EVERY;
    b->swept = due ? now : b->swept;
    shelf *first = due ? b->shelves : NULL;
    pthread_mutex_unlock(&b->lock);
    for (shelf *s = first; s; s = s->next) {
        pthread_mutex_lock(&s->lock);
        prune(s, now, UINT64_MAX, &gone);
        pthread_mutex_unlock(&s->lock);
    }
    free_all(gone);
}

/* ---- giving ---- */

static void hold(shelf *s, qc_mono now, const qc_template *t)
{
    given *g = by_id(s, t->id);
    if (g) {
        unlink_given(s, g);
    } else {
        g = qc_alloc(sizeof *g);
        *g = (given){.t = qc_template_ref(t)};
        memcpy(g->key, &t->id, sizeof t->id);
        qc_keymap_must_reserve(&s->by_id, 1);
        qc_keymap_put(&s->by_id, g->key, g);
        s->idle++;
        s->uncounted++;
    }
    append(s, g);
    s->idle -= !g->held;
    g->at = now;
    g->held++;
    s->held++;
}

qn_status qc_book_give(qc_book *b, const char *plugin, const qc_book_limits *l,
                       const qc_template *t)
{
    given *gone = NULL;
    qc_book_sweep(b); /* those of plugins that are gone grow old too */
    shelf *s = open_shelf(b, plugin, true);
    prune(s, b->now(), l->bytes, &gone);
    bool full = s->held >= l->held || over(s, l->bytes);
    if (!full)
        hold(s, b->now(), t);
    close_shelf(s);
    free_all(gone);
    return full ? QN_E_LIMIT : QN_OK;
}

void qc_book_settle(qc_book *b, const char *plugin, const qc_book_limits *l)
{
    given *gone = NULL;
    shelf *s = open_shelf(b, plugin, false);
    for (given *g = s ? s->last : NULL; g && s->uncounted; g = g->prev) {
        if (g->counted)
            continue;
        count(s, g->t);
        g->counted = true;
        s->uncounted--;
    }
    if (s)
        prune(s, b->now(), l->bytes, &gone);
    close_shelf(s);
    free_all(gone);
}

qn_status qc_book_charge(qc_book *b, const char *plugin, const qc_book_limits *l, uint64_t bytes)
{
    given *gone = NULL;
    shelf *s = open_shelf(b, plugin, true);
    bool ok = bytes <= l->bytes;
    if (ok)
        prune(s, b->now(), l->bytes - bytes, &gone);
    ok = ok && !over(s, l->bytes - bytes);
    s->other += ok ? bytes : 0;
    close_shelf(s);
    free_all(gone);
    return ok ? QN_OK : QN_E_LIMIT;
}

void qc_book_uncharge(qc_book *b, const char *plugin, uint64_t bytes)
{
    shelf *s = open_shelf(b, plugin, false);
    if (s)
        s->other -= QC_MIN(bytes, s->other);
    close_shelf(s);
}

qn_status qc_book_release(qc_book *b, const char *plugin, uint64_t id)
{
    shelf *s = open_shelf(b, plugin, false);
    given *g = by_id(s, id);
    bool held = g && g->held;
    if (held) {
        g->held--;
        s->held--;
    }
    if (held && !g->held) { /* from now on: who has it as its newest may have had it for an hour */
        s->idle++;
        unlink_given(s, g);
        append(s, g);
        g->at = b->now();
    }
    close_shelf(s);
    return held ? QN_OK : QN_E_CLOSED;
}

/* ---- finding ---- */

const qc_template *qc_book_find(qc_book *b, const char *plugin, uint64_t id, bool held)
{
    const qc_template *t = NULL;
    shelf *s = open_shelf(b, plugin, false);
    const given *g = by_id(s, id);
    if (g && (g->held || (!held && b->now() - g->at < QC_BOOK_KEPT)))
        t = qc_template_ref(g->t);
    close_shelf(s);
    return t;
}

qc_book_usage qc_book_usage_of(qc_book *b, const char *plugin)
{
    qc_book_usage u = {0};
    shelf *s = open_shelf(b, plugin, false);
    if (s)
        u = (qc_book_usage){s->held, (uint32_t)s->by_id.n, s->charge + s->other};
    close_shelf(s);
    return u;
}
