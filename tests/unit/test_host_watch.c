/* watch over a real chain and a real pool: whatever happens to chain, mempool, node and plugin, the
 * plugin knows the coins of its scripts as a walk over everything finds them. Built for both modes
 * of running a plugin. */
#include "tests/unit/watch_call.h"

#include "core/host/adapter_watch.h"

#include <stdlib.h>

static void change_set(play *p)
{
    uint32_t i = (uint32_t)rnd(p, p->used);
    if (p->set[i])
        play_unwatch(p, i);
    else
        play_watch(p, i);
}

static void one_round(play *p, unsigned round)
{
    play_offer_some(p);
    if (rnd(p, 2) == 0)
        change_set(p);
    if (rnd(p, 3) == 0)
        play_mine(p);
    if (rnd(p, 6) == 0) {
        uint32_t back = 1 + (uint32_t)rnd(p, 3);
        rig_reorg(&p->r, back, back + 1, ++p->salt);
    }
    /* A rescan that is under way dies with the plugin: not before it has ended. */
    if (!RIG_TRUSTED && rnd(p, 6) == 0) {
        play_compare(p);
        play_kill_runner(p);
    }
    if (round % 12 == 11) {
        play_compare(p);
        play_restart(p);
    }
    if (rnd(p, 2))
        play_compare(p);
}

static void rounds(play *p, unsigned n)
{
    play_begin(p, GRANTS);
    for (unsigned round = 0; round < n; round++)
        one_round(p, round);
    play_compare(p);
    assert_true(RIG_TRUSTED || p->kills > 0);
    assert_int_equal(p->r.host->n_watchers, 1);
    assert_int_equal(play_count(p, "unknown"), 0);
    play_end(p);
}

static void test_watch__a_plugin_knows_its_coins_through_all_that_happens(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 3; seed++) {
        play p = {.seed = seed, .r = {.backoff_ms = 1}};
        rounds(&p, 40);
    }
}

static void test_watch__filters_find_what_reading_every_block_finds(void **state)
{
    (void)state;
    play p = {.seed = 7, .with_filters = true, .r = {.backoff_ms = 1}};
    rounds(&p, 30);
}

static void test_watch__a_slow_one_looks_again_and_comes_to_the_same(void **state)
{
    (void)state;
    play p = {.seed = 9, .r = {.backoff_ms = 1, .feed_events = 4}};
    play_begin(&p, GRANTS);
    for (uint32_t i = 0; i < 8; i++)
        play_watch(&p, i);
    for (unsigned round = 0; round < 8; round++) {
        for (int i = 0; i < 6; i++)
            play_offer_some(&p);
        if (round % 3 == 2)
            play_mine(&p);
        play_compare(&p);
    }
    play_end(&p);
}

/* ---- one thing at a time ---- */

static void test_watch__who_names_nothing_hears_of_no_transaction(void **state)
{
    (void)state;
    play p = {.seed = 3, .r = {.backoff_ms = 1}};
    play_begin(&p, GRANTS);
    for (unsigned i = 0; i < 6; i++) {
        play_offer_some(&p);
        play_mine(&p);
    }
    rig_reorg(&p.r, 2, 3, ++p.salt);
    play_compare(&p);
    assert_int_equal(play_count(&p, "\"seen"), 0);
    assert_int_equal(play_count(&p, "\"confirmed"), 0);
    assert_int_equal(play_count(&p, "\"unconfirmed"), 0);
    assert_int_equal(play_count(&p, "\"gone"), 0);
    assert_true(play_count(&p, "\"block") >= BLOCKS + 6);
    play_end(&p);
}

/* A hit at 100 leads to 101 and 102, that to two more: all are paid in one block, the last first.
 */
