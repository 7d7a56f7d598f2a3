/* The node without its services, to be crashed: opens a regtest folder, submits the blocks of a
 * file one by one in the order of the file, flushes often, and says on stdout, with one write() a
 * line, what from then on must survive whatever happens.
 *
 *   crash_import make SEED FILE          write a chain with reorganisations and invalid blocks
 *   crash_import makelong SEED FILE      one that is long enough to be pruned
 *   crash_import states DIR FILE         the coins' hash at every block that can ever be the tip
 *   crash_import run DIR FILE [EVERY [FOLLOWERS [PRUNE]]]
 *                                        flush after EVERY blocks (7), with FOLLOWERS (1), pruning
 *                                        to PRUNE bytes of block files (0: not at all)
 *
 * Lines of `run`: opened HASH COINS (as found on disk, before anything is connected), reindexing,
 * began HASH HEIGHT (after activation), new HASH (a body that was not here), durable HASH HEIGHT,
 * left HASH (disconnected), flushed HASH, kept HEIGHT (all bodies from there on were read), end
 * HASH HEIGHT MUHASH HASH3. Exit status: 0; 1 something is wrong with us; 3 the folder does not
 * open; 4 the node cannot go on. The reason is on stderr. */
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/chain/chain.h"
#include "core/os/file.h"
#include "tests/unit/block_tree.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRONG 1
#define NOT_OPENED 3
#define CANNOT_GO_ON 4
#define DBCACHE ((size_t)256 << 10) /* bytes; some flushes come because it is full */
#define BATCH 512u                  /* bytes: a flush is many batches */
#define BASE 105u
#define STEPS 30u
#define LONG_CHAIN 420u
#define BALLAST 4000u /* bytes of a block of the long chain: 16 to a file */
#define KEPT 288u     /* Core MIN_BLOCKS_TO_KEEP */

static qc_params *g_params;
static qc_chain *g_chain;
static uint64_t g_prune;

static void say(const char *fmt, ...) QC_PRINTF(1, 2);
static void say(const char *fmt, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line - 1, fmt, ap);
    va_end(ap);
    line[n++] = '\n';
    if (write(STDOUT_FILENO, line, (size_t)n) != n)
        _exit(WRONG);
}

static QC_NORETURN void die(int status, const char *fmt, ...) QC_PRINTF(2, 3);
static void die(int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    qc_chain_close(g_chain); /* as the node does on its way out */
    qc_params_free(g_params);
    exit(status);
}

static const char *hex(const qc_hash *h)
{
    static char text[4][QC_HASH_HEX_LEN + 1];
    static unsigned at;
    char *t = text[at++ % QC_COUNTOF(text)];
    qc_hash_hex(h, t);
    return t;
}

static void log_to_stderr(void *arg, qc_log_level level, const char *area, const char *line,
                          size_t len)
{
    (void)arg;
    (void)area;
    if (level <= QC_LOG_WARN)
        fprintf(stderr, "%s%.*s\n", level == QC_LOG_BUG ? "[bug] " : "", (int)len, line);
}

/* ---- events ---- */

static void on_durable(void *arg, const qc_index *tip)
{
    (void)arg;
    say("durable %s %u", hex(&tip->hash), tip->height);
}

static void on_disconnected(void *arg, const qc_index *i, const qc_block *b)
{
    (void)arg;
    (void)b;
    say("left %s", hex(&i->hash));
}

static void on_fatal(void *arg, const char *text)
{
    (void)arg;
    fprintf(stderr, "fatal: %s\n", text);
}

/* ---- the chain ---- */

static void open_chain(const char *dir)
{
    char detail[512];
    const qc_chain_events ev = {
        .durable = on_durable, .disconnected = on_disconnected, .fatal = on_fatal};
    const qc_chain_options o = {
        .params = g_params,
        .dir = dir,
        .dbcache = DBCACHE,
        .blocksxor = true,
        .fastprune = true, /* small block files: many of them */
        .prune_target = g_prune,
        .prune_least = 1,
        .has_min_work = true,
        .has_assume_valid = true,
        .checkblockindex = true,
        .flush_batch_bytes = BATCH,
        .check_level = 4,
        .check_blocks = 6,
    };
    qc_err err = qc_chain_open(&g_chain, &o, &ev, detail, sizeof detail);
    if (err)
        die(NOT_OPENED, "cannot open %s: %s (%s)", dir, detail, qc_err_text(err));
}

