/* Messages about transactions with a pool of the test's own behind them. What goes to the network
 * is caught on its way there (the linker's --wrap). */
#include "core/sync/serving.h"
#include "tests/unit/builder.h"
#include "tests/unit/chain_kit.h"

#include "core/sync/relay.h"

#define SENT_MAX 40
#define TOLD_MAX 6000

typedef struct rig {
    chain_kit k;
    qc_sync s;
    qc_peer_state p;
    /* what the pool was told, and what it says */
    char told[TOLD_MAX + 1]; /* a: announced, r: received, m: missing */
    size_t n_told;
    qc_tx_name last;
    qc_hash last_txid;
    size_t give_bytes; /* of each transaction whose hash starts with an odd byte */
    int64_t floor;
    size_t n_tell, n_ask; /* to be said */
    bool names_wtxid;
    qc_relay_view view; /* as it was last asked with */
    unsigned work;      /* pieces left */
    bool idle;          /* begins on nothing before its turn */
} rig;

static struct {
    char name[13];
    qc_bytes payload;
} sent[SENT_MAX];
static size_t n_sent;
static unsigned n_dropped;

void __wrap_qc_net_send(qc_net *n, qc_peer_id id, const char *name, qc_bytes *payload);
void __wrap_qc_net_drop(qc_net *n, qc_peer_id id, const char *why);

void __wrap_qc_net_send(qc_net *n, qc_peer_id id, const char *name, qc_bytes *payload)
{
    (void)n;
    assert_int_equal(id, 7);
    assert_true(n_sent < SENT_MAX);
    snprintf(sent[n_sent].name, sizeof sent[0].name, "%s", name);
    sent[n_sent++].payload = *payload;
    *payload = (qc_bytes)QC_BYTES_INIT;
}

void __wrap_qc_net_drop(qc_net *n, qc_peer_id id, const char *why)
{
    (void)n;
    (void)why;
    assert_int_equal(id, 7);
    n_dropped++;
}

static void forget_sent(void)
{
    while (n_sent)
        qc_bytes_free(&sent[--n_sent].payload);
    n_dropped = 0;
}

static void tell(rig *r, char what, const qc_tx_name *name)
{
    assert_true(r->n_told < TOLD_MAX);
    r->told[r->n_told++] = what;
    r->told[r->n_told] = 0;
    if (name)
        r->last = *name;
}

static bool announced(void *arg, qc_peer_id id, const qc_tx_name *name)
{
    assert_int_equal(id, 7);
    tell(arg, 'a', name);
    return false;
}

static void received(void *arg, qc_peer_id id, const qc_tx *tx)
{
    rig *r = arg;
    assert_int_equal(id, 7);
    memcpy(r->last_txid.b, tx->rec->txid, sizeof r->last_txid.b);
    tell(r, 'r', NULL);
}

static void missing(void *arg, qc_peer_id id, const qc_tx_name *name)
{
    assert_int_equal(id, 7);
    tell(arg, 'm', name);
}

static bool give(void *arg, qc_peer_id id, const qc_tx_name *name, bool witness, qc_bytes *out)
{
    rig *r = arg;
    assert_int_equal(id, 7);
    tell(r, name->wtxid ? 'w' : witness ? 'i' : 't', name);
    if ((name->hash.b[0] & 1) == 0)
        return false;
    for (size_t i = 0; i < r->give_bytes; i++)
        assert_int_equal(qc_bytes_append(out, "x", 1), QC_OK);
    return true;
}

static void say(void *arg, const qc_relay_view *v, int64_t now, qc_relay_say *out)
{
    rig *r = arg;
    (void)now;
    r->view = *v;
    out->tell = qc_try_calloc(r->n_tell + 1, sizeof *out->tell);
    out->n_tell = r->n_tell;
    for (size_t i = 0; i < r->n_tell; i++)
        out->tell[i].wtxid = r->names_wtxid;
}

