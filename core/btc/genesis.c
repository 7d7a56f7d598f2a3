#include "core/btc/genesis.h"

#include "core/btc/amount.h"
#include "core/btc/wire.h"
#include "core/crypto/sha256.h"

#define OP_PUSHDATA1 0x4c
#define OP_CHECKSIG 0xac
#define SCRIPT_CAP 160 /* the longest part is 86 bytes */

const char qc_genesis_times[] =
    "The Times 03/Jan/2009 Chancellor on brink of second bailout for banks";
const uint8_t qc_genesis_key[65] = {
    0x04, 0x67, 0x8a, 0xfd, 0xb0, 0xfe, 0x55, 0x48, 0x27, 0x19, 0x67, 0xf1, 0xa6,
    0x71, 0x30, 0xb7, 0x10, 0x5c, 0xd6, 0xa8, 0x28, 0xe0, 0x39, 0x09, 0xa6, 0x79,
    0x62, 0xe0, 0xea, 0x1f, 0x61, 0xde, 0xb6, 0x49, 0xf6, 0xbc, 0x3f, 0x4c, 0xef,
    0x38, 0xc4, 0xf3, 0x55, 0x04, 0xe5, 0x1e, 0xc1, 0x12, 0xde, 0x5c, 0x38, 0x4d,
    0xf7, 0xba, 0x0b, 0x8d, 0x57, 0x8a, 0x4c, 0x70, 0x2b, 0x6b, 0xf1, 0x1d, 0x5f};
const char qc_genesis_testnet4[] =
    "03/May/2024 000000000000000000001ebd58c244970b3aa9d783bb001011fbe8ea8e98e00e";
const uint8_t qc_genesis_testnet4_key[33] = {0};

/* A small script under construction. */
typedef struct script {
    uint8_t b[SCRIPT_CAP];
    size_t len;
} script;

static void push(script *s, const void *data, size_t len)
{
    QC_ASSERT(len < 256 && s->len + len + 3 <= SCRIPT_CAP);
    if (len >= OP_PUSHDATA1)
        s->b[s->len++] = OP_PUSHDATA1;
    s->b[s->len++] = (uint8_t)len;
    memcpy(s->b + s->len, data, len);
    s->len += len;
}

/* The one transaction. */
static qc_err write_tx(const qc_genesis *g, qc_bytes *b)
{
    static const uint8_t head[] = {0xff, 0xff, 0x00, 0x1d}; /* 0x1d00ffff as a script number */
    static const uint8_t four[] = {4};
    static const uint8_t null_txid[32];
    script sig = {.len = 0}, pay = {.len = 0};
    push(&sig, head, sizeof head);
    push(&sig, four, sizeof four);
    push(&sig, g->message, strlen(g->message));
    push(&pay, g->key, g->key_len);
    pay.b[pay.len++] = OP_CHECKSIG;

    qc_err err = qc_w_le32(b, 1); /* version */
    err = err ? err : qc_w_compact(b, 1);
    err = err ? err : qc_bytes_append(b, null_txid, sizeof null_txid);
    err = err ? err : qc_w_le32(b, UINT32_MAX);
    err = err ? err : qc_w_var(b, qc_span_of(sig.b, sig.len));
    err = err ? err : qc_w_le32(b, UINT32_MAX);
    err = err ? err : qc_w_compact(b, 1);
    err = err ? err : qc_w_le64(b, (uint64_t)(50 * QC_COIN));
    err = err ? err : qc_w_var(b, qc_span_of(pay.b, pay.len));
    return err ? err : qc_w_le32(b, 0);
}

qc_err qc_genesis_write(const qc_genesis *g, qc_bytes *out)
{
    uint8_t head[QC_HEADER_LEN];
    qc_header h = {.version = 1, .time = g->time, .bits = g->bits, .nonce = g->nonce};
    qc_bytes tx = QC_BYTES_INIT, b = QC_BYTES_INIT;
    qc_err err = write_tx(g, &tx);
    if (!err) {
        qc_sha256d(qc_bytes_span(&tx), h.merkle_root.b);
        qc_header_write(&h, head);
        err = qc_bytes_append(&b, head, sizeof head);
        err = err ? err : qc_w_compact(&b, 1);
        err = err ? err : qc_bytes_append(&b, tx.data, tx.len);
    }
    qc_bytes_free(&tx);
    if (err)
        qc_bytes_free(&b);
    else
        *out = b;
    return err;
}
