#include "tests/unit/watch_play.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

uint64_t rnd(play *p, uint64_t below)
{
    return test_rand(&p->seed) % below;
}

static void nap(void)
{
    const struct timespec t = {0, 2000000};
    nanosleep(&t, NULL);
}

/* ---- life ---- */

static void open_filters(play *p)
{
    char detail[256] = "";
    if (!p->with_filters)
        return;
    qc_err err = qc_filterindex_start(&p->r.node.filters, p->r.chain, p->r.dir, 1u << 20, false,
                                      detail, sizeof detail);
    if (err)
        fail_msg("filters: %s", detail);
}

static void close_all(play *p)
{
    rig_host_stop(&p->r);
    qc_filterindex_stop(p->r.node.filters);
    rig_chain_close(&p->r);
    qc_filterindex_free(p->r.node.filters);
    p->r.node.filters = NULL;
}

void play_begin(play *p, const char *grants)
{
    rig_open(&p->r, NULL);
    rig_plugin(&p->r, "watch", "p.so");
    rig_grant(&p->r, RIG_ID, "p.so", grants, FAILURE);
    rig_grow(&p->r, BLOCKS);
    rig_pool(&p->r, ROOM);
    open_filters(p);
    rig_host_start(&p->r);
    if (qc_plugin_get_state(rig_plugin_at(&p->r, 0)) != QC_PLUGIN_RUNNING)
        fail_msg("it does not run: %s", rig_call(&p->r, "listplugins", "[]"));
    p->used = p->used ? p->used : 12;
}

void play_end(play *p)
{
    close_all(p);
    tb_chain_free(p->r.made);
    qc_free(p->r.plugin_dir);
    qc_free(p->r.grant_dir);
    qc_free(p->r.data_dir);
    for (unsigned i = 0; i < p->n_tx; i++)
        tb_tx_free(p->tx[i]);
}

void play_restart(play *p)
{
    host_rig *r = &p->r;
    static const qc_mempool_load_opts ALL = {.current_time = false};
    char *file = qc_asprintf("%s/mempool.dat", r->dir);
    qc_mempool_loader *l;
    bool done = false;
    rig_host_stop(r);
    assert_int_equal(qc_mempool_save(r->node.pool, file, false, NULL), QC_OK);
    close_all(p);
    qc_free(r->plugin_dir);
    qc_free(r->grant_dir);
    qc_free(r->data_dir);
    rig_open(r, r->dir);
    rig_pool(r, ROOM);
    assert_int_equal(qc_mempool_load_start(&l, r->node.pool, file, &ALL), QC_OK);
    while (!done)
        assert_int_equal(qc_mempool_load_step(l, 100, &done), QC_OK);
    qc_mempool_load_end(l);
    qc_free(file);
    open_filters(p);
    rig_host_start(r);
}

void play_kill_runner(play *p)
{
    int pid = atomic_load(&rig_plugin_at(&p->r, 0)->pid);
    if (pid > 0 && kill(pid, SIGKILL) == 0)
        p->kills++;
}

/* ---- transactions ---- */

qc_span play_script(uint32_t i, uint8_t room[4])
{
    const uint8_t s[4] = {1, (uint8_t)i, 0x75, 0x51};
    memcpy(room, s, 4);
    if (i == 0)
        room[0] = 0x51;
    return qc_span_of(room, i ? 4 : 1);
}

tb_tx *play_spend(play *p, const qc_hash *txid, uint32_t n, qc_amount value, qc_amount fee,
                  const uint32_t *script, uint32_t n_scripts)
{
    tb_tx *tx = tb_tx_new();
    uint8_t room[4];
    assert_true(p->n_tx < TXS);
    p->tx[p->n_tx++] = tx;
    tb_tx_in(tx, txid, n, (qc_span){NULL, 0}, TB_FINAL);
    for (uint32_t i = 0; i < n_scripts; i++)
        tb_tx_out(tx, (value - fee) / n_scripts, play_script(script[i], room));
    return tx;
}

