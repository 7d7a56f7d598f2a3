/* Peers before the true pool: what they announce and send ends there, and what is there is told to
 * others. */
#include "core/sync/txpool.h"
#include "tests/unit/pool_kit.h"

#define SECOND INT64_C(1000000)

typedef struct rig {
    pool_kit p;
    qc_txpool t;
    qc_txrelay *r;
    qc_relay_hooks h;
    qc_extra *extra;
    uint64_t seed;
    int64_t ahead; /* of the kit's clock, microseconds */
} rig;

static rig R;

static uint64_t chance(void *arg)
{
    return test_rand(arg);
}

static int64_t clock_now(void *arg)
{
    (void)arg;
    return R.p.now * SECOND + R.ahead;
}

static int start(void **state)
{
    (void)state;
    memset(&R, 0, sizeof R);
    pk_start(&R.p);
    R.t.m = R.p.m;
    const qc_txrelay_options o = {.pool = qc_txpool_for_relay(&R.t),
                                  .key = {1, 2},
                                  .random = chance,
                                  .random_arg = &R.seed,
                                  .now = clock_now,
                                  .send_rate = QC_INV_RATE};
    R.r = qc_txrelay_new(&o);
    R.h = qc_txrelay_hooks(R.r);
    R.extra = qc_extra_new(100);
    R.h.begin(R.h.arg, R.extra);
    for (qc_peer_id id = 1; id <= 2; id++) {
        const qc_peer_info p = {.id = id, .type = QC_CONN_FULL, .wtxid_relay = true};
        R.h.opened(R.h.arg, &p, true);
    }
    return 0;
}

static int finish(void **state)
{
    (void)state;
    qc_mempool_check(R.p.m);
    qc_txrelay_free(R.r);
    qc_extra_free(R.extra);
    pk_end(&R.p);
    return 0;
}

static qc_relay_say say(qc_peer_id id)
{
    const qc_relay_view v = {.id = id, .wants = true};
    qc_relay_say s = {.tell = NULL};
    R.h.say(R.h.arg, &v, clock_now(NULL), &s);
    R.h.ask(R.h.arg, id, clock_now(NULL), &s);
    return s;
}

/* All that this peer is told in the next minute: how many; *first (may be NULL): the first. */
static size_t told(qc_peer_id id, qc_tx_name *first)
{
    size_t n = 0;
    for (int i = 0; i < 600; i++) {
        qc_relay_say s = say(id);
        if (s.n_tell && n == 0 && first)
            *first = s.tell[0];
        n += s.n_tell;
        qc_free(s.tell);
        qc_free(s.ask);
        R.ahead += SECOND / 10;
    }
    return n;
}

static void receive(qc_peer_id from, const tb_tx *tx)
{
    qc_txbuf b;
    tb_tx_parse(tx, &b);
    R.h.received(R.h.arg, from, &b.tx);
    qc_txbuf_clear(&b);
}

static bool in_pool(const tb_tx *tx)
{
    const qc_hash id = tb_txid(tx);
    return pk_has(&R.p, &id);
}

static void test_relay__from_one_peer_to_the_other(void **state)
{
    qc_tx_name name;
    qc_bytes b = QC_BYTES_INIT;
    (void)state;
    tb_tx *tx = pk_spend(&R.p.coin[0], 1, 1000, 1);
    qc_hash id = tb_txid(tx);
    told(2, NULL);
    receive(1, tx);
    assert_true(in_pool(tx));
    qc_mempool_unbroadcast_add(R.p.m, &id);
    assert_int_equal(told(2, &name), 1);
    assert_true(name.wtxid);
    assert_true(R.h.give(R.h.arg, 2, &name, true, &b));
    qc_bytes raw = tb_tx_bytes(tx, true);
    assert_int_equal(b.len, raw.len);
    assert_memory_equal(b.data, raw.data, raw.len);
    assert_false(qc_mempool_unbroadcast(R.p.m, &id)); /* somebody has asked */
    assert_int_equal(R.h.fee_round(R.h.arg, R.h.fee_floor(R.h.arg)), 100);
    qc_bytes_free(&b);
    qc_bytes_free(&raw);
    tb_tx_free(tx);
}

static void test_orphan__comes_in_after_its_parent(void **state)
{
    (void)state;
    tb_tx *parent = pk_spend(&R.p.coin[1], 1, 1000, 1);
    const pk_coin out = pk_out(parent, 0);
    tb_tx *child = pk_spend(&out, 1, 1000, 1);
    receive(1, child);
    assert_false(in_pool(child));
    assert_int_equal(qc_orphanage_used(qc_txrelay_orphans(R.r)).orphans, 1);
    assert_int_equal(qc_extra_count(R.extra), 1);
    receive(2, parent);
    assert_true(R.h.has_work(R.h.arg, QC_RELAY_ANYBODY));
    assert_true(R.h.has_work(R.h.arg, 1));
    R.h.work(R.h.arg, 1);
    assert_true(in_pool(parent) && in_pool(child));
    assert_false(R.h.has_work(R.h.arg, QC_RELAY_ANYBODY));
    assert_int_equal(qc_orphanage_used(qc_txrelay_orphans(R.r)).orphans, 0);
    tb_tx_free(parent);
    tb_tx_free(child);
}

