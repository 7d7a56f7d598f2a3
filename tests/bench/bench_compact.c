/* Compact blocks: telling one, and putting one of 4,000 transactions together from what is known.
 */
#include "tests/bench/bench.h"

#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "core/sync/partial.h"

#define IN_BLOCK 4000u
#define IN_POOL 100000u

typedef struct data {
    qc_bytes msg;
    qc_block *block;
    qc_hash *pool; /* wtxids; those of the block lie among them */
    uint32_t n_pool;
    uint16_t *missing;
    size_t n_missing;
} data;

static void must(qc_err err)
{
    if (err)
        abort();
}

/* One input, two outputs, a signature and a key as its witness: 222 bytes, as most are. */
static void put_tx(qc_bytes *b, uint32_t n)
{
    static const uint8_t front[] = {2, 0, 0, 0, 0, 1, 1};
    uint8_t rest[32 + 4 + 1 + 4 + 1 + 2 * (8 + 1 + 22) + 1 + 1 + 71 + 1 + 33 + 4] = {0};
    uint8_t *p = rest;
    qc_write_le32(p, n);
    p += 32 + 4 + 1 + 4;
    *p++ = 2;
    for (int k = 0; k < 2; k++) {
        qc_write_le64(p, 1000);
        p[8] = 22;
        p[10] = 20;
        p += 8 + 1 + 22;
    }
    *p++ = 2;
    *p++ = 71;
    qc_write_le32(p, n);
    p += 71;
    *p = 33;
    must(qc_bytes_append(b, front, sizeof front));
    must(qc_bytes_append(b, rest, sizeof rest));
}

static void put_coinbase(qc_bytes *b)
{
    uint8_t tx[4 + 1 + 36 + 1 + 2 + 4 + 1 + 8 + 1 + 4] = {1, 0, 0, 0, 1};
    memset(tx + 37, 0xff, 4);
    tx[41] = 2;
    tx[48] = 1;
    must(qc_bytes_append(b, tx, sizeof tx));
}

/* Nothing here judges it but by its roots; witnesses are not committed to. */
static qc_block *make_block(uint32_t n)
{
    uint8_t head[QC_HEADER_LEN] = {1};
    qc_bytes b = QC_BYTES_INIT;
    qc_block *once, *out;
    head[72] = 1;
    must(qc_bytes_append(&b, head, sizeof head));
    must(qc_w_compact(&b, n));
    put_coinbase(&b);
    for (uint32_t k = 1; k < n; k++)
        put_tx(&b, k);
    if (qc_block_parse(qc_bytes_span(&b), &once))
        abort();
    memcpy(b.data + 36, qc_block_merkle_root(once, NULL)->b, 32);
    qc_block_unref(once);
    if (qc_block_parse(qc_bytes_span(&b), &out))
        abort();
    qc_bytes_free(&b);
    return out;
}

static void make_pool(data *d, uint32_t n)
{
    uint32_t in_block = qc_block_n_tx(d->block), every = n / in_block;
    d->pool = qc_try_calloc(n, sizeof *d->pool);
    for (uint32_t k = 0; k < n; k++)
        for (int w = 0; w < 4; w++)
            qc_write_le64(d->pool[k].b + 8 * w, (k + 1) * 0x9e3779b97f4a7c15u);
    for (uint32_t k = 1; k < in_block; k++)
        memcpy(d->pool[k * every].b, qc_block_tx(d->block, k).rec->wtxid, 32);
    d->n_pool = n;
}

static void show(void *arg, qc_tx_taker *take, void *to)
{
    const data *d = arg;
    uint32_t in_block = qc_block_n_tx(d->block), every = d->n_pool / in_block;
    for (uint32_t k = 0; k < d->n_pool; k++) {
        qc_known_tx tx = {&d->pool[k], &d->pool[k], qc_span_of("", 0)};
        if (k && k % every == 0 && k / every < in_block) {
            qc_tx t = qc_block_tx(d->block, k / every);
            tx.txid = (const void *)t.rec->txid;
            tx.bytes = qc_tx_bytes(&t);
        }
        if (!take(to, &tx))
            return;
    }
}

static void write(void *arg)
{
    const data *d = arg;
    qc_bytes out = QC_BYTES_INIT;
    must(qc_cmpct_write(&out, d->block, 77));
    qc_bytes_free(&out);
}

static void parse(void *arg)
{
    const data *d = arg;
    qc_block *b;
    if (qc_block_parse(qc_block_bytes(d->block), &b))
        abort();
    qc_block_unref(b);
}

/* From the message to a block whose transactions agree with its header. */
static void together(void *arg)
{
    data *d = arg;
    const qc_tx_source pool = {d, show};
    qc_cmpct c;
    qc_partial *p;
    qc_block *b;
    if (qc_cmpct_read(qc_bytes_span(&d->msg), &c) || qc_partial_new(&p, &c, &pool, NULL) ||
        qc_partial_missing(p, NULL))
        abort();
    /* The witnesses are not committed to: that is found last, when all else is done. */
    if (qc_partial_fill(p, NULL, true, &b) != QC_PARTIAL_FAILED)
        abort();
    qc_partial_free(p);
}

static void lookup(void *arg)
{
    data *d = arg;
    const qc_tx_source pool = {d, show};
    qc_cmpct c;
    qc_partial *p;
    if (qc_cmpct_read(qc_bytes_span(&d->msg), &c) || qc_partial_new(&p, &c, &pool, NULL))
        abort();
    qc_partial_free(p);
}

int main(int argc, char **argv)
{
    data d = {.n_pool = 0};
    qc_bench *b = qc_bench_new(argc, argv, "sync");
    bool small = qc_bench_is_smoke(b);
    d.block = make_block(small ? 40 : IN_BLOCK);
    make_pool(&d, small ? 1000 : IN_POOL);
    must(qc_cmpct_write(&d.msg, d.block, 5));
    qc_bench_run(b, "block of 4,000 transactions: written compactly", write, &d, 1);
    qc_bench_run(b, "the same block parsed and hashed", parse, &d, 1);
    qc_bench_vs(b, "  found in a pool of 100,000", lookup, &d, 1);
    qc_bench_vs(b, "  found, put together, checked", together, &d, 1);
    qc_bytes_free(&d.msg);
    qc_free(d.pool);
    qc_block_unref(d.block);
    return qc_bench_end(b);
}
