#include "core/mempool/fees.h"
#include "core/crypto/sha256.h"
#include "core/mempool/fees_stats.h"
#include "core/mempool/fees_watch.h"
#include "tests/unit/harness.h"

#include <float.h>
#include <math.h>

static const uint64_t salt[2] = {1, 2};

static qc_fees *new_fees(void)
{
    qc_fees *f;
    assert_int_equal(qc_fees_new(&f, salt), QC_OK);
    return f;
}

static qc_hash id_of(uint32_t i)
{
    qc_hash h = {{0}};
    memcpy(h.b, &i, sizeof i);
    h.b[31] = 1;
    return h;
}

/* Transaction number `id` enters at this height and pays `rate` sat/kvB. */
static void enter(qc_fees *f, uint32_t id, uint32_t height, qc_amount rate)
{
    qc_hash h = id_of(id);
    qc_fees_added(f, &(qc_fees_tx){.txid = &h, .height = height, .fee = rate, .vsize = 1000});
}

static void mine(qc_fees *f, uint32_t id)
{
    qc_hash h = id_of(id);
    qc_fees_mined(f, &h);
}

static void empty_block(qc_fees *f, uint32_t height)
{
    qc_fees_block_begin(f, height);
    qc_fees_block_end(f);
}

static int64_t raw(const qc_fees *f, uint32_t target)
{
    return qc_fees_raw(f, target, 0.95, QC_FEES_MEDIUM, NULL);
}

/* Ten levels of rates, 4 transactions of each per block. */
#define BASE 2000
typedef struct ladder {
    qc_fees *f;
    uint32_t height, next;
    uint32_t waiting[10][400];
    size_t n[10];
} ladder;

static void ladder_enter(ladder *l)
{
    for (size_t j = 0; j < 10; j++)
        for (int k = 0; k < 4; k++) {
            enter(l->f, l->next, l->height, BASE * (qc_amount)(j + 1));
            l->waiting[j][l->n[j]++] = l->next++;
        }
}

/* Mine all of the `levels` best ones. */
static void ladder_mine(ladder *l, size_t levels)
{
    qc_fees_block_begin(l->f, ++l->height);
    for (size_t j = 10 - levels; j < 10; j++)
        while (l->n[j])
            mine(l->f, l->waiting[j][--l->n[j]]);
    qc_fees_block_end(l->f);
}

/* The best level is in every block, the next one in 9 of 10 and within 2 blocks for sure, and so on
 * (the scenario of Core's policyestimator_tests). */
static void ladder_run(ladder *l, uint32_t to)
{
    while (l->height < to) {
        uint32_t block = l->height;
        ladder_enter(l);
        ladder_mine(l, block % 10 + 1);
    }
}

static void test_raw__rates_are_what_always_was_mined_in_time(void **state)
{
    (void)state;
    ladder l = {.f = new_fees()};
    ladder_run(&l, 3);
    /* Three levels together hold enough, and 97 % of them were mined within 2 blocks. */
    assert_int_equal(raw(l.f, 2), 9 * BASE);
    ladder_run(&l, 200);
    int64_t was[49] = {0};
    for (uint32_t t = 1; t <= 48; t++) {
        was[t] = raw(l.f, t);
        assert_true(t == 1 || was[t] <= was[t - 1]);
        if (t % 2 == 0 && t <= 10) /* the horizon counts pairs of blocks */
            assert_int_equal(was[t], (11 - t) * BASE);
    }
    assert_int_equal(was[48], BASE);
    assert_int_equal(raw(l.f, 0), 0);
    assert_int_equal(raw(l.f, 49), 0);

    /* Blocks without transactions teach nothing. */
    while (l.height < 250)
        ladder_mine(&l, 0);
    for (uint32_t t = 2; t < 10; t++)
        assert_int_equal(raw(l.f, t), was[t]);

    /* Much comes and nothing is mined. */
    while (l.height < 265) {
        ladder_enter(&l);
        ladder_mine(&l, 0);
    }
    for (uint32_t t = 1; t < 10; t++)
        assert_true(raw(l.f, t) == 0 || raw(l.f, t) >= was[t]);
    ladder_mine(&l, 10);
    for (uint32_t t = 1; t < 10; t++)
        assert_true(raw(l.f, t) == 0 || raw(l.f, t) >= was[t]);

    /* All is mined at once for 400 blocks. */
    while (l.height < 665) {
        ladder_enter(&l);
        ladder_mine(&l, 10);
    }
    for (uint32_t t = 2; t < 9; t++)
        assert_true(raw(l.f, t) < was[t] && raw(l.f, t) > 0);
    qc_fees_free(l.f);
}

