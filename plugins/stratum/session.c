/* The protocol (de facto Stratum V1, BIP310, BIP320). A solved block comes before everything else:
 * it is handed in even when the share that it is came late, with a bad time, or below no
 * difficulty. */
#include "plugins/stratum/session.h"
#include "plugins/stratum/steps.h"

#include "lib/hash.h"
#include "lib/hex.h"
#include "lib/mining.h"

#include <stdlib.h>
#include <string.h>

enum {
    E_OTHER = 20,
    E_JOB = 21,
    E_DUPLICATE = 22,
    E_LOW = 23,
    E_UNAUTHORIZED = 24,
    E_UNSUBSCRIBED = 25
};

/* ---- difficulty ---- */

/* The newest job once more, as another variant: the same work under another coinbase. */
static void tell_again(st_session *s, double d, bool clean)
{
    st_steps_set(s, d);
    st_vardiff_reset(&s->vardiff, s->pool->now_ms);
    st_session_notify(s, clean);
}

/* What was asked for, what is much harder, and what is easier (it has waited long enough) is told
 * at once. */
static void steer(st_session *s, double to, bool asked)
{
    double was = st_session_difficulty(s), d = st_steps_clamp(s, to);
    if (d == was)
        return;
    s->steered_ms = s->pool->now_ms;
    if ((asked || d < was || d > 4 * was) && s->told && s->variant < 0xff)
        tell_again(s, d, d > 4 * was);
    else
        st_steps_set(s, d);
}

static void steer_by(st_session *s, double factor)
{
    steer(s, st_session_difficulty(s) * factor, false);
}

/* ---- life ---- */

void st_session_init(st_session *s, st_pool *p)
{
    *s = (st_session){.pool = p,
                      .since_ms = p->now_ms,
                      .lines = ST_LINES,
                      .flight = ST_FLIGHT,
                      .lines_ms = p->now_ms};
}

void st_session_clear(st_session *s)
{
    for (uint32_t i = 0; i < s->n_workers; i++)
        st_worker_leave(s->worker[i]);
    if (s->n_workers > ST_SESSION_WORKERS)
        s->pool->n_extra -= s->n_workers - ST_SESSION_WORKERS;
    free(s->worker);
    s->worker = NULL;
    s->n_workers = s->cap_workers = 0;
    st_text_free(&s->out);
}

bool st_session_mines(const st_session *s)
{
    return s->subscribed && s->n_workers > 0;
}

bool st_session_waits(const st_session *s)
{
    return st_session_mines(s) && s->told && st_steps_forgot(s, s->told, s->variant);
}

void st_session_tick(st_session *s)
{
    if (!st_session_mines(s) || !s->told)
        return;
    if (st_session_waits(s)) /* that no share of it came is not for its difficulty */
        st_vardiff_reset(&s->vardiff, s->pool->now_ms);
    else if (!st_steps_pending(s))
        steer_by(s, st_vardiff_idle(&s->vardiff, s->pool->now_ms, s->pool->per_minute));
    else if (s->pool->now_ms - s->steered_ms >= ST_PENDING_MS && s->variant < 0xff)
        tell_again(s, st_session_difficulty(s), false); /* no job has come that would bring it */
}

/* A tip that comes back brings no job of before with it: what was submitted for them is forgotten.
 */
void st_pool_new_tip(st_pool *p)
{
    st_seen_clear(&p->seen);
    p->seen.gone = p->jobs.last ? p->jobs.last - 1 : 0;
}

void st_pool_clear(st_pool *p)
{
    st_seen_clear(&p->seen);
    st_workers_clear(&p->workers);
    st_text_free(&p->note.head);
    st_text_free(&p->note.tail);
    st_text_free(&p->note.line);
}

/* ---- jobs ---- */

static void put_words_swapped(st_text *t, const uint8_t hash[32])
{
    uint8_t b[32];
    for (int i = 0; i < 32; i++)
        b[i] = hash[i ^ 3];
    st_put_hex(t, b, 32);
}

