#include "tests/unit/builder.h"

#include "core/base/alloc.h"
#include "core/crypto/sha256.h"
#include "core/script/opcode.h"
#include "core/script/pattern.h"

static const uint8_t g_commitment[] = {QC_OP_RETURN, 0x24, 0xaa, 0x21, 0xa9, 0xed};

static void must(qc_err err)
{
    QC_ASSERT(!err);
}

/* Room for `n` in an array that only grows by this: always a power of two, for some tests make
 * tens of thousands. */
static void *grown(void *p, size_t n, size_t size)
{
    if (p && ((n - 1) & (n - 2)))
        return p;
    p = qc_try_realloc(p, (n > 1 ? 2 * (n - 1) : 1) * size);
    QC_ASSERT(p);
    return p;
}

static void set_bytes(qc_bytes *b, qc_span s)
{
    b->len = 0;
    must(qc_bytes_append(b, s.data, s.len));
}

tb_tx *tb_tx_new(void)
{
    tb_tx *tx = qc_alloc(sizeof *tx);
    tx->version = 2;
    return tx;
}

tb_tx *tb_tx_copy(const tb_tx *tx)
{
    tb_tx *c = tb_tx_new();
    c->version = tx->version;
    c->locktime = tx->locktime;
    for (size_t i = 0; i < tx->n_in; i++) {
        const tb_in *in = &tx->in[i];
        tb_tx_in(c, &in->prev.txid, in->prev.n, qc_bytes_span(&in->script), in->sequence);
        set_bytes(&c->in[i].items, qc_bytes_span(&in->items));
        c->in[i].n_items = in->n_items;
    }
    for (size_t i = 0; i < tx->n_out; i++)
        tb_tx_out(c, tx->out[i].value, qc_bytes_span(&tx->out[i].script));
    return c;
}

void tb_tx_free(tb_tx *tx)
{
    if (!tx)
        return;
    for (size_t i = 0; i < tx->n_in; i++) {
        qc_bytes_free(&tx->in[i].script);
        qc_bytes_free(&tx->in[i].items);
    }
    for (size_t i = 0; i < tx->n_out; i++)
        qc_bytes_free(&tx->out[i].script);
    qc_free(tx->in);
    qc_free(tx->out);
    qc_free(tx);
}

size_t tb_tx_in(tb_tx *tx, const qc_hash *txid, uint32_t n, qc_span script, uint32_t sequence)
{
    tx->in = grown(tx->in, tx->n_in + 1, sizeof *tx->in);
    tx->in[tx->n_in] = (tb_in){.prev = {*txid, n}, .sequence = sequence};
    set_bytes(&tx->in[tx->n_in].script, script);
    return tx->n_in++;
}

size_t tb_tx_out(tb_tx *tx, qc_amount value, qc_span script)
{
    tx->out = grown(tx->out, tx->n_out + 1, sizeof *tx->out);
    tx->out[tx->n_out] = (tb_out){.value = value};
    set_bytes(&tx->out[tx->n_out].script, script);
    return tx->n_out++;
}

void tb_tx_set_script(tb_tx *tx, size_t in, qc_span script)
{
    QC_ASSERT(in < tx->n_in);
    set_bytes(&tx->in[in].script, script);
}

void tb_tx_witness(tb_tx *tx, size_t in, qc_span item)
{
    QC_ASSERT(in < tx->n_in);
    must(qc_w_var(&tx->in[in].items, item));
    tx->in[in].n_items++;
}

void tb_tx_clear_witness(tb_tx *tx, size_t in)
{
    QC_ASSERT(in < tx->n_in);
    tx->in[in].items.len = 0;
    tx->in[in].n_items = 0;
}

bool tb_tx_has_witness(const tb_tx *tx)
{
    for (size_t i = 0; i < tx->n_in; i++)
        if (tx->in[i].n_items)
            return true;
    return false;
}

