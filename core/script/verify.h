/* core/script/verify.h: the script interpreter. Rules and error texts: Core script/interpreter.cpp,
 * script/script_error.cpp. Pure: no I/O, no clock, no log. Thread: any (worker). */
#pragma once
#include "core/base/bytes.h"
#include "core/btc/block.h"

/* Flags; values as Core's SCRIPT_VERIFY_* (script/verify_flags, interpreter.h). */
#define QC_SCRIPT_P2SH (1u << 0)
#define QC_SCRIPT_STRICTENC (1u << 1)
#define QC_SCRIPT_DERSIG (1u << 2)
#define QC_SCRIPT_LOW_S (1u << 3)
#define QC_SCRIPT_NULLDUMMY (1u << 4)
#define QC_SCRIPT_SIGPUSHONLY (1u << 5)
#define QC_SCRIPT_MINIMALDATA (1u << 6)
#define QC_SCRIPT_DISCOURAGE_UPGRADABLE_NOPS (1u << 7)
#define QC_SCRIPT_CLEANSTACK (1u << 8)
#define QC_SCRIPT_CHECKLOCKTIMEVERIFY (1u << 9)
#define QC_SCRIPT_CHECKSEQUENCEVERIFY (1u << 10)
#define QC_SCRIPT_WITNESS (1u << 11)
#define QC_SCRIPT_DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM (1u << 12)
#define QC_SCRIPT_MINIMALIF (1u << 13)
#define QC_SCRIPT_NULLFAIL (1u << 14)
#define QC_SCRIPT_WITNESS_PUBKEYTYPE (1u << 15)
#define QC_SCRIPT_CONST_SCRIPTCODE (1u << 16)
#define QC_SCRIPT_TAPROOT (1u << 17)
#define QC_SCRIPT_DISCOURAGE_UPGRADABLE_TAPROOT_VERSION (1u << 18)
#define QC_SCRIPT_DISCOURAGE_OP_SUCCESS (1u << 19)
#define QC_SCRIPT_DISCOURAGE_UPGRADABLE_PUBKEYTYPE (1u << 20)

/** Values in the order of Core's ScriptError; names and texts by the functions below. */
typedef enum qc_script_err {
    QC_SE_OK = 0,
    QC_SE_UNKNOWN_ERROR,
    QC_SE_EVAL_FALSE,
    QC_SE_OP_RETURN,
    QC_SE_SCRIPTNUM,
    QC_SE_SCRIPT_SIZE,
    QC_SE_PUSH_SIZE,
    QC_SE_OP_COUNT,
    QC_SE_STACK_SIZE,
    QC_SE_SIG_COUNT,
    QC_SE_PUBKEY_COUNT,
    QC_SE_VERIFY,
    QC_SE_EQUALVERIFY,
    QC_SE_CHECKMULTISIGVERIFY,
    QC_SE_CHECKSIGVERIFY,
    QC_SE_NUMEQUALVERIFY,
    QC_SE_BAD_OPCODE,
    QC_SE_DISABLED_OPCODE,
    QC_SE_INVALID_STACK_OPERATION,
    QC_SE_INVALID_ALTSTACK_OPERATION,
    QC_SE_UNBALANCED_CONDITIONAL,
    QC_SE_NEGATIVE_LOCKTIME,
    QC_SE_UNSATISFIED_LOCKTIME,
    QC_SE_SIG_HASHTYPE,
    QC_SE_SIG_DER,
    QC_SE_MINIMALDATA,
    QC_SE_SIG_PUSHONLY,
    QC_SE_SIG_HIGH_S,
    QC_SE_SIG_NULLDUMMY,
    QC_SE_PUBKEYTYPE,
    QC_SE_CLEANSTACK,
    QC_SE_MINIMALIF,
    QC_SE_SIG_NULLFAIL,
    QC_SE_DISCOURAGE_UPGRADABLE_NOPS,
    QC_SE_DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM,
    QC_SE_DISCOURAGE_UPGRADABLE_TAPROOT_VERSION,
    QC_SE_DISCOURAGE_OP_SUCCESS,
    QC_SE_DISCOURAGE_UPGRADABLE_PUBKEYTYPE,
    QC_SE_WITNESS_PROGRAM_WRONG_LENGTH,
    QC_SE_WITNESS_PROGRAM_WITNESS_EMPTY,
    QC_SE_WITNESS_PROGRAM_MISMATCH,
    QC_SE_WITNESS_MALLEATED,
    QC_SE_WITNESS_MALLEATED_P2SH,
    QC_SE_WITNESS_UNEXPECTED,
    QC_SE_WITNESS_PUBKEYTYPE,
    QC_SE_SCHNORR_SIG_SIZE,
    QC_SE_SCHNORR_SIG_HASHTYPE,
    QC_SE_SCHNORR_SIG,
    QC_SE_TAPROOT_WRONG_CONTROL_SIZE,
    QC_SE_TAPSCRIPT_VALIDATION_WEIGHT,
    QC_SE_TAPSCRIPT_CHECKMULTISIG,
    QC_SE_TAPSCRIPT_MINIMALIF,
    QC_SE_TAPSCRIPT_EMPTY_PUBKEY,
    QC_SE_OP_CODESEPARATOR,
    QC_SE_SIG_FINDANDDELETE,
    QC_SE_COUNT
} qc_script_err;
/** Core's ScriptErrorString(). */
const char *qc_script_err_text(qc_script_err e);
/** Core's short name as script_tests.json has it ("EVAL_FALSE"). */
const char *qc_script_err_name(qc_script_err e);

