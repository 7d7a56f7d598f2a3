/* mining.template with its pair on trial, mining.submit and mining.check over a real chain and
 * pool. Built for both modes of running a plugin, which must answer alike. */
#include "tests/unit/mining_play.h"

/* ---- what is in a template ---- */

static void test_create__is_what_the_node_would_mine(void **state)
{
    play p;
    (void)state;
    begin(&p, GRANTS);
    const tb_tx *a = add(&p, spend_block(&p, 1, 1000));
    add(&p, spend_tx(&p, a, 1, 9000));
    add(&p, spend_block(&p, 2, 5000));
    tell(&p, "create");
    expect(&p, "\"status\":0");
    long long id = num(&p, "id");
    assert_int_equal(num(&p, "kind"), QN_TEMPLATE_KIND_FULL);
    assert_int_equal(num(&p, "height"), BLOCKS + 1);
    assert_int_equal(num(&p, "fees"), 15000);
    const qc_template *t = node_template(&p);
    assert_true(t->id > 1000 && (long long)t->id > id);
    assert_int_equal(num(&p, "weight"), t->weight);
    assert_int_equal(num(&p, "reward"), t->coinbase.reward);
    assert_int_equal(num(&p, "path"), t->path_len);
    tell(&p, "all %lld", id);
    expect(&p, "\"status\":0,\"list\":0,\"short\":-19,\"depends\":0,\"bytes_status\":0,\"past\":-7,"
               "\"rules\":0,\"now\":0");
    for (uint32_t i = 0; i < t->n_tx; i++) {
        qc_template_tx x;
        char want[200], id_hex[65], raw[2000];
        qc_template_tx_at(t, i, &x);
        qc_hash_hex((const qc_hash *)x.txid, id_hex);
        snprintf(want, sizeof want, "\"%s\",%lld,%u,%zu%s", id_hex, (long long)x.fee, x.weight,
                 x.bytes.len, x.n_depends ? ",-" : "");
        expect(&p, want);
        to_hex(x.bytes.data, x.bytes.len, raw);
        expect(&p, raw);
        assert_true(!x.n_depends || x.depends[0] == i); /* the child follows its parent */
    }
    qc_template_unref(t);
    tell(&p, "release %lld", id);
    expect(&p, "\"status\":0");
    tell(&p, "release %lld", id);
    expect(&p, "\"status\":-6");
    tell(&p, "view %lld", id);
    expect(&p, "\"status\":-6");
    tell(&p, "info");
    expect(&p, "\"status\":0,\"flags\":13,\"height\":130,\"bits\":545259519,\"reserved\":8000,"
               "\"challenge\":-9");
    end(&p);
}

static void test_options__out_of_range_are_refused(void **state)
{
    static const char *const BAD[] = {"1999 -1 -1 -1 -1",
                                      "-1 -1 4000001 -1 -1",
                                      "9000 -1 8000 -1 -1",
                                      "-1 80001 -1 -1 -1",
                                      "-1 -1 -1 -1 4",
                                      "4000001 -1 -1 -1 -1",
                                      "-1 -1 -1 2100000000000001 -1"};
    play p;
    (void)state;
    begin(&p, GRANTS);
    for (size_t i = 0; i < QC_COUNTOF(BAD); i++) {
        tell(&p, "opt %s", BAD[i]);
        tell(&p, "create");
        expect(&p, "\"status\":-7");
        tell(&p, "open");
        expect(&p, "\"status\":-7");
    }
    tell(&p, "opt 2000 0 2000 0 0");
    add(&p, spend_block(&p, 1, 1000));
    tell(&p, "create");
    expect(&p, "\"status\":0"); /* room for the coinbase alone */
    assert_int_equal(num(&p, "n_tx"), 0);
    tell(&p, "opt -1 -1 -1 100000000 -1");
    tell(&p, "create");
    assert_int_equal(num(&p, "n_tx"), 0); /* it pays too little */
    tell(&p, "opt -1 -1 -1 -1 1");
    tell(&p, "create");
    assert_int_equal(num(&p, "kind"), QN_TEMPLATE_KIND_EMPTY);
    tell(&p, "throttle 99 0 0");
    tell(&p, "open");
    expect(&p, "\"status\":-7");
    tell(&p, "throttle 100 -1 0");
    tell(&p, "open");
    expect(&p, "\"status\":-7");
    end(&p);
}

/* ---- subscriptions ---- */

static long long open_sub(play *p, const char *throttle)
{
    tell(p, "throttle %s", throttle);
    tell(p, "open");
    expect(p, "\"status\":0");
    long long sub = num(p, "sub");
    await(p, 0);
    tell(p, "drain %lld release", sub);
    expect(p, "\"status\":-8");
    assert_int_equal(num(p, "why"), QN_TEMPLATE_WHY_REQUEST);
    return sub;
}

