/* core/ownstore/ownstore.h: store.own/1: a RocksDB folder of a plugin's own. It lies in the process
 * that runs the plugin: the node in trusted mode, else the runner, which loads this as a module of
 * its own so that plugins without a store do not pay for RocksDB. Thread: the plugin's. */
#pragma once
#include "core/base/err.h"
#include "quoin/store_own.h"

typedef struct qc_ownstore qc_ownstore;

/** What a qn_cap begins with, in the node and in the runner: enough for a table that both use. */
typedef struct qc_cap_head {
    void *state; /* for store.own: its qc_ownstore; NULL: not open yet */
    /** First thing in every method: right thread; and, unless it only gives something back
     *  (closing = 1), not revoked. Counts the call. */
    qn_status (*enter)(qn_cap *cap, int closing);
} qc_cap_head;

typedef struct qc_ownstore_options {
    const char *dir;                               /* made when it is not there; its parent is */
    uint64_t quota;                                /* bytes on disk; 0: none */
    uint64_t floor;                                /* bytes of the disk that are left free */
    void (*complain)(void *arg, const char *text); /* what went wrong behind a method; or NULL */
    void *arg;
} qc_ownstore_options;

/** What a plugin leaves of the disk for the node, which stops when it runs out of it. */
#define QC_OWNSTORE_FLOOR UINT64_C(300000000)

/** Out: *out owned, qc_ownstore_close(). On failure `detail` (cap bytes) says what was met.
 *  Returns: QC_OK; QC_EIO; QC_ECORRUPT; QC_EBUSY; QC_EPERM; QC_EFULL. */
QC_MUST_CHECK qc_err qc_ownstore_open(const qc_ownstore_options *o, qc_ownstore **out, char *detail,
                                      size_t cap);
/** Ends walks and snapshots. NULL is allowed. */
void qc_ownstore_close(QC_OWN qc_ownstore *s);
/** Bytes on disk, as last measured. */
uint64_t qc_ownstore_bytes(const qc_ownstore *s);

/** Its first argument points at a qn_cap that begins with a qc_cap_head. */
extern const qn_store_own_1 QC_OWNSTORE_TABLE;

/** What the module exports under the name qc_store_module. */
typedef struct qc_store_module {
    const char *build; /* must equal the runner's */
    const qn_store_own_1 *table;
    qc_err (*open)(const qc_ownstore_options *o, qc_ownstore **out, char *detail, size_t cap);
    void (*close)(qc_ownstore *s);
    uint64_t (*bytes)(const qc_ownstore *s);
} qc_store_module;