/* What all sessions are told alike is written once for each job. */
static void make_note(st_pool *p, const st_job *job)
{
    st_text *t = &p->note.tail;
    if (p->note.job == job->number && !p->note.head.failed && !t->failed)
        return;
    st_text_free(&p->note.head);
    st_text_free(t);
    put_words_swapped(&p->note.head, job->v.prev.b);
    st_puts(&p->note.head, "\",\"");
    st_puts(t, "\",[");
    for (uint32_t i = 0; i < job->v.n_path; i++) {
        st_puts(t, i ? ",\"" : "\"");
        st_put_hex(t, job->v.path[i].b, 32);
        st_puts(t, "\"");
    }
    st_putf(t, "],\"%08x\",\"%08x\",\"%08x\",", (unsigned)job->v.version, (unsigned)job->v.bits,
            (unsigned)job->v.cur_time);
    p->note.job = job->number;
}

static bool is_line_for(const st_note *n, const st_session *s, bool clean)
{
    return n->line.len && !n->line.failed && n->line_job == s->told && n->clean == clean &&
           n->has_payout == s->has_payout &&
           (!s->has_payout || (n->payout.len == s->payout.len &&
                               memcmp(n->payout.script, s->payout.script, s->payout.len) == 0));
}

/* Nothing but hex digits: there are firmware and proxies that read it as a number. */
static void put_job_id(st_text *t, const st_session *s)
{
    st_putf(t, "{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"%llx\",\"",
            (unsigned long long)st_job_id(s->told, s->variant));
}

/* Returns: false: there is no coinbase. */
static bool write_line(const st_session *s, const st_job *job, bool clean, st_text *t)
{
    st_note *n = &s->pool->note;
    st_coinbase cb;
    if (!st_coinbase_make(job, s->has_payout ? &s->payout : NULL, s->variant, &cb))
        return false;
    st_coinbase_mark(&cb, s->pool->secret, s->en1);
    make_note(s->pool, job);
    put_job_id(t, s);
    st_put(t, n->head.data, n->head.len);
    st_put_hex(t, cb.data, cb.space + ST_MARK);
    st_puts(t, "\",\"");
    st_put_hex(t, cb.data + cb.space + ST_SPACE, cb.len - cb.space - ST_SPACE);
    st_put(t, n->tail.data, n->tail.len);
    st_puts(t, clean ? "true]}\n" : "false]}\n");
    t->failed |= n->head.failed || n->tail.failed;
    return true;
}

/* The line for this session and all that are paid alike. Returns: false: there is no coinbase. */
static bool make_line(const st_session *s, const st_job *job, bool clean)
{
    st_note *n = &s->pool->note;
    if (is_line_for(n, s, clean))
        return true;
    n->line.len = 0;
    n->line.failed = false;
    if (!write_line(s, job, clean, &n->line))
        return false;
    n->line_job = s->told;
    n->has_payout = s->has_payout;
    n->payout = s->payout;
    n->clean = clean;
    return true;
}

/* Without memory it is let go, rather than told half a line. */
static void put_line(st_session *s, const st_job *job, bool clean)
{
    const st_note *n = &s->pool->note;
    if (s->variant)
        (void)write_line(s, job, clean, &s->out);
    else if (make_line(s, job, clean) && n->line.failed)
        s->out.failed = true;
    else if (is_line_for(n, s, clean))
        st_put(&s->out, n->line.data, n->line.len);
}

void st_session_notify(st_session *s, bool clean)
{
    st_pool *p = s->pool;
    const st_job *job = st_job_newest(&p->jobs);
    if (!job || job->number <= p->jobs.restored || !st_session_mines(s))
        return;
    bool own = st_steps_pending(s);
    if (!s->told) {
        st_vardiff_reset(&s->vardiff, p->now_ms);
        s->told = job->number;
        own = st_steps_first(s);
    } else if (job->number != s->told) {
        if (own)
            st_vardiff_reset(&s->vardiff, p->now_ms);
        s->told = job->number;
        s->variant = 0;
        double was = st_session_difficulty(s), d = st_steps_clamp(s, was);
        if (d != was) /* the network's has changed */
            st_steps_set(s, d);
    }
    if (st_steps_pending(s))
        st_steps_begin(s, own);
    put_line(s, job, clean);
}