static void test_pair__a_free_parent_comes_in_with_its_child(void **state)
{
    (void)state;
    tb_tx *parent = pk_spend(&R.p.coin[2], 1, 0, 1);
    const pk_coin out = pk_out(parent, 0);
    tb_tx *child = pk_spend(&out, 1, 5000, 1);
    receive(1, parent);
    assert_false(in_pool(parent));
    receive(1, child);
    assert_int_equal(qc_orphanage_used(qc_txrelay_orphans(R.r)).orphans, 1);
    receive(1, parent);
    assert_true(in_pool(parent) && in_pool(child));
    assert_int_equal(qc_orphanage_used(qc_txrelay_orphans(R.r)).orphans, 0);
    tb_tx_free(parent);
    tb_tx_free(child);
}

static void test_replaced__is_kept_for_the_next_block(void **state)
{
    (void)state;
    tb_tx *old = pk_spend(&R.p.coin[3], 1, 1000, 1);
    tb_tx *better = pk_spend(&R.p.coin[3], 1, 5000, 1);
    receive(1, old);
    assert_int_equal(qc_extra_count(R.extra), 0);
    receive(1, better);
    assert_true(in_pool(better) && !in_pool(old));
    assert_int_equal(qc_extra_count(R.extra), 1);
    tb_tx_free(old);
    tb_tx_free(better);
}

static void test_refused__by_consensus_is_not_asked_for_again(void **state)
{
    (void)state;
    tb_tx *bad = pk_spend(&R.p.coin[4], 1, 1000, 1);
    bad->out[0].value = 2 * R.p.coin[4].value;
    qc_txbuf b;
    tb_tx_parse(bad, &b);
    receive(1, bad);
    assert_false(in_pool(bad));
    qc_tx_name name = {.wtxid = true};
    memcpy(name.hash.b, b.tx.rec->wtxid, 32);
    R.h.announced(R.h.arg, 2, &name);
    qc_relay_say s = say(2);
    assert_int_equal(s.n_ask, 0);
    qc_free(s.tell);
    qc_free(s.ask);
    qc_txbuf_clear(&b);
    tb_tx_free(bad);
}

static bool count(void *to, const qc_known_tx *tx)
{
    qc_txbuf b;
    assert_int_equal(qc_tx_parse(tx->bytes, true, &b), QC_WIRE_OK);
    assert_memory_equal(b.tx.rec->wtxid, tx->wtxid->b, 32);
    assert_memory_equal(b.tx.rec->txid, tx->txid->b, 32);
    qc_txbuf_clear(&b);
    return ++*(unsigned *)to < 2;
}

static void test_source__shows_the_pool_until_it_is_enough(void **state)
{
    unsigned n = 0;
    (void)state;
    qc_tx_source s = qc_txpool_source(&R.t);
    for (size_t i = 5; i < 8; i++)
        pk_add(&R.p, pk_spend(&R.p.coin[i], 1, 1000, 1));
    s.each(s.arg, count, &n);
    assert_int_equal(n, 2);
}

static void test_say__in_mining_order(void **state)
{
    (void)state;
    told(2, NULL);
    tb_tx *low = pk_spend(&R.p.coin[8], 1, 500, 1), *high = pk_spend(&R.p.coin[9], 1, 9000, 1);
    receive(1, low);
    receive(1, high);
    qc_tx_name name;
    const qc_hash id = tb_txid(high);
    assert_int_equal(told(2, &name), 2);
    assert_memory_equal(qc_mempool_find(R.p.m, &id)->tx.rec->wtxid, name.hash.b, 32);
    tb_tx_free(low);
    tb_tx_free(high);
}

static bool names(const qc_tx_name *name, const tb_tx *tx)
{
    const qc_hash id = tb_txid(tx);
    return memcmp(qc_mempool_find(R.p.m, &id)->tx.rec->wtxid, name->hash.b, 32) == 0;
}

static void test_wants_all__in_mining_order(void **state)
{
    (void)state;
    tb_tx *t[4];
    t[0] = pk_spend(&R.p.coin[10], 1, 500, 1);
    const pk_coin out = pk_out(t[0], 0);
    t[1] = pk_spend(&R.p.coin[11], 1, 9000, 1);
    t[2] = pk_spend(&R.p.coin[12], 1, 2000, 1);
    t[3] = pk_spend(&out, 1, 20000, 1); /* pays for its parent */
    for (int i = 0; i < 4; i++)
        receive(1, t[i]);
    assert_int_equal(qc_mempool_count(R.p.m), 4);
    R.h.wants_all(R.h.arg, 2);
    qc_relay_say s = say(2);
    assert_int_equal(s.n_tell, 4);
    const int order[4] = {0, 3, 1, 2};
    for (int i = 0; i < 4; i++)
        assert_true(names(&s.tell[i], t[order[i]]));
    qc_free(s.tell);
    qc_free(s.ask);
    for (int i = 0; i < 4; i++)
        tb_tx_free(t[i]);
}

#define WITH_POOL(f) cmocka_unit_test_setup_teardown(f, start, finish)

QC_TEST_MAIN(WITH_POOL(test_relay__from_one_peer_to_the_other),
             WITH_POOL(test_orphan__comes_in_after_its_parent),
             WITH_POOL(test_pair__a_free_parent_comes_in_with_its_child),
             WITH_POOL(test_replaced__is_kept_for_the_next_block),
             WITH_POOL(test_refused__by_consensus_is_not_asked_for_again),
             WITH_POOL(test_source__shows_the_pool_until_it_is_enough),
             WITH_POOL(test_say__in_mining_order), WITH_POOL(test_wants_all__in_mining_order))