tb_tx *play_spend_coinbase(play *p, uint32_t height, qc_amount fee, const uint32_t *script,
                           uint32_t n_scripts)
{
    qc_block *b;
    qc_hash id;
    assert_int_equal(qc_chain_read_block(p->r.chain, qc_chain_at(p->r.chain, height), &b), QC_OK);
    const qc_tx tx = qc_block_tx(b, 0);
    memcpy(id.b, tx.rec->txid, 32);
    qc_amount value = tx.out[0].value;
    qc_block_unref(b);
    return play_spend(p, &id, 0, value, fee, script, n_scripts);
}

static tb_tx *by_txid(const play *p, const qc_hash *txid)
{
    for (unsigned i = 0; i < p->n_tx; i++) {
        qc_hash id = tb_txid(p->tx[i]);
        if (qc_hash_eq(&id, txid))
            return p->tx[i];
    }
    return NULL;
}

typedef struct job {
    play *p;
    const tb_tx *tx;
    bool in;
    tb_block *b;
} job;

static bool offer(play *p, const tb_tx *tx)
{
    qc_txbuf b;
    qc_accept_result res;
    const qc_accept_opts o = {.test_only = false};
    tb_tx_parse(tx, &b);
    assert_int_equal(qc_mempool_accept(p->r.node.pool, &b.tx, &o, &res), QC_OK);
    bool in = res.kind == QC_ACCEPT_VALID;
    qc_accept_result_clear(&res);
    qc_txbuf_clear(&b);
    return in;
}

static void offer_one(qc_chain *c, void *arg)
{
    job *j = arg;
    (void)c;
    j->in = offer(j->p, j->tx);
}

bool play_offer(play *p, const tb_tx *tx)
{
    job j = {.p = p, .tx = tx};
    qc_chain_call(p->r.thread, offer_one, &j);
    return j.in;
}

/* A coin of a block, or of a transaction in the pool; it may be spent already. */
static tb_tx *random_spend(play *p)
{
    qc_amount fee = 1000 + (qc_amount)rnd(p, 40000);
    const uint32_t to[3] = {(uint32_t)rnd(p, p->used), (uint32_t)rnd(p, p->used),
                            (uint32_t)rnd(p, p->used)};
    uint32_t n_to = 1 + (uint32_t)rnd(p, 3);
    size_t n = qc_mempool_count(p->r.node.pool);
    if (n && rnd(p, 2)) {
        const qc_mempool_entry *e = qc_mempool_at(p->r.node.pool, rnd(p, n));
        uint32_t out = (uint32_t)rnd(p, e->tx.rec->n_out);
        if (e->tx.out[out].value > fee + 1000)
            return play_spend(p, qc_entry_txid(e), out, e->tx.out[out].value, fee, to, n_to);
    }
    return play_spend_coinbase(p, 1 + (uint32_t)rnd(p, 25), fee, to, n_to);
}

static void offer_some(qc_chain *c, void *arg)
{
    play *p = arg;
    (void)c;
    for (uint64_t n = 1 + rnd(p, 10); n; n--)
        (void)offer(p, random_spend(p));
}

void play_offer_some(play *p)
{
    qc_chain_call(p->r.thread, offer_some, p);
}

static void fill_block(qc_chain *c, void *arg)
{
    job *j = arg;
    play *p = j->p;
    qc_mempool_list l;
    (void)c;
    qc_mempool_sorted(p->r.node.pool, &l);
    if (rnd(p, 3) == 0) {
        const uint32_t to = (uint32_t)rnd(p, p->used);
        tb_tx *rival = play_spend_coinbase(p, 1 + (uint32_t)rnd(p, 25), 777, &to, 1);
        const qc_outpoint o = {rival->in[0].prev.txid, 0};
        qc_spent coin;
        if (qc_mempool_coin(p->r.node.pool, &o, &coin) == QC_OK &&
            qc_mempool_spender(p->r.node.pool, &o))
            tb_block_add(j->b, tb_tx_copy(rival));
    }
    if (j->b->n_tx == 1)
        for (size_t i = 0, n = rnd(p, l.n + 1); i < n; i++) {
            const tb_tx *tx = by_txid(p, qc_entry_txid(l.e[i]));
            assert_non_null(tx);
            tb_block_add(j->b, tb_tx_copy(tx));
        }
    qc_mempool_list_clear(&l);
}

