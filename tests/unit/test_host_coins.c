/* coins.read over a real chain: what a plugin learns equals what the blocks say, and walks have an
 * end. Built for both modes of running a plugin, which must answer alike. */
#include "core/host/scans.h"
#include "tests/unit/host_rig.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/chain/coins.h"
#include "core/os/file.h"
#include "quoin/coins_read.h"

#include <stdlib.h>

#define GRANTS "coins.read/1 = scans=2\nrpc.serve/1 = prefix=good.\n"
#define BLOCKS 110u
#define BIG 9999u /* bytes of the longest script */

typedef struct play {
    host_rig r;
    tb_tx *tx; /* of the last block */
} play;

static void install(play *p, const char *grants)
{
    const char *top = getenv("top_builddir");
    char *from = qc_asprintf("%s/tests/hostile/coins.so", top ? top : ".");
    char *to = qc_asprintf("%s/p.so", p->r.plugin_dir);
    qc_bytes b = tmp_read(from);
    assert_int_equal(qc_os_write_file_atomic(to, qc_bytes_span(&b), 0644), QC_OK);
    qc_bytes_free(&b);
    qc_free(from);
    qc_free(to);
    rig_grant(&p->r, RIG_ID, "p.so", grants, "[limits]\ncpu = normal\n");
}

static void take_block(qc_chain *c, void *arg)
{
    qc_block *b = arg;
    bool is_new;
    qc_verdict v;
    assert_int_equal(qc_chain_process_block(c, b, true, true, &is_new, &v), QC_OK);
    qc_block_unref(b);
}

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

/* A block that spends the first coinbase: into 200 outputs that are more than one byte long as a
 * number, one with a long script, one that nobody can spend. */
static void mine_tx(play *p)
{
    host_rig *r = &p->r;
    static const uint8_t TRUE_SCRIPT[] = {0x51}, RETURN[] = {0x6a, 1, 1};
    static uint8_t big[BIG];
    qc_amount value;
    qc_hash id = coinbase(p, 1, &value);
    p->tx = tb_tx_new();
    memset(big, 0x61, sizeof big);
    tb_tx_in(p->tx, &id, 0, qc_span_of(NULL, 0), TB_FINAL);
    for (int i = 0; i < 200; i++)
        tb_tx_out(p->tx, 1000 + i, qc_span_of(TRUE_SCRIPT, 1));
    tb_tx_out(p->tx, 5000, qc_span_of(big, sizeof big));
    tb_tx_out(p->tx, 0, qc_span_of(RETURN, sizeof RETURN));
    r->made->salt++;
    tb_block *b = tb_chain_next(r->made, 0);
    tb_block_add(b, tb_tx_copy(p->tx));
    tb_block_finish(b, r->made->params);
    qc_chain_call(r->thread, take_block, tb_block_parse(b));
    tb_chain_push(r->made, b);
    tb_block_free(b);
    assert_int_equal(qc_chain_tip(r->chain)->height, r->made->tip);
}

static void flush(qc_chain *c, void *arg)
{
    (void)arg;
    assert_int_equal(qc_chain_flush(c), QC_OK);
}

static void begin(play *p, const char *grants)
{
    *p = (play){.r = {.backoff_ms = 1}};
    rig_open(&p->r, NULL);
    install(p, grants);
    rig_grow(&p->r, BLOCKS);
    rig_host_start(&p->r);
    qc_chain_call(p->r.thread, flush, NULL); /* what is spent now is on the disk */
    mine_tx(p);
    if (qc_plugin_get_state(rig_plugin_at(&p->r, 0)) != QC_PLUGIN_RUNNING)
        fail_msg("it does not run: %s", rig_call(&p->r, "listplugins", "[]"));
}

static void end(play *p)
{
    rig_close(&p->r);
    tb_tx_free(p->tx);
}

static void must_say(play *p, const char *method, const char *params, const char *want)
{
    char *text = rig_call(&p->r, method, params);
    if (!strstr(text, want))
        fail_msg("%s %.80s answers %s, wanted %s", method, params, text, want);
    free(text);
}