static void test_raw__each_horizon_has_its_reach(void **state)
{
    (void)state;
    static const uint32_t max[QC_FEES_HORIZONS] = {12, 48, 1008};
    static const uint32_t scale[QC_FEES_HORIZONS] = {1, 2, 24};
    static const double decay[QC_FEES_HORIZONS] = {.962, .9952, .99931};
    static const char *const name[QC_FEES_HORIZONS] = {"short", "medium", "long"};
    ladder l = {.f = new_fees()};
    ladder_run(&l, 200);
    for (qc_fees_horizon h = QC_FEES_SHORT; h < QC_FEES_HORIZONS; h++) {
        qc_fees_detail d = {.scale = 77};
        assert_string_equal(qc_fees_horizon_name(h), name[h]);
        assert_int_equal(qc_fees_max_target(l.f, h), max[h]);
        assert_int_equal(qc_fees_raw(l.f, max[h] + 1, 0.5, h, &d), 0);
        assert_int_equal(qc_fees_raw(l.f, 0, 0.5, h, &d), 0);
        assert_int_equal(qc_fees_raw(l.f, 1, 1.1, h, &d), 0);
        assert_int_equal(d.scale, 77);
        assert_int_equal(qc_fees_raw(l.f, max[h], 0.5, h, &d), BASE);
        assert_int_equal(d.scale, scale[h]);
        assert_true(d.decay == decay[h]);
        /* Below the lowest level there is too little to judge. */
        assert_true(d.fail.start == 0 && d.fail.end < d.pass.end && d.fail.total_confirmed == 0);
    }
    /* The shortest one demands more of a range of buckets. */
    assert_int_equal(qc_fees_raw(l.f, 1, 1, QC_FEES_SHORT, NULL), 10 * BASE);
    qc_fees_free(l.f);
}

/* What has happened, event by event. */
#define MODEL_TX 4000
typedef struct model {
    qc_fees *f;
    uint32_t height;
    struct {
        uint32_t entered, ended;
        int64_t rate;
        enum { WAITS, MINED, LEFT } what;
    } tx[MODEL_TX];
    size_t n;
} model;

static void model_step(model *m, uint64_t *seed)
{
    for (int k = 0; k < 12; k++) {
        int64_t rate = (int64_t)(exp((double)(test_rand(seed) % 7000) / 1000.0) * 200.0);
        m->tx[m->n].entered = m->height;
        m->tx[m->n].rate = rate;
        enter(m->f, (uint32_t)m->n++, m->height, rate);
    }
    qc_fees_block_begin(m->f, ++m->height);
    for (size_t i = 0; i < m->n; i++) {
        int64_t luck = (int64_t)(test_rand(seed) % 100000);
        if (m->tx[i].what != WAITS || luck >= m->tx[i].rate)
            continue;
        m->tx[i].what = MINED;
        m->tx[i].ended = m->height;
        mine(m->f, (uint32_t)i);
    }
    qc_fees_block_end(m->f);
    for (size_t i = 0; i < m->n; i++) {
        if (m->tx[i].what != WAITS || test_rand(seed) % 100 != 0)
            continue;
        qc_hash h = id_of((uint32_t)i);
        m->tx[i].what = LEFT;
        m->tx[i].ended = m->height;
        assert_true(qc_fees_removed(m->f, &h));
    }
}