/* It mines from now on. */
static void begin(st_session *s)
{
    if (!s->told)
        st_session_notify(s, true);
}

/* ---- subscribe ---- */

static void proof_of(const st_pool *p, const uint8_t en1[ST_EN1_LEN], uint8_t out[8])
{
    uint8_t text[2 * sizeof p->secret + ST_EN1_LEN], hash[32];
    memcpy(text, p->secret, sizeof p->secret);
    memcpy(text + sizeof p->secret, en1, ST_EN1_LEN);
    memcpy(text + sizeof p->secret + ST_EN1_LEN, p->secret, sizeof p->secret);
    qn_sha256d(text, sizeof text, hash);
    memcpy(out, hash, 8);
}

/* A session id that we gave out, perhaps in a former life. */
static bool resume(st_session *s, const char *id)
{
    uint8_t given[ST_SESSION_ID / 2], want[8];
    if (strlen(id) != ST_SESSION_ID || !qn_hex_decode(id, ST_SESSION_ID, given, sizeof given))
        return false;
    proof_of(s->pool, given, want);
    if (memcmp(given + ST_EN1_LEN, want, sizeof want) != 0)
        return false;
    memcpy(s->en1, given, ST_EN1_LEN);
    s->pool->hooks.displace(s->pool->hooks.arg, s->en1, s);
    st_steps_recall(s);
    s->flight = ST_FLIGHT_AGAIN;
    return true;
}

static bool on_subscribe(st_session *s, const st_message *m)
{
    st_pool *p = s->pool;
    uint8_t proof[8];
    if (s->subscribed) {
        st_put_error(&s->out, m->id, E_OTHER, "Already subscribed");
        return true;
    }
    if (!resume(s, m->session)) {
        if (p->next_en1 == p->en1_limit) {
            st_put_error(&s->out, m->id, E_OTHER, "Not ready");
            return false;
        }
        uint32_t n = p->next_en1++;
        for (int i = 0; i < ST_EN1_LEN; i++, n >>= 8)
            s->en1[ST_EN1_LEN - 1 - i] = (uint8_t)n;
    }
    memcpy(s->agent, m->agent, sizeof s->agent);
    s->subscribed = true;
    proof_of(p, s->en1, proof);
    char id[ST_SESSION_ID + 1];
    qn_hex_encode(s->en1, ST_EN1_LEN, id);
    qn_hex_encode(proof, sizeof proof, id + 2 * ST_EN1_LEN);
    st_putf(
        &s->out,
        "{\"id\":%s,\"result\":[[[\"mining.set_difficulty\",\"%s\"],[\"mining.notify\",\"%s\"]],"
        "\"%.8s\",%d],\"error\":null}\n",
        m->id, id, id, id, ST_EN2_LEN);
    begin(s);
    return true;
}

/* ---- authorize ---- */

static st_worker *find_worker(const st_session *s, const char *name)
{
    for (uint32_t i = 0; i < s->n_workers; i++)
        if (strcmp(s->worker[i]->name, name) == 0)
            return s->worker[i];
    return NULL;
}

/* Who is to be paid where this user mines? Out: *has: *out, and not whom the recipe names.
 * Returns: why he may not mine here, or NULL. */
static const char *payout_of(const st_session *s, const char *user, bool *has, st_payout *out)
{
    const st_pool *p = s->pool;
    bool mistyped = false;
    *out = (st_payout){.len = 0};
    *has = p->recipe.solo && st_user_payout(p->chain, user, out, &mistyped);
    if (!*has && (!st_recipe_complete(&p->recipe) || mistyped))
        return "The user must be an address of this chain";
    if (s->n_workers &&
        (*has != s->has_payout ||
         (*has && (out->len != s->payout.len || memcmp(out->script, s->payout.script, out->len)))))
        return "One payout for each connection";
    return NULL;
}

