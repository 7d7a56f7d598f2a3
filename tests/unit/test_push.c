/* Who is told of new templates, and when; and that whatever is told makes valid blocks. */
#include "core/mining/miner.h"
#include "tests/unit/harness.h"

#include "core/base/arith.h"
#include "core/mempool/accept.h"
#include "core/mining/assemble.h"
#include "tests/unit/pool_kit.h"

#define TOLD_MAX 64
#define LONG ((qc_mono)3600 * 1000000000)

typedef struct ear {
    const qc_template *t[TOLD_MAX]; /* with a reference */
    size_t pool[TOLD_MAX];          /* transactions in the pool at that time */
    size_t n;
    qc_mono later;
    unsigned wishes;
    const qc_mempool *m;
} ear;

typedef struct rig {
    pool_kit p;
    qc_miner *miner;
    qc_push *push;
    ear ear;
} rig;

/* What the chain thread's work seems to take: one step for each look at that clock. */
static qc_mono work_step, work_now;

static qc_mono worked(void)
{
    return work_now += work_step;
}

static void on_deliver(void *arg, const qc_template *t)
{
    ear *e = arg;
    assert_true(e->n < TOLD_MAX);
    e->pool[e->n] = e->m ? qc_mempool_count(e->m) : 0;
    e->t[e->n++] = t;
}

static void on_later(void *arg, qc_mono at)
{
    ear *e = arg;
    e->later = at;
    e->wishes++;
}

static void forget(ear *e)
{
    while (e->n)
        qc_template_unref(e->t[--e->n]);
    e->wishes = 0;
}

static rig *rig_new(void)
{
    rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    pk_init(&r->p);
    work_step = 0;
    const qc_miner_options o = {
        .chain = r->p.k.c, .template = qc_template_defaults(), .worked = worked};
    assert_int_equal(qc_miner_new(&r->miner, &o), QC_OK);
    pk_open(&r->p);
    qc_miner_use_mempool(r->miner, r->p.m);
    r->ear.m = r->p.m;
    return r;
}

static void rig_end(rig *r)
{
    forget(&r->ear);
    qc_push_close(r->push);
    pk_end(&r->p);
    qc_miner_free(r->miner);
    free(r);
}

static qc_push *subscribe(rig *r, ear *e, qc_push_options o)
{
    const qc_push_to to = {e, on_deliver, on_later, r};
    qc_push *push;
    o.template = qc_template_defaults();
    assert_int_equal(qc_push_open(r->miner, &o, &to, &push), QC_OK);
    return push;
}

static const qc_template *told(const ear *e, size_t i, qc_template_kind kind, qc_template_why why)
{
    assert_true(i < e->n);
    assert_int_equal(e->t[i]->kind, kind);
    assert_int_equal(e->t[i]->why, why);
    return e->t[i];
}

/* ---- a new tip ---- */

static void test_push__a_new_tip_is_empty_before_the_pool_knows_then_full(void **state)
{
    rig *r = rig_new();
    (void)state;
    pk_add(&r->p, pk_spend(&r->p.coin[0], 1, 1000, 1));
    pk_add(&r->p, pk_spend(&r->p.coin[1], 1, 5000, 1));
    r->push = subscribe(r, &r->ear, (qc_push_options){.min_interval = LONG});
    assert_int_equal(r->ear.n, 1);
    assert_int_equal(told(&r->ear, 0, QC_TEMPLATE_FULL, QC_TEMPLATE_REQUEST)->fees, 6000);
    forget(&r->ear);
    pk_mine_pool(&r->p);
    assert_int_equal(r->ear.n, 2);
    const qc_template *e = told(&r->ear, 0, QC_TEMPLATE_EMPTY, QC_TEMPLATE_TIP);
    const qc_template *f = told(&r->ear, 1, QC_TEMPLATE_FULL, QC_TEMPLATE_TIP);
    assert_int_equal(r->ear.pool[0], 2);
    assert_int_equal(r->ear.pool[1], 0);
    assert_true(e->t_tip == f->t_tip && e->t_tip > 0);
    assert_true(e->tip == f->tip && e->tip == qc_chain_tip(r->p.k.c));
    assert_int_equal(e->n_tx, 0);
    rig_end(r);
}

