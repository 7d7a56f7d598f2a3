/* core/os/file.h: files and folders. Every fallible call asks qc_fault_hit() first. May block on
 * disk. Thread: any. Failures set errno as the system left it, for the caller's log line. */
#pragma once
#include "core/base/bytes.h"

#include <sys/types.h>

/** Open for reading. Returns: QC_OK; QC_ENOENT; QC_EPERM; QC_EIO. *fd is close-on-exec. */
QC_MUST_CHECK qc_err qc_os_open_ro(int *fd, const char *path);
/** Open for reading and writing; created (0600) when `create`. */
QC_MUST_CHECK qc_err qc_os_open_rw(int *fd, const char *path, bool create);
void qc_os_close(int fd);
/** Read exactly len bytes. QC_ECORRUPT: the file ends first (buf may be partly written). QC_EIO. */
QC_MUST_CHECK qc_err qc_os_pread_full(int fd, void *buf, size_t len, uint64_t off);
QC_MUST_CHECK qc_err qc_os_pwrite_full(int fd, const void *buf, size_t len, uint64_t off);
/** fdatasync(). */
QC_MUST_CHECK qc_err qc_os_sync(int fd);
/** fsync() of the folder that holds `path`, so that a created or renamed name survives. */
QC_MUST_CHECK qc_err qc_os_sync_dir_of(const char *path);
QC_MUST_CHECK qc_err qc_os_size(int fd, uint64_t *out);
QC_MUST_CHECK qc_err qc_os_truncate(int fd, uint64_t size);
/** Reserve disk blocks; what the file lacks up to off + len is added as zeros, what it has stays.
 *  QC_EFULL: no room. */
QC_MUST_CHECK qc_err qc_os_preallocate(int fd, uint64_t off, uint64_t len);
QC_MUST_CHECK qc_err qc_os_rename(const char *from, const char *to);
QC_MUST_CHECK qc_err qc_os_unlink(const char *path);
bool qc_os_exists(const char *path);
/** When the contents were last changed: seconds since 1970. Returns: QC_OK; QC_ENOENT; QC_EPERM;
 *  QC_EIO. */
QC_MUST_CHECK qc_err qc_os_mtime(const char *path, int64_t *out);
/** Make one folder (0700); existing is fine. */
QC_MUST_CHECK qc_err qc_os_mkdir(const char *path);
/** Make a folder and its parents. */
QC_MUST_CHECK qc_err qc_os_mkdirs(const char *path);
/** The same; one that was not there survives a crash of the machine from then on. */
QC_MUST_CHECK qc_err qc_os_mkdirs_synced(const char *path);
/** Remove a folder and all below it; absent is fine. */
QC_MUST_CHECK qc_err qc_os_remove_tree(const char *path);
/** Whole file, pipes and devices too. QC_ERANGE: larger than max. Out: owned qc_bytes_free(). */
QC_MUST_CHECK qc_err qc_os_read_file(const char *path, size_t max, qc_bytes *out);
/** The same of a plain file only, QC_EINVAL for anything else, which is not waited for: for paths
 *  that somebody else has chosen. */
QC_MUST_CHECK qc_err qc_os_read_regular(const char *path, size_t max, qc_bytes *out);
/** Atomically replace path's contents: temporary file <path>.tmp, sync, rename, sync of the folder.
 */
QC_MUST_CHECK qc_err qc_os_write_file_atomic(const char *path, qc_span data, unsigned mode);
/** Give everything below `path`, itself included, to a user. Follows no link. Only root may. */
QC_MUST_CHECK qc_err qc_os_own_tree(const char *path, uid_t uid, gid_t gid);
/** A file that belongs to the running program: the first of `places` (ended by NULL, relative to
 * the program's own folder) that exists, so that a build tree or an installation that was moved
 * finds its own; else `otherwise`. Owned: qc_free(). */
char *qc_os_part(const char *const *places, const char *otherwise);
/** What lies below `path` on disk, folders included; nothing there is 0. False: it cannot be said,
 *  for there are more than max_entries, too many levels, or folders that cannot be looked into. */
bool qc_os_tree_bytes(const char *path, uint64_t max_entries, uint64_t *bytes);
/** Free bytes on the file system of path. */
QC_MUST_CHECK qc_err qc_os_free_space(const char *path, uint64_t *out);
/** Sorted names in a folder ("." and ".." left out). Out: owned, qc_os_list_free(). */
typedef struct qc_os_list {
    char **name;
    size_t n;
} qc_os_list;
QC_MUST_CHECK qc_err qc_os_list_dir(const char *path, qc_os_list *out);
void qc_os_list_free(qc_os_list *l);

/** An exclusive lock on <dir>/.lock (Core's name; clashes with Core's lock too, and within this
 *  process). A child that is forked without exec shares it. */
typedef struct qc_dirlock qc_dirlock;
/** Returns: QC_OK; QC_EBUSY (another process holds it); QC_EPERM; QC_EIO. Out: owned,
 * qc_dirlock_free(). */
QC_MUST_CHECK qc_err qc_dirlock_take(const char *dir, qc_dirlock **out);
void qc_dirlock_free(qc_dirlock *l);

/** Fill with entropy from the kernel. Aborts if there is none. */
void qc_os_random(void *buf, size_t len);
/** Let this process have `want` descriptors open at once, as far as the system allows. Returns how
 *  many it may have. */
uint32_t qc_os_allow_files(uint32_t want);
