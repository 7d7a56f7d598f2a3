/* Block templates, against a plain model of the rules. */
#include "core/mining/miner.h"
#include "tests/unit/harness.h"

#include "core/base/arith.h"
#include "core/chain/testblock.h"
#include "core/mempool/accept.h"
#include "core/mining/assemble.h"
#include "core/mining/choose.h"
#include "tests/unit/pool_kit.h"

#define MAX_TX 4000
#define MANY 1200 /* outputs of the split coins */

typedef struct rig {
    pool_kit p;
    qc_miner *miner;
    qc_template_options o;
    pk_coin free_coin[MANY + 4 * MAX_TX]; /* outputs that may be spent */
    size_t n_free;
    uint64_t dice;
} rig;

static uint64_t roll(rig *r, uint64_t n)
{
    r->dice = r->dice * 6364136223846793005u + 1442695040888963407u;
    return (r->dice >> 33) % n;
}

/* Transactions whose outputs are many small coins, mined. */
static void split_coins(rig *r, size_t coins, size_t outs)
{
    tb_tx *tx[PK_COINS];
    for (size_t i = 0; i < coins; i++) {
        tx[i] = pk_spend(&r->p.coin[i], 1, 0, outs);
        for (uint32_t o = 0; o < outs; o++)
            r->free_coin[r->n_free++] = pk_out(tx[i], o);
    }
    pk_mine(&r->p, tx, coins);
    for (size_t i = 0; i < coins; i++)
        tb_tx_free(tx[i]);
}

static rig *rig_new(size_t coins, size_t outs)
{
    rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->o = qc_template_defaults();
    pk_init(&r->p);
    r->p.o.check_ratio = 0;
    const qc_miner_options mo = {.chain = r->p.k.c, .template = r->o};
    assert_int_equal(qc_miner_new(&r->miner, &mo), QC_OK);
    pk_open(&r->p);
    qc_miner_use_mempool(r->miner, r->p.m);
    split_coins(r, coins, outs);
    r->p.n_news = 0;
    return r;
}

static void rig_end(rig *r)
{
    pk_end(&r->p);
    qc_miner_free(r->miner);
    free(r);
}

/* True: it is in the pool. Frees tx. */
static bool offer(rig *r, tb_tx *tx)
{
    qc_txbuf b;
    qc_accept_result res;
    const qc_accept_opts o = {.test_only = false};
    tb_tx_parse(tx, &b);
    assert_int_equal(qc_mempool_accept(r->p.m, &b.tx, &o, &res), QC_OK);
    bool in = res.kind == QC_ACCEPT_VALID;
    r->p.n_news = 0;
    qc_accept_result_clear(&res);
    qc_txbuf_clear(&b);
    return in;
}

static pk_coin take_coin(rig *r)
{
    size_t at = (size_t)roll(r, r->n_free);
    pk_coin c = r->free_coin[at];
    r->free_coin[at] = r->free_coin[--r->n_free];
    return c;
}

/* Outputs that count as signature checks. */
static void add_sigops(tb_tx *tx, size_t n)
{
    uint8_t script[35] = {33, 2, [34] = 0xac};
    for (size_t i = 0; i < n; i++) {
        script[33] = (uint8_t)i;
        tb_tx_out(tx, 1000, qc_span_of(script, sizeof script));
        tx->out[0].value -= 1000;
    }
}

/* A transaction over coins of the chain and of the pool. */
static void add_random(rig *r)
{
    pk_coin in[3];
    size_t n_in = 1 + (size_t)roll(r, 3), outs = 1 + (size_t)roll(r, 3);
    for (size_t i = 0; i < n_in; i++)
        in[i] = take_coin(r);
    tb_tx *tx = pk_spend(in, n_in, (qc_amount)(300 + roll(r, 40000)), outs);
    if (roll(r, 4) == 0)
        pk_pad(tx, 100 + (size_t)roll(r, 3000));
    if (roll(r, 4) == 0)
        add_sigops(tx, 1 + (size_t)roll(r, 10));
    pk_coin out[3];
    for (uint32_t o = 0; o < outs; o++)
        out[o] = pk_out(tx, o);
    if (!offer(r, tx))
        outs = 0;
    for (uint32_t o = 0; o < outs; o++)
        r->free_coin[r->n_free++] = out[o];
    tb_tx_free(tx);
}