static void test_push__a_reorganisation_is_one_tip(void **state)
{
    rig *r = rig_new();
    (void)state;
    r->push = subscribe(r, &r->ear, (qc_push_options){.min_interval = LONG});
    uint32_t h = kit_height(&r->p.k);
    const qc_index *old = qc_chain_tip(r->p.k.c);
    assert_true(qc_miner_tip_left(r->miner, old) == 0);
    forget(&r->ear);
    pk_fork(&r->p, h - 2);
    for (int i = 0; i < 3; i++)
        pk_mine(&r->p, NULL, 0);
    assert_int_equal(r->ear.n, 2); /* of the two that were no tip, nothing */
    told(&r->ear, 0, QC_TEMPLATE_EMPTY, QC_TEMPLATE_TIP);
    assert_int_equal(told(&r->ear, 1, QC_TEMPLATE_FULL, QC_TEMPLATE_TIP)->height, h + 2);
    assert_true(qc_miner_tip_left(r->miner, old) > 1);
    assert_true(qc_miner_tip_left(r->miner, old->parent->parent->parent->parent) == 1);
    rig_end(r);
}

static void test_push__the_same_options_share_a_template(void **state)
{
    rig *r = rig_new();
    ear b = {.m = r->p.m}, c = {.m = r->p.m};
    (void)state;
    r->push = subscribe(r, &r->ear, (qc_push_options){.min_interval = LONG});
    qc_push *two = subscribe(r, &b, (qc_push_options){.min_interval = LONG, .no_empty = true});
    qc_push *three = subscribe(r, &c, (qc_push_options){.tip_only = true});
    qc_push_options o = {.template = qc_template_defaults()};
    o.template.max_weight = 100000;
    assert_int_equal(qc_push_set(three, &o), QC_OK);
    o.template.max_weight = 1000;
    assert_int_equal(qc_push_set(three, &o), QC_EINVAL);
    forget(&r->ear);
    forget(&b);
    forget(&c);
    pk_mine(&r->p, NULL, 0);
    assert_int_equal(r->ear.n, 2);
    assert_int_equal(b.n, 1);
    assert_int_equal(c.n, 2);
    assert_ptr_equal(r->ear.t[1], b.t[0]);
    assert_ptr_equal(r->ear.t[0], c.t[0]); /* EMPTY ones are alike */
    assert_ptr_not_equal(r->ear.t[1], c.t[1]);
    forget(&b);
    forget(&c);
    qc_push_close(two);
    qc_push_close(three);
    rig_end(r);
}

/* ---- the same tip ---- */

static void test_push__fees_are_told_by_the_delta_up_and_down(void **state)
{
    rig *r = rig_new();
    (void)state;
    r->push = subscribe(r, &r->ear, (qc_push_options){.fee_delta = 2000});
    forget(&r->ear);
    const qc_mempool_entry *a = pk_add(&r->p, pk_spend(&r->p.coin[0], 1, 1999, 1));
    const qc_hash id = *qc_entry_txid(a);
    assert_int_equal(r->ear.wishes, 1);
    qc_push_look(r->push);
    assert_int_equal(r->ear.n, 0);
    qc_push_look(r->push); /* nothing has changed since: nothing is looked at */
    assert_int_equal(r->ear.wishes, 1);
    pk_add(&r->p, pk_spend(&r->p.coin[1], 1, 1000, 1));
    pk_add(&r->p, pk_spend(&r->p.coin[2], 1, 1000, 1));
    assert_int_equal(r->ear.wishes, 2); /* for both */
    qc_push_look(r->push);
    assert_int_equal(told(&r->ear, 0, QC_TEMPLATE_FULL, QC_TEMPLATE_FEES)->fees, 3999);
    forget(&r->ear);
    qc_mempool_prioritise(r->p.m, &id, -5000);
    qc_miner_reprioritised(r->miner);
    assert_int_equal(r->ear.wishes, 1);
    qc_push_look(r->push);
    assert_int_equal(r->ear.n, 0); /* 1999 less */
    qc_push_options o = {.template = qc_template_defaults(), .fee_delta = 0};
    qc_mempool_prioritise(r->p.m, &id, 5000);
    assert_int_equal(qc_push_set(r->push, &o), QC_OK);
    forget(&r->ear);
    qc_mempool_prioritise(r->p.m, &id, -5000);
    qc_miner_reprioritised(r->miner);
    qc_push_look(r->push);
    assert_int_equal(told(&r->ear, 0, QC_TEMPLATE_FULL, QC_TEMPLATE_FEES)->fees, 2000);
    rig_end(r);
}