qc_bytes tb_tx_bytes(const tb_tx *tx, bool witness)
{
    qc_bytes b = QC_BYTES_INIT;
    witness = witness && tb_tx_has_witness(tx);
    must(qc_w_le32(&b, tx->version));
    if (witness)
        must(qc_bytes_append(&b, "\0\1", 2));
    must(qc_w_compact(&b, tx->n_in));
    for (size_t i = 0; i < tx->n_in; i++) {
        const tb_in *in = &tx->in[i];
        must(qc_bytes_append(&b, in->prev.txid.b, sizeof in->prev.txid.b));
        must(qc_w_le32(&b, in->prev.n));
        must(qc_w_var(&b, qc_bytes_span(&in->script)));
        must(qc_w_le32(&b, in->sequence));
    }
    must(qc_w_compact(&b, tx->n_out));
    for (size_t i = 0; i < tx->n_out; i++) {
        must(qc_w_le64(&b, (uint64_t)tx->out[i].value));
        must(qc_w_var(&b, qc_bytes_span(&tx->out[i].script)));
    }
    for (size_t i = 0; witness && i < tx->n_in; i++) {
        must(qc_w_compact(&b, tx->in[i].n_items));
        must(qc_bytes_append(&b, tx->in[i].items.data, tx->in[i].items.len));
    }
    must(qc_w_le32(&b, tx->locktime));
    return b;
}

static qc_hash tx_hash(const tb_tx *tx, bool witness)
{
    qc_hash h;
    qc_bytes b = tb_tx_bytes(tx, witness);
    qc_sha256d(qc_bytes_span(&b), h.b);
    qc_bytes_free(&b);
    return h;
}

qc_hash tb_txid(const tb_tx *tx)
{
    return tx_hash(tx, false);
}

void tb_tx_parse(const tb_tx *tx, qc_txbuf *out)
{
    qc_bytes b = tb_tx_bytes(tx, true);
    qc_wire_fail f = qc_tx_parse(qc_bytes_span(&b), true, out);
    if (f == QC_WIRE_UNKNOWN_TX_DATA || f == QC_WIRE_SUPERFLUOUS_WITNESS || f == QC_WIRE_END)
        f = qc_tx_parse(qc_bytes_span(&b), false, out); /* no inputs */
    QC_ASSERT(!f);
    qc_bytes_free(&b);
}

void tb_block_free(tb_block *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n_tx; i++)
        tb_tx_free(b->tx[i]);
    qc_free(b->tx);
    qc_free(b);
}

tb_tx *tb_block_add(tb_block *b, tb_tx *tx)
{
    b->tx = grown(b->tx, b->n_tx + 1, sizeof *b->tx);
    b->tx[b->n_tx++] = tx;
    return tx;
}

tb_block *tb_block_copy(const tb_block *b)
{
    tb_block *c = qc_alloc(sizeof *c);
    c->header = b->header;
    c->height = b->height;
    for (size_t i = 0; i < b->n_tx; i++)
        tb_block_add(c, tb_tx_copy(b->tx[i]));
    return c;
}

static qc_hash root_of(const tb_block *b, bool witness)
{
    qc_hash *leaf = qc_alloc((b->n_tx + 1) * sizeof *leaf);
    for (size_t i = 0; i < b->n_tx; i++)
        if (i || !witness)
            leaf[i] = tx_hash(b->tx[i], witness);
    qc_hash root = qc_merkle_root(leaf, b->n_tx, NULL);
    qc_free(leaf);
    return root;
}

static bool is_commitment(const tb_out *o)
{
    return o->script.len >= sizeof g_commitment + 32 &&
           memcmp(o->script.data, g_commitment, sizeof g_commitment) == 0;
}

