/* Blocks that are wanted soon: those that rescans look into, the walk over their coins, and those
 * that followers in catch-up come to. */
#include "core/host/watch_ahead.h"
#include "tests/unit/watch_play.h"

#include "core/base/arith.h"
#include "core/host/blocks.h"
#include "core/watch/match.h"

#include <stdio.h>
#include <unistd.h>

typedef struct taker {
    qc_watch_ahead *a;
    const qc_chain *c;
    qc_watchset *set;
    qc_watch_owner owner;
    unsigned found, nothing;
} taker;

static void taker_ask(const taker *t, uint32_t height)
{
    qc_watch_ahead_ask(t->a, t, qc_chain_at(t->c, height), t->set, t->owner.id);
}

static void taker_add(taker *t, qc_watch_kind kind, qc_span bytes)
{
    const qc_watch_key key = {kind, bytes, 1};
    assert_int_equal(qc_watchset_add(t->set, &t->owner, &key, 1, 1), QC_OK);
}

static qc_span spent_script(const qc_block *b, const qn_spent_rec *s)
{
    return qc_span_of(qn_view_spent_script(qc_block_view(b), s), s->script_len);
}

static void same_tx(qc_block *b, uint32_t i, const qc_block *whole)
{
    const uint32_t place = qc_block_place(b, i);
    qc_block_make_ids(b, i);
    const qc_tx tx = qc_block_tx(b, i), want = qc_block_tx(whole, place);
    assert_true(qc_span_eq(qc_tx_bytes(&tx), qc_tx_bytes(&want)));
    assert_memory_equal(tx.rec->txid, want.rec->txid, 32);
    assert_memory_equal(tx.rec->wtxid, want.rec->wtxid, 32);
    assert_int_equal(qn_view_fee(qc_block_view(b), i), qn_view_fee(qc_block_view(whole), place));
    for (uint32_t k = 0; i && k < tx.rec->n_in; k++) {
        const qn_spent_rec *s = qn_view_spent(qc_block_view(b), tx.rec->in0 + k);
        const qn_spent_rec *w = qn_view_spent(qc_block_view(whole), want.rec->in0 + k);
        assert_true(s->value == w->value && s->height == w->height && s->coinbase == w->coinbase);
        assert_true(qc_span_eq(spent_script(b, s), spent_script(whole, w)));
    }
}

/* A part of the block: the coinbase first, the others in their order. */
static void same_block(qc_block *b, const qc_block *whole)
{
    assert_memory_equal(qc_block_hash(b), qc_block_hash(whole), 32);
    assert_int_equal(qc_block_view(b)->height, qc_block_view(whole)->height);
    assert_int_equal(qc_block_place(b, 0), 0);
    for (uint32_t i = 0; i < qc_block_n_tx(b); i++) {
        assert_true(!i || qc_block_place(b, i) > qc_block_place(b, i - 1));
        same_tx(b, i, whole);
    }
}

static void same_hits(const taker *t, const qc_block *b, const qc_watch_hits *want)
{
    qc_watch_hits hits = QC_WATCH_HITS_INIT;
    if (b)
        assert_int_equal(qc_watch_match_block(t->set, b, t->owner.id, &hits), QC_OK);
    assert_int_equal(hits.n, want->n);
    for (size_t i = 0; i < hits.n; i++) {
        hits.hit[i].tx = qc_block_place(b, hits.hit[i].tx);
        assert_memory_equal(&hits.hit[i], &want->hit[i], sizeof hits.hit[i]);
    }
    qc_watch_hits_clear(&hits);
}

/* Take it, and hold it against the block as everybody else reads it: only what is the taker's has
 * to be there. */
static void taker_take(taker *t, uint32_t height)
{
    const qc_index *at = qc_chain_at(t->c, height);
    const uint64_t since = qc_watchset_version(t->set);
    qc_watch_hits hits = QC_WATCH_HITS_INIT;
    qc_block *b, *whole;
    assert_int_equal(qc_watch_ahead_take(t->a, t, at, t->set, t->owner.id, since, &b), QC_OK);
    assert_int_equal(qc_chain_read_block_spent(t->c, at, &whole), QC_OK);
    assert_int_equal(qc_watch_match_block(t->set, whole, t->owner.id, &hits), QC_OK);
    same_hits(t, b, &hits);
    t->found += hits.n > 0;
    t->nothing += b == NULL;
    if (b)
        same_block(b, whole);
    qc_watch_hits_clear(&hits);
    qc_block_unref(b);
    qc_block_unref(whole);
}

