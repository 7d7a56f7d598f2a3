#include "core/host/cap.h"

#include "core/host/grant.h"
#include "core/host/interfaces.h"

_Thread_local qc_plugin *qc_plugin_here;

qn_status qc_cap_enter_head(qn_cap *cap, int closing)
{
    if (!closing)
        return qc_cap_enter(cap);
    return qc_plugin_here == cap->plugin ? QN_OK : QN_E_THREAD;
}

qn_status qc_status_of(qc_err err)
{
    static const qn_status map[QC_ERR_COUNT] = {[QC_OK] = QN_OK,
                                                [QC_ENOMEM] = QN_E_NOMEM,
                                                [QC_EIO] = QN_E_IO,
                                                [QC_EFULL] = QN_E_FULL,
                                                [QC_ENOENT] = QN_E_NOTFOUND,
                                                [QC_EEXIST] = QN_E_EXISTS,
                                                [QC_ECORRUPT] = QN_E_CORRUPT,
                                                [QC_EINVAL] = QN_E_INVAL,
                                                [QC_ERANGE] = QN_E_INVAL,
                                                [QC_EBUSY] = QN_E_BUSY,
                                                [QC_EPERM] = QN_E_DENIED,
                                                [QC_ECANCELED] = QN_E_CANCELED,
                                                [QC_ETIMEOUT] = QN_E_TIMEOUT,
                                                [QC_EPRUNED] = QN_E_PRUNED,
                                                [QC_EUNSUPPORTED] = QN_E_UNSUPPORTED,
                                                [QC_EBUG] = QN_E_INTERNAL};
    return (unsigned)err < QC_ERR_COUNT ? map[err] : QN_E_INTERNAL;
}

uint64_t qc_cap_number(const qn_cap *cap, const char *key, uint64_t dflt)
{
    char text[64];
    uint64_t n;
    if (cap->params && qc_grant_param(cap->params, key, text, sizeof text) &&
        qc_bytes_of_text(text, &n))
        return n;
    return dflt;
}

bool qc_cap_text(const qn_cap *cap, const char *key, char *out, size_t size)
{
    const qc_interface *f = qc_interface_find(cap->adapter->id);
    return f && qc_interface_param(f, cap->params, key, out, size);
}

bool qc_cap_flag(const qn_cap *cap, const char *key)
{
    char text[8];
    return qc_cap_text(cap, key, text, sizeof text) && strcmp(text, "yes") == 0;
}