void tb_block_commit(tb_block *b)
{
    tb_tx *cb = b->tx[0];
    uint8_t pair[64] = {0}, script[sizeof g_commitment + 32];
    qc_hash root = root_of(b, true);
    memcpy(pair, root.b, 32); /* the reserved value stays zero */
    memcpy(script, g_commitment, sizeof g_commitment);
    qc_sha256d(qc_span_of(pair, sizeof pair), script + sizeof g_commitment);
    size_t at = cb->n_out;
    while (at > 0 && !is_commitment(&cb->out[at - 1]))
        at--;
    if (at)
        set_bytes(&cb->out[at - 1].script, qc_span_of(script, sizeof script));
    else
        tb_tx_out(cb, 0, qc_span_of(script, sizeof script));
    tb_tx_clear_witness(cb, 0);
    tb_tx_witness(cb, 0, qc_span_of(pair + 32, 32));
}

void tb_block_merkle(tb_block *b)
{
    b->header.merkle_root = root_of(b, false);
}

void tb_block_mine(tb_block *b, const qc_params *p, bool meet)
{
    for (b->header.nonce = 0;; b->header.nonce++) {
        qc_hash h = tb_block_hash(b);
        if (qc_pow_ok(p, &h, b->header.bits) == meet)
            return;
        QC_ASSERT(b->header.nonce < UINT32_MAX);
    }
}

void tb_block_finish(tb_block *b, const qc_params *p)
{
    bool witness = false;
    for (size_t i = 1; i < b->n_tx; i++)
        witness |= tb_tx_has_witness(b->tx[i]);
    if (witness)
        tb_block_commit(b);
    tb_block_merkle(b);
    tb_block_mine(b, p, true);
}

qc_bytes tb_block_bytes(const tb_block *b)
{
    qc_bytes out = QC_BYTES_INIT;
    uint8_t head[QC_HEADER_LEN];
    qc_header_write(&b->header, head);
    must(qc_bytes_append(&out, head, sizeof head));
    must(qc_w_compact(&out, b->n_tx));
    for (size_t i = 0; i < b->n_tx; i++) {
        qc_bytes tx = tb_tx_bytes(b->tx[i], true);
        must(qc_bytes_append(&out, tx.data, tx.len));
        qc_bytes_free(&tx);
    }
    return out;
}

qc_hash tb_block_hash(const tb_block *b)
{
    qc_hash h;
    qc_header_hash(&b->header, &h);
    return h;
}

qc_block *tb_block_parse(const tb_block *b)
{
    qc_block *p;
    qc_bytes raw = tb_block_bytes(b);
    qc_wire_fail f = qc_block_parse(qc_bytes_span(&raw), &p);
    QC_ASSERT(!f);
    qc_bytes_free(&raw);
    return p;
}

tb_tx *tb_coinbase(uint32_t height, uint32_t salt, qc_amount value, qc_span script)
{
    uint8_t sig[16], num[5] = {0};
    size_t len = 0, n = 0;
    if (height >= 1 && height <= 16) {
        sig[len++] = (uint8_t)(QC_OP_1 - 1 + height);
    } else {
        for (uint32_t rest = height; rest; rest >>= 8)
            num[n++] = (uint8_t)rest;
        if (n && num[n - 1] & 0x80)
            n++;
        sig[len++] = (uint8_t)n;
        memcpy(sig + len, num, n);
        len += n;
    }
    sig[len++] = 4;
    memcpy(sig + len, &salt, 4);
    tb_tx *tx = tb_tx_new();
    tb_tx_in(tx, &(qc_hash){{0}}, UINT32_MAX, qc_span_of(sig, len + 4), TB_FINAL);
    tb_tx_out(tx, value, script);
    return tx;
}

tb_chain *tb_chain_new(qc_chain_id id, const qc_params_override *o)
{
    tb_chain *c = qc_alloc(sizeof *c);
    must(qc_params_new(id, o, &c->params));
    c->header = grown(NULL, 1, sizeof *c->header);
    c->hash = grown(NULL, 1, sizeof *c->hash);
    qc_header_read(qc_params_genesis(c->params).data, &c->header[0]);
    c->hash[0] = c->params->genesis_hash;
    return c;
}

void tb_chain_free(tb_chain *c)
{
    if (!c)
        return;
    qc_params_free(c->params);
    qc_free(c->header);
    qc_free(c->hash);
    qc_free(c);
}