static void test_tip__comes_empty_then_full_and_is_never_throttled(void **state)
{
    play p;
    (void)state;
    begin(&p, GRANTS);
    long long sub = open_sub(&p, "3600000 1000000000 0");
    add(&p, spend_block(&p, 1, 1000));
    mine(&p);
    add(&p, spend_block(&p, 2, 1000));
    for (int i = 0; i < 3; i++) { /* one after the other, whatever the interval */
        await(&p, 0);
        qc_mono until = qc_clock_mono() + INT64_C(20000000000);
        unsigned empty = 0, full = 0;
        long long tip[2] = {0, 0};
        while (!full && qc_clock_mono() < until) {
            tell(&p, "drain %lld release", sub);
            for (unsigned k = 0; k < count(&p, "\"kind\""); k++) {
                assert_int_equal(nth(&p, "why", k), QN_TEMPLATE_WHY_TIP);
                assert_int_equal(nth(&p, "height", k), (int)BLOCKS + 2 + i);
                if (nth(&p, "kind", k) == QN_TEMPLATE_KIND_EMPTY) {
                    assert_int_equal(full, 0);
                    tip[empty++] = nth(&p, "t_tip", k);
                    assert_int_equal(nth(&p, "n_tx", k), 0);
                } else {
                    full++;
                    tip[1] = nth(&p, "t_tip", k);
                }
                assert_true(nth(&p, "t_built", k) >= nth(&p, "t_tip", k));
            }
            nap();
        }
        assert_int_equal(empty, 1);
        assert_int_equal(full, 1);
        assert_true(tip[0] == tip[1] && tip[0] > 0);
        if (i < 2)
            mine(&p);
    }
    end(&p);
}

static void test_fees__up_and_down_by_the_delta_and_no_less(void **state)
{
    play p;
    (void)state;
    begin(&p, GRANTS);
    long long sub = open_sub(&p, "100 5000 0");
    const tb_tx *a = add(&p, spend_block(&p, 1, 3000));
    tell(&p, "sub wait %lld 400", sub);
    await(&p, QN_E_TIMEOUT); /* below the delta */
    add(&p, spend_block(&p, 2, 2000));
    await(&p, 0);
    tell(&p, "drain %lld release", sub);
    assert_int_equal(num(&p, "why"), QN_TEMPLATE_WHY_FEES);
    assert_int_equal(num(&p, "fees"), 5000);
    assert_int_equal(count(&p, "\"kind\""), 1);
    tell(&p, "prior -3000 %s", txid_hex(a)); /* it pays nothing now: left out */
    expect(&p, "\"status\":0");
    tell(&p, "sub wait %lld 400", sub);
    await(&p, QN_E_TIMEOUT);
    add(&p, spend_block(&p, 3, 1000));
    tell(&p, "throttle 100 0 0");
    tell(&p, "sub reconf %lld", sub);
    await(&p, 0);
    tell(&p, "drain %lld release", sub);
    assert_int_equal(num(&p, "fees"), 3000);
    tell(&p, "prior 3000 %s", txid_hex(a));
    await(&p, 0);
    tell(&p, "drain %lld release", sub);
    assert_int_equal(num(&p, "fees"), 6000);
    tell(&p, "prior -3000 %s", txid_hex(a));
    await(&p, 0);
    tell(&p, "drain %lld release", sub); /* a fall is told too */
    assert_int_equal(num(&p, "fees"), 3000);
    end(&p);
}