/* Room for one name more. */
static bool name_fits(st_session *s)
{
    const bool extra = s->n_workers >= ST_SESSION_WORKERS;
    if (extra && (s->n_workers >= ST_SESSION_NAMES || s->pool->n_extra >= ST_EXTRA_NAMES))
        return false;
    if (s->n_workers < s->cap_workers)
        return true;
    uint32_t cap = s->cap_workers ? s->cap_workers * 4 : 1;
    st_worker **list = realloc(s->worker, cap * sizeof(st_worker *));
    if (!list)
        return false;
    s->worker = list;
    s->cap_workers = cap;
    return true;
}

/* Returns: false: it is not counted by itself. */
static bool add_worker(st_session *s, const char *name)
{
    st_worker *w = name_fits(s) ? st_worker_join(&s->pool->workers, name) : NULL;
    if (!w)
        return false;
    s->pool->n_extra += s->n_workers >= ST_SESSION_WORKERS;
    s->worker[s->n_workers++] = w;
    return true;
}

static void suggest(st_session *s, double d)
{
    if (d <= 0)
        return;
    s->floor = d;
    if (s->told)
        steer(s, d, true);
}

/* Whose miners do not come through must be able to see why. */
static void refuse_user(const st_session *s, const char *user, const char *why)
{
    st_pool *p = s->pool;
    p->refused_users++;
    if (p->hooks.refused)
        p->hooks.refused(p->hooks.arg, s, user, why);
}

static void on_authorize(st_session *s, const st_message *m)
{
    const char *why = NULL;
    if (!find_worker(s, m->user)) {
        bool has;
        st_payout to;
        why = payout_of(s, m->user, &has, &to);
        if (!why && !add_worker(s, m->user) && !s->n_workers)
            why = "Too many workers"; /* else: the first of its names counts for this one too */
        if (!why) {
            s->payout = to;
            s->has_payout = has;
        }
    }
    if (why) {
        st_put_error(&s->out, m->id, E_UNAUTHORIZED, why);
        refuse_user(s, m->user, why);
        return;
    }
    st_put_result(&s->out, m->id, "true");
    suggest(s, m->difficulty);
    begin(s);
}

/* ---- configure ---- */

static unsigned bits_of(uint32_t v)
{
    unsigned n = 0;
    for (; v; v &= v - 1)
        n++;
    return n;
}

static void on_configure(st_session *s, const st_message *m)
{
    st_text *t = &s->out;
    st_putf(t, "{\"id\":%s,\"result\":{", m->id);
    const size_t begin = t->len;
    if (m->rolling) {
        uint32_t mask = m->mask & s->pool->mask;
        bool ok = mask && bits_of(mask) >= m->min_bits;
        s->mask = ok ? mask : 0;
        st_putf(t, "\"version-rolling\":%s,", ok ? "true" : "false");
        if (ok)
            st_putf(t, "\"version-rolling.mask\":\"%08x\",", (unsigned)mask);
    }
    if (m->min_difficulty)
        st_putf(t, "\"minimum-difficulty\":%s,", m->has_difficulty ? "true" : "false");
    if (m->sub_extranonce) {
        s->extranonce = true;
        st_puts(t, "\"subscribe-extranonce\":true,");
    }
    st_puts(t, m->unknown);
    if (t->len > begin)
        t->len--; /* the last comma */
    st_puts(t, "},\"error\":null}\n");
    if (m->has_difficulty)
        suggest(s, m->difficulty);
}

/* ---- submit ---- */

static void answer(st_session *s, const st_message *m, st_verdict v, const char *other)
{
    switch (v) {
    case ST_ACCEPTED:
        st_put_result(&s->out, m->id, "true");
        return;
    case ST_STALE:
        st_put_error(&s->out, m->id, E_JOB, "Job not found or stale");
        return;
    case ST_DUPLICATE:
        st_put_error(&s->out, m->id, E_DUPLICATE, "Duplicate share");
        return;
    case ST_LOW:
        st_put_error(&s->out, m->id, E_LOW, "Low difficulty share");
        return;
    case ST_OTHER:
    case ST_VERDICTS:
        break;
    }
    st_put_error(&s->out, m->id, E_OTHER, other);
}

