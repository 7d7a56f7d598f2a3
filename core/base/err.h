/* core/base/err.h: the error type, and the marks every contract uses. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Ordinary failures. A judgement on foreign data is never one of these: see consensus/verdict.h.
 */
typedef enum qc_err {
    QC_OK = 0,
    QC_ENOMEM,   /* an allocation sized by input failed */
    QC_EIO,      /* the disk or another device failed */
    QC_EFULL,    /* no space left on the disk, or a quota was reached */
    QC_ENOENT,   /* no such file, key, height ... */
    QC_EEXIST,   /* it is there already */
    QC_ECORRUPT, /* stored bytes do not decode or fail their checksum */
    QC_EINVAL,   /* the caller's or user's input is malformed */
    QC_ERANGE,   /* a number is outside its named limits */
    QC_EBUSY,    /* held by somebody else (a lock, a folder) */
    QC_EPERM,    /* not allowed */
    QC_ECANCELED,
    QC_ETIMEOUT,
    QC_EPRUNED, /* it was here and has been pruned */
    QC_EUNSUPPORTED,
    QC_EBUG, /* a bug of ours was met and survived */
    QC_ERR_COUNT
} qc_err;

/** A short English sentence for `err`, never NULL. Thread: any. */
const char *qc_err_text(qc_err err);

/** QC_ENOENT, QC_EFULL, QC_EPERM ... for an errno value; QC_EIO when nothing fits. Thread: any. */
qc_err qc_err_from_errno(int e);

#define QC_MUST_CHECK __attribute__((warn_unused_result))
/** On a parameter: the callee takes ownership, on failure too. */
#define QC_OWN
#define QC_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define QC_NORETURN __attribute__((noreturn))
#define QC_UNUSED __attribute__((unused))
#define QC_COUNTOF(a) (sizeof(a) / sizeof((a)[0]))

/** Caller bug. Kept in release builds: prints file, line and expression, then aborts. */
#define QC_ASSERT(x) ((x) ? (void)0 : qc_assert_fail(__FILE__, __LINE__, #x))
QC_NORETURN void qc_assert_fail(const char *file, int line, const char *expr);

/** True when `x` (a bug) holds; logs it at level `bug`. For places where going on is safe. */
#define QC_BUG(x) (__builtin_expect(!!(x), 0) && qc_bug_seen(__FILE__, __LINE__, #x))
bool qc_bug_seen(const char *file, int line, const char *expr);
