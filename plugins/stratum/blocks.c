/* Blocks that were found: they are handed in, and again where the node could not take them. */
#include "plugins/stratum/stratum.h"

#include "lib/hash.h"
#include "lib/hex.h"

#define AGAIN_MS 1000u     /* before the second try; doubled with each */
#define GIVE_UP_MS 600000u /* so long a node knows what a job was made of */

struct st_found {
    st_job job; /* those of the pool are overwritten */
    st_share share;
    uint8_t coinbase[ST_COINBASE_MAX + 64];
    size_t len;
    char worker[ST_NAME_MAX + 1];
    uint8_t hash[32];
    uint64_t since_ms, next_ms;
    uint32_t wait_ms;
    qn_status st; /* of the last try */
};

/* ---- one try ---- */

/* A job without transactions is all that there is of its block, also when the node does not know
 * the template: the node was started anew since, or it is older than what is kept. */
static qn_status hand_in_whole(const stratum *t, const st_share *s, const uint8_t *coinbase,
                               size_t len, qn_mining_result *r)
{
    uint8_t block[sizeof s->header + 1 + ST_COINBASE_MAX + 64];
    if (s->job->v.n_tx || len > sizeof block - sizeof s->header - 1)
        return QN_E_NOTFOUND;
    memcpy(block, s->header, sizeof s->header);
    block[sizeof s->header] = 1; /* transaction */
    memcpy(block + sizeof s->header + 1, coinbase, len);
    return t->submit->block(t->submit_cap, block, (uint32_t)(sizeof s->header + 1 + len), 0, r);
}

static qn_status hand_in(const stratum *t, const st_share *s, const uint8_t *coinbase, size_t len,
                         qn_mining_result *r)
{
    const qn_mining_solution x = {
        .size = sizeof x, .version = (int32_t)s->version, .time = s->time, .nonce = s->nonce};
    *r = (qn_mining_result){.size = sizeof *r};
    qn_status st =
        t->submit->solution_by_id(t->submit_cap, s->job->v.id, &x, coinbase, (uint32_t)len, r);
    return st == QN_E_NOTFOUND ? hand_in_whole(t, s, coinbase, len, r) : st;
}

/* again: the node may have taken it before without saying so. Returns: whether it is a block of the
 * chain. */
static bool say(stratum *t, const st_share *s, const qn_mining_result *r, const char *worker,
                bool again)
{
    char hex[65];
    bool ok = r->is == QN_BLOCK_IS_ACCEPTED || (again && r->is == QN_BLOCK_IS_DUPLICATE);
    qn_hex_encode_reversed(r->hash.b, 32, hex);
    if (ok) {
        memcpy(t->last_block, hex, sizeof hex);
        qn_logf(t->host, t->cap, QN_LOG_INFO, "block %u found by %s: %s", s->job->v.height, worker,
                hex);
    } else {
        qn_logf(t->host, t->cap, QN_LOG_WARN, "block %u of %s was not accepted: %s%s%s (%s)",
                s->job->v.height, worker, r->reason, *r->debug ? " " : "", r->debug, hex);
    }
    return ok;
}

static void say_lost(const stratum *t, const st_share *s, const char *worker)
{
    qn_logf(t->host, t->cap, QN_LOG_ERROR,
            "block %u of %s is LOST: the node has forgotten the %u transactions of job %llx "
            "(template %llu): it was started anew since, the job is older than 10 minutes, or the "
            "memory in the grant of mining.template/1 was short",
            s->job->v.height, worker, s->job->v.n_tx,
            (unsigned long long)st_job_id(s->job->number, s->variant),
            (unsigned long long)s->job->v.id);
}

/* ---- what is tried again ---- */

static void forget(stratum *t, uint32_t i)
{
    free(t->found[i]);
    memmove(t->found + i, t->found + i + 1, (--t->n_found - i) * sizeof *t->found);
}

static void give_up(stratum *t, uint32_t i)
{
    const st_found *f = t->found[i];
    char hex[65];
    qn_hex_encode_reversed(f->hash, 32, hex);
    qn_logf(t->host, t->cap, QN_LOG_ERROR,
            "block %u of %s is given up: it could not be handed in (status %d): %s",
            f->job.v.height, f->worker, (int)f->st, hex);
    t->pool.refused_blocks++;
    forget(t, i);
}

