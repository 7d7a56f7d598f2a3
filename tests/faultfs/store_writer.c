/* What test_store_crash runs under the shim.
 *   store_writer write FOLDER  rounds of blocks, undo, index batch and coins flush, as the chain
 *                              orders them; says "index N" and "coins N" when it believes them
 * durable store_writer check FOLDER  says what is there in the same words, or "bad ..." with status
 * 4 when that is no state a crash may leave; then goes on for one round */
#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "core/base/log.h"
#include "core/store/blockfiles.h"
#include "core/store/coinsdb.h"
#include "core/store/indexdb.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 10
#define BLOCKS 3 /* in a round */
#define COINS 60 /* made in a round; the lower half of them is spent in the next */
#define BLOCK_LEN 9000
#define BATCH 700 /* bytes: a flush has several parts */

typedef struct store {
    qc_coinsdb *coins;
    qc_indexdb *index;
    qc_blockfiles *files;
} store;

QC_NORETURN QC_PRINTF(2, 3) static void end(int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
    exit(status);
}

static void must(qc_err err, const char *what)
{
    if (err)
        end(3, "error %s: %s", what, qc_err_text(err));
}

static void say(const char *what, unsigned n)
{
    printf("%s %u\n", what, n);
    fflush(stdout);
}

static void log_nowhere(void *arg, qc_log_level level, const char *area, const char *line,
                        size_t len)
{
    (void)arg, (void)level, (void)area, (void)line, (void)len;
}

/* ---- what a round holds ---- */

static qc_hash round_hash(unsigned r)
{
    qc_hash h = {{0}};
    memset(h.b, (int)r, r ? sizeof h.b : 0);
    return h;
}

static qc_outpoint coin_at(unsigned round, uint32_t n)
{
    return (qc_outpoint){round_hash(round), n};
}

/* Is the coin there after round r? */
static bool exists(unsigned r, unsigned round, uint32_t n)
{
    return round == r || (round < r && n >= COINS / 2);
}

static qc_header header_of(uint32_t id)
{
    return (qc_header){.version = 1, .time = id, .bits = 0x207fffff, .nonce = id};
}

static void body_of(uint32_t id, uint8_t out[static BLOCK_LEN])
{
    qc_header h = header_of(id);
    qc_header_write(&h, out);
    for (size_t i = QC_HEADER_LEN; i < BLOCK_LEN; i++)
        out[i] = (uint8_t)(i * 7 + id);
}

/* ---- writing ---- */

static qc_err load_table(store *s)
{
    uint32_t last;
    qc_err err = qc_indexdb_last(s->index, &last);
    for (uint32_t i = 0; !err && i <= last; i++) {
        qc_fileinfo info;
        if (!(err = qc_indexdb_info(s->index, i, &info)))
            err = qc_blockfiles_set_info(s->files, i, &info);
    }
    return err == QC_ENOENT ? QC_OK : err;
}

static void open_all(store *s, const char *dir)
{
    char detail[512] = "";
    char *coins = qc_asprintf("%s/chainstate", dir), *blocks = qc_asprintf("%s/blocks", dir);
    char *index = qc_asprintf("%s/blocks/index", dir);
    qc_blockfiles_options o = {.dir = blocks,
                               .magic = {1, 2, 3, 4},
                               .use_xor = true,
                               .fast = true,
                               .detail = detail,
                               .detail_cap = sizeof detail};
    must(qc_blockfiles_open(&s->files, &o), "open block files");
    must(qc_indexdb_open(&s->index, index, 1 << 20, false, detail, sizeof detail), detail);
    must(qc_coinsdb_open(&s->coins, coins, 1 << 18, false, detail, sizeof detail), detail);
    must(load_table(s), "load the file table");
    qc_free(coins);
    qc_free(blocks);
    qc_free(index);
}

static void close_all(store *s)
{
    qc_blockfiles_close(s->files);
    qc_indexdb_close(s->index);
    qc_coinsdb_close(s->coins);
}

static void write_blocks(store *s, unsigned round)
{
    uint8_t body[BLOCK_LEN];
    qc_indexdb_batch *b = qc_indexdb_batch_new(s->index);
    for (uint32_t id = (round - 1) * BLOCKS + 1; id <= round * BLOCKS; id++) {
        qc_filepos at, undo;
        body_of(id, body);
        must(qc_blockfiles_write_block(s->files, qc_span_of(body, sizeof body), id, id, &at),
             "block");
        qc_hash prev = round_hash(id);
        must(qc_blockfiles_write_undo(s->files, at.file, qc_span_of(body, id), &prev, &undo),
             "undo");
        qc_index_record r = {.header = header_of(id),
                             .height = id,
                             .status =
                                 QC_BLOCK_VALID_SCRIPTS | QC_BLOCK_HAVE_DATA | QC_BLOCK_HAVE_UNDO,
                             .n_tx = 1,
                             .file = at.file,
                             .data_pos = at.pos,
                             .undo_pos = undo.pos};
        qc_hash hash;
        qc_header_hash(&r.header, &hash);
        qc_indexdb_batch_put(b, &hash, &r);
    }
    must(qc_blockfiles_sync(s->files), "sync");
    uint32_t file[8];
    size_t n = qc_blockfiles_dirty(s->files, file, QC_COUNTOF(file));
    for (size_t i = 0; i < n; i++) {
        qc_fileinfo info = qc_blockfiles_info(s->files, file[i]);
        qc_indexdb_batch_info(b, file[i], &info);
    }
    qc_indexdb_batch_last(b, qc_blockfiles_last(s->files));
    must(qc_indexdb_batch_commit(b, true), "index");
    say("index", round);
}

