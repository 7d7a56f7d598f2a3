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
/** A "scan object": a descriptor, or an object with one as "desc" and, where it is ranged, a
 * "range" (Core rpc/util.cpp, EvalDescriptorStringOrObject). */
typedef struct qc_m_scan_object {
    const char *text; /* borrowed from the request */
    qc_m_desc desc;
    uint32_t low, high; /* indexes, both inclusive; 0 where it has no range */
} qc_m_scan_object;
/** Of the elements of a list of them. */
extern const qc_rpc_param QC_M_SCAN_OBJECTS[];
/** Out: *out, owned: qc_m_desc_close() of its desc. False: the request has failed. */
bool qc_m_scan_object_open(qc_rpc_req *r, const qc_params *p, const json_t *o,
                           qc_m_scan_object *out);

typedef enum qc_m_step { QC_M_GO_ON, QC_M_STOP, QC_M_NO_MEMORY } qc_m_step;
/** What is behind one index of one branch. `v` is the callee's, also when it stops: it is cleared
 *  by qn_derived_clear(). */
typedef qc_m_step qc_m_derived_fn(void *arg, const qc_m_scan_object *o, size_t branch,
                                  uint32_t index, qn_derived *v);
/** Derive all of it, in order, until fn wants no more. False: the request has failed. */
bool qc_m_scan_object_each(qc_rpc_req *r, const qc_m_scan_object *o, qc_m_derived_fn *fn,
                           void *arg);

/** The script of a descriptor that has no range and no branches, as the miner takes it: of combo()
 *  that of wpkh(), or pkh() where the key is uncompressed (Core rpc/mining.cpp).
 *  Out: *out, owned. Returns: false: `error` says why, and *code is the RPC error: 0 when the text
 *  is no descriptor. */
bool qc_m_desc_one_script(const qc_params *p, const char *text, qc_bytes *out, int *code,
                          char *error, size_t cap);
