/* Who is told of which transactions, and when: a relay with a pool of the test's own. */
#include "core/sync/txrelay.h"
#include "tests/unit/builder.h"
#include "tests/unit/harness.h"

#include "core/net/permit.h"
#include "core/sync/feeround.h"

#define SECOND INT64_C(1000000)
#define POOL_MAX 3000

typedef struct rig {
    qc_txrelay *r;
    qc_relay_hooks h;
    qc_extra *extra;
    int64_t now;
    uint64_t seed;
    struct {
        qc_txbuf buf;
        uint64_t sequence;
        qc_amount fee;
        bool unasked;
    } pool[POOL_MAX];
    size_t n;
    uint64_t sequence;
    bool refuse;
    int ahead;
    qc_vcode why;
    unsigned n_compared, n_asked;
    void (*spare)(void *to, const qc_tx *tx);
    void *spare_to;
} rig;

static rig R; /* too large for a stack */

/* ---- the pool ---- */

static void show(size_t i, qc_pool_tx *out)
{
    *out = (qc_pool_tx){&R.pool[i], &R.pool[i].buf.tx, R.pool[i].sequence, R.pool[i].fee, 100};
}

static bool find(void *arg, const qc_tx_name *name, qc_pool_tx *out)
{
    (void)arg;
    for (size_t i = 0; i < R.n; i++) {
        const qn_tx_rec *rec = R.pool[i].buf.tx.rec;
        if (memcmp(name->wtxid ? rec->wtxid : rec->txid, name->hash.b, 32) == 0) {
            show(i, out);
            return true;
        }
    }
    return false;
}

static int compare(void *arg, const qc_pool_tx *a, const qc_pool_tx *b)
{
    (void)arg;
    R.n_compared++;
    return a->fee > b->fee ? -1 : a->fee < b->fee;
}

static void each(void *arg, void (*take)(void *to, const qc_pool_tx *tx), void *to)
{
    (void)arg;
    for (size_t i = 0; i < R.n; i++) {
        qc_pool_tx t;
        show(i, &t);
        take(to, &t);
    }
}

static size_t put_in(const qc_tx *tx, qc_amount fee)
{
    assert_true(R.n < POOL_MAX);
    assert_int_equal(qc_tx_parse(qc_tx_bytes(tx), true, &R.pool[R.n].buf), QC_WIRE_OK);
    R.pool[R.n].fee = fee;
    R.pool[R.n].sequence = R.sequence++;
    return R.n++;
}

static void take(void *arg, const qc_tx *tx, qc_tx_answer *out)
{
    (void)arg;
    if (R.refuse) {
        out->kind = QC_TX_REFUSED;
        qc_verdict_fail(&out->v, R.why, "no", NULL);
        return;
    }
    put_in(tx, 1000);
    out->kind = QC_TX_IN;
}

static bool take_pair(void *arg, const qc_tx *parent, const qc_tx *child, qc_tx_answer out[2])
{
    (void)arg;
    put_in(parent, 10);
    put_in(child, 1000);
    out[0].kind = out[1].kind = QC_TX_IN;
    return true;
}

static bool begin_ahead(void *arg, const qc_tx *tx)
{
    (void)arg;
    (void)tx;
    R.ahead++;
    return true;
}

static void ahead_over(void *arg, const qc_tx *tx)
{
    (void)arg;
    (void)tx;
    R.ahead--;
}

static void spare_to(void *arg, void (*spare)(void *to, const qc_tx *tx), void *to)
{
    (void)arg;
    R.spare = spare;
    R.spare_to = to;
}

static uint64_t sequence(void *arg)
{
    (void)arg;
    return R.sequence;
}

static int64_t min_fee(void *arg)
{
    (void)arg;
    return 4321;
}

static size_t unasked(void *arg, qc_hash **txid)
{
    size_t k = 0;
    (void)arg;
    *txid = qc_try_calloc(R.n + 2, sizeof **txid);
    for (size_t i = 0; i < R.n; i++)
        if (R.pool[i].unasked)
            memcpy((*txid)[k++].b, R.pool[i].buf.tx.rec->txid, 32);
    (*txid)[k++] = (qc_hash){{0xdd}}; /* one that is gone */
    return k;
}

static void asked(void *arg, const qc_hash *txid)
{
    (void)arg;
    R.n_asked++;
    for (size_t i = 0; i < R.n; i++)
        if (memcmp(R.pool[i].buf.tx.rec->txid, txid->b, 32) == 0)
            R.pool[i].unasked = false;
}

