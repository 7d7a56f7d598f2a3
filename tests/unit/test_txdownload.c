/* Which transactions are asked for and what becomes of them, with a pool of the test's own. */
#include "core/sync/txdownload.h"
#include "tests/unit/builder.h"
#include "tests/unit/harness.h"

#define SECOND INT64_C(1000000)
#define NOW (1000 * SECOND)
#define ANSWERS 40

typedef struct rig {
    qc_txdl *d;
    uint64_t seed;
    qc_tx_name in[ANSWERS]; /* the pool, by both names */
    size_t n_in;
    struct {
        qc_hash wtxid;
        qc_vcode code;
    } say[ANSWERS]; /* else it is taken */
    size_t n_say;
    bool pairs_fail;
    qc_vcode pair_code; /* of the parent when pairs fail; of the child nothing is said */
    char told[400];     /* t: tried, p: pair, +: taken, s: spare, k: knows */
    qc_hash last_pair[2];
} rig;

static void tell(rig *r, char c)
{
    size_t n = strlen(r->told);
    assert_true(n + 1 < sizeof r->told);
    r->told[n] = c;
}

static const char *told(rig *r)
{
    static char copy[400];
    memcpy(copy, r->told, sizeof copy);
    memset(r->told, 0, sizeof r->told);
    return copy;
}

static bool has(void *arg, const qc_tx_name *name)
{
    rig *r = arg;
    for (size_t i = 0; i < r->n_in; i++)
        if (r->in[i].wtxid == name->wtxid && qc_hash_eq(&r->in[i].hash, &name->hash))
            return true;
    return false;
}

static void put_in(rig *r, const qc_tx *tx)
{
    assert_true(r->n_in + 2 <= ANSWERS);
    memcpy(r->in[r->n_in].hash.b, tx->rec->txid, 32);
    r->in[r->n_in++].wtxid = false;
    memcpy(r->in[r->n_in].hash.b, tx->rec->wtxid, 32);
    r->in[r->n_in++].wtxid = true;
}

static void answer(rig *r, const qc_tx *tx, qc_tx_answer *out)
{
    for (size_t i = 0; i < r->n_say; i++)
        if (memcmp(r->say[i].wtxid.b, tx->rec->wtxid, 32) == 0 && r->say[i].code) {
            out->kind = QC_TX_REFUSED;
            qc_verdict_fail(&out->v, r->say[i].code, "no", NULL);
            return;
        }
    out->kind = QC_TX_IN;
    put_in(r, tx);
}

static void take(void *arg, const qc_tx *tx, qc_tx_answer *out)
{
    tell(arg, 't');
    answer(arg, tx, out);
}

static bool take_pair(void *arg, const qc_tx *parent, const qc_tx *child, qc_tx_answer out[2])
{
    rig *r = arg;
    tell(r, 'p');
    memcpy(r->last_pair[0].b, parent->rec->wtxid, 32);
    memcpy(r->last_pair[1].b, child->rec->wtxid, 32);
    if (r->pairs_fail) {
        out[0].kind = QC_TX_REFUSED;
        qc_verdict_fail(&out[0].v, r->pair_code, "no", NULL);
        return false;
    }
    out[0].kind = out[1].kind = QC_TX_IN;
    put_in(r, parent);
    put_in(r, child);
    return true;
}

static void taken(void *arg, qc_peer_id from, const qc_tx *tx)
{
    (void)from;
    (void)tx;
    tell(arg, '+');
}

static void spare(void *arg, const qc_tx *tx)
{
    (void)tx;
    tell(arg, 's');
}

static void knows(void *arg, qc_peer_id peer, const qc_hash *txid)
{
    (void)peer;
    (void)txid;
    tell(arg, 'k');
}

static uint64_t chance(void *arg)
{
    return test_rand(arg);
}

