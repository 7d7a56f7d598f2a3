/* core/os/memfd.h: a file in memory that nobody can change any more. */
#pragma once
#include "core/base/bytes.h"

/** Copy what `fd` holds into a memory file and seal it against writing, growing and shrinking, so
 *  that the bytes checked are the bytes used whatever happens to the file.
 *  Out: *out, close-on-exec, owned: close(). Returns: QC_OK; QC_ERANGE (more than max bytes);
 *  QC_EIO; QC_ENOMEM. May block on disk. Thread: any. */
QC_MUST_CHECK qc_err qc_os_sealed_copy(int fd, const char *name, uint64_t max, int *out);
