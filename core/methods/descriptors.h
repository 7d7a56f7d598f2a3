/* core/methods/descriptors.h: output descriptors to scripts, by libquoin-util. Thread: any. */
#pragma once
#include "core/base/bytes.h"
#include "core/btc/params.h"
#include "core/rpc/rpc.h"

typedef struct qc_script_list {
    qc_bytes *script;
    size_t n;
} qc_script_list;
void qc_script_list_free(qc_script_list *l);

/** The scripts a descriptor stands for (1, or 2 to 4 for combo()). need_checksum: "#..." must be
 *  there. False: `error` says why, in Core's words where it has them. Out: owned. */
bool qc_m_descriptor_scripts(const qc_params *p, const char *desc, bool need_checksum,
                             qc_script_list *out, char *error, size_t cap);
