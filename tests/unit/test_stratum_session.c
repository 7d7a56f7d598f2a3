/* The Stratum protocol with one client, without sockets and without a host: shares, blocks, who is
 * paid, what floods cost. */
#include "tests/unit/session_play.h"

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
                 "{\"id\":1,\"method\":\"mining.submit\",\"params\":[\"%s\",\"100\","
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
    snprintf(again, sizeof again, "%.*s%llx%s", (int)(at - text), text,
             (unsigned long long)job << 8, end);
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
             "{\"id\":1,\"method\":\"mining.submit\",\"params\":[\"%s\",\"100\","
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
            snprintf(part, sizeof part, "\"params\":[\"%x\"", (2 + round) << 8);
            has(s[i].out.data, part);
        }
    }
    for (int i = 0; i < 4; i++)
        st_session_clear(&s[i]);
    st_pool_clear(p);
    free(p);
}

QC_TEST_MAIN(cmocka_unit_test(test_session__time_of_a_share_has_bounds),
             cmocka_unit_test(test_session__what_is_forgotten_is_stale),
             cmocka_unit_test(test_session__a_job_told_again_is_other_work),
             cmocka_unit_test(test_session__a_tip_that_comes_back_counts_no_share_again),
             cmocka_unit_test(test_session__a_block_is_handed_in_once),
             cmocka_unit_test(test_session__a_block_that_the_node_could_not_take_is_one_share),
             cmocka_unit_test(test_session__stale_shares_without_end_cost),
             cmocka_unit_test(test_session__a_flood_of_lines_costs),
             cmocka_unit_test(test_session__who_mistypes_an_address_mines_for_nobody),
             cmocka_unit_test(test_session__a_farm_has_many_names),
             cmocka_unit_test(test_session__a_block_is_one_whoever_hands_it_in),
             cmocka_unit_test(test_session__each_is_told_to_pay_itself))