void tb_chain_cut(tb_chain *c, uint32_t height)
{
    QC_ASSERT(height <= c->tip);
    c->tip = height;
}

tb_block *tb_chain_next(const tb_chain *c, qc_amount fees)
{
    static const uint8_t anybody = QC_OP_1;
    qc_ancestors a = tb_chain_ancestors(c);
    tb_block *b = qc_alloc(sizeof *b);
    b->height = c->tip + 1;
    b->header.version = 0x20000000;
    b->header.prev = c->hash[c->tip];
    b->header.time = c->header[c->tip].time + c->params->pow_spacing;
    b->header.bits = qc_next_bits(c->params, &a, b->height, b->header.time);
    tb_block_add(b, tb_coinbase(b->height, c->salt, qc_subsidy(c->params, b->height) + fees,
                                qc_span_of(&anybody, 1)));
    return b;
}

static void push_header(tb_chain *c, const qc_header *h)
{
    c->tip++;
    c->header = grown(c->header, c->tip + 1, sizeof *c->header);
    c->hash = grown(c->hash, c->tip + 1, sizeof *c->hash);
    c->header[c->tip] = *h;
    qc_header_hash(h, &c->hash[c->tip]);
}

qc_block *tb_chain_block_of(const tb_chain *c, size_t n)
{
    static const uint8_t any[] = {0x51};
    static const qc_hash from = {{7}};
    tb_block *b = tb_chain_next(c, 0);
    for (size_t k = 1; k < n; k++) {
        tb_tx *tx = tb_block_add(b, tb_tx_new());
        tb_tx_in(tx, &from, (uint32_t)k, qc_span_of(NULL, 0), TB_FINAL);
        tb_tx_out(tx, (qc_amount)k, qc_span_of(any, sizeof any));
        if (k % 2)
            tb_tx_witness(tx, 0, qc_span_of(any, sizeof any));
    }
    tb_block_finish(b, c->params);
    qc_block *out = tb_block_parse(b);
    tb_block_free(b);
    return out;
}

void tb_chain_push(tb_chain *c, const tb_block *b)
{
    push_header(c, &b->header);
}

bool tb_chain_connect(tb_chain *c, const qc_header *h, int64_t now, qc_verdict *v)
{
    qc_hash hash;
    qc_ancestors a = tb_chain_ancestors(c);
    qc_header_hash(h, &hash);
    if (!qc_hash_eq(&h->prev, &c->hash[c->tip]))
        return qc_verdict_fail(v, QC_V_MISSING_PREV, "prev-blk-not-found", NULL);
    if (!qc_check_header(c->params, h, &hash, v) ||
        !qc_check_header_context(c->params, h, c->tip + 1, &a, now, v))
        return false;
    push_header(c, h);
    return true;
}

void tb_chain_grow(tb_chain *c, uint32_t n, qc_bytes *bytes)
{
    while (n-- > 0) {
        tb_block *b = tb_chain_next(c, 0);
        tb_block_finish(b, c->params);
        if (bytes) {
            qc_bytes raw = tb_block_bytes(b);
            must(qc_bytes_append(bytes, raw.data, raw.len));
            qc_bytes_free(&raw);
        }
        tb_chain_push(c, b);
        tb_block_free(b);
    }
}

static void chain_get(void *arg, uint32_t height, uint32_t *time, uint32_t *bits, int32_t *version)
{
    const tb_chain *c = arg;
    QC_ASSERT(height <= c->tip);
    *time = c->header[height].time;
    *bits = c->header[height].bits;
    *version = c->header[height].version;
}

qc_ancestors tb_chain_ancestors(const tb_chain *c)
{
    return (qc_ancestors){(void *)(uintptr_t)c, chain_get};
}

uint32_t tb_chain_mtp(void *chain, uint32_t height)
{
    qc_ancestors a = tb_chain_ancestors(chain);
    return qc_median_time_past(&a, height);
}