/* ---- the model ---- */

typedef struct model {
    const qc_mempool_entry *tx[MAX_TX];
    size_t n;
    int64_t weight, sigops;
    qc_amount fees;
} model;

static const qc_mempool_entry *first_of_cluster(const rig *r, const qc_mempool_entry *e)
{
    qc_mempool_list l;
    qc_mempool_cluster(r->p.m, e, &l);
    const qc_mempool_entry *first = l.e[0];
    qc_mempool_list_clear(&l);
    return first;
}

/* May this chunk go in? */
static bool may(const model *m, const qc_template_options *o, const qc_mempool_entry *const *e,
                size_t n, int64_t weight)
{
    int64_t sigops = 0;
    for (size_t i = 0; i < n; i++)
        sigops += (int64_t)e[i]->sigop_cost;
    return m->weight + weight < o->max_weight && m->sigops + sigops < 80000;
}

/* Every chunk of the pool in mining order; those of a cluster of which one was left out are left
 * out. */
static void run_model(const rig *r, const qc_template_options *o, model *m)
{
    static const qc_mempool_entry *left_out[MAX_TX];
    size_t n_left = 0, n;
    unsigned misses = 0;
    const qc_mempool_entry *const *e;
    qc_mempool_point sum;
    *m = (model){.weight = o->reserved_weight, .sigops = o->reserved_sigops};
    qc_mempool_build *b = qc_mempool_build_start(r->p.m);
    for (; (n = qc_mempool_build_chunk(b, &e, &sum)) > 0; qc_mempool_build_take(b)) {
        int64_t vsize = (sum.weight + 3) / 4;
        if (sum.fee * o->min_feerate.size < o->min_feerate.fee * vsize)
            break;
        const qc_mempool_entry *cluster = first_of_cluster(r, e[0]);
        bool out = false;
        for (size_t i = 0; i < n_left; i++)
            out |= left_out[i] == cluster;
        if (out)
            continue;
        if (!may(m, o, e, n, sum.weight)) {
            if (++misses > 1000 && m->weight + 4000 > o->max_weight)
                break;
            left_out[n_left++] = cluster;
            continue;
        }
        misses = 0;
        for (size_t i = 0; i < n; i++) {
            m->tx[m->n++] = e[i];
            m->weight += e[i]->tx.rec->weight;
            m->sigops += (int64_t)e[i]->sigop_cost;
            m->fees += e[i]->fee;
        }
    }
    qc_mempool_build_end(b);
}

/* ---- what must hold of every template ---- */

static void check_depends(const qc_template *t, uint32_t i)
{
    qc_template_tx tx;
    qc_template_tx_at(t, i, &tx);
    qc_txbuf b;
    uint32_t n = 0;
    assert_int_equal(qc_tx_parse(tx.bytes, true, &b), QC_WIRE_OK);
    assert_memory_equal(b.tx.rec->txid, tx.txid, 32);
    assert_memory_equal(b.tx.rec->wtxid, tx.wtxid, 32);
    assert_int_equal(b.tx.rec->weight, tx.weight);
    for (uint32_t k = 0; k < b.tx.rec->n_in; k++)
        for (uint32_t j = 0; j < t->n_tx; j++) {
            qc_template_tx other;
            qc_template_tx_at(t, j, &other);
            if (memcmp(other.txid, b.tx.in[k].prev_txid, 32) != 0)
                continue;
            assert_true(j < i);
            assert_true(n < tx.n_depends);
            assert_int_equal(tx.depends[n++], j + 1);
        }
    assert_int_equal(n, tx.n_depends);
    qc_txbuf_clear(&b);
}

static void check_sums(const rig *r, const qc_template *t)
{
    qc_amount fees = 0;
    uint32_t weight = 0, sigops = 0;
    for (uint32_t i = 0; i < t->n_tx; i++) {
        qc_template_tx tx;
        qc_template_tx_at(t, i, &tx);
        fees += tx.fee;
        weight += tx.weight;
        sigops += tx.sigops;
        check_depends(t, i);
    }
    assert_int_equal(t->fees, fees);
    assert_int_equal(t->weight, weight);
    assert_int_equal(t->sigops, sigops);
    assert_int_equal(t->coinbase.reward, fees + qc_subsidy(r->p.k.params, t->height));
}

