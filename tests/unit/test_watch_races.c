/* watch when chain, mempool, rescan and reader are out of step: what is told must hold in the end,
 * whatever the reader has not come by. */
#include "tests/unit/watch_call.h"

#include <sched.h>

static call c;
static play p;

/* What comes to the mempool while scripts are being added is SEEN as news, and again by the look
 * through the mempool for the new ones where that began before it came: either may be first to know
 * of it, and neither may leave it to the other. A SEEN that repeats the one before says nothing. */
static bool is_story(const char *have, const char *want)
{
    for (; *want; want++) {
        if (*have++ != *want)
            return false;
        while (*want == 'S' && want[1] != 'S' && *have == 'S')
            have++;
    }
    return !*have;
}

static void stories(const tb_tx *tx, const char *want)
{
    char have[32];
    call_story(&c, tx, have);
    if (!is_story(have, want))
        fail_msg("it is %s, wanted %s", have, want);
}

static uint32_t last_reason(const tb_tx *tx)
{
    const qc_hash id = tb_txid(tx);
    uint32_t reason = 0;
    for (unsigned i = 0; i < c.n_log; i++)
        if (c.log[i].type == QN_WATCH_EV_GONE && memcmp(&c.log[i].txid, id.b, 32) == 0)
            reason = c.log[i].reason;
    return reason;
}

/* Script 3 is watched, and everything is told. */
static void begin(void)
{
    call_begin(&c, &p, GRANTS);
    rig_on_loop(&p.r, call_add_three, &c);
    call_drain(&c);
    call_until(&c, QN_WATCH_EV_MEMPOOL_SYNCED, 1);
}

static tb_tx *payment(uint32_t coinbase, qc_amount fee, uint32_t script)
{
    const uint32_t to[2] = {script, 200};
    return play_spend_coinbase(&p, coinbase, fee, to, 2);
}

/* All that was to be told of what came before is told when this one is. */
static void mark(uint32_t coinbase)
{
    const tb_tx *tx = payment(coinbase, 5000, 3);
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    char have[32] = "";
    assert_true(play_offer(&p, tx));
    while (!have[0] && qc_clock_mono() < until) {
        rig_on_loop(&p.r, call_take_all, &c);
        call_story(&c, tx, have);
    }
    assert_string_equal(have, "S");
}

static void mine_one(const tb_tx *tx)
{
    play_mine_these(&p, &tx, tx != NULL);
}

/* ---- the mempool's file ---- */

static void nothing(qc_chain *chain, void *arg)
{
    (void)chain;
    (void)arg;
}

static void is_read(qc_chain *chain, void *arg)
{
    (void)chain;
    qc_mempool_set_load_tried(arg);
}

/* While the node reads its mempool from the file, what is not there yet is not gone. */
static void test_synced__waits_until_the_mempool_is_read(void **state)
{
    (void)state;
    call_begin_unread(&c, &p, GRANTS);
    rig_on_loop(&p.r, call_add_three, &c);
    for (int i = 0; i < 3; i++) {
        call_drain(&c);
        qc_chain_call(p.r.thread, nothing, NULL); /* whatever was asked of it has begun */
    }
    assert_int_equal(c.seen[QN_WATCH_EV_MEMPOOL_SYNCED], 0);
    tb_tx *t = payment(1, 1000, 3);
    assert_true(play_offer(&p, t));
    qc_chain_call(p.r.thread, is_read, p.r.node.pool);
    call_until(&c, QN_WATCH_EV_MEMPOOL_SYNCED, 1);
    stories(t, "S");
    call_end(&c);
}

static void count_waiting(qc_chain *chain, void *arg)
{
    (void)chain;
    *(size_t *)arg = qc_chain_inbox(p.r.thread);
}

/* A node that stops never reads the rest of the file, and its chain thread ends when nothing waits
 * for it: whatever a plugin does that holds its stream open for ever. */
