/* mempool.read, mempool.follow with its pair on trial, tx.submit and fees.estimate over a real
 * pool: a plugin keeps a copy of the pool through whatever happens to both, and asks. Built for
 * both modes of running a plugin, which must answer alike. */
#include "tests/unit/host_rig.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/chain/coins.h"
#include "core/host/adapter_mempool.h"
#include "core/mempool/accept.h"
#include "core/mempool/fees.h"
#include "core/mempool/persist.h"
#include "core/os/file.h"
#include "quoin/tx_submit.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define GRANTS                                                                                     \
    "chain.follow/1 = window=16\nmempool.follow/1 = yes\nmempool.read/1 = yes\n"                   \
    "rpc.serve/1 = prefix=good.\nmempool.follow.unstable/1 = yes\nfees.estimate/1 = yes\n"         \
    "unstable = yes\nnode.read/1 = yes\n"
#define SUBMIT "tx.submit/1 = rate=30, max_fee=5000\n"
#define FAILURE "[limits]\ncpu = normal\n[failure]\nrestart = 100/10min\n"
#define ROOM 40000u /* bytes of the pool: some 50 transactions */
#define TXS 2000u
#define BLOCKS 130u

typedef struct play {
    host_rig r;
    tb_tx *tx[TXS]; /* all that were ever made */
    unsigned n_tx;
    uint64_t seed;
    uint32_t salt;
    unsigned kills;
    _Atomic int announced;
} play;

static uint64_t rnd(play *p, uint64_t below)
{
    return test_rand(&p->seed) % below;
}

static void nap(void)
{
    const struct timespec t = {0, 2000000};
    nanosleep(&t, NULL);
}

/* ---- life ---- */

static void install(play *p, const char *grants, const char *extra)
{
    char *from = qc_asprintf("%s/tests/hostile/pool.so",
                             getenv("top_builddir") ? getenv("top_builddir") : ".");
    char *to = qc_asprintf("%s/p.so", p->r.plugin_dir);
    qc_bytes b = tmp_read(from);
    assert_int_equal(qc_os_write_file_atomic(to, qc_bytes_span(&b), 0644), QC_OK);
    qc_bytes_free(&b);
    qc_free(from);
    qc_free(to);
    rig_grant(&p->r, RIG_ID, "p.so", grants, extra);
}

static void start(play *p, const char *grants)
{
    rig_open(&p->r, NULL);
    install(p, grants, FAILURE);
    rig_grow(&p->r, BLOCKS);
    rig_pool(&p->r, ROOM);
    rig_host_start(&p->r);
    if (qc_plugin_get_state(rig_plugin_at(&p->r, 0)) != QC_PLUGIN_RUNNING)
        fail_msg("it does not run: %s", rig_call(&p->r, "listplugins", "[]"));
}

static void begin(play *p, const char *grants)
{
    *p = (play){.seed = 5, .r = {.backoff_ms = 1}};
    start(p, grants);
}

static void end(play *p)
{
    rig_close(&p->r);
    for (unsigned i = 0; i < p->n_tx; i++)
        tb_tx_free(p->tx[i]);
}

/* The node goes down and comes back; its pool is read from the file. */
static void restart(play *p)
{
    host_rig *r = &p->r;
    static const qc_mempool_load_opts ALL = {.current_time = false};
    char *file = qc_asprintf("%s/mempool.dat", r->dir);
    qc_mempool_loader *l;
    bool done = false;
    rig_host_stop(r);
    assert_int_equal(qc_mempool_save(r->node.pool, file, false, NULL), QC_OK);
    rig_chain_close(r);
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
    rig_host_start(r);
}

/* ---- transactions ---- */

static qc_hash coinbase(play *p, uint32_t height, qc_amount *value)
{
    qc_block *b;
    qc_hash id;
    assert_int_equal(qc_chain_read_block(p->r.chain, qc_chain_at(p->r.chain, height), &b), QC_OK);
    const qc_tx tx = qc_block_tx(b, 0);
    memcpy(id.b, tx.rec->txid, 32);
    *value = tx.out[0].value;
    qc_block_unref(b);
    return id;
}

