/* The walk over the coins of a block on disk: the first byte says which coins are wanted, two say
 * how many bytes are the block's, and the rest is its undo record. Where the block can be read as a
 * whole as well, both have the same coins, and what is cut out is what lies there. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/chain/internal.h"
#include "core/crypto/sha256.h"

#define HEIGHT 7u

typedef struct coin {
    uint8_t spent[36];
    bool made;
    qc_bytes script;
} coin;

typedef struct seen {
    coin *coin;
    size_t n, cap;
    uint8_t wanted; /* one of so many; 0: none */
} seen;

static bool see(void *arg, const uint8_t *spent, qc_span script)
{
    seen *s = arg;
    if (s->n == s->cap) {
        s->cap = s->cap * 2 + 16;
        s->coin = qc_try_realloc(s->coin, s->cap * sizeof *s->coin);
        QC_ASSERT(s->coin);
    }
    coin *c = &s->coin[s->n++];
    *c = (coin){.made = !spent, .script = QC_BYTES_INIT};
    if (spent)
        memcpy(c->spent, spent, sizeof c->spent);
    QC_ASSERT(!qc_bytes_append(&c->script, script.data, script.len));
    return s->wanted && s->n % s->wanted == 0;
}

static void forget(seen *s)
{
    for (size_t i = 0; i < s->n; i++)
        qc_bytes_free(&s->coin[i].script);
    qc_free(s->coin);
}

/* NULL: as a whole it cannot be read. */
static qc_block *read_whole(qc_span raw, qc_span undo)
{
    qc_block *b;
    qc_spent *spent = NULL;
    qc_bytes scripts = QC_BYTES_INIT;
    if (qc_block_parse(raw, &b))
        return NULL;
    qc_err err = qc_undo_decode(b, undo, &spent, &scripts);
    if (!err)
        err = qc_block_attach_spent(b, spent);
    qc_free(spent);
    qc_bytes_free(&scripts);
    if (!err)
        return b;
    qc_block_unref(b);
    return NULL;
}

static qc_span spent_script(const qc_block *b, const qn_spent_rec *s)
{
    return qc_span_of(qn_view_spent_script(qc_block_view(b), s), s->script_len);
}

static void same_coins(const seen *s, const qc_block *whole)
{
    size_t at = 0;
    for (uint32_t t = 0; t < qc_block_n_tx(whole); t++) {
        const qc_tx tx = qc_block_tx(whole, t);
        for (uint32_t i = 0; t && i < tx.rec->n_in; i++) {
            const qn_spent_rec *r = qn_view_spent(qc_block_view(whole), tx.rec->in0 + i);
            const coin *c = &s->coin[at];
            uint8_t n[4];
            QC_ASSERT(at++ < s->n && !c->made);
            qc_write_le32(n, tx.in[i].prev_n);
            QC_ASSERT(memcmp(c->spent, tx.in[i].prev_txid, 32) == 0);
            QC_ASSERT(memcmp(c->spent + 32, n, 4) == 0);
            QC_ASSERT(qc_span_eq(qc_bytes_span(&c->script), spent_script(whole, r)));
        }
        for (uint32_t i = 0; i < tx.rec->n_out; i++) {
            const coin *c = &s->coin[at];
            QC_ASSERT(at++ < s->n && c->made);
            QC_ASSERT(qc_span_eq(qc_bytes_span(&c->script), qc_tx_script(&tx, i)));
        }
    }
    QC_ASSERT(at == s->n);
}

static void same_tx(const qc_block *b, uint32_t i, const qc_block *whole)
{
    const uint32_t place = qc_block_place(b, i);
    QC_ASSERT(place < qc_block_n_tx(whole));
    const qc_tx tx = qc_block_tx(b, i), want = qc_block_tx(whole, place);
    QC_ASSERT(qc_span_eq(qc_tx_bytes(&tx), qc_tx_bytes(&want)));
    QC_ASSERT(memcmp(tx.rec->txid, want.rec->txid, 32) == 0);
    QC_ASSERT(memcmp(tx.rec->wtxid, want.rec->wtxid, 32) == 0);
    for (uint32_t k = 0; i && k < tx.rec->n_in; k++) {
        const qn_spent_rec *s = qn_view_spent(qc_block_view(b), tx.rec->in0 + k);
        const qn_spent_rec *w = qn_view_spent(qc_block_view(whole), want.rec->in0 + k);
        QC_ASSERT(s->value == w->value && s->height == w->height && s->coinbase == w->coinbase);
        QC_ASSERT(qc_span_eq(spent_script(b, s), spent_script(whole, w)));
    }
}

static void same_block(const qc_block *b, const qc_block *whole)
{
    QC_ASSERT(qc_hash_eq(qc_block_hash(b), qc_block_hash(whole)));
    QC_ASSERT(qc_block_view(b)->height == HEIGHT && qc_block_place(b, 0) == 0);
    for (uint32_t i = 0; i < qc_block_n_tx(b); i++) {
        QC_ASSERT(!i || qc_block_place(b, i) > qc_block_place(b, i - 1));
        same_tx(b, i, whole);
    }
}

static void log_nowhere(void *arg, qc_log_level level, const char *area, const char *line,
                        size_t len)
{
    (void)arg, (void)level, (void)area, (void)line, (void)len;
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    if (len < 3)
        return -1;
    qc_log_set_sink(log_nowhere, NULL);
    const size_t n = QC_MIN((size_t)qc_read_le16(data + 1), len - 3);
    const qc_span raw = qc_span_of(data + 3, n), undo = qc_span_of(data + 3 + n, len - 3 - n);
    seen s = {.wanted = data[0]};
    qc_hash hash = {{0}};
    qc_block *b = NULL, *whole = read_whole(raw, undo);
    if (n >= QC_HEADER_LEN)
        qc_sha256d(qc_span_of(raw.data, QC_HEADER_LEN), hash.b);
    qc_err err = qc_coins_pick(raw, undo, &hash, HEIGHT, see, &s, &b);
    QC_ASSERT(err == QC_OK || (err == QC_ECORRUPT && !b));
    if (!err && whole)
        same_coins(&s, whole);
    if (b && whole)
        same_block(b, whole);
    forget(&s);
    qc_block_unref(b);
    qc_block_unref(whole);
    return 0;
}