static void ask_for(void *arg, qc_peer_id id, int64_t now, qc_relay_say *out)
{
    rig *r = arg;
    (void)now;
    assert_int_equal(id, 7);
    out->ask = qc_try_calloc(r->n_ask + 1, sizeof *out->ask);
    out->n_ask = r->n_ask;
    for (size_t i = 0; i < r->n_ask; i++)
        out->ask[i].wtxid = r->names_wtxid;
}

static void wants_all(void *arg, qc_peer_id id)
{
    assert_int_equal(id, 7);
    tell(arg, 'A', NULL);
}

static bool has_work(void *arg, qc_peer_id id)
{
    assert_true(id == 7 || id == QC_RELAY_ANYBODY);
    return ((rig *)arg)->work > 0;
}

static void work(void *arg, qc_peer_id id)
{
    assert_int_equal(id, 7);
    assert_true(((rig *)arg)->work-- > 0);
    tell(arg, 'W', NULL);
}

static int64_t fee_round(void *arg, int64_t fee)
{
    (void)arg;
    return fee / 100 * 100;
}

static int64_t fee_floor(void *arg)
{
    return ((rig *)arg)->floor;
}

static bool begin_ahead(void *arg, const qc_tx *tx)
{
    rig *r = arg;
    (void)tx;
    tell(r, 'b', NULL);
    return !r->idle;
}

static void ahead_over(void *arg, const qc_tx *tx)
{
    (void)tx;
    tell(arg, 'o', NULL);
}

/* synced: out of the initial download. */
static void begin(rig *r, bool synced)
{
    *r = (rig){.give_bytes = 10};
    kit_init(&r->k, QC_CHAIN_REGTEST);
    r->k.o.max_tip_age = synced ? INT32_MAX : 1;
    kit_must_open(&r->k);
    assert_int_equal(qc_chain_initial_download(r->k.c), !synced);
    r->s.chain = r->k.c;
    r->s.relay = (qc_relay_hooks){.arg = r,
                                  .announced = announced,
                                  .received = received,
                                  .ahead = begin_ahead,
                                  .ahead_over = ahead_over,
                                  .missing = missing,
                                  .wants_all = wants_all,
                                  .give = give,
                                  .say = say,
                                  .ask = ask_for,
                                  .has_work = has_work,
                                  .work = work,
                                  .fee_floor = fee_floor,
                                  .fee_round = fee_round};
    r->p.id = r->p.info.id = 7;
    r->p.tail = &r->p.head;
    r->p.info.inbound = true;
    r->p.info.type = QC_CONN_INBOUND;
    r->p.info.version = 70016;
    r->p.info.relay = true;
    forget_sent();
}

static void end(rig *r)
{
    forget_sent();
    qc_free(r->p.wanted);
    kit_end(&r->k);
}

static qc_inv inv(uint32_t type, uint8_t first)
{
    return (qc_inv){type, {{first}}};
}

static void announce_all(rig *r, const qc_inv *list, size_t n)
{
    qc_bytes b = QC_BYTES_INIT;
    assert_int_equal(qc_inv_write(&b, list, n), QC_OK);
    qc_on_inv(&r->s, &r->p, qc_bytes_span(&b));
    qc_bytes_free(&b);
}

/* False: the peer was dropped for it. */
static bool announce(rig *r, uint32_t type)
{
    qc_inv i = inv(type, 5);
    unsigned before = n_dropped;
    announce_all(r, &i, 1);
    return n_dropped == before;
}

static void test_announced__by_the_name_that_was_agreed_upon(void **state)
{
    rig r;
    (void)state;
    begin(&r, true);
    assert_true(announce(&r, QC_INV_TX));
    assert_false(r.last.wtxid);
    assert_int_equal(r.last.hash.b[0], 5);
    assert_true(announce(&r, QC_INV_WTX));
    assert_string_equal(r.told, "a");
    assert_true(announce(&r, QC_INV_TX | QC_INV_WITNESS));
    assert_string_equal(r.told, "aa");
    r.p.info.wtxid_relay = true;
    assert_true(announce(&r, QC_INV_TX));
    assert_string_equal(r.told, "aa");
    assert_true(announce(&r, QC_INV_WTX));
    assert_true(r.last.wtxid);
    assert_true(announce(&r, 77));
    assert_string_equal(r.told, "aaa");
    assert_int_equal(n_dropped, 0);
    end(&r);
    begin(&r, false); /* of no use yet */
    assert_true(announce(&r, QC_INV_TX));
    assert_string_equal(r.told, "");
    end(&r);
}

