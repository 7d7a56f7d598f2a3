/* What the watch plugin makes of events, and of rows: no host, no store. */
#include "plugins/watch/rows.h"
#include "tests/unit/harness.h"

#include "lib/secp/curve.h"

#include <time.h>

#define SCRIPT(n) ((const uint8_t[2]){0x51, (uint8_t)(n)})

typedef struct fixture {
    wt_model m;
    wt_wallet *w;
    wt_source *s;
} fixture;

static void open_model(fixture *f)
{
    static const uint8_t seed[16] = {7};
    const qn_curve curve = qn_secp_curve(NULL);
    wt_model_init(&f->m, qn_chain_by_name("regtest"), &curve, seed, 20);
}

static fixture *made(void)
{
    fixture *f = qc_alloc(sizeof *f);
    open_model(f);
    f->w = wt_wallet_add(&f->m, 0, "w", 5);
    f->s = wt_source_add(&f->m, 0, f->w, WT_SCRIPT, "text", "label");
    for (uint8_t i = 0; i < 4; i++)
        assert_int_equal(wt_own(&f->m, f->s, i, 0, SCRIPT(i), 2, 0, NULL), QN_OK);
    f->s->n_watched = f->s->n_owners;
    return f;
}

static void done(fixture *f)
{
    wt_model_clear(&f->m);
    qc_free(f);
}

static qn_hash name(int n)
{
    qn_hash h = {{(uint8_t)n, (uint8_t)(n >> 8), 0xaa}};
    return h;
}

static qn_block_ref block(uint32_t height, int branch)
{
    return (qn_block_ref){name(5000 + (int)height + 100 * branch), height};
}

/* Transaction `tx` makes or spends coin n of `of`, whose script is number s. */
static qn_watch_event hit(uint32_t type, int tx, int of, uint32_t n, int64_t value)
{
    qn_watch_event ev = {.type = type, .value = value, .fee = 10, .time = 99, .script_len = 2};
    ev.txid = ev.wtxid = name(tx);
    ev.coin = (qn_mempool_outpoint){name(of), n};
    ev.flags = tx == of ? 0 : QN_WATCH_EVF_SPENT;
    ev.io = n;
    return ev;
}

static void apply(fixture *f, qn_watch_event ev, int script, const qn_block_ref *at)
{
    if (at)
        ev.ref = *at;
    assert_int_equal(wt_apply_hit(&f->m, &ev, NULL, SCRIPT(script), NULL), QN_OK);
}

static void seen(fixture *f, int tx, int of, int64_t value)
{
    apply(f, hit(QN_WATCH_EV_SEEN, tx, of, 0, value), 1, NULL);
}

static void confirmed(fixture *f, int tx, int of, int64_t value, uint32_t height)
{
    const qn_block_ref b = block(height, 0);
    apply(f, hit(QN_WATCH_EV_CONFIRMED, tx, of, 0, value), 1, &b);
}

static void tip(fixture *f, uint32_t height)
{
    const qn_block_ref b = block(height, 0);
    wt_apply_tip(&f->m, &b);
}

static void balance_is(fixture *f, int64_t trusted, int64_t pending, int64_t immature)
{
    wt_balance b;
    assert_int_equal(wt_balance_of(&f->m, f->w, &b), QN_OK);
    assert_int_equal(b.trusted, trusted);
    assert_int_equal(b.pending, pending);
    assert_int_equal(b.immature, immature);
}

static wt_tx *tx(const fixture *f, int n)
{
    const qn_hash h = name(n);
    wt_tx *t = wt_tx_find(&f->m, &h);
    assert_non_null(t);
    return t;
}

static void test_balance__follows_a_payment_through_its_life(void **state)
{
    (void)state;
    fixture *f = made();
    seen(f, 1, 1, 700);
    balance_is(f, 0, 700, 0);
    confirmed(f, 1, 1, 700, 10);
    tip(f, 10);
    balance_is(f, 700, 0, 0);
    seen(f, 2, 1, 700); /* spends it */
    balance_is(f, 0, 0, 0);
    qn_watch_event gone = {.type = QN_WATCH_EV_GONE, .reason = QN_WATCH_GONE_SIZE, .txid = name(2)};
    assert_int_equal(wt_apply_gone(&f->m, &gone), QN_OK);
    balance_is(f, 700, 0, 0);
    done(f);
}

/* A PSBT that replaces a transaction keeps its coin, though the transaction is told again at each
 * start; what spends the coin anew ends that. */
static void test_lock__outlives_that_a_known_spender_is_told_again(void **state)
{
    (void)state;
    fixture *f = made();
    confirmed(f, 1, 1, 700, 10);
    seen(f, 2, 1, 700);
    const qn_mempool_outpoint at = {name(1), 0};
    wt_coin *c = wt_coin_find(&f->m, &at);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(wt_lock(&f->m, c, true), QN_OK);
        seen(f, 2, 1, 700);
        assert_true(c->locked);
        if (i == 0) { /* the replacement */
            seen(f, 3, 1, 700);
        } else if (i == 1) { /* it left, and is there again */
            qn_watch_event gone = {.type = QN_WATCH_EV_GONE, .txid = name(2)};
            assert_int_equal(wt_apply_gone(&f->m, &gone), QN_OK);
            assert_true(c->locked);
            seen(f, 2, 1, 700);
        } else {
            confirmed(f, 2, 1, 700, 11);
        }
        assert_false(c->locked);
    }
    done(f);
}

