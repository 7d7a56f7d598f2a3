#include "core/base/hostport.h"

#include <string.h>

static qc_err split(const char *in, bool zero, char *host, size_t cap, uint16_t *port)
{
    const char *colon = strrchr(in, ':');
    size_t n = strlen(in);
    bool bracketed = colon && in[0] == '[' && colon[-1] == ']';
    bool only_one = colon && memchr(in, ':', (size_t)(colon - in)) == NULL;
    if (colon && (bracketed || only_one || colon == in)) {
        unsigned v = 0;
        for (const char *p = colon + 1; *p; p++) {
            if (*p < '0' || *p > '9' || v > 65535)
                return QC_EINVAL;
            v = v * 10 + (unsigned)(*p - '0');
        }
        if ((v == 0 && !(zero && colon[1])) || v > 65535)
            return QC_EINVAL;
        *port = (uint16_t)v;
        n = (size_t)(colon - in);
    }
    if (n >= 2 && in[0] == '[' && in[n - 1] == ']') {
        in++;
        n -= 2;
    }
    if (n >= cap)
        return QC_EINVAL;
    memcpy(host, in, n);
    host[n] = 0;
    return QC_OK;
}

qc_err qc_split_host_port(const char *in, char *host, size_t cap, uint16_t *port)
{
    return split(in, false, host, cap, port);
}

qc_err qc_split_host_port0(const char *in, char *host, size_t cap, uint16_t *port)
{
    return split(in, true, host, cap, port);
}
