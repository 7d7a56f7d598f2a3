/* tests/faultfs/model.h: what would be left on the disk if the power failed now.
 *
 * The model:
 * - Bytes and lengths of a file are durable up to its last fsync() or fdatasync(). A crash undoes
 *   every later write, truncation and allocation.
 * - Names (made, renamed, removed) become durable in the order in which they changed, as in a file
 *   system with an ordered journal. fsync() of a folder makes all changes up to the last one in
 * that folder durable; f(data)sync() of a file, all up to the last one of that file's own names. A
 * file that is synced without a pending change of its names carries no other name to the disk.
 * - sync_file_range() promises nothing. sync() and syncfs() make everything durable.
 * Writes through stdio and through writable shared mappings cannot be seen: the first count as
 * durable at once, the second end the program with a message.
 *
 * All functions are called under the shim's lock. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/** The folder to watch, and where removed files wait until their removal is durable. */
void model_init(const char *root);
/** Absolute path of `path` as seen from `dirfd`, links in its folder followed. False: no folder. */
bool model_resolve(int dirfd, const char *path, char out[static 4096]);
/** Is this absolute path inside the root? */
bool model_watches(const char *path);
/** Is this descriptor a file that was opened inside the root? Then *st is filled. */
bool model_watches_fd(int fd, struct stat *st);
/** The same for a folder; its path in `out`. */
bool model_watches_dir(int fd, char out[static 4096]);

/** After a successful open: remember the file (watched) or forget its number (not). */
void model_opened(int fd, bool watched);
/** Before bytes [off, off + len) of the open file change, or its length does. */
void model_will_change(int fd, const struct stat *st, off_t off, size_t len);
/** Before an open with O_TRUNC, or truncate(): all of a file will change. */
void model_will_clear(const char *path);
/** After a name was made. */
void model_created(const char *path, bool is_dir);
/** Before a rename, a removal. The handle says afterwards whether it happened. */
void *model_will_rename(const char *from, const char *to);
void *model_will_remove(const char *path, bool is_dir);
void model_did(void *change, bool done);

void model_synced_fd(int fd);
void model_synced_all(void);
/** Put the disk into its durable state. Nothing may run afterwards but _exit(). */
void model_crash(void);
/** The program ends in peace: forget all. */
void model_end(void);
