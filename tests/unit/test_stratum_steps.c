/* The Stratum protocol with one client: difficulty, and what shares are worth. */
#include "tests/unit/session_play.h"

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
    has(s.out.data, "\"mining.notify\",\"params\":[\"100\",");
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
    has(s.out.data, "\"params\":[\"201\",");
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
    has(s.out.data, "\"params\":[\"101\","); /* at once */
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
    has(s.out.data, "\"params\":[\"201\",");
    has(work(&s, 2, 1, 0, D / 2, D * 0.99), "\"result\":true");
    assert_true(last.difficulty == D / 2);
    has(work(&s, 2, 0, 0, D / 2, D * 0.99), "[23,"); /* it was never told that */
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
    has(s.out.data, "\"params\":[\"101\",");
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
    has(s.out.data, "\"params\":[\"101\",");
    has(s.out.data, "false]}");
    for (int i = 0; i < 60; i++) {
        s.out.len = 0;
        p->now_ms += 1000;
        st_session_tick(&s);
    }
    st_put(&s.out, "", 1);
    has(s.out.data, "\"mining.set_difficulty\",\"params\":[9.5367431640625e-07]");
    has(s.out.data, "\"params\":[\"102\",");
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

static bool g_keeps = true;

static bool fake_keep(void *arg, const st_session *s)
{
    (void)arg;
    memcpy(g_kept, s->step, sizeof g_kept);
    for (size_t i = 0; i < ST_STEPS; i++)
        g_kept[i].told_ms = ST_UNTOLD;
    g_n_kept = g_keeps ? s->n_steps : 0;
    return g_keeps;
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
        uint8_t variant;
    } row[] = {{"d=0.000003814697265625", 4 * D, 1}, /* more than what is configured */
               {"d=0.0000002384185791015625", D / 4, 1},
               {"x", D, 0}};
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
        has(work(&s, 1, row[i].variant, 0, row[i].is, 8 * D), "\"result\":true");
        assert_true(last.difficulty == row[i].is);
        for (uint32_t k = 1; k < 4; k++) {
            char job[40];
            st_session_clear(&s);
            come(&s, p, id, "d=0.00006103515625");
            snprintf(job, sizeof job, "mining.notify\",\"params\":[\"1%02x\",", row[i].variant + k);
            has(s.out.data, job);
            assert_true(st_session_difficulty(&s) == 64 * D);
            has(work(&s, 1, row[i].variant, k * 1000000, 64 * D, 1e9), "\"result\":true");
            assert_true(last.difficulty == row[i].is);
            has(work(&s, 1, (uint8_t)(row[i].variant + k), 0, 64 * D, 1e9), "\"result\":true");
            assert_true(last.difficulty == 64 * D);
        }
        done_with(&s, p);
    }
}

/* Where the numbers of jobs have not come to what is remembered, it is of other jobs. */
static void test_session__what_holds_for_jobs_that_are_not_there_is_forgotten(void **state)
{
    (void)state;
    st_record last;
    st_pool *p = a_pool(&last);
    st_session s;
    char id[ST_SESSION_ID + 1] = "";
    p->hooks.keep = fake_keep;
    p->hooks.recall = fake_recall;
    g_n_kept = 0;
    come(&s, p, id, "x");
    st_session_clear(&s);
    g_kept[0] = (st_step){.from = 0, .difficulty = D};
    g_kept[1] = (st_step){.from = 7 << 8, .difficulty = 4 * D};
    g_kept[2] = (st_step){.from = 9 << 8 | 1, .difficulty = 16 * D};
    g_n_kept = 3;
    p->jobs.restored = 1;
    qn_template_view v = st_job_newest(&p->jobs)->v;
    (void)st_job_add(&p->jobs, &v, &p->recipe, 0);
    come(&s, p, id, "x");
    assert_true(st_session_difficulty(&s) == 16 * D);
    has(work(&s, 1, 0, 0, 64 * D, 1e9), "[21,"); /* of a former life */
    has(work(&s, 2, 0, 0, D, 16 * D), "[23,");
    has(work(&s, 2, 0, 0, 16 * D, 1e9), "\"result\":true");
    assert_true(last.difficulty == 16 * D);
    done_with(&s, p);
}