static uint64_t chance(void *arg)
{
    return test_rand(arg);
}

static int64_t clock_now(void *arg)
{
    (void)arg;
    return R.now;
}

/* ---- the rig ---- */

static void begin(uint32_t rate)
{
    memset(&R, 0, sizeof R);
    R.now = 1000000 * SECOND;
    R.seed = 3;
    R.sequence = 1;
    const qc_txrelay_options o = {.pool = {&R, find, compare, each, take, take_pair, begin_ahead,
                                           ahead_over, spare_to, sequence, min_fee, 100, unasked,
                                           asked},
                                  .key = {1, 2},
                                  .random = chance,
                                  .random_arg = &R.seed,
                                  .now = clock_now,
                                  .send_rate = rate};
    R.r = qc_txrelay_new(&o);
    R.h = qc_txrelay_hooks(R.r);
    R.extra = qc_extra_new(10);
    R.h.begin(R.h.arg, R.extra);
}

static void end(void)
{
    qc_txrelay_free(R.r);
    qc_extra_free(R.extra);
    while (R.n)
        qc_txbuf_clear(&R.pool[--R.n].buf);
}

static void open_peer(qc_peer_id id, bool inbound, uint32_t permissions, bool wtxids)
{
    qc_peer_info p = {.id = id,
                      .inbound = inbound,
                      .type = inbound ? QC_CONN_INBOUND : QC_CONN_FULL,
                      .permissions = permissions,
                      .wtxid_relay = wtxids};
    snprintf(p.addr_bind, sizeof p.addr_bind, "1.2.3.4:8333");
    R.h.opened(R.h.arg, &p, !inbound);
}

static qc_hash wtxid_of(size_t i)
{
    qc_hash h;
    memcpy(h.b, R.pool[i].buf.tx.rec->wtxid, 32);
    return h;
}

static qc_hash txid_of(size_t i)
{
    qc_hash h;
    memcpy(h.b, R.pool[i].buf.tx.rec->txid, 32);
    return h;
}

static void make(qc_txbuf *out, uint32_t salt)
{
    const qc_hash id = {{(uint8_t)salt, (uint8_t)(salt >> 8), 1}};
    tb_tx *t = tb_tx_new();
    tb_tx_in(t, &id, salt, qc_span_of("", 0), TB_FINAL);
    tb_tx_out(t, 1000 + salt, qc_span_of("\x51", 1));
    tb_tx_witness(t, 0, qc_span_of("w", 1));
    tb_tx_parse(t, out);
    tb_tx_free(t);
}

/* One more in the pool; returns its place. */
static size_t fresh(uint32_t salt, qc_amount fee)
{
    qc_txbuf b;
    make(&b, salt);
    size_t i = put_in(&b.tx, fee);
    qc_txbuf_clear(&b);
    return i;
}

static void announce(size_t i)
{
    const qc_hash w = wtxid_of(i);
    qc_txrelay_announce(R.r, &w);
}

/* What is said to this peer now. */
static qc_relay_say say_view(const qc_relay_view *v)
{
    qc_relay_say out = {.tell = NULL};
    R.h.say(R.h.arg, v, R.now, &out);
    R.h.ask(R.h.arg, v->id, R.now, &out);
    return out;
}

static void say_free(qc_relay_say *s)
{
    qc_free(s->tell);
    qc_free(s->ask);
}

static size_t told(qc_peer_id id)
{
    const qc_relay_view v = {.id = id, .wants = true};
    qc_relay_say s = say_view(&v);
    say_free(&s);
    return s.n_tell;
}

/* Let time pass in steps of a tick until something is said, at most a minute. */
static qc_relay_say wait_for(qc_peer_id id)
{
    const qc_relay_view v = {.id = id, .wants = true};
    for (int i = 0; i < 600; i++) {
        qc_relay_say s = say_view(&v);
        if (s.n_tell)
            return s;
        say_free(&s);
        R.now += SECOND / 10;
    }
    return (qc_relay_say){.tell = NULL};
}

static bool served(qc_peer_id id, size_t i, bool by_wtxid)
{
    qc_bytes b = QC_BYTES_INIT;
    const qc_tx_name name = {by_wtxid ? wtxid_of(i) : txid_of(i), by_wtxid};
    bool ok = R.h.give(R.h.arg, id, &name, by_wtxid, &b);
    if (ok)
        assert_int_equal(b.len,
                         by_wtxid ? R.pool[i].buf.tx.rec->len : R.pool[i].buf.tx.rec->stripped);
    qc_bytes_free(&b);
    return ok;
}

