/* chain.read/1: what it keeps from one call to the next is never told for another tip or time. */
#include "core/host/internal.h"

#include "core/base/clock.h"
#include "quoin/chain_read.h"
#include "tests/unit/builder.h"
#include "tests/unit/chain_kit.h"

struct fix {
    chain_kit k;
    tb_chain *made;
    qc_host host;
    qc_plugin plugin;
    qn_cap cap;
};

static void fix_open(struct fix *f)
{
    const char *why;
    memset(f, 0, sizeof *f);
    kit_init(&f->k, QC_CHAIN_REGTEST);
    kit_must_open(&f->k);
    f->made = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    f->host.o.chain = f->k.c;
    f->host.epoch = 77;
    f->plugin.host = &f->host;
    f->cap = (qn_cap){.adapter = &QC_ADAPTER_CHAIN_READ, .plugin = &f->plugin};
    qc_plugin_here = &f->plugin;
    assert_int_equal(f->cap.adapter->open(&f->cap, &why), QC_OK);
}

static void fix_close(struct fix *f)
{
    f->cap.adapter->close(&f->cap);
    qc_plugin_here = NULL;
    qc_clock_set_mock(0);
    tb_chain_free(f->made);
    kit_end(&f->k);
}

static void grow(struct fix *f, uint32_t n)
{
    while (n-- > 0) {
        tb_block *b = tb_chain_next(f->made, 0);
        tb_block_finish(b, f->k.params);
        qc_bytes raw = tb_block_bytes(b);
        assert_true(kit_submit(&f->k, qc_bytes_span(&raw), NULL));
        tb_chain_push(f->made, b);
        tb_block_free(b);
        qc_bytes_free(&raw);
    }
}

/* Ask, and compare with the chain itself. */
static qn_chain_info ask(struct fix *f)
{
    const qn_chain_read_1 *t = f->cap.adapter->table;
    const qc_chain *c = f->k.c;
    const qc_index *tip = qc_chain_tip(c), *best = qc_chain_best_header(c);
    const qc_index *durable = qc_chain_durable(c);
    qc_hash work;
    qn_chain_info info = {.size = sizeof info};
    assert_int_equal(t->info(&f->cap, &info), QN_OK);
    assert_int_equal(info.size, sizeof info);
    assert_int_equal(info.epoch, 77);
    assert_memory_equal(info.tip.hash.b, tip->hash.b, 32);
    assert_int_equal(info.tip.height, tip->height);
    assert_int_equal(info.tip_time, tip->header.time);
    assert_int_equal(info.tip_mtp, qc_index_mtp(tip));
    qc_u256_to_hash(&tip->chain_work, &work);
    assert_memory_equal(info.chain_work, work.b, 32);
    assert_memory_equal(info.best_header.hash.b, best->hash.b, 32);
    assert_int_equal(info.best_header.height, best->height);
    assert_int_equal(info.durable.height, durable ? durable->height : 0);
    if (durable)
        assert_memory_equal(info.durable.hash.b, durable->hash.b, 32);
    assert_int_equal(info.chain_seq, qc_chain_seq(c));
    assert_int_equal(info.prune_height, qc_chain_prune_height(c));
    assert_int_equal(info.flags, qc_chain_initial_download(c) ? QN_CHAIN_INITIAL_DOWNLOAD : 0);
    assert_int_equal(info.progress_ppm, (uint32_t)(qc_chain_progress(c, tip) * 1e6));
    return info;
}

static void test_info__follows_the_tip_forth_and_back(void **state)
{
    (void)state;
    struct fix f;
    qc_clock_set_mock(1700000000);
    fix_open(&f);
    for (unsigned n = 0; n < 30; n++) {
        ask(&f);
        grow(&f, 1);
        ask(&f);
        if (n % 7 == 6)
            assert_int_equal(qc_chain_sync(f.k.c), QC_OK);
    }
    assert_int_equal(qc_chain_sync(f.k.c), QC_OK);
    assert_int_equal(ask(&f).durable.height, 30);
    assert_int_equal(qc_chain_invalidate(f.k.c, qc_chain_at(f.k.c, 21)), QC_OK);
    assert_int_equal(ask(&f).tip.height, 20);
    fix_close(&f);
}

static void test_info__a_new_header_alone_is_told(void **state)
{
    (void)state;
    struct fix f;
    const qc_index *i;
    qc_verdict v;
    qc_clock_set_mock(1700000000);
    fix_open(&f);
    grow(&f, 3);
    ask(&f);
    tb_block *b = tb_chain_next(f.made, 0);
    tb_block_finish(b, f.k.params);
    assert_true(qc_chain_accept_header(f.k.c, &b->header, true, &i, &v));
    qc_chain_headers_done(f.k.c, i);
    qn_chain_info info = ask(&f);
    assert_int_equal(info.tip.height, 3);
    assert_int_equal(info.best_header.height, 4);
    tb_block_free(b);
    fix_close(&f);
}

static void test_info__progress_follows_the_clock(void **state)
{
    (void)state;
    struct fix f;
    fix_open(&f);
    grow(&f, 3);
    qc_clock_set_mock((qc_unixtime)qc_chain_tip(f.k.c)->header.time + 86400);
    uint32_t before = ask(&f).progress_ppm;
    qc_clock_set_mock((qc_unixtime)qc_chain_tip(f.k.c)->header.time + 20 * 86400);
    assert_true(ask(&f).progress_ppm < before);
    fix_close(&f);
}

static void test_info__gives_no_more_than_there_is_room_for(void **state)
{
    (void)state;
    struct fix f;
    qn_chain_info info[2];
    fix_open(&f);
    const qn_chain_read_1 *t = f.cap.adapter->table;
    for (uint32_t room = 4; room <= sizeof info; room += 4) {
        memset(info, 0xee, sizeof info);
        info[0].size = room;
        assert_int_equal(t->info(&f.cap, info), QN_OK);
        uint32_t n = room < sizeof info[0] ? room : (uint32_t)sizeof info[0];
        assert_int_equal(info[0].size, n);
        for (size_t k = n; k < sizeof info; k++)
            assert_int_equal(((const uint8_t *)info)[k], 0xee);
    }
    info[0].size = 3;
    assert_int_equal(t->info(&f.cap, info), QN_E_INVAL);
    ask(&f);
    fix_close(&f);
}

QC_TEST_MAIN(cmocka_unit_test(test_info__follows_the_tip_forth_and_back),
             cmocka_unit_test(test_info__a_new_header_alone_is_told),
             cmocka_unit_test(test_info__progress_follows_the_clock),
             cmocka_unit_test(test_info__gives_no_more_than_there_is_room_for))