static void test_unconfirmed__counts_only_for_the_block_it_was_in(void **state)
{
    (void)state;
    fixture *f = made();
    const qn_block_ref other = block(10, 1), same = block(10, 0);
    confirmed(f, 1, 1, 700, 10);
    tip(f, 10);
    apply(f, hit(QN_WATCH_EV_UNCONFIRMED, 1, 1, 0, 700), 1, &other);
    assert_int_equal(tx(f, 1)->state, WT_CONFIRMED);
    apply(f, hit(QN_WATCH_EV_UNCONFIRMED, 1, 1, 0, 700), 1, &same);
    assert_int_equal(tx(f, 1)->state, WT_UNCONFIRMED);
    balance_is(f, 0, 700, 0);
    /* One that was never told of is none. */
    apply(f, hit(QN_WATCH_EV_UNCONFIRMED, 9, 9, 0, 700), 1, &same);
    assert_int_equal(f->m.txs.n, 1);
    done(f);
}

static void test_coinbase__is_immature_for_a_hundred_blocks(void **state)
{
    (void)state;
    fixture *f = made();
    const qn_block_ref b = block(10, 0);
    qn_watch_event ev = hit(QN_WATCH_EV_CONFIRMED, 1, 1, 0, 5000);
    ev.flags |= QN_WATCH_EVF_COINBASE;
    apply(f, ev, 1, &b);
    tip(f, 109);
    balance_is(f, 0, 0, 5000);
    tip(f, 110);
    balance_is(f, 5000, 0, 0);
    tip(f, 109); /* its blocks leave: it is young again */
    balance_is(f, 0, 0, 5000);
    tip(f, 110);
    balance_is(f, 5000, 0, 0);
    done(f);
}

/* No mempool takes it: it is money again when its block is, and not before. */
static void test_coinbase__is_nothing_when_its_block_has_left(void **state)
{
    (void)state;
    fixture *f = made();
    const qn_block_ref b = block(10, 0);
    qn_watch_event ev = hit(QN_WATCH_EV_CONFIRMED, 1, 1, 0, 5000);
    wt_coin **list;
    size_t n;
    ev.flags |= QN_WATCH_EVF_COINBASE;
    apply(f, ev, 1, &b);
    tip(f, 10);
    balance_is(f, 0, 0, 5000);
    ev.type = QN_WATCH_EV_UNCONFIRMED;
    apply(f, ev, 1, &b);
    balance_is(f, 0, 0, 0);
    assert_int_equal(wt_coins_of(&f->m, f->w, &list, &n), QN_OK);
    assert_int_equal(n, 0);
    free(list);
    ev.type = QN_WATCH_EV_CONFIRMED;
    apply(f, ev, 1, &b);
    balance_is(f, 0, 0, 5000);
    done(f);
}

static void test_change__is_trusted_when_it_was_heard_of_in_this_run(void **state)
{
    (void)state;
    fixture *f = made();
    confirmed(f, 1, 1, 700, 10);
    tip(f, 10);
    seen(f, 2, 1, 700);
    seen(f, 2, 2, 600);
    tx(f, 2)->n_in = 1;
    assert_true(wt_safe(&f->m, tx(f, 2), f->w));
    wt_seek(&f->m); /* a new start: it may have been replaced meanwhile */
    balance_is(f, 0, 600, 0);
    assert_false(wt_safe(&f->m, tx(f, 2), f->w));
    seen(f, 2, 2, 600);
    balance_is(f, 600, 0, 0);
    assert_true(wt_safe(&f->m, tx(f, 2), f->w));
    done(f);
}

static void test_change__is_trusted_when_all_that_it_spends_is_ours(void **state)
{
    (void)state;
    fixture *f = made();
    confirmed(f, 1, 1, 700, 10);
    tip(f, 10);
    seen(f, 2, 1, 700);
    seen(f, 2, 2, 600);
    tx(f, 2)->n_in = 1;
    balance_is(f, 600, 0, 0);
    tx(f, 2)->n_in = 2; /* another input is somebody else's */
    balance_is(f, 0, 600, 0);
    tx(f, 2)->n_in = 1;
    seen(f, 3, 2, 600);
    seen(f, 3, 3, 500);
    tx(f, 3)->n_in = 1;
    balance_is(f, 500, 0, 0);
    tx(f, 2)->n_in = 2; /* and so its child is not trusted either */
    balance_is(f, 0, 500, 0);
    done(f);
}