static void take_block(qc_chain *c, void *arg)
{
    qc_block *b = arg;
    bool is_new;
    qc_verdict v;
    assert_int_equal(qc_chain_process_block(c, b, true, true, &is_new, &v), QC_OK);
    qc_block_unref(b);
}

static void finish(play *p, tb_block *b)
{
    host_rig *r = &p->r;
    tb_block_finish(b, r->made->params);
    qc_chain_call(r->thread, take_block, tb_block_parse(b));
    tb_chain_push(r->made, b);
    tb_block_free(b);
    assert_int_equal(qc_chain_tip(r->chain)->height, r->made->tip);
}

void play_mine(play *p)
{
    p->r.made->salt = ++p->salt;
    job j = {.p = p, .b = tb_chain_next(p->r.made, 0)};
    qc_chain_call(p->r.thread, fill_block, &j);
    finish(p, j.b);
}

void play_mine_these(play *p, const tb_tx *const *tx, unsigned n)
{
    p->r.made->salt = ++p->salt;
    tb_block *b = tb_chain_next(p->r.made, 0);
    for (unsigned i = 0; i < n; i++)
        tb_block_add(b, tb_tx_copy(tx[i]));
    finish(p, b);
}

/* ---- what is to be found ---- */

typedef struct rows {
    play *p;
    char (*text)[112];
    size_t n, cap;
} rows;

static void add_row(rows *w, const uint8_t *txid, uint32_t io, bool spent, qc_span script,
                    int height)
{
    uint8_t room[4];
    qc_hash id;
    char hex[QC_HASH_HEX_LEN + 1];
    for (uint32_t i = 0; i < SCRIPTS; i++) {
        if (!w->p->set[i] || !qc_span_eq(play_script(i, room), script))
            continue;
        if (w->n == w->cap) {
            w->cap = w->cap * 2 + 64;
            w->text = qc_try_realloc(w->text, w->cap * sizeof *w->text);
            assert_non_null(w->text);
        }
        memcpy(id.b, txid, 32);
        qc_hash_hex(&id, hex);
        snprintf(w->text[w->n++], sizeof *w->text, "%s:%u:%u:%u:%d", hex, io, spent, i + 1, height);
    }
}

static void add_outputs(rows *w, const qc_tx *tx, int height)
{
    for (uint32_t i = 0; i < tx->rec->n_out; i++)
        add_row(w, tx->rec->txid, i, false, qc_tx_script(tx, i), height);
}

