/* The parts of the Stratum server that know nothing of each other: lines, messages, targets,
 * steering of difficulty, bans, workers, jobs and who is paid. */
#include "plugins/stratum/ban.h"
#include "plugins/stratum/coinbase.h"
#include "plugins/stratum/jobs.h"
#include "plugins/stratum/line.h"
#include "plugins/stratum/rows.h"
#include "plugins/stratum/message.h"
#include "plugins/stratum/share.h"
#include "plugins/stratum/vardiff.h"
#include "plugins/stratum/workers.h"
#include "tests/unit/harness.h"

#include "lib/hex.h"
#include "lib/mining.h"

/* ---- lines ---- */

static bool collect(void *arg, char *line, size_t len)
{
    char *out = arg;
    assert_int_equal(strlen(line), len);
    size_t at = strlen(out);
    snprintf(out + at, 256 - at, "[%s]", line);
    return strcmp(line, "stop") != 0;
}

static bool feed(st_line *l, const char *text, char *out)
{
    char copy[256];
    size_t n = strlen(text);
    memcpy(copy, text, n);
    return st_line_feed(l, copy, n, collect, out);
}

static void test_line__is_cut_wherever_the_stream_is(void **state)
{
    (void)state;
    const char text[] = "a\r\n\nbcd\nef\n";
    for (size_t cut = 0; cut < sizeof text; cut++)
        for (size_t cut2 = cut; cut2 < sizeof text; cut2++) {
            st_line l = {.data = NULL};
            char out[256] = "", part[3][32] = {{0}};
            memcpy(part[0], text, cut);
            memcpy(part[1], text + cut, cut2 - cut);
            memcpy(part[2], text + cut2, sizeof text - 1 - (cut2 < sizeof text ? cut2 : cut2 - 1));
            for (int i = 0; i < 3; i++)
                assert_true(feed(&l, part[i], out));
            assert_string_equal(out, "[a][][bcd][ef]");
            assert_int_equal(l.len, 0);
            st_line_clear(&l);
        }
    st_line l = {.data = NULL};
    char out[256] = "";
    assert_false(feed(&l, "a\nstop\nb\n", out));
    assert_string_equal(out, "[a][stop]");
    assert_false(l.too_long);
    /* In one piece, and in two with its end. */
    static char longer[ST_LINE_MAX + 2];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\n';
    for (size_t first = 0; first <= 10; first += 10) {
        st_line m = {.data = NULL};
        assert_true(st_line_feed(&m, longer, first, collect, out));
        assert_false(st_line_feed(&m, longer + first, sizeof longer - first, collect, out));
        assert_true(m.too_long);
        st_line_clear(&m);
    }
}

static void test_line__has_an_end(void **state)
{
    (void)state;
    for (size_t chunk = 1000; chunk <= 3 * ST_LINE_MAX; chunk += 4999) {
        st_line l = {.data = NULL};
        size_t fed = 0;
        bool ok = true;
        char *data = malloc(chunk);
        assert_non_null(data);
        while (ok && fed < 5 * ST_LINE_MAX) {
            memset(data, 'x', chunk);
            ok = st_line_feed(&l, data, chunk, collect, NULL);
            fed += chunk;
        }
        assert_false(ok);
        assert_true(l.too_long);
        assert_true(fed <= ST_LINE_MAX + chunk);
        free(data);
        st_line_clear(&l);
    }
}

/* ---- messages ---- */

static st_message read_ok(const char *line)
{
    st_message m;
    if (!st_message_read(line, strlen(line), &m))
        fail_msg("not read: %s", line);
    return m;
}