static void test_synced__keeps_no_thread_busy_until_then(void **state)
{
    (void)state;
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    size_t waiting = 1;
    call_begin_unread(&c, &p, GRANTS);
    rig_on_loop(&p.r, call_add_three, &c);
    call_drain(&c);
    while (waiting && qc_clock_mono() < until) /* what is behind a job while it runs */
        qc_chain_call(p.r.thread, count_waiting, &waiting);
    assert_int_equal(waiting, 0);
    call_end(&c);
}

/* A look that nobody waits for any more, and one that is made when the file is read. */
static void test_synced__waits_again_for_a_stream_that_comes_again(void **state)
{
    (void)state;
    call_begin_unread(&c, &p, GRANTS);
    rig_on_loop(&p.r, call_add_three, &c);
    call_drain(&c);
    rig_on_loop(&p.r, call_close, &c);
    rig_on_loop(&p.r, call_open, &c);
    rig_on_loop(&p.r, call_add_three, &c);
    c.stands = false;
    call_drain(&c);
    assert_int_equal(c.seen[QN_WATCH_EV_MEMPOOL_SYNCED], 0);
    qc_chain_call(p.r.thread, is_read, p.r.node.pool);
    call_until(&c, QN_WATCH_EV_MEMPOOL_SYNCED, 1);
    call_end(&c);
}

/* ---- news that are older than what was told of the chain ---- */

static void test_seen__is_not_said_of_what_was_confirmed_since(void **state)
{
    (void)state;
    begin();
    tb_tx *t = payment(1, 1000, 3);
    mine_one(NULL); /* the news below are of a tip that was not told yet */
    assert_true(play_offer(&p, t));
    mine_one(t);
    call_drain(&c);
    mark(2);
    stories(t, "C");
    call_end(&c);
}

static void test_gone__is_said_of_what_a_block_took_that_nobody_was_told_of(void **state)
{
    (void)state;
    begin();
    tb_tx *t = payment(1, 1000, 3), *rival = payment(1, 777, 4);
    mine_one(NULL);
    assert_true(play_offer(&p, t));
    mine_one(t);
    tb_chain_cut(p.r.made, p.r.made->tip - 1);
    mine_one(rival);
    mine_one(NULL); /* the block with t was never the stream's */
    call_drain(&c);
    mark(2);
    stories(t, "SG");
    assert_int_equal(last_reason(t), QN_WATCH_GONE_REORG);
    call_end(&c);
}

static void test_seen__is_the_last_word_on_what_came_back(void **state)
{
    (void)state;
    begin();
    tb_tx *t = payment(1, 1000, 3), *u = payment(3, 1000, 3);
    mine_one(NULL);
    assert_true(play_offer(&p, t));
    assert_true(play_offer(&p, u));
    const tb_tx *const both[2] = {t, u};
    play_mine_these(&p, both, 2);
    tb_chain_cut(p.r.made, p.r.made->tip - 1);
    mine_one(u);
    mine_one(NULL); /* u is in the other branch too, t in the mempool again */
    call_drain(&c);
    mark(2);
    stories(t, "SS");
    stories(u, "C");
    mine_one(t);
    call_drain(&c);
    mark(4);
    stories(t, "SSC");
    call_end(&c);
}

/* ---- what is armed from when ---- */

/* One event at a time, until a BLOCK is taken. */
static void take_a_block(void)
{
    const uint64_t before = c.seen[QN_WATCH_EV_BLOCK];
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    c.max = 1;
    while (c.seen[QN_WATCH_EV_BLOCK] == before && qc_clock_mono() < until)
        rig_on_loop(&p.r, call_take, &c);
}

static void add_four(void *arg)
{
    call_add(arg, 4, 40, QN_WATCH_ADD_FRESH);
}

