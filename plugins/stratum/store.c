/* What outlives a crash: jobs with the ids of their templates, the secret of session ids, how far
 * extranonces were given out, and the share log.
 *
 *   "k"              the secret
 *   "e"              the first extranonce that was not reserved, 4 bytes, big-endian
 *   "n"              the number of the newest job, 8 bytes, big-endian: whatever becomes of jobs,
 *                    none is given out twice
 *   "j" slot         a job (jobs.h); the slot is the job's number modulo ST_JOBS, 2 bytes
 *   "d" en1          difficulties of the session of this extranonce: ROW_HEAD bytes that say where
 *                    it comes from, and STEP_BYTES for each (rows.h)
 *   "s" number       a share, 8 bytes, big-endian
 */
#include "plugins/stratum/stratum.h"

#include "lib/hash.h"

#define RESERVE 65536u
#define LOG_HEAD 41u /* bytes of a share before the worker's name */
#define LOG_ROW 256u /* bytes on disk that a share is taken for */
#define LOG_SHARE 4u /* the log has this part of the quota: what is deleted goes only later */
#define TRIM 16u     /* shares that are forgotten with each new one at most */
#define TRIM_AT_START 100000u
#define COMPLAIN_MS 60000u
#define ROW_HEAD 4u
#define STEP_BYTES 24u /* of a difficulty: from when on, how much, and when it was told */
#define ROW_DISK 256u  /* bytes on disk that a session is taken for */
#define ROWS_SHARE 16u /* they have this part of the quota */
#define BATCH_FULL (256u << 10)

static void put_be(uint8_t *p, uint64_t v, int n)
{
    for (int i = n; i-- > 0; v >>= 8)
        p[i] = (uint8_t)v;
}