static void test_message__of_each_kind(void **state)
{
    (void)state;
    st_message m =
        read_ok("{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"cgminer/4\",\"ab\"]}");
    assert_true(m.method == ST_SUBSCRIBE && !m.bad);
    assert_string_equal(m.id, "1");
    assert_string_equal(m.agent, "cgminer/4");
    assert_string_equal(m.session, "ab");
    m = read_ok("{\"method\":\"mining.subscribe\",\"params\":[]}");
    assert_true(m.method == ST_SUBSCRIBE && !m.bad && !*m.agent);
    assert_string_equal(m.id, "null");
    m = read_ok("{\"id\":\"x\",\"method\":\"mining.authorize\",\"params\":[\"u.w\",\"x,d=0.25\"]}");
    assert_true(m.method == ST_AUTHORIZE && !m.bad);
    assert_string_equal(m.id, "\"x\"");
    assert_string_equal(m.user, "u.w");
    assert_true(m.difficulty == 0.25);
    m = read_ok(
        "{\"id\":4,\"method\":\"mining.submit\",\"params\":[\"u\",\"1f02\",\"0102030405060708\","
        "\"6a000001\",\"deadbeef\",\"00002000\"]}");
    assert_true(m.method == ST_SUBMIT && !m.bad && m.has_version);
    assert_int_equal(m.job, 0x1f);
    assert_int_equal(m.variant, 2);
    assert_memory_equal(m.en2, "\1\2\3\4\5\6\7\10", 8);
    assert_int_equal(m.time, 0x6a000001);
    assert_int_equal(m.nonce, 0xdeadbeef);
    assert_int_equal(m.version, 0x2000);
    m = read_ok("{\"id\":5,\"method\":\"mining.configure\",\"params\":[[\"version-rolling\","
                "\"minimum-difficulty\",\"subscribe-extranonce\",\"other\",7],{\"version-rolling."
                "mask\":\"1fffe000\","
                "\"version-rolling.min-bit-count\":16,\"minimum-difficulty.value\":2048}]}");
    assert_true(m.method == ST_CONFIGURE && m.rolling && m.min_difficulty && m.sub_extranonce);
    assert_int_equal(m.mask, 0x1fffe000);
    assert_int_equal(m.min_bits, 16);
    assert_true(m.difficulty == 2048);
    m = read_ok(
        "{\"id\":6,\"method\":\"mining.suggest_difficulty\",\"params\":[4.656542373906925e-10]}");
    assert_true(m.method == ST_SUGGEST && m.difficulty == 4.656542373906925e-10);
    m = read_ok("{\"id\":7,\"result\":\"cgminer\",\"error\":null}");
    assert_true(m.method == ST_ANSWER);
    m = read_ok("{\"id\":8,\"method\":\"mining.get_transactions\",\"params\":[\"1\"]}");
    assert_true(m.method == ST_TRANSACTIONS);
    m = read_ok("{\"id\":[1],\"method\":\"eth_submitWork\"}");
    assert_true(m.method == ST_UNKNOWN);
    assert_string_equal(m.id, "null");
}

static void test_message__refuses_what_is_none(void **state)
{
    (void)state;
    static const char *const none[] = {
        "",
        "x",
        "[]",
        "1",
        "{\"id\":1}",
        "{\"id\":1,\"method\":5}",
        "{\"method\":\"a\"} x",
        "{\"method\":\"mining.authorize\",\"params\":[\"a\\u0000b\"]}",
        "{\"id\":1,\"method\":\"mining.submit\"",
        "GET / HTTP/1.1"};
    static const char *const bad[] = {
        "{\"method\":\"mining.submit\",\"params\":[\"u\",\"1\",\"01020304050607\",\"1\",\"1\"]}",
        "{\"method\":\"mining.submit\",\"params\":[\"u\",\"\",\"0102030405060708\",\"1\",\"1\"]}",
        "{\"method\":\"mining.submit\",\"params\":[\"u\",\"1.\",\"0102030405060708\",\"1\",\"1\"]}",
        "{\"method\":\"mining.submit\",\"params\":[\"u\",\"1f.2\",\"0102030405060708\",\"1\","
        "\"1\"]}",
        "{\"method\":\"mining.submit\",\"params\":[\"u\",\"11112222333344445\","
        "\"0102030405060708\",\"1\",\"1\"]}",
        "{\"method\":\"mining.submit\",\"params\":[\"u\",\"1\",\"010203040506070g\",\"1\",\"1\"]}",
        "{\"method\":\"mining.submit\",\"params\":[\"u\",\"1\",\"0102030405060708\",\"123456789\","
        "\"1\"]}",
        "{\"method\":\"mining.submit\",\"params\":[\"u\",\"1\",\"0102030405060708\",\"1\"]}",
        "{\"method\":\"mining.submit\",\"params\":[\"u\",\"1\",\"0102030405060708\",\"1\",\"1\",7]"
        "}",
        "{\"method\":\"mining.submit\",\"params\":{}}",
        "{\"method\":\"mining.authorize\",\"params\":[]}",
        "{\"method\":\"mining.authorize\",\"params\":[\"\"]}",
        "{\"method\":\"mining.authorize\",\"params\":[\"a\\\"b\"]}",
        "{\"method\":\"mining.authorize\",\"params\":[\"a\\nb\"]}",
        "{\"method\":\"mining.configure\",\"params\":[7]}",
        "{\"method\":\"mining.configure\",\"params\":[[\"version-rolling\"],{\"version-rolling."
        "mask\":\"x\"}]}",
        "{\"method\":\"mining.suggest_difficulty\",\"params\":[-1]}",
        "{\"method\":\"mining.suggest_difficulty\",\"params\":[\"5\"]}",
        "{\"method\":\"mining.suggest_difficulty\",\"params\":[1e300]}"};
    st_message m;
    for (size_t i = 0; i < QC_COUNTOF(none); i++)
        if (st_message_read(none[i], strlen(none[i]), &m))
            fail_msg("read: %s", none[i]);
    for (size_t i = 0; i < QC_COUNTOF(bad); i++) {
        m = read_ok(bad[i]);
        if (!m.bad)
            fail_msg("taken: %s", bad[i]);
    }
}

