/* core/script/ops.h: the operations, one function per opcode or family. Internal to core/script.
 * Each is called when the opcode is executed (and, for IF to ENDIF, when it is not). */
#pragma once
#include "core/script/vm.h"

typedef qc_script_err qc_op_fn(qc_vm *v, uint8_t op);

/* op_flow.c */
qc_op_fn qc_op_nop, qc_op_upgradable_nop, qc_op_if, qc_op_else, qc_op_endif, qc_op_verify,
    qc_op_return;
/* op_locktime.c */
qc_op_fn qc_op_cltv, qc_op_csv;
/* op_stack.c */
qc_op_fn qc_op_toaltstack, qc_op_fromaltstack, qc_op_ndrop, qc_op_ndup, qc_op_2over, qc_op_2rot,
    qc_op_2swap, qc_op_ifdup, qc_op_depth, qc_op_nip, qc_op_over, qc_op_pick, qc_op_rot, qc_op_swap,
    qc_op_tuck, qc_op_size;
/* op_number.c */
qc_op_fn qc_op_constant, qc_op_equal, qc_op_unary, qc_op_binary, qc_op_within;
/* op_hash.c */
qc_op_fn qc_op_hash;
/* op_checksig.c */
qc_op_fn qc_op_codeseparator, qc_op_checksig, qc_op_checksigadd;
/* op_multisig.c */
qc_op_fn qc_op_checkmultisig;

#define QC_NEED(v, k)                                                                              \
    do {                                                                                           \
        if ((v)->n < (k))                                                                          \
            return QC_SE_INVALID_STACK_OPERATION;                                                  \
    } while (0)