/* ---- tests ---- */

static void test_say__the_best_first_once_and_not_at_once(void **state)
{
    (void)state;
    begin(14);
    open_peer(1, false, 0, true);
    open_peer(2, false, 0, true);
    assert_int_equal(told(1), 0); /* now it counts as there, the other does not */
    for (uint32_t i = 0; i < 5; i++)
        announce(fresh(i, 100 + 7 * (i * 3 % 5)));
    announce(2); /* a second time changes nothing */
    assert_int_equal(told(1), 0);
    qc_relay_say s = wait_for(1);
    assert_int_equal(s.n_tell, 5);
    for (size_t i = 0; i < 5; i++) {
        qc_pool_tx t;
        assert_true(s.tell[i].wtxid && find(NULL, &s.tell[i], &t));
        assert_int_equal(t.fee, 100 + 7 * (4 - i));
    }
    say_free(&s);
    s = wait_for(2); /* what came before is not for it */
    assert_int_equal(s.n_tell, 0);
    announce(0); /* it was told of that */
    s = wait_for(1);
    assert_int_equal(s.n_tell, 0);
    end();
}

static void test_say__by_txid_where_that_is_spoken(void **state)
{
    (void)state;
    begin(14);
    open_peer(1, false, 0, false);
    told(1);
    announce(fresh(1, 100));
    qc_relay_say s = wait_for(1);
    const qc_hash want = txid_of(0);
    assert_int_equal(s.n_tell, 1);
    assert_false(s.tell[0].wtxid);
    assert_true(qc_hash_eq(&s.tell[0].hash, &want));
    say_free(&s);
    end();
}

static void test_say__not_what_the_peer_has_or_does_not_want(void **state)
{
    (void)state;
    begin(14);
    open_peer(1, false, 0, true);
    told(1);
    for (uint32_t i = 0; i < 3; i++)
        announce(fresh(i, 100 + i)); /* 100 virtual bytes each */
    const qc_tx_name has = {wtxid_of(2), true};
    R.h.announced(R.h.arg, 1, &has);
    qc_relay_view v = {.id = 1, .wants = true, .fee_filter = 1001};
    qc_relay_say s = {.tell = NULL};
    for (int i = 0; i < 600 && !s.n_tell; i++, R.now += SECOND / 10) {
        say_free(&s);
        s = say_view(&v);
    }
    assert_int_equal(s.n_tell, 1); /* 100 pays too little, the last is known */
    const qc_hash want = wtxid_of(1);
    assert_true(qc_hash_eq(&s.tell[0].hash, &want));
    say_free(&s);
    announce(fresh(9, 1000));
    v.wants = false;
    for (int i = 0; i < 600; i++, R.now += SECOND / 10) {
        s = say_view(&v);
        assert_int_equal(s.n_tell, 0);
        say_free(&s);
    }
    assert_int_equal(told(1), 0); /* nor later */
    v = (qc_relay_view){.id = 1, .wants = true, .fee_filter = QC_MAX_MONEY};
    announce(fresh(10, 100));
    for (int i = 0; i < 600; i++, R.now += SECOND / 10) {
        s = say_view(&v);
        assert_int_equal(s.n_tell, 0);
        say_free(&s);
    }
    end();
}

static void test_say__only_what_matches_its_filter(void **state)
{
    qc_peer_filter *f;
    bool large;
    uint8_t raw[1 + 64 + 9] = {64};
    (void)state;
    raw[65] = 5; /* functions */
    assert_int_equal(qc_peer_filter_read(qc_span_of(raw, sizeof raw), &f, &large), QC_WIRE_OK);
    begin(14);
    open_peer(1, false, 0, true);
    told(1);
    for (uint32_t i = 0; i < 3; i++)
        announce(fresh(i, 100));
    const qc_hash mine = txid_of(1), want = wtxid_of(1);
    qc_peer_filter_add(f, qc_span_of(mine.b, 32));
    const qc_relay_view v = {.id = 1, .wants = true, .filter = f};
    qc_relay_say s = {.tell = NULL};
    for (int i = 0; i < 600 && !s.n_tell; i++, R.now += SECOND / 10) {
        say_free(&s);
        s = say_view(&v);
    }
    assert_int_equal(s.n_tell, 1);
    assert_true(qc_hash_eq(&s.tell[0].hash, &want));
    say_free(&s);
    qc_peer_filter_free(f);
    end();
}