static void test_synced__tells_who_took_the_place(void **state)
{
    (void)state;
    fixture *f = made();
    confirmed(f, 1, 1, 700, 10);
    seen(f, 2, 1, 700);
    seen(f, 4, 4, 100);
    wt_seek(&f->m);
    confirmed(f, 3, 1, 700, 11);
    assert_int_equal(wt_apply_synced(&f->m), QN_OK);
    const qn_hash culprit = name(3);
    assert_int_equal(tx(f, 2)->state, WT_GONE);
    assert_int_equal(tx(f, 2)->reason, QN_WATCH_GONE_CONFLICT);
    assert_memory_equal(&tx(f, 2)->by, &culprit, 32);
    assert_int_equal(tx(f, 4)->reason, QN_WATCH_GONE_UNKNOWN);
    /* What was heard of again is not sought any more. */
    seen(f, 4, 4, 100);
    wt_seek(&f->m);
    seen(f, 4, 4, 100);
    assert_int_equal(wt_apply_synced(&f->m), QN_OK);
    assert_int_equal(tx(f, 4)->state, WT_MEMPOOL);
    done(f);
}

/* The mempool says nothing of scripts that there was no room for: what spends their coins may well
 * be there, and the coins are not to be had again. */
static void test_synced__leaves_what_is_not_watched(void **state)
{
    (void)state;
    fixture *f = made();
    confirmed(f, 1, 1, 700, 10);
    tip(f, 10);
    seen(f, 2, 1, 700);
    f->s->n_watched = 1; /* of script 0 alone */
    wt_seek(&f->m);
    assert_int_equal(wt_apply_synced(&f->m), QN_OK);
    assert_int_equal(tx(f, 2)->state, WT_MEMPOOL);
    balance_is(f, 0, 0, 0);
    f->s->n_watched = 3;
    assert_int_equal(wt_apply_synced(&f->m), QN_OK);
    assert_int_equal(tx(f, 2)->state, WT_GONE);
    balance_is(f, 700, 0, 0);
    done(f);
}

static qn_status hear_nothing(void *arg, const wt_wallet *w, const wt_tx *t)
{
    (void)arg;
    (void)w;
    (void)t;
    return QN_OK;
}

#define GONE 60000

/* A walk over the lists for each one would take minutes. */
static void test_forget_gone__takes_each_from_the_lists_at_once(void **state)
{
    (void)state;
    fixture *f = made();
    size_t n = 0;
    for (int i = 1; i <= GONE; i++)
        seen(f, i, i, 700);
    for (int i = GONE; i > 0; i--) { /* those that were touched last go first */
        const qn_watch_event gone = {
            .type = QN_WATCH_EV_GONE, .reason = QN_WATCH_GONE_SIZE, .txid = name(i)};
        assert_int_equal(wt_apply_gone(&f->m, &gone), QN_OK);
    }
    const clock_t before = clock();
    assert_int_equal(wt_forget_gone(&f->m, 3), QN_OK);
    assert_true(clock() - before < 10 * CLOCKS_PER_SEC);
    assert_int_equal(f->m.txs.n, 3);
    seen(f, GONE, GONE, 700);
    const wt_tx *t = f->m.touched, *d = f->m.dirty_txs;
    for (; t && d; t = t->next_touched, d = d->next_dirty) {
        const qn_hash want = name(n < 3 ? (int)n + 1 : GONE);
        assert_memory_equal(&t->txid, &want, sizeof want);
        assert_ptr_equal(t, d);
        n++;
    }
    assert_true(!t && !d && n == 4);
    /* From the middle, and told in part. */
    const qn_hash middle = name(2);
    assert_int_equal(wt_tell(&f->m, hear_nothing, NULL), QN_OK);
    assert_null(f->m.touched);
    assert_int_equal(wt_forget_gone(&f->m, 1), QN_OK);
    assert_null(wt_tx_find(&f->m, &middle));
    seen(f, 7, 7, 700);
    n = 0;
    for (d = f->m.dirty_txs; d; d = d->next_dirty)
        n++;
    assert_int_equal(n, 3);
    assert_ptr_equal(f->m.touched, tx(f, 7));
    done(f);
}

