/* runner/sandbox.h: what takes the rights of the process away, before any code of a plugin runs.
 *
 * Two steps. qc_sandbox_enter() comes before dlopen, so that constructors are confined already; it
 * still lets the loader read libraries and map code, and no thread may exist or be made.
 * qc_sandbox_seal() comes after it, for the rest of the process's life. A process that waits for
 * its plugin may take ahead what is the same for all of them. Thread: the only one. */
#pragma once
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
    QC_LAYER_UTS_NS,
    QC_LAYER_PID_NS, /* given by who started the process */
    QC_LAYER_MDWE,
    QC_LAYER_SCOPES, /* ABI 6 of Landlock */
    QC_LAYER_COUNT
} qc_layer;
const char *qc_layer_name(qc_layer l);
bool qc_layer_is_required(qc_layer l);
/** What it is good for: half a sentence for an operator. */
const char *qc_layer_meaning(qc_layer l);

typedef struct qc_sandbox_options {
    bool best_effort;     /* go on when a required layer is missing */
    uint32_t threads;     /* that the plugin may have, its own loop included; 1: none more */
    uint64_t memory;      /* bytes of private memory that can be written; 0: no limit */
    uint32_t descriptors; /* that may be open at once */
    int store_dir;        /* folder with store.own, open O_PATH or O_RDONLY; -1: not granted. It
                           * becomes the current directory, and is closed: through it the folders
                           * above could be seen */
    uint64_t quota;       /* of the store; 0: none. No file of it may be larger */
    uid_t uid;            /* to become when root started us, neither may be 0; else ignored */
    gid_t gid;
    unsigned landlock_abi; /* most to use; 0: what the kernel has. Tests cut it */
    const int *keep;       /* descriptors that stay open besides 0 to 2 */
    size_t n_keep;
    const struct qc_sandbox_report *prepared; /* by qc_sandbox_prepare(), or NULL; borrowed */
} qc_sandbox_options;

/** What holds, for HELLO and for `quoin-plugin doctor`. */
typedef struct qc_sandbox_report {
    uint32_t held;             /* bit l: layer l */
    int error[QC_LAYER_COUNT]; /* errno of what could not be had */
    unsigned landlock_abi;     /* in use */
    char missing[512];         /* the layers that could not be had, as "name: why; name: why" */
} qc_sandbox_report;

/** What can be left before it is known for whom: network, IPC, names, and the users where that is
 *  what allows the others. A namespace of the network alone takes the kernel half a millisecond.
 *  Out: *report, for qc_sandbox_enter(), which tries again what could not be left.
 *  Returns: QC_OK; QC_EBUSY, QC_EIO as qc_sandbox_enter(), after which the process must end. */
QC_MUST_CHECK qc_err qc_sandbox_prepare(qc_sandbox_report *report);
/** Step 1. A sealed memory file is loaded afterwards by the name /proc/self/fd/N, which holds in
 * the new root too. abort() ends the process with QC_SANDBOX_ABORTED where no signal can. Returns:
 * QC_OK; QC_EUNSUPPORTED (a required layer is missing and best_effort is not set: report->missing
 * says which); QC_EBUSY (there is more than one thread); QC_EIO. After a failure the process must
 * end. */
QC_MUST_CHECK qc_err qc_sandbox_enter(const qc_sandbox_options *o, qc_sandbox_report *report);
/** Step 2: no new executable memory, nothing opened outside the store's folder, and threads as
 *  granted. `report` is the one of step 1. Returns as qc_sandbox_enter(); QC_EBUSY: a constructor
 *  has left a thread. */
QC_MUST_CHECK qc_err qc_sandbox_seal(const qc_sandbox_options *o, qc_sandbox_report *report);

/** As core/host/spawn.h: QC_CHILD_ABORTED. */
#define QC_SANDBOX_ABORTED 134

/** Which layers hold on this machine, found out by children that enter and seal: a table, or JSON.
 *  Returns: exit status: 0; 1 when a required one is missing. */
int qc_sandbox_probe(FILE *out, bool json);