static uint64_t number_of(const char *text, const char *name)
{
    char *key = qc_asprintf("\"%s\":", name);
    const char *at = strstr(text, key);
    assert_non_null(at);
    uint64_t n = strtoull(at + strlen(key), NULL, 10);
    qc_free(key);
    return n;
}

/* ---- what the blocks say ---- */

typedef struct sums {
    uint64_t count, value, scripts, coinbases, heights;
} sums;

static void add_block(play *p, uint32_t height, sums *s)
{
    qc_block *b;
    assert_int_equal(qc_chain_read_block_spent(p->r.chain, qc_chain_at(p->r.chain, height), &b),
                     QC_OK);
    const qn_block_view *v = qc_block_view(b);
    for (uint32_t t = 0; t < v->tx.count; t++) {
        const qn_tx_rec *tx = qn_view_tx(v, t);
        for (uint32_t i = tx->out0; i < tx->out0 + tx->n_out; i++) {
            const qn_out_rec *o = qn_view_out(v, i);
            if (o->script_len && qn_view_raw(v)[o->script_off] == 0x6a)
                continue;
            s->count++;
            s->value += (uint64_t)o->value;
            s->scripts += o->script_len;
            s->heights += height;
            s->coinbases += t == 0;
        }
        for (uint32_t i = tx->in0; t && i < tx->in0 + tx->n_in; i++) {
            const qn_spent_rec *o = qn_view_spent(v, i);
            s->count--;
            s->value -= (uint64_t)o->value;
            s->scripts -= o->script_len;
            s->heights -= o->height;
            s->coinbases -= o->coinbase;
        }
    }
    qc_block_unref(b);
}

static sums expected(play *p)
{
    sums s = {0};
    for (uint32_t h = 1; h <= p->r.made->tip; h++)
        add_block(p, h, &s);
    return s;
}

static void add_text(const char *text, sums *s)
{
    s->count += number_of(text, "count");
    s->value += number_of(text, "value");
    s->scripts += number_of(text, "scripts");
    s->coinbases += number_of(text, "coinbases");
    s->heights += number_of(text, "heights");
    assert_int_equal(number_of(text, "unordered"), 0);
}

static void must_equal(const sums *got, const sums *want)
{
    assert_int_equal(got->count, want->count);
    assert_int_equal(got->value, want->value);
    assert_int_equal(got->scripts, want->scripts);
    assert_int_equal(got->coinbases, want->coinbases);
    assert_int_equal(got->heights, want->heights);
}

static void walk(play *p, const char *params, sums *s)
{
    char *text = rig_call(&p->r, "good.next", params);
    add_text(text, s);
    free(text);
}

/* ---- walks ---- */

static void test_scan__gives_each_coin_once_in_order(void **state)
{
    (void)state;
    play p;
    begin(&p, GRANTS);
    sums want = expected(&p), small = {0}, large = {0};
    char hex[QC_HASH_HEX_LEN + 1], *open;
    qc_hash_hex(&p.r.made->hash[p.r.made->tip], hex);
    open = qc_asprintf("\"status\":0,\"scan\":1,\"tip\":\"%s\",\"height\":%u,\"epoch\":true", hex,
                       p.r.made->tip);
    assert_int_equal(want.count, BLOCKS + 201);
    must_say(&p, "good.open", "[0]", open);
    walk(&p, "[1,7,10005,1000]", &small);
    must_equal(&small, &want);
    must_say(&p, "good.next", "[1,7,10000,1]", "\"status\":-17,\"count\":0"); /* the end stays */
    must_say(&p, "good.close", "[1]", "\"status\":0");
    must_say(&p, "good.open", "[0]", "\"status\":0,\"scan\":2");
    walk(&p, "[2,5000,200000,1000]", &large);
    must_equal(&large, &want);
    qc_free(open);
    end(&p);
}