static void test_safe__what_replaced_one_that_is_forgotten_is_not(void **state)
{
    (void)state;
    fixture *f = made();
    qn_watch_event gone = {
        .type = QN_WATCH_EV_GONE, .reason = QN_WATCH_GONE_REPLACED, .txid = name(2)};
    for (int n = 1; n < 6; n += 4) { /* two coins, spent by 2, 3 and by 6 */
        confirmed(f, n, n, 700, 10);
        seen(f, n + 1, n, 700);
        seen(f, n + 1, n + 1, 600);
        tx(f, n + 1)->n_in = 1;
        assert_true(wt_safe(&f->m, tx(f, n + 1), f->w));
    }
    tip(f, 10);
    assert_int_equal(wt_apply_gone(&f->m, &gone), QN_OK);
    seen(f, 3, 1, 700);
    seen(f, 3, 3, 500);
    tx(f, 3)->n_in = 1;
    assert_true(wt_trusted(&f->m, tx(f, 3), f->w));
    assert_false(wt_safe(&f->m, tx(f, 3), f->w));
    assert_int_equal(wt_forget_gone(&f->m, 0), QN_OK);
    assert_int_equal(f->m.txs.n, 4);
    assert_false(wt_safe(&f->m, tx(f, 3), f->w));
    assert_true(wt_safe(&f->m, tx(f, 6), f->w));
    seen(f, 8, 3, 500); /* nor what comes of it */
    seen(f, 8, 8, 400);
    tx(f, 8)->n_in = 1;
    assert_true(wt_trusted(&f->m, tx(f, 8), f->w));
    assert_false(wt_safe(&f->m, tx(f, 8), f->w));
    gone.txid = name(8);
    assert_int_equal(wt_apply_gone(&f->m, &gone), QN_OK);
    /* Nor is one that comes when nobody spends the coin any more. */
    gone.reason = QN_WATCH_GONE_EXPIRY;
    gone.txid = name(3);
    assert_int_equal(wt_apply_gone(&f->m, &gone), QN_OK);
    assert_int_equal(wt_forget_gone(&f->m, 0), QN_OK);
    seen(f, 4, 1, 700);
    seen(f, 4, 4, 500);
    tx(f, 4)->n_in = 1;
    assert_true(wt_trusted(&f->m, tx(f, 4), f->w));
    assert_false(wt_safe(&f->m, tx(f, 4), f->w));
    /* What a block made impossible is no rival. */
    gone.txid = name(6);
    gone.reason = QN_WATCH_GONE_CONFLICT;
    gone.by = name(90);
    assert_int_equal(wt_apply_gone(&f->m, &gone), QN_OK);
    assert_int_equal(wt_forget_gone(&f->m, 0), QN_OK);
    seen(f, 7, 5, 700);
    seen(f, 7, 7, 500);
    tx(f, 7)->n_in = 1;
    assert_true(wt_safe(&f->m, tx(f, 7), f->w));
    /* In a block it has won. */
    confirmed(f, 4, 1, 700, 11);
    assert_true(wt_safe(&f->m, tx(f, 4), f->w));
    done(f);
}

/* Transactions 2 and 3 spend one coin, 2 another one as well. 2 is gone for `reason`, by 4. */
static fixture *with_rivals(uint32_t reason)
{
    fixture *f = made();
    confirmed(f, 1, 1, 700, 10);
    confirmed(f, 5, 5, 700, 10);
    tip(f, 10);
    seen(f, 2, 1, 700);
    seen(f, 2, 5, 700);
    seen(f, 4, 4, 700);
    const qn_watch_event gone = {
        .type = QN_WATCH_EV_GONE, .reason = reason, .txid = name(2), .by = name(4)};
    assert_int_equal(wt_apply_gone(&f->m, &gone), QN_OK);
    seen(f, 3, 1, 700);
    seen(f, 3, 3, 600);
    tx(f, 3)->n_in = 1;
    assert_true(wt_trusted(&f->m, tx(f, 3), f->w));
    return f;
}

static void test_safe__what_is_gone_may_be_mined_by_others(void **state)
{
    (void)state;
    static const uint32_t reason[] = {QN_WATCH_GONE_EXPIRY,   QN_WATCH_GONE_SIZE,
                                      QN_WATCH_GONE_REORG,    QN_WATCH_GONE_CONFLICT,
                                      QN_WATCH_GONE_REPLACED, QN_WATCH_GONE_UNKNOWN};
    for (size_t i = 0; i < sizeof reason / sizeof reason[0]; i++) {
        fixture *f = with_rivals(reason[i]);
        assert_false(wt_safe(&f->m, tx(f, 3), f->w));
        confirmed(f, 4, 4, 700, 11); /* by which it is out of the way */
        assert_true(wt_safe(&f->m, tx(f, 3), f->w));
        done(f);
        f = with_rivals(reason[i]);
        confirmed(f, 6, 5, 700, 11); /* the other coin's */
        assert_true(wt_safe(&f->m, tx(f, 3), f->w));
        assert_int_equal(wt_forget_gone(&f->m, 0), QN_OK);
        assert_true(wt_safe(&f->m, tx(f, 3), f->w));
        done(f);
        f = with_rivals(reason[i]);
        assert_int_equal(wt_forget_gone(&f->m, 0), QN_OK);
        assert_false(wt_safe(&f->m, tx(f, 3), f->w));
        done(f);
    }
}

static void test_roll_back__takes_blocks_above_and_no_others(void **state)
{
    (void)state;
    fixture *f = made();
    confirmed(f, 1, 1, 700, 10);
    confirmed(f, 2, 2, 700, 11);
    assert_int_equal(wt_roll_back(&f->m, 10), QN_OK);
    assert_int_equal(tx(f, 1)->state, WT_CONFIRMED);
    assert_int_equal(tx(f, 2)->state, WT_UNCONFIRMED);
    assert_int_equal(wt_roll_back(&f->m, WT_NO_HEIGHT), QN_OK);
    assert_int_equal(tx(f, 1)->state, WT_UNCONFIRMED);
    done(f);
}

/* As of scripts that there is no room for: nothing is told of them. */
static void test_unblock__takes_what_nobody_told_of(void **state)
{
    (void)state;
    fixture *f = made();
    const qn_block_ref left = block(11, 0);
    confirmed(f, 1, 1, 700, 10);
    confirmed(f, 2, 2, 60, 11);
    tip(f, 11);
    balance_is(f, 760, 0, 0);
    wt_apply_unblock(&f->m, &left);
    tip(f, 10);
    balance_is(f, 700, 60, 0);
    assert_int_equal(wt_apply_synced(&f->m), QN_OK); /* nor did the mempool */
    balance_is(f, 700, 0, 0);
    assert_int_equal(tx(f, 2)->state, WT_GONE);
    done(f);
}

