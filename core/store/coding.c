/* Packed outputs: amounts without trailing zeros, and six kinds of scripts by their hash or key. */
#include "core/store/coding.h"

#include "core/crypto/secp.h"

#define SCRIPT_KINDS 6u
#define MAX_SCRIPT 10000u /* Core script.h MAX_SCRIPT_SIZE: longer ones can never be spent */

enum { OP_RETURN = 0x6a, OP_DUP = 0x76, OP_EQUAL = 0x87, OP_EQUALVERIFY = 0x88 };
enum { OP_HASH160 = 0xa9, OP_CHECKSIG = 0xac };

/* ---- amounts ---- */

/* Core CompressAmount: 0, or 1 + 10 * (9 * n + d - 1) + e for (10 n + d) * 10^e with d in 1..9 and
 * e < 9, or 1 + 10 * (n - 1) + 9 for n * 10^9. */
static uint64_t amount_pack(uint64_t n)
{
    if (n == 0)
        return 0;
    unsigned e = 0;
    for (; n % 10 == 0 && e < 9; e++)
        n /= 10;
    if (e == 9)
        return 1 + (n - 1) * 10 + 9;
    return 1 + (n / 10 * 9 + n % 10 - 1) * 10 + e;
}

/* Wraps around for values that no amount packs to; the caller checks the range. */
static uint64_t amount_unpack(uint64_t x)
{
    if (x == 0)
        return 0;
    x--;
    unsigned e = (unsigned)(x % 10);
    x /= 10;
    uint64_t n = e == 9 ? x + 1 : x / 9 * 10 + x % 9 + 1;
    while (e--)
        n *= 10;
    return n;
}

/* ---- scripts ---- */

/* The special form of `s`, or 0 bytes when it has none. */
static size_t script_pack(qc_span s, uint8_t out[static 33])
{
    const uint8_t *p = s.data;
    if (s.len == 25 && p[0] == OP_DUP && p[1] == OP_HASH160 && p[2] == 20 &&
        p[23] == OP_EQUALVERIFY && p[24] == OP_CHECKSIG) {
        out[0] = 0;
        memcpy(out + 1, p + 3, 20);
        return 21;
    }
    if (s.len == 23 && p[0] == OP_HASH160 && p[1] == 20 && p[22] == OP_EQUAL) {
        out[0] = 1;
        memcpy(out + 1, p + 2, 20);
        return 21;
    }
    if (s.len == 35 && p[0] == 33 && (p[1] == 2 || p[1] == 3) && p[34] == OP_CHECKSIG) {
        memcpy(out, p + 1, 33);
        return 33;
    }
    /* Only a point on the curve comes back from its x and a parity. */
    if (s.len == 67 && p[0] == 65 && p[1] == 4 && p[66] == OP_CHECKSIG &&
        qc_pubkey_valid(qc_span_of(p + 1, 65))) {
        out[0] = (uint8_t)(4 | (p[65] & 1));
        memcpy(out + 1, p + 2, 32);
        return 33;
    }
    return 0;
}

static qc_err unpack_hash(unsigned kind, const uint8_t *h, qc_bytes *out)
{
    uint8_t s[25] = {OP_DUP, OP_HASH160, 20};
    if (kind == 0) {
        memcpy(s + 3, h, 20);
        s[23] = OP_EQUALVERIFY;
        s[24] = OP_CHECKSIG;
        return qc_bytes_append(out, s, 25);
    }
    s[0] = OP_HASH160;
    s[1] = 20;
    memcpy(s + 2, h, 20);
    s[22] = OP_EQUAL;
    return qc_bytes_append(out, s, 23);
}

static qc_err unpack_key(unsigned kind, const uint8_t *x, qc_bytes *out, const char **why)
{
    uint8_t key[33], s[67];
    key[0] = (uint8_t)(kind >= 4 ? kind - 2 : kind);
    memcpy(key + 1, x, 32);
    if (kind < 4) {
        s[0] = 33;
        memcpy(s + 1, key, 33);
        s[34] = OP_CHECKSIG;
        return qc_bytes_append(out, s, 35);
    }
    s[0] = 65;
    if (!qc_pubkey_decompress(qc_span_of(key, 33), s + 1)) {
        *why = "packed public key is not on the curve";
        return QC_ECORRUPT;
    }
    s[66] = OP_CHECKSIG;
    return qc_bytes_append(out, s, 67);
}