/* Counts of one range, from the events alone. */
static qc_fees_range model_range(const model *m, const qc_fees_range *r, uint32_t target,
                                 const qc_fees_detail *d)
{
    qc_fees_range out = {.start = r->start, .end = r->end};
    uint32_t within = (target + d->scale - 1) / d->scale * d->scale;
    for (size_t i = 0; i < m->n; i++) {
        double rate = (double)m->tx[i].rate;
        if (rate <= r->start || rate > r->end)
            continue;
        uint32_t took = m->tx[i].ended - m->tx[i].entered;
        double weight = pow(d->decay, m->height - m->tx[i].ended);
        if (m->tx[i].what == WAITS) {
            out.in_pool += m->height - m->tx[i].entered >= target;
        } else if (m->tx[i].what == LEFT) {
            out.left_pool += took >= within ? weight : 0;
        } else {
            out.total_confirmed += weight;
            out.within_target += took <= within ? weight : 0;
        }
    }
    return out;
}

static void assert_near(double a, double b)
{
    assert_true(fabs(a - b) <= 1e-9 * (1 + fabs(a)));
}

static double success(const qc_fees_range *r)
{
    return r->within_target / (r->total_confirmed + r->in_pool + r->left_pool);
}

static void assert_range(const model *m, const qc_fees_range *r, uint32_t target,
                         const qc_fees_detail *d)
{
    qc_fees_range want = model_range(m, r, target, d);
    assert_near(r->within_target, want.within_target);
    assert_near(r->total_confirmed, want.total_confirmed);
    assert_near(r->in_pool, want.in_pool);
    assert_near(r->left_pool, want.left_pool);
}

static void test_raw__detail_is_what_happened(void **state)
{
    (void)state;
    static model m;
    memset(&m, 0, sizeof m);
    uint64_t seed = 5;
    size_t passed = 0, failed = 0;
    m.f = new_fees();
    while (m.n + 12 <= MODEL_TX) {
        model_step(&m, &seed);
        if (m.height % 40 != 0)
            continue;
        for (qc_fees_horizon h = QC_FEES_SHORT; h < QC_FEES_HORIZONS; h++)
            for (uint32_t t = 1; t <= qc_fees_max_target(m.f, h); t += t < 10 ? 1 : 7) {
                qc_fees_detail d;
                double threshold = (double)(test_rand(&seed) % 100) / 100;
                int64_t rate = qc_fees_raw(m.f, t, threshold, h, &d);
                if (d.pass.start >= 0) {
                    assert_range(&m, &d.pass, t, &d);
                    assert_true(success(&d.pass) >= threshold);
                    assert_true((double)rate >= d.pass.start - 1 && (double)rate <= d.pass.end + 1);
                    passed++;
                } else {
                    assert_int_equal(rate, 0);
                }
                if (d.fail.start >= 0) {
                    assert_range(&m, &d.fail, t, &d);
                    failed++;
                }
            }
    }
    assert_true(passed > 100 && failed > 100);
    qc_fees_free(m.f);
}

/* A fixed history of 700 blocks without arithmetic that could differ from machine to machine. */
static void fixed_history(qc_fees *f, uint32_t height)
{
    static struct {
        uint32_t id;
        int64_t rate;
    } pool[20000];
    uint64_t seed = 2026;
    uint32_t id = 0;
    size_t n = 0;
    for (uint32_t b = 0; b < 700; b++) {
        for (uint64_t k = test_rand(&seed) % 30; k > 0; k--) {
            int64_t vsize = 100 + (int64_t)(test_rand(&seed) % 2000);
            uint64_t draw = test_rand(&seed);
            int64_t rate = 200 + (int64_t)(draw % (256u << test_rand(&seed) % 12));
            int64_t fee = rate * vsize / 1000;
            qc_hash h = id_of(id);
            qc_fees_added(f,
                          &(qc_fees_tx){.txid = &h, .height = height, .fee = fee, .vsize = vsize});
            pool[n].rate = rate;
            pool[n++].id = id++;
        }
        qc_fees_block_begin(f, ++height);
        size_t kept = 0;
        for (size_t i = 0; i < n; i++)
            if ((int64_t)(test_rand(&seed) % 60000) < pool[i].rate) {
                mine(f, pool[i].id);
            } else {
                pool[kept++] = pool[i];
            }
        qc_fees_block_end(f);
        n = kept;
        kept = 0;
        for (size_t i = 0; i < n; i++) {
            qc_hash h = id_of(pool[i].id);
            if (test_rand(&seed) % 100 == 0) {
                qc_fees_removed(f, &h);
            } else {
                pool[kept++] = pool[i];
            }
        }
        n = kept;
    }
}

