/* Addresses, descriptors and scripts as such (Core rpc/output_script.cpp, rpc/rawtransaction.cpp
 * decodescript). Nothing here looks at the chain. */
#include "core/base/alloc.h"
#include "core/crypto/hashes.h"
#include "core/crypto/sha256.h"
#include "core/methods/common.h"
#include "core/methods/descriptors.h"
#include "core/methods/hexarg.h"
#include "core/methods/script_text.h"
#include "core/methods/tx_json.h"
#include "core/os/file.h"
#include "lib/address.h"
#include "lib/script.h"

static void put_address_detail(qc_jw *w, qc_span script)
{
    qn_script_info info;
    switch (qn_script_classify(script.data, script.len, &info)) {
    case QN_SCRIPT_PUBKEYHASH:
    case QN_SCRIPT_WITNESS_V0_KEYHASH:
        qc_jw_kbool(w, "isscript", false);
        break;
    case QN_SCRIPT_SCRIPTHASH:
    case QN_SCRIPT_WITNESS_V0_SCRIPTHASH:
    case QN_SCRIPT_WITNESS_V1_TAPROOT:
    case QN_SCRIPT_ANCHOR:
        qc_jw_kbool(w, "isscript", true);
        break;
    case QN_SCRIPT_NONSTANDARD:
    case QN_SCRIPT_PUBKEY:
    case QN_SCRIPT_MULTISIG:
    case QN_SCRIPT_NULLDATA:
    case QN_SCRIPT_WITNESS_UNKNOWN:
        break;
    }
    int version;
    qn_script_part program;
    bool witness = qn_script_witness_program(script.data, script.len, &version, &program);
    qc_jw_kbool(w, "iswitness", witness);
    if (!witness || info.type == QN_SCRIPT_ANCHOR)
        return;
    qc_jw_kint(w, "witness_version", version);
    qc_jw_khex(w, "witness_program", qc_span_of(program.data, program.len));
}

static void put_valid_address(qc_jw *w, const qc_node *n, qc_span script)
{
    char address[QN_ADDRESS_MAX];
    qn_address_encode(qc_m_chain(n->params), script.data, script.len, address);
    qc_jw_kbool(w, "isvalid", true);
    qc_jw_kstr(w, "address", address);
    qc_jw_khex(w, "scriptPubKey", script);
    put_address_detail(w, script);
}

static void put_invalid_address(qc_jw *w, const qn_address_error *err)
{
    qc_jw_kbool(w, "isvalid", false);
    qc_jw_karr(w, "error_locations");
    for (size_t i = 0; i < err->where.n; i++)
        qc_jw_uint(w, err->where.at[i]);
    for (size_t i = 0; err->where.n && i < err->where.more; i++)
        qc_jw_uint(w, err->where.at[err->where.n - 1] + 1 + i);
    qc_jw_arr_end(w);
    qc_jw_kstr(w, "error", err->text);
}

static void validateaddress(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const char *text = "";
    if (!qc_rpc_str(r, 0, &text))
        return;
    uint8_t script[QN_ADDRESS_SCRIPT_MAX];
    size_t len;
    qn_address_error err = {.text = ""};
    bool ok = qn_address_decode(qc_m_chain(n->params), text, strlen(text), script, &len, &err);
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    if (ok)
        put_valid_address(w, n, qc_span_of(script, len));
    else
        put_invalid_address(w, &err);
    qc_jw_obj_end(w);
}

/* One branch, as an array. A million of them take their time, for which the node does not wait. */
static bool put_addresses(qc_rpc_req *r, const qc_node *n, qc_m_desc *m, size_t branch,
                          uint32_t low, uint32_t high)
{
    qc_jw *w = qc_rpc_out(r);
    qc_jw_arr(w);
    for (uint64_t at = low; at <= high; at++) {
        qn_derived v;
        if (n->stopping)
            return qc_rpc_fail(r, QC_RPC_MISC_ERROR, "Shutting down");
        if (qn_descriptor_derive(m->d, branch, (uint32_t)at, &v) != QN_DERIVE_OK)
            return qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY,
                               "Cannot derive script without private keys");
        bool ok = v.n_scripts > 0;
        for (size_t i = 0; ok && i < v.n_scripts; i++) {
            char address[QN_ADDRESS_MAX];
            const qn_desc_bytes s = v.script[i].script;
            ok = qn_address_encode(qc_m_chain(n->params), s.data, s.len, address) > 0;
            if (ok)
                qc_jw_str(w, address);
            else /* combo() has one for a bare key, which has no address */
                ok = v.n_scripts > 1 && i == 0;
        }
        const bool none = v.n_scripts == 0;
        qn_derived_clear(&v);
        if (!ok)
            return none ? qc_rpc_fail(r, QC_RPC_MISC_ERROR, "Unexpected empty result")
                        : qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY,
                                      "Descriptor does not have a corresponding address");
    }
    qc_jw_arr_end(w);
    return true;
}

