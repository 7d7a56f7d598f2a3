#include "lib/script.h"

#include <string.h>

/* Length of the length after a push opcode, and the push's size. */
static bool push_size(const uint8_t *p, size_t left, uint8_t code, size_t *head, size_t *size)
{
    *head = code < QN_OP_PUSHDATA1    ? 0
            : code == QN_OP_PUSHDATA1 ? 1
            : code == QN_OP_PUSHDATA2 ? 2
                                      : 4;
    if (*head > left)
        return false;
    *size = *head ? 0 : code;
    for (size_t i = 0; i < *head; i++)
        *size |= (size_t)p[i] << 8 * i;
    return *size <= left - *head;
}

bool qn_script_next(const uint8_t *script, size_t len, size_t *pos, qn_script_op *op)
{
    size_t at = *pos, head, size;
    if (at >= len)
        return false;
    uint8_t code = script[at++];
    op->code = code;
    op->data = NULL;
    op->data_len = 0;
    if (code <= QN_OP_PUSHDATA4) {
        if (!push_size(script + at, len - at, code, &head, &size))
            return false;
        op->data = script + at + head;
        op->data_len = size;
        at += head + size;
    }
    *pos = at;
    return true;
}

bool qn_script_push_only(const uint8_t *script, size_t len)
{
    qn_script_op op;
    size_t pos = 0;
    while (pos < len)
        if (!qn_script_next(script, len, &pos, &op) || op.code > QN_OP_16)
            return false;
    return true;
}

bool qn_script_unspendable(const uint8_t *script, size_t len)
{
    return (len > 0 && script[0] == QN_OP_RETURN) || len > QN_MAX_SCRIPT_SIZE;
}

size_t qn_pubkey_len(uint8_t first)
{
    return first == 2 || first == 3 ? 33 : first == 4 || first == 6 || first == 7 ? 65 : 0;
}

bool qn_script_witness_program(const uint8_t *s, size_t len, int *version, qn_script_part *program)
{
    if (len < 4 || len > 42 || (size_t)s[1] + 2 != len)
        return false;
    if (s[0] != QN_OP_0 && (s[0] < QN_OP_1 || s[0] > QN_OP_16))
        return false;
    *version = s[0] == QN_OP_0 ? 0 : s[0] - QN_OP_1 + 1;
    *program = (qn_script_part){s + 2, len - 2};
    return true;
}

static void add_part(qn_script_info *info, const uint8_t *data, size_t len)
{
    info->part[info->n_parts++] = (qn_script_part){data, len};
}

static qn_script_type witness_type(int version, const qn_script_part *p)
{
    if (version == 0)
        return p->len == 20   ? QN_SCRIPT_WITNESS_V0_KEYHASH
               : p->len == 32 ? QN_SCRIPT_WITNESS_V0_SCRIPTHASH
                              : QN_SCRIPT_NONSTANDARD;
    if (version == 1 && p->len == 32)
        return QN_SCRIPT_WITNESS_V1_TAPROOT;
    if (version == 1 && p->len == 2 && p->data[0] == 0x4e && p->data[1] == 0x73)
        return QN_SCRIPT_ANCHOR;
    return QN_SCRIPT_WITNESS_UNKNOWN;
}

static bool is_pubkey(const uint8_t *s, size_t len)
{
    return (len == 35 || len == 67) && s[0] == len - 2 && s[len - 1] == QN_OP_CHECKSIG &&
           qn_pubkey_len(s[1]) == s[0];
}

static bool is_pubkeyhash(const uint8_t *s, size_t len)
{
    return len == 25 && s[0] == QN_OP_DUP && s[1] == QN_OP_HASH160 && s[2] == 20 &&
           s[23] == QN_OP_EQUALVERIFY && s[24] == QN_OP_CHECKSIG;
}

/* OP_1 to OP_16, or a minimal push of 17 to 20; no other number of keys can be standard. */
static unsigned small_number(const qn_script_op *op)
{
    if (op->code >= QN_OP_1 && op->code <= QN_OP_16)
        return op->code - QN_OP_1 + 1u;
    if (op->code == 1 && op->data[0] > 16 && op->data[0] <= QN_MAX_MULTISIG_KEYS)
        return op->data[0];
    return 0;
}

static bool match_multisig(const uint8_t *s, size_t len, qn_script_info *info)
{
    qn_script_op op;
    size_t pos = 0;
    unsigned n = 0;
    if (len < 1 || s[len - 1] != QN_OP_CHECKMULTISIG || !qn_script_next(s, len, &pos, &op))
        return false;
    unsigned required = small_number(&op);
    if (required == 0)
        return false;
    for (;; n++) {
        if (!qn_script_next(s, len, &pos, &op))
            return false;
        if (op.data_len == 0 || qn_pubkey_len(op.data[0]) != op.data_len)
            break;
        if (n == QN_MAX_MULTISIG_KEYS)
            return false;
        info->part[n] = (qn_script_part){op.data, op.data_len};
    }
    if (small_number(&op) != n || n < required || pos + 1 != len)
        return false;
    info->n_parts = n;
    info->required = required;
    return true;
}

qn_script_type qn_script_classify(const uint8_t *s, size_t len, qn_script_info *info)
{
    qn_script_part program;
    memset(info, 0, sizeof *info);
    info->version = -1;
    if (len == 23 && s[0] == QN_OP_HASH160 && s[1] == 20 && s[22] == QN_OP_EQUAL) {
        info->type = QN_SCRIPT_SCRIPTHASH;
        add_part(info, s + 2, 20);
    } else if (qn_script_witness_program(s, len, &info->version, &program)) {
        info->type = witness_type(info->version, &program);
        if (info->type != QN_SCRIPT_NONSTANDARD)
            add_part(info, program.data, program.len);
    } else if (len >= 1 && s[0] == QN_OP_RETURN && qn_script_push_only(s + 1, len - 1)) {
        info->type = QN_SCRIPT_NULLDATA;
    } else if (is_pubkey(s, len)) {
        info->type = QN_SCRIPT_PUBKEY;
        add_part(info, s + 1, len - 2);
    } else if (is_pubkeyhash(s, len)) {
        info->type = QN_SCRIPT_PUBKEYHASH;
        add_part(info, s + 3, 20);
    } else if (match_multisig(s, len, info)) {
        info->type = QN_SCRIPT_MULTISIG;
    }
    return info->type;
}

const char *qn_script_type_name(qn_script_type type)
{
    switch (type) {
    case QN_SCRIPT_NONSTANDARD:
        break;
    case QN_SCRIPT_ANCHOR:
        return "anchor";
    case QN_SCRIPT_PUBKEY:
        return "pubkey";
    case QN_SCRIPT_PUBKEYHASH:
        return "pubkeyhash";
    case QN_SCRIPT_SCRIPTHASH:
        return "scripthash";
    case QN_SCRIPT_MULTISIG:
        return "multisig";
    case QN_SCRIPT_NULLDATA:
        return "nulldata";
    case QN_SCRIPT_WITNESS_V0_KEYHASH:
        return "witness_v0_keyhash";
    case QN_SCRIPT_WITNESS_V0_SCRIPTHASH:
        return "witness_v0_scripthash";
    case QN_SCRIPT_WITNESS_V1_TAPROOT:
        return "witness_v1_taproot";
    case QN_SCRIPT_WITNESS_UNKNOWN:
        return "witness_unknown";
    }
    return "nonstandard";
}