static void test_watch__the_gap_limit_holds_within_a_block(void **state)
{
    (void)state;
    play p = {.seed = 3, .r = {.backoff_ms = 1}};
    play_begin(&p, GRANTS);
    free(rig_call(&p.r, "good.gap", "[2]"));
    play_watch(&p, 100);
    play_compare(&p);
    const tb_tx *tx[3];
    for (uint32_t i = 0; i < 3; i++) {
        const uint32_t to[2] = {104 - 2 * i, 200};
        tx[i] = play_spend_coinbase(&p, 1 + i, 1000, to, 2);
    }
    play_mine_these(&p, tx, 3);
    for (uint32_t i = 100; i <= 106; i++)
        p.set[i] = true;
    play_compare(&p);
    assert_true(play_count(&p, "\"again") >= 2);
    /* The same in the mempool, one after the other. */
    for (uint32_t i = 0; i < 2; i++) {
        const uint32_t to[2] = {110 - 2 * i, 201};
        assert_true(play_offer(&p, play_spend_coinbase(&p, 4 + i, 1000, to, 2)));
    }
    const uint32_t last[2] = {106, 202};
    assert_true(play_offer(&p, play_spend_coinbase(&p, 6, 1000, last, 2)));
    for (uint32_t i = 107; i <= 112; i++)
        p.set[i] = true;
    play_compare(&p);
    play_end(&p);
}

static void test_watch__says_why_a_transaction_is_gone(void **state)
{
    (void)state;
    play p = {.seed = 3, .r = {.backoff_ms = 1}};
    const uint32_t three[2] = {3, 200};
    play_begin(&p, GRANTS);
    play_watch(&p, 3);
    /* Replaced. */
    assert_true(play_offer(&p, play_spend_coinbase(&p, 1, 1000, three, 2)));
    play_compare(&p);
    tb_tx *a = play_spend_coinbase(&p, 1, 30000, three, 2);
    assert_true(play_offer(&p, a));
    play_compare(&p);
    assert_int_equal(play_count(&p, "replaced"), 1);
    /* A block spends what it spends; then that block leaves, and its rival is as it was. */
    const uint32_t other[2] = {4, 200};
    const tb_tx *rival = play_spend_coinbase(&p, 1, 777, other, 2);
    play_mine_these(&p, &rival, 1);
    play_compare(&p);
    assert_int_equal(play_count(&p, "conflict"), 1);
    assert_int_equal(play_count(&p, "\"by"), 1);
    /* In a block, which leaves for one that has a rival: it is said which. */
    tb_tx *b = play_spend_coinbase(&p, 2, 1000, three, 2);
    const tb_tx *one = b;
    play_mine_these(&p, &one, 1);
    play_compare(&p);
    rig_reorg(&p.r, 1, 2, ++p.salt);
    play_compare(&p); /* it is in the mempool again */
    assert_int_equal(play_count(&p, "conflict"), 1);
    /* A coinbase that leaves never comes back. */
    play_watch(&p, 0);
    play_compare(&p);
    rig_reorg(&p.r, 1, 2, ++p.salt);
    play_compare(&p);
    assert_true(play_count(&p, "\"reorg") >= 1);
    play_end(&p);
}

/* A branch that takes over has the same transaction: it is confirmed anew, and never gone. */
static void test_watch__a_transaction_may_be_in_both_branches(void **state)
{
    (void)state;
    play p = {.seed = 3, .r = {.backoff_ms = 1}};
    const uint32_t three[2] = {3, 200};
    play_begin(&p, GRANTS);
    play_watch(&p, 3);
    const tb_tx *a = play_spend_coinbase(&p, 1, 1000, three, 2);
    const tb_tx *b = play_spend_coinbase(&p, 2, 1000, three, 2);
    const tb_tx *rival = play_spend_coinbase(&p, 2, 777, three, 2);
    const tb_tx *const both[2] = {a, b}, *const others[2] = {a, rival};
    play_mine_these(&p, both, 2);
    play_compare(&p);
    tb_chain_cut(p.r.made, p.r.made->tip - 1);
    play_mine_these(&p, others, 2); /* no more work than the other */
    play_mine_these(&p, NULL, 0);
    play_compare(&p);
    assert_int_equal(play_count(&p, "\"unconfirmed"), 2);
    assert_int_equal(play_count(&p, "\"gone"), 1);
    assert_int_equal(play_count(&p, "conflict"), 1);
    assert_int_equal(play_count(&p, "\"by"), 1);
    play_end(&p);
}

/* ---- calls of the plugin's, made on its loop ---- */

