/* What a handler asks of its request. */
#include "core/rpc/request.h"

#include "core/base/alloc.h"

#include <stdarg.h>
#include <stdio.h>

qc_jw *qc_rpc_out(qc_rpc_req *r)
{
    return r->out;
}

bool qc_rpc_fail(qc_rpc_req *r, int code, const char *fmt, ...)
{
    va_list ap, again;
    if (r->failed)
        return false; /* the first error is the cause */
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    r->message = n < 0 ? NULL : qc_try_malloc((size_t)n + 1);
    if (r->message)
        vsnprintf(r->message, (size_t)n + 1, fmt, again);
    else
        r->message = qc_strdup("Out of memory");
    va_end(again);
    r->failed = true;
    r->code = code;
    return false;
}

bool qc_rpc_failed(const qc_rpc_req *r)
{
    return r->failed;
}

const char *qc_rpc_name(const qc_rpc_req *r)
{
    return r->name;
}

const char *qc_rpc_user(const qc_rpc_req *r)
{
    return qc_rpc_job_user(r->job);
}

const char *qc_rpc_peer(const qc_rpc_req *r)
{
    return qc_rpc_job_peer(r->job);
}

const char *qc_rpc_dup_key(const qc_rpc_req *r)
{
    return r->dup_key;
}

qc_rpc_registry *qc_rpc_registry_of(const qc_rpc_req *r)
{
    return qc_rpc_engine_registry(r->engine);
}

size_t qc_rpc_n(const qc_rpc_req *r)
{
    return json_array_size(r->params);
}

const json_t *qc_rpc_arg(const qc_rpc_req *r, size_t i)
{
    const json_t *v = json_array_get(r->params, i);
    return json_is_null(v) ? NULL : v;
}

const json_t *qc_rpc_raw_params(const qc_rpc_req *r)
{
    return r->sent;
}