static void derive_open(qc_rpc_req *r, const qc_node *n, qc_m_desc *m, uint32_t low, uint32_t high)
{
    const size_t branches = qn_descriptor_branches(m->d);
    const bool range = qn_descriptor_is_range(m->d), given = qc_rpc_arg(r, 1) != NULL;
    if (range != given) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                    given ? "Range should not be specified for an un-ranged descriptor"
                          : "Range must be specified for a ranged descriptor");
        return;
    }
    if (branches * ((uint64_t)high - low + 1) > QC_M_DESC_RANGE) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Range is too large");
        return;
    }
    if (branches > 1)
        qc_jw_arr(qc_rpc_out(r));
    for (size_t i = 0; i < branches; i++)
        if (!put_addresses(r, n, m, i, low, high))
            return;
    if (branches > 1)
        qc_jw_arr_end(qc_rpc_out(r));
}

static void deriveaddresses(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const char *desc = "";
    char error[QC_M_DESC_ERROR] = "";
    uint32_t low = 0, high = 0;
    qc_m_desc m;
    if (!qc_rpc_str(r, 0, &desc) ||
        (qc_rpc_arg(r, 1) && !qc_m_desc_range(r, qc_rpc_arg(r, 1), &low, &high)))
        return;
    if (!qc_m_desc_open(n->params, desc, true, &m, error, sizeof error)) {
        qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "%s", error);
        return;
    }
    derive_open(r, n, &m, low, high);
    qc_m_desc_close(&m);
}

static void kdescriptor(qc_jw *w, const char *key, const qc_m_desc *m, size_t branch)
{
    char *text = qc_m_desc_text(m, branch);
    if (key)
        qc_jw_kstr(w, key, text);
    else
        qc_jw_str(w, text);
    qc_free(text);
}

static void put_descriptor(qc_jw *w, const qc_m_desc *m, const char *given)
{
    char sum[QN_DESC_CHECKSUM + 1] = "";
    const size_t branches = qn_descriptor_branches(m->d);
    qn_descriptor_checksum(given, strcspn(given, "#"), sum);
    qc_jw_obj(w);
    kdescriptor(w, "descriptor", m, 0);
    if (branches > 1) {
        qc_jw_karr(w, "multipath_expansion");
        for (size_t i = 0; i < branches; i++)
            kdescriptor(w, NULL, m, i);
        qc_jw_arr_end(w);
    }
    qc_jw_kstr(w, "checksum", sum);
    qc_jw_kbool(w, "isrange", qn_descriptor_is_range(m->d));
    qc_jw_kbool(w, "issolvable", qn_descriptor_is_solvable(m->d));
    qc_jw_kbool(w, "hasprivatekeys", qn_descriptor_has_secret(m->d));
    qc_jw_obj_end(w);
}

static void getdescriptorinfo(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const char *desc = "";
    char error[QC_M_DESC_ERROR] = "";
    qc_m_desc m;
    if (!qc_rpc_str(r, 0, &desc))
        return;
    if (!qc_m_desc_open(n->params, desc, false, &m, error, sizeof error)) {
        qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "%s", error);
        return;
    }
    put_descriptor(qc_rpc_out(r), &m, desc);
    qc_m_desc_close(&m);
}

/* ---- decodescript ---- */

/* Opcodes that tapscript alone knows make a script unfit for wrapping (Core IsOpSuccess, and
 * CHECKSIGADD). */
static bool tapscript_only(uint8_t op)
{
    return op == 0xba || op == 80 || op == 98 || (op >= 126 && op <= 129) ||
           (op >= 131 && op <= 134) || (op >= 137 && op <= 138) || (op >= 141 && op <= 142) ||
           (op >= 149 && op <= 153) || (op >= 187 && op <= 254);
}

static bool ops_allow_wrapping(qc_span script)
{
    size_t pos = 0;
    qn_script_op op;
    while (pos < script.len) {
        if (!qn_script_next(script.data, script.len, &pos, &op))
            return false;
        if (op.data_len > 520 || op.code > 0xba || tapscript_only(op.code))
            return false;
    }
    return !qn_script_unspendable(script.data, script.len);
}

static bool can_wrap(const qn_script_info *info, qc_span script)
{
    switch (info->type) {
    case QN_SCRIPT_MULTISIG:
    case QN_SCRIPT_NONSTANDARD:
    case QN_SCRIPT_PUBKEY:
    case QN_SCRIPT_PUBKEYHASH:
    case QN_SCRIPT_WITNESS_V0_KEYHASH:
    case QN_SCRIPT_WITNESS_V0_SCRIPTHASH:
        return ops_allow_wrapping(script);
    case QN_SCRIPT_NULLDATA:
    case QN_SCRIPT_SCRIPTHASH:
    case QN_SCRIPT_WITNESS_UNKNOWN:
    case QN_SCRIPT_WITNESS_V1_TAPROOT:
    case QN_SCRIPT_ANCHOR:
        return false;
    }
    return false;
}

static bool can_wrap_segwit(const qn_script_info *info)
{
    if (info->type == QN_SCRIPT_NONSTANDARD || info->type == QN_SCRIPT_PUBKEYHASH)
        return true;
    if (info->type != QN_SCRIPT_MULTISIG && info->type != QN_SCRIPT_PUBKEY)
        return false;
    for (unsigned i = 0; i < info->n_parts; i++)
        if (info->part[i].len != 33) /* uncompressed keys fail segwit's signature checks */
            return false;
    return true;
}

