/* Transactions: the extended serialization of BIP144, read as Core's UnserializeTransaction()
 * (primitives/transaction.h) reads it, with the same failure for the same bytes. */
#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "core/btc/parse.h"
#include "core/btc/sigops.h"
#include "core/crypto/sha256.h"

#define WITNESS_FLAG 1u
#define IN_FIXED 36  /* outpoint */
#define TAIL_FIXED 4 /* lock time, and likewise the version in front */
#define NULL_INDEX UINT32_MAX

static void scan_ins(qc_reader *r, size_t *count)
{
    uint64_t n = qc_r_compact(r);
    for (uint64_t i = 0; i < n && !r->fail; i++) {
        (void)qc_r_span(r, IN_FIXED);
        (void)qc_r_var(r);
        (void)qc_r_le32(r);
    }
    *count = (size_t)n;
}

static void scan_outs(qc_reader *r, size_t *count)
{
    uint64_t n = qc_r_compact(r);
    for (uint64_t i = 0; i < n && !r->fail; i++) {
        (void)qc_r_le64(r);
        (void)qc_r_var(r);
    }
    *count = (size_t)n;
}

/* One witness stack; returns its number of items. */
static uint64_t scan_stack(qc_reader *r)
{
    uint64_t n = qc_r_compact(r);
    for (uint64_t i = 0; i < n && !r->fail; i++)
        (void)qc_r_var(r);
    return n;
}

static void scan_fail(qc_reader *r, qc_wire_fail f)
{
    if (!r->fail)
        r->fail = f;
    r->end = r->p;
}

void qc_scan_tx(qc_reader *r, bool allow_witness, qc_tx_counts *c)
{
    size_t n_in, n_out = 0;
    uint8_t flags = 0;
    (void)qc_r_le32(r);
    scan_ins(r, &n_in);
    if (n_in == 0 && allow_witness) {
        /* Either the marker of the extended format or a transaction without inputs: then the
         * next byte is its count of outputs, which must be zero. */
        flags = qc_r_u8(r);
        if (flags)
            scan_ins(r, &n_in);
    }
    if (flags || n_in || !allow_witness)
        scan_outs(r, &n_out);
    if (flags & WITNESS_FLAG) {
        bool any = false;
        for (size_t i = 0; i < n_in && !r->fail; i++)
            any |= scan_stack(r) != 0;
        if (!any)
            scan_fail(r, QC_WIRE_SUPERFLUOUS_WITNESS);
    }
    if (flags & ~WITNESS_FLAG)
        scan_fail(r, QC_WIRE_UNKNOWN_TX_DATA);
    (void)qc_r_le32(r);
    c->in += n_in;
    c->out += n_out;
}

static uint32_t at(const qc_reader *r)
{
    return (uint32_t)(r->p - r->start);
}

static uint32_t fill_ins(qc_reader *r, uint32_t n, qn_in_rec *in)
{
    uint32_t sigops = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *prev = qc_r_span(r, IN_FIXED).data;
        memcpy(in[i].prev_txid, prev, 32);
        in[i].prev_n = qc_read_le32(prev + 32);
        qc_span script = qc_r_var(r);
        in[i].script_off = (uint32_t)(script.data - r->start);
        in[i].script_len = (uint32_t)script.len;
        in[i].sequence = qc_r_le32(r);
        in[i].witness_off = in[i].witness_len = 0;
        sigops += qc_sigops_count(script, false);
    }
    return sigops;
}

static uint32_t fill_outs(qc_reader *r, uint32_t n, qn_out_rec *out)
{
    uint32_t sigops = 0;
    for (uint32_t i = 0; i < n; i++) {
        out[i].value = (int64_t)qc_r_le64(r);
        qc_span script = qc_r_var(r);
        out[i].script_off = (uint32_t)(script.data - r->start);
        out[i].script_len = (uint32_t)script.len;
        sigops += qc_sigops_count(script, false);
    }
    return sigops;
}

static void fill_stacks(qc_reader *r, uint32_t n, qn_in_rec *in)
{
    for (uint32_t i = 0; i < n; i++) {
        in[i].witness_off = at(r);
        if (scan_stack(r))
            in[i].witness_len = at(r) - in[i].witness_off;
    }
}

void qc_hash_tx(qn_tx_rec *rec, const uint8_t *raw)
{
    const uint8_t *tx = raw + rec->off;
    qc_span whole = {tx, rec->len};
    if (rec->stripped == rec->len) {
        qc_sha256d(whole, rec->txid);
        memcpy(rec->wtxid, rec->txid, sizeof rec->wtxid);
        return;
    }
    qc_sha256_ctx c;
    qc_sha256_init(&c);
    qc_sha256_update(&c, tx, TAIL_FIXED);
    /* Behind marker and flag: inputs and outputs. */
    qc_sha256_update(&c, tx + TAIL_FIXED + 2, rec->stripped - 2 * TAIL_FIXED);
    qc_sha256_update(&c, tx + rec->len - TAIL_FIXED, TAIL_FIXED);
    qc_sha256d_final(&c, rec->txid);
    qc_sha256d(whole, rec->wtxid);
}

