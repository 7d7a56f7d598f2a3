/* The order of the checks and the sentences are those of Core's key_io.cpp, so that validateaddress
 * answers alike. */
#include "lib/address.h"

#include "lib/base58.h"
#include "lib/script.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HASH_LEN 20
#define PROGRAM_MAX 40

size_t qn_script_p2pkh(const uint8_t hash[20], uint8_t *out)
{
    out[0] = QN_OP_DUP;
    out[1] = QN_OP_HASH160;
    out[2] = HASH_LEN;
    memcpy(out + 3, hash, HASH_LEN);
    out[23] = QN_OP_EQUALVERIFY;
    out[24] = QN_OP_CHECKSIG;
    return 25;
}

size_t qn_script_p2sh(const uint8_t hash[20], uint8_t *out)
{
    out[0] = QN_OP_HASH160;
    out[1] = HASH_LEN;
    memcpy(out + 2, hash, HASH_LEN);
    out[22] = QN_OP_EQUAL;
    return 23;
}

size_t qn_script_witness(unsigned version, const uint8_t *program, size_t len, uint8_t *out)
{
    out[0] = (uint8_t)(version ? QN_OP_1 + version - 1 : QN_OP_0);
    out[1] = (uint8_t)len;
    memcpy(out + 2, program, len);
    return len + 2;
}

__attribute__((format(printf, 2, 3))) static bool fail(qn_address_error *err, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
    }
    return false;
}

static bool decode_base58(const qn_chain_text *chain, const char *text, size_t len, uint8_t *script,
                          size_t *script_len, qn_address_error *err)
{
    uint8_t data[100];
    size_t n;
    if (!qn_base58check_decode(text, len, data, HASH_LEN + 1, &n)) {
        if (qn_base58_decode(text, len, data, sizeof data, &n))
            return fail(err, "Invalid checksum or length of Base58 address (P2PKH or P2SH)");
        return fail(err, "Invalid or unsupported Segwit (Bech32) or Base58 encoding.");
    }
    bool key = n > 0 && data[0] == chain->p2pkh, sh = n > 0 && data[0] == chain->p2sh;
    if (!key && !sh)
        return fail(err, "Invalid or unsupported Base58-encoded address.");
    if (n != HASH_LEN + 1)
        return fail(err, "Invalid length for Base58 address (P2PKH or P2SH)");
    *script_len = key ? qn_script_p2pkh(data + 1, script) : qn_script_p2sh(data + 1, script);
    return true;
}

static bool decode_program(unsigned version, const uint8_t *program, size_t len, uint8_t *script,
                           size_t *script_len, qn_address_error *err)
{
    const char *unit = len == 1 ? "byte" : "bytes";
    if (version == 0 && len != 20 && len != 32)
        return fail(err, "Invalid Bech32 v0 address program size (%zu %s), per BIP141", len, unit);
    if (version > 16)
        return fail(err, "Invalid Bech32 address witness version");
    if (len < 2 || len > PROGRAM_MAX)
        return fail(err, "Invalid Bech32 address program size (%zu %s)", len, unit);
    *script_len = qn_script_witness(version, program, len, script);
    return true;
}

static bool decode_bech32(const qn_chain_text *chain, const char *text, size_t len, uint8_t *script,
                          size_t *script_len, qn_address_error *err)
{
    qn_bech32_text t;
    uint8_t program[QN_BECH32_MAX];
    size_t n;
    if (qn_bech32_decode(text, len, &t) == QN_BECH32_INVALID) {
        if (err) {
            qn_bech32_locate(text, len, &err->where);
            fail(err, "%s", err->where.text);
        }
        return false;
    }
    if (t.data_len == 0)
        return fail(err, "Empty Bech32 data section");
    if (strcmp(t.hrp, chain->hrp) != 0)
        return fail(err,
                    "Invalid or unsupported prefix for Segwit (Bech32) address (expected %s, got "
                    "%s).",
                    chain->hrp, t.hrp);
    unsigned version = t.data[0];
    if (version == 0 && t.kind != QN_BECH32)
        return fail(err, "Version 0 witness address must use Bech32 checksum");
    if (version != 0 && t.kind != QN_BECH32M)
        return fail(err, "Version 1+ witness address must use Bech32m checksum");
    if (!qn_convert_bits(t.data + 1, t.data_len - 1, 5, 8, false, program, sizeof program, &n))
        return fail(err, "Invalid padding in Bech32 data section");
    return decode_program(version, program, n, script, script_len, err);
}