/* What Core's estimator (31.99) answers after the same history, and the file that it writes. */
static void test_history__teaches_the_same_as_in_core(void **state)
{
    (void)state;
    static const struct {
        uint32_t target;
        int64_t rate;
        qc_fees_reason reason;
    } smart[] = {
        {2, 53005, QC_FEES_FULL},  {3, 37137, QC_FEES_HALF}, {6, 20824, QC_FEES_HALF},
        {12, 15021, QC_FEES_FULL}, {24, 7829, QC_FEES_HALF}, {48, 2328, QC_FEES_FULL},
    };
    static const struct {
        qc_fees_horizon h;
        uint32_t target;
        int64_t at_60, at_95;
    } one[] = {
        {QC_FEES_SHORT, 1, 37137, 74575},  {QC_FEES_SHORT, 5, 11173, 28199},
        {QC_FEES_SHORT, 12, 7829, 15021},  {QC_FEES_MEDIUM, 1, 23141, 55468},
        {QC_FEES_MEDIUM, 5, 10536, 23141}, {QC_FEES_MEDIUM, 12, 4846, 13480},
        {QC_FEES_LONG, 1, 2215, 8283},     {QC_FEES_LONG, 49, 758, 2215},
        {QC_FEES_LONG, 136, 286, 758},
    };
    qc_fees *f = new_fees();
    qc_bytes b = QC_BYTES_INIT;
    uint8_t sum[32];
    fixed_history(f, 5000);
    for (size_t i = 0; i < 2 * QC_COUNTOF(smart); i++) {
        qc_fees_answer a = qc_fees_smart(f, smart[i / 2].target, i % 2);
        assert_int_equal(a.rate, smart[i / 2].rate);
        assert_int_equal(a.reason, smart[i / 2].reason);
    }
    for (size_t i = 0; i < QC_COUNTOF(one); i++) {
        assert_int_equal(qc_fees_raw(f, one[i].target, .6, one[i].h, NULL), one[i].at_60);
        assert_int_equal(qc_fees_raw(f, one[i].target, .95, one[i].h, NULL), one[i].at_95);
    }
    assert_int_equal(qc_fees_write(f, &b), QC_OK);
    qc_sha256(qc_bytes_span(&b), sum);
    qc_bytes want = hex_bytes("90dfc4e320e552c8c09b1d2c766615598fba1807c66a99975ad08184d1ca86e5");
#if FLT_EVAL_METHOD == 0 /* nothing is kept in wider registers */
    assert_memory_equal(sum, want.data, 32);
#endif
    qc_bytes_free(&want);
    qc_bytes_free(&b);
    qc_fees_free(f);
}

static void test_added__only_what_tells_about_fees(void **state)
{
    (void)state;
    qc_fees *f = new_fees();
    qc_hash id = id_of(1);
    empty_block(f, 5);
    qc_fees_tx good = {.txid = &id, .height = 5, .fee = 1000, .vsize = 100};
    for (int i = 0; i < 6; i++) {
        qc_fees_tx tx = good;
        tx.limits_bypassed = i == 0;
        tx.in_package = i == 1;
        tx.chain_behind = i == 2;
        tx.has_parents = i == 3;
        tx.height = i == 4 ? 6 : i == 5 ? 4 : 5;
        qc_fees_added(f, &tx);
        assert_int_equal(qc_fees_watched(f), 0);
        assert_false(qc_fees_removed(f, &id));
    }
    qc_fees_added(f, &good);
    qc_fees_added(f, &good);
    assert_int_equal(qc_fees_watched(f), 1);
    assert_true(qc_fees_removed(f, &id));
    assert_false(qc_fees_removed(f, &id));
    assert_int_equal(qc_fees_watched(f), 0);
    qc_fees_free(f);
}

