/* lib/scriptnum_impl.h: writing scripts, and reading numbers in them. */
#ifndef QUOIN_LIB_SCRIPTNUM_IMPL_H
#define QUOIN_LIB_SCRIPTNUM_IMPL_H
#include "lib/arena_impl.h"
#include "lib/script.h"

/** Opcodes that only Miniscript looks at. */
enum {
    QN_OP_IF = 0x63,
    QN_OP_NOTIF = 0x64,
    QN_OP_ELSE = 0x67,
    QN_OP_ENDIF = 0x68,
    QN_OP_VERIFY = 0x69,
    QN_OP_TOALTSTACK = 0x6b,
    QN_OP_FROMALTSTACK = 0x6c,
    QN_OP_IFDUP = 0x73,
    QN_OP_SWAP = 0x7c,
    QN_OP_SIZE = 0x82,
    QN_OP_0NOTEQUAL = 0x92,
    QN_OP_ADD = 0x93,
    QN_OP_BOOLAND = 0x9a,
    QN_OP_BOOLOR = 0x9b,
    QN_OP_NUMEQUAL = 0x9c,
    QN_OP_NUMEQUALVERIFY = 0x9d,
    QN_OP_RIPEMD160 = 0xa6,
    QN_OP_SHA256 = 0xa8,
    QN_OP_HASH256 = 0xaa,
    QN_OP_CHECKSIGVERIFY = 0xad,
    QN_OP_CHECKMULTISIGVERIFY = 0xaf,
    QN_OP_CHECKLOCKTIMEVERIFY = 0xb1,
    QN_OP_CHECKSEQUENCEVERIFY = 0xb2,
    QN_OP_CHECKSIGADD = 0xba,
};

/** Append a push of up to 65,535 bytes, with the shortest length prefix. */
void qn_script_put(qn_grow *out, const uint8_t *data, size_t len);
/** Append a number as its shortest push (OP_0, OP_1 to OP_16, or bytes). v below 2^39. */
void qn_script_put_number(qn_grow *out, uint64_t v);
/** The push of this data is the shortest there is (BIP62). */
bool qn_script_shortest_push(const qn_script_op *op);
/** The number that an instruction pushes: at most four bytes, coded as short as possible.
 *  Returns: false when it pushes none. */
bool qn_script_get_number(const qn_script_op *op, int64_t *v);
#endif
