/* The messages of BIP152 and the requests of BIP157. What was understood must be written back as it
 * came, and nothing is longer than its bytes. The first byte chooses the message. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/sync/serving.h"

static void try_block(qc_span in)
{
    qc_cmpct c;
    if (qc_cmpct_read(in, &c) != QC_WIRE_OK)
        return;
    QC_ASSERT((uint64_t)c.n_ids + c.n_prefilled <= QC_CMPCT_TX_MAX);
    QC_ASSERT((size_t)c.n_ids * QC_CMPCT_ID_LEN < in.len);
    for (uint32_t i = 0; i < c.n_ids; i++)
        QC_ASSERT(qc_cmpct_id_at(&c, i) >> 48 == 0);
    qc_cmpct_walk w = qc_cmpct_walk_of(&c);
    qc_span tx;
    uint64_t steps = 0, last = UINT64_MAX;
    size_t bytes = 0;
    while (qc_cmpct_next(&w, &tx)) {
        QC_ASSERT(tx.len >= 10 && tx.data >= in.data && tx.data + tx.len <= in.data + in.len);
        QC_ASSERT(w.place > last || last == UINT64_MAX);
        last = w.place;
        bytes += tx.len;
        steps++;
    }
    QC_ASSERT(steps == c.n_prefilled && bytes <= c.prefilled.len);
    QC_ASSERT(!w.r.fail && qc_reader_left(&w.r) == 0);
}

static void try_ask(qc_span in)
{
    qc_cmpct_ask a;
    qc_bytes back = QC_BYTES_INIT;
    if (qc_cmpct_ask_read(in, &a) != QC_WIRE_OK)
        return;
    QC_ASSERT(a.n <= 0x10000);
    for (size_t k = 1; k < a.n; k++)
        QC_ASSERT(a.place[k] > a.place[k - 1]);
    QC_ASSERT(!qc_cmpct_ask_write(&back, &a.hash, a.place, a.n));
    QC_ASSERT(back.len <= in.len && memcmp(back.data, in.data, back.len) == 0);
    qc_bytes_free(&back);
    qc_free(a.place);
}

static void try_txs(qc_span in)
{
    qc_cmpct_txs t;
    qc_span tx;
    if (qc_cmpct_txs_read(in, &t) != QC_WIRE_OK)
        return;
    QC_ASSERT((size_t)t.n * 10 <= t.txs.len);
    qc_cmpct_walk w = qc_cmpct_walk_txs(&t);
    size_t bytes = 0;
    while (qc_cmpct_next(&w, &tx)) {
        qc_txbuf parsed;
        bytes += tx.len;
        QC_ASSERT(qc_tx_parse(tx, true, &parsed) == QC_WIRE_OK);
        QC_ASSERT(qc_cmpct_is_null(tx) == (parsed.tx.rec->n_in + parsed.tx.rec->n_out == 0));
        qc_txbuf_clear(&parsed);
    }
    QC_ASSERT(bytes == t.txs.len && w.place + 1 == t.n);
}

static void try_hello(qc_span in)
{
    uint8_t announce;
    uint64_t version;
    qc_bytes back = QC_BYTES_INIT;
    if (!qc_cmpct_hello_read(in, &announce, &version) || announce > 1)
        return;
    QC_ASSERT(!qc_cmpct_hello_write(&back, announce));
    QC_ASSERT((memcmp(back.data, in.data, 9) == 0) == (version == QC_CMPCT_VERSION));
    qc_bytes_free(&back);
}

static void try_filters(qc_span in, bool starts)
{
    qc_filter_ask a;
    size_t len = starts ? 37 : 33;
    if (qc_filter_ask_read(in, starts, &a) != QC_WIRE_OK) {
        QC_ASSERT(in.len < len);
        return;
    }
    QC_ASSERT(a.type == in.data[0] && (starts || a.start == 0));
    QC_ASSERT(memcmp(&a.stop, in.data + len - 32, 32) == 0);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    if (len == 0)
        return -1;
    qc_span in = {data + 1, len - 1};
    switch (data[0] % 6) {
    case 0:
        try_block(in);
        break;
    case 1:
        try_ask(in);
        break;
    case 2:
        try_txs(in);
        break;
    case 3:
        try_hello(in);
        break;
    case 4:
        try_filters(in, true);
        break;
    case 5:
        try_filters(in, false);
        break;
    }
    return 0;
}