static void test_add__counts_from_behind_what_was_made_ready_before(void **state)
{
    (void)state;
    begin();
    mine_one(NULL);
    mine_one(payment(1, 1000, 4));
    mine_one(NULL);
    const uint64_t before = c.seen[QN_WATCH_EV_BLOCK];
    take_a_block(); /* the next one was looked through, and nothing is known of script 4 */
    rig_on_loop(&p.r, add_four, &c);
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    uint64_t armed = c.id;
    while (c.seq < armed - 1 && qc_clock_mono() < until)
        rig_on_loop(&p.r, call_take, &c);
    assert_int_equal(c.seen[QN_WATCH_EV_BLOCK], before + 2);
    assert_int_equal(c.seq, armed - 1);
    c.max = 64;
    call_drain(&c);
    assert_int_equal(c.seen[QN_WATCH_EV_CONFIRMED], 0);
    call_end(&c);
}

static void remove_three(void *arg)
{
    uint8_t room[4];
    call *k = arg;
    const qc_span s = play_script(3, room);
    const qn_watch_script one = {.len = (uint32_t)s.len};
    k->st = k->t->stable.remove(k->cap, k->watch, &one, 1, s.data, one.len);
}

/* It is not watched when the block is told, and is again when the news of before are read. */
static void test_seen__is_not_said_for_a_script_that_was_added_since(void **state)
{
    (void)state;
    begin();
    tb_tx *t = payment(1, 1000, 3);
    mine_one(NULL);
    assert_true(play_offer(&p, t));
    mine_one(t);
    rig_on_loop(&p.r, remove_three, &c);
    take_a_block();
    rig_on_loop(&p.r, call_add_three, &c);
    c.max = 64;
    call_drain(&c);
    mark(2);
    stories(t, "");
    call_end(&c);
}

/* ---- rescans ---- */

static qn_watch_rescan wanted;

static void rescan(void *arg)
{
    call *k = arg;
    k->st = k->t->stable.rescan(k->cap, k->watch, &wanted, &k->id, &k->lowest);
}

static void begin_rescan(uint32_t from)
{
    wanted =
        (qn_watch_rescan){.size = sizeof wanted, .set = QN_SET_WATCH_RESCAN_FROM, .from = from};
    rig_on_loop(&p.r, rescan, &c);
    assert_int_equal(c.st, QN_OK);
}

/* Until a hit of the rescan waits to be acknowledged. */
static void until_hit(void)
{
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    while (c.seen[QN_WATCH_EV_CONFIRMED] == 0 && qc_clock_mono() < until)
        rig_on_loop(&p.r, call_take, &c);
    assert_int_equal(c.seen[QN_WATCH_EV_CONFIRMED], 1);
    assert_int_equal(c.log[c.n_log - 1].rescan, c.id);
}

static void until_scanned(void)
{
    rig_on_loop(&p.r, call_ack, &c);
    call_until(&c, QN_WATCH_EV_RESCAN_DONE, 1);
}

static void added_meanwhile(bool filters)
{
    p = (play){.seed = 3, .with_filters = filters, .r = {.backoff_ms = 1}};
    c = (call){.p = &p, .room = sizeof c.data, .max = 64, .o = {.size = sizeof c.o}};
    play_begin(&p, GRANTS);
    rig_on_loop(&p.r, call_open, &c);
    call_drain(&c);
    tb_tx *t = payment(1, 1000, 3), *u = payment(2, 1000, 4), *v = payment(3, 1000, 4);
    mine_one(v);
    mine_one(t);
    mine_one(NULL);
    mine_one(u);
    mine_one(NULL);
    call_drain(&c);
    rig_on_loop(&p.r, call_add_three, &c);
    begin_rescan(0);
    until_hit();
    rig_on_loop(&p.r, add_four, &c);
    until_scanned();
    stories(t, "R");
    stories(u, "R");
    stories(v, "");
    call_end(&c);
}

static void test_rescan__finds_what_is_added_while_it_goes_on(void **state)
{
    (void)state;
    added_meanwhile(false);
}

static void test_rescan__filters_are_asked_for_what_is_added_while_it_goes_on(void **state)
{
    (void)state;
    added_meanwhile(true);
}

