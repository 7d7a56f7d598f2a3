#include "plugins/stratum/workers.h"

#include "lib/hash.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASHES_PER_DIFFICULTY 4295032833.0 /* 2^48 / 0xffff */

static const double SPAN_S[2] = {60, 3600};

/* Names are chosen by strangers. */
static uint32_t hash_of(const st_workers *w, const char *name)
{
    uint8_t text[sizeof w->secret + ST_NAME_MAX], hash[32];
    uint32_t h;
    size_t len = strlen(name);
    len = len < ST_NAME_MAX ? len : ST_NAME_MAX;
    memcpy(text, w->secret, sizeof w->secret);
    memcpy(text + sizeof w->secret, name, len);
    qn_sha256(text, sizeof w->secret + len, hash);
    memcpy(&h, hash, sizeof h);
    return h;
}

static uint32_t find(const st_workers *w, const char *name)
{
    uint32_t i = hash_of(w, name) & (w->n_slots - 1);
    while (w->slot[i] && strcmp(w->slot[i]->name, name) != 0)
        i = (i + 1) & (w->n_slots - 1);
    return i;
}

st_worker *st_worker_find(const st_workers *w, const char *name)
{
    return w->n_slots ? w->slot[find(w, name)] : NULL;
}

static void index_all(st_workers *w)
{
    memset(w->slot, 0, w->n_slots * sizeof(st_worker *));
    for (uint32_t i = 0; i < w->n; i++)
        w->slot[find(w, w->list[i]->name)] = w->list[i];
}

static bool grow(st_workers *w)
{
    uint32_t cap = w->cap ? w->cap * 2 : 64;
    st_worker **list = realloc(w->list, cap * sizeof(st_worker *));
    if (!list)
        return false;
    w->list = list;
    st_worker **slot = calloc(4 * (size_t)cap, sizeof(st_worker *));
    if (!slot)
        return false;
    free(w->slot);
    w->slot = slot;
    w->n_slots = 4 * cap;
    w->cap = cap;
    index_all(w);
    return true;
}

/* Connected ones first; of the others whoever was heard of last. */
static int by_worth(const void *a, const void *b)
{
    const st_worker *x = *(st_worker *const *)a, *y = *(st_worker *const *)b;
    if (!x->connections != !y->connections)
        return x->connections ? -1 : 1;
    return x->last_ms > y->last_ms ? -1 : x->last_ms < y->last_ms;
}

/* Those that are not connected and have been silent the longest go, many at once: it takes long. */
static bool make_room(st_workers *w)
{
    uint32_t keep = w->n - w->n / 8;
    qsort(w->list, w->n, sizeof(st_worker *), by_worth);
    while (w->n > keep && !w->list[w->n - 1]->connections)
        free(w->list[--w->n]);
    index_all(w);
    return w->n < ST_WORKERS_MAX;
}

st_worker *st_worker_join(st_workers *w, const char *name)
{
    uint32_t i = w->n_slots ? find(w, name) : 0;
    if (w->n_slots && w->slot[i]) {
        w->slot[i]->connections++;
        return w->slot[i];
    }
    if ((w->n == ST_WORKERS_MAX && !make_room(w)) || (w->n == w->cap && !grow(w)))
        return NULL;
    st_worker *x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    snprintf(x->name, sizeof x->name, "%s", name);
    x->connections = 1;
    w->list[w->n++] = x;
    w->slot[find(w, name)] = x;
    return x;
}

void st_worker_leave(st_worker *w)
{
    if (w->connections)
        w->connections--;
}

static double faded(double rate, uint64_t ms, double span_s)
{
    return rate * exp(-(double)ms / (1000 * span_s));
}

void st_worker_share(st_worker *w, st_verdict v, double difficulty, double reached, uint64_t now_ms)
{
    w->count[v]++;
    w->last_ms = now_ms;
    if (v != ST_ACCEPTED)
        return;
    if (w->work <= 0)
        w->first_ms = now_ms;
    w->work += difficulty;
    w->best = reached > w->best ? reached : w->best;
    for (int i = 0; i < 2; i++)
        w->rate[i] = faded(w->rate[i], now_ms - w->rate_ms, SPAN_S[i]) + difficulty / SPAN_S[i];
    w->rate_ms = now_ms;
}

double st_worker_rate(const st_worker *w, unsigned which, uint64_t now_ms)
{
    double mined = (double)(now_ms - w->first_ms) / 1000;
    double part = 1 - exp(-(mined > SPAN_S[0] ? mined : SPAN_S[0]) / SPAN_S[which]);
    return faded(w->rate[which], now_ms - w->rate_ms, SPAN_S[which]) * HASHES_PER_DIFFICULTY / part;
}

static int by_work(const void *a, const void *b)
{
    const st_worker *x = *(st_worker *const *)a, *y = *(st_worker *const *)b;
    if (x->work > y->work || x->work < y->work)
        return x->work > y->work ? -1 : 1;
    return strcmp(x->name, y->name);
}

st_worker **st_workers_by_work(const st_workers *w)
{
    st_worker **list = malloc((w->n + 1) * sizeof(st_worker *));
    if (!list)
        return NULL;
    for (uint32_t i = 0; i < w->n; i++)
        list[i] = w->list[i];
    qsort(list, w->n, sizeof(st_worker *), by_work);
    return list;
}

void st_workers_clear(st_workers *w)
{
    for (uint32_t i = 0; i < w->n; i++)
        free(w->list[i]);
    free(w->list);
    free(w->slot);
    *w = (st_workers){.list = NULL};
}
