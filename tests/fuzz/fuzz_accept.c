/* Bytes as the next block of a regtest chain with a hundred spendable coinbases. Its header is made
 * to fit, so that the rules of connecting are reached. Judging a block changes nothing, and says
 * the same every time; a block that is found valid can be connected, and gives back all coins when
 * it is taken off again. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/chain/chain.h"
#include "core/os/file.h"
#include "tests/unit/builder.h"

#include <stdlib.h>

#define BASE 101u

static qc_chain *g_chain;
static tb_chain *g_builder;
static char g_dir[] = "/tmp/quoin-fuzz-XXXXXX";

static void no_log(void *arg, qc_log_level level, const char *area, const char *line, size_t len)
{
    (void)arg;
    (void)level;
    (void)area;
    (void)line;
    (void)len;
}

static void end(void)
{
    qc_chain_close(g_chain);
    tb_chain_free(g_builder);
    qc_err ignored = qc_os_remove_tree(g_dir);
    (void)ignored;
}

static void start(void)
{
    char detail[256];
    qc_log_set_sink(no_log, NULL);
    QC_ASSERT(mkdtemp(g_dir));
    g_builder = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    const qc_chain_options o = {.params = g_builder->params,
                                .dir = g_dir,
                                .dbcache = (size_t)8 << 20,
                                .has_min_work = true,
                                .has_assume_valid = true};
    qc_err err = qc_chain_open(&g_chain, &o, NULL, detail, sizeof detail);
    QC_ASSERT(!err && !qc_chain_activate(g_chain));
    for (uint32_t n = 0; n < BASE; n++) {
        tb_block *b = tb_chain_next(g_builder, 0);
        tb_block_finish(b, g_builder->params);
        qc_block *p = tb_block_parse(b);
        qc_verdict v;
        err = qc_chain_process_block(g_chain, p, true, true, NULL, &v);
        QC_ASSERT(!err && qc_verdict_ok(&v));
        qc_block_unref(p);
        tb_chain_push(g_builder, b);
        tb_block_free(b);
    }
    QC_ASSERT(qc_chain_tip(g_chain)->height == BASE);
    atexit(end);
}

/* Set the header onto the tip and repair root and proof of work. */
static qc_block *made_to_fit(const uint8_t *data, size_t len)
{
    const qc_index *tip = qc_chain_tip(g_chain);
    qc_block *b = NULL;
    if (len < QC_HEADER_LEN || qc_block_parse(qc_span_of(data, len), &b))
        return NULL;
    qc_header h = {.version = 0x20000000,
                   .prev = tip->hash,
                   .merkle_root = *qc_block_merkle_root(b, NULL),
                   .time = tip->header.time + 600,
                   .bits = tip->header.bits};
    qc_hash hash;
    do {
        h.nonce++;
        qc_header_hash(&h, &hash);
    } while (!qc_pow_ok(g_builder->params, &hash, h.bits));
    qc_block_unref(b);
    uint8_t *copy = qc_alloc(len);
    memcpy(copy, data, len);
    qc_header_write(&h, copy);
    QC_ASSERT(qc_block_parse(qc_span_of(copy, len), &b) == QC_WIRE_OK);
    qc_free(copy);
    return b;
}

static void connect_and_leave(qc_block *b)
{
    const qc_index *tip = qc_chain_tip(g_chain);
    qc_verdict v;
    qc_err err = qc_chain_process_block(g_chain, b, true, true, NULL, &v);
    QC_ASSERT(!err && qc_verdict_ok(&v));
    const qc_index *i = qc_chain_find(g_chain, qc_block_hash(b));
    QC_ASSERT(i && (qc_chain_tip(g_chain) == i || !qc_index_valid(i, QC_BLOCK_VALID_TREE)));
    err = qc_chain_invalidate(g_chain, i);
    QC_ASSERT(!err && qc_chain_tip(g_chain) == tip);
    /* All its coins are back: it could be connected again. */
    QC_ASSERT(qc_chain_test_block(g_chain, b, true, true, &v));
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    if (!g_chain)
        start();
    const qc_index *tip = qc_chain_tip(g_chain);
    qc_block *b = made_to_fit(data, len);
    if (!b)
        return -1;
    qc_verdict first, second;
    bool ok = qc_chain_test_block(g_chain, b, true, true, &first);
    QC_ASSERT(ok == qc_chain_test_block(g_chain, b, true, true, &second));
    QC_ASSERT(first.code == second.code && strcmp(first.reason, second.reason) == 0);
    QC_ASSERT(qc_chain_tip(g_chain) == tip);
    if (ok && !qc_chain_find(g_chain, qc_block_hash(b)))
        connect_and_leave(b);
    qc_block_unref(b);
    return 0;
}