/* What the pool hears of an inv of these types, all with one hash. */
static const char *heard_of(rig *r, const uint32_t *type, size_t n)
{
    qc_inv list[8];
    for (size_t i = 0; i < n; i++)
        list[i] = inv(type[i], 5);
    r->n_told = 0;
    r->told[0] = 0;
    announce_all(r, list, n);
    return r->told;
}

static void test_inv__names_a_transaction_once(void **state)
{
    const uint32_t tx[] = {QC_INV_WTX, QC_INV_TX, QC_INV_TX, QC_INV_TX | QC_INV_WITNESS};
    const uint32_t witness[] = {QC_INV_TX | QC_INV_WITNESS, QC_INV_TX};
    const uint32_t wtx[] = {QC_INV_TX, QC_INV_WTX, QC_INV_WTX};
    const uint32_t both[] = {QC_INV_TX, QC_INV_TX | QC_INV_WITNESS, QC_INV_WTX, QC_INV_WTX};
    rig r;
    (void)state;
    begin(&r, true);
    assert_string_equal(heard_of(&r, tx, 4), "a");
    assert_string_equal(heard_of(&r, tx, 4), "a"); /* in another message it counts again */
    assert_string_equal(heard_of(&r, witness, 2), "a");
    r.p.info.wtxid_relay = true;
    assert_string_equal(heard_of(&r, wtx, 3), "a");
    assert_string_equal(heard_of(&r, both, 4), "aa"); /* a txid and a wtxid are two */
    r.n_told = 0;
    const qc_inv two[] = {inv(QC_INV_WTX, 1), inv(QC_INV_WTX, 2), inv(QC_INV_WTX, 1)};
    announce_all(&r, two, 3);
    assert_string_equal(r.told, "aa");
    end(&r);
}

static qc_sync_msg *message(rig *r, const char *name, qc_span payload)
{
    qc_sync_msg *m = qc_alloc(sizeof *m);
    m->sync = &r->s;
    snprintf(m->name, sizeof m->name, "%s", name);
    assert_int_equal(qc_bytes_append(&m->payload, payload.data, payload.len), QC_OK);
    return m;
}

static void give_tx(rig *r, qc_span payload)
{
    qc_sync_msg *m = message(r, "tx", payload);
    qc_on_tx(&r->s, &r->p, m);
    qc_sync_msg_free(m);
}

static void test_refuses__who_was_told_to_send_none(void **state)
{
    rig r;
    (void)state;
    begin(&r, true);
    assert_false(qc_relay_refuses(&r.s, &r.p));
    r.s.blocks_only = true;
    r.p.info.permissions = QC_PERMIT_RELAY;
    assert_false(qc_relay_refuses(&r.s, &r.p));
    r.p.info.permissions = 0;
    assert_true(qc_relay_refuses(&r.s, &r.p));
    assert_true(announce(&r, QC_INV_WTX)); /* not the name agreed upon: passed over */
    assert_false(announce(&r, QC_INV_TX));
    assert_int_equal(n_dropped, 1);
    r.p.closing = false;
    give_tx(&r, qc_span_of("", 0));
    assert_int_equal(n_dropped, 2);
    r.s.blocks_only = false;
    r.p.info.type = QC_CONN_BLOCK_ONLY;
    assert_true(qc_relay_refuses(&r.s, &r.p));
    r.p.info.type = QC_CONN_FEELER;
    assert_true(qc_relay_refuses(&r.s, &r.p));
    r.p.info.type = QC_CONN_FULL;
    assert_false(qc_relay_refuses(&r.s, &r.p));
    assert_string_equal(r.told, "");
    end(&r);
}

