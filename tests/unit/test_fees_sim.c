/* Does what the estimator says come true? A stream of transactions whose rates are spread over a
 * decade, blocks that come at random and take the best; probes pay what it said and are watched. */
#include "core/mempool/fees.h"
#include "tests/unit/harness.h"

#include <math.h>

#define MAX_WAITING 8000
#define ROOM 50u      /* transactions per block */
#define PATIENCE 144u /* blocks */

typedef struct waiting_tx {
    uint32_t id, entered;
    int64_t rate;
    uint32_t probe; /* 0, or the target that it paid for */
} waiting_tx;

typedef struct market {
    qc_fees *f;
    uint64_t seed;
    uint32_t height, next_id;
    size_t n;
    waiting_tx tx[MAX_WAITING];
    struct {
        uint32_t in_time, late;
    } probe[1009];
} market;

static double uniform(market *m)
{
    return ((double)(test_rand(&m->seed) >> 11) + 0.5) / 9007199254740992.0;
}

static qc_hash id_of(uint32_t i)
{
    qc_hash h = {{7}};
    memcpy(h.b + 1, &i, sizeof i);
    return h;
}

static void enter(market *m, int64_t rate, uint32_t probe)
{
    assert_true(m->n < MAX_WAITING);
    waiting_tx *t = &m->tx[m->n++];
    *t = (waiting_tx){m->next_id++, m->height, rate, probe};
    qc_hash id = id_of(t->id);
    /* Probes look without being seen. */
    if (!probe)
        qc_fees_added(m->f, &(qc_fees_tx){&id, m->height, rate, 1000, 0, 0, 0, 0});
}

