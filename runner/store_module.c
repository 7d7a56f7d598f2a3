/* store.own for the runner, in a library of its own: RocksDB is large, and only plugins that hold
 * store.own pay for it. */
#include "core/frame/hello.h"
#include "core/ownstore/ownstore.h"

#include "config.h"
#include "core/frame/wire_id.h"

extern __attribute__((visibility("default")))
const qc_store_module qc_store_module_entry __asm__("qc_store_module");

const qc_store_module qc_store_module_entry = {.build = PACKAGE_VERSION " " QC_WIRE_ID,
                                               .table = &QC_OWNSTORE_TABLE,
                                               .open = qc_ownstore_open,
                                               .close = qc_ownstore_close,
                                               .bytes = qc_ownstore_bytes};