static void test_tx__only_whole_ones_are_handed_on(void **state)
{
    rig r;
    (void)state;
    begin(&r, true);
    tb_tx *tx = tb_coinbase(5, 1, 50, qc_span_of("\x51", 1));
    qc_bytes raw = tb_tx_bytes(tx, true);
    qc_hash id = tb_txid(tx);
    give_tx(&r, qc_span_of(raw.data, raw.len - 1));
    assert_string_equal(r.told, "");
    give_tx(&r, qc_bytes_span(&raw));
    assert_string_equal(r.told, "r");
    assert_true(qc_hash_eq(&r.last_txid, &id));
    assert_int_equal(n_dropped, 0);
    end(&r);
    begin(&r, false);
    give_tx(&r, qc_bytes_span(&raw));
    assert_string_equal(r.told, "");
    end(&r);
    qc_bytes_free(&raw);
    tb_tx_free(tx);
}

/* The queue of the peer, and the front of it taken. */
static void wait_in_line(rig *r, const char *name, qc_span payload)
{
    qc_sync_msg *m = message(r, name, payload);
    *r->p.tail = m;
    r->p.tail = &m->next;
}

static qc_sync_msg *first_in_line(rig *r)
{
    qc_sync_msg *m = r->p.head;
    r->p.head = m->next;
    return m;
}

static void test_ahead__transactions_in_line_are_begun_once_and_ended_once(void **state)
{
    rig r;
    (void)state;
    begin(&r, true);
    tb_tx *tx = tb_coinbase(5, 1, 50, qc_span_of("\x51", 1));
    qc_bytes raw = tb_tx_bytes(tx, true);
    wait_in_line(&r, "ping", qc_bytes_span(&raw));
    wait_in_line(&r, "tx", qc_span_of(raw.data, raw.len - 1)); /* not whole: in its turn */
    wait_in_line(&r, "tx", qc_bytes_span(&raw));
    wait_in_line(&r, "tx", qc_bytes_span(&raw));
    qc_relay_look_ahead(&r.s, &r.p);
    qc_relay_look_ahead(&r.s, &r.p);
    assert_string_equal(r.told, "bb");
    assert_int_equal(r.s.n_ahead, 2);
    qc_sync_msg_free(first_in_line(&r));
    qc_sync_msg_free(first_in_line(&r));
    assert_string_equal(r.told, "bb");
    qc_sync_msg *m = first_in_line(&r);
    qc_on_tx(&r.s, &r.p, m);
    assert_string_equal(r.told, "bbro");
    qc_sync_msg_free(m);
    qc_sync_msg_free(first_in_line(&r)); /* its turn never comes */
    assert_string_equal(r.told, "bbroo");
    assert_int_equal(r.s.n_ahead, 0);
    r.p.tail = &r.p.head;
    qc_bytes_free(&raw);
    tb_tx_free(tx);
    end(&r);
}

static void test_ahead__no_more_than_a_few_and_of_nobody_who_is_refused(void **state)
{
    rig r;
    (void)state;
    begin(&r, true);
    r.idle = true;
    tb_tx *tx = tb_coinbase(5, 1, 50, qc_span_of("\x51", 1));
    qc_bytes raw = tb_tx_bytes(tx, true);
    for (int i = 0; i < 40; i++)
        wait_in_line(&r, "tx", qc_bytes_span(&raw));
    r.p.info.type = QC_CONN_BLOCK_ONLY;
    qc_relay_look_ahead(&r.s, &r.p);
    assert_int_equal(r.n_told, 0);
    r.p.info.type = QC_CONN_INBOUND;
    qc_relay_look_ahead(&r.s, &r.p);
    assert_int_equal(r.n_told, 16); /* of one peer */
    qc_sync_msg_free(first_in_line(&r));
    r.s.n_ahead += 17; /* others have them */
    qc_relay_look_ahead(&r.s, &r.p);
    assert_int_equal(r.n_told, 16);
    r.s.n_ahead -= 17;
    while (r.p.head)
        qc_sync_msg_free(first_in_line(&r));
    assert_int_equal(r.s.n_ahead, 0);
    assert_int_equal(r.n_told, 16); /* the pool has begun on none */
    r.p.tail = &r.p.head;
    qc_bytes_free(&raw);
    tb_tx_free(tx);
    end(&r);
}

