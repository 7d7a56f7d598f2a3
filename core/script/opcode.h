/* core/script/opcode.h: opcodes, by the names of Core script/script.h. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    QC_OP_0 = 0x00,
    QC_OP_PUSHDATA1 = 0x4c,
    QC_OP_PUSHDATA2 = 0x4d,
    QC_OP_PUSHDATA4 = 0x4e,
    QC_OP_1NEGATE = 0x4f,
    QC_OP_RESERVED = 0x50,
    QC_OP_1 = 0x51,
    QC_OP_16 = 0x60,
    QC_OP_NOP = 0x61,
    QC_OP_VER = 0x62,
    QC_OP_IF = 0x63,
    QC_OP_NOTIF = 0x64,
    QC_OP_VERIF = 0x65,
    QC_OP_VERNOTIF = 0x66,
    QC_OP_ELSE = 0x67,
    QC_OP_ENDIF = 0x68,
    QC_OP_VERIFY = 0x69,
    QC_OP_RETURN = 0x6a,
    QC_OP_TOALTSTACK = 0x6b,
    QC_OP_FROMALTSTACK = 0x6c,
    QC_OP_2DROP = 0x6d,
    QC_OP_2DUP = 0x6e,
    QC_OP_3DUP = 0x6f,
    QC_OP_2OVER = 0x70,
    QC_OP_2ROT = 0x71,
    QC_OP_2SWAP = 0x72,
    QC_OP_IFDUP = 0x73,
    QC_OP_DEPTH = 0x74,
    QC_OP_DROP = 0x75,
    QC_OP_DUP = 0x76,
    QC_OP_NIP = 0x77,
    QC_OP_OVER = 0x78,
    QC_OP_PICK = 0x79,
    QC_OP_ROLL = 0x7a,
    QC_OP_ROT = 0x7b,
    QC_OP_SWAP = 0x7c,
    QC_OP_TUCK = 0x7d,
    QC_OP_CAT = 0x7e,
    QC_OP_SUBSTR = 0x7f,
    QC_OP_LEFT = 0x80,
    QC_OP_RIGHT = 0x81,
    QC_OP_SIZE = 0x82,
    QC_OP_INVERT = 0x83,
    QC_OP_AND = 0x84,
    QC_OP_OR = 0x85,
    QC_OP_XOR = 0x86,
    QC_OP_EQUAL = 0x87,
    QC_OP_EQUALVERIFY = 0x88,
    QC_OP_RESERVED1 = 0x89,
    QC_OP_RESERVED2 = 0x8a,
    QC_OP_1ADD = 0x8b,
    QC_OP_1SUB = 0x8c,
    QC_OP_2MUL = 0x8d,
    QC_OP_2DIV = 0x8e,
    QC_OP_NEGATE = 0x8f,
    QC_OP_ABS = 0x90,
    QC_OP_NOT = 0x91,
    QC_OP_0NOTEQUAL = 0x92,
    QC_OP_ADD = 0x93,
    QC_OP_SUB = 0x94,
    QC_OP_MUL = 0x95,
    QC_OP_DIV = 0x96,
    QC_OP_MOD = 0x97,
    QC_OP_LSHIFT = 0x98,
    QC_OP_RSHIFT = 0x99,
    QC_OP_BOOLAND = 0x9a,
    QC_OP_BOOLOR = 0x9b,
    QC_OP_NUMEQUAL = 0x9c,
    QC_OP_NUMEQUALVERIFY = 0x9d,
    QC_OP_NUMNOTEQUAL = 0x9e,
    QC_OP_LESSTHAN = 0x9f,
    QC_OP_GREATERTHAN = 0xa0,
    QC_OP_LESSTHANOREQUAL = 0xa1,
    QC_OP_GREATERTHANOREQUAL = 0xa2,
    QC_OP_MIN = 0xa3,
    QC_OP_MAX = 0xa4,
    QC_OP_WITHIN = 0xa5,
    QC_OP_RIPEMD160 = 0xa6,
    QC_OP_SHA1 = 0xa7,
    QC_OP_SHA256 = 0xa8,
    QC_OP_HASH160 = 0xa9,
    QC_OP_HASH256 = 0xaa,
    QC_OP_CODESEPARATOR = 0xab,
    QC_OP_CHECKSIG = 0xac,
    QC_OP_CHECKSIGVERIFY = 0xad,
    QC_OP_CHECKMULTISIG = 0xae,
    QC_OP_CHECKMULTISIGVERIFY = 0xaf,
    QC_OP_NOP1 = 0xb0,
    QC_OP_CHECKLOCKTIMEVERIFY = 0xb1,
    QC_OP_CHECKSEQUENCEVERIFY = 0xb2,
    QC_OP_NOP4 = 0xb3,
    QC_OP_NOP10 = 0xb9,
    QC_OP_CHECKSIGADD = 0xba,
    QC_OP_INVALID = 0xff,
};

/** Disabled for good (CVE-2010-5137); a script that holds one fails even if it is not executed. */
static inline bool qc_op_is_disabled(uint8_t op)
{
    return (op >= QC_OP_CAT && op <= QC_OP_RIGHT) || (op >= QC_OP_INVERT && op <= QC_OP_XOR) ||
           op == QC_OP_2MUL || op == QC_OP_2DIV || (op >= QC_OP_MUL && op <= QC_OP_RSHIFT);
}

/** OP_SUCCESSx of BIP342. */
static inline bool qc_op_is_success(uint8_t op)
{
    return op == QC_OP_RESERVED || op == QC_OP_VER || (op >= QC_OP_CAT && op <= QC_OP_RIGHT) ||
           (op >= QC_OP_INVERT && op <= QC_OP_XOR) || op == QC_OP_RESERVED1 ||
           op == QC_OP_RESERVED2 || op == QC_OP_2MUL || op == QC_OP_2DIV ||
           (op >= QC_OP_MUL && op <= QC_OP_RSHIFT) || (op >= 0xbb && op <= 0xfe);
}
