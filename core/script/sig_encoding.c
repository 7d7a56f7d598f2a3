/* How signatures and public keys may be written: consensus since BIP66 and BIP147, and the policy
 * flags on top. */
#include "core/crypto/secp.h"
#include "core/script/sighash.h"
#include "core/script/sigcheck.h"

/* A DER integer of `len` bytes at p: not empty, not negative, not padded. */
static bool is_der_integer(const uint8_t *p, size_t len)
{
    if (len == 0 || (p[0] & 0x80))
        return false;
    return !(len > 1 && p[0] == 0 && !(p[1] & 0x80));
}

bool qc_sig_is_strict_der(qc_span s)
{
    /* 30 [total] 02 [len R] [R] 02 [len S] [S] [hash type] */
    const uint8_t *d = s.data;
    if (s.len < 9 || s.len > 73 || d[0] != 0x30 || d[1] != s.len - 3)
        return false;
    size_t len_r = d[3];
    if (5 + len_r >= s.len)
        return false;
    size_t len_s = d[5 + len_r];
    if (len_r + len_s + 7 != s.len)
        return false;
    return d[2] == 2 && is_der_integer(d + 4, len_r) && d[4 + len_r] == 2 &&
           is_der_integer(d + 6 + len_r, len_s);
}

static bool is_defined_hash_type(qc_span sig)
{
    uint8_t type = sig.data[sig.len - 1] & (uint8_t)~QC_SIGHASH_ANYONECANPAY;
    return type >= QC_SIGHASH_ALL && type <= QC_SIGHASH_SINGLE;
}

qc_script_err qc_sig_check_encoding(qc_span sig, uint32_t flags)
{
    if (sig.len == 0)
        return QC_SE_OK;
    if ((flags & (QC_SCRIPT_DERSIG | QC_SCRIPT_LOW_S | QC_SCRIPT_STRICTENC)) &&
        !qc_sig_is_strict_der(sig))
        return QC_SE_SIG_DER;
    if ((flags & QC_SCRIPT_LOW_S) && !qc_ecdsa_low_s((qc_span){sig.data, sig.len - 1}))
        return QC_SE_SIG_HIGH_S;
    if ((flags & QC_SCRIPT_STRICTENC) && !is_defined_hash_type(sig))
        return QC_SE_SIG_HASHTYPE;
    return QC_SE_OK;
}

static bool is_compressed(qc_span key)
{
    return key.len == QC_PUBKEY_COMPRESSED && (key.data[0] == 2 || key.data[0] == 3);
}

static bool is_uncompressed(qc_span key)
{
    return key.len == QC_PUBKEY_UNCOMPRESSED && key.data[0] == 4;
}

qc_script_err qc_pubkey_check_encoding(qc_span key, uint32_t flags, qc_sigversion sigversion)
{
    if ((flags & QC_SCRIPT_STRICTENC) && !is_compressed(key) && !is_uncompressed(key))
        return QC_SE_PUBKEYTYPE;
    if ((flags & QC_SCRIPT_WITNESS_PUBKEYTYPE) && sigversion == QC_SIGV_WITNESS_V0 &&
        !is_compressed(key))
        return QC_SE_WITNESS_PUBKEYTYPE;
    return QC_SE_OK;
}