static void test_apply__refuses_what_is_no_money(void **state)
{
    (void)state;
    fixture *f = made();
    qn_watch_event ev = hit(QN_WATCH_EV_SEEN, 1, 1, 0, -1);
    assert_int_equal(wt_apply_hit(&f->m, &ev, NULL, SCRIPT(1), NULL), QN_E_CORRUPT);
    ev.value = WT_MONEY_MAX + 1;
    assert_int_equal(wt_apply_hit(&f->m, &ev, NULL, SCRIPT(1), NULL), QN_E_CORRUPT);
    ev.value = WT_MONEY_MAX;
    assert_int_equal(wt_apply_hit(&f->m, &ev, NULL, SCRIPT(1), NULL), QN_OK);
    ev = hit(QN_WATCH_EV_SEEN, 2, 2, 0, 1);
    assert_int_equal(wt_apply_hit(&f->m, &ev, NULL, SCRIPT(1), NULL), QN_OK);
    wt_balance b;
    assert_int_equal(wt_balance_of(&f->m, f->w, &b), QN_E_CORRUPT); /* more than there can be */
    done(f);
}

/* ---- telling ---- */

typedef struct lines {
    char text[200];
} lines;

static qn_status note(void *arg, const wt_wallet *w, const wt_tx *t)
{
    lines *l = arg;
    size_t n = strlen(l->text);
    snprintf(l->text + n, sizeof l->text - n, "%s:%u:%d ", w->name, t->txid.b[0], (int)t->state);
    return QN_OK;
}

static void told_is(fixture *f, const char *want)
{
    lines l = {.text = ""};
    assert_int_equal(wt_tell(&f->m, note, &l), QN_OK);
    assert_string_equal(l.text, want);
}

static void test_tell__says_each_change_once_to_each_wallet(void **state)
{
    (void)state;
    fixture *f = made();
    wt_wallet *other = wt_wallet_add(&f->m, 0, "v", 5);
    wt_source *s = wt_source_add(&f->m, 0, other, WT_SCRIPT, "text", NULL);
    assert_int_equal(wt_own(&f->m, s, 0, 0, SCRIPT(2), 2, 0, NULL), QN_OK);
    seen(f, 1, 1, 700);
    told_is(f, "w:1:1 ");
    seen(f, 1, 1, 700);
    told_is(f, "");
    apply(f, hit(QN_WATCH_EV_SEEN, 1, 1, 1, 50), 2, NULL); /* a coin more, which both own */
    told_is(f, "w:1:1 v:1:1 ");
    qn_watch_event gone = {.type = QN_WATCH_EV_GONE, .reason = QN_WATCH_GONE_SIZE, .txid = name(1)};
    assert_int_equal(wt_apply_gone(&f->m, &gone), QN_OK);
    told_is(f, "w:1:4 v:1:4 ");
    /* Another block is another thing to be told, were it all that is different. */
    const qn_block_ref first = block(10, 0), second = block(10, 1);
    apply(f, hit(QN_WATCH_EV_CONFIRMED, 1, 1, 0, 700), 1, &first);
    told_is(f, "w:1:2 v:1:2 ");
    apply(f, hit(QN_WATCH_EV_UNCONFIRMED, 1, 1, 0, 700), 1, &first);
    apply(f, hit(QN_WATCH_EV_CONFIRMED, 1, 1, 0, 700), 1, &second);
    told_is(f, "w:1:2 v:1:2 ");
    /* What came and went between two tellings is none. */
    seen(f, 2, 2, 700);
    gone.txid = name(2);
    assert_int_equal(wt_apply_gone(&f->m, &gone), QN_OK);
    told_is(f, "");
    done(f);
}

/* ---- forgetting ---- */

static void test_remove__forgets_what_concerns_nobody_else(void **state)
{
    (void)state;
    fixture *f = made();
    wt_wallet *other = wt_wallet_add(&f->m, 0, "v", 5);
    wt_source *s = wt_source_add(&f->m, 0, other, WT_SCRIPT, "text", NULL);
    assert_int_equal(wt_own(&f->m, s, 0, 0, SCRIPT(2), 2, 0, NULL), QN_OK);
    seen(f, 1, 1, 700);
    apply(f, hit(QN_WATCH_EV_SEEN, 2, 2, 0, 50), 2, NULL);
    told_is(f, "w:1:1 w:2:1 v:2:1 ");
    assert_int_equal(f->m.n_watched, 4);
    assert_int_equal(wt_wallet_remove(&f->m, f->w), QN_OK);
    assert_int_equal(wt_sweep(&f->m), QN_OK);
    assert_int_equal(f->m.n_watched, 1);
    assert_int_equal(f->m.scripts.n, 1);
    assert_int_equal(f->m.txs.n, 1);
    assert_int_equal(f->m.coins.n, 1);
    f->w = other;
    balance_is(f, 0, 50, 0);
    told_is(f, "");
    assert_int_equal(wt_wallet_remove(&f->m, f->w), QN_OK);
    assert_int_equal(wt_sweep(&f->m), QN_OK);
    assert_int_equal(f->m.txs.n + f->m.coins.n + f->m.scripts.n + f->m.n_sources, 0);
    done(f);
}

