#include "tests/unit/pool_kit.h"

#include "core/base/clock.h"
#include "core/crypto/sha256.h"

static const uint8_t TRUE_SCRIPT[] = {0x51};

qc_span pk_script(void)
{
    static _Thread_local uint8_t script[34] = {0x00, 0x20};
    qc_sha256(qc_span_of(TRUE_SCRIPT, sizeof TRUE_SCRIPT), script + 2);
    return qc_span_of(script, sizeof script);
}

/* ---- listening ---- */

static pk_news *note(pool_kit *p, pk_kind kind)
{
    assert_true(p->n_news < QC_COUNTOF(p->news));
    pk_news *n = &p->news[p->n_news++];
    memset(n, 0, sizeof *n);
    n->kind = kind;
    return n;
}

static void on_added(void *arg, const qc_mempool_added *a)
{
    pk_news *n = note(arg, PK_ADDED);
    n->txid = *qc_entry_txid(a->e);
    n->sequence = a->sequence;
    n->added = *a;
}

static void on_removed(void *arg, const qc_mempool_removed *r)
{
    pk_news *n = note(arg, PK_REMOVED);
    n->txid = *qc_entry_txid(r->e);
    n->sequence = r->sequence;
    n->why = r->why;
    n->has_by = r->by != NULL;
    if (r->by)
        n->by = *r->by;
    assert_false(r->e->inside);
}

static void on_block(void *arg, const qc_index *i)
{
    note(arg, PK_BLOCK)->txid = i->hash;
}

static void on_tip(void *arg, const qc_index *tip, const qc_index *fork, bool initial)
{
    (void)fork;
    (void)initial;
    note(arg, PK_TIP)->txid = tip->hash;
}

size_t pk_find_news(const pool_kit *p, size_t from, int kind, const qc_hash *txid)
{
    for (size_t i = from; i < p->n_news; i++)
        if ((int)p->news[i].kind == kind && (!txid || qc_hash_eq(&p->news[i].txid, txid)))
            return i;
    fail_msg("no such news");
    return 0;
}

/* ---- chain ---- */

static void set_clock(pool_kit *p)
{
    qc_clock_set_mock(p->now);
}

static void connect(pool_kit *p, tb_block *b)
{
    qc_verdict v;
    tb_block_finish(b, p->k.params);
    qc_bytes raw = tb_block_bytes(b);
    if (!kit_submit(&p->k, qc_bytes_span(&raw), &v))
        fail_msg("block refused: %s %s", v.reason, v.debug);
    if (!qc_verdict_ok(&p->k.last))
        fail_msg("block invalid: %s %s", p->k.last.reason, p->k.last.debug);
    tb_chain_push(p->t, b);
    tb_block_free(b);
    qc_bytes_free(&raw);
}

static tb_block *next_block(pool_kit *p)
{
    tb_block *b = tb_chain_next(p->t, 0);
    qc_bytes_free(&b->tx[0]->out[0].script);
    qc_err err = qc_bytes_append(&b->tx[0]->out[0].script, pk_script().data, pk_script().len);
    assert_int_equal(err, QC_OK);
    return b;
}

void pk_init(pool_kit *p)
{
    memset(p, 0, sizeof *p);
    kit_init(&p->k, QC_CHAIN_REGTEST);
    p->k.o.max_tip_age = (int64_t)1 << 40;
    p->t = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    p->now = p->t->header[0].time + 600 * (PK_BLOCKS + 1000);
    set_clock(p);
    kit_must_open(&p->k);
    for (uint32_t n = 0; n < PK_BLOCKS; n++) {
        tb_block *b = next_block(p);
        if (n < PK_COINS)
            p->coin[n] = pk_out(b->tx[0], 0);
        connect(p, b);
    }
    p->o = qc_mempool_defaults(p->k.c);
    p->o.check_ratio = 1;
    p->o.seed = 7;
}

void pk_open(pool_kit *p)
{
    const qc_mempool_events ev = {
        .arg = p, .added = on_added, .removed = on_removed, .block = on_block};
    const qc_chain_events chain = {.arg = p, .tip = on_tip};
    assert_int_equal(qc_mempool_new(&p->m, &p->o), QC_OK);
    qc_mempool_listen(p->m, &ev);
    qc_chain_listen(p->k.c, &chain);
}

void pk_start(pool_kit *p)
{
    pk_init(p);
    pk_open(p);
}

void pk_end(pool_kit *p)
{
    tb_chain_free(p->t);
    kit_end(&p->k);
    qc_mempool_free(p->m);
    qc_clock_set_mock(0);
}

void pk_wait(pool_kit *p, int64_t seconds)
{
    p->now += seconds;
    set_clock(p);
}

void pk_mine(pool_kit *p, tb_tx *const *tx, size_t n)
{
    tb_block *b = next_block(p);
    for (size_t i = 0; i < n; i++)
        tb_block_add(b, tb_tx_copy(tx[i]));
    connect(p, b);
}