static void test_subscription__has_distinct_ends(void **state)
{
    play p;
    (void)state;
    begin(&p, GRANTS);
    long long sub = open_sub(&p, "100 0 0"), other;
    tell(&p, "sub wait %lld 200", sub); /* threshold 0, empty mempool: nothing comes */
    await(&p, QN_E_TIMEOUT);
    tell(&p, "sub wait %lld 60000", sub);
    tell(&p, "sub cancel %lld", sub);
    expect(&p, "\"status\":0");
    await(&p, QN_E_CANCELED);
    tell(&p, "sub cancel %lld", sub);
    expect(&p, "\"status\":-9");
    tell(&p, "sub wait %lld 0", sub);
    expect(&p, "\"status\":-7");
    tell(&p, "sub wait %lld 100", sub);
    tell(&p, "sub close %lld", sub); /* during the wait */
    expect(&p, "\"status\":0");
    tell(&p, "sub close %lld", sub);
    expect(&p, "\"status\":-6");
    tell(&p, "drain %lld keep", sub);
    expect(&p, "\"status\":-6");
    tell(&p, "ready");
    other = open_sub(&p, "100 0 1");
    tell(&p, "sub wait %lld 300", other);
    await(&p, QN_E_TIMEOUT);
    expect(&p, "[-18]"); /* the closed one's did not run */
    add(&p, spend_block(&p, 1, 1000));
    tell(&p, "sub wait %lld 300", other); /* TIP_ONLY */
    await(&p, QN_E_TIMEOUT);
    tell(&p, "create");
    long long id = num(&p, "id");
    mine(&p);
    await(&p, 0);
    tell(&p, "view %lld", id);
    expect(&p, "\"status\":0"); /* in its grace */
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    do
        tell(&p, "view %lld", id);
    while (num(&p, "status") == 0 && qc_clock_mono() < until);
    expect(&p, "\"status\":-29");
    tell(&p, "all %lld", id);
    expect(&p, "\"list\":-29");
    for (int i = 0; i < 16; i++) {
        tell(&p, "open");
        if (num(&p, "status"))
            break;
    }
    expect(&p, "\"status\":-5");
    tell(&p, "sub wait %lld 60000", other);
    end(&p); /* unloaded during the wait */
}

/* The chain thread at a certain point: it mines, and waits again. */
typedef struct gate {
    play *p;
    _Atomic int at; /* 1: may mine; 2: has mined; 3: may go on; 4: has gone */
} gate;

static void until(const gate *g, int at)
{
    while (atomic_load(&g->at) < at)
        nap();
}

static void run_gate(qc_chain *c, void *arg)
{
    gate *g = arg;
    job j = {.p = g->p};
    until(g, 1);
    empty_block(c, &j);
    atomic_store(&g->at, 2);
    until(g, 3);
    atomic_store(&g->at, 4);
}

static void test_reconfigure__nothing_of_the_old_options_comes_after_it(void **state)
{
    play p;
    (void)state;
    begin(&p, GRANTS);
    long long sub = open_sub(&p, "100 0 0");
    gate g = {.p = &p};
    qc_chain_post(p.r.thread, run_gate, &g);
    tell(&p, "opt -1 -1 -1 -1 1");
    tell(&p, "sub reconf %lld", sub);
    expect(&p, "\"status\":0");
    atomic_store(&g.at, 1);
    until(&g, 2); /* a tip has come, and the subscription has not followed */
    tell(&p, "drain %lld release", sub);
    assert_int_equal(count(&p, "\"kind\""), 0);
    atomic_store(&g.at, 3);
    until(&g, 4);
    await(&p, 0);
    tell(&p, "drain %lld release", sub);
    assert_int_equal(count(&p, "\"kind\""), 1);
    assert_int_equal(num(&p, "kind"), QN_TEMPLATE_KIND_EMPTY);
    assert_int_equal(num(&p, "height"), BLOCKS + 2);
    end(&p);
}

static void test_reconfigure__cannot_be_had_faster_than_it_is_paid_for(void **state)
{
    play p;
    (void)state;
    begin(&p, GRANTS);
    long long sub = open_sub(&p, "100 0 0");
    qc_mono began = qc_clock_mono();
    tell(&p, "storm %lld 2000", sub);
    qc_mono took = qc_clock_mono() - began;
    assert_int_equal(num(&p, "ok") + num(&p, "busy"), 2000);
    assert_in_range(num(&p, "ok"), 1, 30 + took / 40000000); /* 25 at once, and 25 in a second */
    end(&p);
}

static void test_quota__refuses_and_never_drops_what_is_held(void **state)
{
    play p;
    (void)state;
    begin(&p, GRANTS);
    long long id[9], sub = open_sub(&p, "100 0 0");
    for (int i = 0; i < 8; i++) {
        tell(&p, "create");
        expect(&p, "\"status\":0");
        id[i] = num(&p, "id");
        assert_true(!i || id[i] > id[i - 1]);
    }
    tell(&p, "create");
    expect(&p, "\"status\":-5");
    mine(&p);
    tell(&p, "drain %lld keep", sub);
    expect(&p, "\"status\":-5"); /* it stays for later */
    for (int i = 0; i < 2; i++)
        tell(&p, "release %lld", id[i]);
    await(&p, 0);
    tell(&p, "drain %lld keep", sub);
    assert_true(count(&p, "\"kind\"") >= 1);
    tell(&p, "usage");
    expect(&p, "\"status\":0");
    assert_int_equal(num(&p, "kept"), num(&p, "held") + 3); /* the first two, and the one of open */
    end(&p);
}

/* ---- solutions ---- */

