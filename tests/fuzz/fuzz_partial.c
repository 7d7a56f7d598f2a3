/* A peer that lies about a block: short ids of others, transactions in wrong places, answers that
 * do not fit. Whatever is put together must be what the header commits to, and what waits stays
 * bounded. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/sync/partial.h"
#include "tests/unit/builder.h"

#define N_TX 24u

typedef struct peer {
    qc_fuzz_in in;
    const qc_block *block;
    uint32_t known; /* a bit for each transaction */
    uint8_t swap;   /* < N_TX: this one is shown as the next */
} peer;

static qc_block *make_block(void)
{
    tb_chain *c = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    qc_block *b = tb_chain_block_of(c, N_TX);
    tb_chain_free(c);
    return b;
}

static void show(void *arg, qc_tx_taker *take, void *to)
{
    const peer *p = arg;
    for (uint32_t i = 0; i < N_TX; i++) {
        qc_tx tx = qc_block_tx(p->block, i);
        qc_tx as = qc_block_tx(p->block, (i + (i == p->swap)) % N_TX);
        const qc_known_tx known = {(const void *)tx.rec->txid, (const void *)as.rec->wtxid,
                                   qc_tx_bytes(&tx)};
        if (p->known >> i & 1 && !take(to, &known))
            return;
    }
}

/* The message with some bytes of the peer's choice, behind the header. */
static void spoil(qc_fuzz_in *in, qc_bytes *msg)
{
    uint8_t n = qc_fuzz_u8(in) % 8;
    for (uint8_t k = 0; k < n; k++) {
        size_t at = qc_fuzz_u32(in) % msg->len;
        if (at >= QC_HEADER_LEN)
            msg->data[at] = qc_fuzz_u8(in);
    }
}

static qc_bytes answer(qc_fuzz_in *in, const qc_block *b, uint16_t *place, size_t n)
{
    qc_bytes out = QC_BYTES_INIT;
    uint8_t how = qc_fuzz_u8(in);
    if (how % 4 == 1 && n)
        n--;
    for (size_t k = 0; k < n; k++)
        if (place[k] >= N_TX || (how % 4 == 2 && k == how / 4u))
            place[k] = how / 4 % N_TX;
    QC_ASSERT(!qc_cmpct_txs_write(&out, b, place, n));
    return out;
}

static void finish(peer *p, qc_partial *part)
{
    uint16_t *place;
    qc_cmpct_txs t;
    qc_block *b;
    size_t n = qc_partial_missing(part, &place);
    QC_ASSERT(n <= QC_CMPCT_TX_MAX);
    qc_bytes msg = answer(&p->in, p->block, place, n);
    QC_ASSERT(qc_cmpct_txs_read(qc_bytes_span(&msg), &t) == QC_WIRE_OK);
    qc_partial_status st = qc_partial_fill(part, n || t.n ? &t : NULL, true, &b);
    QC_ASSERT(st != QC_PARTIAL_INVALID || t.n != n);
    if (st == QC_PARTIAL_OK) {
        bool mutated;
        const qc_hash *root = qc_block_merkle_root(b, &mutated);
        QC_ASSERT(!mutated && qc_hash_eq(root, &qc_block_header(p->block)->merkle_root));
        QC_ASSERT(qc_hash_eq(qc_block_hash(b), qc_block_hash(p->block)));
    }
    qc_block_unref(b);
    qc_bytes_free(&msg);
    qc_free(place);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    static qc_block *block;
    if (!block)
        block = make_block();
    peer p = {.in = {data, len}, .block = block};
    const qc_tx_source pool = {&p, show};
    qc_bytes msg = QC_BYTES_INIT;
    qc_cmpct c;
    qc_partial *part;
    p.known = qc_fuzz_u32(&p.in);
    p.swap = qc_fuzz_u8(&p.in);
    QC_ASSERT(!qc_cmpct_write(&msg, block, qc_fuzz_u32(&p.in)));
    spoil(&p.in, &msg);
    if (qc_cmpct_read(qc_bytes_span(&msg), &c) == QC_WIRE_OK &&
        qc_partial_new(&part, &c, &pool, NULL) == QC_PARTIAL_OK) {
        bool hold = qc_fuzz_u8(&p.in) % 2;
        if (!hold || qc_partial_hold(part) == QC_PARTIAL_OK)
            finish(&p, part);
        QC_ASSERT(qc_partial_bytes(part) < 8u << 20);
        qc_partial_free(part);
    }
    qc_bytes_free(&msg);
    return 0;
}