/* Peers 1 and 2 are preferred, 3 and 4 not; 2 and 4 know nothing of wtxids when `mixed`. */
static void begin(rig *r, bool mixed)
{
    *r = (rig){.seed = 5};
    const qc_txdl_options o = {.pool = {r, has, take, take_pair, taken, spare, knows},
                               .key = {3, 4},
                               .random = chance,
                               .random_arg = &r->seed};
    r->d = qc_txdl_new(&o);
    for (qc_peer_id p = 1; p <= 4; p++) {
        const qc_txdl_peer x = {.id = p, .preferred = p <= 2, .wtxids = !mixed || (p & 1)};
        qc_txdl_opened(r->d, &x);
    }
}

static void end(rig *r)
{
    for (qc_peer_id p = 1; p <= 4; p++)
        qc_txdl_closed(r->d, p);
    assert_int_equal(qc_txreq_size(qc_txdl_requests(r->d)), 0);
    assert_int_equal(qc_orphanage_used(qc_txdl_orphans(r->d)).announcements, 0);
    qc_txdl_free(r->d);
}

static void says(rig *r, const qc_txbuf *b, qc_vcode code)
{
    memcpy(r->say[r->n_say].wtxid.b, b->tx.rec->wtxid, 32);
    r->say[r->n_say++].code = code;
}

/* Later words count: none is left of the earlier ones. */
static void says_no_more(rig *r, const qc_txbuf *b)
{
    for (size_t i = 0; i < r->n_say; i++)
        if (memcmp(r->say[i].wtxid.b, b->tx.rec->wtxid, 32) == 0)
            r->say[i].code = QC_V_OK;
}

static qc_hash hash_of(unsigned n)
{
    return (qc_hash){{(uint8_t)n, 0xcc}};
}

static const qc_hash *txid(const qc_txbuf *b)
{
    return (const qc_hash *)b->tx.rec->txid;
}

/* Spends outputs of the given transactions (up to two); witness 0: none. */
static void make(qc_txbuf *out, const qc_hash *a, const qc_hash *b, uint32_t salt, uint8_t witness)
{
    tb_tx *t = tb_tx_new();
    tb_tx_in(t, a, 0, qc_span_of("", 0), TB_FINAL);
    if (b)
        tb_tx_in(t, b, 1, qc_span_of("", 0), TB_FINAL);
    tb_tx_out(t, 1000 + salt, qc_span_of("\x51", 1));
    tb_tx_out(t, 900 + salt, qc_span_of("\x51", 1));
    if (witness)
        tb_tx_witness(t, 0, qc_span_of(&witness, 1));
    tb_tx_parse(t, out);
    tb_tx_free(t);
}

static void make_root(qc_txbuf *out, uint32_t salt, uint8_t witness)
{
    const qc_hash id = hash_of(200);
    make(out, &id, NULL, salt, witness);
}

static qc_tx_name by_txid(const qc_txbuf *b)
{
    return (qc_tx_name){*txid(b), false};
}

static qc_tx_name by_wtxid(const qc_txbuf *b)
{
    qc_tx_name n = {.wtxid = true};
    memcpy(n.hash.b, b->tx.rec->wtxid, 32);
    return n;
}

static bool announced(rig *r, qc_peer_id p, qc_tx_name n, int64_t now)
{
    return qc_txdl_announced(r->d, p, &n, now);
}

/* How many are to be asked of `p`; *first (may be NULL): the first of them. */
static size_t ask(rig *r, qc_peer_id p, int64_t now, qc_tx_name *first)
{
    qc_tx_name *list;
    size_t n;
    assert_int_equal(qc_txdl_ask(r->d, p, now, &list, &n), QC_OK);
    if (n && first)
        *first = list[0];
    qc_free(list);
    return n;
}

static qc_txdl_fate got(rig *r, qc_peer_id p, const qc_txbuf *b)
{
    return qc_txdl_received(r->d, p, &b->tx, NOW);
}

static size_t orphans(const rig *r)
{
    return qc_orphanage_used(qc_txdl_orphans(r->d)).orphans;
}

/* ---- announcements ---- */