static void test_scan__another_begins_behind_the_last_coin(void **state)
{
    (void)state;
    play p;
    begin(&p, GRANTS);
    sums want = expected(&p), got = {0};
    must_say(&p, "good.open", "[0]", "\"scan\":1");
    walk(&p, "[1,13,10000,11]", &got); /* in the middle of the many outputs, or near */
    assert_true(got.count > 50 && got.count <= 143);
    must_say(&p, "good.open", "[1]", "\"scan\":2");
    walk(&p, "[2,4096,10000,1000]", &got);
    must_equal(&got, &want);
    end(&p);
}

static void test_scan__sees_one_tip_and_tells_when_it_moved(void **state)
{
    (void)state;
    play p;
    begin(&p, GRANTS);
    sums want = expected(&p), got = {0};
    must_say(&p, "good.open", "[0]", "\"scan\":1");
    must_say(&p, "good.next", "[1,1,10000,0]", "\"moved\":0");
    rig_grow(&p.r, 3);
    rig_reorg(&p.r, 2, 3, 77);
    walk(&p, "[1,100,10000,1]", &got);
    must_say(&p, "good.next", "[1,0,10000,1]", "\"status\":-7"); /* no room for a row */
    char *text = rig_call(&p.r, "good.next", "[1,100,10000,1000]");
    add_text(text, &got);
    assert_true(number_of(text, "moved") >= 4);
    must_equal(&got, &want);
    free(text);
    want = expected(&p);
    got = (sums){0};
    must_say(&p, "good.close", "[1]", "\"status\":0");
    must_say(&p, "good.open", "[0]", "\"scan\":2");
    walk(&p, "[2,100,10000,1000]", &got);
    must_equal(&got, &want);
    end(&p);
}

static void test_scan__says_how_much_the_next_script_needs(void **state)
{
    (void)state;
    play p;
    begin(&p, GRANTS);
    sums want = expected(&p), got = {0};
    must_say(&p, "good.open", "[0]", "\"scan\":1");
    char *text = rig_call(&p.r, "good.next", "[1,100,9998,1000]");
    assert_non_null(strstr(text, "\"status\":-19"));
    assert_int_equal(number_of(text, "bytes"), BIG);
    add_text(text, &got);
    free(text);
    walk(&p, "[1,100,9999,1000]", &got); /* nothing is lost by it */
    must_equal(&got, &want);
    must_say(&p, "good.close", "[1]", "\"status\":0");
    end(&p);
}

static void test_scan__is_bounded_by_grant_and_rate(void **state)
{
    (void)state;
    play p;
    begin(&p, "coins.read/1 = yes\nrpc.serve/1 = prefix=good.\n");
    must_say(&p, "good.next", "[1,100,10000,1]", "\"status\":-6");
    must_say(&p, "good.close", "[1]", "\"status\":-6");
    must_say(&p, "good.open", "[0]", "\"status\":0,\"scan\":1");
    must_say(&p, "good.open", "[0]", "\"status\":-5"); /* one is the default */
    must_say(&p, "good.close", "[1]", "\"status\":0");
    must_say(&p, "good.close", "[1]", "\"status\":-6");
    must_say(&p, "good.open", "[0]", "\"status\":0,\"scan\":2");
    must_say(&p, "good.next", "[1,100,10000,1]", "\"status\":-6");
    must_say(&p, "good.close", "[2]", "\"status\":0");
    must_say(&p, "good.open", "[0]", "\"status\":-22"); /* two at once, then one in ten seconds */
    assert_int_equal(qc_scans_open(p.r.host->scans), 0);
    end(&p);
}

static void test_scan__the_node_has_eight_at_most(void **state)
{
    (void)state;
    play p;
    qc_scan *taken[QC_SCANS_MAX];
    begin(&p, GRANTS);
    for (unsigned i = 0; i < QC_SCANS_MAX; i++)
        assert_non_null(taken[i] = qc_scans_take(p.r.host->scans));
    assert_null(qc_scans_take(p.r.host->scans));
    must_say(&p, "good.open", "[0]", "\"status\":-22");
    qc_scan_close(taken[3]);
    must_say(&p, "good.open", "[0]", "\"status\":0");
    for (unsigned i = 0; i < QC_SCANS_MAX; i++)
        if (i != 3)
            qc_scan_close(taken[i]);
    end(&p);
}