static void check_chunks(const qc_template *t)
{
    for (uint32_t i = 0; i < t->n_chunks; i++) {
        const qc_template_chunk *c = &t->chunk[i], *next = c + 1;
        assert_true(c->first < t->n_tx);
        if (i + 1 == t->n_chunks)
            break;
        assert_true(next->first > c->first);
        assert_true(c->fee * next->weight >= next->fee * c->weight);
    }
    assert_true(t->n_chunks == 0 || t->chunk[0].first == 0);
}

static void check_against_model(const rig *r, const qc_template *t, const qc_template_options *o)
{
    static model m;
    run_model(r, o, &m);
    assert_int_equal(t->n_tx, m.n);
    for (uint32_t i = 0; i < t->n_tx; i++) {
        qc_template_tx tx;
        qc_template_tx_at(t, i, &tx);
        assert_memory_equal(tx.wtxid, m.tx[i]->tx.rec->wtxid, 32);
        assert_int_equal(tx.fee, m.tx[i]->fee);
        assert_int_equal(tx.sigops, m.tx[i]->sigop_cost);
    }
    assert_int_equal(t->weight + o->reserved_weight, m.weight);
    assert_int_equal(t->sigops + o->reserved_sigops, m.sigops);
    assert_int_equal(t->fees, m.fees);
}

static const qc_template *make(rig *r, const qc_template_options *o)
{
    const qc_template *t;
    qc_verdict v;
    assert_int_equal(qc_miner_template(r->miner, o, QC_TEMPLATE_REQUEST, r->p.now, &t), QC_OK);
    if (!qc_template_check(r->p.k.c, t, &v))
        fail_msg("not valid: %s %s", v.reason, v.debug);
    check_sums(r, t);
    check_chunks(t);
    return t;
}

/* ---- tests ---- */

static void test_template__is_what_the_model_chooses(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 6; seed++) {
        rig *r = rig_new(8, 25);
        r->dice = seed;
        for (int n = 0; n < 160; n++)
            add_random(r);
        assert_true(qc_mempool_count(r->p.m) > 60);
        for (int n = 0; n < 30; n++) {
            qc_template_options o = r->o;
            o.reserved_weight = 2000 + (int64_t)roll(r, 8000);
            o.max_weight = o.reserved_weight + (int64_t)roll(r, 220000);
            o.reserved_sigops = 80000 - (int64_t)roll(r, n % 3 ? 80000 : 600);
            if (n % 5 == 0)
                o.min_feerate = qc_feerate_per_kvb((int64_t)roll(r, 80000));
            const qc_template *t = make(r, &o);
            check_against_model(r, t, &o);
            qc_template_unref(t);
        }
        rig_end(r);
    }
}

static void solve(rig *r, const qc_template *t, qc_bytes *block)
{
    uint64_t tries = 100000;
    assert_int_equal(qc_template_simple(t, pk_script(), block), QC_OK);
    assert_int_equal(qc_mining_solve(r->p.k.params, block->data, &tries, NULL), QC_SOLVE_FOUND);
}