static void test_ahead__who_is_not_answered_keeps_no_places(void **state)
{
    rig r;
    (void)state;
    begin(&r, true);
    tb_tx *tx = tb_coinbase(5, 1, 50, qc_span_of("\x51", 1));
    qc_bytes raw = tb_tx_bytes(tx, true);
    wait_in_line(&r, "tx", qc_bytes_span(&raw));
    r.p.closing = true;
    qc_relay_look_ahead(&r.s, &r.p);
    assert_string_equal(r.told, "");
    r.p.closing = false;
    qc_relay_look_ahead(&r.s, &r.p);
    assert_string_equal(r.told, "b");
    r.p.unsent = r.s.send_pause + 1;
    qc_sync_go_on(&r.s, &r.p);
    assert_string_equal(r.told, "bo");
    assert_int_equal(r.s.n_ahead, 0);
    qc_relay_look_ahead(&r.s, &r.p); /* it is read again */
    assert_string_equal(r.told, "bob");
    qc_sync_msg_free(first_in_line(&r));
    r.p.tail = &r.p.head;
    qc_bytes_free(&raw);
    tb_tx_free(tx);
    end(&r);
}

static void not_found(rig *r, size_t n)
{
    qc_bytes b = QC_BYTES_INIT;
    qc_inv *list = qc_try_calloc(n + 1, sizeof *list);
    for (size_t i = 0; i < n; i++)
        list[i] = inv(i % 2 ? QC_INV_WTX : QC_INV_BLOCK, 1);
    assert_int_equal(qc_inv_write(&b, list, n), QC_OK);
    qc_on_notfound(&r->s, &r->p, qc_bytes_span(&b));
    qc_bytes_free(&b);
    qc_free(list);
}

static void test_notfound__no_longer_than_what_is_asked(void **state)
{
    rig r;
    (void)state;
    begin(&r, true);
    not_found(&r, 4);
    assert_string_equal(r.told, "mm");
    assert_true(r.last.wtxid);
    not_found(&r, 5017);
    assert_string_equal(r.told, "mm");
    not_found(&r, 5016);
    assert_int_equal(r.n_told, 2 + 2508);
    qc_on_notfound(&r.s, &r.p, qc_span_of("\x02", 1)); /* ends early */
    assert_int_equal(r.n_told, 2 + 2508);
    end(&r);
}

static void ask(rig *r, const qc_inv *list, size_t n)
{
    qc_bytes b = QC_BYTES_INIT;
    assert_int_equal(qc_inv_write(&b, list, n), QC_OK);
    qc_on_getdata(&r->s, &r->p, qc_bytes_span(&b));
    qc_bytes_free(&b);
}

static void test_getdata__gives_and_says_what_there_is_not(void **state)
{
    const qc_inv list[] = {inv(QC_INV_TX, 1), inv(QC_INV_WTX, 2),
                           inv(QC_INV_TX | QC_INV_WITNESS, 3), inv(QC_INV_WTX, 4)};
    qc_inv *missed;
    size_t n;
    rig r;
    (void)state;
    begin(&r, true);
    ask(&r, list, 4);
    assert_string_equal(r.told, "twiw");
    assert_int_equal(n_sent, 3);
    assert_string_equal(sent[0].name, "tx");
    assert_int_equal(sent[0].payload.len, 10);
    assert_string_equal(sent[1].name, "tx");
    assert_string_equal(sent[2].name, "notfound");
    assert_int_equal(qc_inv_read(qc_bytes_span(&sent[2].payload), &missed, &n), QC_WIRE_OK);
    assert_int_equal(n, 2);
    assert_int_equal(missed[0].type, QC_INV_WTX);
    assert_int_equal(missed[0].hash.b[0], 2);
    assert_int_equal(missed[1].hash.b[0], 4);
    qc_free(missed);
    assert_int_equal(r.p.n_wanted, 0);
    r.p.info.type = QC_CONN_BLOCK_ONLY; /* gets no answer at all */
    ask(&r, list, 4);
    assert_int_equal(n_sent, 3);
    r.p.info.type = QC_CONN_INBOUND;
    r.p.info.relay = false; /* it said it wants none, and cannot change its mind */
    ask(&r, list, 4);
    assert_int_equal(n_sent, 3);
    r.s.services = QC_NODE_BLOOM; /* now it can */
    r.s.relay.give = NULL;
    ask(&r, list, 4);
    assert_int_equal(n_sent, 4);
    assert_string_equal(sent[3].name, "notfound");
    assert_int_equal(sent[3].payload.len, 1 + 4 * 36);
    end(&r);
}

