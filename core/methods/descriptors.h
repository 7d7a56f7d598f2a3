/* core/methods/descriptors.h: output descriptors as arguments, by libquoin-util. Thread: any. */
#pragma once
#include "core/base/bytes.h"
#include "core/btc/params.h"
#include "core/rpc/rpc.h"
#include "lib/descriptor.h"

/** Room for an error of the parser: keys and expressions are quoted in it. */
#define QC_M_DESC_ERROR 1024

/** Indexes that a request may ask for; as many as that of all branches together. */
#define QC_M_DESC_RANGE 1000000

/** A parsed descriptor with the curve it works on. */
typedef struct qc_m_desc {
    qn_descriptor *d;
    struct qn_secp *secp;
} qc_m_desc;

/** Parse; secret keys are accepted. need_checksum: "#..." must be there.
 *  Out: *out, owned: qc_m_desc_close(). False: `error` says why, in Core's words where it has them.
 */
bool qc_m_desc_open(const qc_params *p, const char *text, bool need_checksum, qc_m_desc *out,
                    char *error, size_t cap);
void qc_m_desc_close(qc_m_desc *m);
/** Canonical text of one branch, with its checksum. Owned: qc_free(). */
char *qc_m_desc_text(const qc_m_desc *m, size_t branch);

/** A range of indexes: a number (the end) or [begin, end] (Core ParseDescriptorRange).
 *  Returns: false, and the request has failed. */
bool qc_m_desc_range(qc_rpc_req *r, const json_t *v, uint32_t *low, uint32_t *high);
/** The script of a descriptor that has no range and no branches, as the miner takes it: of combo()
 *  that of wpkh(), or pkh() where the key is uncompressed (Core rpc/mining.cpp).
 *  Out: *out, owned. Returns: false: `error` says why, and *code is the RPC error: 0 when the text
 *  is no descriptor. */
bool qc_m_desc_one_script(const qc_params *p, const char *text, qc_bytes *out, int *code,
                          char *error, size_t cap);