static void test_push__the_interval_holds_for_fees_alone(void **state)
{
    rig *r = rig_new();
    (void)state;
    r->push = subscribe(r, &r->ear, (qc_push_options){.min_interval = LONG});
    qc_mono built = r->ear.t[0]->t_built;
    forget(&r->ear);
    pk_add(&r->p, pk_spend(&r->p.coin[0], 1, 1000, 1));
    assert_int_equal(r->ear.wishes, 1);
    assert_true(r->ear.later == built + LONG);
    qc_push_look(r->push); /* too early */
    assert_int_equal(r->ear.n, 0);
    assert_true(r->ear.later == built + LONG);
    pk_mine(&r->p, NULL, 0);
    assert_int_equal(r->ear.n, 2);
    assert_int_equal(told(&r->ear, 1, QC_TEMPLATE_FULL, QC_TEMPLATE_TIP)->fees, 1000);
    rig_end(r);
}

static void test_push__who_wants_tips_alone_costs_nothing_between(void **state)
{
    rig *r = rig_new();
    (void)state;
    r->push = subscribe(r, &r->ear, (qc_push_options){.tip_only = true});
    forget(&r->ear);
    pk_add(&r->p, pk_spend(&r->p.coin[0], 1, 100000, 1));
    assert_int_equal(r->ear.wishes, 0);
    qc_push_look(r->push);
    assert_int_equal(r->ear.n, 0);
    rig_end(r);
}

static void test_push__an_easier_block_is_told_once(void **state)
{
    rig *r = rig_new();
    (void)state;
    r->p.k.params->no_retarget = false; /* a testnet whose blocks are harder than they must be */
    memset(r->p.k.params->pow_limit.b, 0xff, 32);
    pk_mine(&r->p, NULL, 0);
    qc_unixtime tip = qc_chain_tip(r->p.k.c)->header.time;
    qc_clock_set_mock(tip + 1000);
    r->push = subscribe(r, &r->ear, (qc_push_options){.min_interval = 1});
    uint32_t hard = r->ear.t[0]->bits;
    assert_int_equal(qc_template_easier_at(r->ear.t[0]), tip + 1201);
    assert_int_equal(r->ear.wishes, 1);
    forget(&r->ear);
    qc_clock_set_mock(tip + 1200);
    qc_push_look(r->push);
    assert_int_equal(r->ear.n, 0);
    qc_clock_set_mock(tip + 1201);
    qc_push_look(r->push);
    assert_int_not_equal(told(&r->ear, 0, QC_TEMPLATE_FULL, QC_TEMPLATE_TIME)->bits, hard);
    for (int i = 0; i < 5; i++) {
        qc_clock_set_mock(tip + 1202 + i);
        qc_push_look(r->push);
    }
    qc_clock_set_mock(tip + 10); /* the clock is set back */
    qc_push_look(r->push);
    assert_int_equal(r->ear.n, 1);
    rig_end(r);
}

static void test_push__looks_that_cost_much_come_less_often(void **state)
{
    rig *r = rig_new();
    ear b = {.m = r->p.m};
    (void)state;
    r->push = subscribe(r, &r->ear, (qc_push_options){.fee_delta = 0});
    qc_push *two = subscribe(r, &b, (qc_push_options){.tip_only = true});
    forget(&r->ear);
    work_step = 10000000; /* 10 ms */
    pk_add(&r->p, pk_spend(&r->p.coin[0], 1, 1000, 1));
    qc_push_look(r->push);
    assert_int_equal(r->ear.n, 1);
    pk_add(&r->p, pk_spend(&r->p.coin[1], 1, 1000, 1));
    assert_true(r->ear.later > qc_clock_mono() + 200000000); /* two of one owner: 400 ms */
    qc_push_look(r->push);
    assert_int_equal(r->ear.n, 1); /* the interval is none, but it is not paid for yet */
    forget(&b);
    qc_push_close(two);
    rig_end(r);
}