static bool starts_with_hrp(const char *text, size_t len, const char *hrp)
{
    for (; *hrp; hrp++, text++, len--) {
        char c = len ? *text : '\0';
        if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != *hrp)
            return false;
    }
    return true;
}

bool qn_address_decode(const qn_chain_text *chain, const char *text, size_t len, uint8_t *script,
                       size_t *script_len, qn_address_error *err)
{
    if (err)
        memset(err, 0, sizeof *err);
    if (starts_with_hrp(text, len, chain->hrp))
        return decode_bech32(chain, text, len, script, script_len, err);
    return decode_base58(chain, text, len, script, script_len, err);
}

static size_t encode_base58(uint8_t version, const uint8_t *hash, char *out)
{
    uint8_t data[HASH_LEN + 1];
    data[0] = version;
    memcpy(data + 1, hash, HASH_LEN);
    return qn_base58check_encode(data, sizeof data, out, QN_ADDRESS_MAX);
}

static size_t encode_witness(const qn_chain_text *chain, unsigned version, qn_script_part program,
                             char *out)
{
    uint8_t values[1 + PROGRAM_MAX * 8 / 5 + 1];
    size_t n;
    values[0] = (uint8_t)version;
    if (!qn_convert_bits(program.data, program.len, 8, 5, true, values + 1, sizeof values - 1, &n))
        return 0;
    return qn_bech32_encode(version ? QN_BECH32M : QN_BECH32, chain->hrp, values, n + 1, out,
                            QN_ADDRESS_MAX);
}

size_t qn_address_encode(const qn_chain_text *chain, const uint8_t *script, size_t script_len,
                         char *out)
{
    qn_script_info info;
    out[0] = '\0';
    switch (qn_script_classify(script, script_len, &info)) {
    case QN_SCRIPT_PUBKEYHASH:
        return encode_base58(chain->p2pkh, info.part[0].data, out);
    case QN_SCRIPT_SCRIPTHASH:
        return encode_base58(chain->p2sh, info.part[0].data, out);
    case QN_SCRIPT_ANCHOR:
    case QN_SCRIPT_WITNESS_V0_KEYHASH:
    case QN_SCRIPT_WITNESS_V0_SCRIPTHASH:
    case QN_SCRIPT_WITNESS_V1_TAPROOT:
    case QN_SCRIPT_WITNESS_UNKNOWN:
        return encode_witness(chain, (unsigned)info.version, info.part[0], out);
    case QN_SCRIPT_NONSTANDARD:
    case QN_SCRIPT_PUBKEY:
    case QN_SCRIPT_MULTISIG:
    case QN_SCRIPT_NULLDATA:
        break;
    }
    return 0;
}

bool qn_wif_decode(const qn_chain_text *chain, const char *text, size_t len, uint8_t *key,
                   bool *compressed)
{
    uint8_t data[34];
    size_t n;
    bool ok = qn_base58check_decode(text, len, data, sizeof data, &n) && n >= 33 &&
              data[0] == chain->secret && (n == 33 || data[33] == 1);
    if (ok) {
        memcpy(key, data + 1, 32);
        *compressed = n == 34;
    }
    memset(data, 0, sizeof data);
    __asm__ volatile("" : : "r"(data) : "memory");
    return ok;
}

size_t qn_wif_encode(const qn_chain_text *chain, const uint8_t *key, bool compressed, char *out)
{
    uint8_t data[34];
    data[0] = chain->secret;
    memcpy(data + 1, key, 32);
    data[33] = 1;
    size_t n = qn_base58check_encode(data, compressed ? 34 : 33, out, QN_ADDRESS_MAX);
    memset(data, 0, sizeof data);
    __asm__ volatile("" : : "r"(data) : "memory");
    return n;
}