/** Hashes of a transaction that all its inputs share. Built once per transaction, then const. */
typedef struct qc_sighash_cache {
    bool bip143_ready, bip341_ready;
    qc_hash prevouts, sequences, outputs;                             /* double SHA-256 (BIP143) */
    qc_hash t_prevouts, t_amounts, t_scripts, t_sequences, t_outputs; /* single SHA-256 (BIP341) */
} qc_sighash_cache;
/** Makes the parts that the inputs seem to need (none for a transaction without witness data); a
 *  check makes for itself what it then misses. `spent`: one entry per input (all of them; BIP341
 *  needs all), or NULL: then only BIP143 parts. */
void qc_sighash_cache_init(qc_sighash_cache *c, const qc_tx *tx, const qc_spent *spent);

/** Asked before and told after each signature check. Optional. Thread: must be safe from many. */
typedef struct qc_sig_cache qc_sig_cache;

/** What one input's check needs; all borrowed for the call. */
typedef struct qc_script_check {
    const qc_tx *tx;
    uint32_t in;
    const qc_spent *spent;          /* one per input of tx; spent[in] is the coin */
    const qc_sighash_cache *hashes; /* of tx; NULL: made when needed */
    uint32_t flags;
    qc_sig_cache *cache; /* NULL: none */
    bool cache_store;    /* insert on success (mempool); block checks only consult */
} qc_script_check;

/** Check input c->in. Returns QC_SE_OK or why not. Allocates nothing; takes 64 KiB of stack.
 *  flags: WITNESS needs P2SH, CLEANSTACK needs both (asserted, as Core does). */
QC_MUST_CHECK qc_script_err qc_script_verify_input(const qc_script_check *c);
/** As Core's VerifyScript(): explicit scriptSig and witness (serialized stack, empty: none). */
QC_MUST_CHECK qc_script_err qc_script_verify(qc_span script_sig, qc_span script_pubkey,
                                             qc_span witness, const qc_script_check *c);

/** Sigop cost parts (Core script/script.cpp, interpreter.cpp CountWitnessSigOps). Those of P2SH are
 *  0 when the output is not P2SH or the scriptSig not push-only. */
uint32_t qc_script_sigops(qc_span script, bool accurate);
uint32_t qc_script_p2sh_sigops(qc_span script_pubkey, qc_span script_sig);
uint32_t qc_script_witness_sigops(qc_span script_sig, qc_span script_pubkey, qc_span witness,
                                  uint32_t flags);