static void test_push__an_owner_has_two_kinds_at_once(void **state)
{
    rig *r = rig_new();
    ear e[5] = {{.n = 0}};
    qc_push *push[5];
    unsigned at_once = 0;
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        const qc_push_to to = {&e[i], on_deliver, on_later, i < 4 ? r : NULL};
        qc_push_options o = {.template = qc_template_defaults(), .no_empty = true};
        o.template.max_weight = 100000 + 1000 * i;
        assert_int_equal(qc_push_open(r->miner, &o, &to, &push[i]), QC_OK);
        forget(&e[i]);
    }
    pk_mine(&r->p, NULL, 0);
    for (unsigned i = 0; i < 4; i++)
        at_once += e[i].n == 1;
    assert_int_equal(at_once, 2);
    assert_int_equal(e[4].n, 1); /* another's come as always */
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(e[i].wishes, e[i].n ? 0 : 1);
        qc_push_look(push[i]);
        assert_int_equal(e[i].n, 1);
        told(&e[i], 0, QC_TEMPLATE_FULL, QC_TEMPLATE_TIP);
        forget(&e[i]);
        qc_push_close(push[i]);
    }
    rig_end(r);
}

static void test_push__nothing_in_the_initial_download_unless_asked(void **state)
{
    chain_kit k;
    qc_miner *miner;
    qc_push *push, *eager;
    ear a = {.n = 0}, b = {.n = 0};
    const qc_push_to to_a = {&a, on_deliver, on_later, NULL},
                     to_b = {&b, on_deliver, on_later, NULL};
    (void)state;
    kit_init(&k, QC_CHAIN_MAIN);
    kit_must_open(&k);
    const qc_miner_options mo = {.chain = k.c, .template = qc_template_defaults()};
    assert_int_equal(qc_miner_new(&miner, &mo), QC_OK);
    qc_miner_use_mempool(miner, NULL);
    assert_true(qc_chain_initial_download(k.c));
    assert_false(qc_miner_ready(miner, false));
    qc_push_options o = {.template = qc_template_defaults()};
    assert_int_equal(qc_push_open(miner, &o, &to_a, &push), QC_OK);
    o.always = true;
    assert_int_equal(qc_push_open(miner, &o, &to_b, &eager), QC_OK);
    assert_int_equal(a.n, 0);
    assert_int_equal(b.n, 1);
    assert_int_equal(b.t[0]->kind, QC_TEMPLATE_EMPTY); /* there is no pool */
    assert_true(a.later > qc_clock_mono()); /* nobody tells when that ends: it is looked at */
    a.wishes = 0;
    qc_push_look(push);
    assert_int_equal(a.n, 0);
    assert_int_equal(a.wishes, 1);
    forget(&b);
    qc_push_close(push);
    kit_end(&k);
    qc_miner_free(miner); /* ends the other one */
}

/* ---- the property ---- */

static uint64_t dice = 3;

static uint64_t roll(uint64_t n)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (dice >> 33) % n;
}

/* Outputs of what is in the pool, spent or not, and mature coins. */
static void add_random(rig *r, uint64_t n)
{
    for (; n; n--) {
        pk_coin in[2];
        qc_accept_result res;
        size_t n_in = 1 + (size_t)roll(2), have = qc_mempool_count(r->p.m);
        for (size_t i = 0; i < n_in; i++) {
            in[i] = r->p.coin[roll(PK_COINS)];
            const qc_mempool_entry *e =
                have && roll(3) ? qc_mempool_at(r->p.m, (size_t)roll(have)) : NULL;
            if (e) {
                uint32_t o = (uint32_t)roll(e->tx.rec->n_out);
                in[i] = (pk_coin){{*qc_entry_txid(e), o}, e->tx.out[o].value};
            }
        }
        tb_tx *tx = pk_spend(in, n_in, (qc_amount)(300 + roll(90000)), 1 + (size_t)roll(3));
        if (roll(3) == 0)
            pk_pad(tx, 50 + (size_t)roll(2000));
        pk_try(&r->p, tx, false, &res);
        qc_accept_result_clear(&res);
        r->p.n_news = 0;
        tb_tx_free(tx);
    }
}