static void test_scan__ends_when_its_time_is_over(void **state)
{
    (void)state;
    play p;
    begin(&p, GRANTS);
    qc_scans *s = p.r.host->scans;
    must_say(&p, "good.open", "[0]", "\"scan\":1");
    qc_mono now = qc_clock_mono();
    qc_scans_expire(s, now + QC_SCAN_IDLE / 2);
    assert_int_equal(qc_scans_open(s), 1);
    must_say(&p, "good.next", "[1,10,10000,1]", "\"status\":0,\"count\":10");
    qc_scans_expire(s, qc_clock_mono() + QC_SCAN_IDLE);
    assert_int_equal(qc_scans_open(s), 0);
    must_say(&p, "good.next", "[1,10,10000,1]", "\"status\":-6");
    must_say(&p, "good.close", "[1]", "\"status\":-6"); /* and is forgotten */
    must_say(&p, "good.open", "[1]", "\"scan\":2");
    end(&p);
}

static void make_iter(qc_chain *c, void *arg)
{
    assert_int_equal(qc_chain_flush(c), QC_OK);
    assert_int_equal(qc_coins_iter_new(qc_chain_coinsdb(c), arg), QC_OK);
}

static void test_scans__one_that_is_read_all_the_time_ends_too(void **state)
{
    (void)state;
    play p;
    qc_coins_iter *it;
    begin(&p, GRANTS);
    qc_scans *s = qc_scans_new();
    qc_scan *one = qc_scans_take(s);
    assert_true(qc_scans_enter(s));
    qc_chain_call(p.r.thread, make_iter, &it);
    qc_scan_begin(one, it, 1000);
    qc_scans_leave(s);
    for (qc_mono t = 1000; t < 1000 + QC_SCAN_LIFE; t += QC_SCAN_IDLE / 2) {
        qc_scans_expire(s, t);
        assert_ptr_equal(qc_scan_lock(one, t), it);
        qc_scans_expire(s, t + 2 * QC_SCAN_LIFE); /* not while it is read */
        qc_scan_unlock(one);
    }
    qc_scans_expire(s, 1000 + QC_SCAN_LIFE);
    assert_null(qc_scan_lock(one, 1000 + QC_SCAN_LIFE));
    qc_scan_close(one);
    qc_scans_end(s);
    assert_false(qc_scans_enter(s));
    qc_scans_free(s);
    end(&p);
}

/* The database cannot be closed while there is a snapshot of it. */
static void test_scan__none_outlives_the_host(void **state)
{
    (void)state;
    play p;
    begin(&p, GRANTS);
    must_say(&p, "good.open", "[0]", "\"scan\":1");
    must_say(&p, "good.open", "[0]", "\"scan\":2");
    qc_scans *s = p.r.host->scans;
    assert_int_equal(qc_scans_open(s), 2);
    qc_scans_end(s); /* as when the plugin cannot be ended */
    assert_int_equal(qc_scans_open(s), 0);
    must_say(&p, "good.next", "[1,10,10000,1]", "\"status\":-6");
    must_say(&p, "good.coins", "[\"00\"]", "\"status\":-4");
    end(&p);
}

/* ---- look-ups ---- */

static char *hex_of(const qc_outpoint *o, size_t n)
{
    char *text = qc_alloc(72 * n + 1), *at = text;
    for (size_t i = 0; i < n; i++) {
        for (int k = 0; k < 32; k++)
            at += snprintf(at, 3, "%02x", o[i].txid.b[k]);
        for (int k = 0; k < 4; k++)
            at += snprintf(at, 3, "%02x", (unsigned)(o[i].n >> (8 * k)) & 0xff);
    }
    return text;
}

static void flush_and_forget(qc_chain *c, void *arg)
{
    assert_int_equal(qc_chain_flush(c), QC_OK);
    for (const qc_outpoint *o = arg, *last = o + 5; o < last; o++)
        qc_coins_uncache(qc_chain_coins(c), o);
}

