/* Three views of the announcements: of one hash (group), of one peer, and by time. At most one of a
 * group is chosen, the best candidate or the one that is being asked; candidates that are not
 * chosen wait in the group's heap. */
#include "core/sync/txrequest.h"

#include "core/base/alloc.h"
#include "core/base/heap.h"
#include "core/base/table.h"

#include <stdlib.h>

typedef enum state {
    WAITING, /* for its time */
    READY,   /* its time has come, another one is chosen */
    BEST,    /* chosen: ask it */
    ASKED,   /* chosen: an answer is awaited until its time */
    DONE     /* answered, or late */
} state;

typedef struct group group;
typedef struct person person;

typedef struct ann {
    qc_table_link by_pair;
    qc_heap_node in_time;  /* `waiting`: WAITING, ASKED; `usable`: READY, BEST */
    qc_heap_node in_group; /* READY */
    group *group;
    person *person;
    struct ann *next_in_group, **at_in_group;
    struct ann *next_of_person, **at_of_person;
    struct ann *next_best, **at_best; /* BEST */
    int64_t time;                     /* ASKED: when it is late; else when it may be asked */
    uint64_t seq, priority;
    state state;
    bool wtxid;
} ann;

struct group {
    qc_table_link by_hash;
    qc_hash hash;
    ann *members, *chosen; /* BEST or ASKED, or NULL */
    qc_heap ready;
    size_t n_open; /* not DONE; never 0 for longer than one step */
};

struct person {
    qc_table_link by_id;
    qc_peer_id id;
    ann *anns, *best;
    size_t n, n_best, n_asked, n_done;
};

struct qc_txreq {
    qc_siphash_key key;
    qc_table pairs, groups, persons;
    qc_heap waiting; /* the earliest first */
    qc_heap usable;  /* the latest first: a clock may go back */
    uint64_t seq;
};

/* ---- orders ---- */

static ann *of_time(const qc_heap_node *n)
{
    return QC_HOLDER(ann, in_time, n);
}

static bool earlier(const qc_heap_node *a, const qc_heap_node *b)
{
    return of_time(a)->time < of_time(b)->time;
}

static bool later(const qc_heap_node *a, const qc_heap_node *b)
{
    return of_time(a)->time > of_time(b)->time;
}

static bool better(const qc_heap_node *a, const qc_heap_node *b)
{
    return QC_HOLDER(ann, in_group, a)->priority > QC_HOLDER(ann, in_group, b)->priority;
}

/* ---- finding ---- */

static uint64_t pair_key(const qc_txreq *t, const qc_hash *hash, qc_peer_id peer)
{
    qc_siphash_state s = qc_siphash_start(&t->key);
    for (int i = 0; i < 32; i += 8)
        qc_siphash_word(&s, qc_read_le64(hash->b + i), 2);
    qc_siphash_word(&s, (uint64_t)peer, 2);
    qc_siphash_word(&s, (uint64_t)40 << 56, 2);
    return qc_siphash_finish(&s, 0xff, 4);
}

uint64_t qc_txreq_priority(const qc_txreq *t, const qc_hash *hash, qc_peer_id peer, bool preferred)
{
    return pair_key(t, hash, peer) >> 1 | (uint64_t)preferred << 63;
}

static ann *find(const qc_txreq *t, const qc_hash *hash, qc_peer_id peer)
{
    qc_table_link *l = qc_table_find(&t->pairs, pair_key(t, hash, peer));
    for (; l; l = qc_table_next(l)) {
        ann *a = QC_HOLDER(ann, by_pair, l);
        if (a->person->id == peer && qc_hash_eq(&a->group->hash, hash))
            return a;
    }
    return NULL;
}

static group *find_group(const qc_txreq *t, const qc_hash *hash)
{
    qc_table_link *l = qc_table_find(&t->groups, qc_siphash_hash(&t->key, hash));
    for (; l; l = qc_table_next(l)) {
        group *g = QC_HOLDER(group, by_hash, l);
        if (qc_hash_eq(&g->hash, hash))
            return g;
    }
    return NULL;
}