static size_t segwit_script(const qn_script_info *info, qc_span script, uint8_t *out)
{
    uint8_t h160[20];
    if (info->type == QN_SCRIPT_PUBKEYHASH)
        return qn_script_witness(0, info->part[0].data, 20, out);
    if (info->type == QN_SCRIPT_PUBKEY) {
        qc_hash160(qc_span_of(info->part[0].data, info->part[0].len), h160);
        return qn_script_witness(0, h160, 20, out);
    }
    qc_hash h;
    qc_sha256(script, h.b);
    return qn_script_witness(0, h.b, 32, out);
}

static void kp2sh(qc_jw *w, const char *key, const qc_params *p, qc_span redeem)
{
    uint8_t h160[20], script[QN_ADDRESS_SCRIPT_MAX];
    char address[QN_ADDRESS_MAX];
    qc_hash160(redeem, h160);
    qn_address_encode(qc_m_chain(p), script, qn_script_p2sh(h160, script), address);
    qc_jw_kstr(w, key, address);
}

static void put_segwit(qc_jw *w, const qc_params *p, qc_span script, qc_span wrapped)
{
    char *desc = qc_m_wrapped_descriptor(p, script, wrapped);
    qc_m_kasm(w, wrapped, false);
    qc_jw_kstr(w, "desc", desc);
    qc_jw_khex(w, "hex", wrapped);
    qc_m_kaddress_if_any(w, p, wrapped);
    qc_jw_kstr(w, "type", qc_m_script_type(wrapped));
    qc_free(desc);
}

static void put_decoded_script(qc_jw *w, const qc_params *p, qc_span script)
{
    qn_script_info info;
    qn_script_classify(script.data, script.len, &info);
    qc_jw_obj(w);
    qc_m_script_members(w, p, script, false, true);
    if (can_wrap(&info, script)) {
        kp2sh(w, "p2sh", p, script);
        if (can_wrap_segwit(&info)) {
            uint8_t program[QN_ADDRESS_SCRIPT_MAX];
            qc_span wrapped = {program, segwit_script(&info, script, program)};
            qc_jw_kobj(w, "segwit");
            put_segwit(w, p, script, wrapped);
            kp2sh(w, "p2sh-segwit", p, wrapped);
            qc_jw_obj_end(w);
        }
    }
    qc_jw_obj_end(w);
}

static void decodescript(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const char *hex = "";
    qc_bytes script = QC_BYTES_INIT;
    if (!qc_rpc_str(r, 0, &hex))
        return;
    if (*hex && !qc_rpc_hex(r, 0, "argument", &script))
        return;
    put_decoded_script(qc_rpc_out(r), n->params, qc_bytes_span(&script));
    qc_bytes_free(&script);
}

static const qc_rpc_param P_ADDRESS[] = {{"address", QC_T_STR, true, .help = "Any text"},
                                         {.names = NULL}};
static const qc_rpc_param P_DESC[] = {{"descriptor", QC_T_STR, true, .help = "The descriptor"},
                                      {.names = NULL}};
static const qc_rpc_param P_DERIVE[] = {
    {"descriptor", QC_T_STR, true, .help = "With its checksum"},
    {"range", QC_T_RANGE, .help = "For a ranged descriptor: the last index, or [first, last]"},
    {.names = NULL}};
static const qc_rpc_param P_SCRIPT[] = {
    {"hexstring", QC_T_HEX, true, .help = "The script in hex; may be empty"}, {.names = NULL}};

const qc_rpc_method QC_METHODS_OUTPUT[] = {
    {"util", "validateaddress", "Is it an address of this chain, and of which kind? If not, why.",
     P_ADDRESS,
     .result = "{ isvalid, address, scriptPubKey, isscript, iswitness, witness_version, "
               "witness_program,\n"
               "  error_locations: [...], error }",
     .examples = "validateaddress \"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4\"",
     .fn = validateaddress},
    {"util", "deriveaddresses",
     "The addresses of a descriptor; one array for each branch of a "
     "multipath descriptor.",
     P_DERIVE, .result = "[ \"address\", ... ] or [ [ \"address\", ... ], ... ]",
     .examples = "deriveaddresses \"pkh(...)#checksum\"", .fn = deriveaddresses},
    {"util", "getdescriptorinfo", "Read a descriptor.", P_DESC,
     .result = "{ descriptor, multipath_expansion: [...], checksum, isrange, issolvable, "
               "hasprivatekeys }",
     .examples = "getdescriptorinfo \"raw(51)\"", .fn = getdescriptorinfo},
    {"rawtransactions", "decodescript", "Read a script: words, type, address, and what wraps it.",
     P_SCRIPT,
     .result = "{ asm, desc, address, type, p2sh, segwit: { asm, desc, hex, address, type, "
               "p2sh-segwit } }",
     .examples = "decodescript \"hexstring\"", .fn = decodescript},
    {.name = NULL}};