static void add_four_first(void *arg)
{
    call_add(arg, 4, 4, QN_WATCH_ADD_FRESH);
}

/* It was watched before, by a number that the rescan passes by, and is in the block in work. */
static void test_rescan__finds_what_is_given_a_new_cookie_meanwhile(void **state)
{
    (void)state;
    call_begin(&c, &p, GRANTS);
    tb_tx *t = payment(1, 1000, 3), *u = payment(2, 1000, 4), *v = payment(3, 1000, 4);
    const tb_tx *const both[2] = {t, u};
    play_mine_these(&p, both, 2);
    mine_one(v);
    call_drain(&c);
    rig_on_loop(&p.r, add_four_first, &c);
    rig_on_loop(&p.r, call_add_three, &c);
    wanted = (qn_watch_rescan){
        .size = sizeof wanted, .set = QN_SET_WATCH_RESCAN_FIRST_COOKIE, .first_cookie = 30};
    rig_on_loop(&p.r, rescan, &c);
    until_hit();
    rig_on_loop(&p.r, add_four, &c);
    until_scanned();
    stories(t, "R");
    stories(u, "R");
    stories(v, "R");
    call_end(&c);
}

/* Its newest hit is in a block that leaves before it is acknowledged. */
static void test_rescan__does_not_go_back_to_a_block_that_has_left(void **state)
{
    (void)state;
    call_begin(&c, &p, GRANTS);
    tb_tx *t = payment(1, 1000, 3), *u = payment(2, 1000, 4);
    const tb_tx *const both[2] = {t, u};
    play_mine_these(&p, both, 2);
    call_drain(&c);
    rig_on_loop(&p.r, call_add_three, &c);
    begin_rescan(0);
    until_hit();
    rig_reorg(&p.r, 1, 2, ++p.salt);
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    while (c.seen[QN_WATCH_EV_UNBLOCK] == 0 && qc_clock_mono() < until)
        rig_on_loop(&p.r, call_take, &c);
    rig_on_loop(&p.r, add_four, &c);
    until_scanned();
    call_drain(&c);
    mark(3);
    stories(t, "RUS");
    /* It comes back to the mempool, before script 4 is added or after. */
    char have[32];
    call_story(&c, u, have);
    if (!is_story(have, "") && !is_story(have, "S"))
        fail_msg("it is %s, wanted nothing or S", have);
    call_end(&c);
}

/* While the chain is shorter than what the rescan was to look through. */
static void test_rescan__ends_where_a_reorganisation_parts(void **state)
{
    (void)state;
    call_begin(&c, &p, GRANTS);
    tb_tx *t = payment(1, 1000, 3), *u = payment(2, 1000, 3);
    mine_one(t);
    mine_one(NULL);
    mine_one(NULL);
    mine_one(u);
    call_drain(&c);
    rig_on_loop(&p.r, call_add_three, &c);
    begin_rescan(0);
    until_hit();
    rig_reorg(&p.r, 3, 4, ++p.salt);
    c.max = 1;
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    while (c.seen[QN_WATCH_EV_UNBLOCK] == 0 && qc_clock_mono() < until)
        rig_on_loop(&p.r, call_take, &c);
    until_scanned();
    c.max = 64;
    call_drain(&c);
    mark(3);
    stories(t, "R");
    stories(u, "US");
    assert_int_equal(c.seen[QN_WATCH_EV_UNBLOCK], 3);
    call_end(&c);
}

/* Until the stream has told of so many blocks, and nothing was acknowledged. */
static void until_blocks(uint64_t n)
{
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    while (c.seen[QN_WATCH_EV_BLOCK] < n && qc_clock_mono() < until)
        rig_on_loop(&p.r, call_take, &c);
    assert_int_equal(c.seen[QN_WATCH_EV_BLOCK], n);
}