static void test_getdata__waits_for_a_slow_reader(void **state)
{
    qc_inv list[30];
    rig r;
    (void)state;
    begin(&r, true);
    r.give_bytes = 300000;
    for (int i = 0; i < 30; i++)
        list[i] = inv(QC_INV_WTX, 1);
    ask(&r, list, 30);
    assert_int_equal(n_sent, 4); /* the first that is more than a million bytes ends it */
    assert_int_equal(r.p.at_wanted, 4);
    r.p.unsent = 0;
    qc_serve_on(&r.s, &r.p);
    assert_int_equal(n_sent, 8);
    assert_int_equal(r.p.n_wanted, 30);
    end(&r);
}

static void test_getdata__gives_what_the_block_at_hand_holds(void **state)
{
    rig r;
    (void)state;
    begin(&r, true);
    tb_block *b = qc_alloc(sizeof *b);
    tb_block_add(b, tb_coinbase(5, 1, 50, qc_span_of("\x51", 1)));
    tb_tx *t = tb_tx_new();
    const qc_hash id = {{8}};
    tb_tx_in(t, &id, 0, qc_span_of("", 0), TB_FINAL);
    tb_tx_out(t, 1000, qc_span_of("\x51", 1));
    tb_tx_witness(t, 0, qc_span_of("witness", 7));
    tb_block_add(b, t);
    r.s.recent_block = tb_block_parse(b);
    r.s.recent = qc_chain_tip(r.k.c);
    r.s.relay.give = NULL;
    qc_tx tx = qc_block_tx(r.s.recent_block, 1);
    qc_inv list[3] = {{.type = QC_INV_TX}, {.type = QC_INV_WTX}, {.type = QC_INV_WTX}};
    memcpy(list[0].hash.b, tx.rec->txid, 32);
    memcpy(list[1].hash.b, tx.rec->wtxid, 32);
    memcpy(list[2].hash.b, tx.rec->txid, 32); /* no wtxid */
    ask(&r, list, 3);
    assert_int_equal(n_sent, 3);
    assert_string_equal(sent[0].name, "tx");
    assert_int_equal(sent[0].payload.len, tx.rec->stripped);
    assert_int_equal(sent[1].payload.len, tx.rec->len);
    assert_memory_equal(sent[1].payload.data, qc_tx_bytes(&tx).data, tx.rec->len);
    assert_string_equal(sent[2].name, "notfound");
    qc_recent_clear(&r.s);
    forget_sent();
    ask(&r, list, 1);
    assert_string_equal(sent[0].name, "notfound");
    tb_block_free(b);
    end(&r);
}

/* How many names each message holds that was sent under this name, and of which kind. */
static void check_names(const char *name, uint32_t type, size_t n)
{
    qc_inv *list;
    size_t k;
    for (size_t i = 0; i < n_sent; i++) {
        if (strcmp(sent[i].name, name) != 0)
            continue;
        assert_int_equal(qc_inv_read(qc_bytes_span(&sent[i].payload), &list, &k), QC_WIRE_OK);
        assert_int_equal(list[0].type, type);
        qc_free(list);
        assert_true(k <= n);
        n -= k;
    }
    assert_int_equal(n, 0);
}