static tb_tx *keep(play *p, tb_tx *tx)
{
    assert_true(p->n_tx < TXS);
    p->tx[p->n_tx++] = tx;
    return tx;
}

/* Two outputs that anybody can spend. */
static tb_tx *spend(play *p, const qc_hash *txid, uint32_t n, qc_amount value, qc_amount fee)
{
    static const uint8_t TRUE_SCRIPT[] = {0x51};
    const qc_span script = {TRUE_SCRIPT, 1};
    tb_tx *tx = keep(p, tb_tx_new());
    tb_tx_in(tx, txid, n, (qc_span){NULL, 0}, TB_FINAL);
    tb_tx_out(tx, (value - fee) / 2, script);
    tb_tx_out(tx, (value - fee) - (value - fee) / 2, script);
    return tx;
}

static tb_tx *spend_coinbase(play *p, uint32_t height, qc_amount fee)
{
    qc_amount value;
    qc_hash id = coinbase(p, height, &value);
    return spend(p, &id, 0, value, fee);
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

/* ---- on the chain thread ---- */

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

/* A coin of a block, or of a transaction in the pool; it may be spent already. */
static tb_tx *random_spend(play *p)
{
    qc_amount fee = 1000 + (qc_amount)rnd(p, 40000);
    size_t n = qc_mempool_count(p->r.node.pool);
    if (n && rnd(p, 2)) {
        const qc_mempool_entry *e = qc_mempool_at(p->r.node.pool, rnd(p, n));
        uint32_t out = (uint32_t)rnd(p, 2);
        return spend(p, qc_entry_txid(e), out, e->tx.out[out].value, fee);
    }
    return spend_coinbase(p, 1 + (uint32_t)rnd(p, 25), fee);
}

static void add_some(qc_chain *c, void *arg)
{
    play *p = arg;
    (void)c;
    for (uint64_t n = 1 + rnd(p, 12); n; n--)
        (void)offer(p, random_spend(p));
}

/* The first of the pool in the order in which they would be mined, and sometimes one that nobody
 * has seen, which spends what another spends. */
typedef struct mined {
    play *p;
    tb_block *b;
} mined;

static void fill_block(qc_chain *c, void *arg)
{
    mined *m = arg;
    play *p = m->p;
    qc_mempool_list l;
    (void)c;
    qc_mempool_sorted(p->r.node.pool, &l);
    if (rnd(p, 3) == 0) {
        tb_tx *rival = spend_coinbase(p, 1 + (uint32_t)rnd(p, 25), 777);
        qc_outpoint o = {rival->in[0].prev.txid, 0};
        qc_spent coin;
        if (qc_mempool_coin(p->r.node.pool, &o, &coin) == QC_OK &&
            qc_mempool_spender(p->r.node.pool, &o))
            tb_block_add(m->b, tb_tx_copy(rival));
    }
    if (m->b->n_tx == 1)
        for (size_t i = 0, n = rnd(p, l.n + 1); i < n; i++) {
            const tb_tx *tx = by_txid(p, qc_entry_txid(l.e[i]));
            assert_non_null(tx);
            tb_block_add(m->b, tb_tx_copy(tx));
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

static void mine(play *p)
{
    p->r.made->salt = ++p->salt;
    mined m = {p, tb_chain_next(p->r.made, 0)};
    qc_chain_call(p->r.thread, fill_block, &m);
    finish(p, m.b);
}

/* A block with this transaction alone. */
static void mine_one(play *p, const tb_tx *tx)
{
    p->r.made->salt = ++p->salt;
    tb_block *b = tb_chain_next(p->r.made, 0);
    tb_block_add(b, tb_tx_copy(tx));
    finish(p, b);
}

typedef struct offer_job {
    play *p;
    const tb_tx *tx;
    bool in;
} offer_job;

static void offer_one(qc_chain *c, void *arg)
{
    offer_job *j = arg;
    (void)c;
    j->in = offer(j->p, j->tx);
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

typedef struct listing {
    play *p;
    char *text;
} listing;

/* As good.pool says it. */
static void list_pool(qc_chain *c, void *arg)
{
    listing *l = arg;
    const qc_mempool *m = l->p->r.node.pool;
    size_t n = qc_mempool_count(m);
    qc_hash *id = qc_alloc((n + 1) * sizeof *id);
    char *text = qc_strdup("\"txids\":[");
    (void)c;
    for (size_t i = 0; i < n; i++)
        id[i] = *qc_entry_txid(qc_mempool_at(m, i));
    qsort(id, n, sizeof *id, by_bytes);
    for (size_t i = 0; i < n; i++) {
        char hex[QC_HASH_HEX_LEN + 1], *more;
        qc_hash_hex(&id[i], hex);
        more = qc_asprintf("%s%s\"%s\"", text, i ? "," : "", hex);
        qc_free(text);
        text = more;
    }
    l->text = qc_asprintf("%s],\"synced\":true,\"wrong\":0", text);
    qc_free(text);
    qc_free(id);
}

static void let_out(play *p)
{
    if (qc_plugin_get_state(rig_plugin_at(&p->r, 0)) == QC_PLUGIN_QUARANTINED)
        free(rig_call(&p->r, "plugin", "[\"quarantine-clear\",\"plugin\"]"));
}

static void copy_equals_pool(play *p)
{
    listing l = {.p = p};
    char hex[QC_HASH_HEX_LEN + 1], *text = NULL;
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    qc_chain_call(p->r.thread, list_pool, &l);
    qc_hash_hex(&p->r.made->hash[p->r.made->tip], hex);
    do {
        free(text);
        let_out(p);
        text = rig_call(&p->r, "good.pool", "[]");
        if (strstr(text, l.text) && strstr(text, hex))
            break;
        nap();
    } while (qc_clock_mono() < until);
    if (!strstr(text, l.text) || !strstr(text, hex))
        fail_msg("the plugin has %s, the pool %s at %s", text, l.text, hex);
    free(text);
    qc_free(l.text);
}

static void kill_runner(play *p)
{
    int pid = atomic_load(&rig_plugin_at(&p->r, 0)->pid);
    if (pid > 0 && kill(pid, SIGKILL) == 0)
        p->kills++;
}

static uint64_t number_of(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    assert_non_null(at);
    return strtoull(at + strlen(name) + 2, NULL, 10);
}

/* ---- the copy ---- */

static void one_round(play *p, unsigned round)
{
    qc_chain_call(p->r.thread, add_some, p);
    if (rnd(p, 3) == 0)
        mine(p);
    if (rnd(p, 8) == 0) {
        uint32_t back = 1 + (uint32_t)rnd(p, 3);
        rig_reorg(&p->r, back, back + 1, ++p->salt);
    }
    if (!RIG_TRUSTED && rnd(p, 6) == 0)
        kill_runner(p);
    if (round % 12 == 11)
        restart(p);
    if (rnd(p, 2))
        copy_equals_pool(p);
}

static void test_mempool_follow__a_copy_equals_the_pool_through_all_that_happens(void **state)
{
    (void)state;
    play p;
    begin(&p, GRANTS SUBMIT);
    for (unsigned round = 0; round < 40; round++)
        one_round(&p, round);
    copy_equals_pool(&p);
    assert_true(RIG_TRUSTED || p.kills > 0);
    assert_int_equal(p.r.host->n_pool_followers, 1);
    end(&p);
}

/* More happens at once than is kept for it. */
static void burst(qc_chain *c, void *arg)
{
    for (int i = 0; i < 5; i++)
        add_some(c, arg);
}

static void test_mempool_follow__a_slow_one_begins_anew_and_comes_to_the_same(void **state)
{
    (void)state;
    play p = {.seed = 9, .r = {.backoff_ms = 1, .feed_events = 4}};
    start(&p, GRANTS SUBMIT);
    copy_equals_pool(&p);
    for (unsigned round = 0; round < 8; round++) {
        qc_chain_call(p.r.thread, burst, &p);
        if (round % 3 == 2)
            mine(&p);
        copy_equals_pool(&p);
    }
    char *text = rig_call(&p.r, "good.counts", "[]");
    assert_true(number_of(text, "gaps") > 0);
    free(text);
    end(&p);
}

static void test_mempool_follow__says_why_a_transaction_has_left(void **state)
{
    (void)state;
    play p;
    begin(&p, GRANTS SUBMIT);
    for (unsigned round = 0; round < 40; round++) /* more than there is room for */
        qc_chain_call(p.r.thread, add_some, &p);
    mine(&p);
    tb_tx *tx = spend_coinbase(&p, 28, 50000);
    offer_job job = {&p, tx, false};
    qc_chain_call(p.r.thread, offer_one, &job);
    assert_true(job.in);
    mine_one(&p, spend_coinbase(&p, 28, 777));
    rig_reorg(&p.r, 1, 2, ++p.salt);
    copy_equals_pool(&p);
    char *text = rig_call(&p.r, "good.counts", "[]");
    static const char *const WHY[] = {"block", "conflict", "replaced", "size", "added", "tips"};
    for (size_t i = 0; i < QC_COUNTOF(WHY); i++)
        if (number_of(text, WHY[i]) == 0)
            fail_msg("none: %s in %s", WHY[i], text);
    assert_int_equal(number_of(text, "gaps"), 0);
    free(text);
    end(&p);
}

/* ---- answers ---- */

static void must_say(play *p, const char *method, const char *params, const char *want)
{
    char *text = rig_call(&p->r, method, params);
    if (!strstr(text, want))
        fail_msg("%s %.80s answers %s, wanted %s", method, params, text, want);
    free(text);
}

static char *hex_of(const void *data, size_t len)
{
    const uint8_t *b = data;
    char *text = qc_alloc(2 * len + 1);
    for (size_t i = 0; i < len; i++)
        snprintf(text + 2 * i, 3, "%02x", b[i]);
    return text;
}

/* A call of good.submit with this transaction. Owned: free(). */
static char *submit(play *p, const tb_tx *tx, bool test)
{
    qc_bytes b = tb_tx_bytes(tx, true);
    char *hex = hex_of(b.data, b.len);
    char *params = qc_asprintf("[\"%s\"%s]", hex, test ? ",\"test\"" : "");
    char *text = rig_call(&p->r, "good.submit", params);
    qc_bytes_free(&b);
    qc_free(hex);
    qc_free(params);
    return text;
}

static void must_submit(play *p, const tb_tx *tx, bool test, const char *want)
{
    char *text = submit(p, tx, test);
    if (!strstr(text, want))
        fail_msg("it answers %s, wanted %s", text, want);
    free(text);
}

static void note_announced(void *arg, const qc_hash *wtxid)
{
    play *p = arg;
    (void)wtxid;
    atomic_fetch_add(&p->announced, 1);
}

static void test_tx_submit__says_what_became_of_it(void **state)
{
    (void)state;
    play p;
    begin(&p, GRANTS SUBMIT);
    tb_tx *tx = spend_coinbase(&p, 1, 2000);
    must_submit(&p, tx, true, "\"status\":0,\"results\":[{\"is\":1,\"code\":0,\"fee\":2000");
    must_say(&p, "good.info", "[]", "\"count\":0");
    p.r.node.announce = note_announced;
    p.r.node.announce_arg = &p;
    must_submit(&p, tx, false, "\"is\":1,\"code\":0,\"fee\":2000");
    qc_hash id = tb_txid(tx);
    assert_int_equal(atomic_load(&p.announced), 1);
    assert_true(qc_mempool_unbroadcast(p.r.node.pool, &id));
    must_say(&p, "good.info", "[]", "\"count\":1");
    must_submit(&p, tx, false, "\"is\":3,\"code\":0,\"fee\":2000"); /* there already */
    assert_int_equal(atomic_load(&p.announced), 2);
    must_submit(&p, spend_coinbase(&p, 1, 4000), false, "\"replaced\":1");
    must_submit(&p, tx, false, "\"is\":2,\"code\":7"); /* it pays less than what came instead */
    qc_hash none = {{1}};
    must_submit(&p, spend(&p, &none, 0, 100000, 1000), false,
                "\"is\":2,\"code\":3,\"fee\":0,\"vsize\":0,\"replaced\":0,"
                "\"reason\":\"bad-txns-inputs-missingorspent\"");
    must_submit(&p, spend_coinbase(&p, BLOCKS, 1000), false,
                "\"reason\":\"bad-txns-premature-spend-of-coinbase\"");
    must_submit(&p, spend_coinbase(&p, 2, 5001), false,
                "\"is\":2,\"code\":8,\"fee\":0,\"vsize\":0,\"replaced\":0,"
                "\"reason\":\"max-fee-exceeded\"");
    must_submit(&p, spend_coinbase(&p, 2, 5000), true, "\"is\":1");
    must_say(&p, "good.submit", "[\"0102\"]", "\"is\":2,\"code\":9");
    must_say(&p, "good.submit", "[\"\"]", "\"status\":-7");
    copy_equals_pool(&p);
    end(&p);
}

static void test_tx_submit__a_package_is_judged_as_one(void **state)
{
    (void)state;
    play p;
    begin(&p, GRANTS SUBMIT);
    tb_tx *parent = spend_coinbase(&p, 1, 0);
    qc_hash id = tb_txid(parent);
    tb_tx *child = spend(&p, &id, 0, parent->out[0].value, 4000);
    must_submit(&p, parent, false, "\"is\":2,\"code\":7");
    qc_bytes a = tb_tx_bytes(parent, true), b = tb_tx_bytes(child, true);
    char *one = hex_of(a.data, a.len), *two = hex_of(b.data, b.len);
    char *params = qc_asprintf("[\"%s%s\",%zu,%zu]", one, two, a.len, b.len);
    must_say(&p, "good.submit", params,
             "\"status\":0,\"package\":0,\"package_reason\":\"\",\"results\":[{\"is\":1");
    must_say(&p, "good.info", "[]", "\"count\":2");
    qc_free(params);
    params = qc_asprintf("[\"%s%s\",%zu,%zu]", one, two, a.len, b.len + 1);
    must_say(&p, "good.submit", params, "\"status\":-7");
    qc_free(params);
    qc_free(one);
    qc_free(two);
    qc_bytes_free(&a);
    qc_bytes_free(&b);
    copy_equals_pool(&p);
    end(&p);
}

static void test_tx_submit__the_grant_bounds_it(void **state)
{
    (void)state;
    play p;
    begin(&p, GRANTS "tx.submit/1 = rate=3, test_only=yes\n");
    tb_tx *tx = spend_coinbase(&p, 1, 2000);
    must_submit(&p, tx, false, "\"status\":-1");
    for (int i = 0; i < 3; i++)
        must_submit(&p, tx, true, "\"status\":0,\"results\":[{\"is\":1");
    must_submit(&p, tx, true, "\"status\":-5");
    must_say(&p, "good.info", "[]", "\"count\":0");
    end(&p);
}

typedef struct cached {
    qc_outpoint o;
    bool is;
} cached;

static void forget_coin(qc_chain *c, void *arg)
{
    const cached *k = arg;
    assert_int_equal(qc_chain_flush(c), QC_OK);
    qc_coins_uncache(qc_chain_coins(c), &k->o);
}

static void look_cached(qc_chain *c, void *arg)
{
    cached *k = arg;
    k->is = qc_coins_peek(qc_chain_coins(c), &k->o, NULL) != QC_COINS_MISS;
}

static void test_tx_submit__a_refused_fee_leaves_no_coins_in_the_cache(void **state)
{
    (void)state;
    play p;
    begin(&p, GRANTS SUBMIT);
    tb_tx *tx = spend_coinbase(&p, 3, 5001);
    cached k = {.o = tx->in[0].prev};
    qc_chain_call(p.r.thread, forget_coin, &k);
    qc_chain_call(p.r.thread, look_cached, &k);
    assert_false(k.is);
    must_submit(&p, tx, true, "max-fee-exceeded");
    must_submit(&p, tx, false, "max-fee-exceeded");
    qc_chain_call(p.r.thread, look_cached, &k);
    assert_false(k.is);
    end(&p);
}

static void test_tx_submit__the_rate_comes_before_the_bytes(void **state)
{
    (void)state;
    play p;
    begin(&p, GRANTS "tx.submit/1 = rate=1\n");
    must_say(&p, "good.submit", "[\"0102\"]", "\"is\":2,\"code\":9");
    must_say(&p, "good.submit", "[\"0102\"]", "\"status\":-5");
    end(&p);
}

static qn_cap *cap_of(play *p, const char *id)
{
    qc_plugin *plugin = rig_plugin_at(&p->r, 0);
    for (size_t i = 0; i < plugin->n_cap; i++)
        if (strcmp(plugin->cap[i].adapter->id, id) == 0)
            return &plugin->cap[i];
    fail_msg("no %s", id);
    return NULL;
}

/* Calls of a table as the plugin would make them, on its loop. */
typedef struct direct {
    play *p;
    void (*fn)(play *p);
    _Atomic bool done;
} direct;

static void run_direct(void *arg)
{
    direct *d = arg;
    d->fn(d->p);
    atomic_store(&d->done, true);
}

static void on_loop(play *p, void (*fn)(play *p))
{
    direct d = {.p = p, .fn = fn};
    qc_plugin_call(rig_plugin_at(&p->r, 0), run_direct, &d);
    while (!atomic_load(&d.done))
        nap();
}

static void overlap(play *p)
{
    qn_cap *cap = cap_of(p, "tx.submit/1");
    const qn_tx_submit_1 *t = cap->adapter->table;
    static const uint8_t bytes[400] = {0};
    const qn_submit_part over[2] = {{0, 200}, {100, 300}}, fit[2] = {{0, 200}, {200, 200}};
    qn_submit_result r[2];
    qn_submit_package whole = {.size = sizeof whole};
    assert_int_equal(t->package(cap, bytes, 400, over, 2, 0, r, &whole), QN_E_INVAL);
    assert_int_equal(t->package(cap, bytes, 400, fit, 2, 0, r, &whole), QN_OK);
    assert_int_equal(r[1].code, QN_SUBMIT_CODE_MALFORMED);
}

static void test_tx_submit__parts_may_not_overlap(void **state)
{
    (void)state;
    play p;
    begin(&p, GRANTS SUBMIT);
    on_loop(&p, overlap);
    end(&p);
}

static void count_ready(void *arg, uint64_t id)
{
    (void)id;
    atomic_fetch_add((_Atomic int *)arg, 1);
}

static uint64_t follow_id[3];
static _Atomic int ready[3];

static void open_three(play *p)
{
    qn_cap *cap = cap_of(p, "mempool.follow/1");
    const qn_mempool_follow_1 *t = cap->adapter->table;
    for (int i = 0; i < 3; i++)
        assert_int_equal(t->open(cap, NULL, count_ready, &ready[i], &follow_id[i]), QN_OK);
    assert_int_equal(cap->plugin->pool_snapshots, 2);
}

static uint32_t last_type;

static void read_one(play *p, int i)
{
    qn_cap *cap = cap_of(p, "mempool.follow/1");
    const qn_mempool_follow_1 *t = cap->adapter->table;
    qn_mempool_event e[64];
    uint32_t n = 0;
    last_type = t->next(cap, follow_id[i], e, 64, &n) == QN_OK ? e[n - 1].type : 0;
}

static void read_first(play *p)
{
    read_one(p, 0);
}

static void read_third(play *p)
{
    read_one(p, 2);
}

static void wait_synced(play *p, void (*fn)(play *p))
{
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    do {
        on_loop(p, fn);
        if (last_type != QN_MEMPOOL_EV_SYNCED)
            nap();
    } while (last_type != QN_MEMPOOL_EV_SYNCED && qc_clock_mono() < until);
    assert_int_equal(last_type, QN_MEMPOOL_EV_SYNCED);
}

static void nothing(qc_chain *c, void *arg)
{
    (void)c;
    (void)arg;
}

static void test_mempool_follow__a_plugin_has_two_snapshots_at_most(void **state)
{
    (void)state;
    play p;
    begin(&p, GRANTS SUBMIT);
    copy_equals_pool(&p);
    on_loop(&p, open_three);
    qc_chain_call(p.r.thread, nothing, NULL);
    for (int i = 0; i < 3; i++) {
        on_loop(&p, read_third);
        assert_int_equal(last_type, 0);
    }
    int before = atomic_load(&ready[2]);
    wait_synced(&p, read_first);
    on_loop(&p, read_first); /* what was posted before has run by now */
    assert_true(atomic_load(&ready[2]) > before);
    wait_synced(&p, read_third);
    end(&p);
}

static void test_mempool_read__too_much_work_is_put_off(void **state)
{
    (void)state;
    play p;
    begin(&p, GRANTS SUBMIT);
    qn_cap *cap = cap_of(&p, "mempool.read/1");
    must_say(&p, "good.entry", "[\"00\"]", "\"entry\":-9");
    qc_cap_worked(cap, 600000000); /* ten minutes of it */
    must_say(&p, "good.entry", "[\"00\"]", "\"status\":-22");
    end(&p);
}

static void test_mempool_read__tells_of_entries_spenders_and_bytes(void **state)
{
    (void)state;
    play p;
    begin(&p, GRANTS SUBMIT);
    tb_tx *parent = spend_coinbase(&p, 1, 1000);
    qc_hash id = tb_txid(parent), child_id;
    tb_tx *child = spend(&p, &id, 0, parent->out[0].value, 4000);
    child_id = tb_txid(child);
    must_submit(&p, parent, false, "\"is\":1");
    must_submit(&p, child, false, "\"is\":1");
    char hex[QC_HASH_HEX_LEN + 1], child_hex[QC_HASH_HEX_LEN + 1];
    char *wire = hex_of(id.b, 32), *params = qc_asprintf("[\"%s\"]", wire);
    qc_bytes raw = tb_tx_bytes(parent, true);
    char *bytes = hex_of(raw.data, raw.len);
    qc_hash_hex(&id, hex);
    qc_hash_hex(&child_id, child_hex);
    char *text = rig_call(&p.r, "good.entry", params);
    char *want = qc_asprintf("\"status\":0,\"entry\":0,\"wtxid\":\"%s\",\"fee\":1000,", hex);
    assert_non_null(strstr(text, want));
    qc_free(want);
    want = qc_asprintf("\"spender\":0,\"by\":\"%s\"", child_hex);
    assert_non_null(strstr(text, want));
    qc_free(want);
    want = qc_asprintf("\"raw\":\"%s\"", bytes);
    assert_non_null(strstr(text, want));
    qc_free(want);
    want = qc_asprintf("\"members\":[\"%s\",0,\"%s\",0]", hex, child_hex);
    assert_non_null(strstr(text, want)); /* one chunk: the child pays for both */
    qc_free(want);
    assert_int_equal(number_of(text, "chunk_fee"), 5000);
    assert_int_equal(number_of(text, "ancestors"), 1);
    assert_int_equal(number_of(text, "descendants"), 2);
    assert_int_equal(number_of(text, "cluster"), 2);
    assert_non_null(strstr(text, "\"small\":-19"));
    free(text);
    must_say(&p, "good.entry", "[\"00\"]", "\"status\":0,\"entry\":-9");
    want = qc_asprintf("\"txids\":[\"%s\",\"%s\"],\"no_room\":-19", hex, child_hex);
    must_say(&p, "good.info", "[]", want);
    must_say(&p, "good.info", "[]", "\"count\":2");
    must_say(&p, "good.info", "[]", "\"fees\":5000");
    must_say(&p, "good.info", "[]",
             "\"node\":0,\"node_tx\":2,\"node_vsize\":142,\"node_fees\":5000,"
             "\"node_max\":40000,\"node_usage\":true");
    qc_free(want);
    qc_free(wire);
    qc_free(params);
    qc_free(bytes);
    qc_bytes_free(&raw);
    end(&p);
}

static void test_fees_estimate__tells_floors_estimates_and_the_histogram(void **state)
{
    (void)state;
    play p;
    static const uint64_t SALT[2] = {1, 2};
    qc_fees *fees;
    begin(&p, GRANTS SUBMIT);
    must_say(&p, "good.fees", "[]", "\"estimate\":-12"); /* no estimator */
    assert_int_equal(qc_fees_new(&fees, SALT), QC_OK);
    p.r.node.fees = fees;
    must_submit(&p, spend_coinbase(&p, 1, 1000), false, "\"is\":1");
    must_submit(&p, spend_coinbase(&p, 2, 5000), false, "\"is\":1");
    char *text = rig_call(&p.r, "good.fees", "[]");
    assert_non_null(strstr(text, "\"floors\":0,\"min_relay\":100,\"dust\":3000,\"estimate\":-9,"
                                 "\"feerate\":100,\"by\":0,\"confident\":-9,\"bad_target\":-7,"
                                 "\"histogram\":0,\"steps\":["));
    assert_non_null(strstr(text, ",5000,"));
    assert_non_null(strstr(text, ",1000],\"diagram\":0,\"points\":3,\"last\":6000}"));
    free(text);
    end(&p);
    qc_fees_free(fees);
}

static void test_mempool__a_node_without_one_serves_nothing_of_it(void **state)
{
    (void)state;
    play p = {.r = {.backoff_ms = 1}};
    rig_open(&p.r, NULL);
    install(&p, GRANTS, NULL);
    rig_host_start(&p.r);
    rig_refused(&p.r, 0, qc_plugin_get_state(rig_plugin_at(&p.r, 0)), "this node has no mempool");
    assert_int_not_equal(qc_plugin_get_state(rig_plugin_at(&p.r, 0)), QC_PLUGIN_RUNNING);
    rig_close(&p.r);
}

QC_TEST_MAIN(cmocka_unit_test(test_mempool_follow__a_copy_equals_the_pool_through_all_that_happens),
             cmocka_unit_test(test_mempool_follow__a_slow_one_begins_anew_and_comes_to_the_same),
             cmocka_unit_test(test_mempool_follow__says_why_a_transaction_has_left),
             cmocka_unit_test(test_tx_submit__says_what_became_of_it),
             cmocka_unit_test(test_tx_submit__a_package_is_judged_as_one),
             cmocka_unit_test(test_tx_submit__the_grant_bounds_it),
             cmocka_unit_test(test_tx_submit__a_refused_fee_leaves_no_coins_in_the_cache),
             cmocka_unit_test(test_tx_submit__the_rate_comes_before_the_bytes),
             cmocka_unit_test(test_tx_submit__parts_may_not_overlap),
             cmocka_unit_test(test_mempool_follow__a_plugin_has_two_snapshots_at_most),
             cmocka_unit_test(test_mempool_read__too_much_work_is_put_off),
             cmocka_unit_test(test_mempool_read__tells_of_entries_spenders_and_bytes),
             cmocka_unit_test(test_fees_estimate__tells_floors_estimates_and_the_histogram),
             cmocka_unit_test(test_mempool__a_node_without_one_serves_nothing_of_it))