/* Shares pace themselves, as long as they are of the difficulty that was told. Some of an easier
 * one are under way when that changes; who goes on with them pays as for any other message. */
static void pay_for(st_session *s, double d)
{
    const bool present = d >= st_steps_least(s, s->told, s->variant);
    if (present || s->flight)
        s->lines += s->lines < ST_LINES;
    if (present)
        s->flight += s->flight < ST_FLIGHT;
    else if (s->flight)
        s->flight--;
}

/* forgot: it is we who do not know what it was told. */
static void account(st_session *s, st_verdict v, double d, bool forgot)
{
    s->pool->count[v]++;
    if (v == ST_ACCEPTED) {
        s->accepted++;
        s->bad_run = 0;
        s->last_share_ms = s->pool->now_ms;
        pay_for(s, d);
    } else if (!(forgot && v == ST_STALE) && ++s->bad_run > ST_BAD_RUN) {
        s->points++;
    }
}

/* The coinbase with its witness, where the template asks for one. */
static size_t whole(const st_job *job, const st_coinbase *cb, uint8_t *out, size_t cap)
{
    if (job->v.flags & QN_TEMPLATE_WITNESS)
        return qn_coinbase_add_witness(cb->data, cb->len, job->v.coinbase_witness, out, cap);
    memcpy(out, cb->data, cb->len);
    return cb->len;
}

/* ---- blocks ---- */

static st_handed *find_handed(st_pool *p, const uint8_t hash[32])
{
    for (uint32_t i = 0; i < ST_HANDED && i < p->n_handed; i++)
        if (memcmp(p->handed[i].hash, hash, 32) == 0)
            return &p->handed[i];
    return NULL;
}

/* The same solution again is no new block, and the node would have to find that out each time: who
 * has one could keep it busy. */
static bool was_handed_in(st_pool *p, const uint8_t hash[32])
{
    const st_handed *h = find_handed(p, hash);
    return h && p->now_ms < h->again_ms;
}

static void handed_in(st_pool *p, const uint8_t hash[32], bool accepted)
{
    st_handed *h = find_handed(p, hash);
    if (!h)
        h = &p->handed[p->n_handed++ % ST_HANDED];
    memcpy(h->hash, hash, 32);
    h->again_ms = accepted ? UINT64_MAX : p->now_ms + ST_AGAIN_MS;
}

void st_pool_block(st_pool *p, const uint8_t hash[32], st_worker *w, bool accepted)
{
    handed_in(p, hash, accepted);
    p->blocks += accepted;
    p->refused_blocks += !accepted;
    if (w)
        w->blocks += accepted;
}

/* Before anything else: is it a block? Returns: as solve() of the hooks; 0 also where it is none.
 */
static int try_block(st_session *s, st_worker *w, const char *name, const st_share *sh,
                     const st_coinbase *cb, const uint8_t hash[32])
{
    st_pool *p = s->pool;
    uint8_t data[ST_COINBASE_MAX + 64];
    if (!qn_hash_meets(hash, sh->job->v.target.b) || was_handed_in(p, hash))
        return 0;
    size_t len = whole(sh->job, cb, data, sizeof data);
    int is = len ? p->hooks.solve(p->hooks.arg, sh, data, len, name) : -1;
    if (is != -1) /* else the host tries again, and says what became of it */
        st_pool_block(p, hash, w, is > 0);
    return is;
}

