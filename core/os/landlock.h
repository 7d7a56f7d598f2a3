/* core/os/landlock.h: Landlock: which files a process may open from now on, whatever its user may.
 * Every rule set handles all rights that its ABI knows, so that what is not allowed is refused.
 * From ABI 4 on TCP is refused as a whole, from ABI 6 on signals to processes and abstract sockets
 * outside. Binds the calling thread and what it starts, for ever. */
#pragma once
#include "core/base/err.h"

/** What a rule gives beneath a folder, or on one file. */
typedef enum qc_landlock_right {
    QC_LANDLOCK_READ, /* open files for reading */
    QC_LANDLOCK_OWN   /* files and folders: read, write, make, rename, remove; none that runs */
} qc_landlock_right;

/** The kernel's ABI; 0: none, or switched off. Thread: any. */
unsigned qc_landlock_abi(void);

/** A new set with no rules, of ABI `abi` at most. Out: *fd, close-on-exec, owned: qc_os_close().
 *  Returns: QC_OK; QC_EUNSUPPORTED (the kernel has none); QC_EIO. */
QC_MUST_CHECK qc_err qc_landlock_new(unsigned abi, int *fd);
/** As qc_landlock_new() for who needs the network: TCP is not refused, everything else is. */
QC_MUST_CHECK qc_err qc_landlock_new_online(unsigned abi, int *fd);
/** Add a rule for what `path` names. Returns: QC_OK; QC_ENOENT; QC_EPERM; QC_EIO. */
QC_MUST_CHECK qc_err qc_landlock_allow(int fd, unsigned abi, const char *path,
                                       qc_landlock_right right);
/** Bind the calling thread. Needs no-new-privs. Returns: QC_OK; QC_EPERM; QC_EIO. */
QC_MUST_CHECK qc_err qc_landlock_enforce(int fd);