static void taker_begin(taker *t, qc_watch_ahead *a, const qc_chain *c, qc_watchset *set)
{
    *t = (taker){.a = a, .c = c, .set = set};
    assert_int_equal(qc_watchset_enter(set, &t->owner), QC_OK);
}

/* Two scripts, and a coin that the highest spender in the chain takes. */
static void name_some(taker *t)
{
    uint8_t room[4];
    taker_add(t, QC_WATCH_SCRIPT, play_script(1, room));
    taker_add(t, QC_WATCH_SCRIPT, play_script(2, room));
    for (uint32_t h = qc_chain_tip(t->c)->height; h > 0; h--) {
        qc_block *b;
        assert_int_equal(qc_chain_read_block(t->c, qc_chain_at(t->c, h), &b), QC_OK);
        if (qc_block_n_tx(b) > 1) {
            const qc_tx tx = qc_block_tx(b, 1);
            const qc_outpoint o = qc_tx_prevout(&tx, 0);
            taker_add(t, QC_WATCH_OUTPOINT, qc_span_of(&o, sizeof o));
            h = 1;
        }
        qc_block_unref(b);
    }
}

/* Asked for or not, in whatever order, twice, by two who want the same, and by one who goes. */
static void test_watch_ahead__gives_to_each_what_it_wants(void **state)
{
    (void)state;
    static play p;
    p = (play){.seed = 9, .r = {.backoff_ms = 1}};
    play_begin(&p, GRANTS);
    for (unsigned i = 0; i < 20; i++) {
        play_offer_some(&p);
        play_mine(&p);
    }
    qc_chain *c = p.r.chain;
    assert_true(qc_pool_workers(qc_chain_pool(c)) > 0);
    const uint32_t top = qc_chain_tip(c)->height;
    assert_true(top >= 60);
    qc_watch_ahead *a = qc_watch_ahead_new(c);
    qc_watchset *set = qc_watchset_new(&(qc_siphash_key){5, 6});
    taker one, two, gone;
    taker_begin(&one, a, c, set);
    taker_begin(&two, a, c, set);
    taker_begin(&gone, a, c, set);
    name_some(&one);
    for (uint32_t h = 0; h <= top; h++) {
        for (uint32_t k = h; k <= QC_MIN(h + 4, top); k++)
            taker_ask(&one, k);
        taker_ask(&two, top - h);
        if (h % 7 == 0)
            taker_ask(&gone, h);
        taker_take(&one, h);
        taker_take(&two, top - h);
        if (h % 5 == 0)
            taker_take(&one, h);
        if (h % 14 == 0)
            qc_watch_ahead_drop(a, &gone);
    }
    assert_true(one.found > 3 && one.nothing > 3);
    assert_int_equal(two.found, 0);
    name_some(&gone);
    for (uint32_t h = 1; h <= 40; h++) /* more than there is room for, and nobody comes for it */
        taker_ask(&gone, h);
    taker_take(&gone, 40);
    qc_watch_ahead_free(a);
    qc_watchset_leave(set, &one.owner);
    qc_watchset_leave(set, &two.owner);
    qc_watchset_leave(set, &gone.owner);
    qc_watchset_free(set);
    play_end(&p);
}

/* What was looked at before something was added has to be looked at again. */
static void test_watch_ahead__misses_nothing_that_was_added_meanwhile(void **state)
{
    (void)state;
    static play p;
    p = (play){.seed = 11, .r = {.backoff_ms = 1}};
    play_begin(&p, GRANTS);
    qc_chain *c = p.r.chain;
    qc_watch_ahead *a = qc_watch_ahead_new(c);
    qc_watchset *set = qc_watchset_new(&(qc_siphash_key){5, 6});
    taker t;
    taker_begin(&t, a, c, set);
    for (uint32_t h = 1; h <= 30; h++) {
        qc_block *b;
        taker_ask(&t, h);
        taker_ask(&t, h + 1);
        taker_take(&t, h + 1); /* meanwhile the other one is looked at */
        assert_int_equal(qc_chain_read_block(c, qc_chain_at(c, h), &b), QC_OK);
        const qc_tx tx = qc_block_tx(b, 0);
        taker_add(&t, QC_WATCH_SCRIPT, qc_tx_script(&tx, 0));
        const unsigned found = t.found;
        taker_take(&t, h);
        assert_int_equal(t.found, found + 1);
        const qc_watch_key key = {QC_WATCH_SCRIPT, qc_tx_script(&tx, 0), 1};
        assert_true(qc_watchset_remove(set, &t.owner, &key));
        qc_block_unref(b);
    }
    qc_watch_ahead_free(a);
    qc_watchset_leave(set, &t.owner);
    qc_watchset_free(set);
    play_end(&p);
}