static void test_template__makes_a_block_that_connects(void **state)
{
    (void)state;
    rig *r = rig_new(8, 25);
    qc_verdict v;
    qc_bytes block;
    for (int n = 0; n < 100; n++)
        add_random(r);
    const qc_template *t = make(r, NULL);
    assert_true(t->n_tx > 50);
    assert_int_equal(t->n_tx, qc_mempool_count(r->p.m));
    assert_int_equal(t->kind, QC_TEMPLATE_FULL);
    solve(r, t, &block);
    assert_false(qc_template_check_until(r->p.k.c, t, qc_clock_mono(), &v));
    assert_string_equal(v.reason, QC_TEST_TOO_LONG); /* time is up before the first script */
    assert_true(qc_template_check_until(r->p.k.c, t, qc_clock_mono() + INT64_C(60000000000), &v));
    assert_true(kit_submit(&r->p.k, qc_bytes_span(&block), &v));
    assert_true(qc_verdict_ok(&r->p.k.last));
    assert_int_equal(qc_mempool_count(r->p.m), 0);
    assert_int_equal(kit_height(&r->p.k), t->height);
    /* The template is what it was, though its transactions have left the pool. */
    check_sums(r, t);
    assert_false(qc_template_check(r->p.k.c, t, &v));
    assert_string_equal(v.reason, "inconclusive-not-best-prevblk");
    const qc_template *next = make(r, NULL);
    assert_true(next->id > t->id);
    assert_true(next->t_tip > t->t_tip && next->t_built >= next->t_tip);
    assert_memory_equal(&next->prev, qc_chain_tip(r->p.k.c)->hash.b, 32);
    qc_template_unref(next);
    qc_template_unref(t);
    qc_bytes_free(&block);
    rig_end(r);
}

static void test_template__does_not_change_by_a_solution(void **state)
{
    (void)state;
    rig *r = rig_new(2, 25);
    for (int n = 0; n < 9; n++)
        add_random(r);
    const qc_template *t = make(r, NULL);
    qc_bytes cb = QC_BYTES_INIT, a, b;
    assert_int_equal(qc_coinbase_write(&t->coinbase, pk_script(), qc_span_of("extra", 5), &cb),
                     QC_OK);
    const qc_solution s = {
        t->version ^ 0x2000, t->cur_time + 5, t->bits, 77, qc_bytes_span(&cb), NULL};
    qc_block *block;
    assert_int_equal(qc_template_simple(t, pk_script(), &a), QC_OK);
    assert_int_equal(qc_template_block(t, &s, &block), QC_OK);
    assert_int_equal(qc_block_header(block)->nonce, 77);
    assert_int_equal(qc_block_header(block)->time, t->cur_time + 5);
    assert_int_equal(qc_block_header(block)->version, t->version ^ 0x2000);
    qc_verdict v;
    assert_true(qc_chain_test_block(r->p.k.c, block, false, true, &v));
    qc_block_unref(block);
    assert_int_equal(qc_template_simple(t, pk_script(), &b), QC_OK);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    const qc_solution bad = {1, 1, 1, 1, qc_span_of(cb.data, cb.len - 1), NULL};
    assert_int_equal(qc_template_block(t, &bad, &block), QC_EINVAL);
    qc_bytes_free(&a);
    qc_bytes_free(&b);
    qc_bytes_free(&cb);
    qc_template_unref(t);
    rig_end(r);
}

static void test_template__empty_when_asked_or_without_a_pool(void **state)
{
    (void)state;
    rig *r = rig_new(2, 25);
    uint32_t weight, n_tx;
    assert_false(qc_miner_last(r->miner, &weight, &n_tx));
    add_random(r);
    qc_template_options o = r->o;
    o.no_mempool = true;
    const qc_template *t = make(r, &o);
    assert_int_equal(t->n_tx, 0);
    assert_int_equal(t->path_len, 0);
    assert_int_equal(t->kind, QC_TEMPLATE_EMPTY);
    assert_true(qc_miner_last(r->miner, &weight, &n_tx));
    assert_int_equal(weight, 8000);
    assert_int_equal(n_tx, 0);
    qc_template_unref(t);
    qc_miner_use_mempool(r->miner, NULL);
    t = make(r, NULL);
    assert_int_equal(t->kind, QC_TEMPLATE_EMPTY);
    assert_int_equal(t->updates, 0);
    qc_template_unref(t);
    qc_miner_use_mempool(r->miner, r->p.m);
    t = make(r, NULL);
    assert_int_equal(t->n_tx, 1);
    assert_true(t->updates == qc_miner_updates(r->miner) && t->updates > 0);
    assert_true(qc_miner_last(r->miner, &weight, &n_tx));
    assert_int_equal(weight, 8000 + t->weight);
    assert_int_equal(n_tx, 1);
    qc_template_unref(t);
    rig_end(r);
}

