/* core/methods/descriptors.h: output descriptors to scripts, by libquoin-util. Thread: any. */
#pragma once
#include "core/base/bytes.h"
#include "core/btc/params.h"
#include "core/rpc/rpc.h"
#include "lib/descriptor.h"

/** A script with the descriptor that stands for just it. */
typedef struct qc_described {
    qc_bytes script;
    char *desc;
} qc_described;
typedef struct qc_script_list {
    qc_described *item;
    size_t n, cap;
    bool failed; /* memory ran out while it was filled */
} qc_script_list;
void qc_script_list_free(qc_script_list *l);

/** The scripts a descriptor stands for (1, or 2 to 4 for combo()). need_checksum: "#..." must be
 *  there. False: `error` says why, in Core's words where it has them. Out: owned. */
bool qc_m_descriptor_scripts(const qc_params *p, const char *desc, bool need_checksum,
                             qc_script_list *out, char *error, size_t cap);
/** The curve, lent to the library. `signer` (NULL allowed: no secret keys) is borrowed. */
qn_curve qc_m_curve(void *signer);
