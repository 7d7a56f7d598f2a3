/* runner/sandbox.h: what takes the rights of the process away, before any code of a plugin runs.
 *
 * Two steps. qc_sandbox_enter() comes before dlopen, so that constructors are confined already; it
 * still lets the loader read libraries and map code, and no thread may exist or be made.
 * qc_sandbox_seal() comes after it, for the rest of the process's life. Thread: the only one. */
#pragma once
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** The layers, as doctor names them. */
typedef enum qc_layer {
    QC_LAYER_NO_NEW_PRIVS, /* required */
    QC_LAYER_CAPABILITIES, /* required: none are left, in no set */
    QC_LAYER_UID,          /* required when started by root: a uid of its own */
    QC_LAYER_RLIMITS,      /* required */
    QC_LAYER_LANDLOCK,     /* required: ABI 2 at least */
    QC_LAYER_SECCOMP,      /* required */
    QC_LAYER_USER_NS,      /* the rest where the kernel allows */
    QC_LAYER_NET_NS,
    QC_LAYER_MOUNT_NS,
    QC_LAYER_IPC_NS,
    QC_LAYER_PID_NS,
    QC_LAYER_MDWE,
    QC_LAYER_COUNT
} qc_layer;
const char *qc_layer_name(qc_layer l);
bool qc_layer_is_required(qc_layer l);

typedef struct qc_sandbox_options {
    bool best_effort;      /* go on when a required layer is missing */
    uint32_t threads;      /* that the plugin may have, its own loop included; 1: none more */
    uint64_t memory;       /* bytes of data; 0: no limit */
    uint32_t descriptors;  /* that may be open at once */
    int store_dir;         /* folder with store.own, open O_PATH or O_RDONLY; -1: not granted. It
                            * becomes the current directory */
    uid_t uid;             /* to become, when started by root; else ignored */
    gid_t gid;
    uid_t outer_uid;       /* of the node, as seen from outside a user namespace */
    gid_t outer_gid;
    unsigned landlock_abi; /* most to use; 0: what the kernel has. Tests cut it */
    const int *keep;       /* descriptors that stay open besides 0 to 2 */
    size_t n_keep;
} qc_sandbox_options;

/** What holds, for HELLO and for `quoin-plugin doctor`. */
typedef struct qc_sandbox_report {
    uint32_t held; /* bit l: layer l */
    unsigned landlock_abi;
    char missing[256]; /* one sentence for each layer that could not be had: name: why */
} qc_sandbox_report;

/** Step 1. Returns: QC_OK; QC_EUNSUPPORTED (a required layer is missing and best_effort is not
 *  set: report->missing says which); QC_EIO. After a failure the process must end. */
QC_MUST_CHECK qc_err qc_sandbox_enter(const qc_sandbox_options *o, qc_sandbox_report *report);
/** Step 2: no exec, no new executable memory, nothing opened outside the store's folder. Returns as
 *  qc_sandbox_enter(). */
QC_MUST_CHECK qc_err qc_sandbox_seal(const qc_sandbox_options *o, qc_sandbox_report *report);
