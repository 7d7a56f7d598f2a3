#include "core/script/ops.h"

qc_script_err qc_op_nop(qc_vm *v, uint8_t op)
{
    (void)v, (void)op;
    return QC_SE_OK;
}

qc_script_err qc_op_upgradable_nop(qc_vm *v, uint8_t op)
{
    (void)op;
    if (v->flags & QC_SCRIPT_DISCOURAGE_UPGRADABLE_NOPS)
        return QC_SE_DISCOURAGE_UPGRADABLE_NOPS;
    return QC_SE_OK;
}

/* The argument must be empty or 01: consensus in tapscript (BIP342), policy in version 0. */
static qc_script_err check_minimal_if(const qc_vm *v, const qc_item *it)
{
    if (it->len == 0 || (it->len == 1 && it->p[0] == 1))
        return QC_SE_OK;
    if (v->sigversion == QC_SIGV_TAPSCRIPT)
        return QC_SE_TAPSCRIPT_MINIMALIF;
    if (v->sigversion == QC_SIGV_WITNESS_V0 && (v->flags & QC_SCRIPT_MINIMALIF))
        return QC_SE_MINIMALIF;
    return QC_SE_OK;
}

qc_script_err qc_op_if(qc_vm *v, uint8_t op)
{
    bool value = false;
    if (v->cond_first_false == QC_COND_NO_FALSE) {
        QC_NEED(v, 1);
        const qc_item *it = qc_top(v, 1);
        qc_script_err err = check_minimal_if(v, it);
        if (err)
            return err;
        value = qc_item_bool(it) == (op == QC_OP_IF);
        qc_pop(v, 1);
    }
    if (!value && v->cond_first_false == QC_COND_NO_FALSE)
        v->cond_first_false = v->cond_depth;
    v->cond_depth++;
    return QC_SE_OK;
}

qc_script_err qc_op_else(qc_vm *v, uint8_t op)
{
    (void)op;
    if (v->cond_depth == 0)
        return QC_SE_UNBALANCED_CONDITIONAL;
    /* Below a false branch a toggle cannot be seen. */
    uint32_t top = v->cond_depth - 1;
    if (v->cond_first_false == QC_COND_NO_FALSE)
        v->cond_first_false = top;
    else if (v->cond_first_false == top)
        v->cond_first_false = QC_COND_NO_FALSE;
    return QC_SE_OK;
}

qc_script_err qc_op_endif(qc_vm *v, uint8_t op)
{
    (void)op;
    if (v->cond_depth == 0)
        return QC_SE_UNBALANCED_CONDITIONAL;
    if (v->cond_first_false == --v->cond_depth)
        v->cond_first_false = QC_COND_NO_FALSE;
    return QC_SE_OK;
}

qc_script_err qc_op_verify(qc_vm *v, uint8_t op)
{
    (void)op;
    QC_NEED(v, 1);
    if (!qc_item_bool(qc_top(v, 1)))
        return QC_SE_VERIFY;
    qc_pop(v, 1);
    return QC_SE_OK;
}

qc_script_err qc_op_return(qc_vm *v, uint8_t op)
{
    (void)v, (void)op;
    return QC_SE_OP_RETURN;
}