/* ---- the walk over a block's coins ---- */

typedef struct tally {
    unsigned made, spent, every; /* every: how many coins lie between those that are wanted */
    uint64_t bytes;
    qc_hash sum;
} tally;

static void tally_one(tally *t, const uint8_t *spent, qc_span script)
{
    t->made += !spent;
    t->spent += spent != NULL;
    t->bytes += script.len;
    for (size_t i = 0; i < script.len; i++)
        t->sum.b[i % 32] = (uint8_t)(t->sum.b[i % 32] * 31u + script.data[i]);
    for (size_t i = 0; spent && i < QC_WATCH_OUTPOINT_LEN; i++)
        t->sum.b[i % 32] = (uint8_t)(t->sum.b[i % 32] * 31u + spent[i]);
}

static bool tally_walked(void *arg, const uint8_t *spent, qc_span script)
{
    tally *t = arg;
    tally_one(t, spent, script);
    return t->every && (t->made + t->spent) % t->every == 0;
}

static tally tally_of(const qc_block *b)
{
    const qn_block_view *v = qc_block_view(b);
    tally t = {.made = 0};
    for (uint32_t n = 0; n < v->tx.count; n++) {
        const qc_tx tx = qc_block_tx(b, n);
        for (uint32_t i = 0; n && i < tx.rec->n_in; i++) {
            const qn_spent_rec *s = qn_view_spent(v, tx.rec->in0 + i);
            const qc_outpoint o = qc_tx_prevout(&tx, i);
            tally_one(&t, (const uint8_t *)&o,
                      qc_span_of(qn_view_spent_script(v, s), s->script_len));
        }
        for (uint32_t i = 0; i < tx.rec->n_out; i++)
            tally_one(&t, NULL, qc_tx_script(&tx, i));
    }
    return t;
}

/* Transactions with a coin that was wanted. */
static unsigned wanted_in(const qc_block *b, unsigned every)
{
    unsigned coins = 0, txs = 0;
    for (uint32_t n = 0; n < qc_block_n_tx(b); n++) {
        const qc_tx tx = qc_block_tx(b, n);
        unsigned before = coins / every;
        coins += (n ? tx.rec->n_in : 0) + tx.rec->n_out;
        txs += coins / every > before || n == 0;
    }
    return coins / every ? txs : 0;
}

static void test_pick_coins__shows_all_and_gives_what_is_wanted(void **state)
{
    (void)state;
    static play p;
    p = (play){.seed = 12, .r = {.backoff_ms = 1}};
    play_begin(&p, GRANTS);
    for (unsigned i = 0; i < 20; i++) {
        play_offer_some(&p);
        play_mine(&p);
    }
    const qc_chain *c = p.r.chain;
    unsigned spent = 0, parts = 0;
    tally t = {.made = 0};
    qc_block *b, *whole;
    assert_int_equal(qc_chain_pick_coins(c, qc_chain_at(c, 0), tally_walked, &t, &b), QC_ENOENT);
    for (uint32_t h = 1; h <= qc_chain_tip(c)->height; h++) {
        const qc_index *at = qc_chain_at(c, h);
        assert_int_equal(qc_chain_read_block_spent(c, at, &whole), QC_OK);
        tally want = tally_of(whole), have = {.made = 0};
        assert_int_equal(qc_chain_pick_coins(c, at, tally_walked, &have, &b), QC_OK);
        assert_null(b);
        assert_memory_equal(&have, &want, sizeof want);
        for (unsigned every = 1; every < 9; every++) {
            tally some = {.every = every};
            const unsigned n = wanted_in(whole, every);
            assert_int_equal(qc_chain_pick_coins(c, at, tally_walked, &some, &b), QC_OK);
            assert_int_equal(b ? qc_block_n_tx(b) : 0, n);
            if (b)
                same_block(b, whole);
            parts += n > 1 && n < qc_block_n_tx(whole);
            qc_block_unref(b);
        }
        spent += want.spent;
        qc_block_unref(whole);
    }
    assert_true(spent > 20 && parts > 3);
    play_end(&p);
}