static void test_solution__never_changes_the_template(void **state)
{
    play p;
    (void)state;
    begin(&p, GRANTS);
    add(&p, spend_block(&p, 1, 1000));
    tell(&p, "create");
    long long id = num(&p, "id");
    char *before = strdup(tell(&p, "all %lld", id));
    tell(&p, "solve %lld held 1 1 1", id); /* claims a satoshi too much */
    expect(&p, "\"status\":0,\"is\":2,\"reason\":\"bad-cb-amount\"");
    tell(&p, "solve %lld held 1 1 1", id);
    expect(&p, "\"is\":4,\"reason\":\"duplicate-invalid\"");
    tell(&p, "solve %lld held 2 0 0", id); /* no witness */
    expect(&p, "\"is\":2,\"reason\":\"bad-witness-nonce-size\"");
    assert_string_equal(before, tell(&p, "all %lld", id));
    tell(&p, "solve %lld held 3 1 0", id);
    expect(&p, "\"status\":0,\"is\":1,\"reason\":\"\"");
    assert_int_equal(height(&p), BLOCKS + 1);
    tell(&p, "solve %lld held 3 1 0", id);
    expect(&p, "\"is\":3,\"reason\":\"duplicate\"");
    tell(&p, "solve %lld held 4 1 0", id); /* valid, but another was first */
    expect(&p, "\"is\":6,\"reason\":\"inconclusive\"");
    assert_int_equal(height(&p), BLOCKS + 1);
    tell(&p, "release %lld", id);
    tell(&p, "solve %lld held 5 1 0", id);
    expect(&p, "\"status\":-6");
    tell(&p, "solve %lld kept 5 1 0", id);
    expect(&p, "\"status\":0,\"is\":6");
    tell(&p, "solve 1 kept 5 1 0");
    expect(&p, "\"status\":-9");
    free(before);
    end(&p);
}

static void test_solution__outlives_the_plugin(void **state)
{
    play p;
    (void)state;
    begin(&p, GRANTS);
    add(&p, spend_block(&p, 1, 1000));
    tell(&p, "create");
    long long id = num(&p, "id");
    qc_bytes cb = QC_BYTES_INIT;
    const qc_template *t = qc_book_find(p.r.host->book, RIG_ID, (uint64_t)id, true);
    assert_non_null(t);
    assert_int_equal(
        qc_coinbase_write(&t->coinbase, qc_span_of("\x51", 1), qc_span_of("x", 1), &cb), QC_OK);
    char *hex = qc_alloc(2 * cb.len + 1);
    to_hex(cb.data, cb.len, hex);
    if (!RIG_TRUSTED) {
        uint64_t n = rig_events(&p.r);
        qc_plugin *plugin = rig_plugin_at(&p.r, 0);
        assert_int_equal(kill(atomic_load(&plugin->pid), SIGKILL), 0);
        rig_await(&p.r, n, QC_PLUGIN_RUNNING, "");
    }
    tell(&p, "raw %lld %d %u %s", id, t->version, t->cur_time, hex);
    expect(&p, "\"status\":0,\"is\":1,\"reason\":\"\"");
    assert_int_equal(height(&p), BLOCKS + 1);
    tell(&p, "view %lld", id);
    assert_int_equal(num(&p, "status"), RIG_TRUSTED ? 0 : QN_E_CLOSED);
    qc_template_unref(t);
    qc_bytes_free(&cb);
    qc_free(hex);
    end(&p);
}

static void test_heights__from_the_first_block_on(void **state)
{
    play p;
    (void)state;
    begin_at(&p, GRANTS, 0);
    for (uint32_t h = 1; h <= 17; h++) {
        tell(&p, "create");
        long long id = num(&p, "id");
        assert_int_equal(num(&p, "height"), h);
        tell(&p, "solve %lld held 0 1 0", id);
        expect(&p, "\"status\":0,\"is\":1,\"reason\":\"\"");
        tell(&p, "release %lld", id);
    }
    end(&p);
}

/* ---- blocks and proposals ---- */

/* A solved block of the pool, with or without its coinbase's witness, the same for the same tag;
 * hex, owned. */
static char *tagged_hex(play *p, bool witness, char tag)
{
    const qc_template *t = node_template(p);
    qc_coinbase c = t->coinbase;
    qc_bytes cb = QC_BYTES_INIT, bytes;
    uint64_t tries = 1000000;
    c.has_witness = witness;
    assert_int_equal(qc_coinbase_write(&c, qc_span_of("\x51", 1), qc_span_of(&tag, 1), &cb), QC_OK);
    const qc_solution s = {.version = t->version,
                           .time = t->cur_time,
                           .bits = t->bits,
                           .coinbase = qc_bytes_span(&cb)};
    assert_int_equal(qc_template_bytes(t, &s, &bytes), QC_OK);
    assert_int_equal(qc_mining_solve(t->params, bytes.data, &tries, NULL), QC_SOLVE_FOUND);
    char *hex = qc_alloc(2 * bytes.len + 1);
    to_hex(bytes.data, bytes.len, hex);
    qc_bytes_free(&cb);
    qc_bytes_free(&bytes);
    qc_template_unref(t);
    return hex;
}