/* The stream passes a block while the rescan's hit waits: what follows from that hit is in it. */
static void test_rescan__follows_the_stream_for_what_is_added_late(void **state)
{
    (void)state;
    call_begin(&c, &p, GRANTS);
    tb_tx *t = payment(1, 1000, 3), *u = payment(2, 1000, 4), *v = payment(3, 1000, 3);
    mine_one(t);
    call_drain(&c);
    rig_on_loop(&p.r, call_add_three, &c);
    begin_rescan(0);
    until_hit();
    const uint64_t before = c.seen[QN_WATCH_EV_BLOCK];
    mine_one(u);
    mine_one(NULL);
    until_blocks(before + 2);
    rig_on_loop(&p.r, add_four, &c);
    mine_one(v);
    until_scanned();
    call_drain(&c);
    stories(t, "R");
    stories(u, "R");
    stories(v, "C"); /* the stream's, told once */
    call_end(&c);
}

/* Who waits with the acknowledgement hears of the stream all the same. */
static void test_rescan__that_waits_does_not_keep_the_stream_quiet(void **state)
{
    (void)state;
    call_begin(&c, &p, GRANTS);
    tb_tx *t = payment(1, 1000, 3);
    mine_one(t);
    call_drain(&c);
    rig_on_loop(&p.r, call_add_three, &c);
    begin_rescan(0);
    until_hit();
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    while (c.st != QN_E_LIMIT && qc_clock_mono() < until)
        rig_on_loop(&p.r, call_take, &c);
    const int before = atomic_load(&c.ready);
    mine_one(NULL);
    while (atomic_load(&c.ready) == before && qc_clock_mono() < until)
        sched_yield();
    assert_true(atomic_load(&c.ready) > before);
    until_scanned();
    call_end(&c);
}

/* It does not go beyond the height that was named. */
static void test_rescan__ends_at_the_height_that_was_named(void **state)
{
    (void)state;
    call_begin(&c, &p, GRANTS);
    tb_tx *t = payment(1, 1000, 3), *u = payment(2, 1000, 4);
    mine_one(t);
    call_drain(&c);
    rig_on_loop(&p.r, call_add_three, &c);
    wanted = (qn_watch_rescan){
        .size = sizeof wanted, .set = QN_SET_WATCH_RESCAN_TO, .to = p.r.made->tip};
    rig_on_loop(&p.r, rescan, &c);
    until_hit();
    const uint64_t before = c.seen[QN_WATCH_EV_BLOCK];
    mine_one(u);
    until_blocks(before + 1);
    rig_on_loop(&p.r, add_four, &c);
    until_scanned();
    call_drain(&c);
    stories(u, "");
    call_end(&c);
}

/* The block of the rescan's hit leaves, and what follows from the hit is at that very height. */
static void test_rescan__looks_at_the_branch_that_came_instead(void **state)
{
    (void)state;
    call_begin(&c, &p, GRANTS);
    tb_tx *t = payment(1, 1000, 3), *u = payment(2, 1000, 4);
    mine_one(t);
    call_drain(&c);
    rig_on_loop(&p.r, call_add_three, &c);
    begin_rescan(0);
    until_hit();
    const uint64_t before = c.seen[QN_WATCH_EV_BLOCK];
    tb_chain_cut(p.r.made, p.r.made->tip - 1);
    mine_one(u);
    mine_one(NULL);
    until_blocks(before + 2);
    rig_on_loop(&p.r, add_four, &c);
    until_scanned();
    call_drain(&c);
    assert_int_equal(c.seen[QN_WATCH_EV_UNBLOCK], 1);
    stories(u, "R");
    call_end(&c);
}

/* ---- the gap limit and the mempool ---- */

