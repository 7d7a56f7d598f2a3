/* What a transaction spends, and how: kinds of coins, signature operations outside of the witness,
 * and witnesses that are larger than any known way to spend needs. */
#include "core/mempool/policy.h"

#include "core/btc/sigops.h"
#include "core/btc/wire.h"
#include "core/script/pattern.h"
#include "lib/script.h"

#define MAX_STACK 1000u /* items that a script may hold at once */
#define P2WSH_PROGRAM 32u
#define TAPROOT_PROGRAM 32u
#define ANNEX_TAG 0x50
#define LEAF_MASK 0xfe
#define LEAF_TAPSCRIPT 0xc0
#define REASON_INPUTS "bad-txns-nonstandard-inputs"

/* Run a scriptSig that holds nothing but pushes, as the interpreter would without flags. Out: *n
 * items; *top, the last of them. A constant's one byte is left out of *top: as a redeem script it
 * holds no signature operation and is no witness program, just as the empty one. */
static qc_script_err run_pushes(qc_span sig, size_t *n, qc_span *top)
{
    const uint8_t *pc = sig.data, *end = pc + sig.len;
    uint8_t op;
    *n = 0;
    *top = (qc_span){NULL, 0};
    if (sig.len > QC_MAX_SCRIPT_SIZE)
        return QC_SE_SCRIPT_SIZE;
    while (pc < end) {
        if (!qc_op_read(&pc, end, &op, top))
            return QC_SE_BAD_OPCODE;
        if (top->len > QC_MAX_SCRIPT_ELEMENT_SIZE)
            return QC_SE_PUSH_SIZE;
        if (op == QC_OP_RESERVED || op > QC_OP_16)
            return QC_SE_BAD_OPCODE;
        if (++*n > MAX_STACK)
            return QC_SE_STACK_SIZE;
    }
    return QC_SE_OK;
}

/* BIP54: signature operations that are not in a witness, where they may be executed: in the spent
 * script, not in the outputs. */
static bool check_legacy_sigops(const qc_tx *tx, const qc_spent *spent, qc_verdict *v)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < tx->rec->n_in; i++) {
        qc_span sig = qc_tx_script_sig(tx, i);
        n += qc_sigops_count(sig, true);
        if (qc_script_is_p2sh(spent[i].script))
            n += qc_script_p2sh_sigops(spent[i].script, sig);
        else
            n += qc_sigops_count(spent[i].script, true);
        if (n > QC_STD_MAX_LEGACY_SIGOPS)
            return qc_verdict_fail(v, QC_V_INPUTS_NOT_STANDARD, REASON_INPUTS,
                                   "non-witness sigops exceed bip54 limit");
    }
    return true;
}

static bool check_redeem_script(const qc_tx *tx, uint32_t in, qc_verdict *v)
{
    qc_span script;
    size_t n;
    qc_script_err err = run_pushes(qc_tx_script_sig(tx, in), &n, &script);
    if (err)
        return qc_verdict_fail(v, QC_V_INPUTS_NOT_STANDARD, REASON_INPUTS,
                               "p2sh scriptsig malformed (input %u: %s)", in,
                               qc_script_err_text(err));
    if (n == 0)
        return qc_verdict_fail(v, QC_V_INPUTS_NOT_STANDARD, REASON_INPUTS,
                               "input %u P2SH redeemscript missing", in);
    uint32_t sigops = qc_sigops_count(script, true);
    if (sigops > QC_STD_MAX_P2SH_SIGOPS)
        return qc_verdict_fail(v, QC_V_INPUTS_NOT_STANDARD, REASON_INPUTS,
                               "p2sh redeemscript sigops exceed limit (input %u: %u > %u)", in,
                               sigops, QC_STD_MAX_P2SH_SIGOPS);
    return true;
}

static bool check_coin(const qc_tx *tx, uint32_t in, qc_span script, qc_verdict *v)
{
    qn_script_info info;
    qn_script_type type = qn_script_classify(script.data, script.len, &info);
    if (type == QN_SCRIPT_NONSTANDARD)
        return qc_verdict_fail(v, QC_V_INPUTS_NOT_STANDARD, REASON_INPUTS,
                               "input %u script unknown", in);
    if (type == QN_SCRIPT_WITNESS_UNKNOWN)
        return qc_verdict_fail(v, QC_V_INPUTS_NOT_STANDARD, REASON_INPUTS,
                               "input %u witness program is undefined", in);
    return type != QN_SCRIPT_SCRIPTHASH || check_redeem_script(tx, in, v);
}

