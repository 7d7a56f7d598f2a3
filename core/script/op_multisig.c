/* CHECKMULTISIG and CHECKMULTISIGVERIFY: dummy, sigs, number of sigs, keys, number of keys. */
#include "core/script/num.h"
#include "core/script/ops.h"
#include "core/script/sigcheck.h"

/* Where the arguments lie, counted from the top of the stack. */
typedef struct args {
    size_t n_keys, n_sigs;
    size_t key, sig; /* of the first key and signature to be tried */
    size_t total;    /* items, the dummy included */
} args;

static qc_script_err read_args(qc_vm *v, args *a)
{
    int64_t n = 0;
    QC_NEED(v, 1);
    qc_script_err err = qc_num_read(v, qc_top(v, 1), QC_MAX_NUM_SIZE, &n);
    if (err)
        return err;
    if (n < 0 || n > (int64_t)QC_MAX_PUBKEYS_PER_MULTISIG)
        return QC_SE_PUBKEY_COUNT;
    a->n_keys = (size_t)n;
    v->op_count += (uint32_t)n;
    if (v->op_count > QC_MAX_OPS_PER_SCRIPT)
        return QC_SE_OP_COUNT;
    a->key = 2;
    QC_NEED(v, a->n_keys + 2);
    err = qc_num_read(v, qc_top(v, a->n_keys + 2), QC_MAX_NUM_SIZE, &n);
    if (err)
        return err;
    if (n < 0 || n > (int64_t)a->n_keys)
        return QC_SE_SIG_COUNT;
    a->n_sigs = (size_t)n;
    a->sig = a->n_keys + 3;
    a->total = a->n_keys + a->n_sigs + 3;
    QC_NEED(v, a->total);
    return QC_SE_OK;
}

static qc_script_err make_code(qc_vm *v, const args *a, qc_script_code *code)
{
    *code = qc_script_code_here(v);
    if (v->sigversion != QC_SIGV_BASE)
        return QC_SE_OK;
    for (size_t i = 0; i < a->n_sigs; i++) {
        size_t found = qc_script_code_delete(v, code, qc_item_span(qc_top(v, a->sig + i)));
        if (found > 0 && (v->flags & QC_SCRIPT_CONST_SCRIPTCODE))
            return QC_SE_SIG_FINDANDDELETE;
    }
    qc_script_code_seal(code);
    return QC_SE_OK;
}

/* Signatures and keys are in the same order; each key is tried once. Encodings are judged for the
 * pairs that are tried only: which they are can be seen under STRICTENC. */
static qc_script_err match(qc_vm *v, args a, const qc_script_code *code, bool *success)
{
    *success = true;
    while (a.n_sigs > 0) {
        qc_span sig = qc_item_span(qc_top(v, a.sig)), key = qc_item_span(qc_top(v, a.key));
        qc_script_err err = qc_sig_check_encoding(sig, v->flags);
        if (!err)
            err = qc_pubkey_check_encoding(key, v->flags, v->sigversion);
        if (err)
            return err;
        if (qc_vm_check_ecdsa(v, sig, key, code)) {
            a.sig++;
            a.n_sigs--;
        }
        a.key++;
        a.n_keys--;
        if (a.n_sigs > a.n_keys) {
            *success = false;
            break;
        }
    }
    return QC_SE_OK;
}

qc_script_err qc_op_checkmultisig(qc_vm *v, uint8_t op)
{
    if (v->sigversion == QC_SIGV_TAPSCRIPT)
        return QC_SE_TAPSCRIPT_CHECKMULTISIG;
    args a = {0};
    qc_script_code code;
    bool success = false;
    qc_script_err err = read_args(v, &a);
    if (!err)
        err = make_code(v, &a, &code);
    if (!err)
        err = match(v, a, &code, &success);
    if (err)
        return err;
    if (!success && (v->flags & QC_SCRIPT_NULLFAIL)) {
        for (size_t i = 0; i < a.n_sigs; i++) {
            if (qc_top(v, a.sig + i)->len > 0)
                return QC_SE_SIG_NULLFAIL;
        }
    }
    /* The dummy: one item more than asked for is taken, a bug of the first version that stays. */
    if ((v->flags & QC_SCRIPT_NULLDUMMY) && qc_top(v, a.total)->len > 0)
        return QC_SE_SIG_NULLDUMMY;
    qc_pop(v, a.total);
    if (op == QC_OP_CHECKMULTISIGVERIFY)
        return success ? QC_SE_OK : QC_SE_CHECKMULTISIGVERIFY;
    qc_push_bool(v, success);
    return QC_SE_OK;
}