static person *find_person(const qc_txreq *t, qc_peer_id id)
{
    qc_table_link *l = qc_table_find(&t->persons, (uint64_t)id);
    return l ? QC_HOLDER(person, by_id, l) : NULL;
}

/* ---- states ---- */

static void best_in(ann *a)
{
    person *p = a->person;
    a->next_best = p->best;
    a->at_best = &p->best;
    if (a->next_best)
        a->next_best->at_best = &a->next_best;
    p->best = a;
    p->n_best++;
}

static void best_out(ann *a)
{
    *a->at_best = a->next_best;
    if (a->next_best)
        a->next_best->at_best = a->at_best;
    a->person->n_best--;
}

static void enter(qc_txreq *t, ann *a, state to)
{
    a->state = to;
    switch (to) {
    case WAITING:
        qc_heap_push(&t->waiting, &a->in_time);
        break;
    case READY:
        qc_heap_push(&t->usable, &a->in_time);
        qc_heap_push(&a->group->ready, &a->in_group);
        break;
    case BEST:
        qc_heap_push(&t->usable, &a->in_time);
        a->group->chosen = a;
        best_in(a);
        break;
    case ASKED:
        qc_heap_push(&t->waiting, &a->in_time);
        a->group->chosen = a;
        a->person->n_asked++;
        break;
    case DONE:
        a->person->n_done++;
        break;
    }
}

static void leave(qc_txreq *t, ann *a)
{
    switch (a->state) {
    case WAITING:
        qc_heap_remove(&t->waiting, &a->in_time);
        break;
    case READY:
        qc_heap_remove(&t->usable, &a->in_time);
        qc_heap_remove(&a->group->ready, &a->in_group);
        break;
    case BEST:
        qc_heap_remove(&t->usable, &a->in_time);
        a->group->chosen = NULL;
        best_out(a);
        break;
    case ASKED:
        qc_heap_remove(&t->waiting, &a->in_time);
        a->group->chosen = NULL;
        a->person->n_asked--;
        break;
    case DONE:
        a->person->n_done--;
        break;
    }
}

static void move(qc_txreq *t, ann *a, state to)
{
    leave(t, a);
    enter(t, a, to);
}

/* ---- coming and going ---- */

static void erase(qc_txreq *t, ann *a)
{
    person *p = a->person;
    leave(t, a);
    qc_table_remove(&t->pairs, &a->by_pair);
    *a->at_in_group = a->next_in_group;
    if (a->next_in_group)
        a->next_in_group->at_in_group = a->at_in_group;
    *a->at_of_person = a->next_of_person;
    if (a->next_of_person)
        a->next_of_person->at_of_person = a->at_of_person;
    qc_free(a);
    if (--p->n == 0) {
        qc_table_remove(&t->persons, &p->by_id);
        qc_free(p);
    }
}

static void erase_group(qc_txreq *t, group *g)
{
    while (g->members)
        erase(t, g->members);
    qc_table_remove(&t->groups, &g->by_hash);
    qc_free(g);
}

static void choose(qc_txreq *t, group *g)
{
    if (!g->chosen && g->ready.top)
        move(t, QC_HOLDER(ann, in_group, g->ready.top), BEST);
}

/* False: nobody was left to ask, and the whole group is gone. */
static bool finish(qc_txreq *t, ann *a)
{
    group *g = a->group;
    if (a->state == DONE)
        return true;
    if (--g->n_open == 0) {
        erase_group(t, g);
        return false;
    }
    move(t, a, DONE);
    choose(t, g);
    return true;
}

static void promote(qc_txreq *t, ann *a)
{
    group *g = a->group;
    ann *now = g->chosen;
    if (now && (now->state == ASKED || now->priority > a->priority)) {
        move(t, a, READY);
        return;
    }
    if (now)
        move(t, now, READY);
    move(t, a, BEST);
}

/* ---- life ---- */

