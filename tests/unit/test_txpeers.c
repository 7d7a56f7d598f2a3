/* Whole conversations about transactions: messages in, messages out, with the true pool and chain.
 * There are no sockets: what goes to the network is caught on its way there (the linker's --wrap).
 */
#include "core/sync/txpool.h"
#include "tests/unit/pool_kit.h"

#include "core/base/clock.h"
#include "core/loop/loop.h"
#include "core/net/internal.h"
#include "core/sync/serving.h"

#define SENT_MAX 200

typedef struct sent {
    qc_peer_id to;
    char name[13];
    qc_bytes payload;
    size_t in_pool; /* how many were, at that moment */
} sent;

typedef struct rig {
    pool_kit p;
    qc_txpool t;
    qc_txrelay *relay;
    qc_sync *s;
    qc_net *net;
    qc_chain_thread *thread;
    _Atomic bool loaded;
    uint64_t seed;
    sent sent[SENT_MAX];
    size_t n_sent;
    unsigned n_dropped;
    _Atomic unsigned n_told;  /* how often the net has heard what was dealt with */
    _Atomic int64_t frozen;   /* the monotonic time; 0: it goes on */
    _Atomic int64_t step;     /* by which it goes on whenever it is asked for */
    _Atomic unsigned n_asked; /* times that peer 2 was cared for */
    _Atomic bool passing;     /* as if the time were not set by hand */
} rig;

static rig R;

void __wrap_qc_net_send(qc_net *n, qc_peer_id id, const char *name, qc_bytes *payload);
void __wrap_qc_net_drop(qc_net *n, qc_peer_id id, const char *why);
void __wrap_qc_net_done(qc_net *n, qc_peer_id id, size_t messages, size_t bytes);
qc_unixtime __real_qc_clock_mock(void);
qc_unixtime __wrap_qc_clock_mock(void);
qc_mono __real_qc_clock_mono(void);
qc_mono __wrap_qc_clock_mono(void);

void __wrap_qc_net_send(qc_net *n, qc_peer_id id, const char *name, qc_bytes *payload)
{
    (void)n;
    if (R.n_sent == SENT_MAX)
        abort();
    sent *s = &R.sent[R.n_sent++];
    *s = (sent){.to = id, .payload = *payload, .in_pool = qc_mempool_count(R.p.m)};
    snprintf(s->name, sizeof s->name, "%s", name);
    *payload = (qc_bytes)QC_BYTES_INIT;
}

void __wrap_qc_net_drop(qc_net *n, qc_peer_id id, const char *why)
{
    (void)n;
    (void)id;
    (void)why;
    R.n_dropped++;
}

void __wrap_qc_net_done(qc_net *n, qc_peer_id id, size_t messages, size_t bytes)
{
    (void)n;
    (void)id;
    (void)messages;
    (void)bytes;
    atomic_fetch_add(&R.n_told, 1);
}

qc_unixtime __wrap_qc_clock_mock(void)
{
    return atomic_load(&R.passing) ? 0 : __real_qc_clock_mock();
}

qc_mono __wrap_qc_clock_mono(void)
{
    qc_mono now = atomic_load(&R.frozen);
    return now ? atomic_fetch_add(&R.frozen, atomic_load(&R.step)) : __real_qc_clock_mono();
}

static uint64_t chance(void *arg)
{
    return test_rand(arg);
}

static int64_t clock_now(void *arg)
{
    (void)arg;
    return qc_clock_now_us();
}

static void pass(qc_chain *c, void *arg)
{
    (void)c;
    (void)arg;
}

/* Until all has been dealt with. */
static void settle(void)
{
    for (unsigned k = 0; k < 12; k++)
        qc_chain_call(R.thread, pass, NULL);
}

static void forget(void)
{
    while (R.n_sent)
        qc_bytes_free(&R.sent[--R.n_sent].payload);
}