/* What follows from it is in the next block. */
static void test_seen__is_acknowledged_before_the_next_block(void **state)
{
    (void)state;
    begin();
    tb_tx *t = payment(1, 1000, 3), *u = payment(2, 1000, 4);
    const uint64_t before = c.seen[QN_WATCH_EV_BLOCK];
    assert_true(play_offer(&p, t));
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    while (c.seen[QN_WATCH_EV_SEEN] == 0 && qc_clock_mono() < until)
        rig_on_loop(&p.r, call_take, &c);
    mine_one(u);
    while (c.st != QN_E_LIMIT && c.seen[QN_WATCH_EV_BLOCK] == before && qc_clock_mono() < until)
        rig_on_loop(&p.r, call_take, &c);
    assert_int_equal(c.st, QN_E_LIMIT);
    assert_int_equal(c.seen[QN_WATCH_EV_BLOCK], before);
    rig_on_loop(&p.r, add_four, &c);
    rig_on_loop(&p.r, call_ack, &c);
    call_drain(&c);
    stories(t, "S");
    stories(u, "C");
    call_end(&c);
}

/* ---- the birthday ---- */

static void test_unblock__goes_below_the_birthday(void **state)
{
    (void)state;
    p = (play){.seed = 3, .r = {.backoff_ms = 1}};
    c = (call){.p = &p, .room = sizeof c.data, .max = 64, .o = {.size = sizeof c.o}};
    play_begin(&p, GRANTS);
    tb_tx *t = payment(1, 1000, 3), *u = payment(2, 1000, 3), *v = payment(3, 1000, 3);
    mine_one(v);
    mine_one(t);
    mine_one(u);
    c.o.set = QN_SET_WATCH_OPTIONS_FROM_HEIGHT;
    c.o.from_height = p.r.made->tip;
    rig_on_loop(&p.r, call_open, &c);
    rig_on_loop(&p.r, call_add_three, &c);
    call_drain(&c);
    assert_int_equal(c.seen[QN_WATCH_EV_BLOCK], 1);
    stories(u, "C");
    stories(t, "");
    rig_reorg(&p.r, 2, 4, ++p.salt);
    call_drain(&c);
    mark(4);
    stories(u, "CUS");
    stories(t, "US");
    stories(v, "");
    assert_int_equal(c.seen[QN_WATCH_EV_UNBLOCK], 2);
    assert_int_equal(c.seen[QN_WATCH_EV_BLOCK], 5);
    call_end(&c);
}

QC_TEST_MAIN(cmocka_unit_test(test_synced__waits_until_the_mempool_is_read),
             cmocka_unit_test(test_synced__keeps_no_thread_busy_until_then),
             cmocka_unit_test(test_synced__waits_again_for_a_stream_that_comes_again),
             cmocka_unit_test(test_seen__is_not_said_of_what_was_confirmed_since),
             cmocka_unit_test(test_gone__is_said_of_what_a_block_took_that_nobody_was_told_of),
             cmocka_unit_test(test_seen__is_the_last_word_on_what_came_back),
             cmocka_unit_test(test_add__counts_from_behind_what_was_made_ready_before),
             cmocka_unit_test(test_seen__is_not_said_for_a_script_that_was_added_since),
             cmocka_unit_test(test_rescan__finds_what_is_added_while_it_goes_on),
             cmocka_unit_test(test_rescan__filters_are_asked_for_what_is_added_while_it_goes_on),
             cmocka_unit_test(test_rescan__finds_what_is_given_a_new_cookie_meanwhile),
             cmocka_unit_test(test_rescan__does_not_go_back_to_a_block_that_has_left),
             cmocka_unit_test(test_rescan__ends_where_a_reorganisation_parts),
             cmocka_unit_test(test_rescan__follows_the_stream_for_what_is_added_late),
             cmocka_unit_test(test_rescan__that_waits_does_not_keep_the_stream_quiet),
             cmocka_unit_test(test_rescan__ends_at_the_height_that_was_named),
             cmocka_unit_test(test_rescan__looks_at_the_branch_that_came_instead),
             cmocka_unit_test(test_seen__is_acknowledged_before_the_next_block),
             cmocka_unit_test(test_unblock__goes_below_the_birthday))