static char *block_hex(play *p, bool witness)
{
    return tagged_hex(p, witness, 'y');
}

/* Another nonce, with which it is not solved. */
static void weaken(char *hex)
{
    uint8_t head[QC_HEADER_LEN];
    qc_header h;
    qc_hash hash;
    for (size_t i = 0; i < sizeof head; i++)
        sscanf(hex + 2 * i, "%2hhx", &head[i]);
    qc_header_read(head, &h);
    do {
        h.nonce++;
        qc_header_hash(&h, &hash);
    } while (hash.b[31] <= 0x7f);
    char next = hex[2 * sizeof head];
    qc_header_write(&h, head);
    to_hex(head, sizeof head, hex);
    hex[2 * sizeof head] = next;
}

static void test_block__gets_its_witness_only_when_asked(void **state)
{
    play p;
    (void)state;
    begin(&p, GRANTS);
    add(&p, spend_block(&p, 1, 1000));
    char *bare = block_hex(&p, false);
    tell(&p, "block 2 %s", bare);
    expect(&p, "\"status\":-7");
    tell(&p, "block 0 00");
    expect(&p, "\"status\":-7");
    tell(&p, "check 0 %s", bare);
    expect(&p, "\"status\":0,\"is\":2,\"reason\":\"bad-witness-nonce-size\"");
    tell(&p, "block 1 %s", bare);
    expect(&p, "\"status\":0,\"is\":1,\"reason\":\"\"");
    assert_int_equal(height(&p), BLOCKS + 1);
    tell(&p, "block 1 %s", bare);
    expect(&p, "\"is\":3,\"reason\":\"duplicate\"");
    qc_free(bare);
    end(&p);
}

/* What is wrong costs its plugin, whether it has room for the answer or not, and known blocks and
 * those without work next to nothing; what was found is taken whatever was handed in before. */
static void test_block__is_never_refused_for_others_that_were_bad(void **state)
{
    play p;
    (void)state;
    begin(&p, GRANTS);
    char *known = block_hex(&p, true);
    tell(&p, "block 0 %s", known);
    expect(&p, "\"status\":0,\"is\":1");
    tell(&p, "flood 200 %s", known);
    assert_int_equal(num(&p, "ok"), 200);
    char *good = block_hex(&p, true), *bad = qc_strdup(good), *weak = qc_strdup(good);
    weaken(weak);
    tell(&p, "block 0 %s", weak);
    expect(&p, "\"status\":0,\"is\":2,\"reason\":\"high-hash\"");
    tell(&p, "flood 100 %s", weak);
    assert_int_equal(num(&p, "ok"), 100);
    char *last = bad + strlen(bad) - 1; /* of the coinbase's lock time: another merkle root */
    *last = *last == '0' ? '1' : '0';
    tell(&p, "block 0 %s", bad);
    expect(&p, "\"status\":0,\"is\":2,\"reason\":\"bad-txnmrklroot\"");
    qc_mono began = qc_clock_mono();
    tell(&p, "flood 300 %s", bad);
    qc_mono took = qc_clock_mono() - began;
    assert_int_equal(num(&p, "ok") + num(&p, "busy"), 300);
    assert_in_range(num(&p, "ok"), 5, 20 + took / 200000000);
    char *other = tagged_hex(&p, true, 'z');
    tell(&p, "block 0 %s", other);
    expect(&p, "\"status\":0,\"is\":1");
    assert_int_equal(height(&p), BLOCKS + 2);
    qc_free(known);
    qc_free(good);
    qc_free(bad);
    qc_free(weak);
    qc_free(other);
    end(&p);
}

/* Say the same so often, turn by turn. Returns: how many were looked at; *most: that may have been,
 * with what the budget allows. */
static unsigned take_turns(play *p, char **what, unsigned n, unsigned rounds, unsigned *most)
{
    qc_mono began = qc_clock_mono();
    unsigned ok = 0;
    for (unsigned i = 0; i < n * rounds; i++) {
        tell(p, "%s", what[i % n]);
        ok += num(p, "status") == QN_OK;
        if (num(p, "status") != QN_OK)
            assert_int_equal(num(p, "status"), QN_E_BUSY);
    }
    *most = 16 * n + 6 + (unsigned)((qc_clock_mono() - began) / 200000000);
    return ok;
}