static void look(qc_chain *c, void *arg)
{
    const qc_outpoint *o = arg;
    assert_int_equal(qc_coins_peek(qc_chain_coins(c), &o[1], NULL), QC_COINS_MISS);
}

static void ask(play *p, const qc_outpoint *o, const char *more, const char *want)
{
    char *hex = hex_of(o, 5), *params = qc_asprintf("[\"%s\"%s]", hex, more);
    must_say(p, "good.coins", params, want);
    qc_free(hex);
    qc_free(params);
}

static void test_coins__are_those_of_the_tip_in_memory_or_on_disk(void **state)
{
    (void)state;
    play p;
    qc_amount value;
    begin(&p, GRANTS);
    qc_hash txid = tb_txid(p.tx), first = coinbase(&p, 1, &value), second = coinbase(&p, 2, &value);
    const qc_outpoint o[5] = {{first, 0}, {txid, 130}, {second, 0}, {txid, 201}, {txid, 200}};
    char *want = qc_asprintf("\"coins\":[-9,0,0,0,0,0,1130,%u,0,1,0,%lld,2,1,", BLOCKS + 1,
                             (long long)value);
    char *used = qc_asprintf("-9,0,0,0,0,0,5000,%u,0,%u],\"script\":\"51", BLOCKS + 1, BIG);
    ask(&p, o, "", want);
    ask(&p, o, "", used);
    qc_chain_call(p.r.thread, flush_and_forget, (void *)(uintptr_t)o);
    qc_chain_call(p.r.thread, look, (void *)(uintptr_t)o);
    ask(&p, o, "", want);
    ask(&p, o, "", used);
    qc_chain_call(p.r.thread, look, (void *)(uintptr_t)o); /* it has filled no memory */
    char hex[QC_HASH_HEX_LEN + 1];
    rig_grow(&p.r, 1);
    qc_hash_hex(&p.r.made->hash[p.r.made->tip], hex);
    ask(&p, o, "", hex);
    qc_free(want);
    qc_free(used);
    end(&p);
}

static void test_coins__are_bounded(void **state)
{
    (void)state;
    play p;
    begin(&p, GRANTS);
    qc_hash txid = tb_txid(p.tx);
    const qc_outpoint o[5] = {{txid, 1}, {txid, 2}, {txid, 3}, {txid, 4}, {txid, 5}};
    ask(&p, o, ",5,1", "\"status\":0");
    ask(&p, o, ",4,1", "\"status\":-19");                    /* five bytes of scripts */
    ask(&p, o, ",4,1", "\"used\":5,\"coins\":[-286331154,"); /* nothing is given */
    ask(&p, o, ",1000,200", "\"status\":0");
    ask(&p, o, ",1000,201", "\"status\":-7"); /* 1,005 */
    must_say(&p, "good.coins", "[\"\"]", "\"status\":0");
    end(&p);
}

typedef struct direct {
    play *p;
    qn_cap *cap;
    const qn_coins_read_1 *t;
    bool over;
} direct;

