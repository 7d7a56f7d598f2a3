/* core/os/process.h: a child that shares our memory until it becomes another program. */
#pragma once
#include "core/base/err.h"

#include <sys/types.h>

/** Start `child(arg)` on our memory and a stack of its own; the calling thread waits until it has
 *  called execve(2) or ended, so that nothing of the page tables is copied. All signals are at
 * their defaults there, and blocked. The child must be async-signal-safe, change no memory but its
 * own, and return only to end (its value is the exit status).
 *
 *  It is first in a pid namespace of its own, and for an ordinary user in a user namespace that
 *  knows that user alone, as 0; without them where the kernel refuses. It is killed when the
 * calling thread ends.
 *
 *  Out: *pid; *pidfd, close-on-exec, owned: close(). Returns: QC_OK; QC_EBUSY (the system has no
 *  process left); QC_ENOMEM; QC_EIO. Thread: any. */
QC_MUST_CHECK qc_err qc_process_start(int (*child)(void *arg), void *arg, pid_t *pid, int *pidfd);

/** For the child: the descriptors 0 to 2 are /dev/null, 3 is `fd`, every other is closed by the
 *  program's start; then execute the program open at `program`, as `name`, with an empty
 * environment and no signal blocked. Returns, with errno, only when that fails. Async-signal-safe.
 */
void qc_process_exec(int program, const char *name, int fd);

/** What a process has used, as the kernel says: processor time of all its threads in milliseconds,
 *  and memory that is resident now. False: there is no such process. Thread: any. */
bool qc_os_process_usage(pid_t pid, uint64_t *cpu_ms, uint64_t *rss_bytes);
/** For how long all threads of a process have run, nanoseconds: for who asks often. False: there is
 *  no such process. Thread: any. */
bool qc_os_process_ran(pid_t pid, int64_t *ns);
/** For how long the first thread of a process could have run and had no processor, nanoseconds
 * since its start; what it waits just now is told when it runs again. False: there is no such
 * process, or this kernel does not count it. Thread: any. */
bool qc_os_process_waited(pid_t pid, int64_t *ns);
/** Worse ones are greater. */
typedef enum qc_yields {
    QC_YIELDS,     /* every thread had the class already, or there is no such process */
    QC_YIELDS_NOW, /* one was given it, which may have started another that was not reached: again
                    */
    QC_YIELDS_NOT  /* one belongs to somebody else, and we may not */
} qc_yields;

/** Give every thread of a process the class that yields to everything else (SCHED_IDLE), which it
 *  may not be able to leave; what they start inherits it. Blocks for as long as /proc takes.
 *  Thread: any. */
qc_yields qc_os_process_yields(pid_t pid);
/** May it be given to processes of other users? Of root alone it is asked: containers often take
 *  CAP_SYS_NICE from it. Thread: any. */
bool qc_os_may_change_class(void);
/** What a process keeps on disk by files that have no name any more: open, or mapped and closed.
 *  Files that code is mapped from count only if they lay in the folder `dir`. Of what is mapped and
 *  closed whoever is not root knows the size of the mapping alone: that is counted, but for a file
 *  that lay in `dir` it is no answer. A process that has ended keeps nothing.
 *  Returns: QC_OK; QC_EPERM (the kernel does not let us look); QC_ENOENT (no such folder);
 * QC_ERANGE (too many files, or one of `dir` whose size cannot be known); QC_ENOMEM; QC_EIO.
 * Thread: any. */
QC_MUST_CHECK qc_err qc_os_process_unnamed(pid_t pid, const char *dir, uint64_t *bytes);