/* As a share alone. Out: *why of ST_OTHER. */
static st_verdict judge(const st_session *s, const st_share *sh, const st_message *m,
                        const uint8_t hash[32], const char **why)
{
    uint8_t target[32];
    const st_pool *p = s->pool;
    if (st_job_stale(&p->jobs, sh->job) || sh->job->number <= p->seen.gone ||
        st_steps_forgot(s, sh->job->number, sh->variant))
        return ST_STALE;
    if (m->has_version && m->version & ~s->mask &&
        (m->version & ~s->mask) != ((uint32_t)sh->job->v.version & ~s->mask)) {
        *why = "Version bits outside of the mask";
        return ST_OTHER;
    }
    if (sh->time < sh->job->v.min_time || sh->time > p->time + ST_FUTURE_S) {
        *why = "Time out of range";
        return ST_OTHER;
    }
    st_target_of(st_steps_least(s, sh->job->number, sh->variant), target);
    if (!qn_hash_meets(hash, target) && !qn_hash_meets(hash, sh->job->v.target.b))
        return ST_LOW;
    return st_seen_has(&p->seen, hash) ? ST_DUPLICATE : ST_ACCEPTED;
}

static void record(const st_session *s, const st_worker *w, const st_share *sh, st_verdict v,
                   double difficulty, double reached, bool block)
{
    const st_pool *p = s->pool;
    st_record r = {.time = p->time,
                   .job = st_job_id(sh->job->number, sh->variant),
                   .difficulty = difficulty,
                   .reached = reached,
                   .verdict = (uint8_t)v,
                   .block = block};
    memcpy(r.worker, w->name, sizeof r.worker);
    p->hooks.log(p->hooks.arg, &r);
}

/* It costs nothing where others of the same connection mine: a proxy does not know what they say.
 */
static void unauthorized(st_session *s, const st_message *m)
{
    st_put_error(&s->out, m->id, E_UNAUTHORIZED, "Unauthorized worker");
    s->pool->unauthorized++;
    s->points += !s->n_workers;
}

/* Returns: whose share it is; NULL: nobody's that may mine here. */
static st_worker *worker_of(const st_session *s, const char *name)
{
    bool has;
    st_payout to;
    st_worker *w = find_worker(s, name);
    if (w || !s->n_workers || payout_of(s, name, &has, &to))
        return w;
    return s->worker[0]; /* names of machines behind a proxy, of which it has not spoken */
}

/* A share of a job that we know. Whoever submits it, a block is one: of somebody who has not
 * authorized here (he may have been before, and have come back) it pays whom his name says. */
static void on_share(st_session *s, st_worker *w, const st_message *m, const st_job *job)
{
    st_pool *p = s->pool;
    st_coinbase cb;
    uint8_t hash[32];
    const char *why = "Invalid share";
    bool has = s->has_payout;
    st_payout to = s->payout;
    /* Bits that it did not ask for are granted to a block: nothing that was found is lost. */
    const uint32_t base = (uint32_t)job->v.version, mask = s->mask ? s->mask : p->mask;
    st_share sh = {
        .job = job, .secret = p->secret, .variant = m->variant, .time = m->time, .nonce = m->nonce};
    sh.version = m->has_version ? (base & ~mask) | (m->version & mask) : base;
    memcpy(sh.en1, s->en1, sizeof sh.en1);
    memcpy(sh.en2, m->en2, sizeof sh.en2);
    if (!s->n_workers)
        (void)payout_of(s, m->user, &has, &to);
    if (!st_share_hash(&sh, has ? &to : NULL, &cb, hash)) {
        if (!w) {
            unauthorized(s, m);
            return;
        }
        account(s, ST_STALE, 0, false);
        answer(s, m, ST_STALE, why);
        return;
    }
    int block = try_block(s, w, m->user, &sh, &cb, hash);
    if (!w && block <= 0) {
        unauthorized(s, m);
        return;
    }
    if (!w) {
        st_put_result(&s->out, m->id, "true");
        return;
    }
    st_verdict v = judge(s, &sh, m, hash, &why);
    double d = st_steps_least(s, job->number, m->variant), reached = st_difficulty_of(hash);
    double worth = st_steps_worth(s, job->number, m->variant);
    if (block > 0)
        v = ST_ACCEPTED; /* whatever it is as a share, it was worth more */
    if (block < -1) {    /* nobody is told that all is well */
        v = ST_OTHER;
        why = "The node has forgotten this job";
    }
    if (v == ST_ACCEPTED) /* a block that could not be handed in is tried again all the same */
        (void)st_seen_add(&p->seen, hash, p->jobs.last);
    account(s, v, d, st_steps_forgot(s, job->number, m->variant));
    st_worker_share(w, v, worth, reached, p->now_ms);
    record(s, w, &sh, v, worth, reached, block > 0);
    answer(s, m, v, why);
    if (v == ST_ACCEPTED) /* also one of another difficulty, for what it is worth of this one */
        steer_by(s, st_vardiff_share(&s->vardiff, d / st_session_difficulty(s), p->now_ms,
                                     p->per_minute));
}