static void test_watch__a_block_is_looked_through_once_for_all(void **state)
{
    (void)state;
    static call c;
    static play p;
    call_begin(&c, &p, GRANTS);
    rig_on_loop(&p.r, call_add_three, &c);
    play_watch(&p, 3);
    call_drain(&c);
    play_compare(&p);
    uint64_t before = atomic_load(&p.r.host->watch->passes);
    for (int i = 0; i < 5; i++) {
        rig_grow(&p.r, 1);
        play_compare(&p);
        call_drain(&c);
    }
    assert_int_equal(atomic_load(&p.r.host->watch->passes), before + 5);
    call_end(&c);
}

static void test_next__waits_for_the_acknowledgement_of_hits_and_for_room(void **state)
{
    (void)state;
    static call c;
    static play p;
    const uint32_t to[2] = {3, 3};
    call_begin(&c, &p, GRANTS);
    rig_on_loop(&p.r, call_add_three, &c);
    assert_int_equal(c.id, 1); /* armed at the first event */
    call_drain(&c);
    const tb_tx *tx = play_spend_coinbase(&p, 1, 1000, to, 2);
    play_mine_these(&p, &tx, 1);
    c.room = 10; /* less than a transaction */
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    do /* the mempool may still have something to say */
        rig_on_loop(&p.r, call_next, &c);
    while (c.st != QN_E_SPACE && qc_clock_mono() < until);
    assert_int_equal(c.st, QN_E_SPACE);
    qc_bytes bytes = tb_tx_bytes(tx, true);
    assert_int_equal(c.n_data, bytes.len + 4);
    c.room = c.n_data;
    rig_on_loop(&p.r, call_next, &c); /* the second coin shares the bytes, but not the script */
    assert_int_equal(c.st, QN_OK);
    assert_int_equal(c.n, 1);
    assert_int_equal(c.ev[0].type, QN_WATCH_EV_CONFIRMED);
    assert_int_equal(c.ev[0].n_hits, 2);
    assert_memory_equal(c.data + c.ev[0].tx_off, bytes.data, bytes.len);
    c.room = sizeof c.data;
    rig_on_loop(&p.r, call_next, &c);
    assert_int_equal(c.st, QN_OK);
    assert_int_equal(c.n, 1);
    assert_int_equal(c.ev[0].hit, 1);
    for (int i = 0; i < 3; i++) {
        rig_on_loop(&p.r, call_next, &c);
        assert_int_equal(c.st, QN_E_LIMIT);
    }
    assert_int_equal(c.t->stable.ack(c.cap, c.watch, 1), QN_E_THREAD);
    rig_await(&p.r, 0, QC_PLUGIN_LAGGING, "");
    qc_bytes_free(&bytes);
    call_end(&c);
}

static void do_rescan(void *arg)
{
    call *c = arg;
    c->st = c->t->stable.rescan(c->cap, c->watch, NULL, &c->id, &c->lowest);
}

static void do_cancel(void *arg)
{
    call *c = arg;
    c->st = c->t->stable.cancel(c->cap, c->watch, c->id);
}

static void test_rescan__is_canceled_and_counted(void **state)
{
    (void)state;
    static call c;
    static play p;
    call_begin(&c, &p, GRANTS);
    call_drain(&c);
    uint64_t first = 0;
    for (int i = 0; i < 4; i++) {
        rig_on_loop(&p.r, do_rescan, &c);
        assert_int_equal(c.st, QN_OK);
        assert_int_equal(c.lowest, 0);
        first = first ? first : c.id;
    }
    rig_on_loop(&p.r, do_rescan, &c);
    assert_int_equal(c.st, QN_E_LIMIT);
    for (c.id = first; c.id < first + 4; c.id++) {
        rig_on_loop(&p.r, do_cancel, &c);
        assert_int_equal(c.st, QN_OK);
    }
    rig_on_loop(&p.r, do_cancel, &c);
    assert_int_equal(c.st, QN_E_NOTFOUND);
    call_drain(&c);
    assert_int_equal(c.seen[QN_WATCH_EV_RESCAN_DONE], 4);
    assert_int_equal(c.canceled, 4);
    call_end(&c);
}

