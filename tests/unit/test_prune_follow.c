/* A follower of a pruned node: its pin holds blocks as far as its grant allows, then it gets a GAP
 * and goes on behind it. */
#include "core/host/internal.h"

#include "core/os/file.h"
#include "quoin/chain_follow.h"
#include "tests/unit/builder.h"
#include "tests/unit/chain_kit.h"

struct fix {
    chain_kit k;
    tb_chain *made;
    qc_host *host;
    qc_plugin plugin;
    qn_cap cap;
    uint64_t id;
    char params[64];
};

static void on_ready(void *arg, uint64_t follow)
{
    (void)arg;
    (void)follow;
}

static void fix_open(struct fix *f, uint64_t pin)
{
    const qc_params_override fast = {.fastprune = true};
    memset(f, 0, sizeof *f);
    kit_init(&f->k, QC_CHAIN_REGTEST);
    qc_params_free(f->k.params);
    assert_int_equal(qc_params_new(QC_CHAIN_REGTEST, &fast, &f->k.params), QC_OK);
    f->k.o.params = f->k.params;
    f->k.o.fastprune = true;
    f->k.o.prune_target = 2;
    f->k.o.prune_least = 1;
    kit_must_open(&f->k);
    f->made = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    const qc_host_options h = {.chain = f->k.c,
                               .network = "regtest",
                               .plugin_dir = f->k.dir,
                               .grant_dir = f->k.dir,
                               .data_dir = f->k.dir};
    f->host = qc_host_new(&h);
    f->plugin.host = f->host;
    f->plugin.label = qc_strdup("reader");
    assert_int_equal(qc_loop_new(&f->plugin.loop), QC_OK);
    snprintf(f->params, sizeof f->params, "window=16, pin=%llu", (unsigned long long)pin);
    f->cap =
        (qn_cap){.adapter = &QC_ADAPTER_CHAIN_FOLLOW, .plugin = &f->plugin, .params = f->params};
    qc_plugin_here = &f->plugin;
}

static const qn_chain_follow_1 *open_follow(struct fix *f)
{
    const char *why;
    const qn_chain_follow_1 *t = f->cap.adapter->table;
    const qn_follow_options o = {.size = sizeof o,
                                 .set = QN_SET_FOLLOW_OPTIONS_FLAGS,
                                 .flags = QN_FOLLOW_PIN | QN_FOLLOW_SPENT};
    qn_block_ref start;
    assert_int_equal(f->cap.adapter->open(&f->cap, &why), QC_OK);
    assert_int_equal(t->open(&f->cap, &o, NULL, 0, on_ready, NULL, &f->id, &start), QN_OK);
    return t;
}

static void fix_close(struct fix *f)
{
    f->cap.adapter->quiesce(&f->cap);
    f->cap.adapter->close(&f->cap);
    qc_plugin_here = NULL;
    qc_loop_free(f->plugin.loop);
    qc_free(f->plugin.label);
    assert_true(qc_host_stop(f->host));
    tb_chain_free(f->made);
    kit_end(&f->k);
    qc_host_free(f->host);
}

static void grow(struct fix *f, uint32_t n)
{
    static uint8_t ballast[9000] = {0x6a};
    while (n-- > 0) {
        tb_block *b = tb_chain_next(f->made, 0);
        tb_tx_out(b->tx[0], 0, qc_span_of(ballast, sizeof ballast));
        tb_block_finish(b, f->k.params);
        qc_bytes raw = tb_block_bytes(b);
        assert_true(kit_submit(&f->k, qc_bytes_span(&raw), NULL));
        tb_chain_push(f->made, b);
        tb_block_free(b);
        qc_bytes_free(&raw);
    }
}

/* Take and acknowledge events up to height `to`. */
static void follow_to(struct fix *f, uint32_t to)
{
    const qn_chain_follow_1 *t = f->cap.adapter->table;
    const qn_follow_event *ev;
    const qn_block_view *view;
    do {
        assert_int_equal(t->next(&f->cap, f->id, &ev, &view), QN_OK);
        assert_int_equal(ev->type, QN_EV_CONNECT);
        assert_non_null(view);
        assert_int_equal(t->ack(&f->cap, f->id, ev->seq), QN_OK);
    } while (ev->ref.height < to);
}

static void test_follow__a_pin_holds_then_a_gap_comes(void **state)
{
    (void)state;
    struct fix f;
    const qn_follow_event *ev;
    const qn_block_view *view;
    fix_open(&f, (uint64_t)310 * 9200);
    const qn_chain_follow_1 *t = open_follow(&f);
    grow(&f, 30);
    follow_to(&f, 20);
    /* Silent from here on, it is held for, and nothing is missing. */
    grow(&f, 290);
    assert_in_range(qc_chain_prune_height(f.k.c), 0, 20 - 10);
    assert_int_equal(t->next(&f.cap, f.id, &ev, &view), QN_OK);
    assert_int_equal(ev->type, QN_EV_CONNECT);
    assert_int_equal(ev->ref.height, 21);
    /* More than it may hold: what is not needed goes, though it is not heard of. */
    kit_log_clear();
    grow(&f, 60);
    assert_true(kit_logged("its pin at height 20 holds"));
    uint32_t first = qc_chain_prune_height(f.k.c);
    assert_in_range(first, 380 - 287 - 2 * 8, 380 - 287);
    assert_int_equal(t->next(&f.cap, f.id, &ev, &view), QN_OK);
    assert_int_equal(ev->type, QN_EV_GAP);
    assert_null(view);
    assert_int_equal(ev->prev.height, 21);
    assert_int_equal(ev->ref.height, first);
    assert_int_equal(t->ack(&f.cap, f.id, ev->seq), QN_OK);
    fix_close(&f);
}

static void test_follow__goes_on_behind_the_gap_to_the_tip(void **state)
{
    (void)state;
    struct fix f;
    const qn_follow_event *ev;
    const qn_block_view *view;
    fix_open(&f, 0); /* asks for a pin, but may hold nothing */
    const qn_chain_follow_1 *t = open_follow(&f);
    grow(&f, 400);
    uint32_t first = qc_chain_prune_height(f.k.c);
    assert_true(first > 90);
    assert_int_equal(t->next(&f.cap, f.id, &ev, &view), QN_OK);
    assert_int_equal(ev->type, QN_EV_GAP);
    assert_int_equal(ev->ref.height, first);
    for (uint32_t h = first; h <= 400; h++) {
        assert_int_equal(t->ack(&f.cap, f.id, ev->seq), QN_OK);
        assert_int_equal(t->next(&f.cap, f.id, &ev, &view), QN_OK);
        assert_int_equal(ev->type, QN_EV_CONNECT);
        assert_int_equal(ev->ref.height, h);
        assert_true(view->flags & QN_VIEW_SPENT);
    }
    assert_int_equal(t->next(&f.cap, f.id, &ev, &view), QN_E_AGAIN);
    fix_close(&f);
}

QC_TEST_MAIN(cmocka_unit_test(test_follow__a_pin_holds_then_a_gap_comes),
             cmocka_unit_test(test_follow__goes_on_behind_the_gap_to_the_tip))