/* Item i of a serialized stack, which the parse has found well formed. */
static qc_span stack_item(qc_span stack, uint64_t i)
{
    qc_reader r = qc_reader_of(stack);
    qc_span item = {NULL, 0};
    qc_r_compact(&r);
    for (uint64_t j = 0; j <= i; j++)
        item = qc_r_var(&r);
    return item;
}

/* Length of the longest of the first n items. */
static size_t longest_item(qc_span stack, uint64_t n)
{
    qc_reader r = qc_reader_of(stack);
    size_t longest = 0;
    qc_r_compact(&r);
    for (uint64_t j = 0; j < n; j++) {
        size_t len = qc_r_var(&r).len;
        longest = len > longest ? len : longest;
    }
    return longest;
}

static bool is_small_p2wsh(qc_span stack, uint64_t n)
{
    return stack_item(stack, n - 1).len <= QC_STD_MAX_P2WSH_SCRIPT &&
           n - 1 <= QC_STD_MAX_P2WSH_ITEMS && longest_item(stack, n - 1) <= QC_STD_MAX_P2WSH_ITEM;
}

/* BIP341, BIP342. One item: a signature, by the key. More: a script and its control block. */
static bool is_small_taproot(qc_span stack, uint64_t n)
{
    if (n < 2)
        return true;
    qc_span control = stack_item(stack, n - 1);
    if (control.len == 0 || control.data[0] == ANNEX_TAG)
        return false;
    return (control.data[0] & LEAF_MASK) != LEAF_TAPSCRIPT ||
           longest_item(stack, n - 2) <= QC_STD_MAX_TAPSCRIPT_ITEM;
}

static bool is_witness_standard(const qc_tx *tx, uint32_t in, qc_span script)
{
    qc_span stack = qc_tx_witness(tx, in), program;
    qc_reader r = qc_reader_of(stack);
    uint64_t n = stack.len ? qc_r_compact(&r) : 0;
    unsigned version;
    size_t pushed;
    if (n == 0)
        return true; /* it may be wrong, but it is not bloated */
    if (qc_script_is_anchor(script))
        return false; /* takes no witness: somebody has stuffed it */
    bool p2sh = qc_script_is_p2sh(script);
    if (p2sh && (run_pushes(qc_tx_script_sig(tx, in), &pushed, &script) || pushed == 0))
        return false;
    if (!qc_script_witness_program(script, &version, &program))
        return false;
    if (version == 0 && program.len == P2WSH_PROGRAM)
        return is_small_p2wsh(stack, n);
    if (version == 1 && program.len == TAPROOT_PROGRAM && !p2sh)
        return is_small_taproot(stack, n);
    return true;
}

bool qc_policy_check_inputs(const qc_policy *p, const qc_tx *tx, const qc_spent *spent,
                            qc_verdict *v)
{
    if (!p->require_standard || qc_tx_is_coinbase(tx))
        return true;
    if (!check_legacy_sigops(tx, spent, v))
        return false;
    for (uint32_t i = 0; i < tx->rec->n_in; i++)
        if (!check_coin(tx, i, spent[i].script, v))
            return false;
    for (uint32_t i = 0; i < tx->rec->n_in; i++)
        if (!is_witness_standard(tx, i, spent[i].script))
            return qc_verdict_fail(v, QC_V_WITNESS_MUTATED, "bad-witness-nonstandard", NULL);
    return true;
}

bool qc_policy_is_stripped(const qc_tx *tx, const qc_spent *spent)
{
    if (qc_tx_is_coinbase(tx) || qc_tx_has_witness(tx))
        return false;
    for (uint32_t i = 0; i < tx->rec->n_in; i++) {
        qc_span script = spent[i].script, program;
        unsigned version;
        size_t n;
        if (qc_script_is_anchor(script))
            continue;
        if (qc_script_is_p2sh(script) && run_pushes(qc_tx_script_sig(tx, i), &n, &script))
            continue;
        if (qc_script_witness_program(script, &version, &program))
            return true;
    }
    return false;
}
