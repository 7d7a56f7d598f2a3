/* runner/seccomp.h: which system calls are left. Not for other folders. */
#pragma once
#include "core/base/err.h"

/** Step 1: the list of what is allowed, the loader's calls among it. `threads`: more than one, of
 * this process. `store`: files; Landlock says which. Needs no-new-privs. In force for every thread.
 *  Returns: QC_OK; QC_EUNSUPPORTED (the kernel has none); QC_ENOMEM; QC_EIO. */
QC_MUST_CHECK qc_err qc_seccomp_enter(bool threads, bool store);
/** Step 2: take back what only the loader needed. Filters add up, so the list of step 1 stays. */
QC_MUST_CHECK qc_err qc_seccomp_seal(bool store);