/* What can be reckoned from the transactions alone. */
static void recompute(const qc_template *t)
{
    qc_amount fees = 0;
    uint64_t weight = 0, sigops = 0, bytes = 0, k = 0;
    qc_hash *leaf = calloc(t->n_tx + 1u, sizeof *leaf), root, folded, id = {{7}};
    leaf[0] = id;
    for (uint32_t i = 0; i < t->n_tx; i++) {
        qc_template_tx x;
        qc_txbuf b;
        qc_template_tx_at(t, i, &x);
        assert_int_equal(qc_tx_parse(x.bytes, true, &b), QC_WIRE_OK);
        assert_memory_equal(b.tx.rec->txid, x.txid, 32);
        assert_memory_equal(b.tx.rec->wtxid, x.wtxid, 32);
        memcpy(leaf[i + 1].b, b.tx.rec->txid, 32);
        fees += x.fee;
        weight += b.tx.rec->weight;
        sigops += x.sigops;
        bytes += x.bytes.len;
        k = 0;
        for (uint32_t n = 0; n < b.tx.rec->n_in; n++)
            for (uint32_t j = 1; j <= i; j++)
                if (memcmp(b.tx.in[n].prev_txid, leaf[j].b, 32) == 0)
                    assert_int_equal(x.depends[k++], j);
        assert_int_equal(x.n_depends, k);
        qc_txbuf_clear(&b);
    }
    assert_int_equal(t->fees, fees);
    assert_int_equal(t->weight, weight);
    assert_int_equal(t->sigops, sigops);
    assert_int_equal(t->tx_bytes, bytes);
    folded = qc_merkle_fold(&id, 0, t->path, t->path_len);
    root = qc_merkle_root(leaf, t->n_tx + 1u, NULL);
    assert_true(qc_hash_eq(&root, &folded));
    free(leaf);
}

/* Solved, it is a block that the chain would take, fees and all. */
static void must_be_valid(rig *r, const qc_template *t)
{
    qc_bytes bytes;
    qc_block *b;
    qc_verdict v;
    uint64_t tries = 1000000;
    assert_int_equal(qc_template_simple(t, pk_script(), &bytes), QC_OK);
    assert_int_equal(qc_mining_solve(r->p.k.params, bytes.data, &tries, NULL), QC_SOLVE_FOUND);
    assert_int_equal(qc_block_parse(qc_bytes_span(&bytes), &b), QC_WIRE_OK);
    if (!qc_chain_test_block(r->p.k.c, b, true, true, &v))
        fail_msg("a template is no block: %s", v.reason);
    qc_block_unref(b);
    qc_bytes_free(&bytes);
}

static qc_overlay random_policy(rig *r, qc_overlay_change *ch)
{
    qc_overlay ov = {.change = ch, .n_changes = (size_t)roll(6)};
    for (size_t i = 0; i < ov.n_changes; i++) {
        ch[i] = (qc_overlay_change){.delta = roll(2) ? (qc_amount)roll(200000) - 100000 : 0,
                                    .exclude = roll(4) == 0};
        ch[i].include = !ch[i].exclude && roll(3) == 0;
        ch[i].txid = *qc_entry_txid(qc_mempool_at(r->p.m, (size_t)roll(qc_mempool_count(r->p.m))));
    }
    if (roll(3) == 0)
        ov.reserved_space = (int64_t)roll(3990000);
    return ov;
}

static bool has(const qc_template *t, const qc_hash *txid)
{
    for (uint32_t i = 0; i < t->n_tx; i++)
        if (qc_hash_eq(qc_entry_txid(t->entry[i]), txid))
            return true;
    return false;
}

static void with_policy(rig *r)
{
    qc_overlay_change ch[6];
    const qc_template *t;
    if (!qc_mempool_count(r->p.m))
        return;
    qc_overlay ov = random_policy(r, ch);
    assert_int_equal(qc_miner_template_with(r->miner, NULL, &ov, r->p.now, &t), QC_OK);
    recompute(t);
    must_be_valid(r, t);
    for (size_t i = 0; i < ov.n_changes; i++)
        if (ch[i].exclude) {
            bool first = true; /* a txid named twice: the first counts */
            for (size_t k = 0; k < i; k++)
                first &= !qc_hash_eq(&ch[k].txid, &ch[i].txid);
            assert_true(!first || !has(t, &ch[i].txid));
        }
    qc_template_unref(t);
}