static void test_care__says_what_is_due(void **state)
{
    rig r;
    (void)state;
    begin(&r, true);
    r.p.info.version = 70012; /* no word of fees */
    r.p.relay_txs = true;
    r.p.fee_filter = 77;
    r.n_tell = 50001;
    r.n_ask = 2001;
    qc_relay_care(&r.s, &r.p, 1);
    assert_int_equal(n_sent, 2 + 3);
    check_names("inv", QC_INV_TX, 50001);
    check_names("getdata", QC_INV_TX, 2001);
    assert_true(r.view.wants && r.view.id == 7 && r.view.fee_filter == 77);
    forget_sent();
    r.p.info.services = QC_NODE_WITNESS;
    r.n_tell = r.n_ask = 1;
    qc_relay_care(&r.s, &r.p, 1);
    check_names("getdata", QC_INV_TX | QC_INV_WITNESS, 1);
    forget_sent();
    r.names_wtxid = true;
    qc_relay_care(&r.s, &r.p, 1);
    check_names("inv", QC_INV_WTX, 1);
    check_names("getdata", QC_INV_WTX, 1);
    forget_sent();
    r.p.info.type = QC_CONN_BLOCK_ONLY;
    qc_relay_care(&r.s, &r.p, 1);
    assert_int_equal(n_sent, 0);
    end(&r);
}

static void test_care__asks_those_who_are_told_nothing(void **state)
{
    rig r;
    (void)state;
    begin(&r, true);
    r.p.info.version = 70012; /* no word of fees */
    r.n_tell = r.n_ask = 1;
    r.p.filter_lent = true; /* what it wants is not known just now */
    qc_relay_care(&r.s, &r.p, 1);
    check_names("inv", QC_INV_TX, 0);
    check_names("getdata", QC_INV_TX, 1);
    forget_sent();
    r.p.filter_lent = false;
    r.p.info.relay = false; /* it wants none */
    qc_relay_care(&r.s, &r.p, 1);
    check_names("inv", QC_INV_TX, 0);
    check_names("getdata", QC_INV_TX, 1);
    forget_sent();
    r.s.blocks_only = true; /* it may not announce any */
    qc_relay_care(&r.s, &r.p, 1);
    assert_int_equal(n_sent, 0);
    r.p.info.permissions = QC_PERMIT_RELAY;
    qc_relay_care(&r.s, &r.p, 1);
    check_names("getdata", QC_INV_TX, 1);
    end(&r);
}

static void test_mempool__of_those_who_may_ask(void **state)
{
    rig r;
    (void)state;
    begin(&r, true);
    r.p.info.permissions = QC_PERMIT_MEMPOOL;
    qc_on_mempool(&r.s, &r.p, qc_span_of("", 0));
    assert_string_equal(r.told, "A");
    r.p.info.permissions = 0;
    qc_on_mempool(&r.s, &r.p, qc_span_of("", 0));
    assert_string_equal(r.told, "A");
    assert_int_equal(n_dropped, 1);
    r.p.closing = false;
    r.p.info.permissions = QC_PERMIT_NOBAN; /* does not make it one who may */
    qc_on_mempool(&r.s, &r.p, qc_span_of("", 0));
    assert_string_equal(r.told, "A");
    assert_int_equal(n_dropped, 1);
    end(&r);
}

static void fee_said(rig *r, int64_t fee)
{
    qc_bytes b = QC_BYTES_INIT;
    assert_int_equal(qc_w_le64(&b, (uint64_t)fee), QC_OK);
    qc_on_feefilter(&r->s, &r->p, qc_bytes_span(&b));
    qc_bytes_free(&b);
}

static void test_feefilter__only_amounts_of_money_count(void **state)
{
    rig r;
    (void)state;
    begin(&r, true);
    fee_said(&r, 150);
    assert_int_equal(r.p.fee_filter, 150);
    fee_said(&r, -1);
    fee_said(&r, QC_MAX_MONEY + 1);
    qc_on_feefilter(&r.s, &r.p, qc_span_of("1234567", 7));
    assert_int_equal(r.p.fee_filter, 150);
    fee_said(&r, QC_MAX_MONEY);
    assert_int_equal(r.p.fee_filter, QC_MAX_MONEY);
    end(&r);
}