qc_txreq *qc_txreq_new(const qc_siphash_key *key)
{
    qc_txreq *t = qc_alloc(sizeof *t);
    t->key = *key;
    t->waiting.before = earlier;
    t->usable.before = later;
    return t;
}

void qc_txreq_free(qc_txreq *t)
{
    qc_table_link *l;
    if (!t)
        return;
    while ((l = qc_table_any(&t->groups)) != NULL)
        erase_group(t, QC_HOLDER(group, by_hash, l));
    qc_table_clear(&t->pairs);
    qc_table_clear(&t->groups);
    qc_table_clear(&t->persons);
    qc_free(t);
}

static group *group_of(qc_txreq *t, const qc_hash *hash)
{
    group *g = find_group(t, hash);
    if (!g) {
        g = qc_alloc(sizeof *g);
        g->hash = *hash;
        g->ready.before = better;
        qc_table_add(&t->groups, &g->by_hash, qc_siphash_hash(&t->key, hash));
    }
    return g;
}

static person *person_of(qc_txreq *t, qc_peer_id id)
{
    person *p = find_person(t, id);
    if (!p) {
        p = qc_alloc(sizeof *p);
        p->id = id;
        qc_table_add(&t->persons, &p->by_id, (uint64_t)id);
    }
    return p;
}

static void join(ann *a, group *g, person *p)
{
    a->group = g;
    a->next_in_group = g->members;
    a->at_in_group = &g->members;
    if (a->next_in_group)
        a->next_in_group->at_in_group = &a->next_in_group;
    g->members = a;
    g->n_open++;
    a->person = p;
    a->next_of_person = p->anns;
    a->at_of_person = &p->anns;
    if (a->next_of_person)
        a->next_of_person->at_of_person = &a->next_of_person;
    p->anns = a;
    p->n++;
}

void qc_txreq_announced(qc_txreq *t, qc_peer_id peer, const qc_tx_name *name, bool preferred,
                        int64_t at)
{
    if (find(t, &name->hash, peer))
        return;
    ann *a = qc_alloc(sizeof *a);
    a->time = at;
    a->seq = t->seq++;
    a->priority = qc_txreq_priority(t, &name->hash, peer, preferred);
    a->wtxid = name->wtxid;
    join(a, group_of(t, &name->hash), person_of(t, peer));
    qc_table_add(&t->pairs, &a->by_pair, pair_key(t, &name->hash, peer));
    enter(t, a, WAITING);
}

void qc_txreq_forget_peer(qc_txreq *t, qc_peer_id peer)
{
    person *p;
    while ((p = find_person(t, peer)) != NULL) {
        ann *a = p->anns;
        if (finish(t, a))
            erase(t, a);
    }
}

void qc_txreq_forget(qc_txreq *t, const qc_hash *hash)
{
    group *g = find_group(t, hash);
    if (g)
        erase_group(t, g);
}

/* ---- asking ---- */

static qc_tx_name name_of(const ann *a)
{
    return (qc_tx_name){a->group->hash, a->wtxid};
}

static void set_time(qc_txreq *t, int64_t now, qc_txreq_late *late, void *arg)
{
    while (t->waiting.top && of_time(t->waiting.top)->time <= now) {
        ann *a = of_time(t->waiting.top);
        if (a->state == WAITING) {
            promote(t, a);
            continue;
        }
        const qc_tx_name name = name_of(a);
        qc_peer_id peer = a->person->id;
        finish(t, a);
        if (late)
            late(arg, peer, &name);
    }
    while (t->usable.top && of_time(t->usable.top)->time > now) {
        ann *a = of_time(t->usable.top);
        move(t, a, WAITING);
        choose(t, a->group);
    }
}