uint32_t qc_fill_tx(qc_reader *r, bool allow_witness, qn_tx_rec *rec, qn_in_rec *in,
                    qn_out_rec *out)
{
    uint8_t flags = 0;
    rec->off = at(r);
    rec->version = qc_r_le32(r);
    const uint8_t *body = r->p;
    rec->n_in = (uint32_t)qc_r_compact(r);
    if (rec->n_in == 0 && allow_witness) {
        flags = qc_r_u8(r);
        if (flags) {
            body = r->p;
            rec->n_in = (uint32_t)qc_r_compact(r);
        }
    }
    uint32_t sigops = fill_ins(r, rec->n_in, in);
    rec->n_out = flags || rec->n_in || !allow_witness ? (uint32_t)qc_r_compact(r) : 0;
    sigops += fill_outs(r, rec->n_out, out);
    size_t body_len = (size_t)(r->p - body);
    if (flags)
        fill_stacks(r, rec->n_in, in);
    rec->locktime = qc_r_le32(r);
    rec->len = at(r) - rec->off;
    rec->stripped = (uint32_t)body_len + 2 * TAIL_FIXED;
    rec->weight = rec->stripped * 3 + rec->len;
    return sigops;
}

bool qc_tx_has_witness(const qc_tx *t)
{
    return t->rec->stripped != t->rec->len;
}

bool qc_tx_is_coinbase(const qc_tx *t)
{
    static const uint8_t zero[32];
    return t->rec->n_in == 1 && t->in[0].prev_n == NULL_INDEX &&
           memcmp(t->in[0].prev_txid, zero, sizeof zero) == 0;
}

qc_outpoint qc_tx_prevout(const qc_tx *t, uint32_t i)
{
    qc_outpoint o = {.n = t->in[i].prev_n};
    memcpy(o.txid.b, t->in[i].prev_txid, sizeof o.txid.b);
    return o;
}

qc_wire_fail qc_tx_parse(qc_span bytes, bool allow_witness, qc_txbuf *out)
{
    *out = (qc_txbuf){0};
    if (bytes.len > QC_MAX_SIZE)
        return QC_WIRE_TOO_LARGE;
    qc_tx_counts n = {0, 0};
    qc_reader r = qc_reader_of(bytes);
    qc_scan_tx(&r, allow_witness, &n);
    if (r.fail)
        return r.fail;
    if (qc_reader_left(&r))
        return QC_WIRE_TRAILING;
    size_t ins = n.in * sizeof(qn_in_rec), outs = n.out * sizeof(qn_out_rec);
    uint8_t *mem = qc_try_malloc(sizeof(qn_tx_rec) + ins + outs + bytes.len);
    if (!mem)
        return QC_WIRE_NOMEM;
    qn_tx_rec *rec = (void *)mem;
    qn_in_rec *in = (void *)(mem + sizeof *rec);
    qn_out_rec *o = (void *)(mem + sizeof *rec + ins);
    uint8_t *raw = mem + sizeof *rec + ins + outs;
    memcpy(raw, bytes.data, bytes.len);
    r = qc_reader_of((qc_span){raw, bytes.len});
    rec->in0 = rec->out0 = 0;
    (void)qc_fill_tx(&r, allow_witness, rec, in, o);
    qc_hash_tx(rec, raw);
    *out = (qc_txbuf){{raw, rec, in, o}, mem};
    return QC_WIRE_OK;
}

void qc_txbuf_clear(qc_txbuf *t)
{
    qc_free(t->mem);
    *t = (qc_txbuf){0};
}

qc_err qc_tx_write_stripped(const qc_tx *t, qc_bytes *out)
{
    const uint8_t *tx = t->raw + t->rec->off;
    if (!qc_tx_has_witness(t))
        return qc_bytes_append(out, tx, t->rec->len);
    qc_err err = qc_bytes_reserve(out, t->rec->stripped);
    if (!err)
        err = qc_bytes_append(out, tx, TAIL_FIXED);
    if (!err) /* marker and flag lie between */
        err = qc_bytes_append(out, tx + TAIL_FIXED + 2, t->rec->stripped - 2 * TAIL_FIXED);
    if (!err)
        err = qc_bytes_append(out, tx + t->rec->len - TAIL_FIXED, TAIL_FIXED);
    return err;
}