/* The fee that was told last; -1: none since the last look. */
static int64_t fee_sent(void)
{
    int64_t fee = -1;
    if (n_sent) {
        qc_reader rd = qc_reader_of(qc_bytes_span(&sent[n_sent - 1].payload));
        assert_string_equal(sent[n_sent - 1].name, "feefilter");
        fee = (int64_t)qc_r_le64(&rd);
    }
    forget_sent();
    return fee;
}

static int64_t care(rig *r, int64_t seconds)
{
    static int64_t now = INT64_C(1700000000) * QC_SECOND;
    now += seconds * QC_SECOND;
    qc_relay_care(&r->s, &r->p, now);
    return fee_sent();
}

static void test_care__tells_what_is_of_use(void **state)
{
    rig r;
    unsigned soon = 0;
    (void)state;
    begin(&r, false);
    r.floor = 1000;
    assert_int_equal(care(&r, 0), QC_RELAY_NOTHING); /* still syncing */
    assert_int_equal(care(&r, 100000), -1);          /* nothing new */
    kit_end(&r.k);
    kit_init(&r.k, QC_CHAIN_REGTEST);
    r.k.o.max_tip_age = INT32_MAX;
    kit_must_open(&r.k);
    r.s.chain = r.k.c;
    assert_int_equal(care(&r, 0), 1000); /* synced: at once */
    r.floor = 1100;
    assert_int_equal(care(&r, 0), -1);
    assert_int_equal(care(&r, 20000), 1100); /* 33 times the mean */
    for (int i = 0; i < 20; i++) {           /* a large change: within five minutes */
        r.floor = i % 2 ? 1100 : 5000;
        (void)care(&r, 0);
        soon += care(&r, 301) == r.floor;
    }
    assert_int_equal(soon, 20);
    r.floor = 1234;
    assert_int_equal(care(&r, 20000), 1200); /* rounded */
    r.s.relay.fee_floor = NULL;              /* nobody is there to take any */
    assert_int_equal(care(&r, 20000), QC_RELAY_NOTHING);
    end(&r);
}

static void test_care__some_are_told_nothing(void **state)
{
    rig r;
    (void)state;
    begin(&r, true);
    r.s.blocks_only = true;
    assert_int_equal(care(&r, 0), -1);
    r.s.blocks_only = false;
    r.p.info.permissions = QC_PERMIT_FORCERELAY;
    assert_int_equal(care(&r, 0), -1);
    r.p.info.permissions = QC_PERMIT_RELAY;
    r.p.info.type = QC_CONN_BLOCK_ONLY;
    assert_int_equal(care(&r, 0), -1);
    r.p.info.type = QC_CONN_FULL;
    r.p.info.version = 70012;
    assert_int_equal(care(&r, 0), -1);
    r.p.info.version = 70013;
    r.floor = 100;
    assert_int_equal(care(&r, 0), 100);
    end(&r);
}

QC_TEST_MAIN(cmocka_unit_test(test_announced__by_the_name_that_was_agreed_upon),
             cmocka_unit_test(test_inv__names_a_transaction_once),
             cmocka_unit_test(test_refuses__who_was_told_to_send_none),
             cmocka_unit_test(test_tx__only_whole_ones_are_handed_on),
             cmocka_unit_test(test_ahead__transactions_in_line_are_begun_once_and_ended_once),
             cmocka_unit_test(test_ahead__no_more_than_a_few_and_of_nobody_who_is_refused),
             cmocka_unit_test(test_ahead__who_is_not_answered_keeps_no_places),
             cmocka_unit_test(test_notfound__no_longer_than_what_is_asked),
             cmocka_unit_test(test_getdata__gives_and_says_what_there_is_not),
             cmocka_unit_test(test_getdata__waits_for_a_slow_reader),
             cmocka_unit_test(test_getdata__gives_what_the_block_at_hand_holds),
             cmocka_unit_test(test_care__says_what_is_due),
             cmocka_unit_test(test_care__asks_those_who_are_told_nothing),
             cmocka_unit_test(test_mempool__of_those_who_may_ask),
             cmocka_unit_test(test_feefilter__only_amounts_of_money_count),
             cmocka_unit_test(test_care__tells_what_is_of_use),
             cmocka_unit_test(test_care__some_are_told_nothing))