static void test_choose__leaves_out_what_is_not_final(void **state)
{
    (void)state;
    rig *r = rig_new(1, 3);
    uint32_t height = kit_height(&r->p.k), mtp = qc_index_mtp(qc_chain_tip(r->p.k.c));
    tb_tx *tx[3];
    for (size_t i = 0; i < 3; i++) {
        tx[i] = pk_spend(&r->free_coin[i], 1, 1000 * (qc_amount)(i + 1), 1);
        tx[i]->in[0].sequence = TB_FINAL - 1;
    }
    tx[1]->locktime = height;
    tx[2]->locktime = mtp - 1;
    for (size_t i = 0; i < 3; i++) {
        assert_true(offer(r, tx[i]));
        tb_tx_free(tx[i]);
    }
    qc_chosen c;
    assert_int_equal(qc_choose(r->p.m, &r->o, height + 1, mtp, &c), QC_OK);
    assert_int_equal(c.n, 3);
    qc_chosen_clear(&c);
    assert_int_equal(qc_choose(r->p.m, &r->o, height, mtp, &c), QC_OK);
    assert_int_equal(c.n, 2);
    assert_int_equal(c.fees, 4000);
    qc_chosen_clear(&c);
    assert_int_equal(qc_choose(r->p.m, &r->o, height + 1, mtp - 1, &c), QC_OK);
    assert_int_equal(c.n, 2);
    assert_int_equal(c.fees, 3000);
    qc_chosen_clear(&c);
    rig_end(r);
}

/* A block all but full, then `many` chunks that do not fit, then one that would. Returns how many
 * are in. */
static uint32_t fill_after_misses(size_t many)
{
    rig *r = rig_new(20, 60);
    tb_tx *tx;
    for (size_t i = 0; i < many; i++) {
        tx = pk_spend(&r->free_coin[i + 2], 1, 20000, 12);
        assert_true(offer(r, tx));
        tb_tx_free(tx);
    }
    tx = pk_spend(&r->free_coin[0], 1, 400000, 1);
    assert_true(offer(r, tx));
    tb_tx_free(tx);
    tx = pk_spend(&r->free_coin[1], 1, 500, 1);
    assert_true(offer(r, tx));
    tb_tx_free(tx);
    /* Counting begins anew: one more that does not fit, and one that does. */
    tx = pk_spend(&r->free_coin[many + 2], 1, 1800, 12);
    assert_true(offer(r, tx));
    tb_tx_free(tx);
    tx = pk_spend(&r->free_coin[many + 3], 1, 200, 1);
    assert_true(offer(r, tx));
    tb_tx_free(tx);
    qc_template_options o = r->o;
    o.max_weight = o.reserved_weight + 1600;
    const qc_template *t = make(r, &o);
    check_against_model(r, t, &o);
    uint32_t n = t->n_tx;
    qc_template_unref(t);
    rig_end(r);
    return n;
}

static void test_choose__gives_up_after_a_thousand_misses(void **state)
{
    (void)state;
    assert_int_equal(fill_after_misses(1000), 3);
    assert_int_equal(fill_after_misses(1001), 1);
}

static void test_choose__leaves_room_for_a_unit(void **state)
{
    (void)state;
    rig *r = rig_new(1, 3);
    tb_tx *tx = pk_spend(&r->free_coin[0], 1, 1000, 1);
    add_sigops(tx, 5);
    assert_true(offer(r, tx));
    const qc_mempool_entry *e = qc_mempool_at(r->p.m, 0);
    for (int more = 0; more <= 1; more++) {
        qc_chosen c;
        qc_template_options o = r->o;
        o.max_weight = o.reserved_weight + e->adjusted_weight + more;
        assert_int_equal(qc_choose(r->p.m, &o, 1000, UINT32_MAX, &c), QC_OK);
        assert_int_equal(c.n, more);
        qc_chosen_clear(&c);
        o = r->o;
        o.reserved_sigops = 80000 - (int64_t)e->sigop_cost - more;
        assert_int_equal(qc_choose(r->p.m, &o, 1000, UINT32_MAX, &c), QC_OK);
        assert_int_equal(c.n, more);
        qc_chosen_clear(&c);
    }
    tb_tx_free(tx);
    rig_end(r);
}