static void flush_coins(store *s, unsigned round)
{
    qc_hash to = round_hash(round);
    qc_coinsdb_flush *f;
    must(qc_coinsdb_flush_begin(s->coins, &to, BATCH, &f), "flush begin");
    for (uint32_t n = 0; n < COINS; n++) {
        qc_outpoint made = coin_at(round, n), spent = coin_at(round - 1, n);
        must(qc_coinsdb_flush_put(f, &made, n, qc_span_of("\x51", 1), round, false), "put");
        if (round > 1 && n < COINS / 2)
            must(qc_coinsdb_flush_delete(f, &spent), "delete");
    }
    must(qc_coinsdb_flush_end(f), "flush end");
    say("coins", round);
}

static int do_write(const char *dir)
{
    store s;
    open_all(&s, dir);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        write_blocks(&s, round);
        flush_coins(&s, round);
    }
    close_all(&s);
    return 0;
}

/* ---- checking ---- */

/* Each coin found must belong to round `a` or `b`, and each that belongs to both must be found. */
static void check_coins(store *s, unsigned a, unsigned b)
{
    static bool found[ROUNDS + 3][COINS];
    memset(found, 0, sizeof found);
    qc_coins_iter *it;
    qc_outpoint o;
    qc_coin c;
    must(qc_coins_iter_new(s->coins, &it), "walk");
    qc_err err;
    while (!(err = qc_coins_iter_next(it, &o, &c))) {
        unsigned round = o.txid.b[0];
        if (round > ROUNDS + 2 || o.n >= COINS ||
            (!exists(a, round, o.n) && !exists(b, round, o.n)))
            end(4, "bad coin %u:%u between rounds %u and %u", round, o.n, a, b);
        if (c.value != o.n || c.height != round || c.script_len != 1)
            end(4, "bad contents of coin %u:%u", round, o.n);
        found[round][o.n] = true;
    }
    qc_coins_iter_free(it);
    if (err != QC_ENOENT)
        end(4, "bad walk over the coins: %s", qc_err_text(err));
    for (unsigned round = 1; round <= b; round++)
        for (uint32_t n = 0; n < COINS; n++)
            if (exists(a, round, n) && exists(b, round, n) && !found[round][n])
                end(4, "bad: coin %u:%u lost between rounds %u and %u", round, n, a, b);
}

/* The round the coins are at; an unfinished flush is finished first, as the chain would. */
static unsigned settle_coins(store *s)
{
    qc_hash best, to, from;
    bool unfinished;
    if (qc_coinsdb_best(s->coins, &best) || qc_coinsdb_heads(s->coins, &to, &from, &unfinished))
        end(4, "bad markers");
    if (!unfinished) {
        check_coins(s, best.b[0], best.b[0]);
        say("coins", best.b[0]);
        return best.b[0];
    }
    unsigned a = from.b[0], b = to.b[0];
    if (!qc_hash_is_zero(&best) || b != a + 1)
        end(4, "bad pair of heads %u and %u with best %u", a, b, best.b[0]);
    check_coins(s, a, b);
    say("coins", a);
    flush_coins(s, b);
    check_coins(s, b, b);
    return b;
}

typedef struct check {
    store *s;
    uint64_t seen; /* a bit for each block */
} check;

static qc_err check_block(void *arg, const qc_hash *hash, const qc_index_record *r)
{
    check *c = arg;
    uint8_t body[BLOCK_LEN];
    char detail[256] = "";
    uint32_t id = r->header.nonce;
    qc_bytes got = QC_BYTES_INIT;
    (void)hash;
    body_of(id, body);
    qc_err err = qc_blockfiles_read_block(c->s->files, (qc_filepos){r->file, r->data_pos}, &got,
                                          detail, sizeof detail);
    if (err || !qc_span_eq(qc_bytes_span(&got), qc_span_of(body, sizeof body)))
        end(4, "bad block %u: %s", id, detail);
    qc_bytes_free(&got);
    qc_hash prev = round_hash(id);
    err = qc_blockfiles_read_undo(c->s->files, (qc_filepos){r->file, r->undo_pos}, &prev, &got,
                                  detail, sizeof detail);
    if (err || !qc_span_eq(qc_bytes_span(&got), qc_span_of(body, id)))
        end(4, "bad undo of block %u: %s", id, detail);
    qc_bytes_free(&got);
    qc_fileinfo info = qc_blockfiles_info(c->s->files, (uint32_t)r->file);
    if (info.size < r->data_pos + BLOCK_LEN || info.undo_size < r->undo_pos + id)
        end(4, "bad info of file %d", (int)r->file);
    c->seen |= 1ull << id;
    return QC_OK;
}

static unsigned check_index(store *s)
{
    check c = {.s = s};
    if (qc_indexdb_each(s->index, check_block, &c))
        end(4, "bad index: %s", qc_indexdb_detail(s->index));
    unsigned n = 0;
    while (c.seen & 2ull << n)
        n++;
    if (c.seen >> (n + 1) || n % BLOCKS)
        end(4, "bad set of index records after block %u", n);
    return n / BLOCKS;
}

static int do_check(const char *dir)
{
    store s;
    open_all(&s, dir);
    unsigned index = check_index(&s);
    say("index", index);
    unsigned coins = settle_coins(&s);
    if (coins > index)
        end(4, "bad: coins at round %u, index at %u", coins, index);
    write_blocks(&s, index + 1);
    while (coins <= index)
        flush_coins(&s, ++coins);
    check_coins(&s, coins, coins);
    if (check_index(&s) != index + 1)
        end(4, "bad index after going on");
    close_all(&s);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    qc_log_set_sink(log_nowhere, NULL);
    return strcmp(argv[1], "write") == 0 ? do_write(argv[2]) : do_check(argv[2]);
}
