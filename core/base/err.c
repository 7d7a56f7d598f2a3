#include "core/base/err.h"

#include "core/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const TEXT[QC_ERR_COUNT] = {
    [QC_OK] = "no error",
    [QC_ENOMEM] = "out of memory",
    [QC_EIO] = "input/output error",
    [QC_EFULL] = "no space left",
    [QC_ENOENT] = "not found",
    [QC_EEXIST] = "already exists",
    [QC_ECORRUPT] = "corrupt data",
    [QC_EINVAL] = "invalid input",
    [QC_ERANGE] = "out of range",
    [QC_EBUSY] = "in use by another process",
    [QC_EPERM] = "not permitted",
    [QC_ECANCELED] = "cancelled",
    [QC_ETIMEOUT] = "timed out",
    [QC_EPRUNED] = "pruned",
    [QC_EUNSUPPORTED] = "not supported",
    [QC_EBUG] = "internal bug",
};

const char *qc_err_text(qc_err err)
{
    return (unsigned)err < QC_ERR_COUNT ? TEXT[err] : "unknown error";
}

qc_err qc_err_from_errno(int e)
{
    switch (e) {
    case 0:
        return QC_OK;
    case ENOMEM:
        return QC_ENOMEM;
    case ENOSPC:
    case EDQUOT:
        return QC_EFULL;
    case ENOENT:
    case ENOTDIR:
        return QC_ENOENT;
    case EEXIST:
        return QC_EEXIST;
    case EACCES:
    case EPERM:
    case EROFS:
        return QC_EPERM;
    case EBUSY:
    case EAGAIN:
        return QC_EBUSY;
    case EINVAL:
        return QC_EINVAL;
    default:
        return QC_EIO;
    }
}

void qc_assert_fail(const char *file, int line, const char *expr)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expr);
    abort();
}

bool qc_bug_seen(const char *file, int line, const char *expr)
{
    qc_log(QC_LOG_BUG, "base", "%s:%d: met a bug: %s", file, line, expr);
    return true;
}
