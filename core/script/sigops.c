/* Counting signature operations (Core script/script.cpp, interpreter.cpp CountWitnessSigOps). */
#include "core/btc/sigops.h"
#include "core/script/pattern.h"
#include "core/script/verify.h"

uint32_t qc_script_sigops(qc_span script, bool accurate)
{
    return qc_sigops_count(script, accurate);
}

uint32_t qc_script_p2sh_sigops(qc_span script_pubkey, qc_span script_sig)
{
    qc_span redeem;
    if (!qc_script_is_p2sh(script_pubkey) || !qc_script_last_push(script_sig, &redeem))
        return 0;
    return qc_script_sigops(redeem, true);
}

/* The witness script of a P2WSH spend: the top item. */
static qc_span top_item(qc_span witness)
{
    qc_reader r = qc_reader_of(witness);
    qc_span top = {NULL, 0};
    for (uint64_t n = qc_r_count(&r, 1); n > 0; n--)
        top = qc_r_var(&r);
    return top;
}

static uint32_t program_sigops(unsigned version, qc_span program, qc_span witness)
{
    if (version != 0)
        return 0;
    if (program.len == 20)
        return 1;
    if (program.len == 32 && witness.len > 0)
        return qc_script_sigops(top_item(witness), true);
    return 0;
}

uint32_t qc_script_witness_sigops(qc_span script_sig, qc_span script_pubkey, qc_span witness,
                                  uint32_t flags)
{
    unsigned version;
    qc_span program, redeem;
    if (!(flags & QC_SCRIPT_WITNESS))
        return 0;
    if (qc_script_witness_program(script_pubkey, &version, &program))
        return program_sigops(version, program, witness);
    if (qc_script_is_p2sh(script_pubkey) && qc_script_last_push(script_sig, &redeem) &&
        qc_script_witness_program(redeem, &version, &program))
        return program_sigops(version, program, witness);
    return 0;
}