/* Peers 1 and 2 relay, 3 wants to hear of none, 4 may ask for the whole pool. */
static void open_peer(qc_peer_id id)
{
    const qc_net_owner *o = &R.net->owner;
    qc_peer_info p = {.id = id,
                      .version = 70016,
                      .type = QC_CONN_MANUAL, /* nobody minds how many */
                      .relay = id != 3,
                      .handshaken = true,
                      .wtxid_relay = true,
                      .services = QC_NODE_NETWORK | QC_NODE_WITNESS,
                      .permissions = id == 4 ? QC_PERMIT_MEMPOOL | QC_PERMIT_NOBAN : 0};
    snprintf(p.addr, sizeof p.addr, "1.2.3.%d:8333", (int)id);
    o->opened(o->arg, &p);
}

static int start(void **state)
{
    (void)state;
    memset(&R, 0, sizeof R);
    atomic_store(&R.loaded, true);
    pk_start(&R.p);
    R.t.m = R.p.m;
    const qc_txrelay_options ro = {.pool = qc_txpool_for_relay(&R.t),
                                   .key = {1, 2},
                                   .random = chance,
                                   .random_arg = &R.seed,
                                   .now = clock_now,
                                   .send_rate = QC_INV_RATE};
    R.relay = qc_txrelay_new(&ro);
    const qc_net_options no = {.user_agent = "/test/", .peer_timeout = 60};
    assert_int_equal(qc_net_new(&R.net, &no), QC_OK);
    const qc_sync_options so = {.chain = R.p.k.c,
                                .net = R.net,
                                .services = QC_NODE_NETWORK | QC_NODE_WITNESS,
                                .loaded = &R.loaded,
                                .extra_txs = 100,
                                .pool = qc_txpool_source(&R.t),
                                .relay = qc_txrelay_hooks(R.relay)};
    qc_sync_new(&R.s, &so);
    assert_int_equal(qc_chain_thread_start(&R.thread, R.p.k.c), QC_OK);
    qc_sync_start(R.s, R.thread);
    assert_false(qc_chain_initial_download(R.p.k.c));
    for (qc_peer_id id = 1; id <= 4; id++)
        open_peer(id);
    settle();
    forget();
    return 0;
}

static int finish(void **state)
{
    (void)state;
    qc_mempool_check(R.p.m);
    qc_sync_stop(R.s);
    qc_chain_thread_stop(R.thread);
    qc_sync_free(R.s);
    qc_net_free(R.net);
    qc_txrelay_free(R.relay);
    pk_end(&R.p);
    forget();
    return 0;
}

/* ---- what they say ---- */

static void say(qc_peer_id id, const char *name, qc_span payload)
{
    const qc_net_owner *o = &R.net->owner;
    o->message(o->arg, id, name, payload);
}

static void say_names(qc_peer_id id, const char *message, uint32_t type, const qc_hash *hash)
{
    qc_bytes b = QC_BYTES_INIT;
    const qc_inv inv = {type, *hash};
    assert_int_equal(qc_inv_write(&b, &inv, 1), QC_OK);
    say(id, message, qc_bytes_span(&b));
    qc_bytes_free(&b);
}

static void say_tx(qc_peer_id id, const tb_tx *tx)
{
    qc_bytes raw = tb_tx_bytes(tx, true);
    say(id, "tx", qc_bytes_span(&raw));
    qc_bytes_free(&raw);
}

static qc_hash wtxid_of(const tb_tx *tx)
{
    qc_txbuf b;
    qc_hash h;
    tb_tx_parse(tx, &b);
    memcpy(h.b, b.tx.rec->wtxid, sizeof h.b);
    qc_txbuf_clear(&b);
    return h;
}

/* Let a minute pass, with a tick every second. */
static void wait_a_minute(void)
{
    const qc_net_owner *o = &R.net->owner;
    for (int i = 0; i < 60; i++) {
        pk_wait(&R.p, 1);
        o->tick(o->arg);
        settle();
    }
}

/* ---- what is said ---- */

static const sent *find_sent(qc_peer_id to, const char *name)
{
    for (size_t i = 0; i < R.n_sent; i++)
        if (R.sent[i].to == to && strcmp(R.sent[i].name, name) == 0)
            return &R.sent[i];
    return NULL;
}

