/* One input: scriptSig, scriptPubKey, P2SH, witness (Core VerifyScript). */
#include "core/script/verify.h"

#include "core/script/vm.h"

static void vm_init(qc_vm *v, const qc_script_check *c)
{
    /* Everything but the slots and the code buffer, which are written before they are read. */
    v->check = c;
    v->flags = c->flags;
    v->annex_present = v->output_hash_ready = false;
    v->hashes = c->hashes;
    for (size_t i = 0; i < QC_MIDSTATES; i++)
        v->midstate[i].used = false;
    for (size_t i = 0; i < QC_STACK_CAP; i++)
        v->id[i] = (uint16_t)i;
    qc_vm_reset(v);
}

static qc_script_err check_top(qc_vm *v)
{
    return v->n > 0 && qc_item_bool(qc_top(v, 1)) ? QC_SE_OK : QC_SE_EVAL_FALSE;
}

/* Is `script_sig` one push of `redeem`, written as CScript << writes it? */
static bool is_only_push_of(qc_span script_sig, qc_span redeem)
{
    uint8_t head[5];
    size_t n = qc_push_header(redeem.len, head);
    return script_sig.len == n + redeem.len && memcmp(script_sig.data, head, n) == 0 &&
           memcmp(script_sig.data + n, redeem.data, redeem.len) == 0;
}

/* BIP16. The stack is as the template left it: with the verdict on top in place of the redeem
 * script. Out: *had_witness. */
static qc_script_err run_p2sh(qc_vm *v, qc_span script_sig, qc_span redeem, qc_span witness,
                              bool *had_witness)
{
    if (!qc_script_is_push_only(script_sig))
        return QC_SE_SIG_PUSHONLY;
    qc_pop(v, 1);
    qc_script_err err = qc_vm_run(v, redeem, QC_SIGV_BASE);
    if (!err)
        err = check_top(v);
    unsigned version;
    qc_span program;
    if (err || !(v->flags & QC_SCRIPT_WITNESS) ||
        !qc_script_witness_program(redeem, &version, &program))
        return err;
    *had_witness = true;
    if (!is_only_push_of(script_sig, redeem))
        return QC_SE_WITNESS_MALLEATED_P2SH;
    return qc_vm_witness_program(v, witness, version, program, true);
}

static bool witness_is_null(qc_span witness)
{
    return witness.len == 0 || (witness.len == 1 && witness.data[0] == 0);
}

static qc_script_err run(qc_vm *v, qc_span script_sig, qc_span script_pubkey, qc_span witness)
{
    bool p2sh = (v->flags & QC_SCRIPT_P2SH) && qc_script_is_p2sh(script_pubkey);
    bool had_witness = false;
    if ((v->flags & QC_SCRIPT_SIGPUSHONLY) && !qc_script_is_push_only(script_sig))
        return QC_SE_SIG_PUSHONLY;
    /* One after the other on the same stack, never joined (CVE-2010-5141). */
    qc_script_err err = qc_vm_run(v, script_sig, QC_SIGV_BASE);
    if (err)
        return err;
    qc_item redeem = {.p = NULL};
    if (p2sh && v->n > 0)
        qc_item_copy(&redeem, qc_top(v, 1));
    if ((err = qc_vm_run(v, script_pubkey, QC_SIGV_BASE)) || (err = check_top(v)))
        return err;
    unsigned version;
    qc_span program;
    if ((v->flags & QC_SCRIPT_WITNESS) &&
        qc_script_witness_program(script_pubkey, &version, &program)) {
        had_witness = true;
        if (script_sig.len != 0)
            return QC_SE_WITNESS_MALLEATED;
        err = qc_vm_witness_program(v, witness, version, program, false);
    } else if (p2sh) {
        err = run_p2sh(v, script_sig, qc_item_span(&redeem), witness, &had_witness);
    }
    if (err)
        return err;
    /* A witness program left its own stack clean; ours is not looked at then. */
    if ((v->flags & QC_SCRIPT_CLEANSTACK) && !had_witness && v->n != 1)
        return QC_SE_CLEANSTACK;
    if ((v->flags & QC_SCRIPT_WITNESS) && !had_witness && !witness_is_null(witness))
        return QC_SE_WITNESS_UNEXPECTED;
    return QC_SE_OK;
}

qc_script_err qc_script_verify(qc_span script_sig, qc_span script_pubkey, qc_span witness,
                               const qc_script_check *c)
{
    /* Otherwise switching P2SH or WITNESS on would not be a soft fork. */
    QC_ASSERT(!(c->flags & QC_SCRIPT_WITNESS) || (c->flags & QC_SCRIPT_P2SH));
    QC_ASSERT(!(c->flags & QC_SCRIPT_CLEANSTACK) || (c->flags & QC_SCRIPT_WITNESS));
    QC_ASSERT(c->in < c->tx->rec->n_in);
    qc_vm v;
    vm_init(&v, c);
    return run(&v, script_sig, script_pubkey, witness);
}

qc_script_err qc_script_verify_input(const qc_script_check *c)
{
    return qc_script_verify(qc_tx_script_sig(c->tx, c->in), c->spent[c->in].script,
                            qc_tx_witness(c->tx, c->in), c);
}