/* What no proxy lets through, and another thread. */
static void bad_arguments(void *arg)
{
    direct *d = arg;
    static qn_mempool_outpoint o[1001];
    static qn_coin c[1001];
    static qn_coin_row row[2];
    uint8_t script[16];
    uint32_t n = 0, k = 0;
    uint64_t id = 0;
    assert_int_equal(d->t->coins(d->cap, o, 1001, c, script, 16, &n, NULL), QN_E_INVAL);
    assert_int_equal(d->t->coins(d->cap, NULL, 1, c, script, 16, &n, NULL), QN_E_INVAL);
    assert_int_equal(d->t->coins(d->cap, o, 1, NULL, script, 16, &n, NULL), QN_E_INVAL);
    assert_int_equal(d->t->coins(d->cap, o, 1, c, NULL, 16, &n, NULL), QN_E_INVAL);
    assert_int_equal(d->t->coins(d->cap, o, 1, c, script, 16, NULL, NULL), QN_E_INVAL);
    assert_int_equal(d->t->coins(d->cap, o, 1, c, script, 16, &n, NULL), QN_OK);
    assert_int_equal(c[0].status, QN_E_NOTFOUND);
    assert_int_equal(d->t->scan_open(d->cap, NULL, NULL, NULL), QN_E_INVAL);
    assert_int_equal(d->t->scan_open(d->cap, NULL, &id, NULL), QN_OK);
    assert_int_equal(d->t->scan_next(d->cap, id, NULL, 2, &n, script, 16, &k), QN_E_INVAL);
    assert_int_equal(d->t->scan_next(d->cap, id, row, 2, NULL, script, 16, &k), QN_E_INVAL);
    assert_int_equal(d->t->scan_next(d->cap, id, row, 2, &n, NULL, 16, &k), QN_E_INVAL);
    assert_int_equal(d->t->scan_next(d->cap, id, row, 2, &n, script, 16, NULL), QN_E_INVAL);
    assert_int_equal(d->t->scan_next(d->cap, id, row, 2, &n, NULL, 0, &k), QN_E_SPACE);
    assert_int_equal(d->t->scan_tip(d->cap, id, NULL, NULL), QN_E_INVAL);
    assert_int_equal(d->t->scan_next(d->cap, 0, row, 2, &n, script, 16, &k), QN_E_CLOSED);
}

static void test_coins_read__refuses_bad_arguments_and_threads(void **state)
{
    (void)state;
    play p;
    uint32_t n = 0;
    uint64_t id;
    qn_coin_row row;
    begin(&p, GRANTS);
    direct d = {.p = &p};
    d.t = rig_table(&p.r, QN_COINS_READ_1_ID, &d.cap);
    rig_on_loop(&p.r, bad_arguments, &d);
    assert_int_equal(d.t->coins(d.cap, NULL, 0, NULL, NULL, 0, &n, NULL), QN_E_THREAD);
    assert_int_equal(d.t->scan_open(d.cap, NULL, &id, NULL), QN_E_THREAD);
    assert_int_equal(d.t->scan_next(d.cap, 1, &row, 1, &n, NULL, 0, &n), QN_E_THREAD);
    assert_int_equal(d.t->scan_tip(d.cap, 1, NULL, &id), QN_E_THREAD);
    assert_int_equal(d.t->scan_close(d.cap, 1), QN_E_THREAD);
    end(&p);
}

static void test_scan__not_while_the_node_catches_up(void **state)
{
    (void)state;
    play p = {.r = {.backoff_ms = 1, .max_tip_age = 1}};
    rig_open(&p.r, NULL);
    install(&p, GRANTS);
    rig_host_start(&p.r);
    must_say(&p, "good.open", "[0]", "\"status\":-28");
    must_say(&p, "good.coins", "[\"\"]", "\"status\":0");
    rig_close(&p.r);
}

QC_TEST_MAIN(cmocka_unit_test(test_scan__gives_each_coin_once_in_order),
             cmocka_unit_test(test_scan__another_begins_behind_the_last_coin),
             cmocka_unit_test(test_scan__sees_one_tip_and_tells_when_it_moved),
             cmocka_unit_test(test_scan__says_how_much_the_next_script_needs),
             cmocka_unit_test(test_scan__is_bounded_by_grant_and_rate),
             cmocka_unit_test(test_scan__the_node_has_eight_at_most),
             cmocka_unit_test(test_scan__ends_when_its_time_is_over),
             cmocka_unit_test(test_scans__one_that_is_read_all_the_time_ends_too),
             cmocka_unit_test(test_scan__none_outlives_the_host),
             cmocka_unit_test(test_coins__are_those_of_the_tip_in_memory_or_on_disk),
             cmocka_unit_test(test_coins__are_bounded),
             cmocka_unit_test(test_coins_read__refuses_bad_arguments_and_threads),
             cmocka_unit_test(test_scan__not_while_the_node_catches_up))