/* Is it in the first such message to this peer? */
static bool said(qc_peer_id to, const char *name, uint32_t type, const qc_hash *hash)
{
    const sent *s = find_sent(to, name);
    qc_inv *list;
    size_t n;
    bool found = false;
    if (!s)
        return false;
    assert_int_equal(qc_inv_read(qc_bytes_span(&s->payload), &list, &n), QC_WIRE_OK);
    for (size_t i = 0; i < n; i++)
        found |= list[i].type == type && qc_hash_eq(&list[i].hash, hash);
    qc_free(list);
    return found;
}

static bool sent_tx(qc_peer_id to, const tb_tx *tx)
{
    const sent *s = find_sent(to, "tx");
    qc_bytes raw = tb_tx_bytes(tx, true);
    bool same = s && s->payload.len == raw.len && memcmp(s->payload.data, raw.data, raw.len) == 0;
    qc_bytes_free(&raw);
    return same;
}

static void mine_job(qc_chain *c, void *arg)
{
    tb_tx *tx = arg;
    (void)c;
    pk_mine(&R.p, &tx, 1);
}

/* ---- tests ---- */

static void test_peers__a_transaction_goes_its_way(void **state)
{
    (void)state;
    tb_tx *tx = pk_spend(&R.p.coin[0], 1, 1000, 1);
    const qc_hash id = wtxid_of(tx);
    wait_a_minute();
    forget();
    say_names(1, "inv", QC_INV_WTX, &id);
    settle();
    assert_true(said(1, "getdata", QC_INV_WTX, &id));
    forget();
    say_tx(1, tx);
    settle();
    assert_int_equal(qc_mempool_count(R.p.m), 1);
    say_names(2, "getdata", QC_INV_WTX, &id); /* who has not been told may not know */
    settle();
    assert_true(said(2, "notfound", QC_INV_WTX, &id));
    wait_a_minute();
    assert_true(said(2, "inv", QC_INV_WTX, &id));
    assert_null(find_sent(1, "inv")); /* it has it */
    assert_null(find_sent(3, "inv"));
    say_names(2, "getdata", QC_INV_WTX, &id);
    settle();
    assert_true(sent_tx(2, tx));
    forget();
    say_names(3, "getdata", QC_INV_WTX, &id); /* gets no answer at all */
    say_names(2, "inv", QC_INV_WTX, &id);
    settle();
    assert_null(find_sent(3, "tx"));
    assert_null(find_sent(3, "notfound"));
    assert_null(find_sent(2, "getdata"));
    assert_int_equal(R.n_dropped, 0);
    tb_tx_free(tx);
}

static void test_peers__who_wants_to_hear_of_none_is_asked_as_well(void **state)
{
    const qc_hash id = {{7}};
    (void)state;
    say_names(3, "inv", QC_INV_WTX, &id);
    say_names(2, "inv", QC_INV_WTX, &id);
    settle();
    for (int i = 0; i < 3; i++)
        wait_a_minute(); /* neither answers: the other is asked */
    assert_true(said(2, "getdata", QC_INV_WTX, &id));
    assert_true(said(3, "getdata", QC_INV_WTX, &id));
}

#define SECOND INT64_C(1000000000)

static void count_care(void *arg, qc_peer_id id, int64_t now, qc_relay_say *out)
{
    (void)arg;
    (void)now;
    (void)out;
    atomic_fetch_add(&R.n_asked, id == 2);
}

static void watch_job(qc_chain *c, void *arg)
{
    (void)c;
    (void)arg;
    R.s->relay.ask = count_care;
}

typedef struct halt {
    bool serving;  /* a block is being read for it */
    size_t unsent; /* it does not read */
} halt;

static void halt_job(qc_chain *c, void *arg)
{
    const halt *h = arg;
    (void)c;
    qc_peer_state *p = qc_sync_peer_find(R.s, 1);
    p->serving = h->serving;
    p->unsent = h->unsent;
    qc_sync_go_on(R.s, p);
}