static void test_announced__waits_by_who_and_how(void **state)
{
    rig r;
    (void)state;
    begin(&r, true);
    const qc_tx_name w = {hash_of(1), true}, t = {hash_of(2), false}, u = {hash_of(3), false};
    assert_false(announced(&r, 1, w, NOW));
    assert_int_equal(ask(&r, 1, NOW, NULL), 1);
    assert_int_equal(ask(&r, 1, NOW, NULL), 0); /* it was asked for just now */
    assert_false(announced(&r, 2, t, NOW));     /* by txid, while others know wtxids */
    assert_int_equal(ask(&r, 2, NOW + 2 * SECOND - 1, NULL), 0);
    assert_int_equal(ask(&r, 2, NOW + 2 * SECOND, NULL), 1);
    assert_false(announced(&r, 4, u, NOW)); /* and not preferred */
    assert_int_equal(ask(&r, 4, NOW + 4 * SECOND - 1, NULL), 0);
    assert_int_equal(ask(&r, 4, NOW + 4 * SECOND, NULL), 1);
    qc_txdl_closed(r.d, 1);
    qc_txdl_closed(r.d, 3); /* nobody is left who does */
    const qc_tx_name v = {hash_of(4), false};
    assert_false(announced(&r, 2, v, NOW));
    assert_int_equal(ask(&r, 2, NOW, NULL), 1);
    assert_false(announced(&r, 9, v, NOW)); /* who is that */
    assert_int_equal(ask(&r, 9, NOW + 9 * SECOND, NULL), 0);
    end(&r);
}

static void test_announced__a_busy_peer_waits_and_a_trusted_one_does_not(void **state)
{
    rig r;
    (void)state;
    begin(&r, false);
    const qc_txdl_peer trusted = {.id = 8, .preferred = true, .trusted = true, .wtxids = true};
    qc_txdl_opened(r.d, &trusted);
    for (unsigned i = 0; i < 100; i++) {
        announced(&r, 1, (qc_tx_name){hash_of(i), true}, NOW);
        announced(&r, 8, (qc_tx_name){{{(uint8_t)i, 1}}, true}, NOW);
    }
    assert_int_equal(ask(&r, 1, NOW, NULL), 100);
    assert_int_equal(ask(&r, 8, NOW, NULL), 100);
    announced(&r, 1, (qc_tx_name){hash_of(101), true}, NOW);
    announced(&r, 8, (qc_tx_name){hash_of(102), true}, NOW);
    assert_int_equal(ask(&r, 1, NOW + 2 * SECOND - 1, NULL), 0);
    assert_int_equal(ask(&r, 1, NOW + 2 * SECOND, NULL), 1);
    assert_int_equal(ask(&r, 8, NOW, NULL), 1);
    qc_txdl_closed(r.d, 8);
    end(&r);
}

static void test_announced__a_flood_ends_at_5000(void **state)
{
    rig r;
    (void)state;
    begin(&r, false);
    const qc_txdl_peer trusted = {.id = 8, .trusted = true, .wtxids = true};
    qc_txdl_opened(r.d, &trusted);
    for (unsigned i = 0; i < 6000; i++) {
        const qc_tx_name n = {{{(uint8_t)i, (uint8_t)(i >> 8), 7}}, true};
        announced(&r, 3, n, NOW);
        announced(&r, 8, n, NOW);
    }
    assert_int_equal(qc_txreq_count_of(qc_txdl_requests(r.d), 3).all, 5000);
    assert_int_equal(qc_txreq_count_of(qc_txdl_requests(r.d), 8).all, 6000);
    qc_txdl_closed(r.d, 8);
    end(&r);
}

