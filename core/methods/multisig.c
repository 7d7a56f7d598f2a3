/* createmultisig (Core rpc/output_script.cpp, rpc/util.cpp). */
#include "core/base/alloc.h"
#include "core/crypto/hashes.h"
#include "core/crypto/secp.h"
#include "core/crypto/sha256.h"
#include "core/methods/common.h"
#include "core/methods/descriptors.h"
#include "core/methods/script_text.h"
#include "core/script/pattern.h"
#include "lib/address.h"
#include "lib/hex.h"
#include "lib/script.h"

typedef enum kind { LEGACY, P2SH_SEGWIT, BECH32 } kind;

typedef struct multisig {
    uint32_t required;
    size_t n_keys;
    uint8_t key[QN_MAX_MULTISIG_KEYS][QC_PUBKEY_UNCOMPRESSED];
    uint8_t len[QN_MAX_MULTISIG_KEYS];
    kind kind;
    qc_bytes script;
    uint8_t output[QN_ADDRESS_SCRIPT_MAX]; /* scriptPubKey */
    size_t output_len;
} multisig;

static bool fail_key(qc_rpc_req *r, const char *text, const char *must)
{
    return qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "Pubkey \"%s\" must %s", text, must);
}

/* Keys beyond the limit are looked at, but not kept. */
static bool read_key(qc_rpc_req *r, const json_t *v, multisig *m)
{
    const char *text;
    uint8_t key[QC_PUBKEY_UNCOMPRESSED];
    if (!qc_rpc_v_str(r, v, &text))
        return false;
    size_t n = json_string_length(v), bad = 0;
    for (size_t i = 0; i < n; i++)
        bad += qn_hex_digit(text[i]) < 0;
    if (n == 0 || n % 2 || bad)
        return fail_key(r, text, "be a hex string");
    if (n != 2 * QC_PUBKEY_COMPRESSED && n != 2 * QC_PUBKEY_UNCOMPRESSED)
        return fail_key(r, text, "have a length of either 33 or 65 bytes");
    if (!qn_hex_decode(text, n, key, sizeof key) || !qc_pubkey_valid(qc_span_of(key, n / 2)))
        return fail_key(r, text, "be cryptographically valid.");
    if (m->n_keys < QN_MAX_MULTISIG_KEYS) {
        memcpy(m->key[m->n_keys], key, n / 2);
        m->len[m->n_keys] = (uint8_t)(n / 2);
    }
    m->n_keys++;
    return true;
}

static bool read_kind(qc_rpc_req *r, kind *out)
{
    static const char *const NAME[] = {"legacy", "p2sh-segwit", "bech32"};
    const char *text = NAME[LEGACY];
    if (!qc_rpc_str(r, 2, &text))
        return false;
    for (unsigned k = LEGACY; k <= BECH32; k++)
        if (strcmp(text, NAME[k]) == 0) {
            *out = (kind)k;
            return true;
        }
    if (strcmp(text, "bech32m") == 0)
        return qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY,
                           "createmultisig cannot create bech32m multisig addresses");
    return qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "Unknown address type '%s'", text);
}

static bool check_counts(qc_rpc_req *r, int32_t required, const multisig *m)
{
    if (required < 1)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                           "a multisignature address must require at least one key to redeem");
    if (m->n_keys < (size_t)required)
        return qc_rpc_fail(
            r, QC_RPC_INVALID_PARAMETER,
            "not enough keys supplied (got %zu keys, but need at least %d to redeem)", m->n_keys,
            required);
    if (m->n_keys > QN_MAX_MULTISIG_KEYS)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                           "Number of keys involved in the multisignature address creation > "
                           "%d\nReduce the number",
                           QN_MAX_MULTISIG_KEYS);
    return true;
}

/* ---- the scripts ---- */

/* A number from 1 to 20, as the shortest push. */
static qc_err write_number(qc_bytes *b, size_t n)
{
    if (n <= 16)
        return qc_w_u8(b, (uint8_t)(QC_OP_1 + n - 1));
    qc_err err = qc_w_u8(b, 1);
    return err ? err : qc_w_u8(b, (uint8_t)n);
}

static qc_err write_script(multisig *m)
{
    qc_err err = write_number(&m->script, m->required);
    for (size_t i = 0; i < m->n_keys && !err; i++) {
        err = qc_w_u8(&m->script, m->len[i]);
        if (!err)
            err = qc_bytes_append(&m->script, m->key[i], m->len[i]);
    }
    if (!err)
        err = write_number(&m->script, m->n_keys);
    return err ? err : qc_w_u8(&m->script, QC_OP_CHECKMULTISIG);
}

