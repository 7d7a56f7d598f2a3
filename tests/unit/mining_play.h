/* tests/unit/mining_play.h: a plugin that mines, on a real chain and pool, and how the tests about
 * it speak with it. */
#pragma once
#include "tests/unit/host_rig.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/host/book.h"
#include "core/mempool/accept.h"
#include "core/mining/assemble.h"
#include "core/mining/miner.h"
#include "core/os/file.h"
#include "quoin/mining_template.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#define TEMPLATES "rpc.serve/1 = prefix=good.\nmining.template/1 = templates=8\n"
#define GRANTS                                                                                     \
    TEMPLATES "mining.template.unstable/1 = prioritise=yes\nunstable = yes\n"                      \
              "mining.submit/1 = yes\nmining.check/1 = yes\n"
#define LIMITS "[limits]\ncpu = normal\n[failure]\nrestart = 100/10min\n"
#define BLOCKS 130u
#define POOL_BYTES 4000000u
#define TXS 64u

typedef struct play {
    host_rig r;
    tb_tx *tx[TXS];
    unsigned n_tx;
    char *text; /* the last answer */
} play;

static void nap(void)
{
    const struct timespec t = {0, 2000000};
    nanosleep(&t, NULL);
}

/* ---- talking to the plugin ---- */

static const char *tell(play *p, const char *fmt, ...) QC_PRINTF(2, 3);
static const char *tell(play *p, const char *fmt, ...)
{
    static char words[300000], params[300100];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    snprintf(params, sizeof params, "[\"%s\"]", words);
    free(p->text);
    p->text = rig_call(&p->r, "good.do", params);
    return p->text;
}

/* Number of the n-th member of that name in the last answer. */
static long long nth(const play *p, const char *name, unsigned n)
{
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = p->text;
    for (unsigned i = 0; at && i <= n; i++)
        at = strstr(at + (i > 0), key);
    if (!at)
        fail_msg("no %s number %u in %s", name, n, p->text);
    return strtoll(at + strlen(key), NULL, 10);
}

static long long num(const play *p, const char *name)
{
    return nth(p, name, 0);
}

static unsigned count(const play *p, const char *text)
{
    unsigned n = 0;
    for (const char *at = p->text; (at = strstr(at, text)); at++)
        n++;
    return n;
}

static void expect(const play *p, const char *text)
{
    if (!strstr(p->text, text))
        fail_msg("%s is not in %s", text, p->text);
}

/* Wait for an on_ready of this status. */
static void await(play *p, int status)
{
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    char one[32], two[32], three[32];
    snprintf(one, sizeof one, "[%d]", status);
    snprintf(two, sizeof two, "[%d,", status);
    snprintf(three, sizeof three, ",%d", status);
    do {
        tell(p, "ready");
        if (strstr(p->text, one) || strstr(p->text, two) || strstr(p->text, three))
            return;
        nap();
    } while (qc_clock_mono() < until);
    fail_msg("no on_ready with %d", status);
}

/* ---- life ---- */

static void install(play *p, const char *grants)
{
    char *from = qc_asprintf("%s/tests/hostile/mining.so",
                             getenv("top_builddir") ? getenv("top_builddir") : ".");
    char *to = qc_asprintf("%s/p.so", p->r.plugin_dir);
    qc_bytes b = tmp_read(from);
    assert_int_equal(qc_os_write_file_atomic(to, qc_bytes_span(&b), 0644), QC_OK);
    qc_bytes_free(&b);
    qc_free(from);
    qc_free(to);
    rig_grant(&p->r, RIG_ID, "p.so", grants, LIMITS);
}

static void begin_at(play *p, const char *grants, uint32_t blocks)
{
    *p = (play){.r = {.backoff_ms = 1, .grace_ms = 3000}};
    rig_open(&p->r, NULL);
    install(p, grants);
    rig_grow(&p->r, blocks);
    rig_miner(&p->r, POOL_BYTES);
    rig_host_start(&p->r);
    if (qc_plugin_get_state(rig_plugin_at(&p->r, 0)) != QC_PLUGIN_RUNNING)
        fail_msg("it does not run: %s", rig_call(&p->r, "listplugins", "[]"));
}

static void begin(play *p, const char *grants)
{
    begin_at(p, grants, BLOCKS);
}

static void end(play *p)
{
    rig_close(&p->r);
    for (unsigned i = 0; i < p->n_tx; i++)
        tb_tx_free(p->tx[i]);
    free(p->text);
}

