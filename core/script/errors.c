/* Names and texts of script errors: the texts are part of reject reasons, so they are Core's. */
#include "core/script/verify.h"

static const struct {
    const char *name, *text;
} TABLE[QC_SE_COUNT] = {
    [QC_SE_OK] = {"OK", "No error"},
    [QC_SE_UNKNOWN_ERROR] = {"UNKNOWN_ERROR", "unknown error"},
    [QC_SE_EVAL_FALSE] =
        {"EVAL_FALSE",
         "Script evaluated without error but finished with a false/empty top stack element"},
    [QC_SE_OP_RETURN] = {"OP_RETURN", "OP_RETURN was encountered"},
    [QC_SE_SCRIPTNUM] = {"SCRIPTNUM", "Script number overflowed or is non-minimally encoded"},
    [QC_SE_SCRIPT_SIZE] = {"SCRIPT_SIZE", "Script is too big"},
    [QC_SE_PUSH_SIZE] = {"PUSH_SIZE", "Push value size limit exceeded"},
    [QC_SE_OP_COUNT] = {"OP_COUNT", "Operation limit exceeded"},
    [QC_SE_STACK_SIZE] = {"STACK_SIZE", "Stack size limit exceeded"},
    [QC_SE_SIG_COUNT] = {"SIG_COUNT", "Signature count negative or greater than pubkey count"},
    [QC_SE_PUBKEY_COUNT] = {"PUBKEY_COUNT", "Pubkey count negative or limit exceeded"},
    [QC_SE_VERIFY] = {"VERIFY", "Script failed an OP_VERIFY operation"},
    [QC_SE_EQUALVERIFY] = {"EQUALVERIFY", "Script failed an OP_EQUALVERIFY operation"},
    [QC_SE_CHECKMULTISIGVERIFY] = {"CHECKMULTISIGVERIFY",
                                   "Script failed an OP_CHECKMULTISIGVERIFY operation"},
    [QC_SE_CHECKSIGVERIFY] = {"CHECKSIGVERIFY", "Script failed an OP_CHECKSIGVERIFY operation"},
    [QC_SE_NUMEQUALVERIFY] = {"NUMEQUALVERIFY", "Script failed an OP_NUMEQUALVERIFY operation"},
    [QC_SE_BAD_OPCODE] = {"BAD_OPCODE", "Opcode missing or not understood"},
    [QC_SE_DISABLED_OPCODE] = {"DISABLED_OPCODE", "Attempted to use a disabled opcode"},
    [QC_SE_INVALID_STACK_OPERATION] = {"INVALID_STACK_OPERATION",
                                       "Operation not valid with the current stack size"},
    [QC_SE_INVALID_ALTSTACK_OPERATION] = {"INVALID_ALTSTACK_OPERATION",
                                          "Operation not valid with the current altstack size"},
    [QC_SE_UNBALANCED_CONDITIONAL] = {"UNBALANCED_CONDITIONAL", "Invalid OP_IF construction"},
    [QC_SE_NEGATIVE_LOCKTIME] = {"NEGATIVE_LOCKTIME", "Negative locktime"},
    [QC_SE_UNSATISFIED_LOCKTIME] = {"UNSATISFIED_LOCKTIME", "Locktime requirement not satisfied"},
    [QC_SE_SIG_HASHTYPE] = {"SIG_HASHTYPE", "Signature hash type missing or not understood"},
    [QC_SE_SIG_DER] = {"SIG_DER", "Non-canonical DER signature"},
    [QC_SE_MINIMALDATA] = {"MINIMALDATA", "Data push larger than necessary"},
    [QC_SE_SIG_PUSHONLY] = {"SIG_PUSHONLY", "Only push operators allowed in signatures"},
    [QC_SE_SIG_HIGH_S] = {"SIG_HIGH_S", "Non-canonical signature: S value is unnecessarily high"},
    [QC_SE_SIG_NULLDUMMY] = {"SIG_NULLDUMMY", "Dummy CHECKMULTISIG argument must be zero"},
    [QC_SE_PUBKEYTYPE] = {"PUBKEYTYPE", "Public key is neither compressed or uncompressed"},
    [QC_SE_CLEANSTACK] = {"CLEANSTACK", "Stack size must be exactly one after execution"},
    [QC_SE_MINIMALIF] = {"MINIMALIF", "OP_IF/NOTIF argument must be minimal"},
    [QC_SE_SIG_NULLFAIL] = {"NULLFAIL",
                            "Signature must be zero for failed CHECK(MULTI)SIG operation"},
    [QC_SE_DISCOURAGE_UPGRADABLE_NOPS] = {"DISCOURAGE_UPGRADABLE_NOPS",
                                          "NOPx reserved for soft-fork upgrades"},
    [QC_SE_DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM] =
        {"DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM",
         "Witness version reserved for soft-fork upgrades"},
    [QC_SE_DISCOURAGE_UPGRADABLE_TAPROOT_VERSION] =
        {"DISCOURAGE_UPGRADABLE_TAPROOT_VERSION",
         "Taproot version reserved for soft-fork upgrades"},
    [QC_SE_DISCOURAGE_OP_SUCCESS] = {"DISCOURAGE_OP_SUCCESS",
                                     "OP_SUCCESSx reserved for soft-fork upgrades"},
    [QC_SE_DISCOURAGE_UPGRADABLE_PUBKEYTYPE] =
        {"DISCOURAGE_UPGRADABLE_PUBKEYTYPE", "Public key version reserved for soft-fork upgrades"},
    [QC_SE_WITNESS_PROGRAM_WRONG_LENGTH] = {"WITNESS_PROGRAM_WRONG_LENGTH",
                                            "Witness program has incorrect length"},
    [QC_SE_WITNESS_PROGRAM_WITNESS_EMPTY] = {"WITNESS_PROGRAM_WITNESS_EMPTY",
                                             "Witness program was passed an empty witness"},
    [QC_SE_WITNESS_PROGRAM_MISMATCH] = {"WITNESS_PROGRAM_MISMATCH",
                                        "Witness program hash mismatch"},
    [QC_SE_WITNESS_MALLEATED] = {"WITNESS_MALLEATED", "Witness requires empty scriptSig"},
    [QC_SE_WITNESS_MALLEATED_P2SH] = {"WITNESS_MALLEATED_P2SH",
                                      "Witness requires only-redeemscript scriptSig"},
    [QC_SE_WITNESS_UNEXPECTED] = {"WITNESS_UNEXPECTED", "Witness provided for non-witness script"},
    [QC_SE_WITNESS_PUBKEYTYPE] = {"WITNESS_PUBKEYTYPE", "Using non-compressed keys in segwit"},
    [QC_SE_SCHNORR_SIG_SIZE] = {"SCHNORR_SIG_SIZE", "Invalid Schnorr signature size"},
    [QC_SE_SCHNORR_SIG_HASHTYPE] = {"SCHNORR_SIG_HASHTYPE", "Invalid Schnorr signature hash type"},
    [QC_SE_SCHNORR_SIG] = {"SCHNORR_SIG", "Invalid Schnorr signature"},
    [QC_SE_TAPROOT_WRONG_CONTROL_SIZE] = {"TAPROOT_WRONG_CONTROL_SIZE",
                                          "Invalid Taproot control block size"},
    [QC_SE_TAPSCRIPT_VALIDATION_WEIGHT] =
        {"TAPSCRIPT_VALIDATION_WEIGHT", "Too much signature validation relative to witness weight"},
    [QC_SE_TAPSCRIPT_CHECKMULTISIG] = {"TAPSCRIPT_CHECKMULTISIG",
                                       "OP_CHECKMULTISIG(VERIFY) is not available in tapscript"},
    [QC_SE_TAPSCRIPT_MINIMALIF] = {"TAPSCRIPT_MINIMALIF",
                                   "OP_IF/NOTIF argument must be minimal in tapscript"},
    [QC_SE_TAPSCRIPT_EMPTY_PUBKEY] = {"TAPSCRIPT_EMPTY_PUBKEY", "Empty public key in tapscript"},
    [QC_SE_OP_CODESEPARATOR] = {"OP_CODESEPARATOR", "Using OP_CODESEPARATOR in non-witness script"},
    [QC_SE_SIG_FINDANDDELETE] = {"SIG_FINDANDDELETE", "Signature is found in scriptCode"},
};

const char *qc_script_err_text(qc_script_err e)
{
    return (unsigned)e < QC_SE_COUNT ? TABLE[e].text : TABLE[QC_SE_UNKNOWN_ERROR].text;
}

const char *qc_script_err_name(qc_script_err e)
{
    return (unsigned)e < QC_SE_COUNT ? TABLE[e].name : TABLE[QC_SE_UNKNOWN_ERROR].name;
}