static qc_err script_read(qc_reader *r, qc_bytes *out, const char **why)
{
    uint32_t n;
    *why = "script length is not a number";
    if (!qc_varint_u32(r, &n))
        return QC_ECORRUPT;
    *why = "data ends inside a script";
    if (n < SCRIPT_KINDS) {
        qc_span s = qc_r_span(r, n < 2 ? 20 : 32);
        if (r->fail)
            return QC_ECORRUPT;
        return n < 2 ? unpack_hash(n, s.data, out) : unpack_key(n, s.data, out, why);
    }
    qc_span s = qc_r_span(r, n - SCRIPT_KINDS);
    if (r->fail)
        return QC_ECORRUPT;
    /* As Core reads it: what cannot be spent is not kept. */
    return s.len > MAX_SCRIPT ? qc_bytes_append(out, &(uint8_t){OP_RETURN}, 1)
                              : qc_bytes_append(out, s.data, s.len);
}

/* ---- outputs and coins ---- */

bool qc_varint_u32(qc_reader *r, uint32_t *out)
{
    uint64_t v = qc_r_varint(r);
    *out = (uint32_t)v;
    return !r->fail && v <= UINT32_MAX;
}

/* Into memory that is there already. */
static size_t txout_put(uint8_t *p, qc_amount value, qc_span script)
{
    size_t n = qc_varint_put(p, amount_pack((uint64_t)value));
    size_t special = script_pack(script, p + n);
    if (special)
        return n + special;
    n += qc_varint_put(p + n, script.len + SCRIPT_KINDS);
    if (script.len)
        memcpy(p + n, script.data, script.len);
    return n + script.len;
}

/* Two numbers, and a script that is at most packed to 33 bytes or preceded by a number. */
#define TXOUT_ROOM(script) (2 * QC_VARINT_MAX + 33 + (script).len)

qc_err qc_txout_compress(qc_bytes *out, qc_amount value, qc_span script)
{
    qc_err err = qc_bytes_reserve(out, TXOUT_ROOM(script));
    if (!err)
        out->len += txout_put(out->data + out->len, value, script);
    return err;
}

qc_err qc_txout_read(qc_reader *r, qc_amount *value, qc_bytes *script, const char **why)
{
    uint64_t v = amount_unpack(qc_r_varint(r));
    *why = "amount is not a number";
    if (r->fail)
        return QC_ECORRUPT;
    *why = "amount above 21 million";
    if (v > (uint64_t)QC_MAX_MONEY)
        return QC_ECORRUPT;
    *value = (qc_amount)v;
    return script_read(r, script, why);
}

qc_err qc_txout_decompress(qc_reader *r, qc_amount *value, qc_bytes *script)
{
    const char *why;
    return qc_txout_read(r, value, script, &why);
}

qc_err qc_coin_write(qc_bytes *out, qc_coin_code code, bool dummy, qc_amount value, qc_span script)
{
    QC_ASSERT(code.height < 1u << 31);
    qc_err err = qc_bytes_reserve(out, QC_VARINT_MAX + 1 + TXOUT_ROOM(script));
    if (err)
        return err;
    uint8_t *p = out->data + out->len;
    size_t n = qc_varint_put(p, code.height << 1 | (code.coinbase ? 1u : 0u));
    if (dummy && code.height > 0)
        p[n++] = 0;
    out->len += n + txout_put(p + n, value, script);
    return QC_OK;
}

qc_err qc_coin_read(qc_reader *r, bool dummy, qc_coin_code *code, qc_amount *value,
                    qc_bytes *script, const char **why)
{
    uint32_t v, version;
    *why = "height is not a number";
    if (!qc_varint_u32(r, &v))
        return QC_ECORRUPT;
    *code = (qc_coin_code){v >> 1, v & 1};
    /* Core up to 0.14 wrote the transaction's version here. */
    *why = "version is not a number";
    if (dummy && code->height > 0 && !qc_varint_u32(r, &version))
        return QC_ECORRUPT;
    return qc_txout_read(r, value, script, why);
}