static void coins_hash(qc_utxo_hash kind, qc_utxo_stats *s)
{
    qc_err err = qc_utxo_stats_compute(qc_chain_coinsdb(g_chain), kind, NULL, s);
    if (err)
        die(CANNOT_GO_ON, "cannot read the coins: %s", qc_err_text(err));
}

static void must(qc_err err, const char *what)
{
    if (err)
        die(CANNOT_GO_ON, "%s: %s", what, qc_err_text(err));
}

/* What was asked for is taken in again: of a pruned node nobody asks for old blocks. */
static bool was_pruned(const qc_hash *hash)
{
    const qc_index *i = g_prune ? qc_chain_find(g_chain, hash) : NULL;
    return i && i->n_tx && !(i->status & QC_BLOCK_HAVE_DATA);
}

static void submit(qc_span raw)
{
    qc_block *b;
    bool is_new = false;
    qc_verdict v;
    if (qc_block_parse(raw, &b))
        die(WRONG, "the file holds what is no block");
    const qc_hash hash = *qc_block_hash(b);
    if (was_pruned(&hash)) {
        qc_block_unref(b);
        return;
    }
    qc_err err = qc_chain_process_block(g_chain, b, true, true, &is_new, &v);
    qc_block_unref(b);
    must(err, "submitting a block");
    if (is_new)
        say("new %s", hex(&hash));
}

static void flush(void)
{
    qc_utxo_stats s;
    must(qc_chain_flush(g_chain), "flushing");
    must(qc_coinsdb_best(qc_chain_coinsdb(g_chain), &s.best), "reading the best block");
    say("flushed %s", hex(&s.best));
}

static void import(const char *file, unsigned every)
{
    qc_blkscan *scan;
    qc_span raw;
    uint64_t offset;
    unsigned n = 0;
    if (qc_blkscan_open(&scan, file, g_params->magic, NULL))
        die(WRONG, "cannot read %s", file);
    while (qc_blkscan_next(scan, &raw, &offset) == QC_OK) {
        submit(raw);
        if (every && ++n % every == 0)
            flush();
    }
    qc_blkscan_close(scan);
}

static void finish(void)
{
    qc_utxo_stats mu, three;
    flush();
    coins_hash(QC_UTXO_MUHASH, &mu);
    coins_hash(QC_UTXO_HASH3, &three);
    const qc_index *tip = qc_chain_tip(g_chain);
    if (!qc_hash_eq(&mu.best, &tip->hash) || !qc_hash_eq(&three.best, &tip->hash))
        die(WRONG, "the coins are not the tip's");
    say("end %s %u %s %s", hex(&tip->hash), tip->height, hex(&mu.hash), hex(&three.hash));
}

/* An index that is lost, or was never written, comes from the block files. */
static void reindex(void)
{
    static const _Atomic bool never;
    qc_import_stats st;
    if (!qc_chain_reindexing(g_chain))
        return;
    say("reindexing");
    must(qc_chain_reindex(g_chain, &never, &st), "reindexing");
}

/* Everything from the prune height on is there, with what it spends, and that is enough. */
static void kept(void)
{
    uint32_t first = qc_chain_prune_height(g_chain), tip = qc_chain_tip(g_chain)->height;
    for (uint32_t h = first ? first : 1; h <= tip; h++) {
        qc_block *b;
        must(qc_chain_read_block_spent(g_chain, qc_chain_at(g_chain, h), &b), "reading a block");
        qc_block_unref(b);
    }
    if (first && tip - first + 1 < KEPT)
        die(WRONG, "at height %u only the blocks from %u on are here", tip, first);
    say("kept %u", first);
}

static void run(const char *dir, const char *file, unsigned every, unsigned followers)
{
    qc_utxo_stats s;
    open_chain(dir);
    coins_hash(QC_UTXO_HASH3, &s);
    say("opened %s %s", hex(&s.best), hex(&s.hash));
    reindex();
    must(qc_chain_activate(g_chain), "activating");
    const qc_index *tip = qc_chain_tip(g_chain);
    say("began %s %u", hex(&tip->hash), tip->height);
    if (g_prune)
        kept();
    qc_chain_set_followers(g_chain, followers);
    import(file, every);
    if (g_prune)
        kept();
    finish();
}

