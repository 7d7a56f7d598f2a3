/* core/os/namespaces.h: views of the machine that a process does not share with others. Failures
 * leave errno as the system set it. Thread: the only one of the process. */
#pragma once
#include "core/base/err.h"

#include <sys/types.h>

typedef enum qc_ns {
    QC_NS_USER,
    QC_NS_NET,
    QC_NS_MOUNT,
    QC_NS_IPC,
    QC_NS_UTS,
} qc_ns;

/** Leave the namespace for a new one. All but the user's need CAP_SYS_ADMIN, which a new user's
 *  gives, inside. Returns: QC_OK; QC_EPERM, QC_EFULL (not here); QC_EIO. */
QC_MUST_CHECK qc_err qc_ns_leave(qc_ns which);
/** After QC_NS_USER: inside, user and group 0 are `uid` and `gid` of outside; no other exists.
 *  Async-signal-safe. */
QC_MUST_CHECK qc_err qc_ns_map_one(uid_t uid, gid_t gid);
/** Are we in a user namespace made so? */
bool qc_ns_is_mapped_one(void);
/** Is this process the first of a pid namespace? It then ends of no signal that it sends itself. */
bool qc_ns_is_first(void);

/** After QC_NS_MOUNT: a new root folder that holds nothing but the folders and files of `keep`
 * (NULL ends it; absent ones are left out), read-only; /proc/self/fd, so that a descriptor can be
 * named; and, when `store` is set, today's current directory as /store, writable, where nothing
 * runs. The current directory is then that, else the root. After a failure the process must end. */
QC_MUST_CHECK qc_err qc_ns_new_root(const char *const *keep, bool store);