static int by_rate(const void *a, const void *b)
{
    const waiting_tx *x = a, *y = b;
    if (x->rate != y->rate)
        return x->rate > y->rate ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static void judge_probe(market *m, const waiting_tx *t)
{
    if (m->height - t->entered <= t->probe)
        m->probe[t->probe].in_time++;
    else
        m->probe[t->probe].late++;
}

/* A block: as many as have room. Probes take none. */
static void mine(market *m)
{
    size_t kept = 0;
    uint32_t room = ROOM;
    qsort(m->tx, m->n, sizeof m->tx[0], by_rate);
    qc_fees_block_begin(m->f, ++m->height);
    for (size_t i = 0; i < m->n; i++) {
        waiting_tx *t = &m->tx[i];
        if (room == 0) {
            m->tx[kept++] = *t;
            continue;
        }
        if (t->probe) {
            judge_probe(m, t);
            continue;
        }
        qc_hash id = id_of(t->id);
        qc_fees_mined(m->f, &id);
        room--;
    }
    m->n = kept;
    qc_fees_block_end(m->f);
}

/* From one block to the next: an exponential time, in which `load` times ROOM come on average.
 * Who has waited for a day gives up. */
static void live(market *m, uint32_t blocks, double load)
{
    while (blocks--) {
        double come = -log(uniform(m)) * load * ROOM;
        for (double k = 0.5; k < come; k++)
            enter(m, (int64_t)(1000 * pow(10, uniform(m))), 0);
        mine(m);
        size_t kept = 0;
        for (size_t i = 0; i < m->n; i++) {
            qc_hash id = id_of(m->tx[i].id);
            if (m->height - m->tx[i].entered < PATIENCE)
                m->tx[kept++] = m->tx[i];
            else if (m->tx[i].probe)
                judge_probe(m, &m->tx[i]);
            else
                qc_fees_removed(m->f, &id);
        }
        m->n = kept;
    }
}

static market *new_market(uint64_t seed)
{
    static const uint64_t salt[2] = {1, 2};
    market *m = qc_alloc(sizeof *m);
    m->seed = seed;
    assert_int_equal(qc_fees_new(&m->f, salt), QC_OK);
    return m;
}

static void free_market(market *m)
{
    qc_fees_free(m->f);
    qc_free(m);
}

static const uint32_t targets[] = {2, 3, 6, 12, 24, 72};

/* Pay `share` of what it says and count how often that was enough. Out: of each target, per
 * thousand. */
static void probe(market *m, uint32_t blocks, double load, bool conservative, double share,
                  uint32_t good[QC_COUNTOF(targets)])
{
    memset(m->probe, 0, sizeof m->probe);
    for (uint32_t b = 0; b < blocks; b++) {
        for (size_t i = 0; i < QC_COUNTOF(targets); i++) {
            qc_fees_answer a = qc_fees_smart(m->f, targets[i], conservative);
            assert_int_equal(a.target, targets[i]);
            assert_true(a.rate > 0);
            enter(m, (int64_t)((double)a.rate * share), targets[i]);
        }
        live(m, 1, load);
    }
    live(m, 100, load);
    for (size_t i = 0; i < QC_COUNTOF(targets); i++) {
        uint32_t in = m->probe[targets[i]].in_time, late = m->probe[targets[i]].late;
        good[i] = in * 1000 / (in + late);
        print_message("target %u, %g of the estimate: %u of 1000 in time\n", targets[i], share,
                      good[i]);
    }
}

static void test_smart__what_it_says_suffices(void **state)
{
    (void)state;
    for (int conservative = 0; conservative < 2; conservative++) {
        uint32_t good[QC_COUNTOF(targets)];
        market *m = new_market(11);
        live(m, 1000, 0.9);
        probe(m, 600, 0.9, conservative, 1, good);
        for (size_t i = 0; i < QC_COUNTOF(targets); i++)
            assert_true(good[i] >= 850);
        free_market(m);
    }
}

static void test_smart__much_less_does_not(void **state)
{
    (void)state;
    uint32_t good[QC_COUNTOF(targets)];
    market *m = new_market(12);
    live(m, 1000, 0.9);
    probe(m, 600, 0.9, false, 0.5, good);
    for (size_t i = 0; i < 5; i++)
        assert_true(good[i] < 800);
    free_market(m);
}

static void test_smart__longer_targets_are_cheaper(void **state)
{
    (void)state;
    market *m = new_market(13);
    live(m, 1000, 0.9);
    int64_t last = INT64_MAX;
    for (size_t i = 0; i < QC_COUNTOF(targets); i++) {
        qc_fees_answer eco = qc_fees_smart(m->f, targets[i], false);
        qc_fees_answer con = qc_fees_smart(m->f, targets[i], true);
        print_message("target %u: %lld, conservative %lld\n", targets[i], (long long)eco.rate,
                      (long long)con.rate);
        assert_true(eco.rate <= last && con.rate >= eco.rate);
        last = eco.rate;
    }
    assert_true(last < qc_fees_smart(m->f, 2, false).rate / 2);
    free_market(m);
}

/* More comes than is mined: the best ROOM of it, for ever. What a transaction must pay is then the
 * rate that just so many pay more than; nothing below it is ever mined. */
static void test_smart__finds_the_price_of_a_full_market(void **state)
{
    (void)state;
    market *m = new_market(14);
    live(m, 1500, 1.5);
    double price = 1000 * pow(10, 1 - 1 / 1.5);
    for (size_t i = 2; i < QC_COUNTOF(targets); i++) {
        double rate = (double)qc_fees_smart(m->f, targets[i], false).rate;
        print_message("target %u: %g, price %g\n", targets[i], rate, price);
        assert_true(rate > price * 0.95 && rate < price * 2.5);
    }
    /* The longer one may wait, the less a run of slow blocks costs. */
    double rate = (double)qc_fees_smart(m->f, 72, false).rate;
    assert_true(rate < price * 1.4);
    free_market(m);
}

static void test_smart__follows_the_market(void **state)
{
    (void)state;
    market *m = new_market(15);
    live(m, 600, 0.5);
    int64_t quiet = qc_fees_smart(m->f, 6, false).rate;
    live(m, 60, 2);
    int64_t rush = qc_fees_smart(m->f, 6, false).rate;
    live(m, 300, 0.3);
    int64_t after = qc_fees_smart(m->f, 6, false).rate;
    print_message("quiet %lld, rush %lld, after %lld\n", (long long)quiet, (long long)rush,
                  (long long)after);
    assert_true(rush > 2 * quiet);
    assert_true(after < rush / 2);
    free_market(m);
}

QC_TEST_MAIN(cmocka_unit_test(test_smart__what_it_says_suffices),
             cmocka_unit_test(test_smart__much_less_does_not),
             cmocka_unit_test(test_smart__longer_targets_are_cheaper),
             cmocka_unit_test(test_smart__finds_the_price_of_a_full_market),
             cmocka_unit_test(test_smart__follows_the_market))