/* Who has found some blocks cannot keep the node busy with other bodies of them, by turns. */
static void test_block__bodies_of_each_header_are_counted(void **state)
{
    play p;
    (void)state;
    begin(&p, GRANTS);
    char *what[3];
    unsigned most;
    for (int i = 0; i < 3; i++) {
        char *good = tagged_hex(&p, true, (char)('a' + i));
        size_t room = strlen(good) + 20;
        what[i] = qc_alloc(room);
        snprintf(what[i], room, "block 0 %s", good);
        qc_free(good);
        char *last = what[i] + strlen(what[i]) - 1; /* of the coinbase's lock time */
        *last = *last == '0' ? '1' : '0';
    }
    unsigned ok = take_turns(&p, what, 3, 30, &most);
    assert_in_range(ok, 48, most);
    assert_int_equal(height(&p), BLOCKS);
    char *other = tagged_hex(&p, true, 'z'); /* what was found since is taken */
    tell(&p, "block 0 %s", other);
    expect(&p, "\"status\":0,\"is\":1");
    for (int i = 0; i < 3; i++)
        qc_free(what[i]);
    qc_free(other);
    end(&p);
}

/* Of a template as of a whole block: its coinbase's witness is no part of the header. */
static void test_solution__bodies_of_each_header_are_counted(void **state)
{
    play p;
    (void)state;
    begin(&p, GRANTS);
    char what[2][64], *turns[2] = {what[0], what[1]};
    unsigned most;
    tell(&p, "create");
    long long id = num(&p, "id");
    for (int i = 0; i < 2; i++) /* without witness */
        snprintf(what[i], sizeof what[i], "solve %lld held %d 0 0", id, i);
    unsigned ok = take_turns(&p, turns, 2, 40, &most);
    assert_in_range(ok, 32, most);
    tell(&p, "solve %lld held 7 1 0", id);
    expect(&p, "\"status\":0,\"is\":1");
    end(&p);
}

static void test_check__judges_and_hands_in_nothing(void **state)
{
    play p;
    (void)state;
    begin(&p, GRANTS);
    char *good = block_hex(&p, true);
    tell(&p, "check 0 %s", good);
    expect(&p, "\"status\":0,\"is\":1,\"reason\":\"\"");
    assert_int_equal(height(&p), BLOCKS);
    char was = good[2 * 36]; /* the merkle root */
    good[2 * 36] = was == '0' ? '1' : '0';
    tell(&p, "check 1 %s", good);
    expect(&p, "\"is\":2,\"reason\":\"bad-txnmrklroot\"");
    tell(&p, "check 3 %s", good);
    expect(&p, "\"is\":1");
    good[2 * 36] = was;
    mine(&p);
    tell(&p, "check 0 %s", good);
    expect(&p, "\"is\":2,\"reason\":\"inconclusive-not-best-prevblk\"");
    tell(&p, "block 0 %s", good);
    expect(&p, "\"is\":6,\"reason\":\"inconclusive\"");
    tell(&p, "check 0 %s", good);
    expect(&p, "\"is\":5,\"reason\":\"duplicate-inconclusive\"");
    qc_free(good);
    end(&p);
}

/* What is no block is read all the same: a plugin has no more of it for nothing than of others. */
static void test_check__what_is_no_block_is_paid_for(void **state)
{
    play p;
    (void)state;
    begin(&p, GRANTS);
    qc_mono began = qc_clock_mono();
    tell(&p, "junk 400");
    qc_mono took = qc_clock_mono() - began;
    assert_int_equal(num(&p, "invalid") + num(&p, "busy"), 400);
    assert_in_range(num(&p, "invalid"), 10, 110 + took / 20000000);
    end(&p);
}

static void test_submit__needs_a_grant_of_its_own(void **state)
{
    play p;
    (void)state;
    begin(&p, TEMPLATES);
    tell(&p, "create");
    expect(&p, "\"status\":0");
    tell(&p, "block 0 00");
    expect(&p, "\"status\":-1");
    end(&p);
}

/* ---- on trial ---- */