static void do_limits(void *arg)
{
    call *c = arg;
    qn_watch_usage u = {.size = sizeof u};
    const qn_watch_script bad[2] = {{.len = 0}, {.len = 10001}};
    const qn_watch_outpoint coin = {.cookie = 1, .n = 7};
    for (uint32_t i = 0; i < 3; i++) {
        call_add(c, i, i, 0);
        assert_int_equal(c->st, QN_OK);
    }
    call_add(c, 3, 3, 0);
    assert_int_equal(c->st, QN_E_LIMIT);
    call_add(c, 2, 9, 0); /* is there: only its cookie is new */
    assert_int_equal(c->st, QN_OK);
    assert_int_equal(c->t->stable.add_outpoints(c->cap, c->watch, &coin, 1, 0, NULL), QN_E_LIMIT);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            c->t->stable.add(c->cap, c->watch, &bad[i], 1, c->data, bad[i].len, 0, NULL),
            QN_E_INVAL);
    assert_int_equal(c->t->stable.add(c->cap, c->watch, NULL, 0, c->data, 1, 0, NULL), QN_E_INVAL);
    call_add(c, 2, 9, 2);
    assert_int_equal(c->st, QN_E_INVAL);
    assert_int_equal(c->t->stable.usage(c->cap, &u), QN_OK);
    assert_int_equal(u.scripts, 3);
    assert_int_equal(u.max_scripts, 3);
    assert_int_equal(u.streams, 2);
    assert_int_equal(c->t->stable.ack(c->cap, c->watch, 5), QN_E_INVAL);
    assert_int_equal(c->t->stable.next(c->cap, 999, c->ev, 1, &c->n, c->data, 1, &c->n_data),
                     QN_E_CLOSED);
}

static void test_add__the_grant_bounds_it(void **state)
{
    (void)state;
    static call c;
    static play p;
    call_begin(&c, &p,
               "watch/1 = scripts=3\nstore.own/1 = quota=1GB\nrpc.serve/1 = prefix=good.\n"
               "watch.unstable/1 = scripts=3\nunstable = yes\n");
    rig_on_loop(&p.r, do_limits, &c);
    call_end(&c);
}

static void do_deep(void *arg)
{
    call *c = arg;
    qn_watch_deep d = {.cookie = 5, .depth = 3, .block = c->last, .txid = c->txid};
    c->st = c->t->deep(c->cap, c->watch, &d, 1);
    if (c->st == QN_OK) {
        d.block.hash.b[0] ^= 1;
        assert_int_equal(c->t->deep(c->cap, c->watch, &d, 1), QN_E_NOTFOUND);
    }
}

static void test_deep__comes_when_the_block_is_so_deep(void **state)
{
    (void)state;
    static call c;
    static play p;
    const uint32_t three = 3;
    call_begin(&c, &p, GRANTS);
    rig_on_loop(&p.r, call_add_three, &c);
    const tb_tx *tx = play_spend_coinbase(&p, 1, 1000, &three, 1);
    play_mine_these(&p, &tx, 1);
    call_drain(&c);
    rig_on_loop(&p.r, do_deep, &c);
    assert_int_equal(c.st, QN_OK);
    rig_grow(&p.r, 1);
    call_drain(&c);
    assert_int_equal(c.seen[QN_WATCH_TRIAL_DEEP], 0);
    rig_grow(&p.r, 1);
    call_drain(&c);
    assert_int_equal(c.seen[QN_WATCH_TRIAL_DEEP], 1);
    rig_on_loop(&p.r, do_deep, &c); /* it is so already */
    call_drain(&c);
    assert_int_equal(c.seen[QN_WATCH_TRIAL_DEEP], 2);
    call_end(&c);
}

static void do_descriptor(void *arg)
{
    call *c = arg;
    const qn_watch_range r = {.cookie = 77, .n = 1};
    c->st = c->t->add_descriptor(c->cap, c->watch, c->text, (uint32_t)strlen(c->text), &r, &c->id);
}