/* Who comes back and is not remembered may have been told any variant of these jobs: they count for
 * nothing, so that he cannot have the same one at another difficulty. */
static void test_session__what_is_not_kept_does_not_count_when_it_comes_back(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        st_record last;
        st_pool *p = a_pool(&last);
        st_session s;
        char id[ST_SESSION_ID + 1] = "";
        p->hooks.keep = fake_keep;
        p->hooks.recall = fake_recall;
        g_n_kept = 0;
        g_keeps = false;
        come(&s, p, id, i ? "x" : "d=0.000003814697265625");
        has(work(&s, 1, !i, 0, 8 * D, 1e9), "\"result\":true"); /* of this life */
        st_session_clear(&s);
        for (int k = 0; k < 2; k++) { /* also when it comes back once more, and is kept now */
            come(&s, p, id, "d=0.00000762939453125");
            has(work(&s, 1, 1, 1000000, 8 * D, 1e9), "[21,");
            has(work(&s, 1, 0, 1000000, 8 * D, 1e9), "[21,");
            g_keeps = true;
            if (!k)
                st_session_clear(&s);
        }
        qn_template_view v = st_job_newest(&p->jobs)->v;
        (void)st_job_add(&p->jobs, &v, &p->recipe, 0);
        st_session_notify(&s, false);
        has(work(&s, 2, 0, 0, 8 * D, 1e9), "\"result\":true");
        assert_true(last.difficulty == 8 * D);
        /* A block is one all the same. */
        st_target_of(8 * D, p->jobs.job[1].v.target.b);
        g_solved = 0;
        has(work(&s, 1, 1, 2000000, 8 * D, 1e9), "\"result\":true");
        assert_int_equal(g_solved, 1);
        done_with(&s, p);
    }
}

/* Nor does coming back prolong what ends, or what is granted. */
/* What is forgotten of it is not its fault: it is not banned, nor made easier. */
static void test_session__who_is_forgotten_does_not_pay(void **state)
{
    (void)state;
    st_record last;
    st_pool *p = a_pool(&last);
    st_session s;
    char id[ST_SESSION_ID + 1] = "";
    p->hooks.keep = fake_keep;
    p->hooks.recall = fake_recall;
    come(&s, p, id, "x");
    st_session_clear(&s);
    g_n_kept = 0;
    p->doubt = p->jobs.last;
    come(&s, p, id, "x");
    has(s.out.data, "\"mining.notify\",\"params\":[\"100\",");
    assert_true(st_session_waits(&s));
    for (uint32_t i = 0; i < 2 * ST_BAD_RUN; i++)
        has(work(&s, 1, 0, i * 20000, D, 1e9), "[21,");
    assert_int_equal(p->count[ST_STALE], 2 * ST_BAD_RUN);
    assert_true(s.points == 0 && s.bad_run == 0);
    s.out.len = 0;
    for (int i = 0; i < 200; i++) {
        p->now_ms += 1000;
        st_session_tick(&s);
    }
    assert_int_equal(s.out.len, 0);
    qn_template_view v = st_job_newest(&p->jobs)->v;
    (void)st_job_add(&p->jobs, &v, &p->recipe, 0);
    st_session_notify(&s, false);
    assert_false(st_session_waits(&s));
    st_session_tick(&s);
    has((st_put(&s.out, "", 1), s.out.data), "\"params\":[\"200\",");
    assert_null(strstr(s.out.data, "set_difficulty"));
    has(work(&s, 2, 0, 0, D, 1e9), "\"result\":true");
    /* Other bad shares count as ever. */
    has(work(&s, 2, 0, 0, D / 64, D / 2), "[23,");
    assert_int_equal(s.bad_run, 1);
    done_with(&s, p);
}

static void test_session__coming_back_prolongs_nothing(void **state)
{
    (void)state;
    st_record last;
    st_pool *p = a_pool(&last);
    st_session s;
    char id[ST_SESSION_ID + 1] = "";
    p->hooks.keep = fake_keep;
    p->hooks.recall = fake_recall;
    g_n_kept = 0;
    come(&s, p, id, "x");
    suggest(&s, 64 * D);
    for (uint32_t i = 0; i < 5; i++) {
        has(work(&s, 1, 0, i * 100000, D, 16 * D), "\"result\":true");
        p->time += 9;
        p->now_ms += 9000;
        st_session_clear(&s);
        come(&s, p, id, "x");
        assert_true(s.flight <= ST_FLIGHT / 20);
    }
    has(work(&s, 1, 0, 100000000, D, 16 * D), "[23,");
    done_with(&s, p);
    /* Also where this clock has begun anew since. */
    p = a_pool(&last);
    p->hooks.keep = fake_keep;
    p->hooks.recall = fake_recall;
    p->time += 46;
    come(&s, p, id, "x");
    has(work(&s, 1, 0, 200000000, D, 16 * D), "[23,");
    done_with(&s, p);
}