static void test_with__includes_excludes_and_reorders(void **state)
{
    play p;
    (void)state;
    begin(&p, GRANTS);
    const tb_tx *a = add(&p, spend_block(&p, 1, 1000));
    const tb_tx *b = add(&p, spend_tx(&p, a, 0, 2000));
    const tb_tx *c = add(&p, spend_block(&p, 2, 50000));
    tell(&p, "with 0 0 1 0 %s", txid_hex(a)); /* and what spends it */
    expect(&p, "\"status\":0");
    assert_int_equal(num(&p, "n_tx"), 1);
    assert_int_equal(num(&p, "fees"), 50000);
    tell(&p, "release %lld", num(&p, "id"));
    tell(&p, "with 0 0 1 0 %s", txid_hex(b));
    assert_int_equal(num(&p, "fees"), 51000);
    tell(&p, "release %lld", num(&p, "id"));
    tell(&p, "with 0 0 2 0 %s", txid_hex(b)); /* first, and what it spends */
    assert_int_equal(num(&p, "n_tx"), 3);
    long long id = num(&p, "id");
    tell(&p, "all %lld", id);
    char hex[65];
    qc_hash h = tb_txid(c);
    qc_hash_hex(&h, hex);
    assert_non_null(strstr(p.text, hex));
    assert_true(strstr(p.text, hex) > strstr(p.text, ",-1")); /* c after b, whose parent is 1 */
    tell(&p, "release %lld", id);
    tell(&p, "with 0 0 0 1000000 %s", txid_hex(b));
    id = num(&p, "id");
    tell(&p, "chunks %lld", id);
    expect(&p, "\"status\":0,\"diagram\":0,\"n\":2,\"m\":2");
    expect(&p, "\"chunks\":[1003000,1,50000,50000,3,3000]"); /* a with b first; the pool's own */
    tell(&p, "release %lld", id);
    tell(&p, "with 3600000 0 0 0 %s", txid_hex(b)); /* all too young */
    assert_int_equal(num(&p, "n_tx"), 0);
    tell(&p, "release %lld", num(&p, "id"));
    tell(&p, "with 0 3991200 0 0 %s", txid_hex(b)); /* room for one, and not for two that belong
                                                       together */
    assert_int_equal(num(&p, "fees"), 50000);
    tell(&p, "with 0 0 3 0 %s", txid_hex(b));
    expect(&p, "\"status\":-7");
    end(&p);
}

static void test_on__a_block_that_is_not_found_yet(void **state)
{
    play p;
    (void)state;
    begin(&p, GRANTS);
    const tb_tx *a = add(&p, spend_block(&p, 1, 1000));
    tell(&p, "create");
    long long parent = num(&p, "id");
    add(&p, spend_tx(&p, a, 0, 2000));
    add(&p, spend_block(&p, 2, 3000));
    tell(&p, "on %lld", parent);
    expect(&p, "\"status\":0");
    long long child = num(&p, "id");
    assert_int_equal(num(&p, "height"), BLOCKS + 2);
    assert_int_equal(num(&p, "fees"), 5000);
    assert_true(num(&p, "flags") & QN_TEMPLATE_FUTURE);
    expect(&p, "\"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\"");
    tell(&p, "on %lld", child);
    expect(&p, "\"status\":-12");
    tell(&p, "solve %lld held 1 1 0", child);
    expect(&p, "\"status\":-28"); /* its parent is not found */
    tell(&p, "solve %lld held 1 1 0", parent);
    expect(&p, "\"is\":1");
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    do
        tell(&p, "view %lld", parent);
    while (num(&p, "status") == 0 && qc_clock_mono() < until);
    expect(&p, "\"status\":-29");
    tell(&p, "release %lld", parent);
    tell(&p, "view %lld", child); /* what it is on is the tip */
    expect(&p, "\"status\":0");
    tell(&p, "solve %lld held 1 1 0", child);
    expect(&p, "\"status\":0,\"is\":1,\"reason\":\"\"");
    assert_int_equal(height(&p), BLOCKS + 2);
    tell(&p, "create");
    parent = num(&p, "id");
    mine(&p);
    tell(&p, "on %lld", parent);
    expect(&p, "\"status\":-29");
    end(&p);
}

/* Another template of the set writes nothing into those transactions that one has already. */
static void check_set_leaves(play *p, long long id, const uint8_t *wtxid)
{
    const qc_template *t = qc_book_find(p->r.host->book, RIG_ID, (uint64_t)id, true);
    qc_mempool_entry *e = NULL;
    assert_non_null(t);
    for (uint32_t i = 0; i < t->n_tx; i++)
        if (!memcmp(t->entry[i]->tx.rec->wtxid, wtxid, 32))
            e = (qc_mempool_entry *)(uintptr_t)t->entry[i];
    assert_non_null(e);
    assert_int_equal(e->fee, 700);
    const uint32_t sigops = e->sigop_cost;
    e->sigop_cost += 4;
    tell(p, "setmake 1");
    expect(p, "\"status\":0,\"is\":1");
    assert_int_equal(e->sigop_cost, sigops + 4);
    e->sigop_cost = sigops;
    tell(p, "release %lld", num(p, "id"));
    qc_template_unref(t);
}