static size_t index_of(qc_peer_id to, const char *name)
{
    const sent *s = find_sent(to, name);
    assert_non_null(s);
    return (size_t)(s - R.sent);
}

static void test_ping__what_is_due_for_all_comes_before_its_pong(void **state)
{
    (void)state;
    tb_tx *tx = pk_spend(&R.p.coin[0], 1, 1000, 1);
    wait_a_minute();
    say_tx(1, tx);
    settle();
    forget();
    pk_wait(&R.p, 60);
    say(1, "ping", qc_span_of("12345678", 8));
    settle();
    assert_true(index_of(2, "inv") < index_of(1, "pong"));
    tb_tx_free(tx);
}

static void test_ping__many_do_not_buy_a_pass_each(void **state)
{
    (void)state;
    qc_chain_call(R.thread, watch_job, NULL);
    atomic_store(&R.passing, true);
    atomic_store(&R.frozen, __real_qc_clock_mono() + SECOND);
    for (int i = 0; i < 20; i++)
        say(1, "ping", qc_span_of("12345678", 8));
    settle();
    settle();
    assert_int_equal(R.n_asked, 1);
    assert_int_equal(index_of(1, "pong"), 0);
    atomic_fetch_add(&R.frozen, SECOND / 50);
    say(1, "ping", qc_span_of("12345678", 8));
    settle();
    assert_int_equal(R.n_asked, 2);
}

/* Peer 1 says five things that have to wait, and then are dealt with. */
static void say_five(void)
{
    halt h = {.serving = true};
    qc_chain_call(R.thread, halt_job, &h);
    for (int i = 0; i < 5; i++)
        say(1, "sendheaders", qc_span_of("", 0));
    h.serving = false;
    atomic_store(&R.n_told, 0);
    qc_chain_call(R.thread, halt_job, &h);
    settle();
}

static void test_done__the_net_hears_it_soon(void **state)
{
    (void)state;
    atomic_store(&R.frozen, __real_qc_clock_mono() + 10 * SECOND);
    say_five();
    assert_int_equal(R.n_told, 2); /* the first, for long nothing was told; and all the rest */
    atomic_store(&R.step, 2 * SECOND);
    atomic_fetch_add(&R.frozen, 2 * SECOND);
    say_five();
    assert_int_equal(R.n_told, 5);
}

static void test_peers__an_orphan_is_tried_before_the_next_message(void **state)
{
    (void)state;
    tb_tx *parent = pk_spend(&R.p.coin[1], 1, 1000, 1);
    const pk_coin out = pk_out(parent, 0);
    tb_tx *child = pk_spend(&out, 1, 1000, 1);
    const qc_hash txid = tb_txid(parent);
    say_tx(1, child);
    settle();
    assert_int_equal(qc_mempool_count(R.p.m), 0);
    pk_wait(&R.p, 3);
    R.net->owner.tick(R.net->owner.arg);
    settle();
    assert_true(said(1, "getdata", QC_INV_TX | QC_INV_WITNESS, &txid));
    say_tx(1, parent);
    say(1, "ping", qc_span_of("12345678", 8));
    settle();
    const sent *pong = find_sent(1, "pong");
    assert_non_null(pong);
    assert_int_equal(pong->in_pool, 2);
    tb_tx_free(parent);
    tb_tx_free(child);
}

static void test_peers__another_peer_brings_the_parent(void **state)
{
    (void)state;
    tb_tx *parent = pk_spend(&R.p.coin[2], 1, 1000, 1);
    const pk_coin out = pk_out(parent, 0);
    tb_tx *child = pk_spend(&out, 1, 1000, 1);
    say_tx(1, child);
    settle();
    say_tx(2, parent);
    settle();
    assert_int_equal(qc_mempool_count(R.p.m), 2);
    tb_tx_free(parent);
    tb_tx_free(child);
}

static void give_tx(qc_peer_id from, qc_span payload)
{
    qc_sync_msg m = {.sync = R.s, .name = "tx"};
    assert_int_equal(qc_bytes_append(&m.payload, payload.data, payload.len), QC_OK);
    qc_on_tx(R.s, qc_sync_peer_find(R.s, from), &m);
    qc_bytes_free(&m.payload);
}