/* The first part of the coinbase as it was told. */
static void coinbase_of(const char *text, char out[static 200])
{
    const char *at = strstr(text, "mining.notify\",\"params\":[\"");
    for (int i = 0; i < 3; i++)
        at = strstr(at, "\",\"") + 3;
    assert_true(strcspn(at, "\"") < 200);
    memcpy(out, at, strcspn(at, "\""));
    out[strcspn(at, "\"")] = 0;
}

/* Work that was done before a difficulty was told is worth nothing at it: else who has a good hash
 * would ask for its difficulty. */
static void test_session__nobody_works_on_a_variant_before_it_is_told(void **state)
{
    (void)state;
    static const char *const password[] = {"d=0.00006103515625", "x"};
    for (int i = 0; i < 2; i++) {
        st_record last;
        st_pool *p = a_pool(&last);
        st_session s[2];
        char id[2][ST_SESSION_ID + 1] = {"", ""}, coinbase[2][200];
        memset(p->secret, 7, sizeof p->secret);
        for (int k = 0; k < 2; k++) {
            come(&s[k], p, id[k], password[i]);
            coinbase_of(s[k].out.data, coinbase[k]);
        }
        /* What it did not ask for is the same for all. */
        assert_int_equal(strcmp(coinbase[0], coinbase[1]) == 0, i);
        has(work(&s[0], 1, 0, 0, 64 * D, 1e9), i ? "\"result\":true" : "[21,");
        has(work(&s[0], 1, 1, 0, 64 * D, 1e9), "\"result\":true");
        for (int k = 0; k < 2; k++) {
            suggest(&s[k], 128 * D);
            coinbase_of(s[k].out.data, coinbase[k]);
        }
        assert_string_not_equal(coinbase[0], coinbase[1]);
        /* A job that brings a step, too, as it is asked for while others know of it. */
        qn_template_view v = st_job_newest(&p->jobs)->v;
        (void)st_job_add(&p->jobs, &v, &p->recipe, 0);
        st_session_notify(&s[0], false);
        suggest(&s[1], 256 * D);
        has(s[1].out.data, "\"params\":[\"201\",");
        has(work(&s[1], 2, 0, 0, 256 * D, 1e9), "\"result\":true");
        assert_true(last.difficulty == 128 * D);
        st_session_clear(&s[0]);
        done_with(&s[1], p);
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

QC_TEST_MAIN(cmocka_unit_test(test_session__difficulty_holds_for_the_jobs_it_was_told_with),
             cmocka_unit_test(test_session__a_step_that_was_overtaken_never_holds),
             cmocka_unit_test(test_session__a_step_begins_with_the_job_that_follows_it),
             cmocka_unit_test(test_session__a_step_does_not_wait_for_ever),
             cmocka_unit_test(test_session__what_is_easier_or_asked_for_is_told_at_once),
             cmocka_unit_test(test_session__an_easier_difficulty_ends),
             cmocka_unit_test(test_session__coming_back_makes_no_share_dearer),
             cmocka_unit_test(test_session__what_holds_for_jobs_that_are_not_there_is_forgotten),
             cmocka_unit_test(test_session__what_is_not_kept_does_not_count_when_it_comes_back),
             cmocka_unit_test(test_session__who_is_forgotten_does_not_pay),
             cmocka_unit_test(test_session__coming_back_prolongs_nothing),
             cmocka_unit_test(test_session__nobody_works_on_a_variant_before_it_is_told),
             cmocka_unit_test(test_session__what_is_older_than_all_steps_is_stale),
             cmocka_unit_test(test_session__too_much_of_what_was_easier_costs),
             cmocka_unit_test(test_session__difficulties_are_whole_where_they_can_be))