/* ---- the cache of followers ---- */

typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    unsigned inside, wanted, left;
} gate;

static void gate_job(void *arg)
{
    gate *g = arg;
    pthread_mutex_lock(&g->lock);
    g->inside++;
    pthread_cond_broadcast(&g->moved);
    while (g->inside < g->wanted)
        pthread_cond_wait(&g->moved, &g->lock);
    g->left++;
    pthread_cond_broadcast(&g->moved);
    pthread_mutex_unlock(&g->lock);
}

/* Posts are begun in their order: when every worker stands here all that was posted is done. */
static void settle(qc_pool *pool)
{
    gate g = {.wanted = qc_pool_workers(pool)};
    pthread_mutex_init(&g.lock, NULL);
    pthread_cond_init(&g.moved, NULL);
    for (unsigned i = 0; i < g.wanted; i++)
        qc_pool_post(pool, gate_job, &g);
    pthread_mutex_lock(&g.lock);
    while (g.left < g.wanted)
        pthread_cond_wait(&g.moved, &g.lock);
    pthread_mutex_unlock(&g.lock);
    pthread_cond_destroy(&g.moved);
    pthread_mutex_destroy(&g.lock);
}

/* Is it in memory? The disk is out of reach meanwhile. */
static bool is_cached(qc_blocks *b, const play *p, uint32_t height)
{
    char *file = NULL, *away = NULL;
    qc_block *block;
    assert_true(asprintf(&file, "%s/regtest/blocks/blk00000.dat", p->r.dir) > 0);
    assert_true(asprintf(&away, "%s.away", file) > 0);
    assert_int_equal(rename(file, away), 0);
    qc_err err = qc_blocks_get(b, qc_chain_at(p->r.chain, height), true, &block);
    assert_int_equal(rename(away, file), 0);
    free(file);
    free(away);
    if (!err)
        qc_block_unref(block);
    return !err;
}

static void get_one(qc_blocks *b, const qc_chain *c, uint32_t height)
{
    qc_block *block;
    assert_int_equal(qc_blocks_get(b, qc_chain_at(c, height), true, &block), QC_OK);
    qc_block_unref(block);
}

/* A follower has filled the cache with what lies behind it: that makes room for what comes. */
static void test_blocks_ahead__goes_on_when_the_cache_is_full(void **state)
{
    (void)state;
    static play p;
    p = (play){.seed = 13, .r = {.backoff_ms = 1}};
    play_begin(&p, GRANTS);
    const qc_chain *c = p.r.chain;
    qc_block *block;
    assert_int_equal(qc_chain_read_block_spent(c, qc_chain_at(c, 1), &block), QC_OK);
    const size_t one = (size_t)qc_block_view(block)->total;
    qc_block_unref(block);
    qc_blocks *b = qc_blocks_new(p.r.chain, one * 8);
    for (uint32_t h = 1; h <= 40; h++)
        get_one(b, c, h);
    qc_blocks_ahead(b, 41, 2, true);
    settle(qc_chain_pool(p.r.chain));
    assert_true(is_cached(b, &p, 41));
    assert_true(is_cached(b, &p, 42));
    /* But nobody comes for these: they are not to push each other out. */
    for (uint32_t h = 43; h <= 55; h++) {
        qc_blocks_ahead(b, h, 1, true);
        settle(qc_chain_pool(p.r.chain));
    }
    assert_true(is_cached(b, &p, 43));
    assert_false(is_cached(b, &p, 55));
    get_one(b, c, 44);
    qc_blocks_ahead(b, 56, 1, true); /* two have been fetched */
    settle(qc_chain_pool(p.r.chain));
    assert_true(is_cached(b, &p, 56));
    qc_blocks_free(b);
    play_end(&p);
}

QC_TEST_MAIN(cmocka_unit_test(test_watch_ahead__gives_to_each_what_it_wants),
             cmocka_unit_test(test_watch_ahead__misses_nothing_that_was_added_meanwhile),
             cmocka_unit_test(test_pick_coins__shows_all_and_gives_what_is_wanted),
             cmocka_unit_test(test_blocks_ahead__goes_on_when_the_cache_is_full))