/* The parent comes, and the child has been tried before the turn of peer 1 in which it would be. */
static void hurry_job(qc_chain *c, void *arg)
{
    qc_bytes raw = tb_tx_bytes(arg, true);
    (void)c;
    give_tx(2, qc_bytes_span(&raw));
    R.s->relay.work(R.s->relay.arg, 1);
    qc_bytes_free(&raw);
}

static void test_peers__an_orphan_is_tried_for_who_cannot_be_answered(void **state)
{
    const halt how[2] = {{.unsent = 2 * R.s->send_pause}, {.serving = true}};
    halt none = {.serving = false};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        halt h = how[i & 1];
        tb_tx *parent = pk_spend(&R.p.coin[6 + i], 1, 1000, 1);
        const pk_coin out = pk_out(parent, 0);
        tb_tx *child = pk_spend(&out, 1, 1000, 1);
        say_tx(1, child);
        settle();
        qc_chain_call(R.thread, halt_job, &h);
        say(1, "ping", qc_span_of("12345678", 8));
        forget();
        if (i < 2)
            say_tx(2, parent);
        else
            qc_chain_call(R.thread, hurry_job, parent);
        settle();
        assert_int_equal(qc_mempool_count(R.p.m), 2 * (i + 1));
        assert_null(find_sent(1, "pong")); /* that has to wait */
        qc_chain_call(R.thread, halt_job, &none);
        settle();
        assert_non_null(find_sent(1, "pong"));
        tb_tx_free(parent);
        tb_tx_free(child);
    }
}

typedef struct leaving {
    qc_bytes parent;
    qc_peer_id who;
} leaving;

/* The parent comes, and whoever has the work of trying its child gets no turn any more. */
static void leave_job(qc_chain *c, void *arg)
{
    leaving *l = arg;
    (void)c;
    give_tx(4, qc_bytes_span(&l->parent));
    l->who = qc_orphanage_has_work(qc_txrelay_orphans(R.relay), 1) ? 1 : 2;
    qc_sync_peer_find(R.s, l->who)->closing = true;
}

static void test_peers__who_leaves_takes_no_orphan_along(void **state)
{
    const qc_net_owner *o = &R.net->owner;
    (void)state;
    tb_tx *parent = pk_spend(&R.p.coin[8], 1, 1000, 1);
    const pk_coin out = pk_out(parent, 0);
    tb_tx *child = pk_spend(&out, 1, 1000, 1);
    const qc_hash id = wtxid_of(child);
    say_tx(1, child);
    settle();
    say_names(2, "inv", QC_INV_WTX, &id);
    settle();
    assert_int_equal(qc_orphanage_used(qc_txrelay_orphans(R.relay)).announcements, 2);
    leaving l = {tb_tx_bytes(parent, true), 0};
    qc_chain_call(R.thread, leave_job, &l);
    settle();
    assert_int_equal(qc_mempool_count(R.p.m), 1);
    o->closed(o->arg, l.who);
    settle();
    assert_int_equal(qc_mempool_count(R.p.m), 2);
    qc_bytes_free(&l.parent);
    tb_tx_free(parent);
    tb_tx_free(child);
}

static void test_peers__a_block_brings_the_parent(void **state)
{
    (void)state;
    tb_tx *parent = pk_spend(&R.p.coin[3], 1, 1000, 1);
    const pk_coin out = pk_out(parent, 0);
    tb_tx *child = pk_spend(&out, 1, 1000, 1);
    const qc_hash id = wtxid_of(parent);
    say_tx(1, child);
    settle();
    qc_chain_call(R.thread, mine_job, parent);
    settle();
    assert_int_equal(qc_mempool_count(R.p.m), 1);
    forget();
    say_names(2, "getdata", QC_INV_WTX, &id); /* the block is at hand */
    settle();
    assert_true(sent_tx(2, parent));
    forget();
    say_names(2, "inv", QC_INV_WTX, &id); /* confirmed: it is not asked for */
    settle();
    assert_null(find_sent(2, "getdata"));
    tb_tx_free(parent);
    tb_tx_free(child);
}

