/* A session of the Stratum server without sockets and without a host: what it is told, and work for
 * it. */
#pragma once
#include "plugins/stratum/session.h"
#include "tests/unit/harness.h"

#include "lib/hex.h"
#include "lib/mining.h"

static const char USER[] = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080.rig";

#define D (1.0 / (1 << 20)) /* a difficulty of 4,096 hashes */

static int g_solved, g_solve_says = 1;
static char g_solver[ST_NAME_MAX + 1];
static char g_submitted[300]; /* by work_as() */

static inline int fake_solve(void *arg, const st_share *s, const uint8_t *cb, size_t len,
                             const char *worker)
{
    (void)arg;
    (void)s;
    (void)cb;
    (void)len;
    snprintf(g_solver, sizeof g_solver, "%s", worker);
    g_solved++;
    return g_solve_says;
}

static inline void fake_displace(void *arg, const uint8_t en1[ST_EN1_LEN], const st_session *by)
{
    (void)arg;
    (void)en1;
    (void)by;
}

static inline void fake_log(void *arg, const st_record *r)
{
    *(st_record *)arg = *r;
}

static inline st_pool *a_pool(st_record *last)
{
    st_pool *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->chain = qn_chain_by_name("regtest");
    p->recipe.solo = 1;
    p->start_difficulty = D;
    p->min_difficulty = D / 16;
    p->per_minute = 18;
    p->mask = 0x1fffe000;
    p->en1_limit = 100;
    p->hooks = (st_hooks){last, fake_solve, fake_displace, fake_log, NULL, NULL, NULL, NULL};
    p->time = 1700000000;
    p->now_ms = 1000;
    qn_template_view v = {.size = sizeof v,
                          .id = 1,
                          .height = 500,
                          .version = 0x20000000,
                          .bits = 0x1d00ffff,
                          .cur_time = 1700000000,
                          .min_time = 1699999000,
                          .reward = 5000000000,
                          .coinbase_prefix_len = 3,
                          .coinbase_prefix = {2, 0xf4, 1}};
    assert_true(qn_target_of_bits(v.bits, v.target.b));
    (void)st_job_add(&p->jobs, &v, &p->recipe, 0);
    return p;
}

static inline bool line(st_session *s, const char *text)
{
    s->out.len = 0;
    bool ok = st_session_line(s, text, strlen(text));
    st_put(&s->out, "", 1);
    return ok;
}

/* Submit work of a job whose difficulty is within these bounds, from a nonce on. Returns the
 * answer.
 */
static inline const char *work_as(st_session *s, const char *user, uint64_t job, uint8_t variant,
                                  uint32_t from, double at_least, double below)
{
    char *text = g_submitted;
    uint8_t lo[32], hi[32], hash[32];
    st_coinbase cb;
    st_share sh = {.job = st_job_find(&s->pool->jobs, job),
                   .secret = s->pool->secret,
                   .variant = variant,
                   .version = 0x20000000,
                   .time = 1700000000,
                   .nonce = from};
    memcpy(sh.en1, s->en1, 4);
    st_target_of(at_least, hi);
    st_target_of(below, lo);
    do {
        sh.nonce++;
        assert_true(st_share_hash(&sh, &s->payout, &cb, hash));
    } while (!qn_hash_meets(hash, hi) || qn_hash_meets(hash, lo));
    snprintf(text, sizeof g_submitted,
             "{\"id\":1,\"method\":\"mining.submit\",\"params\":[\"%s\",\"%llx\","
             "\"0000000000000000\",\"%08x\",\"%08x\"]}",
             user, (unsigned long long)(job << 8 | variant), sh.time, sh.nonce);
    assert_true(line(s, text));
    return s->out.data;
}

static inline const char *work(st_session *s, uint64_t job, uint8_t variant, uint32_t from,
                               double at_least, double below)
{
    return work_as(s, USER, job, variant, from, at_least, below);
}

static inline void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no '%s' in '%s'", part, text);
}

/* A session of a pool that has one job, subscribed, authorized and told. */
static inline void mining(st_session *s, st_pool *p)
{
    char text[200];
    st_session_init(s, p);
    assert_true(line(s, "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}"));
    snprintf(text, sizeof text,
             "{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"%s\",\"\"]}", USER);
    assert_true(line(s, text));
    has(s->out.data, "\"mining.notify\",\"params\":[\"100\",");
}

static inline void done_with(st_session *s, st_pool *p)
{
    st_session_clear(s);
    st_pool_clear(p);
    free(p);
}

/* It would like d, and no less than nothing. */
static inline void suggest(st_session *s, double d)
{
    char text[120];
    s->floor = 0;
    snprintf(text, sizeof text,
             "{\"id\":3,\"method\":\"mining.suggest_difficulty\",\"params\":[%.17g]}", d);
    assert_true(line(s, text));
    s->floor = 0;
}