/* An import of one script. */
static wt_source *one(fixture *f, wt_wallet *w, int script)
{
    wt_source *s = wt_source_add(&f->m, 0, w, WT_SCRIPT, "text", NULL);
    assert_int_equal(wt_own(&f->m, s, 0, 0, SCRIPT(script), 2, 0, NULL), QN_OK);
    return s;
}

/* A rescan that goes on for the new owner passes by what has an older number; and all owners' rows
 * say the same after a start. */
static void test_own__a_new_owner_brings_a_new_number(void **state)
{
    (void)state;
    fixture *f = made();
    const uint64_t next = f->m.next_cookie;
    for (size_t i = 0; i < f->s->n_owners; i++)
        f->s->owner[i]->dirty = false;
    f->s->dirty = false;
    const wt_source *s = one(f, wt_wallet_add(&f->m, 0, "v", 5), 2);
    const wt_owner *had = f->s->owner[2];
    assert_ptr_equal(s->owner[0]->script, had->script);
    assert_int_equal(had->script->cookie, next);
    assert_true(had->dirty && f->s->relabeled && f->s->dirty);
    assert_false(f->s->owner[1]->dirty);
    assert_int_equal(wt_own(&f->m, f->s, 2, 0, SCRIPT(2), 2, 0, NULL), QN_OK); /* no news */
    assert_int_equal(had->script->cookie, next);
    (void)one(f, f->w, 77);
    assert_int_equal(f->m.next_cookie, next + 2);
    done(f);
}

/* Though it was paid before the range came to it; what became of the payment is nothing to that. */
static void test_own__an_index_that_was_paid_is_used(void **state)
{
    (void)state;
    fixture *f = made();
    wt_source *s = wt_source_add(&f->m, 0, f->w, WT_DESCRIPTOR, "text", NULL);
    s->ranged = true;
    s->next = 2;
    seen(f, 1, 1, 700);
    const qn_watch_event gone = {
        .type = QN_WATCH_EV_GONE, .reason = QN_WATCH_GONE_SIZE, .txid = name(1)};
    assert_int_equal(wt_own(&f->m, s, 3, 0, SCRIPT(2), 2, 0, NULL), QN_OK);
    assert_int_equal(s->used, 0);
    assert_int_equal(wt_own(&f->m, s, 7, 0, SCRIPT(1), 2, 0, NULL), QN_OK);
    assert_true(s->used == 8 && s->next == 8 && s->dirty);
    assert_int_equal(wt_wanted_end(&f->m, s), 8 + f->m.gap);
    assert_int_equal(wt_apply_gone(&f->m, &gone), QN_OK);
    assert_int_equal(s->used, 8);
    assert_int_equal(f->s->used, 0); /* it has no range */
    done(f);
}

static void removed(fixture *f, wt_source *s)
{
    assert_int_equal(wt_source_remove(&f->m, s), QN_OK);
    assert_int_equal(wt_sweep(&f->m), QN_OK);
}

static void test_remove__tells_nothing_again_of_what_is_anothers_too(void **state)
{
    (void)state;
    fixture *f = made();
    wt_wallet *other = wt_wallet_add(&f->m, 0, "v", 5);
    wt_source *a = one(f, f->w, 4), *b = one(f, f->w, 5);
    (void)one(f, f->w, 6);
    (void)one(f, other, 5);
    for (uint8_t i = 0; i < 3; i++) /* a coin of each */
        apply(f, hit(QN_WATCH_EV_SEEN, 1, 1, i, 50), 4 + i, NULL);
    told_is(f, "w:1:1 v:1:1 ");
    removed(f, a); /* its coin is nobody's */
    assert_int_equal(tx(f, 1)->n_entries, 2);
    told_is(f, "");
    removed(f, b); /* its coin is another wallet's */
    assert_int_equal(tx(f, 1)->n_entries, 2);
    wt_touch(&f->m, tx(f, 1));
    told_is(f, "");
    /* One that is still to be told of when another one goes. */
    b = one(f, f->w, 5);
    wt_touch(&f->m, tx(f, 1));
    told_is(f, "w:1:1 ");
    b = wt_source_by_id(&f->m, b->id);
    apply(f, hit(QN_WATCH_EV_SEEN, 1, 1, 3, 50), 1, NULL);
    removed(f, b);
    told_is(f, "w:1:1 ");
    done(f);
}

static void test_remove__what_was_not_told_yet_takes_nothing_back(void **state)
{
    (void)state;
    fixture *f = made();
    wt_source *b = one(f, f->w, 5);
    seen(f, 1, 1, 700);
    told_is(f, "w:1:1 ");
    apply(f, hit(QN_WATCH_EV_SEEN, 1, 1, 3, 50), 5, NULL);
    removed(f, b);
    told_is(f, ""); /* nothing is different */
    /* What was told goes, and what was not stays. */
    b = one(f, f->w, 6);
    apply(f, hit(QN_WATCH_EV_SEEN, 1, 1, 4, 50), 6, NULL);
    told_is(f, "w:1:1 ");
    apply(f, hit(QN_WATCH_EV_SEEN, 1, 1, 5, 50), 2, NULL);
    removed(f, b);
    told_is(f, "w:1:1 ");
    done(f);
}