static void test_add_descriptor__watches_what_it_stands_for(void **state)
{
    (void)state;
    static call c;
    static play p;
    const uint32_t three = 3;
    static const char *const BAD[] = {"", "raw(01037551", "raw(01037551)#aaaaaaaa", "raw()",
                                      "pkh(cMahea7zqjxrtgAbB7LSGbcQUr1uX1ojuat9jZodMN87JcbXMTcA)"};
    call_begin(&c, &p, GRANTS);
    for (size_t i = 0; i < QC_COUNTOF(BAD); i++) {
        c.text = BAD[i];
        rig_on_loop(&p.r, do_descriptor, &c);
        assert_int_equal(c.st, QN_E_INVAL);
    }
    c.text = "raw(01037551)";
    rig_on_loop(&p.r, do_descriptor, &c);
    assert_int_equal(c.st, QN_OK);
    const tb_tx *tx = play_spend_coinbase(&p, 1, 1000, &three, 1);
    play_mine_these(&p, &tx, 1);
    call_drain(&c);
    assert_int_equal(c.seen[QN_WATCH_EV_CONFIRMED], 1);
    call_end(&c);
}

/* ---- a node that has pruned: the rules alone, over our chain ---- */

typedef struct pruned {
    play *p;
    qc_watch_hub *hub;
    uint32_t height; /* lowest that is there */
    uint32_t reads;
    bool fail; /* the disk does */
} pruned;

static const qc_index *pr_durable(void *arg)
{
    const pruned *r = arg;
    return qc_chain_tip(r->p->r.chain);
}
static const qc_index *pr_find(void *arg, const qc_hash *hash)
{
    const pruned *r = arg;
    return qc_chain_find(r->p->r.chain, hash);
}
static uint32_t pr_height(void *arg)
{
    const pruned *r = arg;
    return r->height;
}
static qc_err pr_read(void *arg, const qc_index *at, qc_block **out)
{
    pruned *r = arg;
    r->reads++;
    if (at->height < r->height)
        return QC_EPRUNED;
    return r->fail ? QC_EIO : qc_chain_read_block_spent(r->p->r.chain, at, out);
}
static qc_err pr_seek(void *arg, const qc_index *at, uint16_t owner, uint64_t since, qc_block **out)
{
    (void)owner;
    (void)since;
    return pr_read(arg, at, out);
}
static void pr_ahead(void *arg, const qc_index *at, uint16_t owner)
{
    (void)arg;
    (void)at;
    (void)owner;
}
static qc_err pr_hits(void *arg, const qc_index *at, const qc_block *b, uint16_t owner,
                      uint64_t since, qc_watch_hits *h)
{
    const pruned *r = arg;
    return qc_watch_hub_hits(r->hub, at, b, owner, since, h);
}
static void pr_sweep(void *arg, qc_watch_sweep *s)
{
    (void)arg;
    qc_watch_sweep_let_go(s);
}

static qc_mono pr_time;
static qc_mono pr_now(void)
{
    return pr_time;
}

static qc_watch_source source_of(pruned *r, qc_mono (*now)(void))
{
    return (qc_watch_source){.arg = r,
                             .set = r->hub->set,
                             .pool = r->hub->pool,
                             .epoch = 5,
                             .durable = pr_durable,
                             .find = pr_find,
                             .prune_height = pr_height,
                             .read = pr_read,
                             .seek = pr_seek,
                             .ahead = pr_ahead,
                             .hits = pr_hits,
                             .sweep = pr_sweep,
                             .now = now};
}

static qn_watch_event given[64];
static uint32_t n_given;

static qn_status pr_next(qc_watch_stream *w)
{
    static uint8_t data[65536];
    uint32_t n_data;
    bool more;
    qn_status st;
    do
        st = qc_watch_stream_next(w, given, 64, &n_given, data, sizeof data, &n_data, &more);
    while (st == QN_E_AGAIN && more);
    if (st == QN_OK)
        assert_int_equal(qc_watch_stream_ack(w, given[n_given - 1].seq), QN_OK);
    return st;
}

