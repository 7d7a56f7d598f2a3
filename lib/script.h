/* lib/script.h: reading scripts without running them. Thread: any. */
#ifndef QUOIN_LIB_SCRIPT_H
#define QUOIN_LIB_SCRIPT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define QN_MAX_MULTISIG_KEYS 20
#define QN_MAX_SCRIPT_SIZE 10000

/** Opcodes that this library looks at; any other value is legal in qn_script_op. */
enum {
    QN_OP_0 = 0x00,
    QN_OP_PUSHDATA1 = 0x4c,
    QN_OP_PUSHDATA2 = 0x4d,
    QN_OP_PUSHDATA4 = 0x4e,
    QN_OP_1NEGATE = 0x4f,
    QN_OP_1 = 0x51,
    QN_OP_16 = 0x60,
    QN_OP_RETURN = 0x6a,
    QN_OP_DUP = 0x76,
    QN_OP_EQUAL = 0x87,
    QN_OP_EQUALVERIFY = 0x88,
    QN_OP_HASH160 = 0xa9,
    QN_OP_CHECKSIG = 0xac,
    QN_OP_CHECKMULTISIG = 0xae,
};

/** One instruction. */
typedef struct qn_script_op {
    uint8_t code;
    const uint8_t *data; /* of a push: borrowed from the script */
    size_t data_len;
} qn_script_op;

/** Read the instruction at *pos and step over it. Out: *op, *pos. Returns: false at the end, or
 * when a push runs past it; *pos == len tells the end from the fault before the call. */
bool qn_script_next(const uint8_t *script, size_t len, size_t *pos, qn_script_op *op);
/** Every instruction from *pos on is a push (OP_RESERVED counts as one, as in Core). */
bool qn_script_push_only(const uint8_t *script, size_t len);
/** No input can ever spend it: it starts with OP_RETURN or is above QN_MAX_SCRIPT_SIZE. */
bool qn_script_unspendable(const uint8_t *script, size_t len);
/** Name as Core shows it: "OP_DUP", "1", "OP_UNKNOWN". Static. */
const char *qn_opcode_name(uint8_t code);

/** Kinds of output scripts, as Core's Solver() tells them apart. */
typedef enum qn_script_type {
    QN_SCRIPT_NONSTANDARD = 0,
    QN_SCRIPT_ANCHOR,
    QN_SCRIPT_PUBKEY,
    QN_SCRIPT_PUBKEYHASH,
    QN_SCRIPT_SCRIPTHASH,
    QN_SCRIPT_MULTISIG,
    QN_SCRIPT_NULLDATA,
    QN_SCRIPT_WITNESS_V0_KEYHASH,
    QN_SCRIPT_WITNESS_V0_SCRIPTHASH,
    QN_SCRIPT_WITNESS_V1_TAPROOT,
    QN_SCRIPT_WITNESS_UNKNOWN,
} qn_script_type;
/** "witness_v0_keyhash" and so on. Static. */
const char *qn_script_type_name(qn_script_type type);

/** A piece of a script. */
typedef struct qn_script_part {
    const uint8_t *data;
    size_t len;
} qn_script_part;

/** What a script is. Parts are borrowed from it. */
typedef struct qn_script_info {
    qn_script_type type;
    int version;       /* of a witness program, else -1 */
    unsigned required; /* of multisig */
    unsigned n_parts;
    qn_script_part part[QN_MAX_MULTISIG_KEYS]; /* the keys, or the one key, hash or program */
} qn_script_info;

/** Classify a scriptPubKey. Keys are checked for length and first byte only.
 *  Out: *info. Returns: info->type. */
qn_script_type qn_script_classify(const uint8_t *script, size_t len, qn_script_info *info);
/** A witness program (BIP141). Out: *version, *program. Returns: false when it is none. */
bool qn_script_witness_program(const uint8_t *script, size_t len, int *version,
                               qn_script_part *program);
/** Length that a public key's first byte promises: 33, 65, or 0. */
size_t qn_pubkey_len(uint8_t first);

#ifdef __cplusplus
}
#endif
#endif
