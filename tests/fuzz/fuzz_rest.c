/* Requests below /rest/ to a node with a small chain and an empty pool: path, query and body, as
 * anybody may send them without a password. In a path "{0}" to "{9}" stand for the hashes of blocks
 * and "{a}" for a transaction's, which no mutation would guess. Whatever comes is answered, an
 * error with a line of text, and twice alike.
 *
 * path '\n' query '\n' body */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/chain/thread.h"
#include "core/mempool/pool.h"
#include "core/methods/rest.h"
#include "core/os/file.h"
#include "tests/unit/builder.h"

#include <stdlib.h>
#include <unistd.h>

#define BASE 10u

static qc_chain *g_chain;
static tb_chain *g_builder;
static qc_node g_node;
static char g_dir[] = "/tmp/quoin-fuzz-XXXXXX";
static char g_hash[BASE + 1][QC_HASH_HEX_LEN + 1];

static void no_log(void *arg, qc_log_level level, const char *area, const char *line, size_t len)
{
    (void)arg;
    (void)level;
    (void)area;
    (void)line;
    (void)len;
}

static bool no_tx(void *arg, const qc_hash *txid, qc_span *raw, uint32_t *vsize)
{
    (void)arg;
    (void)txid;
    (void)raw;
    (void)vsize;
    return false;
}

static bool no_spender(void *arg, const qc_outpoint *o, qc_hash *txid, qc_span *raw)
{
    (void)arg;
    (void)o;
    (void)txid;
    (void)raw;
    return false;
}

static void end(void)
{
    qc_chain_thread_end(g_node.chain_thread);
    qc_mempool_free(g_node.pool);
    qc_chain_close(g_chain);
    tb_chain_free(g_builder);
    qc_err ignored = qc_os_remove_tree(g_dir);
    (void)ignored;
}

static void grow(void)
{
    for (uint32_t n = 0; n < BASE; n++) {
        tb_block *b = tb_chain_next(g_builder, 0);
        tb_block_finish(b, g_builder->params);
        qc_block *p = tb_block_parse(b);
        qc_verdict v;
        qc_hash txid;
        QC_ASSERT(!qc_chain_process_block(g_chain, p, true, true, NULL, &v) && qc_verdict_ok(&v));
        qc_hash_hex(qc_block_hash(p), g_hash[n]);
        const qc_tx coinbase = qc_block_tx(p, 0);
        memcpy(txid.b, coinbase.rec->txid, 32);
        qc_hash_hex(&txid, g_hash[BASE]);
        qc_block_unref(p);
        tb_chain_push(g_builder, b);
        tb_block_free(b);
    }
    QC_ASSERT(!qc_chain_sync(g_chain));
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
    QC_ASSERT(!qc_chain_open(&g_chain, &o, NULL, detail, sizeof detail));
    QC_ASSERT(!qc_chain_activate(g_chain));
    grow();
    const qc_mempool_options m = qc_mempool_defaults(g_chain);
    QC_ASSERT(!qc_mempool_new(&g_node.pool, &m));
    static const qc_pool_view view = {NULL, no_tx, no_spender};
    g_node.pool_view = &view;
    g_node.chain = g_chain;
    g_node.params = g_builder->params;
    QC_ASSERT(!qc_chain_thread_start(&g_node.chain_thread, g_chain));
    QC_ASSERT(atexit(end) == 0);
}

/* Owned, qc_free(). */
static char *with_hashes(const char *text, size_t len)
{
    char *out = qc_alloc(len / 3 * QC_HASH_HEX_LEN + len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len && text[i]; i++) {
        bool known = text[i] == '{' && i + 2 < len && text[i + 2] == '}' &&
                     ((text[i + 1] >= '0' && text[i + 1] <= '9') || text[i + 1] == 'a');
        if (!known) {
            out[n++] = text[i];
            continue;
        }
        memcpy(out + n, g_hash[text[i + 1] == 'a' ? BASE : (unsigned)(text[i + 1] - '0')],
               QC_HASH_HEX_LEN);
        n += QC_HASH_HEX_LEN;
        i += 2;
    }
    out[n] = 0;
    return out;
}

/* Up to the end of the line; *at is behind it then. */
static char *next_line(const char *text, size_t len, size_t *at)
{
    size_t from = *at, n = 0;
    while (from + n < len && text[from + n] != '\n')
        n++;
    *at = from + n < len ? from + n + 1 : len;
    return with_hashes(text + from, n);
}

static void look_at(const qc_rest_reply *r)
{
    QC_ASSERT(r->status == 0 || r->status == 200 || (r->status >= 400 && r->status < 600));
    QC_ASSERT(r->status == 0 || r->content_type);
    QC_ASSERT(r->status != 500);
    if (r->status >= 400)
        QC_ASSERT(r->body.len >= 2 && memcmp(r->body.data + r->body.len - 2, "\r\n", 2) == 0);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    size_t at = 0;
    if (!g_chain)
        start();
    const char *text = (const char *)data;
    char *path = next_line(text, len, &at), *query = next_line(text, len, &at);
    const qc_rest_request q = {path, query, qc_span_of(data + at, len - at)};
    qc_rest_reply first = {.status = 0}, second = {.status = 0};
    qc_m_rest_serve(&g_node, &q, &first);
    look_at(&first);
    qc_m_rest_serve(&g_node, &q, &second);
    QC_ASSERT(first.status == second.status && first.body.len == second.body.len);
    int worth = first.status ? 0 : -1;
    qc_bytes_free(&first.body);
    qc_bytes_free(&second.body);
    qc_free(path);
    qc_free(query);
    return worth;
}