static void test_watch__says_what_is_pruned_and_what_cannot_be_read(void **state)
{
    (void)state;
    static play p;
    p = (play){.seed = 3, .r = {.backoff_ms = 1}};
    play_begin(&p, GRANTS);
    pruned r = {&p, qc_watch_hub_new(0), 0, 0, false};
    const qc_watch_source src = source_of(&r, qc_clock_mono);
    qc_watch_stream *w;
    qn_block_ref start;
    assert_int_equal(qc_watch_stream_open(&w, &src, 0, 100, 0, NULL, 0, &start), QN_OK);
    assert_int_equal(start.height, UINT32_MAX);
    for (uint32_t at = 0; at <= 20;) {
        assert_int_equal(pr_next(w), QN_OK);
        at += n_given;
    }
    r.fail = true;
    qn_status st = pr_next(w); /* a block that was read before may still be to be told */
    assert_int_equal(st == QN_OK ? pr_next(w) : st, QN_E_IO);
    const uint32_t stands = qc_watch_stream_height(w);
    assert_int_equal(pr_next(w), QN_E_IO);
    assert_int_equal(qc_watch_stream_height(w), stands);
    r.fail = false;
    while (pr_next(w) == QN_OK)
        ;
    assert_int_equal(qc_watch_stream_height(w), p.r.made->tip);
    /* A rescan of what is not there. */
    r.height = 40;
    qn_watch_rescan o = {.size = sizeof o, .set = QN_SET_WATCH_RESCAN_FROM, .from = 39};
    uint64_t id = 0;
    uint32_t lowest = 0;
    assert_int_equal(qc_watch_stream_rescan(w, &o, &id, &lowest), QN_E_PRUNED);
    assert_int_equal(lowest, 40);
    o.from = 40;
    assert_int_equal(qc_watch_stream_rescan(w, &o, &id, &lowest), QN_OK);
    r.height = 60; /* it is pruned while the rescan has not come there */
    assert_int_equal(pr_next(w), QN_OK);
    assert_int_equal(n_given, 1);
    assert_int_equal(given[0].type, QN_WATCH_EV_RESCAN_DONE);
    assert_int_equal(given[0].status, QN_E_PRUNED);
    assert_int_equal(given[0].ref.height, 60);
    o.from = 70;
    o.to = 69;
    o.set |= QN_SET_WATCH_RESCAN_TO;
    assert_int_equal(qc_watch_stream_rescan(w, &o, &id, &lowest), QN_E_INVAL);
    qc_watch_stream_close(w);
    qc_watch_hub_free(r.hub);
    play_end(&p);
}

/* What every block pays to. */
static void add_coinbases(const play *p, qc_watch_stream *w)
{
    for (uint32_t h = 1; h <= p->r.made->tip; h++) {
        qc_block *b;
        assert_int_equal(qc_chain_read_block(p->r.chain, qc_chain_at(p->r.chain, h), &b), QC_OK);
        const qc_tx tx = qc_block_tx(b, 0);
        const qc_watch_key key = {QC_WATCH_SCRIPT, qc_tx_script(&tx, 0), h};
        assert_int_equal(qc_watch_stream_add(w, &key, 1, true, NULL), QN_OK);
        qc_block_unref(b);
    }
}

static void test_rescan__says_how_far_it_is_where_every_block_has_something(void **state)
{
    (void)state;
    static play p;
    p = (play){.seed = 3, .r = {.backoff_ms = 1}};
    play_begin(&p, GRANTS);
    pruned r = {&p, qc_watch_hub_new(0), 0, 0, false};
    const qc_watch_source src = source_of(&r, pr_now);
    qc_watch_stream *w;
    qn_block_ref start;
    uint64_t id;
    uint32_t hits = 0, progress = 0, done = 0, at = 0;
    assert_int_equal(qc_watch_stream_open(&w, &src, QN_WATCH_FROM_TIP, 100, 0, NULL, 0, &start),
                     QN_OK);
    add_coinbases(&p, w);
    assert_int_equal(qc_watch_stream_rescan(w, NULL, &id, NULL), QN_OK);
    while (!done) {
        pr_time += INT64_C(300000000);
        assert_int_equal(pr_next(w), QN_OK);
        for (uint32_t i = 0; i < n_given; i++) {
            hits += given[i].type == QN_WATCH_EV_CONFIRMED;
            done += given[i].type == QN_WATCH_EV_RESCAN_DONE;
            if (given[i].type != QN_WATCH_EV_RESCAN_PROGRESS) {
                at = given[i].ref.height;
                continue;
            }
            progress++;
            assert_int_equal(given[i].ref.height, at); /* all of it has been told */
        }
    }
    assert_true(hits >= p.r.made->tip);
    assert_in_range(progress, p.r.made->tip / 6, p.r.made->tip / 3);
    qc_watch_stream_close(w);
    qc_watch_hub_free(r.hub);
    play_end(&p);
}