static void test_ask__again_of_another_after_a_minute(void **state)
{
    rig r;
    qc_txbuf a;
    (void)state;
    begin(&r, false);
    make_root(&a, 0, 1);
    announced(&r, 1, by_wtxid(&a), NOW);
    announced(&r, 3, by_wtxid(&a), NOW);
    assert_int_equal(ask(&r, 1, NOW, NULL), 1);
    assert_int_equal(ask(&r, 3, NOW + 60 * SECOND - 1, NULL), 0);
    assert_int_equal(ask(&r, 3, NOW + 60 * SECOND, NULL), 1);
    qc_txdl_missing(r.d, 3, &(qc_hash){{9}});
    const qc_tx_name w = by_wtxid(&a);
    announced(&r, 2, w, NOW + 60 * SECOND);
    qc_txdl_missing(r.d, 3, &w.hash);
    assert_int_equal(ask(&r, 2, NOW + 60 * SECOND, NULL), 1);
    assert_int_equal(got(&r, 2, &a), QC_TXDL_TAKEN);
    assert_string_equal(told(&r), "t+");
    assert_int_equal(qc_txreq_size(qc_txdl_requests(r.d)), 0);
    assert_true(announced(&r, 4, w, NOW)); /* it is in the pool */
    assert_int_equal(got(&r, 4, &a), QC_TXDL_KNOWN);
    assert_string_equal(told(&r), "");
    qc_txbuf_clear(&a);
    end(&r);
}

static void test_ask__not_what_has_come_meanwhile(void **state)
{
    rig r;
    qc_txbuf a;
    (void)state;
    begin(&r, false);
    make_root(&a, 0, 1);
    announced(&r, 1, by_wtxid(&a), NOW);
    put_in(&r, &a.tx); /* by another way */
    assert_int_equal(ask(&r, 1, NOW, NULL), 0);
    assert_int_equal(qc_txreq_size(qc_txdl_requests(r.d)), 0);
    qc_txbuf_clear(&a);
    end(&r);
}

/* ---- refusals ---- */

typedef struct refusal {
    qc_vcode code;
    bool witness;
    bool wtxid_known, txid_known; /* afterwards */
    const char *told;
} refusal;

static void test_refused__what_is_remembered(void **state)
{
    static const refusal TABLE[] = {
        {QC_V_CONSENSUS, true, true, false, "ts"},
        {QC_V_CONSENSUS, false, true, true, "ts"},
        {QC_V_NOT_STANDARD, true, true, false, "ts"},
        {QC_V_INPUTS_NOT_STANDARD, true, true, true, "ts"},
        {QC_V_WITNESS_MUTATED, true, true, false, "ts"},
        {QC_V_WITNESS_STRIPPED, false, false, false, "t"},
        {QC_V_CONFLICT, true, true, false, "ts"},
        {QC_V_MEMPOOL_POLICY, true, true, false, "ts"},
        {QC_V_PREMATURE_SPEND, true, true, false, "ts"},
        {QC_V_RECONSIDERABLE, true, true, false, "ts"},
        {QC_V_RECONSIDERABLE, false, true, true, "ts"},
    };
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(TABLE); i++) {
        const refusal *t = &TABLE[i];
        rig r;
        qc_txbuf a;
        begin(&r, false);
        make_root(&a, (uint32_t)i, t->witness);
        says(&r, &a, t->code);
        const qc_tx_name w = by_wtxid(&a), n = by_txid(&a);
        announced(&r, 1, w, NOW);
        announced(&r, 2, w, NOW);
        assert_int_equal(got(&r, 1, &a), QC_TXDL_NOT_TAKEN);
        assert_string_equal(told(&r), t->told);
        assert_int_equal(qc_txdl_knows(r.d, &w, true), t->wtxid_known);
        assert_int_equal(qc_txdl_knows(r.d, &n, true), t->txid_known);
        assert_int_equal(qc_txreq_size(qc_txdl_requests(r.d)), t->wtxid_known ? 0 : 2);
        /* By itself only: it may yet be wanted as a parent. */
        assert_int_equal(qc_txdl_knows(r.d, &w, false),
                         t->wtxid_known && t->code != QC_V_RECONSIDERABLE);
        if (t->wtxid_known) {
            assert_int_equal(got(&r, 2, &a), QC_TXDL_KNOWN);
            assert_string_equal(told(&r), "");
        }
        qc_txdl_tip(r.d); /* all is possible again */
        assert_false(qc_txdl_knows(r.d, &w, true));
        assert_false(qc_txdl_knows(r.d, &n, true));
        qc_txbuf_clear(&a);
        end(&r);
    }
}