/* ---- transactions ---- */

static tb_tx *spend(play *p, const qc_hash *txid, uint32_t n, qc_amount value, qc_amount fee)
{
    static const uint8_t TRUE_SCRIPT[] = {0x51};
    const qc_span script = {TRUE_SCRIPT, 1};
    tb_tx *tx = p->tx[p->n_tx++] = tb_tx_new();
    assert_true(p->n_tx < TXS);
    tb_tx_in(tx, txid, n, (qc_span){NULL, 0}, TB_FINAL);
    tb_tx_out(tx, (value - fee) / 2, script);
    tb_tx_out(tx, (value - fee) - (value - fee) / 2, script);
    return tx;
}

static tb_tx *spend_block(play *p, uint32_t height, qc_amount fee)
{
    qc_block *b;
    qc_hash id;
    assert_int_equal(qc_chain_read_block(p->r.chain, qc_chain_at(p->r.chain, height), &b), QC_OK);
    const qc_tx tx = qc_block_tx(b, 0);
    memcpy(id.b, tx.rec->txid, 32);
    qc_amount value = tx.out[0].value;
    qc_block_unref(b);
    return spend(p, &id, 0, value, fee);
}

static tb_tx *spend_tx(play *p, const tb_tx *of, uint32_t n, qc_amount fee)
{
    qc_hash id = tb_txid(of);
    return spend(p, &id, n, of->out[n].value, fee);
}

typedef struct job {
    play *p;
    const tb_tx *tx;
    const qc_template *t;
    qc_hash hash;
    bool in;
} job;

static void run_offer(qc_chain *c, void *arg)
{
    job *j = arg;
    qc_txbuf b;
    qc_accept_result res;
    const qc_accept_opts o = {.test_only = false};
    (void)c;
    tb_tx_parse(j->tx, &b);
    assert_int_equal(qc_mempool_accept(j->p->r.node.pool, &b.tx, &o, &res), QC_OK);
    j->in = res.kind == QC_ACCEPT_VALID;
    qc_accept_result_clear(&res);
    qc_txbuf_clear(&b);
}

static const tb_tx *add(play *p, const tb_tx *tx)
{
    job j = {.p = p, .tx = tx};
    qc_chain_call(p->r.thread, run_offer, &j);
    assert_true(j.in);
    return tx;
}

static void run_template(qc_chain *c, void *arg)
{
    job *j = arg;
    (void)c;
    assert_int_equal(
        qc_miner_template(j->p->r.node.miner, NULL, QC_TEMPLATE_REQUEST, qc_clock_now(), &j->t),
        QC_OK);
}

static const qc_template *node_template(play *p)
{
    job j = {.p = p};
    qc_chain_call(p->r.thread, run_template, &j);
    return j.t;
}

static void to_hex(const uint8_t *b, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", b[i]);
    out[2 * n] = 0;
}

static char *txid_hex(const tb_tx *tx) /* as bytes lie on the wire; a static buffer */
{
    static char hex[65];
    qc_hash id = tb_txid(tx);
    to_hex(id.b, 32, hex);
    return hex;
}

/* The rig's own idea of the chain follows what plugins have mined. */
static uint32_t height(const play *p)
{
    return qc_chain_tip(p->r.chain)->height;
}

static void empty_block(qc_chain *c, void *arg)
{
    job *j = arg;
    qc_block *b = NULL;
    bool is_new;
    qc_verdict v;
    qc_bytes bytes;
    uint64_t tries = 1000000;
    run_template(c, arg);
    assert_int_equal(qc_template_simple(j->t, qc_span_of("\x51", 1), &bytes), QC_OK);
    qc_template_unref(j->t);
    assert_int_equal(qc_mining_solve(qc_chain_params(c), bytes.data, &tries, NULL), QC_SOLVE_FOUND);
    assert_int_equal(qc_block_parse(qc_bytes_span(&bytes), &b), QC_WIRE_OK);
    assert_int_equal(qc_chain_process_block(c, b, true, true, &is_new, &v), QC_OK);
    qc_block_unref(b);
    qc_bytes_free(&bytes);
}

/* Somebody else finds a block of all that the pool has. */
static void mine(play *p)
{
    uint32_t h = height(p);
    job j = {.p = p};
    qc_chain_call(p->r.thread, empty_block, &j);
    assert_int_equal(height(p), h + 1);
}