/* A hit, upon which another script is added; then the block cannot be read again, or it is
 * canceled. Returns the height of the end, behind which whoever resumes would go on. */
static uint32_t end_behind_a_hit(bool cancel)
{
    static play p;
    p = (play){.seed = 3, .r = {.backoff_ms = 1}};
    play_begin(&p, GRANTS);
    pruned r = {&p, qc_watch_hub_new(0), 0, 0, false};
    const qc_watch_source src = source_of(&r, pr_now);
    static const qc_watch_key more = {QC_WATCH_SCRIPT, {(const uint8_t *)"\x51\x52\x53", 3}, 8};
    qc_watch_stream *w;
    qn_block_ref start;
    uint64_t id;
    uint32_t hit = 0, end = UINT32_MAX;
    assert_int_equal(qc_watch_stream_open(&w, &src, QN_WATCH_FROM_TIP, 100, 0, NULL, 0, &start),
                     QN_OK);
    add_coinbases(&p, w);
    assert_int_equal(qc_watch_stream_rescan(w, NULL, &id, NULL), QN_OK);
    while (end == UINT32_MAX) {
        assert_int_equal(pr_next(w), QN_OK);
        for (uint32_t i = 0; i < n_given && end == UINT32_MAX; i++) {
            if (given[i].type == QN_WATCH_EV_RESCAN_DONE)
                end = given[i].ref.height;
            if (given[i].type != QN_WATCH_EV_CONFIRMED || hit)
                continue;
            hit = given[i].ref.height;
            assert_int_equal(qc_watch_stream_add(w, &more, 1, true, NULL), QN_OK);
            r.fail = !cancel;
            if (cancel)
                assert_int_equal(qc_watch_stream_cancel(w, id), QN_OK);
        }
    }
    assert_true(hit > 0);
    qc_watch_stream_close(w);
    qc_watch_hub_free(r.hub);
    play_end(&p);
    return end + 1 - hit;
}

static void test_rescan__claims_no_block_that_it_has_not_finished(void **state)
{
    (void)state;
    assert_int_equal(end_behind_a_hit(false), 0);
    assert_int_equal(end_behind_a_hit(true), 0);
}

QC_TEST_MAIN(cmocka_unit_test(test_watch__a_plugin_knows_its_coins_through_all_that_happens),
             cmocka_unit_test(test_watch__filters_find_what_reading_every_block_finds),
             cmocka_unit_test(test_watch__a_slow_one_looks_again_and_comes_to_the_same),
             cmocka_unit_test(test_watch__who_names_nothing_hears_of_no_transaction),
             cmocka_unit_test(test_watch__the_gap_limit_holds_within_a_block),
             cmocka_unit_test(test_watch__says_why_a_transaction_is_gone),
             cmocka_unit_test(test_watch__a_transaction_may_be_in_both_branches),
             cmocka_unit_test(test_watch__a_block_is_looked_through_once_for_all),
             cmocka_unit_test(test_next__waits_for_the_acknowledgement_of_hits_and_for_room),
             cmocka_unit_test(test_rescan__is_canceled_and_counted),
             cmocka_unit_test(test_rescan__claims_no_block_that_it_has_not_finished),
             cmocka_unit_test(test_add__the_grant_bounds_it),
             cmocka_unit_test(test_deep__comes_when_the_block_is_so_deep),
             cmocka_unit_test(test_add_descriptor__watches_what_it_stands_for),
             cmocka_unit_test(test_watch__says_what_is_pruned_and_what_cannot_be_read),
             cmocka_unit_test(test_rescan__says_how_far_it_is_where_every_block_has_something))