static qc_block *solved(rig *r, const qc_template *t, const qc_hash *prev)
{
    qc_bytes cb = QC_BYTES_INIT, bytes;
    qc_block *b;
    uint64_t tries = 1000000;
    assert_int_equal(qc_coinbase_write(&t->coinbase, pk_script(), qc_span_of("z", 1), &cb), QC_OK);
    const qc_solution s = {.version = t->version,
                           .time = t->cur_time,
                           .bits = t->bits,
                           .coinbase = qc_bytes_span(&cb),
                           .prev = prev};
    assert_int_equal(qc_template_bytes(t, &s, &bytes), QC_OK);
    assert_int_equal(qc_mining_solve(r->p.k.params, bytes.data, &tries, NULL), QC_SOLVE_FOUND);
    assert_int_equal(qc_block_parse(qc_bytes_span(&bytes), &b), QC_WIRE_OK);
    qc_bytes_free(&cb);
    qc_bytes_free(&bytes);
    return b;
}

/* A template, one on top of it, and then both are found. The pool goes on in between. */
static void find_two(rig *r)
{
    const qc_template *t, *on;
    qc_verdict v;
    bool is_new;
    qc_template_options o = qc_template_defaults();
    o.max_weight = 20000; /* not all of the pool */
    assert_int_equal(qc_miner_template(r->miner, &o, QC_TEMPLATE_REQUEST, r->p.now, &t), QC_OK);
    add_random(r, 5);
    assert_int_equal(qc_miner_template_on(r->miner, t, NULL, r->p.now, &on), QC_OK);
    recompute(on);
    qc_block *b = solved(r, t, NULL), *c = solved(r, on, qc_block_hash(b));
    uint32_t h = kit_height(&r->p.k);
    assert_int_equal(qc_chain_process_block(r->p.k.c, b, true, true, &is_new, &v), QC_OK);
    assert_int_equal(kit_height(&r->p.k), h + 1);
    assert_int_equal(qc_chain_process_block(r->p.k.c, c, true, true, &is_new, &v), QC_OK);
    assert_int_equal(kit_height(&r->p.k), h + 2);
    qc_block_unref(b);
    qc_block_unref(c);
    qc_template_unref(t);
    qc_template_unref(on);
}

static void test_template__of_any_pool_and_policy_is_a_valid_block(void **state)
{
    rig *r = rig_new();
    (void)state;
    r->push = subscribe(r, &r->ear, (qc_push_options){.fee_delta = 0});
    for (int round = 0; round < 40; round++) {
        add_random(r, 1 + roll(12));
        qc_push_look(r->push);
        for (int i = 0; i < 3; i++)
            with_policy(r);
        for (size_t i = 0; i < r->ear.n; i++) {
            recompute(r->ear.t[i]);
            if (r->ear.t[i]->tip == qc_chain_tip(r->p.k.c))
                must_be_valid(r, r->ear.t[i]);
        }
        forget(&r->ear);
        if (round % 8 == 7)
            find_two(r);
    }
    rig_end(r);
}

QC_TEST_MAIN(cmocka_unit_test(test_push__a_new_tip_is_empty_before_the_pool_knows_then_full),
             cmocka_unit_test(test_push__a_reorganisation_is_one_tip),
             cmocka_unit_test(test_push__the_same_options_share_a_template),
             cmocka_unit_test(test_push__fees_are_told_by_the_delta_up_and_down),
             cmocka_unit_test(test_push__the_interval_holds_for_fees_alone),
             cmocka_unit_test(test_push__who_wants_tips_alone_costs_nothing_between),
             cmocka_unit_test(test_push__an_easier_block_is_told_once),
             cmocka_unit_test(test_push__looks_that_cost_much_come_less_often),
             cmocka_unit_test(test_push__an_owner_has_two_kinds_at_once),
             cmocka_unit_test(test_push__nothing_in_the_initial_download_unless_asked),
             cmocka_unit_test(test_template__of_any_pool_and_policy_is_a_valid_block))
