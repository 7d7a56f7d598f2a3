#include "plugins/miner/miner.h"

#include "lib/hash.h"
#include "lib/search.h"

#define CHUNK 65536u /* nonces between two looks at whether the work is still the same */
#define SLICE 16384u

void mn_crew_init(mn_crew *c, void (*tell)(void *arg), void *arg)
{
    *c = (mn_crew){.tell = tell, .arg = arg};
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->more, NULL);
}

void mn_crew_clear(mn_crew *c)
{
    mn_crew_stop(c);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->more);
}

/* An extranonce that nobody else has, and its header. */
static void header_of(mn_work *w, uint64_t extra, uint8_t header[QN_HEADER_LEN])
{
    uint8_t root[32];
    for (size_t i = 0; i < MN_SPACE; i++, extra >>= 8)
        w->coinbase[w->space + i] = (uint8_t)extra;
    qn_sha256d(w->coinbase, w->len, root);
    qn_merkle_fold(root, w->path[0].b, w->n_path);
    const qn_header_parts h = {
        .version = w->version, .prev = w->prev.b, .root = root, .time = w->time, .bits = w->bits};
    qn_header_write(&h, header);
}

/* Out: *w, and an extranonce. Returns: false: there is nothing to do. Under the lock. */
static bool get_work(mn_crew *c, mn_work *w, uint64_t *extra)
{
    if (!c->work.number)
        return false;
    *w = c->work;
    *extra = c->extra++;
    return true;
}

static void report(mn_crew *c, const mn_work *w, uint32_t nonce)
{
    pthread_mutex_lock(&c->lock);
    /* Other fees meanwhile: it is a block all the same. Another tip: it is not. */
    bool first =
        c->work.number && !c->have_found &&
        (c->work.number == w->number || memcmp(&c->work.prev, &w->prev, sizeof w->prev) == 0);
    if (first) {
        c->found = (mn_found){*w, nonce};
        c->have_found = true;
        c->work.number = 0; /* one block of it is enough */
        atomic_store(&c->number, 0);
    }
    pthread_mutex_unlock(&c->lock);
    if (first)
        c->tell(c->arg);
}

/* Up to `limit` nonces of one header, while the work stays. */
static void search(mn_crew *c, mn_work *w, uint64_t extra, uint64_t limit)
{
    uint8_t header[QN_HEADER_LEN];
    uint32_t nonce;
    header_of(w, extra, header);
    for (uint64_t at = 0; at < limit && atomic_load(&c->number) == w->number; at += SLICE) {
        bool hit = qn_nonce_search(header, w->target.b, (uint32_t)at, SLICE, &nonce);
        atomic_fetch_add(&c->hashes, hit ? nonce - (uint32_t)at + 1 : SLICE);
        if (hit) {
            report(c, w, nonce);
            return;
        }
    }
}

static void *run(void *arg)
{
    mn_crew *c = arg;
    mn_work w;
    uint64_t extra;
    pthread_mutex_lock(&c->lock);
    while (!c->quit) {
        if (!get_work(c, &w, &extra)) {
            pthread_cond_wait(&c->more, &c->lock);
            continue;
        }
        pthread_mutex_unlock(&c->lock);
        search(c, &w, extra, UINT64_C(1) << 32);
        pthread_mutex_lock(&c->lock);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

uint32_t mn_crew_start(mn_crew *c, uint32_t threads)
{
    c->quit = c->have_found = false;
    while (c->n_threads < threads && c->n_threads < MN_THREADS &&
           pthread_create(&c->thread[c->n_threads], NULL, run, c) == 0)
        c->n_threads++;
    return c->n_threads;
}

/* The work is forgotten last: what a thread finds while it is asked to end is a block of it. */
void mn_crew_stop(mn_crew *c)
{
    pthread_mutex_lock(&c->lock);
    c->quit = true;
    atomic_store(&c->number, 0);
    pthread_cond_broadcast(&c->more);
    pthread_mutex_unlock(&c->lock);
    for (; c->n_threads; c->n_threads--)
        pthread_join(c->thread[c->n_threads - 1], NULL);
    mn_crew_set(c, NULL);
}

void mn_crew_set(mn_crew *c, const mn_work *w)
{
    pthread_mutex_lock(&c->lock);
    if (w)
        c->work = *w;
    else
        c->work.number = 0;
    atomic_store(&c->number, c->work.number);
    pthread_cond_broadcast(&c->more);
    pthread_mutex_unlock(&c->lock);
}

bool mn_crew_take(mn_crew *c, mn_found *out)
{
    pthread_mutex_lock(&c->lock);
    bool have = c->have_found;
    if (have)
        *out = c->found;
    c->have_found = false;
    pthread_mutex_unlock(&c->lock);
    return have;
}

bool mn_crew_slice(mn_crew *c)
{
    mn_work w;
    uint64_t extra;
    pthread_mutex_lock(&c->lock);
    bool have = get_work(c, &w, &extra);
    pthread_mutex_unlock(&c->lock);
    if (have)
        search(c, &w, extra, CHUNK);
    return have;
}
