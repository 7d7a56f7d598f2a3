/* The loop that runs one script (Core EvalScript). */
#include "core/script/vm.h"

#include "core/script/ops.h"

/* A missing entry is an opcode that fails when it is executed. Pushes are handled in the loop. */
static qc_op_fn *const OPS[256] = {
    [QC_OP_1NEGATE] = qc_op_constant,
    [QC_OP_1] = qc_op_constant,
    [QC_OP_1 + 1] = qc_op_constant,
    [QC_OP_1 + 2] = qc_op_constant,
    [QC_OP_1 + 3] = qc_op_constant,
    [QC_OP_1 + 4] = qc_op_constant,
    [QC_OP_1 + 5] = qc_op_constant,
    [QC_OP_1 + 6] = qc_op_constant,
    [QC_OP_1 + 7] = qc_op_constant,
    [QC_OP_1 + 8] = qc_op_constant,
    [QC_OP_1 + 9] = qc_op_constant,
    [QC_OP_1 + 10] = qc_op_constant,
    [QC_OP_1 + 11] = qc_op_constant,
    [QC_OP_1 + 12] = qc_op_constant,
    [QC_OP_1 + 13] = qc_op_constant,
    [QC_OP_1 + 14] = qc_op_constant,
    [QC_OP_16] = qc_op_constant,
    [QC_OP_NOP] = qc_op_nop,
    [QC_OP_IF] = qc_op_if,
    [QC_OP_NOTIF] = qc_op_if,
    [QC_OP_ELSE] = qc_op_else,
    [QC_OP_ENDIF] = qc_op_endif,
    [QC_OP_VERIFY] = qc_op_verify,
    [QC_OP_RETURN] = qc_op_return,
    [QC_OP_TOALTSTACK] = qc_op_toaltstack,
    [QC_OP_FROMALTSTACK] = qc_op_fromaltstack,
    [QC_OP_2DROP] = qc_op_ndrop,
    [QC_OP_DROP] = qc_op_ndrop,
    [QC_OP_2DUP] = qc_op_ndup,
    [QC_OP_3DUP] = qc_op_ndup,
    [QC_OP_DUP] = qc_op_ndup,
    [QC_OP_2OVER] = qc_op_2over,
    [QC_OP_2ROT] = qc_op_2rot,
    [QC_OP_2SWAP] = qc_op_2swap,
    [QC_OP_IFDUP] = qc_op_ifdup,
    [QC_OP_DEPTH] = qc_op_depth,
    [QC_OP_NIP] = qc_op_nip,
    [QC_OP_OVER] = qc_op_over,
    [QC_OP_PICK] = qc_op_pick,
    [QC_OP_ROLL] = qc_op_pick,
    [QC_OP_ROT] = qc_op_rot,
    [QC_OP_SWAP] = qc_op_swap,
    [QC_OP_TUCK] = qc_op_tuck,
    [QC_OP_SIZE] = qc_op_size,
    [QC_OP_EQUAL] = qc_op_equal,
    [QC_OP_EQUALVERIFY] = qc_op_equal,
    [QC_OP_1ADD] = qc_op_unary,
    [QC_OP_1SUB] = qc_op_unary,
    [QC_OP_NEGATE] = qc_op_unary,
    [QC_OP_ABS] = qc_op_unary,
    [QC_OP_NOT] = qc_op_unary,
    [QC_OP_0NOTEQUAL] = qc_op_unary,
    [QC_OP_ADD] = qc_op_binary,
    [QC_OP_SUB] = qc_op_binary,
    [QC_OP_BOOLAND] = qc_op_binary,
    [QC_OP_BOOLOR] = qc_op_binary,
    [QC_OP_NUMEQUAL] = qc_op_binary,
    [QC_OP_NUMEQUALVERIFY] = qc_op_binary,
    [QC_OP_NUMNOTEQUAL] = qc_op_binary,
    [QC_OP_LESSTHAN] = qc_op_binary,
    [QC_OP_GREATERTHAN] = qc_op_binary,
    [QC_OP_LESSTHANOREQUAL] = qc_op_binary,
    [QC_OP_GREATERTHANOREQUAL] = qc_op_binary,
    [QC_OP_MIN] = qc_op_binary,
    [QC_OP_MAX] = qc_op_binary,
    [QC_OP_WITHIN] = qc_op_within,
    [QC_OP_RIPEMD160] = qc_op_hash,
    [QC_OP_SHA1] = qc_op_hash,
    [QC_OP_SHA256] = qc_op_hash,
    [QC_OP_HASH160] = qc_op_hash,
    [QC_OP_HASH256] = qc_op_hash,
    [QC_OP_CODESEPARATOR] = qc_op_codeseparator,
    [QC_OP_CHECKSIG] = qc_op_checksig,
    [QC_OP_CHECKSIGVERIFY] = qc_op_checksig,
    [QC_OP_CHECKMULTISIG] = qc_op_checkmultisig,
    [QC_OP_CHECKMULTISIGVERIFY] = qc_op_checkmultisig,
    [QC_OP_NOP1] = qc_op_upgradable_nop,
    [QC_OP_CHECKLOCKTIMEVERIFY] = qc_op_cltv,
    [QC_OP_CHECKSEQUENCEVERIFY] = qc_op_csv,
    [QC_OP_NOP4] = qc_op_upgradable_nop,
    [QC_OP_NOP4 + 1] = qc_op_upgradable_nop,
    [QC_OP_NOP4 + 2] = qc_op_upgradable_nop,
    [QC_OP_NOP4 + 3] = qc_op_upgradable_nop,
    [QC_OP_NOP4 + 4] = qc_op_upgradable_nop,
    [QC_OP_NOP4 + 5] = qc_op_upgradable_nop,
    [QC_OP_NOP10] = qc_op_upgradable_nop,
    [QC_OP_CHECKSIGADD] = qc_op_checksigadd,
};