/* Mean time between two announcements, in milliseconds, with one transaction every tick. */
static int64_t mean_wait(bool inbound)
{
    int64_t times = 0, start;
    begin(1000);
    open_peer(1, inbound, 0, true);
    told(1);
    start = R.now;
    for (uint32_t i = 0; i < POOL_MAX; i++) {
        announce(fresh(i, 100));
        R.now += SECOND / 5;
        times += told(1) > 0;
    }
    start = (R.now - start) / 1000 / times;
    end();
    return start;
}

static void test_say__every_2_or_5_seconds_on_average(void **state)
{
    (void)state;
    assert_in_range(mean_wait(false), 1850, 2450);
    assert_in_range(mean_wait(true), 4400, 6000);
}

static void test_say__inbound_peers_together_and_noban_at_once(void **state)
{
    unsigned apart = 0;
    (void)state;
    begin(1000);
    open_peer(1, true, 0, true);
    open_peer(2, true, 0, true);
    open_peer(3, true, QC_PERMIT_NOBAN, true);
    open_peer(4, false, 0, true);
    for (qc_peer_id p = 1; p <= 4; p++)
        told(p);
    for (uint32_t i = 0; i < 300; i++) {
        announce(fresh(i, 100));
        assert_int_equal(told(3), 1);
        R.now += SECOND / 5;
        size_t one = told(1), two = told(2), out = told(4);
        assert_int_equal(one, two);
        apart += !one != !out;
    }
    assert_true(apart > 15);
    end();
}

static void test_give__what_was_there_when_the_peer_was_told(void **state)
{
    (void)state;
    begin(14);
    open_peer(1, true, 0, true);
    size_t before = fresh(1, 100);
    told(1);
    assert_false(served(1, before, true)); /* nothing has been told yet */
    announce(before);
    qc_relay_say s = wait_for(1);
    assert_int_equal(s.n_tell, 1);
    say_free(&s);
    size_t after = fresh(2, 100);
    R.pool[before].unasked = true;
    assert_true(served(1, before, true));
    assert_false(R.pool[before].unasked);
    assert_true(served(1, before, false));
    assert_false(served(1, after, true));
    announce(after);
    assert_false(served(1, after, false)); /* not before it is told */
    s = wait_for(1);
    say_free(&s);
    assert_true(served(1, after, false));
    assert_false(served(9, after, false));
    qc_relay_stats st = {.last_tx = 5};
    R.h.stats(R.h.arg, 9, &st);
    assert_int_equal(st.last_tx, 5);
    R.h.stats(R.h.arg, 1, &st);
    assert_int_equal(st.inv_sequence, R.sequence);
    assert_int_equal(st.inv_to_send, 0);
    end();
}

static void test_wants_all__hears_of_all_even_what_it_knows(void **state)
{
    (void)state;
    begin(14);
    open_peer(1, false, 0, true);
    told(1);
    for (uint32_t i = 0; i < 200; i++)
        fresh(i, 100);
    const qc_tx_name has = {wtxid_of(7), true};
    R.h.announced(R.h.arg, 1, &has);
    R.h.wants_all(R.h.arg, 1);
    announce(3);
    qc_relay_say s = wait_for(1);
    assert_int_equal(s.n_tell, 200); /* each once */
    say_free(&s);
    for (size_t i = 0; i < 200; i++)
        assert_true(served(1, i, true));
    s = wait_for(1);
    assert_int_equal(s.n_tell, 0);
    say_free(&s);
    end();
}

static void test_received__is_announced_to_others(void **state)
{
    qc_txbuf b;
    (void)state;
    begin(14);
    open_peer(1, false, 0, true);
    open_peer(2, false, 0, true);
    told(1);
    told(2);
    make(&b, 5);
    R.h.received(R.h.arg, 1, &b.tx);
    assert_int_equal(R.n, 1);
    qc_relay_say s = wait_for(2);
    assert_int_equal(s.n_tell, 1);
    say_free(&s);
    s = wait_for(1); /* who sent it has it */
    assert_int_equal(s.n_tell, 0);
    say_free(&s);
    qc_relay_stats st;
    R.h.stats(R.h.arg, 1, &st);
    assert_int_equal(st.last_tx, 1000000);
    R.h.stats(R.h.arg, 2, &st);
    assert_int_equal(st.last_tx, 0);
    assert_int_equal(qc_extra_count(R.extra), 0);
    R.spare(R.spare_to, &b.tx); /* replaced */
    assert_int_equal(qc_extra_count(R.extra), 1);
    qc_txbuf_clear(&b);
    end();
}