static void test_block__lower_ones_teach_nothing(void **state)
{
    (void)state;
    qc_fees *f = new_fees();
    empty_block(f, 10);
    for (uint32_t i = 0; i < 100; i++)
        enter(f, i, 10, 5000);
    qc_bytes before, after;
    assert_int_equal(qc_fees_write(f, &before), QC_OK);
    for (uint32_t height = 9; height <= 10; height++) {
        qc_fees_block_begin(f, height);
        for (uint32_t i = 0; i < 50; i++)
            mine(f, i + 50 * (height - 9));
        qc_fees_block_end(f);
    }
    assert_int_equal(qc_fees_write(f, &after), QC_OK);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, before.len);
    assert_int_equal(qc_fees_watched(f), 0);
    qc_bytes_free(&before);
    qc_bytes_free(&after);
    /* They do not wait any longer either. */
    for (uint32_t i = 0; i < 100; i++)
        enter(f, i, 10, 5000);
    qc_fees_block_begin(f, 11);
    for (uint32_t i = 0; i < 100; i++)
        mine(f, i);
    qc_fees_block_end(f);
    qc_fees_detail d;
    assert_int_equal(qc_fees_raw(f, 1, 0.9, QC_FEES_MEDIUM, &d), 5000);
    assert_near(d.pass.in_pool, 0);
    assert_near(d.pass.total_confirmed, 100);
    qc_fees_free(f);
}

static void test_flush_unconfirmed__counts_as_failure(void **state)
{
    (void)state;
    qc_fees *f = new_fees();
    empty_block(f, 1);
    for (uint32_t i = 0; i < 150; i++)
        enter(f, i, 1, 5000);
    qc_fees_block_begin(f, 2);
    for (uint32_t i = 0; i < 100; i++)
        mine(f, i);
    qc_fees_block_end(f);
    empty_block(f, 3);
    empty_block(f, 4);
    qc_fees_detail a, b;
    assert_int_equal(qc_fees_raw(f, 2, 0.9, QC_FEES_MEDIUM, &a), 0);
    assert_near(a.fail.in_pool, 50);
    assert_near(a.fail.left_pool, 0);
    qc_fees_flush_unconfirmed(f);
    assert_int_equal(qc_fees_watched(f), 0);
    assert_int_equal(qc_fees_raw(f, 2, 0.9, QC_FEES_MEDIUM, &b), 0);
    assert_near(b.fail.in_pool, 0);
    assert_near(b.fail.left_pool, 50);
    /* They had waited for 3 blocks: not for two periods of two. */
    assert_int_equal(qc_fees_raw(f, 4, 0.9, QC_FEES_MEDIUM, &b), 5000);
    assert_near(b.pass.left_pool, 0);
    qc_fees_free(f);
}

static void test_smart__says_nothing_without_history(void **state)
{
    (void)state;
    ladder l = {.f = new_fees()};
    qc_fees_answer a = qc_fees_smart(l.f, 6, true);
    assert_int_equal(a.rate, 0);
    assert_int_equal(a.target, 0);
    assert_int_equal(a.reason, QC_FEES_NONE);
    assert_true(a.detail.pass.start == -1);
    for (uint32_t t = 0; t <= 1009; t += 1009) {
        a = qc_fees_smart(l.f, t, true);
        assert_int_equal(a.rate, 0);
        assert_int_equal(a.target, t);
    }
    /* Half of the blocks between the first one counted and now can be answered for. */
    for (uint32_t height = 2; height < 20; height++) {
        ladder_run(&l, height);
        a = qc_fees_smart(l.f, 1008, false);
        assert_int_equal(a.target, (height - 1) / 2);
        assert_int_equal(a.best_height, height);
        assert_int_equal(a.rate > 0, height >= 5);
    }
    a = qc_fees_smart(l.f, 1, false);
    assert_int_equal(a.target, 2);
    qc_fees_free(l.f);
}

/* By hand: the level that was mined within t blocks in 95 % of the cases and so on. */
static void test_smart__takes_the_highest_of_three(void **state)
{
    (void)state;
    ladder l = {.f = new_fees()};
    ladder_run(&l, 400);
    int64_t last = INT64_MAX;
    for (uint32_t t = 2; t <= 100; t++) {
        qc_fees_answer eco = qc_fees_smart(l.f, t, false), con = qc_fees_smart(l.f, t, true);
        assert_int_equal(eco.target, t);
        assert_true(eco.rate > 0 && eco.rate % BASE == 0);
        assert_true(con.rate >= eco.rate);
        assert_true(eco.rate <= last);
        assert_true(eco.reason != QC_FEES_NONE);
        last = eco.rate;
    }
    assert_int_equal(last, BASE);
    /* 60 % within one block: the level that is in 6 of 10; 85 % within 2 and 95 % within 4 are
     * lower levels' (each waits for a number of blocks that grows by one per level). */
    qc_fees_answer a = qc_fees_smart(l.f, 2, false);
    assert_int_equal(a.rate, qc_fees_raw(l.f, 2, 0.85, QC_FEES_SHORT, NULL));
    assert_int_equal(a.reason, QC_FEES_FULL);
    qc_fees_free(l.f);
}