/* Of a job that an update of the plugin has made unreadable. It may have been a block. */
static void on_lost(st_session *s, st_worker *w, const st_message *m)
{
    st_pool *p = s->pool;
    p->lost_shares++;
    account(s, ST_OTHER, 0, false);
    st_worker_share(w, ST_OTHER, 0, 0, p->now_ms);
    answer(s, m, ST_OTHER, "This job was lost in a restart of the server");
    if (p->hooks.lost)
        p->hooks.lost(p->hooks.arg, s, m->user, st_job_id(m->job, m->variant));
}

static void on_submit(st_session *s, const st_message *m)
{
    st_worker *w = worker_of(s, m->user);
    const st_job *job = st_job_find(&s->pool->jobs, m->job);
    if (!s->subscribed) {
        st_put_error(&s->out, m->id, E_UNSUBSCRIBED, "Not subscribed");
        s->points++;
    } else if (!job && !w) {
        unauthorized(s, m);
    } else if (!job && st_job_lost(&s->pool->jobs, m->job)) {
        on_lost(s, w, m);
    } else if (!job) {
        account(s, ST_STALE, 0, false);
        st_worker_share(w, ST_STALE, 0, 0, s->pool->now_ms);
        answer(s, m, ST_STALE, NULL);
    } else {
        on_share(s, w, m, job);
    }
}

/* ---- lines ---- */

static bool on_message(st_session *s, const st_message *m)
{
    switch (m->method) {
    case ST_SUBSCRIBE:
        return on_subscribe(s, m);
    case ST_AUTHORIZE:
        on_authorize(s, m);
        return true;
    case ST_SUBMIT:
        on_submit(s, m);
        return true;
    case ST_CONFIGURE:
        on_configure(s, m);
        return true;
    case ST_EXTRANONCE:
        s->extranonce = true;
        st_put_result(&s->out, m->id, "true");
        return true;
    case ST_SUGGEST:
        st_put_result(&s->out, m->id, "true");
        suggest(s, m->difficulty);
        return true;
    case ST_PING:
        st_put_result(&s->out, m->id, "\"pong\"");
        return true;
    case ST_TRANSACTIONS:
        st_put_error(&s->out, m->id, E_OTHER, "Not supported");
        return true;
    case ST_UNKNOWN:
        st_put_error(&s->out, m->id, -3, "Method not found");
        return true;
    case ST_ANSWER:
        return true;
    }
    return false;
}

/* Shares are paced by their difficulty; everything else by this. */
static void count_line(st_session *s)
{
    uint64_t more = (s->pool->now_ms - s->lines_ms) * ST_LINES_S / 1000;
    if (more > ST_LINES - s->lines)
        more = ST_LINES - s->lines;
    s->lines_ms =
        s->lines + more == ST_LINES ? s->pool->now_ms : s->lines_ms + more * 1000 / ST_LINES_S;
    s->lines += (uint32_t)more;
    if (s->lines)
        s->lines--;
    else
        s->points++;
}

bool st_session_line(st_session *s, const char *line, size_t len)
{
    st_message m;
    if (len == 0)
        return true;
    count_line(s);
    if (!st_message_read(line, len, &m)) {
        s->points += 25;
        return false;
    }
    if (m.bad) {
        st_put_error(&s->out, m.id, E_OTHER, "Invalid parameters");
        if (m.method == ST_AUTHORIZE)
            refuse_user(s, m.user, "Invalid parameters");
        s->points++;
        return true;
    }
    return on_message(s, &m) && !s->out.failed;
}