static void test_ahead__what_is_known_or_was_refused_is_not_begun(void **state)
{
    qc_txbuf a, b;
    (void)state;
    begin(0);
    open_peer(1, true, 0, true);
    make(&a, 1);
    make(&b, 2);
    assert_true(R.h.ahead(R.h.arg, &a.tx));
    assert_int_equal(R.ahead, 1);
    R.h.ahead_over(R.h.arg, &a.tx);
    assert_int_equal(R.ahead, 0);
    R.h.received(R.h.arg, 1, &a.tx);
    assert_false(R.h.ahead(R.h.arg, &a.tx));
    R.refuse = true;
    R.why = QC_V_NOT_STANDARD;
    R.h.received(R.h.arg, 1, &b.tx);
    assert_false(R.h.ahead(R.h.arg, &b.tx));
    assert_int_equal(R.ahead, 0);
    qc_txbuf_clear(&a);
    qc_txbuf_clear(&b);
    end();
}

static void test_received__refused_is_kept_for_the_next_block(void **state)
{
    qc_txbuf b;
    (void)state;
    begin(14);
    open_peer(1, false, 0, true);
    make(&b, 5);
    R.refuse = true;
    R.why = QC_V_MEMPOOL_POLICY;
    R.h.received(R.h.arg, 1, &b.tx);
    assert_int_equal(R.n, 0);
    assert_int_equal(qc_extra_count(R.extra), 1);
    R.h.received(R.h.arg, 1, &b.tx);
    assert_int_equal(qc_extra_count(R.extra), 1);
    R.h.tip(R.h.arg);
    R.refuse = false;
    R.h.received(R.h.arg, 1, &b.tx);
    assert_int_equal(R.n, 1);
    R.h.received(R.h.arg, 99, &b.tx); /* of nobody */
    qc_txbuf_clear(&b);
    end();
}

static void test_received__forced_is_announced_again(void **state)
{
    qc_txbuf b, c;
    (void)state;
    begin(14);
    open_peer(1, false, QC_PERMIT_FORCERELAY, true);
    open_peer(2, false, 0, true);
    open_peer(3, false, 0, true);
    told(2);
    make(&b, 5);
    make(&c, 6);
    R.h.received(R.h.arg, 3, &b.tx);
    qc_relay_say s = wait_for(2);
    say_free(&s);
    open_peer(4, false, 0, true); /* was not there the first time */
    told(4);
    R.h.received(R.h.arg, 3, &b.tx);
    s = wait_for(4);
    assert_int_equal(s.n_tell, 0);
    say_free(&s);
    R.h.received(R.h.arg, 1, &b.tx);
    s = wait_for(4);
    assert_int_equal(s.n_tell, 1);
    say_free(&s);
    R.refuse = true;
    R.why = QC_V_CONSENSUS;
    R.h.received(R.h.arg, 1, &c.tx);
    R.h.received(R.h.arg, 1, &c.tx); /* what is not in the pool is not */
    s = wait_for(4);
    assert_int_equal(s.n_tell, 0);
    say_free(&s);
    qc_txbuf_clear(&b);
    qc_txbuf_clear(&c);
    end();
}

static void test_ask__what_was_announced(void **state)
{
    (void)state;
    begin(14);
    open_peer(1, false, 0, true);
    const qc_tx_name n = {{{5}}, true};
    R.h.announced(R.h.arg, 1, &n);
    const qc_relay_view v = {.id = 1};
    qc_relay_say s = say_view(&v);
    assert_int_equal(s.n_ask, 1);
    assert_true(s.ask[0].wtxid && s.ask[0].hash.b[0] == 5);
    say_free(&s);
    R.h.missing(R.h.arg, 1, &n);
    R.h.announced(R.h.arg, 1, &n);
    s = say_view(&v);
    assert_int_equal(s.n_ask, 1);
    say_free(&s);
    R.h.closed(R.h.arg, 1);
    s = say_view(&v);
    assert_int_equal(s.n_ask, 0);
    say_free(&s);
    end();
}

