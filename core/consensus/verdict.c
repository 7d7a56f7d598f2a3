#include "core/consensus/verdict.h"

#include <stdarg.h>
#include <stdio.h>

bool qc_verdict_fail(qc_verdict *v, qc_vcode code, const char *reason, const char *debug_fmt, ...)
{
    v->code = code;
    v->debug[0] = 0;
    snprintf(v->reason, sizeof v->reason, "%s", reason);
    if (debug_fmt) {
        va_list ap;
        va_start(ap, debug_fmt);
        vsnprintf(v->debug, sizeof v->debug, debug_fmt, ap);
        va_end(ap);
    }
    return false;
}

bool qc_verdict_failf(qc_verdict *v, qc_vcode code, const char *debug, const char *reason_fmt, ...)
{
    v->code = code;
    snprintf(v->debug, sizeof v->debug, "%s", debug ? debug : "");
    va_list ap;
    va_start(ap, reason_fmt);
    vsnprintf(v->reason, sizeof v->reason, reason_fmt, ap);
    va_end(ap);
    return false;
}

char *qc_verdict_text(const qc_verdict *v, char *out, size_t cap)
{
    if (qc_verdict_ok(v))
        snprintf(out, cap, "Valid");
    else
        snprintf(out, cap, "%s%s%s", v->reason, v->debug[0] ? ", " : "", v->debug);
    return out;
}
