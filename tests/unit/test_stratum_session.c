/* The Stratum protocol with one client, without sockets and without a host: difficulty, shares,
 * blocks, who is paid, what floods cost. */
#include "plugins/stratum/session.h"
#include "tests/unit/harness.h"

#include "lib/hex.h"
#include "lib/mining.h"

static const char USER[] = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080.rig";

#define D (1.0 / (1 << 20)) /* a difficulty of 4,096 hashes */

static int g_solved, g_solve_says = 1;
static char g_solver[ST_NAME_MAX + 1];
static char g_submitted[300]; /* by work_as() */

static int fake_solve(void *arg, const st_share *s, const uint8_t *cb, size_t len,
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

static void fake_displace(void *arg, const uint8_t en1[ST_EN1_LEN], const st_session *by)
{
    (void)arg;
    (void)en1;
    (void)by;
}

static void fake_log(void *arg, const st_record *r)
{
    *(st_record *)arg = *r;
}

static st_pool *a_pool(st_record *last)
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
    p->hooks = (st_hooks){last, fake_solve, fake_displace, fake_log, NULL, NULL, NULL};
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

static bool line(st_session *s, const char *text)
{
    s->out.len = 0;
    bool ok = st_session_line(s, text, strlen(text));
    st_put(&s->out, "", 1);
    return ok;
}

/* Submit work of a job whose difficulty is within these bounds, from a nonce on. Returns the
 * answer.
 */
static const char *work_as(st_session *s, const char *user, uint64_t job, uint8_t variant,
                           uint32_t from, double at_least, double below)
{
    char *text = g_submitted;
    uint8_t lo[32], hi[32], hash[32];
    st_coinbase cb;
    st_share sh = {.job = st_job_find(&s->pool->jobs, job),
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
             "{\"id\":1,\"method\":\"mining.submit\",\"params\":[\"%s\",\"%llx%s%.0x\","
             "\"0000000000000000\",\"%08x\",\"%08x\"]}",
             user, (unsigned long long)job, variant ? "." : "", variant, sh.time, sh.nonce);
    assert_true(line(s, text));
    return s->out.data;
}

static const char *work(st_session *s, uint64_t job, uint8_t variant, uint32_t from,
                        double at_least, double below)
{
    return work_as(s, USER, job, variant, from, at_least, below);
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no '%s' in '%s'", part, text);
}

static void test_session__difficulty_holds_for_the_jobs_it_was_told_with(void **state)
{
    (void)state;
    st_record last;
    st_pool *p = a_pool(&last);
    st_session s;
    char text[200];
    st_session_init(&s, p);
    assert_true(line(&s, "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}"));
    snprintf(text, sizeof text,
             "{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"%s\",\"\"]}", USER);
    assert_true(line(&s, text));
    has(s.out.data, "\"mining.set_difficulty\",\"params\":[9.5367431640625e-07]");
    has(s.out.data, "\"mining.notify\",\"params\":[\"1\",");
    has(work(&s, 1, 0, 0, D, 8 * D), "\"result\":true");
    assert_true(last.difficulty == D && last.verdict == ST_ACCEPTED && !last.block);
    has(work(&s, 1, 0, 0, D, 8 * D), "[22,");
    has(work(&s, 1, 0, 0, D / 64, D / 2), "[23,");
    /* Easier from the next job on: what the old one asks for stays. */
    s.floor = 0;
    has((line(&s, "{\"id\":3,\"method\":\"mining.suggest_difficulty\",\"params\":[4."
                  "76837158203125e-07]}"),
         s.out.data),
        "\"mining.set_difficulty\",\"params\":[4.76837158203125e-07]");
    has(work(&s, 1, 0, 100, D / 2, D * 0.99), "[23,");
    qn_template_view v = st_job_newest(&p->jobs)->v;
    (void)st_job_add(&p->jobs, &v, &p->recipe, 0);
    s.out.len = 0;
    st_session_notify(&s, false);
    has(work(&s, 2, 0, 0, D / 2, D * 0.99), "\"result\":true");
    has(work(&s, 1, 0, 200, D / 2, D * 0.99), "[23,");
    has(work(&s, 1, 0, 1000000, D, 8 * D), "\"result\":true");
    /* Much harder: the same job comes at once as a variant, and the old one counts as before. */
    assert_true(line(
        &s, "{\"id\":3,\"method\":\"mining.suggest_difficulty\",\"params\":[1.52587890625e-05]}"));
    has(s.out.data, "\"params\":[\"2.1\",");
    has(work(&s, 2, 0, 1000000, D / 2, D * 0.99), "\"result\":true");
    has(work(&s, 2, 1, 0, D, 15 * D), "[23,");
    has(work(&s, 2, 1, 0, 16 * D, 160 * D), "\"result\":true");
    assert_true(last.difficulty == 16 * D);
    /* Never harder than a block. */
    assert_true(line(&s, "{\"id\":3,\"method\":\"mining.suggest_difficulty\",\"params\":[1e9]}"));
    has(s.out.data, "\"mining.set_difficulty\",\"params\":[1]");
    assert_int_equal(g_solved, 0);
    st_session_clear(&s);
    st_pool_clear(p);
    free(p);
}

static void test_session__time_of_a_share_has_bounds(void **state)
{
    (void)state;
    st_record last;
    st_pool *p = a_pool(&last);
    st_session s;
    char text[300];
    static const uint32_t bad[] = {1699998999, 1700007201}, good[] = {1699999000, 1700007200};
    st_session_init(&s, p);
    assert_true(line(&s, "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}"));
    snprintf(text, sizeof text,
             "{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"%s\",\"\"]}", USER);
    assert_true(line(&s, text));
    for (int i = 0; i < 4; i++) {
        snprintf(text, sizeof text,
                 "{\"id\":1,\"method\":\"mining.submit\",\"params\":[\"%s\",\"1\","
                 "\"0000000000000000\",\"%08x\",\"0\"]}",
                 USER, i < 2 ? bad[i] : good[i - 2]);
        assert_true(line(&s, text));
        has(s.out.data, i < 2 ? "[20,\"Time out of range\",null]" : "[23,");
    }
    /* A hundred bad ones in a row are a miner with a fault; then they cost. */
    assert_int_equal(s.points, 0);
    for (int i = 0; i < 200; i++)
        assert_true(line(&s, text));
    assert_int_equal(s.points, 104);
    st_session_clear(&s);
    st_pool_clear(p);
    free(p);
}

/* A session of a pool that has one job, subscribed, authorized and told. */
static void mining(st_session *s, st_pool *p)
{
    char text[200];
    st_session_init(s, p);
    assert_true(line(s, "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}"));
    snprintf(text, sizeof text,
             "{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"%s\",\"\"]}", USER);
    assert_true(line(s, text));
    has(s->out.data, "\"mining.notify\",\"params\":[\"1\",");
}

static void done_with(st_session *s, st_pool *p)
{
    st_session_clear(s);
    st_pool_clear(p);
    free(p);
}

/* It would like d, and no less than nothing. */
static void suggest(st_session *s, double d)
{
    char text[120];
    s->floor = 0;
    snprintf(text, sizeof text,
             "{\"id\":3,\"method\":\"mining.suggest_difficulty\",\"params\":[%.17g]}", d);
    assert_true(line(s, text));
    s->floor = 0;
}

/* Two minutes of twice the shares that are wanted end with this one: a step that waits for a job.
 */
static void too_fast(st_session *s, uint64_t job, uint8_t variant)
{
    s->pool->now_ms += 120000;
    s->vardiff.since_ms = s->pool->now_ms - 120000;
    s->vardiff.shares = 71;
    has(work(s, job, variant, 0, D, 1.9 * D), "\"result\":true");
    has(s->out.data, "mining.set_difficulty");
    assert_null(strstr(s->out.data, "mining.notify"));
}

static void test_session__a_step_that_was_overtaken_never_holds(void **state)
{
    (void)state;
    st_record last;
    st_pool *p = a_pool(&last);
    st_session s;
    mining(&s, p);
    too_fast(&s, 1, 0); /* from the next job on */
    assert_true(st_session_difficulty(&s) == 2 * D);
    suggest(&s, 32 * D);
    has(s.out.data, "\"params\":[\"1.1\","); /* at once */
    has(work(&s, 1, 1, 0, D, 15 * D), "[23,");
    has(work(&s, 1, 1, 0, 32 * D, 1000 * D), "\"result\":true");
    assert_true(last.difficulty == 32 * D);
    assert_true(s.vardiff.shares == 1);
    done_with(&s, p);
}

static void test_session__a_step_begins_with_the_job_that_follows_it(void **state)
{
    (void)state;
    st_record last;
    st_pool *p = a_pool(&last);
    st_session s;
    mining(&s, p);
    /* There is a newer job, of which this one was not told yet. */
    qn_template_view v = st_job_newest(&p->jobs)->v;
    (void)st_job_add(&p->jobs, &v, &p->recipe, 0);
    suggest(&s, D / 2);
    st_session_notify(&s, false);
    has(work(&s, 2, 0, 0, D / 2, D * 0.99), "\"result\":true");
    assert_true(last.difficulty == D / 2);
    done_with(&s, p);
}

static void test_session__a_step_does_not_wait_for_ever(void **state)
{
    (void)state;
    st_record last;
    st_pool *p = a_pool(&last);
    st_session s;
    mining(&s, p);
    too_fast(&s, 1, 0);
    for (int i = 0; i < 29; i++) {
        p->now_ms += 1000;
        st_session_tick(&s);
    }
    assert_null(strstr(s.out.data, "mining.notify"));
    s.out.len = 0;
    p->now_ms += 1000;
    st_session_tick(&s);
    st_put(&s.out, "", 1);
    has(s.out.data, "\"mining.set_difficulty\"");
    has(s.out.data, "\"params\":[\"1.1\",");
    has(s.out.data, "false]}"); /* what it does is still worth something */
    has(work(&s, 1, 1, 0, D, 1.9 * D), "[23,");
    for (int i = 0; i < 59; i++) {
        p->now_ms += 1000;
        st_session_tick(&s);
    }
    assert_true(st_session_difficulty(&s) == 2 * D); /* silent for less than a minute of it */
    p->now_ms += 1000;
    st_session_tick(&s);
    assert_true(st_session_difficulty(&s) == D);
    done_with(&s, p);
}

static void test_session__what_is_easier_or_asked_for_is_told_at_once(void **state)
{
    (void)state;
    st_record last;
    st_pool *p = a_pool(&last);
    st_session s;
    mining(&s, p);
    suggest(&s, 2 * D);
    has(s.out.data, "\"params\":[\"1.1\",");
    has(s.out.data, "false]}");
    for (int i = 0; i < 60; i++) {
        s.out.len = 0;
        p->now_ms += 1000;
        st_session_tick(&s);
    }
    st_put(&s.out, "", 1);
    has(s.out.data, "\"mining.set_difficulty\",\"params\":[9.5367431640625e-07]");
    has(s.out.data, "\"params\":[\"1.2\",");
    done_with(&s, p);
}

/* Work at what was easier is worth something for a while, and is counted: nobody who stays with it
 * has more of it than others. */
static void test_session__an_easier_difficulty_ends(void **state)
{
    (void)state;
    st_record last;
    st_pool *p = a_pool(&last);
    st_session s;
    mining(&s, p);
    suggest(&s, 64 * D);
    p->now_ms += ST_GRACE_MS - 1;
    has(work(&s, 1, 0, 0, D, 16 * D), "\"result\":true");
    assert_true(last.difficulty == D && s.vardiff.shares == 1.0 / 64);
    p->now_ms += 1;
    has(work(&s, 1, 0, 1000000, D, 16 * D), "[23,");
    /* It must reach more, and is worth what it was told with: who keeps the good ones back until
     * then has no more of them. */
    has(work(&s, 1, 0, 1000000, 64 * D, 1e9), "\"result\":true");
    assert_true(last.difficulty == D && s.worker[0]->work == 2 * D);
    assert_true(s.vardiff.shares == 1 + 1.0 / 64); /* for steering, what it had to reach */
    done_with(&s, p);
}

static st_step g_kept[ST_STEPS];
static uint32_t g_n_kept;

static void fake_keep(void *arg, const st_session *s)
{
    (void)arg;
    memcpy(g_kept, s->step, sizeof g_kept);
    g_n_kept = s->n_steps;
}

static uint32_t fake_recall(void *arg, const uint8_t en1[ST_EN1_LEN], st_step *step)
{
    (void)arg;
    (void)en1;
    memcpy(step, g_kept, g_n_kept * sizeof *step);
    return g_n_kept;
}

/* Subscribe, with a session of before or an empty one, and authorize with a password. Out: session.
 */
static void come(st_session *s, st_pool *p, char session[static ST_SESSION_ID + 1],
                 const char *password)
{
    char text[300];
    st_session_init(s, p);
    snprintf(text, sizeof text,
             "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"x\",\"%s\"]}", session);
    assert_true(line(s, text));
    memcpy(session, strstr(s->out.data, "set_difficulty\",\"") + 17, ST_SESSION_ID);
    session[ST_SESSION_ID] = 0;
    snprintf(text, sizeof text,
             "{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"%s\",\"%s\"]}", USER,
             password);
    assert_true(line(s, text));
}

/* Nor by who leaves, comes back, and asks for another difficulty. */
static void test_session__coming_back_makes_no_share_dearer(void **state)
{
    (void)state;
    static const struct {
        const char *first; /* asked for */
        double is;
    } row[] = {{"d=0.000003814697265625", 4 * D}, /* more than what is configured */
               {"d=0.0000002384185791015625", D / 4},
               {"x", D}};
    for (size_t i = 0; i < QC_COUNTOF(row); i++) {
        st_record last;
        st_pool *p = a_pool(&last);
        st_session s;
        char id[ST_SESSION_ID + 1] = "";
        p->hooks.keep = fake_keep;
        p->hooks.recall = fake_recall;
        g_n_kept = 0;
        come(&s, p, id, row[i].first);
        assert_true(st_session_difficulty(&s) == row[i].is);
        has(work(&s, 1, 0, 0, row[i].is, 8 * D), "\"result\":true");
        assert_true(last.difficulty == row[i].is);
        for (uint32_t k = 1; k < 4; k++) {
            char job[40];
            st_session_clear(&s);
            come(&s, p, id, "d=0.00006103515625");
            snprintf(job, sizeof job, "mining.notify\",\"params\":[\"1.%x\",", k);
            has(s.out.data, job);
            assert_true(st_session_difficulty(&s) == 64 * D);
            has(work(&s, 1, 0, k * 1000000, 64 * D, 1e9), "\"result\":true");
            assert_true(last.difficulty == row[i].is);
            has(work(&s, 1, (uint8_t)k, 0, 64 * D, 1e9), "\"result\":true");
            assert_true(last.difficulty == 64 * D);
        }
        done_with(&s, p);
    }
}

/* Nor does anything become dearer by steps that push it out of what is remembered. */
static void test_session__what_is_older_than_all_steps_is_stale(void **state)
{
    (void)state;
    st_record last;
    st_pool *p = a_pool(&last);
    st_session s;
    mining(&s, p);
    for (unsigned i = 0; i < ST_STEPS; i++) {
        has(work(&s, 1, 0, i * 1000000, 64 * D, 1e9), "\"result\":true");
        assert_true(last.difficulty == D);
        suggest(&s, (32 + i) * D);
    }
    has(work(&s, 1, 0, 100000000, 64 * D, 1e9), "[21,");
    has(work(&s, 1, 1, 0, 64 * D, 1e9), "\"result\":true");
    assert_true(last.difficulty == 32 * D);
    done_with(&s, p);
}

static void test_session__too_much_of_what_was_easier_costs(void **state)
{
    (void)state;
    st_record last;
    st_pool *p = a_pool(&last);
    st_session s;
    mining(&s, p);
    suggest(&s, 64 * D);
    s.flight = 5;
    s.lines = 10;
    for (uint32_t i = 0; i < 15; i++) {
        has(work(&s, 1, 0, i * 1000000, D, 16 * D), "\"result\":true");
        assert_int_equal(s.points, 0);
    }
    has(work(&s, 1, 0, 15000000, D, 16 * D), "\"result\":true");
    assert_int_equal(s.points, 1);
    /* And it is told to stop more and more often. */
    s.vardiff.shares = 100;
    has(work(&s, 1, 0, 16000000, D, 16 * D), "mining.notify");
    assert_true(st_session_difficulty(&s) > 256 * D);
    done_with(&s, p);
}

static void test_session__what_is_forgotten_is_stale(void **state)
{
    (void)state;
    st_record last;
    st_pool *p = a_pool(&last);
    st_session s;
    mining(&s, p);
    qn_template_view v = st_job_newest(&p->jobs)->v;
    (void)st_job_add(&p->jobs, &v, &p->recipe, 0);
    p->seen.gone = 1;
    has(work(&s, 1, 0, 0, D, 1e9), "[21,");
    has(work(&s, 2, 0, 0, D, 1e9), "\"result\":true");
    done_with(&s, p);
}

/* What was submitted last, once more as of another job. */
static const char *again_as(st_session *s, const char *text, uint64_t job)
{
    char again[300];
    const char *at = strstr(text, USER) + strlen(USER) + 3, *end = strchr(at, '"');
    snprintf(again, sizeof again, "%.*s%llx%s", (int)(at - text), text, (unsigned long long)job,
             end);
    assert_true(line(s, again));
    return s->out.data;
}

/* A job that is told again is other work: a share of the first is none of the second, also when it
 * was forgotten. */
static void test_session__a_job_told_again_is_other_work(void **state)
{
    (void)state;
    st_record last;
    st_pool *p = a_pool(&last);
    st_session s;
    mining(&s, p);
    has(work(&s, 1, 0, 0, D, 1e9), "\"result\":true");
    char text[300];
    snprintf(text, sizeof text, "%s", g_submitted);
    for (uint64_t job = 2; job < 5; job++) {
        qn_template_view v = st_job_newest(&p->jobs)->v;
        (void)st_job_add(&p->jobs, &v, &p->recipe, 0);
        st_seen_clear(&p->seen);
        p->seen.gone = job - 1;
        has(again_as(&s, text, job - 1), "[21,");
        has(again_as(&s, text, job), "[23,");
    }
    assert_int_equal(p->count[ST_ACCEPTED], 1);
    done_with(&s, p);
}

/* A block is taken back, and the tip of before is there again. */
static void test_session__a_tip_that_comes_back_counts_no_share_again(void **state)
{
    (void)state;
    st_record last;
    st_pool *p = a_pool(&last);
    st_session s;
    mining(&s, p);
    has(work(&s, 1, 0, 0, D, 1e9), "\"result\":true");
    char text[300];
    snprintf(text, sizeof text, "%s", g_submitted);
    for (uint8_t tip = 1; tip < 3; tip++) {
        qn_template_view v = st_job_newest(&p->jobs)->v;
        v.prev.b[0] ^= 1;
        (void)st_job_add(&p->jobs, &v, &p->recipe, 0);
        st_pool_new_tip(p);
        st_session_notify(&s, true);
        assert_true(line(&s, text));
        has(s.out.data, "[21,");
    }
    has(work(&s, 3, 0, 0, D, 1e9), "\"result\":true");
    done_with(&s, p);
}

/* Hardware that knows whole numbers alone must not be told others. */
static void test_session__difficulties_are_whole_where_they_can_be(void **state)
{
    (void)state;
    st_record last;
    st_pool *p = a_pool(&last);
    st_session s;
    st_target_of(1e6, p->jobs.job[1].v.target.b);
    p->start_difficulty = 1000.75;
    mining(&s, p);
    assert_true(st_session_difficulty(&s) == 1000);
    for (int i = 0; i < 60; i++) {
        p->now_ms += 1000;
        st_session_tick(&s);
    }
    assert_true(st_session_difficulty(&s) == 500);
    for (int i = 0; i < 240; i++) {
        p->now_ms += 1000;
        st_session_tick(&s);
    }
    assert_true(st_session_difficulty(&s) == 31); /* 250, 125, 62, 31 */
    s.out.len = 0;
    assert_true(line(&s, "{\"id\":3,\"method\":\"mining.suggest_difficulty\",\"params\":[77.5]}"));
    has(s.out.data, "\"mining.set_difficulty\",\"params\":[77.5]"); /* it knows what it asks for */
    done_with(&s, p);
}

/* A pool whose blocks are as easy as shares, and a tip that has gone since job 1. */
static st_pool *a_pool_of_yesterday(st_session *s, st_record *last)
{
    st_pool *p = a_pool(last);
    st_target_of(D, p->jobs.job[1].v.target.b);
    mining(s, p);
    qn_template_view v = st_job_newest(&p->jobs)->v;
    v.prev.b[0] = 1;
    st_target_of(1e6, v.target.b);
    (void)st_job_add(&p->jobs, &v, &p->recipe, 0);
    st_pool_new_tip(p);
    st_session_notify(s, true);
    g_solved = 0;
    return p;
}

static void test_session__a_block_is_handed_in_once(void **state)
{
    (void)state;
    st_record last;
    st_session s;
    st_pool *p = a_pool_of_yesterday(&s, &last);
    has(work(&s, 1, 0, 0, D, 1e9), "\"result\":true"); /* late, and accepted */
    for (int i = 0; i < 3; i++)
        has(work(&s, 1, 0, 0, D, 1e9), "[21,");
    assert_int_equal(g_solved, 1);
    /* A refused one may be tried again, a minute later. */
    g_solve_says = 0;
    for (int i = 0; i < 3; i++)
        has(work(&s, 1, 0, 100000, D, 1e9), "[21,");
    assert_int_equal(g_solved, 2);
    p->now_ms += ST_AGAIN_MS;
    has(work(&s, 1, 0, 100000, D, 1e9), "[21,");
    assert_int_equal(g_solved, 3);
    /* One that could not be handed in: at once. */
    g_solve_says = -1;
    for (int i = 0; i < 2; i++)
        has(work(&s, 1, 0, 200000, D, 1e9), "[21,");
    assert_int_equal(g_solved, 5);
    g_solve_says = 1;
    done_with(&s, p);
}

/* It is handed in each time that it comes, but it is a share once, and then the block. */
static void test_session__a_block_that_the_node_could_not_take_is_one_share(void **state)
{
    (void)state;
    st_record last;
    st_session s;
    st_pool *p = a_pool(&last);
    st_target_of(D, p->jobs.job[1].v.target.b);
    mining(&s, p);
    g_solved = 0;
    g_solve_says = -1;
    has(work(&s, 1, 0, 0, D, 1e9), "\"result\":true");
    for (int i = 0; i < 3; i++)
        has(work(&s, 1, 0, 0, D, 1e9), "[22,");
    g_solve_says = 1;
    has(work(&s, 1, 0, 0, D, 1e9), "\"result\":true");
    assert_int_equal(g_solved, 5);
    assert_true(p->blocks == 1 && p->count[ST_ACCEPTED] == 2 && p->count[ST_DUPLICATE] == 3);
    done_with(&s, p);
}

static void test_session__stale_shares_without_end_cost(void **state)
{
    (void)state;
    st_record last;
    st_session s;
    st_pool *p = a_pool_of_yesterday(&s, &last);
    char text[300];
    snprintf(text, sizeof text,
             "{\"id\":1,\"method\":\"mining.submit\",\"params\":[\"%s\",\"1\","
             "\"0000000000000000\",\"00000000\",\"0\"]}",
             USER);
    for (unsigned i = 0; i < ST_BAD_RUN + 7; i++) {
        assert_true(line(&s, text));
        has(s.out.data, "[21,");
    }
    assert_int_equal(s.points, 7);
    done_with(&s, p);
}

static void test_session__a_flood_of_lines_costs(void **state)
{
    (void)state;
    st_record last;
    st_pool *p = a_pool(&last);
    st_session s;
    mining(&s, p);
    for (unsigned i = 2; i < ST_LINES; i++)
        assert_true(line(&s, "{\"id\":1,\"method\":\"mining.ping\",\"params\":[]}"));
    assert_int_equal(s.points, 0);
    assert_true(line(&s, "{\"id\":1,\"method\":\"mining.ping\",\"params\":[]}"));
    assert_int_equal(s.points, 1);
    /* At the pace that is granted nothing is counted, and accepted shares never are. */
    for (int i = 0; i < 300; i++) {
        p->now_ms += 1000 / ST_LINES_S;
        assert_true(line(&s, "{\"id\":1,\"method\":\"mining.ping\",\"params\":[]}"));
    }
    assert_int_equal(s.points, 1);
    p->now_ms += 1000 / ST_LINES_S;
    for (uint32_t i = 0; i < 20; i++)
        has(work(&s, 1, 0, i * 1000000, D, 1e9), "\"result\":true");
    assert_int_equal(s.points, 1);
    p->now_ms += 3600000;
    assert_true(line(&s, "{\"id\":1,\"method\":\"mining.ping\",\"params\":[]}"));
    assert_int_equal(s.lines, ST_LINES - 1);
    done_with(&s, p);
}

static void test_session__who_mistypes_an_address_mines_for_nobody(void **state)
{
    (void)state;
    static const struct {
        const char *user;
        bool ok, own;
    } row[] = {{"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080.a", true, true},
               {"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt081.a", false, false},
               {"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", false, false}, /* another chain's */
               {"1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2.rig", false, false},
               {"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080_rig1", true, true},
               {"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080/rig1", true, true},
               {"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080-1", true, true},
               {"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080+1024", true, true},
               {"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080,d=5", true, true},
               {"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080:x", true, true},
               {" bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 ", true, true},
               {"bitcoin:bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080?amount=1", true, true},
               {"BITCOIN:BCRT1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KYGT080", true, true},
               {"pool/rig.bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", true, true},
               {"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080.0123456789abcdef0123456789", true,
                true}, /* an address, and a machine */
               {"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080rig1", false, false},
               {"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt081_a", false, false},
               {"pool-1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", false, false},
               {"bitcoin:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", false, false},
               {"rig-17", true, false},
               {"abcdefghijklmnopqrstuvwxy.1", true, false}, /* too short */
               {"the-machine-in-the-cellar-of-my-house", true, false}};
    for (size_t i = 0; i < QC_COUNTOF(row); i++) {
        st_record last;
        st_pool *p = a_pool(&last);
        st_session s;
        char text[200];
        p->recipe.payout[0] = (st_payout){{0x51}, 1, 0};
        p->recipe.n_payout = 1;
        st_session_init(&s, p);
        snprintf(text, sizeof text,
                 "{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"%s\",\"\"]}",
                 row[i].user);
        assert_true(line(&s, text));
        has(s.out.data, row[i].ok ? "\"result\":true" : "must be an address of this chain");
        assert_int_equal(s.has_payout, row[i].own);
        done_with(&s, p);
    }
}

static void authorize(st_session *s, const char *user)
{
    char text[300];
    snprintf(text, sizeof text,
             "{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"%s\",\"\"]}", user);
    assert_true(line(s, text));
}

static const char ADDRESS[] = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

static void test_session__a_farm_has_many_names(void **state)
{
    (void)state;
    st_record last;
    st_session s;
    char user[100];
    st_pool *p = a_pool(&last);
    mining(&s, p);
    for (int i = 1; i < 300; i++) {
        snprintf(user, sizeof user, "%s.w%d", ADDRESS, i);
        authorize(&s, user);
        has(s.out.data, "\"result\":true");
    }
    assert_int_equal(s.n_workers, 300);
    assert_int_equal(p->n_extra, 292);
    has(work_as(&s, user, 1, 0, 0, D, 1e9), "\"result\":true");
    assert_string_equal(last.worker, user);
    /* When there is no room for more, and where it has not spoken of one, the first counts. */
    p->n_extra = ST_EXTRA_NAMES;
    snprintf(user, sizeof user, "%s.late", ADDRESS);
    authorize(&s, user);
    has(s.out.data, "\"result\":true");
    assert_int_equal(s.n_workers, 300);
    has(work_as(&s, user, 1, 0, 1000000, D, 1e9), "\"result\":true");
    assert_string_equal(last.worker, USER);
    /* One who would not be paid as he says does not mine here. */
    has(work_as(&s, "bcrt1qqqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0scjhmyt.a", 1, 0,
                2000000, D, 1e9),
        "[24,");
    assert_int_equal(s.points, 0);
    p->n_extra = 292;
    st_session_clear(&s);
    assert_int_equal(p->n_extra, 0);
    st_pool_clear(p);
    free(p);
}

static void test_session__a_block_is_one_whoever_hands_it_in(void **state)
{
    (void)state;
    st_record last;
    st_session s;
    st_pool *p = a_pool(&last);
    st_target_of(D, p->jobs.job[1].v.target.b);
    mining(&s, p);
    g_solved = 0;
    has(work_as(&s, "bcrt1qqqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0scjhmyt.a", 1, 0, 0,
                D, 1e9),
        "\"result\":true");
    assert_int_equal(g_solved, 1);
    has(work_as(&s, "r\\u00fcdiger's \\\"rig\\\"", 1, 0, 1000000, D, 1e9), "\"result\":true");
    assert_int_equal(g_solved, 2);
    /* Before it has authorized, as one who comes back may: it pays whom the name says. */
    st_payout to = s.payout;
    st_session_clear(&s);
    st_session_init(&s, p);
    assert_true(line(&s, "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}"));
    s.payout = to; /* for work() */
    has(work_as(&s, USER, 1, 0, 0, D, 1e9), "\"result\":true");
    assert_int_equal(g_solved, 3);
    assert_string_equal(g_solver, USER);
    has(work_as(&s, USER, 1, 0, 0, D / 64, D / 2), "[24,");
    assert_int_equal(s.points, 1);
    done_with(&s, p);
}

/* Lines are shared between those who are paid alike, and no others. */
static void test_session__each_is_told_to_pay_itself(void **state)
{
    (void)state;
    static const char *const user[3] = {
        "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
        "bcrt1qqqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0scjhmyt",
        "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080.b"};
    st_record last;
    st_pool *p = a_pool(&last);
    st_session s[4];
    p->recipe.payout[0] = (st_payout){{0x51}, 1, 0};
    p->recipe.n_payout = 1;
    p->jobs.job[1].recipe = p->recipe;
    char script[4][2 * ST_SCRIPT_MAX + 1], text[200];
    for (int i = 0; i < 4; i++) {
        st_session_init(&s[i], p);
        assert_true(line(&s[i], "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}"));
        snprintf(text, sizeof text,
                 "{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"%s\",\"\"]}",
                 i < 3 ? user[i] : "rig");
        assert_true(line(&s[i], text));
        qn_hex_encode(i < 3 ? s[i].payout.script : p->recipe.payout[0].script,
                      i < 3 ? s[i].payout.len : 1, script[i]);
    }
    for (int round = 0; round < 3; round++) {
        qn_template_view v = st_job_newest(&p->jobs)->v;
        (void)st_job_add(&p->jobs, &v, &p->recipe, 0);
        for (int i = 0; i < 4; i++) {
            char part[2 * ST_SCRIPT_MAX + 20];
            s[i].out.len = 0;
            st_session_notify(&s[i], round % 2 == 0);
            st_put(&s[i].out, "", 1);
            snprintf(part, sizeof part, "00f2052a01000000%02x%s", (unsigned)strlen(script[i]) / 2,
                     script[i]);
            has(s[i].out.data, part);
            has(s[i].out.data, round % 2 ? "false]}" : "true]}");
            snprintf(part, sizeof part, "\"params\":[\"%x\"", 2 + round);
            has(s[i].out.data, part);
        }
    }
    for (int i = 0; i < 4; i++)
        st_session_clear(&s[i]);
    st_pool_clear(p);
    free(p);
}

QC_TEST_MAIN(cmocka_unit_test(test_session__difficulty_holds_for_the_jobs_it_was_told_with),
             cmocka_unit_test(test_session__time_of_a_share_has_bounds),
             cmocka_unit_test(test_session__a_step_that_was_overtaken_never_holds),
             cmocka_unit_test(test_session__a_step_begins_with_the_job_that_follows_it),
             cmocka_unit_test(test_session__a_step_does_not_wait_for_ever),
             cmocka_unit_test(test_session__what_is_easier_or_asked_for_is_told_at_once),
             cmocka_unit_test(test_session__an_easier_difficulty_ends),
             cmocka_unit_test(test_session__coming_back_makes_no_share_dearer),
             cmocka_unit_test(test_session__what_is_older_than_all_steps_is_stale),
             cmocka_unit_test(test_session__too_much_of_what_was_easier_costs),
             cmocka_unit_test(test_session__what_is_forgotten_is_stale),
             cmocka_unit_test(test_session__a_job_told_again_is_other_work),
             cmocka_unit_test(test_session__a_tip_that_comes_back_counts_no_share_again),
             cmocka_unit_test(test_session__difficulties_are_whole_where_they_can_be),
             cmocka_unit_test(test_session__a_block_is_handed_in_once),
             cmocka_unit_test(test_session__a_block_that_the_node_could_not_take_is_one_share),
             cmocka_unit_test(test_session__stale_shares_without_end_cost),
             cmocka_unit_test(test_session__a_flood_of_lines_costs),
             cmocka_unit_test(test_session__who_mistypes_an_address_mines_for_nobody),
             cmocka_unit_test(test_session__a_farm_has_many_names),
             cmocka_unit_test(test_session__a_block_is_one_whoever_hands_it_in),
             cmocka_unit_test(test_session__each_is_told_to_pay_itself))
