/* core/script/sigcheck.h: judging one signature of the input under check. Internal. */
#pragma once
#include "core/script/vm.h"

/** Strict DER with a hash type byte behind it (BIP66). */
bool qc_sig_is_strict_der(qc_span sig);
/** Signature encoding under the flags; an empty one is always well encoded. */
QC_MUST_CHECK qc_script_err qc_sig_check_encoding(qc_span sig, uint32_t flags);
QC_MUST_CHECK qc_script_err qc_pubkey_check_encoding(qc_span key, uint32_t flags,
                                                     qc_sigversion sigversion);

/** Script code of the running script: all behind the last CODESEPARATOR. */
qc_script_code qc_script_code_here(const qc_vm *v);
/** Remove every push of `sig` from the code (legacy only; Core FindAndDelete). Returns how many
 *  were found; the code then lies in v->code_buf. */
size_t qc_script_code_delete(qc_vm *v, qc_script_code *code, qc_span sig);
/** Call after the last deletion: names the code that is left. */
void qc_script_code_seal(qc_script_code *code);

/** Does the ECDSA signature (hash type included) of `key` hold? Bad keys and encodings: false. */
bool qc_vm_check_ecdsa(qc_vm *v, qc_span sig, qc_span key, const qc_script_code *code);
/** BIP340 signature of 64 or 65 bytes; anything else is SCHNORR_SIG_SIZE. */
QC_MUST_CHECK qc_script_err qc_vm_check_schnorr(qc_vm *v, qc_span sig,
                                                const uint8_t key[static 32]);