static void test_tick__our_own_again_until_somebody_asks(void **state)
{
    int64_t first;
    (void)state;
    begin(14);
    open_peer(1, false, 0, true);
    told(1);
    size_t i = fresh(1, 100);
    R.pool[i].unasked = true;
    first = R.now;
    qc_relay_say s = {.tell = NULL};
    while (!s.n_tell && R.now < first + 3600 * SECOND) {
        say_free(&s);
        R.h.tick(R.h.arg, R.now);
        s = say_view(&(qc_relay_view){.id = 1, .wants = true});
        R.now += SECOND;
    }
    assert_int_equal(s.n_tell, 1);
    say_free(&s);
    assert_in_range((R.now - first) / SECOND, 600, 960);
    assert_int_equal(R.n_asked, 1); /* the one that is gone */
    open_peer(2, false, 0, true);
    told(2);
    qc_txrelay_hurry(R.r, 900 * SECOND);
    R.h.tick(R.h.arg, R.now);
    s = wait_for(2);
    assert_int_equal(s.n_tell, 1);
    say_free(&s);
    end();
}

static void test_backlog__a_rate_and_the_best_first(void **state)
{
    qc_txrelay_info info;
    size_t in = 0, out = 0;
    (void)state;
    begin(14);
    open_peer(1, true, QC_PERMIT_NOBAN, true);
    open_peer(2, false, QC_PERMIT_NOBAN, true);
    told(1);
    told(2);
    for (uint32_t i = 0; i < 2000; i++) {
        announce(fresh(i, 100 + i));
        in += told(1);
        out += told(2);
    }
    /* A burst of 30 seconds' worth, and 5 seconds' on credit. */
    assert_in_range(in, 420, 420 + 70);
    assert_in_range(out, 420, 420 + 70);
    qc_txrelay_info_of(R.r, &info);
    assert_int_equal(info.send_rate, 14);
    assert_int_equal(info.inbound.backlog, 2000 - in);
    assert_true(info.inbound.count_tokens <= 0);
    assert_in_range(info.inbound.size_tokens, 1, INT64_C(12000000) * 1000000);
    size_t in_before = in, out_before = out;
    for (int i = 0; i < 200; i++) { /* 20 seconds */
        R.now += SECOND / 10;
        in += told(1);
        out += told(2);
    }
    assert_in_range(in - in_before, 20 * 14 - 71, 20 * 14 + 71);
    assert_in_range(out - out_before, 20 * 35 - 71, 20 * 35 + 71);
    /* What is left is the worst. */
    qc_relay_view v = {.id = 1, .wants = true};
    qc_amount last = INT64_MAX;
    for (int i = 0; i < 100; i++) {
        R.now += SECOND;
        qc_relay_say s = say_view(&v);
        for (size_t k = 0; k < s.n_tell; k++) {
            qc_pool_tx t;
            assert_true(find(NULL, &s.tell[k], &t) && t.fee < last);
            last = t.fee;
        }
        in += s.n_tell;
        say_free(&s);
    }
    assert_int_equal(in, 2000);
    end();
}

static void test_bucket__a_rate_of_bytes(void **state)
{
    qc_inv_bucket b;
    (void)state;
    qc_inv_bucket_init(&b, 1000, false);
    qc_inv_bucket_fill(&b, 5 * SECOND);
    assert_true(qc_inv_bucket_spend(&b, 12000000));
    qc_inv_bucket_add(&b, &(qc_hash){{1}});
    assert_false(qc_inv_bucket_ready(&b)); /* some may go on credit, not begin so */
    assert_true(qc_inv_bucket_spend(&b, 49999));
    assert_false(qc_inv_bucket_spend(&b, 1));
    qc_inv_bucket_fill(&b, 7 * SECOND);
    assert_false(qc_inv_bucket_ready(&b));
    qc_inv_bucket_fill(&b, 8 * SECOND); /* 20,000 a second */
    assert_true(qc_inv_bucket_ready(&b));
    qc_inv_bucket_fill(&b, 7 * SECOND); /* the clock goes back */
    qc_inv_bucket_fill(&b, INT64_MAX);  /* and on: no more than it holds */
    assert_int_equal(b.size, INT64_C(50000000) * QC_INV_TOKEN);
    assert_int_equal(b.count, INT64_C(30000) * QC_INV_TOKEN);
    qc_inv_bucket_clear(&b);
}

