/* core/os/sys.h: what the files of this folder share. Not for other folders. */
#pragma once
#include "core/base/alloc.h"

#include <errno.h>

/** True when the armed fault fires here; errno is then EIO. Thread: any. */
static inline bool qc_sys_fault(void)
{
    if (!qc_fault_hit())
        return false;
    errno = EIO;
    return true;
}
/** The error of the call that just failed. */
static inline qc_err qc_sys_err(void)
{
    qc_err err = qc_err_from_errno(errno);
    return err ? err : QC_EIO;
}