static void test_number__is_a_plain_decimal(void **state)
{
    (void)state;
    double v = 7;
    static const char *const bad[] = {"",   "inf", "nan",  "0x10",  " 1", "-1",
                                      "1 ", "0",   "1e19", "1e-16", "1e", "1.2.3"};
    for (size_t i = 0; i < QC_COUNTOF(bad); i++)
        assert_false(st_number(bad[i], &v));
    assert_true(v == 7);
    assert_true(st_number("0.001", &v) && v == 0.001);
    assert_true(st_number("1e5", &v) && v == 100000);
}

/* ---- difficulty ---- */

static void test_target_of__divides_exactly(void **state)
{
    (void)state;
    static const struct {
        double d;
        const char *hex;
    } row[] = {
        {1, "00000000ffff0000000000000000000000000000000000000000000000000000"},
        {2, "000000007fff8000000000000000000000000000000000000000000000000000"},
        {0.5, "00000001fffe0000000000000000000000000000000000000000000000000000"},
        {65535, "0000000000010000000000000000000000000000000000000000000000000000"},
        {3, "0000000055550000000000000000000000000000000000000000000000000000"},
        {7, "0000000024922492492492492492492492492492492492492492492492492492"},
        {1.52587890625e-05, "0000ffff00000000000000000000000000000000000000000000000000000000"},
        {1e-15, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"}};
    for (size_t i = 0; i < QC_COUNTOF(row); i++) {
        uint8_t t[32];
        char hex[65];
        st_target_of(row[i].d, t);
        qn_hex_encode_reversed(t, 32, hex);
        assert_string_equal(hex, row[i].hex);
    }
    /* The difficulty of regtest (0x207fffff) and back. */
    uint8_t t[32] = {[29] = 0xff, [30] = 0xff, [31] = 0x7f};
    double d = st_difficulty_of(t);
    assert_true(d > 4.6565e-10 && d < 4.6566e-10);
    for (double x = 1e-9; x < 1e15; x *= 3.7) {
        st_target_of(x, t);
        d = st_difficulty_of(t);
        assert_true(d / x > 0.999999999 && d / x < 1.000000001);
    }
}

static void test_seen__remembers_each_hash(void **state)
{
    (void)state;
    st_seen s = {.gone = 0};
    uint8_t h[32] = {0};
    assert_false(st_seen_has(&s, h));
    for (uint32_t i = 0; i < 5000; i++) {
        memcpy(h, &i, 4);
        memcpy(h + 4, &i, 4);
        assert_false(st_seen_add(&s, h, 1));
        assert_true(st_seen_has(&s, h));
    }
    for (uint32_t i = 0; i < 5000; i++) {
        memcpy(h, &i, 4);
        memcpy(h + 4, &i, 4);
        assert_true(st_seen_add(&s, h, 1));
    }
    assert_int_equal(s.young.n, 5000);
    st_seen_clear(&s);
    assert_false(st_seen_has(&s, h));
}

static void nth_hash(uint32_t i, uint8_t h[32])
{
    uint64_t k = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    memset(h, 0, 32);
    memcpy(h, &k, 8);
}

/* A share never counts twice: what is forgotten is worth nothing any more. */
static void test_seen__forgets_the_oldest_alone(void **state)
{
    (void)state;
    st_seen s = {.gone = 0};
    uint8_t h[32];
    for (uint32_t i = 0; i < 2 * ST_SEEN_MAX + 1; i++) { /* a new job with each million */
        nth_hash(i, h);
        assert_false(st_seen_add(&s, h, 1 + (i >> 20)));
    }
    assert_int_equal(s.gone, 0 + (ST_SEEN_MAX >> 20) + 1);
    nth_hash(ST_SEEN_MAX - 1, h);
    assert_false(st_seen_has(&s, h)); /* of a job that is gone */
    for (uint32_t i = ST_SEEN_MAX; i < 2 * ST_SEEN_MAX; i += 997) {
        nth_hash(i, h);
        assert_true(st_seen_has(&s, h));
    }
    st_seen_clear(&s);
    assert_int_equal(s.gone, 0);
}

/* A client of `rate` shares a minute at difficulty 1, for `minutes`. Returns where it was steered.
 */
static double run_client(double rate, unsigned minutes, uint32_t want)
{
    st_vardiff v;
    double d = 1, due = 0;
    st_vardiff_reset(&v, 1000);
    for (uint64_t ms = 1000; ms < 1000 + minutes * UINT64_C(60000); ms += 10) {
        due += rate / d / 6000;
        if (ms % 1000 == 0)
            d *= st_vardiff_idle(&v, ms, want);
        /* What is under way when the difficulty changes counts for neither. */
        for (double f = 1; due >= 1; due = f == 1 ? due - 1 : 0)
            d *= f = st_vardiff_share(&v, 1, ms, want);
    }
    return rate / d; /* shares a minute in the end */
}

static void test_vardiff__comes_near_what_is_wanted(void **state)
{
    (void)state;
    for (double rate = 0.01; rate < 1e7; rate *= 7) {
        double got = run_client(rate, 60, 18);
        if (got < 18 * 0.45 || got > 18 * 1.6)
            fail_msg("%g shares a minute became %g", rate, got);
    }
    /* Within its bounds it is left alone. */
    assert_true(run_client(18, 60, 18) == 18);
    /* A fast one is bound soon. */
    assert_true(run_client(1e6, 1, 18) < 18 * 16);
    /* One share an hour is wanted of a silent client: it is not pushed at once. */
    st_vardiff v;
    st_vardiff_reset(&v, 0);
    assert_true(st_vardiff_idle(&v, 59999, 18) == 1 && st_vardiff_idle(&v, 60000, 18) == 0.5);
    st_vardiff_reset(&v, 0);
    assert_true(st_vardiff_idle(&v, 359999, 1) == 1 && st_vardiff_idle(&v, 360000, 1) == 0.5);
}

/* Between 0 and 1, the same in each run. */
static double chance(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ((double)(*seed >> 11) + 0.5) / 9007199254740992.0;
}

/* Shares come by chance: a client that is where it should be stays there for days. */
static void test_vardiff__settles_where_few_are_wanted(void **state)
{
    (void)state;
    for (uint32_t want = 1; want <= 4; want++) {
        uint64_t seed = want;
        unsigned steps = 0;
        double d = 1;
        st_vardiff v;
        st_vardiff_reset(&v, 0);
        for (uint64_t ms = 1000; ms < UINT64_C(5) * 86400000; ms += 1000) {
            double f = st_vardiff_idle(&v, ms, want);
            if (chance(&seed) < want / d / 60)
                f *= st_vardiff_share(&v, 1, ms, want);
            steps += f < 1 || f > 1;
            d *= f;
            assert_true(d > 0.2 && d < 5);
        }
        if (steps > 40)
            fail_msg("%u steps in five days at %u a minute", steps, want);
    }
}

/* ---- bans ---- */

static void test_ban__points_add_up_and_fade(void **state)
{
    (void)state;
    st_bans *b = calloc(1, sizeof *b);
    assert_non_null(b);
    assert_false(st_banned(b, "a", 0));
    assert_false(st_ban_add(b, "a", 99, 1000, 10));
    assert_false(st_ban_add(b, "b", 1, 1000, 10));
    assert_true(st_ban_add(b, "a", 1, 1000, 10));
    assert_true(st_banned(b, "a", 10999));
    assert_false(st_banned(b, "a", 11000));
    assert_false(st_banned(b, "b", 1000));
    assert_int_equal(st_ban_count(b, 1000), 1);
    assert_false(st_ban_add(b, "c", 50, 20000, 10));
    assert_false(st_ban_add(b, "c", 50, 20000 + 6000, 10)); /* one was forgotten */
    assert_true(st_ban_add(b, "c", 1, 20000 + 6000, 10));
    /* More addresses than rows: whoever is banned stays banned. */
    for (unsigned i = 0; i < 3 * ST_BAN_ROWS; i++) {
        char name[48];
        snprintf(name, sizeof name, "10.0.%u.%u", i / 256, i % 256);
        st_ban_add(b, name, 1, 26001, 10);
    }
    assert_true(st_banned(b, "c", 26002));
    free(b);
}

static void test_ban_name__counts_networks_of_ipv6(void **state)
{
    (void)state;
    static const char *const row[][2] = {{"192.0.2.1:34567", "192.0.2.1"},
                                         {"[2001:db8:1:2:3:4:5:6]:1", "2001:0db8:0001:0002::/64"},
                                         {"[2001:db8:1:2::9]:77", "2001:0db8:0001:0002::/64"},
                                         {"mock", "mock"},
                                         {"", ""}};
    for (size_t i = 0; i < QC_COUNTOF(row); i++) {
        char got[48];
        st_ban_name(row[i][0], strlen(row[i][0]), got);
        assert_string_equal(got, row[i][1]);
    }
}

/* ---- workers ---- */

static void test_workers__are_found_again_and_make_room(void **state)
{
    (void)state;
    st_workers w = {.list = NULL};
    char name[32];
    st_worker *first = st_worker_join(&w, "w0");
    assert_ptr_equal(st_worker_join(&w, "w0"), first);
    assert_int_equal(first->connections, 2);
    for (unsigned i = 1; i < ST_WORKERS_MAX; i++) {
        snprintf(name, sizeof name, "w%u", i);
        st_worker *x = st_worker_join(&w, name);
        assert_non_null(x);
        x->last_ms = i;
        if (i % 4 == 3)
            st_worker_leave(x);
    }
    /* An eighth goes, of those that are not connected and have been silent the longest. */
    assert_non_null(st_worker_join(&w, "more"));
    assert_int_equal(w.n, ST_WORKERS_MAX - ST_WORKERS_MAX / 8 + 1);
    const uint32_t old = ST_WORKERS_MAX / 2 - 1, young = old + 4;
    for (uint32_t i = 0; i < w.n; i++)
        if (strcmp(w.list[i]->name, "more") != 0)
            assert_true(w.list[i]->connections || w.list[i]->last_ms >= young);
    snprintf(name, sizeof name, "w%u", young);
    uint32_t n = w.n;
    assert_int_equal(st_worker_join(&w, name)->last_ms, young);
    assert_int_equal(w.n, n);
    assert_ptr_equal(st_worker_join(&w, "w0"), first);
    /* When all are connected there is no room. */
    for (uint32_t i = 0; i < w.n; i++)
        w.list[i]->connections = 1;
    for (unsigned i = 0; w.n < ST_WORKERS_MAX; i++) {
        snprintf(name, sizeof name, "x%u", i);
        assert_non_null(st_worker_join(&w, name));
    }
    assert_null(st_worker_join(&w, "too many"));
    st_workers_clear(&w);
}

/* Who knows the table's secret not cannot choose names that lie together. */
static void test_workers__lie_where_nobody_can_foresee(void **state)
{
    (void)state;
    st_workers w[2] = {{.list = NULL}, {.secret = {1}}};
    char name[32];
    unsigned same = 0;
    for (unsigned k = 0; k < 2; k++)
        for (unsigned i = 0; i < 64; i++) {
            snprintf(name, sizeof name, "w%u", i);
            assert_non_null(st_worker_join(&w[k], name));
        }
    assert_int_equal(w[0].n_slots, w[1].n_slots);
    for (uint32_t i = 0; i < w[0].n_slots; i++)
        same += w[0].slot[i] && w[1].slot[i] && strcmp(w[0].slot[i]->name, w[1].slot[i]->name) == 0;
    assert_true(same < 10);
    st_workers_clear(&w[0]);
    st_workers_clear(&w[1]);
}

static void test_workers_by_work__is_the_same_whoever_came_first(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double work;
    } row[] = {{"c", 0.5}, {"idle.b", 0}, {"b", 7}, {"idle.a", 0}, {"a", 7}, {"d", 1e-9}};
    static const char *const want[] = {"a", "b", "c", "d", "idle.a", "idle.b"};
    for (size_t from = 0; from < QC_COUNTOF(row); from++) {
        st_workers w = {.list = NULL};
        for (size_t i = 0; i < QC_COUNTOF(row); i++) {
            size_t at = (from + i) % QC_COUNTOF(row);
            st_worker_join(&w, row[at].name)->work = row[at].work;
        }
        st_worker **list = st_workers_by_work(&w);
        assert_non_null(list);
        for (size_t i = 0; i < QC_COUNTOF(row); i++)
            assert_string_equal(list[i]->name, want[i]);
        free(list);
        st_workers_clear(&w);
    }
    st_workers none = {.list = NULL};
    free(st_workers_by_work(&none));
}

static void test_worker_rate__is_that_of_the_shares(void **state)
{
    (void)state;
    st_worker w = {.connections = 1};
    for (uint64_t s = 1; s <= 4 * 3600; s++) { /* difficulty 10 each second */
        st_worker_share(&w, ST_ACCEPTED, 10, 20, s * 1000);
        if (s != 300)
            continue;
        for (unsigned i = 0; i < 2; i++) { /* five minutes old */
            double rate = st_worker_rate(&w, i, s * 1000) / 42950328330.0;
            assert_true(rate > 0.97 && rate < 1.03);
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        double rate = st_worker_rate(&w, i, 4 * 3600 * 1000) / 42950328330.0;
        assert_true(rate > 0.97 && rate < 1.03);
    }
    assert_true(st_worker_rate(&w, 0, 4 * 3600 * 1000 + 600000) < 4295032833.0);
    st_worker_share(&w, ST_LOW, 10, 1000, 1);
    assert_true(w.best == 20 && w.count[ST_LOW] == 1 && w.work == 10.0 * 4 * 3600);
}

/* ---- jobs and payouts ---- */

static qn_template_view a_template(uint8_t prev)
{
    qn_template_view v = {
        .size = sizeof v, .reward = 5000000001, .height = 200, .n_coinbase_outputs = 1};
    v.prev.b[0] = prev;
    v.coinbase_prefix_len = 3;
    memcpy(v.coinbase_prefix, "\2\310\0", 3);
    v.coinbase_outputs_len = 10;
    v.coinbase_outputs[8] = 1;
    v.coinbase_outputs[9] = 0x6a;
    v.id = 1000 + prev;
    return v;
}

static void test_jobs__are_kept_and_come_back(void **state)
{
    (void)state;
    st_jobs *j = calloc(2, sizeof *j), *back = j + 1;
    assert_non_null(j);
    st_recipe r = {.n_payout = 0, .solo = 1};
    uint8_t data[ST_JOB_BYTES];
    assert_null(st_job_newest(j));
    for (uint64_t i = 1; i <= ST_JOBS + 44; i++) {
        qn_template_view v = a_template((uint8_t)(i / 1050));
        const st_job *job = st_job_add(j, &v, &r, 50 + i);
        assert_int_equal(job->number, i);
        st_job_write(job, data);
        assert_true(st_job_restore(back, data, sizeof data));
    }
    assert_null(st_job_find(j, 0));
    assert_null(st_job_find(j, 44));
    assert_null(st_job_find(j, ST_JOBS + 45));
    assert_int_equal(st_job_find(j, 45)->v.id, 1000);
    assert_true(st_job_stale(j, st_job_find(j, ST_JOBS)));
    assert_false(st_job_stale(j, st_job_find(j, ST_JOBS + 44)));
    assert_int_equal(back->last, ST_JOBS + 44);
    assert_memory_equal(back->job, j->job, sizeof j->job);
    assert_non_null(st_job_find(j, j->last - 900)); /* of ten minutes, and there were tips */
    assert_false(st_job_restore(back, data, sizeof data - 1));
    data[0] ^= 1;
    assert_false(st_job_restore(back, data, sizeof data));
    data[0] ^= 1;
    st_job bad = *st_job_find(j, ST_JOBS + 44); /* an older one that lay elsewhere takes no place */
    bad.number = 44;
    st_job_write(&bad, data);
    assert_true(st_job_restore(back, data, sizeof data));
    assert_non_null(st_job_find(back, ST_JOBS + 44));
    bad.number = ST_JOBS + 44;
    bad.v.n_path = 25;
    st_job_write(&bad, data);
    assert_false(st_job_restore(back, data, sizeof data));
    bad = *st_job_find(j, ST_JOBS + 44);
    bad.v.coinbase_outputs_len = 257;
    st_job_write(&bad, data);
    assert_false(st_job_restore(back, data, sizeof data));
    free(j);
}

/* Who has one address drives out none but his own. */
static void test_rows__are_bounded(void **state)
{
    (void)state;
    st_rows r = {.max = 100};
    uint32_t out;
    assert_null(st_rows_find(&r, 5));
    st_rows_remove(&r, 5);
    for (uint32_t i = 0; i < 30; i++) { /* of ten addresses, long ago; some are connected */
        assert_true(st_rows_put(&r, i << 16, 1000 + i % 10, i % 3 ? i : ST_ROW_LIVE, &out));
        assert_int_equal(out, i << 16);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(st_rows_put(&r, i << 16 | 1, 7, 1000 + i, &out));
        assert_int_equal(out, i < 70 ? i << 16 | 1 : (i - 70) << 16 | 1);
    }
    assert_int_equal(r.n, 100);
    for (uint32_t i = 0; i < 30; i++) {
        assert_non_null(st_rows_find(&r, i << 16));
        assert_int_equal(st_rows_find(&r, i << 16)->from, 1000 + i % 10);
    }
    assert_null(st_rows_find(&r, 2));
    assert_null(st_rows_find(&r, 929 << 16 | 1));
    /* The same one again takes no more room, from another address too. */
    assert_true(st_rows_put(&r, 999 << 16 | 1, 8, 5, &out));
    assert_true(out == (999u << 16 | 1) && r.n == 100);
    assert_int_equal(st_rows_find(&r, 999 << 16 | 1)->from, 8);
    assert_true(r.group[7] == 69 && r.group[8] == 1);
    for (uint32_t i = 0; i < 1000; i++) {
        st_rows_remove(&r, i << 16);
        st_rows_remove(&r, i << 16 | 1);
    }
    assert_int_equal(r.n, 0);
    for (uint32_t i = 0; i < ST_ROW_GROUPS; i++)
        assert_int_equal(r.group[i], 0);
    st_rows_clear(&r);
}

/* Who comes and goes drives out none of those that mine, however many of them have one address. */
static void test_rows__of_those_who_mine_stay(void **state)
{
    (void)state;
    st_rows r = {.max = 1000};
    uint32_t out;
    for (uint32_t i = 0; i < 1000; i++) /* a farm, and as many strangers as there is room for */
        assert_true(st_rows_put(&r, i, i < 100 ? 7 : 1000 + i, i < 100 ? ST_ROW_LIVE : i, &out));
    for (uint32_t i = 1000; i < 1900; i++) {
        assert_true(st_rows_put(&r, i, 2000 + i, i, &out));
        assert_int_equal(out, i - 900);
    }
    for (uint32_t i = 0; i < 100; i++)
        assert_non_null(st_rows_find(&r, i));
    /* Where all are connected one goes of where the most are. */
    for (uint32_t i = 1000; i < 1900; i++)
        st_rows_find(&r, i)->used = ST_ROW_LIVE;
    assert_true(st_rows_put(&r, 5000, 4000, ST_ROW_LIVE, &out));
    assert_in_range(out, 0, 99);
    assert_int_equal(r.n, 1000);
    st_rows_clear(&r);
}

static const char A[] = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
static const char B[] = "bcrt1qqqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0scjhmyt";

static void test_payouts__split_the_reward(void **state)
{
    (void)state;
    const qn_chain_text *chain = qn_chain_by_name("regtest");
    char text[400], why[200];
    st_job job = {.number = 1, .v = a_template(1)};
    st_coinbase cb;
    st_payout user;
    bool mistyped;
    assert_true(st_payouts_read(&job.recipe, chain, "none", why, sizeof why));
    assert_false(st_recipe_complete(&job.recipe));
    assert_false(st_coinbase_make(&job, NULL, 0, &cb)); /* nobody would get it */
    snprintf(text, sizeof text, " %s=15  %s", B, A);
    assert_true(st_payouts_read(&job.recipe, chain, text, why, sizeof why));
    assert_true(st_recipe_complete(&job.recipe));
    assert_int_equal(job.recipe.n_payout, 2);
    assert_true(st_coinbase_make(&job, NULL, 3, &cb));
    assert_int_equal(cb.data[cb.space], 3);
    /* 985 thousandths and the rounding to A, 15 to B, then the commitment. */
    int64_t first, second;
    const uint8_t *outs = cb.data + cb.space + ST_SPACE + 4 + 1;
    memcpy(&first, outs, 8);
    memcpy(&second, outs + 8 + 1 + 22, 8);
    assert_int_equal(second, 5000000001 * 15 / 1000);
    assert_int_equal(first, 5000000001 - second);
    assert_memory_equal(outs + 9, job.recipe.payout[1].script, 22);
    /* In solo mode a user takes the place of A. */
    job.recipe.solo = 1;
    assert_true(st_user_payout(
        chain, "bcrt1qqqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0scjhmyt.rig", &user,
        &mistyped));
    assert_true(st_coinbase_make(&job, &user, 0, &cb));
    assert_memory_equal(cb.data + cb.space + ST_SPACE + 4 + 1 + 9, user.script, 34);
    assert_false(
        st_user_payout(chain, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", &user, &mistyped));
    assert_false(st_user_payout(chain, "rig", &user, &mistyped));
    snprintf(text, sizeof text, "%s %s", A, B);
    assert_false(st_payouts_read(&job.recipe, chain, text, why, sizeof why));
    snprintf(text, sizeof text, "%s=600 %s=401", A, B);
    assert_false(st_payouts_read(&job.recipe, chain, text, why, sizeof why));
    snprintf(text, sizeof text, "%s=0", A);
    assert_false(st_payouts_read(&job.recipe, chain, text, why, sizeof why));
    snprintf(text, sizeof text, "%s=x", A);
    assert_false(st_payouts_read(&job.recipe, chain, text, why, sizeof why));
}

static void test_recipe_needs__bounds_each_coinbase(void **state)
{
    (void)state;
    static const char P2PKH[] = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn";
    const qn_chain_text *chain = qn_chain_by_name("regtest");
    char text[2000], why[200];
    uint32_t weight, sigops;
    for (uint32_t n = 0; n < 16; n++) {
        size_t at = (size_t)snprintf(text, sizeof text, "%s", n % 2 ? P2PKH : B);
        for (uint32_t i = 0; i < n; i++)
            at += (size_t)snprintf(text + at, sizeof text - at, " %s=60", i % 2 ? P2PKH : B);
        st_job job = {.number = 1, .v = a_template(1)};
        st_coinbase cb;
        uint8_t whole[4096], witness[32] = {0};
        assert_true(st_payouts_read(&job.recipe, chain, text, why, sizeof why));
        job.recipe.solo = n % 2;
        job.recipe.tag_len = ST_TAG_MAX;
        job.v.coinbase_prefix_len = 5;
        job.v.coinbase_outputs_len = sizeof job.v.coinbase_outputs;
        job.v.coinbase_outputs[8] = sizeof job.v.coinbase_outputs - 9;
        st_recipe_needs(&job.recipe, &weight, &sigops);
        const st_payout longest = {.len = ST_SCRIPT_MAX};
        assert_true(st_coinbase_make(&job, n % 2 ? &longest : NULL, 0, &cb));
        size_t len = qn_coinbase_add_witness(cb.data, cb.len, witness, whole, sizeof whole);
        size_t used = 4 * (80 + 3) + 3 * cb.len + len;
        assert_true(len && weight >= used && weight < used + 4 * 80);
        assert_int_equal(sigops, 4 * (n + 1));
    }
    /* Who mines for himself has an output where the recipe has none. */
    st_recipe r = {.solo = 1};
    st_recipe_needs(&r, &weight, &sigops);
    assert_int_equal(sigops, 4);
}

QC_TEST_MAIN(cmocka_unit_test(test_line__is_cut_wherever_the_stream_is),
             cmocka_unit_test(test_line__has_an_end), cmocka_unit_test(test_message__of_each_kind),
             cmocka_unit_test(test_message__refuses_what_is_none),
             cmocka_unit_test(test_number__is_a_plain_decimal),
             cmocka_unit_test(test_target_of__divides_exactly),
             cmocka_unit_test(test_seen__remembers_each_hash),
             cmocka_unit_test(test_seen__forgets_the_oldest_alone),
             cmocka_unit_test(test_vardiff__comes_near_what_is_wanted),
             cmocka_unit_test(test_vardiff__settles_where_few_are_wanted),
             cmocka_unit_test(test_ban__points_add_up_and_fade),
             cmocka_unit_test(test_ban_name__counts_networks_of_ipv6),
             cmocka_unit_test(test_workers__are_found_again_and_make_room),
             cmocka_unit_test(test_workers__lie_where_nobody_can_foresee),
             cmocka_unit_test(test_workers_by_work__is_the_same_whoever_came_first),
             cmocka_unit_test(test_worker_rate__is_that_of_the_shares),
             cmocka_unit_test(test_rows__are_bounded),
             cmocka_unit_test(test_rows__of_those_who_mine_stay),
             cmocka_unit_test(test_jobs__are_kept_and_come_back),
             cmocka_unit_test(test_recipe_needs__bounds_each_coinbase),
             cmocka_unit_test(test_payouts__split_the_reward))
