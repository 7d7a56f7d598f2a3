/* The store: what a coin costs to write and to find, undo data, appending blocks, statistics. */
#include "tests/bench/bench.h"

#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "core/base/log.h"
#include "core/os/file.h"
#include "core/store/blockfiles.h"
#include "core/store/coding.h"

#include <stdio.h>
#include <stdlib.h>

#define COINS 1000000u
#define COINS_SMOKE 1000u
#define GETS 2000u
#define BLOCK_LEN 1500000u
#define UNDO_IN 5000u

typedef struct state {
    char dir[64];
    uint32_t coins;
    qc_coinsdb *db;
    uint32_t round;
    qc_blockfiles *files;
    uint8_t *block;
    qc_block *parsed;
    qc_spent *spent;
    qc_bytes undo;
} state;

static void must(qc_err err)
{
    QC_ASSERT(!err);
}

/* Spread as txids are. */
static qc_outpoint coin_at(uint32_t i)
{
    qc_outpoint o = {.n = i & 3};
    uint64_t x = (i >> 2) * 0x9e3779b97f4a7c15u;
    for (unsigned k = 0; k < 4; k++) {
        x ^= x >> 31;
        x *= 0xbf58476d1ce4e5b9u;
        qc_write_le64(o.txid.b + 8 * k, x);
    }
    return o;
}

static void put_coins(void *arg)
{
    state *s = arg;
    uint8_t script[25] = {0x76, 0xa9, 20, [23] = 0x88, [24] = 0xac};
    qc_hash to = {{1}};
    qc_coinsdb_flush *f;
    qc_write_le32(to.b, ++s->round);
    must(qc_coinsdb_flush_begin(s->db, &to, 0, &f));
    for (uint32_t i = 0; i < s->coins; i++) {
        qc_outpoint o = coin_at(i);
        memcpy(script + 3, o.txid.b, 20);
        must(qc_coinsdb_flush_put(f, &o, 100000 + i, qc_span_of(script, 25), 500000, false));
    }
    must(qc_coinsdb_flush_end(f));
}

static void get(state *s, uint32_t from)
{
    for (uint32_t i = 0; i < GETS; i++) {
        qc_outpoint o = coin_at(from + (uint32_t)((uint64_t)i * 2654435761u % s->coins));
        qc_coin c = {0};
        qc_err err = qc_coinsdb_get(s->db, &o, &c);
        QC_ASSERT(from ? err == QC_ENOENT : !err);
        qc_coin_clear(&c);
    }
}

static void get_present(void *arg)
{
    get(arg, 0);
}

static void get_absent(void *arg)
{
    get(arg, 1u << 30);
}

static void stats(state *s, qc_utxo_hash kind)
{
    qc_utxo_stats st;
    must(qc_utxo_stats_compute(s->db, kind, NULL, &st));
    QC_ASSERT(st.txouts == s->coins);
}

static void stats_none(void *arg)
{
    stats(arg, QC_UTXO_NONE);
}
static void stats_hash3(void *arg)
{
    stats(arg, QC_UTXO_HASH3);
}
static void stats_muhash(void *arg)
{
    stats(arg, QC_UTXO_MUHASH);
}

static void append_block(void *arg)
{
    state *s = arg;
    qc_filepos pos;
    must(qc_blockfiles_write_block(s->files, qc_span_of(s->block, BLOCK_LEN), 1, 1, &pos));
    if (pos.file > 2) /* stay small */
        for (int32_t i = 0; i < pos.file; i++)
            must(qc_blockfiles_delete(s->files, (uint32_t)i));
}

static void undo_encode(void *arg)
{
    state *s = arg;
    qc_bytes_free(&s->undo);
    must(qc_undo_encode(s->parsed, s->spent, &s->undo));
}

static void undo_decode(void *arg)
{
    state *s = arg;
    qc_spent *spent;
    qc_bytes scripts;
    must(qc_undo_decode(s->parsed, qc_bytes_span(&s->undo), &spent, &scripts));
    qc_free(spent);
    qc_bytes_free(&scripts);
}

