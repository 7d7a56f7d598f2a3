/* CODESEPARATOR, CHECKSIG, CHECKSIGVERIFY, CHECKSIGADD. */
#include "core/script/num.h"
#include "core/script/ops.h"
#include "core/script/sigcheck.h"

#define WEIGHT_PER_SIGNATURE 50 /* BIP342 */

qc_script_err qc_op_codeseparator(qc_vm *v, uint8_t op)
{
    (void)op;
    v->code_start = v->pc;
    v->codesep_pos = v->op_pos;
    return QC_SE_OK;
}

static qc_script_err checksig_ecdsa(qc_vm *v, qc_span sig, qc_span key, bool *valid)
{
    qc_script_code code = qc_script_code_here(v);
    if (v->sigversion == QC_SIGV_BASE) {
        size_t found = qc_script_code_delete(v, &code, sig);
        if (found > 0 && (v->flags & QC_SCRIPT_CONST_SCRIPTCODE))
            return QC_SE_SIG_FINDANDDELETE;
        qc_script_code_seal(&code);
    }
    qc_script_err err = qc_sig_check_encoding(sig, v->flags);
    if (!err)
        err = qc_pubkey_check_encoding(key, v->flags, v->sigversion);
    if (err)
        return err;
    *valid = qc_vm_check_ecdsa(v, sig, key, &code);
    if (!*valid && (v->flags & QC_SCRIPT_NULLFAIL) && sig.len > 0)
        return QC_SE_SIG_NULLFAIL;
    return QC_SE_OK;
}

/* The order of these rules is consensus: the budget is charged for keys of unknown kind too, an
 * empty key fails even with an empty signature, an invalid signature ends the script. */
static qc_script_err checksig_tapscript(qc_vm *v, qc_span sig, qc_span key, bool *valid)
{
    *valid = sig.len > 0;
    if (*valid) {
        v->weight_left -= WEIGHT_PER_SIGNATURE;
        if (v->weight_left < 0)
            return QC_SE_TAPSCRIPT_VALIDATION_WEIGHT;
    }
    if (key.len == 0)
        return QC_SE_TAPSCRIPT_EMPTY_PUBKEY;
    if (key.len == 32)
        return *valid ? qc_vm_check_schnorr(v, sig, key.data) : QC_SE_OK;
    if (v->flags & QC_SCRIPT_DISCOURAGE_UPGRADABLE_PUBKEYTYPE)
        return QC_SE_DISCOURAGE_UPGRADABLE_PUBKEYTYPE;
    return QC_SE_OK;
}

static qc_script_err checksig(qc_vm *v, qc_span sig, qc_span key, bool *valid)
{
    if (v->sigversion == QC_SIGV_TAPSCRIPT)
        return checksig_tapscript(v, sig, key, valid);
    return checksig_ecdsa(v, sig, key, valid);
}

/* CHECKSIG and CHECKSIGVERIFY. */
qc_script_err qc_op_checksig(qc_vm *v, uint8_t op)
{
    QC_NEED(v, 2);
    bool valid = false;
    qc_script_err err = checksig(v, qc_item_span(qc_top(v, 2)), qc_item_span(qc_top(v, 1)), &valid);
    if (err)
        return err;
    qc_pop(v, 2);
    if (op == QC_OP_CHECKSIGVERIFY)
        return valid ? QC_SE_OK : QC_SE_CHECKSIGVERIFY;
    qc_push_bool(v, valid);
    return QC_SE_OK;
}

qc_script_err qc_op_checksigadd(qc_vm *v, uint8_t op)
{
    (void)op;
    if (v->sigversion != QC_SIGV_TAPSCRIPT)
        return QC_SE_BAD_OPCODE;
    QC_NEED(v, 3);
    int64_t n = 0;
    qc_script_err err = qc_num_read(v, qc_top(v, 2), QC_MAX_NUM_SIZE, &n);
    if (err)
        return err;
    bool valid = false;
    err = checksig(v, qc_item_span(qc_top(v, 3)), qc_item_span(qc_top(v, 1)), &valid);
    if (err)
        return err;
    qc_pop(v, 3);
    qc_push_num(v, n + valid);
    return QC_SE_OK;
}