void qc_vm_reset(qc_vm *v)
{
    v->below = v->n = v->n_alt = 0;
}

/* What fails a script wherever it stands, executed or not. */
static qc_script_err check_anywhere(qc_vm *v, uint8_t op, qc_span data)
{
    if (data.len > QC_MAX_SCRIPT_ELEMENT_SIZE)
        return QC_SE_PUSH_SIZE;
    /* OP_RESERVED does not count. */
    if (op > QC_OP_16 && v->sigversion != QC_SIGV_TAPSCRIPT &&
        ++v->op_count > QC_MAX_OPS_PER_SCRIPT)
        return QC_SE_OP_COUNT;
    if (qc_op_is_disabled(op))
        return QC_SE_DISABLED_OPCODE;
    if (op == QC_OP_CODESEPARATOR && v->sigversion == QC_SIGV_BASE &&
        (v->flags & QC_SCRIPT_CONST_SCRIPTCODE))
        return QC_SE_OP_CODESEPARATOR;
    return QC_SE_OK;
}

static qc_script_err step(qc_vm *v)
{
    uint8_t op;
    qc_span data;
    if (!qc_op_read(&v->pc, v->end, &op, &data))
        return QC_SE_BAD_OPCODE;
    qc_script_err err = check_anywhere(v, op, data);
    if (err)
        return err;
    bool executed = v->cond_first_false == QC_COND_NO_FALSE;
    if (op <= QC_OP_PUSHDATA4) {
        if (executed) {
            if ((v->flags & QC_SCRIPT_MINIMALDATA) && !qc_push_is_minimal(op, data))
                return QC_SE_MINIMALDATA;
            qc_push_slice(v, data);
        }
    } else if (executed || (op >= QC_OP_IF && op <= QC_OP_ENDIF)) {
        err = OPS[op] ? OPS[op](v, op) : QC_SE_BAD_OPCODE;
        if (err)
            return err;
    }
    return qc_depth(v) + v->n_alt > QC_MAX_STACK_SIZE ? QC_SE_STACK_SIZE : QC_SE_OK;
}

qc_script_err qc_vm_run(qc_vm *v, qc_span script, qc_sigversion sigversion)
{
    if (sigversion != QC_SIGV_TAPSCRIPT && script.len > QC_MAX_SCRIPT_SIZE)
        return QC_SE_SCRIPT_SIZE;
    v->sigversion = sigversion;
    v->pc = v->code_start = script.data;
    v->end = script.data + script.len;
    v->op_count = 0;
    v->codesep_pos = UINT32_MAX;
    v->cond_depth = 0;
    v->cond_first_false = QC_COND_NO_FALSE;
    v->n_alt = 0;
    for (v->op_pos = 0; v->pc < v->end; v->op_pos++) {
        qc_script_err err = step(v);
        if (err)
            return err;
    }
    return v->cond_depth == 0 ? QC_SE_OK : QC_SE_UNBALANCED_CONDITIONAL;
}