static void test_options__have_limits(void **state)
{
    (void)state;
    char why[160];
    qc_template_options o = qc_template_defaults();
    assert_int_equal(qc_template_options_check(&o, true, why, sizeof why), QC_OK);
    o.reserved_weight = 1999;
    assert_int_equal(qc_template_options_check(&o, true, why, sizeof why), QC_EINVAL);
    assert_string_equal(why, "-blockreservedweight (1999) is lower than minimum safety value of "
                             "(2000)");
    o.reserved_weight = 4000001;
    assert_int_equal(qc_template_options_check(&o, false, why, sizeof why), QC_EINVAL);
    assert_string_equal(
        why, "block_reserved_weight (4000001) exceeds consensus maximum block weight (4000000)");
    o = qc_template_defaults();
    o.max_weight = 4000001;
    assert_int_equal(qc_template_options_check(&o, true, why, sizeof why), QC_EINVAL);
    assert_string_equal(
        why, "-blockmaxweight (4000001) exceeds consensus maximum block weight (4000000)");
    o.max_weight = 7999;
    assert_int_equal(qc_template_options_check(&o, true, why, sizeof why), QC_EINVAL);
    assert_string_equal(why, "-blockreservedweight (8000) exceeds -blockmaxweight (7999)");
    o = qc_template_defaults();
    o.reserved_sigops = 80001;
    assert_int_equal(qc_template_options_check(&o, true, NULL, 0), QC_EINVAL);
    o.reserved_sigops = -1;
    assert_int_equal(qc_template_options_check(&o, true, NULL, 0), QC_EINVAL);
}

static void test_coinbase__begins_with_the_height(void **state)
{
    (void)state;
    static const struct {
        uint32_t height;
        const char *script; /* as a coinbase without extra bytes has it */
        size_t len;
    } row[] = {{1, "\x51\x00", 2},
               {16, "\x60\x00", 2},
               {17, "\x01\x11", 2},
               {127, "\x01\x7f", 2},
               {128, "\x02\x80\x00", 3},
               {256, "\x02\x00\x01", 3},
               {32768, "\x03\x00\x80\x00", 4},
               {8388608, "\x04\x00\x00\x80\x00", 5}};
    qc_params *p;
    qc_hash root = {{1}};
    assert_int_equal(qc_params_new(QC_CHAIN_REGTEST, NULL, &p), QC_OK);
    for (size_t i = 0; i < QC_COUNTOF(row); i++) {
        qc_coinbase c;
        qc_bytes b = QC_BYTES_INIT;
        qc_txbuf tx;
        qc_coinbase_fix(p, row[i].height, 7, &root, &c);
        assert_int_equal(qc_coinbase_write(&c, pk_script(), qc_span_of(NULL, 0), &b), QC_OK);
        assert_int_equal(qc_tx_parse(qc_bytes_span(&b), true, &tx), QC_WIRE_OK);
        qc_span s = qc_tx_script_sig(&tx.tx, 0);
        assert_int_equal(s.len, row[i].len);
        assert_memory_equal(s.data, row[i].script, s.len);
        assert_int_equal(tx.tx.rec->locktime, row[i].height - 1);
        assert_int_equal(tx.tx.in[0].sequence, 0xfffffffe);
        assert_int_equal(tx.tx.out[0].value, qc_subsidy(p, row[i].height) + 7);
        assert_true(qc_tx_is_coinbase(&tx.tx));
        qc_txbuf_clear(&tx);
        qc_bytes_free(&b);
    }
    qc_params_free(p);
}

QC_TEST_MAIN(cmocka_unit_test(test_template__is_what_the_model_chooses),
             cmocka_unit_test(test_template__makes_a_block_that_connects),
             cmocka_unit_test(test_template__does_not_change_by_a_solution),
             cmocka_unit_test(test_template__empty_when_asked_or_without_a_pool),
             cmocka_unit_test(test_choose__leaves_out_what_is_not_final),
             cmocka_unit_test(test_choose__gives_up_after_a_thousand_misses),
             cmocka_unit_test(test_choose__leaves_room_for_a_unit),
             cmocka_unit_test(test_options__have_limits),
             cmocka_unit_test(test_coinbase__begins_with_the_height))
