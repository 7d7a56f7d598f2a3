/* core/methods/script_text.h: scripts and addresses as text, by libquoin-util. Thread: any. */
#pragma once
#include "core/base/bytes.h"
#include "core/btc/params.h"
#include "core/rpc/rpc.h"
#include "lib/chain.h"

/** The lib's name for this chain. */
const qn_chain_text *qc_m_chain(const qc_params *p);
/** "asm": disassembly; sighash: signatures' hash types are shown by name. */
void qc_m_kasm(qc_jw *w, qc_span script, bool sighash);
/** "desc": a descriptor of the script without keys' origins (Core InferDescriptor, no provider). */
void qc_m_kinferred_descriptor(qc_jw *w, const qc_params *p, qc_span script);
/** The same as text, with its checksum. Out: owned, qc_free(). */
char *qc_m_inferred_descriptor(const qc_params *p, qc_span script);
/** Descriptor of `wrapped`, the segwit program of `script`, which shows what it is (multi(), or any
 *  sane Miniscript). Out: owned, qc_free(). */
char *qc_m_wrapped_descriptor(const qc_params *p, qc_span script, qc_span wrapped);
/** "address", where the script has one (a bare public key has none). */
void qc_m_kaddress_if_any(qc_jw *w, const qc_params *p, qc_span script);
/** Core's type name: "pubkeyhash", "nonstandard" ... */
const char *qc_m_script_type(qc_span script);
/** Address to scriptPubKey. False: not an address of this chain. Out: owned, qc_bytes_free(). */
bool qc_m_address_script(const qc_params *p, const char *address, qc_bytes *out);