static tb_tx *build_from(const qc_tx *tx)
{
    tb_tx *t = tb_tx_new();
    t->version = tx->rec->version;
    t->locktime = tx->rec->locktime;
    for (uint32_t i = 0; i < tx->rec->n_in; i++) {
        qc_outpoint o = qc_tx_prevout(tx, i);
        tb_tx_in(t, &o.txid, o.n, qc_tx_script_sig(tx, i), tx->in[i].sequence);
        if (tx->in[i].witness_len)
            tb_tx_witness(t, i, qc_span_of(TRUE_SCRIPT, sizeof TRUE_SCRIPT));
    }
    for (uint32_t o = 0; o < tx->rec->n_out; o++)
        tb_tx_out(t, tx->out[o].value, qc_tx_script(tx, o));
    return t;
}

void pk_mine_pool(pool_kit *p)
{
    qc_mempool_list all;
    qc_mempool_sorted(p->m, &all);
    tb_block *b = next_block(p);
    for (size_t i = 0; i < all.n; i++)
        tb_block_add(b, build_from(&all.e[i]->tx));
    qc_mempool_list_clear(&all);
    connect(p, b);
}

void pk_fork(pool_kit *p, uint32_t height)
{
    tb_chain_cut(p->t, height);
    p->t->salt++;
}

/* ---- transactions ---- */

tb_tx *pk_spend(const pk_coin *coin, size_t n, qc_amount fee, size_t outs)
{
    tb_tx *tx = tb_tx_new();
    qc_amount sum = -fee;
    for (size_t i = 0; i < n; i++) {
        tb_tx_in(tx, &coin[i].o.txid, coin[i].o.n, qc_span_of(NULL, 0), TB_FINAL);
        tb_tx_witness(tx, i, qc_span_of(TRUE_SCRIPT, sizeof TRUE_SCRIPT));
        sum += coin[i].value;
    }
    for (size_t o = 0; o < outs; o++)
        tb_tx_out(tx, sum / (qc_amount)outs + (o ? 0 : sum % (qc_amount)outs), pk_script());
    return tx;
}

pk_coin pk_out(const tb_tx *tx, uint32_t n)
{
    return (pk_coin){{tb_txid(tx), n}, tx->out[n].value};
}

void pk_pad(tb_tx *tx, size_t bytes)
{
    uint8_t *script = qc_alloc(bytes);
    assert_true(bytes > 12 && bytes < 90000);
    memset(script, 0x61, bytes);
    script[0] = 0x6a; /* then one push of all that is left */
    script[1] = 0x4e;
    uint32_t len = (uint32_t)(bytes - 12 - 6);
    script[2] = (uint8_t)len;
    script[3] = (uint8_t)(len >> 8);
    script[4] = (uint8_t)(len >> 16);
    script[5] = 0;
    tb_tx_out(tx, 0, qc_span_of(script, len + 6));
    qc_free(script);
}

void pk_try(pool_kit *p, const tb_tx *tx, bool test_only, qc_accept_result *r)
{
    qc_txbuf b;
    const qc_accept_opts o = {.test_only = test_only};
    tb_tx_parse(tx, &b);
    assert_int_equal(qc_mempool_accept(p->m, &b.tx, &o, r), QC_OK);
    qc_txbuf_clear(&b);
    qc_mempool_check(p->m);
}

const qc_mempool_entry *pk_add(pool_kit *p, tb_tx *tx)
{
    qc_accept_result r;
    qc_hash txid = tb_txid(tx);
    pk_try(p, tx, false, &r);
    if (r.kind != QC_ACCEPT_VALID)
        fail_msg("refused: %s, %s", r.v.reason, r.v.debug);
    qc_accept_result_clear(&r);
    tb_tx_free(tx);
    return qc_mempool_find(p->m, &txid);
}

void pk_refuse(pool_kit *p, tb_tx *tx, qc_vcode code, const char *reason, const char *debug)
{
    qc_accept_result r;
    uint64_t before = qc_mempool_sequence(p->m);
    size_t n = qc_mempool_count(p->m);
    for (int test_only = 1; test_only >= 0; test_only--) {
        pk_try(p, tx, test_only, &r);
        assert_int_equal(r.kind, QC_ACCEPT_INVALID);
        assert_string_equal(r.v.reason, reason);
        assert_int_equal(r.v.code, code);
        if (debug && !strstr(r.v.debug, debug))
            fail_msg("debug text: %s", r.v.debug);
        qc_accept_result_clear(&r);
    }
    assert_int_equal(qc_mempool_sequence(p->m), before);
    assert_int_equal(qc_mempool_count(p->m), n);
    tb_tx_free(tx);
}

bool pk_has(const pool_kit *p, const qc_hash *txid)
{
    return qc_mempool_find(p->m, txid) != NULL;
}
