/* core/os/privs.h: what a process gives up of its own rights. None of it can be taken back.
 * Failures leave errno as the system set it. Thread: the only one of the process. */
#pragma once
#include "core/base/err.h"

#include <sys/types.h>

/** No program started from here gains rights; filters and Landlock may be set without any. */
QC_MUST_CHECK qc_err qc_privs_no_new(void);
/** No core file, and no process of the same user may trace this one or read its memory. */
QC_MUST_CHECK qc_err qc_privs_undumpable(void);
/** SIGKILL when the thread that started this process ends. A change of user undoes it. */
QC_MUST_CHECK qc_err qc_privs_die_with_parent(void);
/** Become this user and group, with no other groups. Needs to be root. QC_EPERM: it is not. */
QC_MUST_CHECK qc_err qc_privs_become(uid_t uid, gid_t gid);
/** Empty every set of capabilities, and the bounding set where that is allowed. */
QC_MUST_CHECK qc_err qc_privs_drop_caps(void);
/** Is CAP_SYS_ADMIN in force here? */
bool qc_privs_is_admin(void);
/** Memory that was writable never becomes executable (PR_SET_MDWE, Linux 6.3). */
QC_MUST_CHECK qc_err qc_privs_no_exec_gain(void);
/** Does the process have just this one thread? */
bool qc_privs_single_thread(void);

/** Built with a sanitizer whose notes of all memory take terabytes of addresses? */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define QC_PRIVS_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define QC_PRIVS_SANITIZED 1
#endif
#ifndef QC_PRIVS_SANITIZED
#define QC_PRIVS_SANITIZED 0
#endif

/** Resource limits, each soft and hard. A value over today's hard limit is cut to it. */
typedef struct qc_privs_limits {
    uint64_t data;     /* bytes of private writable memory; 0: not limited */
    uint64_t space;    /* bytes of addresses; 0: not limited */
    uint64_t files;    /* open descriptors */
    uint64_t filesize; /* bytes of a file written */
    uint64_t tasks;    /* threads and processes of this user; 0: not limited */
    bool one_task;     /* the soft limit of tasks is 1 until qc_privs_allow_tasks() */
} qc_privs_limits;
QC_MUST_CHECK qc_err qc_privs_limit(const qc_privs_limits *l);
/** The soft limit of tasks becomes the hard one. */
QC_MUST_CHECK qc_err qc_privs_allow_tasks(void);
#define QC_PRIVS_NO_LIMIT UINT64_MAX