static void test_backlog__sorting_is_paid_for(void **state)
{
    (void)state;
    begin(14);
    open_peer(1, true, QC_PERMIT_NOBAN, true);
    told(1);
    for (uint32_t i = 0; i < 2000; i++)
        announce(fresh(i, 100 + i * 7919 % 4001));
    unsigned before = R.n_compared;
    for (int i = 0; i < 50; i++) { /* 5 seconds */
        R.now += SECOND / 10;
        told(1);
    }
    /* One or two times through some 1,500, for a heap of 70. */
    assert_true(R.n_compared - before < 2 * 1500 * 2 * 7);
    end();
}

static void test_backlog__is_gone_with_the_last_listener(void **state)
{
    qc_txrelay_info info;
    (void)state;
    begin(14);
    for (uint32_t i = 0; i < 700; i++)
        announce(fresh(i, 100));
    R.now += 10 * SECOND;
    R.h.tick(R.h.arg, R.now);
    qc_txrelay_info_of(R.r, &info);
    assert_int_equal(info.inbound.backlog, 0);
    assert_int_equal(info.outbound.backlog, 0);
    end();
}

static void test_fee_round__to_steps_of_a_tenth(void **state)
{
    int64_t steps[200], last = -1;
    size_t n = 0;
    (void)state;
    for (int64_t fee = 0; fee < 20000000; fee = fee * 21 / 20 + 1)
        for (uint32_t c = 0; c < 3; c++) {
            int64_t r = qc_fee_round(fee, c);
            assert_true(fee > 9936506 ? r == 9936506 : r >= fee * 10 / 11 - 1 || fee <= 50);
            if (c == 0 && r > last) {
                assert_true(n < 200);
                steps[n++] = last = r;
            }
        }
    assert_int_equal(steps[0], 0);
    assert_int_equal(steps[1], 50);
    assert_int_equal(steps[2], 55);
    assert_int_equal(steps[3], 60);
    assert_int_equal(steps[4], 66);
    assert_int_equal(steps[n - 1], 9936506);
    assert_int_equal(qc_fee_round(QC_MAX_MONEY, 0), 9936506);
    assert_int_equal(qc_fee_round(58, 0), 60); /* up once, */
    assert_int_equal(qc_fee_round(58, 1), 55); /* down twice */
    assert_int_equal(qc_fee_round(58, 2), 55);
    assert_int_equal(qc_fee_round(50, 1), 0); /* also what is a step */
    assert_int_equal(qc_fee_round(50, 3), 50);
    assert_int_equal(qc_fee_round(-7, 3), 0);
}

static void test_fee__never_below_the_minimum(void **state)
{
    (void)state;
    begin(14);
    assert_int_equal(R.h.fee_floor(R.h.arg), 4321);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(R.h.fee_round(R.h.arg, 0), 100);
        assert_in_range(R.h.fee_round(R.h.arg, 4321), 3900, 4800);
    }
    end();
}

QC_TEST_MAIN(cmocka_unit_test(test_say__the_best_first_once_and_not_at_once),
             cmocka_unit_test(test_say__by_txid_where_that_is_spoken),
             cmocka_unit_test(test_say__not_what_the_peer_has_or_does_not_want),
             cmocka_unit_test(test_say__only_what_matches_its_filter),
             cmocka_unit_test(test_say__every_2_or_5_seconds_on_average),
             cmocka_unit_test(test_say__inbound_peers_together_and_noban_at_once),
             cmocka_unit_test(test_give__what_was_there_when_the_peer_was_told),
             cmocka_unit_test(test_wants_all__hears_of_all_even_what_it_knows),
             cmocka_unit_test(test_received__is_announced_to_others),
             cmocka_unit_test(test_received__refused_is_kept_for_the_next_block),
             cmocka_unit_test(test_ahead__what_is_known_or_was_refused_is_not_begun),
             cmocka_unit_test(test_received__forced_is_announced_again),
             cmocka_unit_test(test_ask__what_was_announced),
             cmocka_unit_test(test_tick__our_own_again_until_somebody_asks),
             cmocka_unit_test(test_backlog__a_rate_and_the_best_first),
             cmocka_unit_test(test_bucket__a_rate_of_bytes),
             cmocka_unit_test(test_backlog__sorting_is_paid_for),
             cmocka_unit_test(test_backlog__is_gone_with_the_last_listener),
             cmocka_unit_test(test_fee_round__to_steps_of_a_tenth),
             cmocka_unit_test(test_fee__never_below_the_minimum))