static void test_remove__a_wallet_that_knows_nothing_more_was_told_nothing(void **state)
{
    (void)state;
    fixture *f = made();
    wt_wallet *other = wt_wallet_add(&f->m, 0, "v", 5);
    wt_source *s = one(f, other, 1);
    confirmed(f, 1, 1, 700, 10);
    told_is(f, "w:1:2 v:1:2 ");
    assert_null(f->m.touched);
    removed(f, s);
    assert_int_equal(tx(f, 1)->n_told, 1);
    (void)one(f, other, 1); /* and is told anew when it imports it again */
    confirmed(f, 1, 1, 700, 10);
    told_is(f, "v:1:2 ");
    done(f);
}

static void test_outpoint__is_watched_without_its_script(void **state)
{
    (void)state;
    fixture *f = made();
    wt_source *s = wt_source_add(&f->m, 0, f->w, WT_OUTPOINT, NULL, NULL);
    s->coin = (qn_mempool_outpoint){name(50), 3};
    assert_int_equal(wt_watch_coin(&f->m, s), QN_OK);
    const qn_block_ref b = block(10, 0);
    qn_watch_event ev = hit(QN_WATCH_EV_CONFIRMED, 7, 50, 3, 900);
    apply(f, ev, 99, &b); /* a script that nobody watches */
    assert_true(wt_concerns(tx(f, 7), f->w));
    balance_is(f, 0, 0, 0);
    wt_amounts a;
    assert_int_equal(wt_amounts_of(tx(f, 7), f->w, &a), QN_OK);
    assert_int_equal(a.n_entries, 1);
    assert_int_equal(a.sent, 0);
    assert_int_equal(wt_source_remove(&f->m, s), QN_OK);
    assert_int_equal(wt_sweep(&f->m), QN_OK);
    assert_int_equal(f->m.txs.n + f->m.coins.n, 0);
    assert_int_equal(f->m.scripts.n, 4);
    done(f);
}

/* Another one's imported outpoint, whose script nobody watches. */
static void test_outpoint__is_told_of_when_the_node_has_taken_it(void **state)
{
    (void)state;
    fixture *f = made();
    wt_source *s[2];
    for (int i = 0; i < 2; i++) {
        s[i] = wt_source_add(&f->m, 0, f->w, WT_OUTPOINT, NULL, NULL);
        s[i]->coin = (qn_mempool_outpoint){name(1), 0};
        assert_int_equal(wt_watch_coin(&f->m, s[i]), QN_OK);
    }
    confirmed(f, 1, 1, 700, 10);
    const wt_coin *c = wt_coin_find(&f->m, &s[0]->coin);
    assert_true(wt_is_told(c)); /* by its script */
    f->s->n_watched = 0;
    assert_false(wt_is_told(c));
    assert_false(wt_safe_coin(&f->m, c, f->w));
    s[1]->taken = true;
    assert_true(wt_is_told(c));
    assert_true(wt_safe_coin(&f->m, c, f->w));
    done(f);
}

/* ---- rows ---- */

/* A source, a script and a transaction, each as its row. */
static void write_rows(const fixture *f, wt_row row[static 3])
{
    wt_write_source(&row[0], f->s);
    wt_write_owner(&row[1], f->s->owner[1]);
    wt_write_tx(&row[2], tx(f, 1));
}

static qn_status read_row(fixture *f, int kind, const uint8_t *p, size_t len)
{
    wt_read r = {p, len, false};
    const qn_hash txid = name(1);
    if (kind == 0)
        return wt_read_source(&f->m, 1, &r);
    return kind == 1 ? wt_read_owner(&f->m, wt_source_by_id(&f->m, 1), 1, 0, &r)
                     : wt_read_tx(&f->m, &txid, &r);
}

static void fill(fixture *f)
{
    assert_int_equal(wt_owner_label(f->s->owner[1], "mine"), QN_OK);
    confirmed(f, 1, 1, 700, 10);
    apply(f, hit(QN_WATCH_EV_SEEN, 1, 60, 0, 50), 2, NULL);
    told_is(f, "w:1:2 ");
}

static void test_rows__come_back_as_they_were(void **state)
{
    (void)state;
    fixture *f = made(), g;
    wt_row row[3] = {{0}}, again[3] = {{0}};
    fill(f);
    write_rows(f, row);
    open_model(&g);
    g.w = wt_wallet_add(&g.m, 1, "w", 5);
    for (int i = 0; i < 3; i++)
        assert_int_equal(read_row(&g, i, row[i].data, row[i].len), QN_OK);
    g.s = wt_source_by_id(&g.m, 1);
    assert_string_equal(g.s->owner[0]->label, "mine");
    wt_write_source(&again[0], g.s);
    wt_write_owner(&again[1], g.s->owner[0]);
    wt_write_tx(&again[2], tx(&g, 1));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(row[i].len, again[i].len);
        assert_memory_equal(row[i].data, again[i].data, row[i].len);
        wt_row_free(&again[i]);
        wt_row_free(&row[i]);
    }
    assert_int_equal(wt_own(&g.m, g.s, 2, 0, SCRIPT(2), 2, 0, NULL), QN_OK);
    lines l = {.text = ""};
    wt_touch(&g.m, tx(&g, 1));
    assert_int_equal(wt_tell(&g.m, note, &l), QN_OK);
    assert_string_equal(l.text, ""); /* it was told before */
    wt_model_clear(&g.m);
    done(f);
}