/* Every valid block is the best once all better ones are invalid. */
static void states(const char *dir, const char *file)
{
    open_chain(dir);
    must(qc_chain_activate(g_chain), "activating");
    import(file, 0);
    for (;;) {
        qc_utxo_stats s;
        const qc_index *tip = qc_chain_tip(g_chain);
        must(qc_chain_flush(g_chain), "flushing");
        coins_hash(QC_UTXO_HASH3, &s);
        say("state %s %s %u %s", hex(&tip->hash), hex(&s.hash), tip->height,
            hex(&tip->header.prev));
        if (tip->height == 0)
            break;
        must(qc_chain_invalidate(g_chain, tip), "invalidating");
    }
}

/* ---- a chain of our own ---- */

static void frame(FILE *f, qc_span raw)
{
    uint8_t size[4];
    for (unsigned i = 0; i < sizeof size; i++)
        size[i] = (uint8_t)(raw.len >> 8 * i);
    if (fwrite(g_params->magic, 4, 1, f) != 1 || fwrite(size, 4, 1, f) != 1 ||
        fwrite(raw.data, raw.len, 1, f) != 1)
        die(WRONG, "cannot write");
}

/* The chain grows; now and then it is left some blocks back for a branch one longer; now and then
 * a block that is not valid comes first. */
static void make(uint64_t seed, const char *path)
{
    bt_tree *t = bt_new(g_params, BASE, seed);
    FILE *f = fopen(path, "wb");
    if (!f)
        die(WRONG, "cannot write %s", path);
    size_t tip = t->n - 1, written = 1;
    for (unsigned step = 0; step < STEPS; step++) {
        size_t at = tip;
        unsigned back = step % 4 == 3 ? 1 + step / 4 : 0;
        for (unsigned k = 0; k < back; k++)
            at = t->node[at].parent;
        for (unsigned k = 0; k <= back; k++)
            at = bt_grow(t, at, BT_GOOD);
        tip = at;
        if (step % 7 == 6)
            bt_grow(t, tip, (bt_fault)(1 + step / 7 % (BT_FAULTS - 1)));
    }
    for (; written < t->n; written++)
        frame(f, qc_bytes_span(&t->node[written].raw));
    if (fclose(f))
        die(WRONG, "cannot write %s", path);
    bt_free(t);
}

/* Straight up, but for a branch of two that loses to one of three now and then. */
static void make_long(uint64_t seed, const char *path)
{
    static uint8_t ballast[BALLAST] = {0x6a};
    tb_chain *t = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    FILE *f = fopen(path, "wb");
    if (!f)
        die(WRONG, "cannot write %s", path);
    t->salt = (uint32_t)seed;
    while (t->tip < LONG_CHAIN) {
        tb_block *b = tb_chain_next(t, 0);
        tb_tx_out(b->tx[0], 0, qc_span_of(ballast, sizeof ballast));
        tb_block_finish(b, g_params);
        qc_bytes raw = tb_block_bytes(b);
        frame(f, qc_bytes_span(&raw));
        tb_chain_push(t, b);
        tb_block_free(b);
        qc_bytes_free(&raw);
        if (t->tip % 30 == 0 && t->salt++ % 2 == seed % 2)
            tb_chain_cut(t, t->tip - 2);
    }
    if (fclose(f))
        die(WRONG, "cannot write %s", path);
    tb_chain_free(t);
}

static unsigned number(int argc, char **argv, int at, unsigned otherwise)
{
    return at < argc ? (unsigned)strtoul(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    qc_log_set_sink(log_to_stderr, NULL);
    g_prune = number(argc, argv, 6, 0);
    const qc_params_override o = {.fastprune = g_prune != 0};
    if (qc_params_new(QC_CHAIN_REGTEST, &o, &g_params))
        return WRONG;
    if (strcmp(argv[1], "make") == 0)
        make(strtoull(argv[2], NULL, 10), argv[3]);
    else if (strcmp(argv[1], "makelong") == 0)
        make_long(strtoull(argv[2], NULL, 10), argv[3]);
    else if (strcmp(argv[1], "states") == 0)
        states(argv[2], argv[3]);
    else if (strcmp(argv[1], "run") == 0)
        run(argv[2], argv[3], number(argc, argv, 4, 7), number(argc, argv, 5, 1));
    else
        return 2;
    qc_chain_close(g_chain);
    qc_params_free(g_params);
    return 0;
}