/* A coinbase, and one transaction of UNDO_IN inputs that spend every usual kind of script. */
static void make_block(state *s)
{
    static const uint8_t ZERO[80] = {0}, IN[41] = {1}, TAIL[14] = {1, 5};
    static const uint8_t SCRIPT[4][34] = {{0x76, 0xa9, 20, [23] = 0x88, [24] = 0xac},
                                          {0, 20, 1},
                                          {0xa9, 20, [22] = 0x87},
                                          {0x51, 32}};
    static const size_t LEN[4] = {25, 22, 23, 34};
    qc_bytes b = QC_BYTES_INIT;
    must(qc_bytes_append(&b, ZERO, sizeof ZERO));
    must(qc_w_u8(&b, 2));
    for (unsigned t = 0; t < 2; t++) {
        unsigned n = t ? UNDO_IN : 1;
        must(qc_w_le32(&b, 1));
        must(qc_w_compact(&b, n));
        for (unsigned i = 0; i < n; i++)
            must(qc_bytes_append(&b, IN, sizeof IN));
        must(qc_bytes_append(&b, TAIL, sizeof TAIL));
    }
    QC_ASSERT(qc_block_parse(qc_bytes_span(&b), &s->parsed) == QC_WIRE_OK);
    qc_bytes_free(&b);
    s->spent = qc_alloc((UNDO_IN + 1) * sizeof *s->spent);
    for (unsigned i = 1; i <= UNDO_IN; i++)
        s->spent[i] =
            (qc_spent){i * 12345, qc_span_of(SCRIPT[i % 4], LEN[i % 4]), 700000 + i, false};
}

static void run_coins(qc_bench *b, state *s)
{
    char detail[256];
    char *path = qc_asprintf("%s/coins", s->dir);
    must(qc_coinsdb_open(&s->db, path, 8 << 20, false, detail, sizeof detail));
    qc_bench_run(b, "coins: put, in a flush, per coin", put_coins, s, s->coins);
    qc_bench_run(b, "coins: get, present", get_present, s, GETS);
    qc_bench_run(b, "coins: get, absent", get_absent, s, GETS);
    qc_bench_run(b, "coins: statistics, no hash, per coin", stats_none, s, s->coins);
    qc_bench_run(b, "coins: hash_serialized_3, per coin", stats_hash3, s, s->coins);
    qc_bench_run(b, "coins: muhash, per coin", stats_muhash, s, s->coins);
    qc_coinsdb_close(s->db);
    qc_free(path);
}

static void run_blocks(qc_bench *b, state *s)
{
    char *path = qc_asprintf("%s/blocks", s->dir);
    qc_blockfiles_options o = {.dir = path, .magic = {1, 2, 3, 4}, .use_xor = true};
    must(qc_blockfiles_open(&s->files, &o));
    s->block = qc_alloc(BLOCK_LEN);
    make_block(s);
    qc_bench_run(b, "blocks: append 1.5 MB, obfuscated", append_block, s, 1);
    qc_bench_run(b, "undo: encode, per input", undo_encode, s, UNDO_IN);
    qc_bench_run(b, "undo: decode, per input", undo_decode, s, UNDO_IN);
    qc_blockfiles_close(s->files);
    qc_block_unref(s->parsed);
    qc_bytes_free(&s->undo);
    qc_free(s->spent);
    qc_free(s->block);
    qc_free(path);
}

int main(int argc, char **argv)
{
    qc_bench *b = qc_bench_new(argc, argv, "store");
    state s = {.dir = "/tmp/quoin-bench.XXXXXX",
               .coins = qc_bench_is_smoke(b) ? COINS_SMOKE : COINS};
    QC_ASSERT(mkdtemp(s.dir));
    run_coins(b, &s);
    run_blocks(b, &s);
    must(qc_os_remove_tree(s.dir));
    return qc_bench_end(b);
}