static void test_set__makes_a_template_of_declared_transactions(void **state)
{
    play p;
    char list[64 * 3 + 1], raw[4000];
    (void)state;
    begin(&p, GRANTS);
    const tb_tx *a = add(&p, spend_block(&p, 1, 1000));
    tb_tx *mine_only = spend_block(&p, 2, 700); /* the mempool never sees it */
    qc_txbuf b;
    tb_tx_parse(mine_only, &b);
    to_hex(qc_chain_tip(p.r.chain)->hash.b, 32, list);
    to_hex(b.tx.rec->wtxid, 32, list + 64);
    memcpy(list + 128, txid_hex(a), 65); /* it has no witness: the same */
    tell(&p, "set %s", list);
    expect(&p, "\"status\":0,\"set\":1,\"missing\":1,\"places\":[1]");
    tell(&p, "setmake 1");
    expect(&p, "\"status\":-9");
    tell(&p, "add 1 00");
    expect(&p, "\"status\":-7");
    to_hex(qc_tx_bytes(&b.tx).data, qc_tx_bytes(&b.tx).len, raw);
    tell(&p, "usage");
    long long kept = num(&p, "bytes");
    assert_true(kept > 0);
    tell(&p, "add 1 %s", raw);
    expect(&p, "\"status\":0,\"missing\":0");
    tell(&p, "usage");
    assert_int_equal(num(&p, "bytes"), kept + (long long)qc_tx_bytes(&b.tx).len);
    tell(&p, "setmake 1");
    expect(&p, "\"status\":0,\"is\":1");
    assert_int_equal(num(&p, "fees"), 1700);
    long long id = num(&p, "id");
    check_set_leaves(&p, id, b.tx.rec->wtxid);
    tell(&p, "lookup %s", txid_hex(a));
    expect(&p, "\"room\":-19");
    expect(&p, "\"status\":0,\"first\":0,\"second\":-9");
    tell(&p, "solve %lld held 1 1 0", id);
    expect(&p, "\"is\":1");
    tell(&p, "usage");
    kept = num(&p, "bytes"); /* of the templates alone */
    tell(&p, "setmake 1");
    expect(&p, "\"status\":-29");
    tell(&p, "setfree 1");
    tell(&p, "usage");
    assert_int_equal(num(&p, "bytes"), kept);
    tell(&p, "setfree 1");
    expect(&p, "\"status\":-6");
    tell(&p, "set %s", list);
    expect(&p, "\"status\":-29");
    qc_txbuf_clear(&b);
    end(&p);
}

static void test_prioritise__is_paid_for_one_by_one(void **state)
{
    play p;
    (void)state;
    begin(&p, GRANTS);
    tell(&p, "ahead 100");
    expect(&p, "\"status\":0,\"again\":-22");
    end(&p);
}

QC_TEST_MAIN(cmocka_unit_test(test_create__is_what_the_node_would_mine),
             cmocka_unit_test(test_options__out_of_range_are_refused),
             cmocka_unit_test(test_tip__comes_empty_then_full_and_is_never_throttled),
             cmocka_unit_test(test_fees__up_and_down_by_the_delta_and_no_less),
             cmocka_unit_test(test_subscription__has_distinct_ends),
             cmocka_unit_test(test_reconfigure__nothing_of_the_old_options_comes_after_it),
             cmocka_unit_test(test_reconfigure__cannot_be_had_faster_than_it_is_paid_for),
             cmocka_unit_test(test_quota__refuses_and_never_drops_what_is_held),
             cmocka_unit_test(test_solution__never_changes_the_template),
             cmocka_unit_test(test_solution__outlives_the_plugin),
             cmocka_unit_test(test_heights__from_the_first_block_on),
             cmocka_unit_test(test_block__gets_its_witness_only_when_asked),
             cmocka_unit_test(test_block__is_never_refused_for_others_that_were_bad),
             cmocka_unit_test(test_block__bodies_of_each_header_are_counted),
             cmocka_unit_test(test_solution__bodies_of_each_header_are_counted),
             cmocka_unit_test(test_check__judges_and_hands_in_nothing),
             cmocka_unit_test(test_check__what_is_no_block_is_paid_for),
             cmocka_unit_test(test_submit__needs_a_grant_of_its_own),
             cmocka_unit_test(test_with__includes_excludes_and_reorders),
             cmocka_unit_test(test_on__a_block_that_is_not_found_yet),
             cmocka_unit_test(test_prioritise__is_paid_for_one_by_one),
             cmocka_unit_test(test_set__makes_a_template_of_declared_transactions))