static void test_connected__what_is_confirmed_is_known_until_it_is_not(void **state)
{
    rig r;
    (void)state;
    begin(&r, false);
    tb_block *b = qc_alloc(sizeof *b);
    tb_block_add(b, tb_coinbase(5, 1, 50, qc_span_of("\x51", 1)));
    tb_tx *t = tb_tx_new();
    const qc_hash id = hash_of(1);
    tb_tx_in(t, &id, 0, qc_span_of("", 0), TB_FINAL);
    tb_tx_out(t, 1000, qc_span_of("\x51", 1));
    tb_tx_witness(t, 0, qc_span_of("x", 1));
    tb_block_add(b, t);
    qc_txbuf a, orphan, rival;
    tb_tx_parse(t, &a);
    make(&orphan, txid(&a), NULL, 0, 0);
    make(&rival, &id, NULL, 5, 0);
    says(&r, &orphan, QC_V_MISSING_INPUTS);
    says(&r, &rival, QC_V_MISSING_INPUTS);
    got(&r, 1, &orphan);
    got(&r, 1, &rival);
    announced(&r, 2, by_wtxid(&a), NOW);
    assert_int_equal(orphans(&r), 2);
    qc_block *block = tb_block_parse(b);
    qc_txdl_connected(r.d, block);
    qc_txdl_tip(r.d);
    assert_int_equal(orphans(&r), 1); /* without the rival */
    assert_true(qc_txdl_has_work(r.d, 1));
    assert_true(announced(&r, 1, by_wtxid(&a), NOW));
    assert_true(announced(&r, 1, by_txid(&a), NOW));
    assert_int_equal(ask(&r, 2, NOW, NULL), 0);
    qc_txdl_disconnected(r.d);
    assert_false(announced(&r, 1, by_wtxid(&a), NOW));
    qc_block_unref(block);
    tb_block_free(b);
    qc_txbuf_clear(&a);
    qc_txbuf_clear(&orphan);
    qc_txbuf_clear(&rival);
    end(&r);
}

/* ---- orphans ---- */

static void test_orphan__its_parents_are_asked_for_and_it_is_tried_again(void **state)
{
    rig r;
    qc_txbuf parent, child;
    qc_tx_name first;
    (void)state;
    begin(&r, false);
    make_root(&parent, 0, 1);
    make(&child, txid(&parent), NULL, 0, 1);
    says(&r, &child, QC_V_MISSING_INPUTS);
    announced(&r, 1, by_wtxid(&child), NOW);
    announced(&r, 3, by_wtxid(&child), NOW); /* so it must have the parent as well */
    announced(&r, 4, by_txid(&child), NOW);  /* and this one */
    assert_int_equal(ask(&r, 1, NOW, NULL), 1);
    assert_int_equal(got(&r, 1, &child), QC_TXDL_NOT_TAKEN);
    assert_string_equal(told(&r), "tks");
    assert_int_equal(orphans(&r), 1);
    assert_int_equal(qc_orphanage_used(qc_txdl_orphans(r.d)).announcements, 3);
    assert_int_equal(ask(&r, 1, NOW + 2 * SECOND - 1, NULL), 0);
    assert_int_equal(ask(&r, 1, NOW + 2 * SECOND, &first), 1);
    assert_false(first.wtxid);
    assert_true(qc_hash_eq(&first.hash, txid(&parent)));
    assert_true(announced(&r, 2, by_wtxid(&child), NOW)); /* one more who has the parent */
    assert_int_equal(qc_orphanage_used(qc_txdl_orphans(r.d)).announcements, 4);
    assert_int_equal(qc_txreq_count_of(qc_txdl_requests(r.d), 2).candidates, 1);
    assert_int_equal(got(&r, 2, &child), QC_TXDL_KNOWN);
    assert_int_equal(got(&r, 1, &parent), QC_TXDL_TAKEN);
    assert_string_equal(told(&r), "t+");
    assert_int_equal(qc_txreq_size(qc_txdl_requests(r.d)), 0);
    assert_true(qc_txdl_any_work(r.d));
    qc_peer_id who = qc_txdl_has_work(r.d, 1)   ? 1
                     : qc_txdl_has_work(r.d, 2) ? 2
                     : qc_txdl_has_work(r.d, 3) ? 3
                                                : 4;
    says_no_more(&r, &child);
    assert_true(qc_txdl_work(r.d, who, NOW));
    assert_string_equal(told(&r), "t+");
    assert_false(qc_txdl_work(r.d, who, NOW));
    assert_int_equal(orphans(&r), 0);
    qc_txbuf_clear(&parent);
    qc_txbuf_clear(&child);
    end(&r);
}