static void test_smart__conservative_listens_to_the_past(void **state)
{
    (void)state;
    ladder l = {.f = new_fees()};
    ladder_run(&l, 300);
    /* Then everything is mined at once, for a little longer than the short horizon remembers. */
    while (l.height < 400) {
        ladder_enter(&l);
        ladder_mine(&l, 10);
    }
    qc_fees_answer eco = qc_fees_smart(l.f, 2, false), con = qc_fees_smart(l.f, 2, true);
    assert_int_equal(eco.rate, BASE);
    assert_true(con.rate > eco.rate);
    assert_int_equal(con.reason, QC_FEES_CONSERVATIVE);
    assert_true(con.detail.decay > eco.detail.decay);
    qc_fees_free(l.f);
}

static void test_watch__as_a_plain_list(void **state)
{
    (void)state;
    static bool there[2000];
    static uint32_t height[2000];
    qc_fees_watch w = {.key = {3, 4}};
    qc_fees_watched_tx tx;
    uint64_t seed = 9;
    size_t n = 0;
    memset(there, 0, sizeof there);
    for (uint32_t step = 0; step < 200000; step++) {
        uint32_t i = (uint32_t)(test_rand(&seed) % (step < 100000 ? 2000 : 200));
        qc_hash id = id_of(i);
        if (test_rand(&seed) % 2) {
            tx = (qc_fees_watched_tx){.txid = id, .height = step};
            assert_int_equal(qc_fees_watch_add(&w, &tx), !there[i]);
            n += !there[i];
            if (!there[i])
                height[i] = step;
            there[i] = true;
        } else {
            assert_int_equal(qc_fees_watch_take(&w, &id, &tx), there[i]);
            if (there[i])
                assert_int_equal(tx.height, height[i]);
            n -= there[i];
            there[i] = false;
        }
        assert_int_equal(w.n, n);
    }
    qc_fees_watch_clear(&w);
}

static void test_buckets__hold_every_rate(void **state)
{
    (void)state;
    qc_fees_buckets b;
    assert_int_equal(qc_fees_buckets_init(&b), QC_OK);
    assert_int_equal(b.n, 237);
    assert_true(b.end[0] == 100 && b.end[1] == 105 && b.end[2] == 105 * 1.05);
    assert_true(b.end[235] <= 1e7 && b.end[235] * 1.05 > 1e7 && b.end[236] == 1e99);
    for (size_t i = 0; i < b.n; i++) {
        assert_int_equal(qc_fees_bucket_of(&b, b.end[i]), i);
        assert_int_equal(qc_fees_bucket_of(&b, nextafter(b.end[i], 0)), i);
        if (i + 1 < b.n)
            assert_int_equal(qc_fees_bucket_of(&b, nextafter(b.end[i], INFINITY)), i + 1);
    }
    assert_int_equal(qc_fees_bucket_of(&b, 0), 0);
    assert_int_equal(qc_fees_bucket_of(&b, -1e18), 0);
    assert_int_equal(qc_fees_bucket_of(&b, (double)INT64_MAX), 236);
    qc_free(b.end);
}