static void walk_block(rows *w, const qc_block *b, int height)
{
    const qn_block_view *v = qc_block_view(b);
    for (uint32_t t = 0; t < qc_block_n_tx(b); t++) {
        const qc_tx tx = qc_block_tx(b, t);
        for (uint32_t i = 0; t && i < tx.rec->n_in; i++) {
            const qn_spent_rec *s = qn_view_spent(v, tx.rec->in0 + i);
            add_row(w, tx.rec->txid, i, true, qc_span_of(qn_view_spent_script(v, s), s->script_len),
                    height);
        }
        add_outputs(w, &tx, height);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Chain thread: chain and pool are of one moment. */
static void walk(qc_chain *c, void *arg)
{
    rows *w = arg;
    const qc_mempool *m = w->p->r.node.pool;
    for (uint32_t h = 0; h <= qc_chain_tip(c)->height; h++) {
        qc_block *b;
        assert_int_equal(qc_chain_read_block_spent(c, qc_chain_at(c, h), &b), QC_OK);
        walk_block(w, b, (int)h);
        qc_block_unref(b);
    }
    for (size_t k = 0; k < qc_mempool_count(m); k++) {
        const qc_mempool_entry *e = qc_mempool_at(m, k);
        for (uint32_t i = 0; i < e->tx.rec->n_in; i++) {
            const qc_outpoint o = qc_tx_prevout(&e->tx, i);
            qc_spent coin;
            assert_int_equal(qc_mempool_coin(m, &o, &coin), QC_OK);
            add_row(w, e->tx.rec->txid, i, true, coin.script, -1);
        }
        add_outputs(w, &e->tx, -1);
    }
    if (w->n)
        qsort(w->text, w->n, sizeof *w->text, by_text);
}

/* As good.rows says it. Owned: qc_free(). */
static char *expected(play *p)
{
    rows w = {.p = p};
    char hex[QC_HASH_HEX_LEN + 1];
    qc_chain_call(p->r.thread, walk, &w);
    size_t cap = w.n * 120 + 256;
    char *text = qc_alloc(cap);
    size_t at = (size_t)snprintf(text, cap, "{\"rows\":[");
    for (size_t i = 0; i < w.n; i++)
        at += (size_t)snprintf(text + at, cap - at, "%s\"%s\"", i ? "," : "", w.text[i]);
    qc_hash_hex(&p->r.made->hash[p->r.made->tip], hex);
    snprintf(text + at, cap - at,
             "],\"wrong\":0,\"synced\":true,\"scans\":0,\"loose\":0,\"at\":\"%s\"", hex);
    qc_free(w.text);
    return text;
}

static void let_out(play *p)
{
    if (qc_plugin_get_state(rig_plugin_at(&p->r, 0)) == QC_PLUGIN_QUARANTINED)
        free(rig_call(&p->r, "plugin", "[\"quarantine-clear\",\"plugin\"]"));
}

/* Where two texts part. */
static void say_difference(const char *have, const char *want)
{
    size_t i = 0;
    while (have[i] && have[i] == want[i])
        i++;
    i = i < 100 ? 0 : i - 100;
    fail_msg("the plugin has ...%.300s\n wanted ...%.300s\n%s", have + i, want + i,
             strstr(have, "\"wrong\"") ? strstr(have, "\"wrong\"") : "");
}

void play_compare(play *p)
{
    char *want = expected(p), *have = NULL;
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    do {
        free(have);
        let_out(p);
        have = rig_call(&p->r, "good.rows", "[]");
        if (strstr(have, want))
            break;
        nap();
    } while (qc_clock_mono() < until);
    if (!strstr(have, want))
        say_difference(have, want);
    free(have);
    qc_free(want);
}

/* ---- the plugin ---- */

/* It may be down: what it was told is not lost, for it is told again until it has answered. */
static void call(play *p, const char *method, uint32_t i)
{
    char *params = qc_asprintf("[%u]", i), *text = NULL;
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    do {
        free(text);
        let_out(p);
        text = rig_call(&p->r, method, params);
        if (strstr(text, "\"status\":0"))
            break;
        nap();
    } while (qc_clock_mono() < until);
    if (!strstr(text, "\"status\":0"))
        fail_msg("%s %s: %s", method, params, text);
    free(text);
    qc_free(params);
}

void play_watch(play *p, uint32_t i)
{
    call(p, "good.watch", i);
    p->set[i] = true;
}

void play_unwatch(play *p, uint32_t i)
{
    call(p, "good.unwatch", i);
    p->set[i] = false;
}

uint64_t play_count(play *p, const char *name)
{
    char *text = rig_call(&p->r, "good.counts", "[]");
    const char *at = strstr(text, name);
    if (!at)
        fail_msg("no %s in %s", name, text);
    uint64_t n = strtoull(at + strlen(name) + 2, NULL, 10);
    free(text);
    return n;
}