static void test_orphan__tried_again_it_stays_or_goes(void **state)
{
    rig r;
    qc_txbuf p1, p2, child;
    (void)state;
    begin(&r, false);
    make_root(&p1, 0, 1);
    make_root(&p2, 1, 1);
    make(&child, txid(&p1), txid(&p2), 0, 1);
    says(&r, &child, QC_V_MISSING_INPUTS);
    got(&r, 1, &child);
    assert_string_equal(told(&r), "tkks");
    got(&r, 1, &p1);
    assert_true(qc_txdl_work(r.d, 1, NOW)); /* another parent is missing still */
    assert_string_equal(told(&r), "t+t");
    assert_int_equal(orphans(&r), 1);
    assert_false(qc_txdl_any_work(r.d));
    got(&r, 1, &p2);
    says_no_more(&r, &child);
    says(&r, &child, QC_V_NOT_STANDARD);
    assert_true(qc_txdl_work(r.d, 1, NOW));
    assert_string_equal(told(&r), "t+t"); /* not kept a second time */
    assert_int_equal(orphans(&r), 0);
    const qc_tx_name w = by_wtxid(&child);
    assert_true(qc_txdl_knows(r.d, &w, false));
    qc_txbuf_clear(&p1);
    qc_txbuf_clear(&p2);
    qc_txbuf_clear(&child);
    end(&r);
}

static void test_orphan__not_kept_with_a_parent_that_was_refused(void **state)
{
    rig r;
    qc_txbuf p1, p2, child, other;
    (void)state;
    begin(&r, false);
    make_root(&p1, 0, 0);
    make_root(&p2, 1, 0);
    make(&child, txid(&p1), NULL, 0, 1);
    make(&other, txid(&p1), txid(&p2), 0, 1);
    says(&r, &child, QC_V_MISSING_INPUTS);
    says(&r, &other, QC_V_MISSING_INPUTS);
    says(&r, &p1, QC_V_CONSENSUS);
    got(&r, 1, &p1);
    told(&r);
    got(&r, 1, &child);
    assert_string_equal(told(&r), "ts");
    assert_int_equal(orphans(&r), 0);
    const qc_tx_name w = by_wtxid(&child), n = by_txid(&child);
    assert_true(qc_txdl_knows(r.d, &w, false) && qc_txdl_knows(r.d, &n, false));
    qc_txdl_tip(r.d);
    says_no_more(&r, &p1);
    says(&r, &p1, QC_V_RECONSIDERABLE); /* one such is no hindrance, two are */
    says(&r, &p2, QC_V_RECONSIDERABLE);
    got(&r, 1, &p1);
    got(&r, 1, &p2);
    told(&r);
    got(&r, 2, &other);
    assert_string_equal(told(&r), "ts");
    assert_int_equal(orphans(&r), 0);
    got(&r, 2, &child);
    assert_string_equal(told(&r), "tks");
    assert_int_equal(orphans(&r), 1);
    /* The parent was refused by itself only: it is asked for again. */
    assert_int_equal(ask(&r, 2, NOW + 2 * SECOND, NULL), 1);
    qc_txbuf_clear(&p1);
    qc_txbuf_clear(&p2);
    qc_txbuf_clear(&child);
    qc_txbuf_clear(&other);
    end(&r);
}