static void test_fee_rounder__steps_of_ten_per_cent(void **state)
{
    (void)state;
    qc_fee_rounder r;
    qc_fee_rounder_init(&r, qc_feerate_per_kvb(1000));
    /* Values of Core's feerounder_tests. */
    assert_int_equal(qc_fee_rounder_round(&r, 1000, 0), 1071);
    assert_int_equal(qc_fee_rounder_round(&r, 1000, 1), 974);
    assert_int_equal(qc_fee_rounder_round(&r, 1000, 2), 974);
    assert_int_equal(qc_fee_rounder_round(&r, 1000, 3), 1071);
    assert_int_equal(qc_fee_rounder_round(&r, 0, 1), 0);
    assert_int_equal(qc_fee_rounder_round(&r, -1, 1), 0);
    assert_int_equal(qc_fee_rounder_round(&r, INT64_MIN, 1), 0);
    assert_int_equal(qc_fee_rounder_round(&r, 1, 0), 500);
    assert_int_equal(qc_fee_rounder_round(&r, 1, 1), 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(qc_fee_rounder_round(&r, QC_MAX_MONEY, i), 9170997);
        assert_int_equal(qc_fee_rounder_round(&r, INT64_MAX, i), 9170997);
    }
    qc_fee_rounder_init(&r, qc_feerate_per_kvb(0));
    assert_int_equal(r.n, 171);
    assert_true(r.step[1] == 1);
    qc_fee_rounder_init(&r, qc_feerate_per_kvb(100));
    assert_true(r.step[1] == 50);
    qc_fee_rounder_init(&r, qc_feerate_per_kvb(QC_MAX_MONEY));
    assert_int_equal(r.n, 1);
    assert_int_equal(qc_fee_rounder_round(&r, 5000, 0), 0);
}

typedef struct chunk_list {
    const qc_fees_chunk *at;
    size_t n;
} chunk_list;

static bool next_chunk(void *arg, qc_fees_chunk *out)
{
    chunk_list *l = arg;
    if (l->n == 0)
        return false;
    *out = *l->at++;
    l->n--;
    return true;
}

static void test_pool_floor__is_the_first_that_has_no_room(void **state)
{
    (void)state;
    static const qc_fees_chunk c[] = {{9000, 4000}, {8000, 4000}, {3000, 2000}, {4, 4}, {-5, 4}};
    static const struct {
        uint32_t blocks, weight;
        int64_t kvb;
    } t[] = {
        {0, 4000, 9000},
        {1, 3999, 9000},
        {1, 4000, 8000},
        {1, 8000, 6000},
        {2, 4000, 6000},
        {2, 5000, 4000},
        {1, 10003, 4000},
        {1, 10004, -5000},
        {1, 10008, 0},
        {9, 4000000, 0},
        {UINT32_MAX, UINT32_MAX, 0},
    };
    for (size_t i = 0; i < QC_COUNTOF(t); i++) {
        chunk_list l = {c, QC_COUNTOF(c)};
        qc_fees_chunks chunks = {&l, next_chunk};
        assert_int_equal(qc_feerate_kvb(qc_fees_pool_floor(&chunks, t[i].blocks, t[i].weight)),
                         t[i].kvb);
    }
}

static void test_new__survives_each_single_fault(void **state)
{
    (void)state;
    unsigned runs;
    FOR_EACH_FAULT (runs) {
        qc_fees *f;
        qc_err err = qc_fees_new(&f, salt);
        assert_int_equal(err, fault_was_hit() ? QC_ENOMEM : QC_OK);
        assert_int_equal(!f, err != QC_OK);
        qc_fees_free(f);
    }
    assert_int_equal(runs, 21); /* itself, buckets, six arrays of each horizon */
}

QC_TEST_MAIN(cmocka_unit_test(test_raw__rates_are_what_always_was_mined_in_time),
             cmocka_unit_test(test_raw__each_horizon_has_its_reach),
             cmocka_unit_test(test_raw__detail_is_what_happened),
             cmocka_unit_test(test_history__teaches_the_same_as_in_core),
             cmocka_unit_test(test_added__only_what_tells_about_fees),
             cmocka_unit_test(test_block__lower_ones_teach_nothing),
             cmocka_unit_test(test_flush_unconfirmed__counts_as_failure),
             cmocka_unit_test(test_smart__says_nothing_without_history),
             cmocka_unit_test(test_smart__takes_the_highest_of_three),
             cmocka_unit_test(test_smart__conservative_listens_to_the_past),
             cmocka_unit_test(test_watch__as_a_plain_list),
             cmocka_unit_test(test_buckets__hold_every_rate),
             cmocka_unit_test(test_fee_rounder__steps_of_ten_per_cent),
             cmocka_unit_test(test_pool_floor__is_the_first_that_has_no_room),
             cmocka_unit_test(test_new__survives_each_single_fault))