static int by_seq(const void *x, const void *y)
{
    const ann *a = *(ann *const *)x, *b = *(ann *const *)y;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

qc_err qc_txreq_due(qc_txreq *t, qc_peer_id peer, int64_t now, qc_txreq_late *late, void *arg,
                    qc_tx_name **list, size_t *n)
{
    set_time(t, now, late, arg);
    person *p = find_person(t, peer);
    size_t most = p ? p->n_best : 0, k = 0;
    if (most == 0) { /* as it mostly is */
        *list = NULL;
        *n = 0;
        return QC_OK;
    }
    qc_tx_name *out = qc_try_calloc(most + 1, sizeof *out);
    ann **sorted = qc_try_calloc(most + 1, sizeof *sorted);
    if (!out || !sorted) {
        qc_free(out);
        qc_free(sorted);
        return QC_ENOMEM;
    }
    for (ann *a = p->best; a; a = a->next_best)
        sorted[k++] = a;
    qsort(sorted, k, sizeof *sorted, by_seq);
    for (size_t i = 0; i < k; i++)
        out[i] = name_of(sorted[i]);
    qc_free(sorted);
    *list = out;
    *n = k;
    return QC_OK;
}

void qc_txreq_asked(qc_txreq *t, qc_peer_id peer, const qc_hash *hash, int64_t until)
{
    ann *a = find(t, hash, peer);
    if (!a || a->state == ASKED || a->state == DONE)
        return;
    ann *now = a->group->chosen;
    if (now && now != a) {
        a->group->n_open -= now->state == ASKED;
        move(t, now, now->state == ASKED ? DONE : READY);
    }
    leave(t, a);
    a->time = until;
    enter(t, a, ASKED);
}

void qc_txreq_answered(qc_txreq *t, qc_peer_id peer, const qc_hash *hash)
{
    ann *a = find(t, hash, peer);
    if (a)
        finish(t, a);
}

/* ---- looking ---- */

qc_txreq_count qc_txreq_count_of(const qc_txreq *t, qc_peer_id peer)
{
    const person *p = find_person(t, peer);
    if (!p)
        return (qc_txreq_count){0, 0, 0};
    return (qc_txreq_count){p->n, p->n_asked, p->n - p->n_asked - p->n_done};
}

size_t qc_txreq_size(const qc_txreq *t)
{
    return t->pairs.n;
}

void qc_txreq_each_peer(const qc_txreq *t, const qc_hash *hash,
                        void (*take)(void *arg, qc_peer_id peer), void *arg)
{
    const group *g = find_group(t, hash);
    for (const ann *a = g ? g->members : NULL; a; a = a->next_in_group)
        if (a->state != DONE)
            take(arg, a->person->id);
}

static void check_group(const group *g)
{
    size_t open = 0, chosen = 0;
    uint64_t best_ready = 0;
    for (const ann *a = g->members; a; a = a->next_in_group) {
        QC_ASSERT(a->group == g);
        open += a->state != DONE;
        chosen += a->state == BEST || a->state == ASKED;
        if (a->state == READY && a->priority > best_ready)
            best_ready = a->priority;
    }
    QC_ASSERT(open > 0 && open == g->n_open && chosen <= 1 && chosen == (g->chosen != NULL));
    QC_ASSERT(!best_ready == !g->ready.top && (!best_ready || chosen));
    QC_ASSERT(!chosen || g->chosen->state == ASKED || g->chosen->priority > best_ready);
}

void qc_txreq_check(const qc_txreq *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->groups.n_slots; i++)
        for (qc_table_link *l = t->groups.slot[i]; l; l = l->next)
            check_group(QC_HOLDER(group, by_hash, l));
    for (size_t i = 0; i < t->persons.n_slots; i++)
        for (qc_table_link *l = t->persons.slot[i]; l; l = l->next) {
            const person *p = QC_HOLDER(person, by_id, l);
            size_t of[DONE + 1] = {0}, all = 0;
            for (const ann *a = p->anns; a; a = a->next_of_person, all++)
                of[a->state]++;
            QC_ASSERT(all > 0 && all == p->n && of[BEST] == p->n_best);
            QC_ASSERT(of[ASKED] == p->n_asked && of[DONE] == p->n_done);
            n += all;
        }
    QC_ASSERT(n == t->pairs.n);
}