static void make_output(multisig *m)
{
    uint8_t h160[20], h256[32], program[QN_ADDRESS_SCRIPT_MAX];
    qc_span script = qc_bytes_span(&m->script);
    qc_sha256(script, h256);
    size_t n = qn_script_witness(0, h256, sizeof h256, program);
    if (m->kind == BECH32) {
        memcpy(m->output, program, n);
        m->output_len = n;
        return;
    }
    qc_hash160(m->kind == LEGACY ? script : qc_span_of(program, n), h160);
    m->output_len = qn_script_p2sh(h160, m->output);
}

/* Keys of hybrid form have no place in a descriptor: it then names the address only. */
static char *descriptor_of(const qc_node *n, const multisig *m)
{
    char sum[QN_DESC_CHECKSUM + 1], hex[2 * QC_PUBKEY_UNCOMPRESSED + 1];
    qc_span output = {m->output, m->output_len};
    char *keys = qc_asprintf("multi(%u", m->required);
    for (size_t i = 0; i < m->n_keys; i++) {
        qn_hex_encode(m->key[i], m->len[i], hex);
        char *more = qc_asprintf("%s,%s", keys, hex);
        qc_free(keys);
        keys = more;
        if (m->key[i][0] > 4) {
            qc_free(keys);
            return qc_m_inferred_descriptor(n->params, output);
        }
    }
    char *bare = m->kind == LEGACY        ? qc_asprintf("sh(%s))", keys)
                 : m->kind == P2SH_SEGWIT ? qc_asprintf("sh(wsh(%s)))", keys)
                                          : qc_asprintf("wsh(%s))", keys);
    qn_descriptor_checksum(bare, strlen(bare), sum);
    char *text = qc_asprintf("%s#%s", bare, sum);
    qc_free(keys);
    qc_free(bare);
    return text;
}

static void answer(qc_rpc_req *r, const qc_node *n, const multisig *m, bool changed)
{
    char address[QN_ADDRESS_MAX];
    char *desc = descriptor_of(n, m);
    qn_address_encode(qc_m_chain(n->params), m->output, m->output_len, address);
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_kstr(w, "address", address);
    qc_jw_khex(w, "redeemScript", qc_bytes_span(&m->script));
    qc_jw_kstr(w, "descriptor", desc);
    if (changed) {
        qc_jw_karr(w, "warnings");
        qc_jw_str(w, "Unable to make chosen address type, please ensure no uncompressed public "
                     "keys are present.");
        qc_jw_arr_end(w);
    }
    qc_jw_obj_end(w);
    qc_free(desc);
}

static bool read_keys(qc_rpc_req *r, const json_t *list, multisig *m)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        if (!read_key(r, v, m))
            return false;
    }
    return true;
}

static void createmultisig(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    int32_t required = 0;
    multisig m = {.n_keys = 0};
    if (!qc_rpc_i32(r, 0, &required) || !read_keys(r, qc_rpc_arg(r, 1), &m) ||
        !read_kind(r, &m.kind) || !check_counts(r, required, &m))
        return;
    m.required = (uint32_t)required;
    kind wanted = m.kind;
    for (size_t i = 0; i < m.n_keys; i++)
        if (m.len[i] != QC_PUBKEY_COMPRESSED)
            m.kind = LEGACY; /* segwit does not take other keys */
    qc_err err = write_script(&m);
    if (err) {
        qc_m_fail_err(r, err, "Cannot write the script");
    } else if (m.kind == LEGACY && m.script.len > QC_MAX_SCRIPT_ELEMENT_SIZE) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "redeemScript exceeds size limit: %zu > %u",
                    m.script.len, QC_MAX_SCRIPT_ELEMENT_SIZE);
    } else {
        make_output(&m);
        answer(r, n, &m, m.kind != wanted);
    }
    qc_bytes_free(&m.script);
}

static const qc_rpc_param P_KEYS[] = {{"key", QC_T_HEX, .help = "A public key in hex"},
                                      {.names = NULL}};
static const qc_rpc_param P_MULTISIG[] = {
    {"nrequired", QC_T_NUM, true, .help = "How many of the keys must sign"},
    {"keys", QC_T_ARR, true, .help = "The public keys, 20 at most", .inner = P_KEYS},
    {"address_type", QC_T_STR, .dflt = "legacy", .help = "legacy, p2sh-segwit or bech32"},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_MULTISIG[] = {
    {"util", "createmultisig", "An address that some of several keys must sign for.", P_MULTISIG,
     .result = "{ address, redeemScript, descriptor, warnings: [...] }",
     .examples = "createmultisig 2 "
                 "\"[\\\"03789ed0bb717d88f7d321a368d905e7430207ebbd82bd342cf11ae157a7ace5fd\\\","
                 "\\\"03dbc6764b8884a92e871274b87583e6d5c2a58819473e17e107ef3f6aa5a61626\\\"]\"",
     .fn = createmultisig},
    {.name = NULL}};