static void test_peers__the_whole_pool_for_who_may_ask(void **state)
{
    (void)state;
    tb_tx *tx = pk_spend(&R.p.coin[4], 1, 1000, 1);
    const qc_hash id = wtxid_of(tx);
    say_tx(4, tx); /* it knows that one, and hears of it all the same */
    settle();
    wait_a_minute();
    forget();
    say(4, "mempool", qc_span_of("", 0));
    settle();
    wait_a_minute();
    assert_true(said(4, "inv", QC_INV_WTX, &id));
    say(2, "mempool", qc_span_of("", 0));
    settle();
    assert_int_equal(R.n_dropped, 1);
    tb_tx_free(tx);
}

static void test_opened__what_was_said_before_verack_counts(void **state)
{
    const qc_net_owner *o = &R.net->owner;
    qc_peer_info p = {.id = 5, .version = 70016, .type = QC_CONN_INBOUND, .inbound = true};
    (void)state;
    o->opened(o->arg, &p);
    p.id = 6;
    p.early_headers = p.early_cmpct = true;
    o->opened(o->arg, &p);
    p.id = 7;
    p.early_headers = false;
    p.cmpct_announce = 1;
    o->opened(o->arg, &p);
    settle();
    const qc_peer_state *q[3];
    for (int i = 0; i < 3; i++)
        q[i] = qc_sync_peer_find(R.s, 5 + i);
    assert_false(q[0]->prefers_headers || q[0]->compact || q[0]->hb_from);
    assert_true(q[1]->prefers_headers && q[1]->compact && !q[1]->hb_from);
    assert_true(!q[2]->prefers_headers && q[2]->compact && q[2]->hb_from);
    assert_int_equal(R.n_dropped, 0);
    p.id = 8;
    p.cmpct_announce = 2;
    o->opened(o->arg, &p);
    settle();
    assert_int_equal(R.n_dropped, 1);
    assert_false(qc_sync_peer_find(R.s, 8)->compact);
}

static void test_report__tells_of_the_relay(void **state)
{
    (void)state;
    qc_sync_peer *list;
    size_t n;
    tb_tx *tx = pk_spend(&R.p.coin[5], 1, 1000, 1);
    wait_a_minute();
    say_tx(1, tx);
    settle();
    assert_int_equal(qc_sync_peers(R.s, 10000, &list, &n), QC_OK);
    assert_int_equal(n, 4);
    assert_int_equal(list[0].relay.last_tx, R.p.now);
    assert_int_equal(list[0].relay.inv_sequence, 1);
    assert_int_equal(list[1].relay.last_tx, 0);
    assert_int_equal(list[1].relay.inv_to_send, 1);
    assert_int_equal(list[2].relay.inv_to_send, 0);
    qc_free(list);
    tb_tx_free(tx);
}

#define WITH_PEERS(f) cmocka_unit_test_setup_teardown(f, start, finish)

QC_TEST_MAIN(WITH_PEERS(test_peers__a_transaction_goes_its_way),
             WITH_PEERS(test_peers__who_wants_to_hear_of_none_is_asked_as_well),
             WITH_PEERS(test_ping__what_is_due_for_all_comes_before_its_pong),
             WITH_PEERS(test_ping__many_do_not_buy_a_pass_each),
             WITH_PEERS(test_done__the_net_hears_it_soon),
             WITH_PEERS(test_peers__an_orphan_is_tried_before_the_next_message),
             WITH_PEERS(test_peers__another_peer_brings_the_parent),
             WITH_PEERS(test_peers__an_orphan_is_tried_for_who_cannot_be_answered),
             WITH_PEERS(test_peers__who_leaves_takes_no_orphan_along),
             WITH_PEERS(test_peers__a_block_brings_the_parent),
             WITH_PEERS(test_peers__the_whole_pool_for_who_may_ask),
             WITH_PEERS(test_opened__what_was_said_before_verack_counts),
             WITH_PEERS(test_report__tells_of_the_relay))