static uint64_t get_be(const uint8_t *p, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

static void complain(stratum *t, qn_status st)
{
    if (t->complained_ms && t->pool.now_ms - t->complained_ms < COMPLAIN_MS)
        return;
    t->complained_ms = t->pool.now_ms ? t->pool.now_ms : 1;
    qn_logf(t->host, t->cap, QN_LOG_WARN, "the store cannot be written (status %d)", (int)st);
}

static void write_out(stratum *t, uint32_t flags)
{
    qn_status st = qn_batch_write(&t->batch, t->store, t->store_cap, flags);
    if (st == QN_OK)
        return;
    complain(t, st);
    qn_batch_clear(&t->batch);
}

void st_store_sync(stratum *t)
{
    if (t->batch.n || t->batch.failed)
        write_out(t, QN_STORE_SYNC);
}

/* ---- jobs ---- */

void st_store_job(stratum *t, const st_job *job)
{
    uint8_t key[3] = {'j'}, data[ST_JOB_BYTES], number[8];
    qn_batch b = {0};
    put_be(key + 1, job->number % ST_JOBS, 2);
    put_be(number, job->number, sizeof number);
    st_job_write(job, data);
    qn_batch_put(&b, key, sizeof key, data, sizeof data);
    qn_batch_put(&b, "n", 1, number, sizeof number);
    qn_status st = qn_batch_write(&b, t->store, t->store_cap, 0);
    if (st != QN_OK)
        complain(t, st);
    qn_batch_free(&b);
    /* Again with what is synced at the next tick: not now, for that would keep miners waiting. */
    qn_batch_put(&t->batch, key, sizeof key, data, sizeof data);
    qn_batch_put(&t->batch, "n", 1, number, sizeof number);
    if (t->batch.len > BATCH_FULL)
        write_out(t, 0);
}

static qn_status load_number(stratum *t)
{
    uint8_t b[8];
    uint32_t n = 0;
    qn_status st = t->store->get(t->store_cap, 0, "n", 1, b, sizeof b, &n);
    if (st == QN_OK && n == sizeof b && get_be(b, 8) <= ST_JOB_MAX)
        st_job_went_to(&t->pool.jobs, get_be(b, 8));
    return st == QN_E_NOTFOUND || st == QN_E_SPACE ? QN_OK : st;
}

static qn_status load_jobs(stratum *t)
{
    uint64_t iter;
    const uint8_t *key, *value;
    uint32_t n_key, n_value;
    qn_status st = t->store->iter_open(t->store_cap, 0, "j", 1, "k", 1, 0, &iter);
    if (st != QN_OK)
        return st;
    while ((st = t->store->iter_next(t->store_cap, iter, &key, &n_key, &value, &n_value)) == QN_OK)
        (void)st_job_restore(&t->pool.jobs, value, n_value);
    (void)t->store->iter_close(t->store_cap, iter);
    return st == QN_E_END ? load_number(t) : st;
}

/* ---- extranonces ---- */

void st_store_reserve(stratum *t)
{
    uint8_t limit[4];
    if (t->pool.next_en1 != t->pool.en1_limit)
        return;
    put_be(limit, t->pool.en1_limit + RESERVE, 4);
    qn_batch_put(&t->batch, "e", 1, limit, sizeof limit);
    qn_status st = qn_batch_write(&t->batch, t->store, t->store_cap, QN_STORE_SYNC);
    if (st == QN_OK)
        t->pool.en1_limit += RESERVE;
    else
        complain(t, st);
}

/* They begin anywhere, so that two servers behind one proxy seldom give out the same. */
static qn_status load_extranonce(stratum *t)
{
    uint8_t b[4];
    uint32_t n = 0;
    qn_status st = t->store->get(t->store_cap, 0, "e", 1, b, sizeof b, &n);
    if (st == QN_E_NOTFOUND)
        st = t->host->random(t->cap, b, sizeof b);
    if (st == QN_OK)
        t->pool.next_en1 = t->pool.en1_limit = (uint32_t)get_be(b, 4);
    return st;
}

static qn_status load_secret(stratum *t)
{
    uint32_t n = 0;
    const uint32_t len = sizeof t->pool.secret;
    qn_status st = t->store->get(t->store_cap, 0, "k", 1, t->pool.secret, len, &n);
    if (st == QN_OK && n == len)
        return QN_OK;
    if (st != QN_OK && st != QN_E_NOTFOUND && st != QN_E_SPACE)
        return st;
    st = t->host->random(t->cap, t->pool.secret, len);
    qn_batch_put(&t->batch, "k", 1, t->pool.secret, len);
    return st == QN_OK ? qn_batch_write(&t->batch, t->store, t->store_cap, QN_STORE_SYNC) : st;
}

/* ---- difficulties ---- */

static void put_double(uint8_t *p, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_be(p, bits, 8);
}

static double get_double(const uint8_t *p)
{
    uint64_t bits = get_be(p, 8);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static uint32_t number_of(const uint8_t en1[ST_EN1_LEN])
{
    return (uint32_t)get_be(en1, ST_EN1_LEN);
}

static void row_key(uint8_t key[static 1 + ST_EN1_LEN], uint32_t en1)
{
    key[0] = 'd';
    put_be(key + 1, en1, ST_EN1_LEN);
}

/* Its address, as nobody can foresee it. */
static uint32_t from_where(const stratum *t, const st_session *s)
{
    const st_conn *c = (const st_conn *)((const char *)s - offsetof(st_conn, session));
    uint8_t text[sizeof t->pool.secret + sizeof c->name], hash[32];
    size_t len = strlen(c->name);
    memcpy(text, t->pool.secret, sizeof t->pool.secret);
    memcpy(text + sizeof t->pool.secret, c->name, len);
    qn_sha256(text, sizeof t->pool.secret + len, hash);
    return (uint32_t)get_be(hash, 4);
}

static void row_goes(stratum *t, qn_batch *b, uint32_t en1)
{
    uint8_t key[1 + ST_EN1_LEN];
    row_key(key, en1);
    qn_batch_delete(b, key, sizeof key);
    t->pool.doubt = t->pool.jobs.last;
}

/* At once, so that a kill of this process does not lose it; synced with the next tick. What cannot
 * be kept must not leave behind what was kept before. */
bool st_store_keep(void *arg, const st_session *s)
{
    stratum *t = arg;
    const uint32_t en1 = number_of(s->en1), from = from_where(t, s);
    uint32_t gone;
    uint8_t key[1 + ST_EN1_LEN], data[ROW_HEAD + ST_STEPS * STEP_BYTES], *at = data + ROW_HEAD;
    row_key(key, en1);
    put_be(data, from, ROW_HEAD);
    for (uint32_t i = 0; i < s->n_steps; i++, at += STEP_BYTES) {
        put_be(at, s->step[i].from, 8);
        put_double(at + 8, s->step[i].difficulty);
        put_be(at + 16, s->step[i].told, 8);
    }
    qn_batch b = {0};
    qn_status st = st_rows_put(&t->rows, en1, from, ST_ROW_LIVE, &gone) ? QN_OK : QN_E_NOMEM;
    if (gone != en1) {
        row_goes(t, &b, gone);
        row_goes(t, &t->batch, gone);
    }
    qn_batch_put(&b, key, sizeof key, data, (uint32_t)(at - data));
    if (st == QN_OK)
        st = qn_batch_write(&b, t->store, t->store_cap, 0);
    qn_batch_free(&b);
    if (st == QN_OK) {
        qn_batch_put(&t->batch, key, sizeof key, data, (uint32_t)(at - data));
        return true;
    }
    complain(t, st);
    st_rows_remove(&t->rows, en1);
    row_goes(t, &t->batch, en1);
    return false;
}

static uint32_t read_steps(const uint8_t *data, uint32_t len, st_step *step)
{
    uint32_t n = 0;
    if (len < ROW_HEAD || len > ROW_HEAD + ST_STEPS * STEP_BYTES || (len - ROW_HEAD) % STEP_BYTES)
        return 0;
    for (uint32_t at = ROW_HEAD; at < len; at += STEP_BYTES) {
        const st_step x = {get_be(data + at, 8), get_double(data + at + 8),
                           get_be(data + at + 16, 8), ST_UNTOLD};
        if (!(x.difficulty >= 1e-15) || !(x.difficulty <= 1e18) || (n && x.from < step[n - 1].from))
            return 0;
        step[n++] = x;
    }
    return n;
}

uint32_t st_store_recall(void *arg, const uint8_t en1[ST_EN1_LEN], st_step *step)
{
    stratum *t = arg;
    uint8_t key[1 + ST_EN1_LEN], data[ROW_HEAD + ST_STEPS * STEP_BYTES];
    uint32_t len = 0, n = 0;
    st_row *row = st_rows_find(&t->rows, number_of(en1));
    if (!row)
        return 0;
    row->used = ST_ROW_LIVE;
    row_key(key, row->en1);
    if (t->store->get(t->store_cap, 0, key, sizeof key, data, sizeof data, &len) == QN_OK)
        n = read_steps(data, len, step);
    if (!n)
        t->pool.doubt = t->pool.jobs.last;
    return n;
}

void st_store_left(stratum *t, const st_session *s)
{
    st_row *row = s->subscribed ? st_rows_find(&t->rows, number_of(s->en1)) : NULL;
    if (row)
        row->used = t->pool.time;
}

/* Those that there is no room for any more, and what an older version kept, go. Until now any of
 * them may have been connected: when it was told last says nothing of that. */
static void load_row(stratum *t, const uint8_t *key, uint32_t n_key, const uint8_t *value,
                     uint32_t len)
{
    st_step step[ST_STEPS];
    uint32_t gone;
    if (n_key != 1 + ST_EN1_LEN || !read_steps(value, len, step)) {
        qn_batch_delete(&t->batch, key, n_key);
        return;
    }
    const uint32_t en1 = number_of(key + 1);
    (void)st_rows_put(&t->rows, en1, (uint32_t)get_be(value, ROW_HEAD), t->pool.time, &gone);
    if (gone != en1)
        row_goes(t, &t->batch, gone);
}

static qn_status load_rows(stratum *t)
{
    uint64_t iter;
    const uint8_t *key, *value;
    uint32_t n_key, n_value;
    qn_store_info s = {.size = sizeof s};
    t->rows.max = ST_ROWS;
    qn_status st = t->store->info(t->store_cap, &s);
    if (st == QN_OK && s.quota && s.quota / ROWS_SHARE / ROW_DISK < ST_ROWS)
        t->rows.max = (uint32_t)(s.quota / ROWS_SHARE / ROW_DISK) + 1;
    if (st == QN_OK)
        st = t->store->iter_open(t->store_cap, 0, "d", 1, "e", 1, 0, &iter);
    if (st != QN_OK)
        return st;
    while ((st = t->store->iter_next(t->store_cap, iter, &key, &n_key, &value, &n_value)) == QN_OK)
        load_row(t, key, n_key, value, n_value);
    (void)t->store->iter_close(t->store_cap, iter);
    return st == QN_E_END ? QN_OK : st;
}

/* ---- the share log ---- */

static void share_key(uint8_t key[static 9], uint64_t number)
{
    key[0] = 's';
    put_be(key + 1, number, 8);
}

static void trim(stratum *t, uint32_t most)
{
    uint8_t key[9];
    for (; most && t->next_share - t->first_share > t->max_shares; most--) {
        share_key(key, t->first_share++);
        qn_batch_delete(&t->batch, key, sizeof key);
    }
}

void st_store_share(void *arg, const st_record *r)
{
    stratum *t = arg;
    uint8_t key[9], data[LOG_HEAD + ST_NAME_MAX];
    size_t name = strlen(r->worker);
    if (!t->max_shares)
        return;
    put_be(data, r->time, 8);
    put_be(data + 8, r->job, 8);
    put_double(data + 16, r->difficulty);
    put_double(data + 24, r->reached);
    data[32] = r->verdict;
    data[33] = r->block;
    memset(data + 34, 0, LOG_HEAD - 34);
    memcpy(data + LOG_HEAD, r->worker, name);
    share_key(key, t->next_share++);
    qn_batch_put(&t->batch, key, sizeof key, data, (uint32_t)(LOG_HEAD + name));
    trim(t, TRIM);
    if (t->batch.len > BATCH_FULL) /* a flood: sooner than at the next tick */
        write_out(t, 0);
}

static qn_status end_of_log(stratum *t, uint32_t flags, uint64_t *number)
{
    uint64_t iter;
    const uint8_t *key, *value;
    uint32_t n_key, n_value;
    qn_status st = t->store->iter_open(t->store_cap, 0, "s", 1, "t", 1, flags, &iter);
    if (st != QN_OK)
        return st;
    st = t->store->iter_next(t->store_cap, iter, &key, &n_key, &value, &n_value);
    if (st == QN_OK && n_key == 9)
        *number = get_be(key + 1, 8);
    (void)t->store->iter_close(t->store_cap, iter);
    return st;
}

static qn_status load_log(stratum *t)
{
    qn_status st = end_of_log(t, 0, &t->first_share);
    if (st == QN_OK)
        st = end_of_log(t, QN_ITER_REVERSE, &t->next_share);
    if (st == QN_OK)
        t->next_share++;
    return st == QN_E_END ? QN_OK : st;
}

/* A full store takes nothing any more, jobs and extranonces neither. */
static qn_status bound_log(stratum *t)
{
    qn_store_info s = {.size = sizeof s};
    qn_status st = t->store->info(t->store_cap, &s);
    uint64_t fit = s.quota / LOG_SHARE / LOG_ROW;
    t->max_shares = t->c.share_log;
    if (st == QN_OK && s.quota && fit < t->max_shares) {
        qn_logf(t->host, t->cap, QN_LOG_INFO, "the quota of store.own/1 has room for %llu shares",
                (unsigned long long)fit);
        t->max_shares = fit;
    }
    trim(t, TRIM_AT_START);
    if (st == QN_OK && t->batch.n)
        st = qn_batch_write(&t->batch, t->store, t->store_cap, 0);
    if (st != QN_E_FULL)
        return st;
    complain(t, st); /* miners that come back can be told jobs all the same */
    qn_batch_clear(&t->batch);
    return QN_OK;
}

static void put_share(qn_json *j, uint64_t number, const uint8_t *v, uint32_t len)
{
    static const char *const verdict[ST_VERDICTS] = {"accepted", "stale", "duplicate", "low",
                                                     "invalid"};
    char text[ST_NAME_MAX + 1];
    qn_json_open(j, NULL, '{');
    qn_json_int(j, "share", (int64_t)number);
    qn_json_int(j, "time", (int64_t)get_be(v, 8));
    snprintf(text, sizeof text, "%llx", (unsigned long long)get_be(v + 8, 8));
    qn_json_text(j, "job", text);
    memcpy(text, v + LOG_HEAD, len - LOG_HEAD);
    text[len - LOG_HEAD] = 0;
    qn_json_text(j, "worker", text);
    snprintf(text, sizeof text, "%.17g", get_double(v + 16));
    qn_json_key_(j, "difficulty");
    qn_json_raw(j, text, strlen(text));
    snprintf(text, sizeof text, "%.17g", get_double(v + 24));
    qn_json_key_(j, "reached");
    qn_json_raw(j, text, strlen(text));
    qn_json_text(j, "is", v[32] < ST_VERDICTS ? verdict[v[32]] : "unknown");
    qn_json_bool(j, "block", v[33]);
    qn_json_close(j, '}');
}

qn_status st_store_shares(stratum *t, uint32_t limit, qn_json *j)
{
    uint64_t iter;
    const uint8_t *key, *value;
    uint32_t n_key, n_value;
    st_store_sync(t);
    qn_status st = t->store->iter_open(t->store_cap, 0, "s", 1, "t", 1, QN_ITER_REVERSE, &iter);
    if (st != QN_OK)
        return st;
    qn_json_open(j, NULL, '[');
    while (limit-- &&
           (st = t->store->iter_next(t->store_cap, iter, &key, &n_key, &value, &n_value)) == QN_OK)
        if (n_key == 9 && n_value >= LOG_HEAD && n_value <= LOG_HEAD + ST_NAME_MAX)
            put_share(j, get_be(key + 1, 8), value, n_value);
    qn_json_close(j, ']');
    (void)t->store->iter_close(t->store_cap, iter);
    return st == QN_E_END ? QN_OK : st;
}

qn_status st_store_open(stratum *t)
{
    qn_status st = load_secret(t);
    memcpy(t->pool.workers.secret, t->pool.secret, sizeof t->pool.workers.secret);
    if (st == QN_OK)
        st = load_extranonce(t);
    if (st == QN_OK)
        st = load_jobs(t);
    if (st == QN_OK)
        st = load_rows(t);
    if (st == QN_OK)
        st = load_log(t);
    if (st == QN_OK)
        st = bound_log(t);
    if (st == QN_OK)
        st_store_reserve(t);
    return st;
}