static void test_orphan__of_a_peer_with_too_many_requests_is_not_kept(void **state)
{
    rig r;
    qc_txbuf child;
    (void)state;
    begin(&r, false);
    for (unsigned i = 0; i < 5000; i++)
        announced(&r, 1, (qc_tx_name){{{(uint8_t)i, (uint8_t)(i >> 8), 7}}, true}, NOW);
    const qc_hash parent = hash_of(1);
    make(&child, &parent, NULL, 0, 1);
    says(&r, &child, QC_V_MISSING_INPUTS);
    got(&r, 1, &child);
    assert_int_equal(orphans(&r), 0);
    qc_txbuf_clear(&child);
    end(&r);
}

/* ---- pairs ---- */

static void test_pair__a_parent_that_pays_too_little_with_its_child(void **state)
{
    rig r;
    qc_txbuf parent, child;
    (void)state;
    begin(&r, false);
    make_root(&parent, 0, 1);
    make(&child, txid(&parent), NULL, 0, 1);
    says(&r, &parent, QC_V_RECONSIDERABLE);
    says(&r, &child, QC_V_MISSING_INPUTS);
    got(&r, 1, &child);
    told(&r);
    got(&r, 2, &parent); /* the child is not of this peer */
    assert_string_equal(told(&r), "ts");
    assert_int_equal(got(&r, 1, &parent), QC_TXDL_KNOWN);
    assert_string_equal(told(&r), "p++");
    assert_int_equal(orphans(&r), 0);
    assert_false(qc_txdl_any_work(r.d));
    qc_txbuf_clear(&parent);
    qc_txbuf_clear(&child);
    end(&r);
}

static void test_pair__each_once_and_the_newest_child_first(void **state)
{
    rig r;
    qc_txbuf parent, c1, c2;
    (void)state;
    begin(&r, false);
    make_root(&parent, 0, 1);
    make(&c1, txid(&parent), NULL, 0, 1);
    make(&c2, txid(&parent), NULL, 1, 1);
    says(&r, &parent, QC_V_RECONSIDERABLE);
    says(&r, &c1, QC_V_MISSING_INPUTS);
    says(&r, &c2, QC_V_MISSING_INPUTS);
    got(&r, 1, &c1);
    got(&r, 1, &c2);
    told(&r);
    r.pairs_fail = true;
    r.pair_code = QC_V_RECONSIDERABLE;
    got(&r, 1, &parent);
    assert_string_equal(told(&r), "tsp");
    assert_memory_equal(r.last_pair[1].b, c2.tx.rec->wtxid, 32);
    got(&r, 1, &parent);
    assert_string_equal(told(&r), "p");
    assert_memory_equal(r.last_pair[1].b, c1.tx.rec->wtxid, 32);
    got(&r, 1, &parent); /* both have been tried */
    assert_string_equal(told(&r), "");
    qc_txdl_tip(r.d);
    r.pairs_fail = false;
    got(&r, 1, &parent);
    assert_string_equal(told(&r), "tsp++");
    qc_txbuf_clear(&parent);
    qc_txbuf_clear(&c1);
    qc_txbuf_clear(&c2);
    end(&r);
}

QC_TEST_MAIN(cmocka_unit_test(test_announced__waits_by_who_and_how),
             cmocka_unit_test(test_announced__a_busy_peer_waits_and_a_trusted_one_does_not),
             cmocka_unit_test(test_announced__a_flood_ends_at_5000),
             cmocka_unit_test(test_ask__again_of_another_after_a_minute),
             cmocka_unit_test(test_ask__not_what_has_come_meanwhile),
             cmocka_unit_test(test_refused__what_is_remembered),
             cmocka_unit_test(test_connected__what_is_confirmed_is_known_until_it_is_not),
             cmocka_unit_test(test_orphan__its_parents_are_asked_for_and_it_is_tried_again),
             cmocka_unit_test(test_orphan__tried_again_it_stays_or_goes),
             cmocka_unit_test(test_orphan__not_kept_with_a_parent_that_was_refused),
             cmocka_unit_test(test_orphan__of_a_peer_with_too_many_requests_is_not_kept),
             cmocka_unit_test(test_pair__a_parent_that_pays_too_little_with_its_child),
             cmocka_unit_test(test_pair__each_once_and_the_newest_child_first))