static uint32_t find(const stratum *t, const uint8_t hash[32])
{
    uint32_t i = 0;
    while (i < t->n_found && memcmp(t->found[i]->hash, hash, 32) != 0)
        i++;
    return i;
}

static void put_off(const stratum *t, st_found *f, qn_status st)
{
    const uint64_t now = t->host->now_ms(t->cap), end = f->since_ms + GIVE_UP_MS;
    f->st = st;
    f->wait_ms = f->wait_ms ? f->wait_ms * 2 : AGAIN_MS;
    f->next_ms = now + f->wait_ms;
    if (now < end && f->next_ms > end)
        f->next_ms = end;
}

static void remember(stratum *t, const st_share *s, const uint8_t *coinbase, size_t len,
                     const char *worker, const uint8_t hash[32], qn_status st)
{
    char hex[65];
    st_found *f = len <= sizeof f->coinbase ? calloc(1, sizeof *f) : NULL;
    qn_hex_encode_reversed(hash, 32, hex);
    qn_logf(t->host, t->cap, QN_LOG_ERROR,
            "block %u of %s could not be handed in (status %d)%s: %s", s->job->v.height, worker,
            (int)st, f ? ", and is tried again for ten minutes" : ", nor be kept to be tried again",
            hex);
    if (!f)
        return;
    if (t->n_found == ST_FOUND)
        give_up(t, 0);
    f->job = *s->job;
    f->share = *s;
    f->share.job = &f->job;
    memcpy(f->coinbase, coinbase, len);
    f->len = len;
    snprintf(f->worker, sizeof f->worker, "%s", worker);
    memcpy(f->hash, hash, 32);
    f->since_ms = t->pool.now_ms;
    put_off(t, f, st);
    t->found[t->n_found++] = f;
}

/* Returns: whether that was the last time. */
static bool try_again(stratum *t, uint32_t i)
{
    st_found *f = t->found[i];
    qn_mining_result r;
    qn_status st = hand_in(t, &f->share, f->coinbase, f->len, &r);
    if (st != QN_OK && st != QN_E_NOTFOUND) {
        put_off(t, f, st);
        return false;
    }
    if (st == QN_E_NOTFOUND)
        say_lost(t, &f->share, f->worker);
    st_pool_block(&t->pool, f->hash, st_worker_find(&t->pool.workers, f->worker),
                  st == QN_OK && say(t, &f->share, &r, f->worker, true));
    forget(t, i);
    return true;
}

/* One of them: meanwhile nobody is told anything. */
void st_blocks_tick(stratum *t)
{
    const uint64_t now = t->pool.now_ms;
    uint32_t i = 0;
    while (i < t->n_found && now < t->found[i]->next_ms)
        i++;
    if (i == t->n_found)
        return;
    const bool last = now - t->found[i]->since_ms >= GIVE_UP_MS;
    if (!try_again(t, i) && last)
        give_up(t, i);
}

/* Before the first try: a call may last longer than this process is let live. */
static void say_waiting(const stratum *t)
{
    char hex[65];
    for (uint32_t i = 0; i < t->n_found; i++) {
        const st_found *f = t->found[i];
        qn_hex_encode_reversed(f->hash, 32, hex);
        qn_logf(t->host, t->cap, QN_LOG_WARN,
                "block %u of %s is tried a last time before the server stops: %s", f->job.v.height,
                f->worker, hex);
    }
}

void st_blocks_close(stratum *t, uint32_t within_ms)
{
    say_waiting(t);
    const uint64_t since = t->host->now_ms(t->cap);
    while (t->n_found) {
        bool time = t->host->now_ms(t->cap) - since <= within_ms;
        if (!time || !try_again(t, 0))
            give_up(t, 0);
    }
}

/* ---- hooks.solve ---- */

int st_solve(void *arg, const st_share *s, const uint8_t *coinbase, size_t len, const char *worker)
{
    stratum *t = arg;
    uint8_t hash[32];
    qn_mining_result r;
    qn_sha256d(s->header, sizeof s->header, hash);
    const uint32_t known = find(t, hash);
    const bool again = known < t->n_found;
    qn_status st = hand_in(t, s, coinbase, len, &r);
    if (st != QN_OK && st != QN_E_NOTFOUND) {
        if (!again)
            remember(t, s, coinbase, len, worker, hash, st);
        return -1;
    }
    if (again)
        forget(t, known);
    if (st == QN_OK)
        return say(t, s, &r, worker, again);
    say_lost(t, s, worker);
    return -2;
}