static void test_rows__cut_or_lengthened_are_corrupt(void **state)
{
    (void)state;
    fixture *f = made();
    wt_row row[3] = {{0}};
    fill(f);
    write_rows(f, row);
    for (int kind = 0; kind < 3; kind++)
        for (size_t len = 0; len <= row[kind].len + 1; len++) {
            fixture g;
            if (len == row[kind].len)
                continue;
            open_model(&g);
            g.w = wt_wallet_add(&g.m, 1, "w", 5);
            if (kind)
                assert_int_equal(read_row(&g, 0, row[0].data, row[0].len), QN_OK);
            uint8_t *copy = qc_alloc(len + 1);
            memcpy(copy, row[kind].data, len < row[kind].len ? len : row[kind].len);
            qn_status st = read_row(&g, kind, copy, len);
            /* An owner without a label ends where the label begins. */
            if (st != QN_E_CORRUPT && !(kind == 1 && len == 14 && st == QN_OK))
                fail_msg("row %d cut to %zu of %zu: %d", kind, len, row[kind].len, (int)st);
            qc_free(copy);
            wt_model_clear(&g.m);
        }
    for (int i = 0; i < 3; i++)
        wt_row_free(&row[i]);
    done(f);
}

static void test_rows__any_changed_byte_is_survived(void **state)
{
    (void)state;
    fixture *f = made();
    wt_row row[3] = {{0}};
    fill(f);
    write_rows(f, row);
    for (int kind = 0; kind < 3; kind++)
        for (size_t i = 0; i < row[kind].len * 3; i++) {
            static const uint8_t flip[3] = {1, 0x80, 0xff};
            fixture g;
            open_model(&g);
            g.w = wt_wallet_add(&g.m, 1, "w", 5);
            if (kind)
                assert_int_equal(read_row(&g, 0, row[0].data, row[0].len), QN_OK);
            row[kind].data[i / 3] ^= flip[i % 3];
            (void)read_row(&g, kind, row[kind].data, row[kind].len);
            row[kind].data[i / 3] ^= flip[i % 3];
            wt_model_clear(&g.m);
        }
    for (int i = 0; i < 3; i++)
        wt_row_free(&row[i]);
    done(f);
}

QC_TEST_MAIN(cmocka_unit_test(test_balance__follows_a_payment_through_its_life),
             cmocka_unit_test(test_lock__outlives_that_a_known_spender_is_told_again),
             cmocka_unit_test(test_unconfirmed__counts_only_for_the_block_it_was_in),
             cmocka_unit_test(test_coinbase__is_immature_for_a_hundred_blocks),
             cmocka_unit_test(test_coinbase__is_nothing_when_its_block_has_left),
             cmocka_unit_test(test_change__is_trusted_when_it_was_heard_of_in_this_run),
             cmocka_unit_test(test_change__is_trusted_when_all_that_it_spends_is_ours),
             cmocka_unit_test(test_synced__tells_who_took_the_place),
             cmocka_unit_test(test_synced__leaves_what_is_not_watched),
             cmocka_unit_test(test_forget_gone__takes_each_from_the_lists_at_once),
             cmocka_unit_test(test_safe__what_replaced_one_that_is_forgotten_is_not),
             cmocka_unit_test(test_safe__what_is_gone_may_be_mined_by_others),
             cmocka_unit_test(test_roll_back__takes_blocks_above_and_no_others),
             cmocka_unit_test(test_unblock__takes_what_nobody_told_of),
             cmocka_unit_test(test_apply__refuses_what_is_no_money),
             cmocka_unit_test(test_tell__says_each_change_once_to_each_wallet),
             cmocka_unit_test(test_remove__forgets_what_concerns_nobody_else),
             cmocka_unit_test(test_remove__tells_nothing_again_of_what_is_anothers_too),
             cmocka_unit_test(test_own__a_new_owner_brings_a_new_number),
             cmocka_unit_test(test_own__an_index_that_was_paid_is_used),
             cmocka_unit_test(test_remove__what_was_not_told_yet_takes_nothing_back),
             cmocka_unit_test(test_remove__a_wallet_that_knows_nothing_more_was_told_nothing),
             cmocka_unit_test(test_outpoint__is_watched_without_its_script),
             cmocka_unit_test(test_outpoint__is_told_of_when_the_node_has_taken_it),
             cmocka_unit_test(test_rows__come_back_as_they_were),
             cmocka_unit_test(test_rows__cut_or_lengthened_are_corrupt),
             cmocka_unit_test(test_rows__any_changed_byte_is_survived))
