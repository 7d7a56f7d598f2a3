/* core/host/spare.h: runners that wait for a plugin, one of each kind: with the store's module
 * loaded for one that has a store (to load RocksDB takes longer than the rest of a start), and
 * without. They have left the namespaces that every plugin leaves, have been told nothing yet, and
 * enter their sandbox with their plugin as any other does. Internal to core/host. */
#pragma once
#include "core/host/spawn.h"

typedef struct qc_spare qc_spare;

typedef enum qc_spare_kind { QC_SPARE_PLAIN, QC_SPARE_STORE, QC_SPARE_KINDS } qc_spare_kind;

/** The descriptors, of the program and of the module (-1: there is none), are borrowed. Nothing is
 *  started yet. */
qc_spare *qc_spare_new(int runner_fd, int module_fd);
/** Kills who waits. What was taken dies with this, as with the thread that starts a process: all
 *  must have ended before. NULL is allowed. */
void qc_spare_free(QC_OWN qc_spare *s);
/** Have one wait soon, if none does; what cannot be had is done without. Thread: any. */
void qc_spare_want(qc_spare *s, qc_spare_kind kind);
/** Take the one that waits. Out: *out owned, as of qc_child_start(). False: none does. Thread: any.
 */
bool qc_spare_take(qc_spare *s, qc_spare_kind kind, qc_child *out);
