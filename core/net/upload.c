#include "core/net/upload.h"

#include <string.h>

#define BLOCK_EVERY 600
#define LARGEST_BLOCK 4000000u

qc_err qc_upload_parse(const char *text, uint64_t *out)
{
    static const char UNITS[] = "kmgtKMGT";
    uint64_t v = 0, unit = 1024 * 1024;
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n > 19)
        return QC_EINVAL;
    for (size_t i = 0; i < n; i++)
        v = 10 * v + (uint64_t)(text[i] - '0');
    const char *u = text[n] ? strchr(UNITS, text[n]) : NULL;
    if (text[n] && (!u || text[n + 1]))
        return QC_EINVAL;
    if (u) {
        unit = 1;
        for (size_t i = 0; i <= (size_t)(u - UNITS) % 4; i++)
            unit *= u - UNITS < 4 ? 1000 : 1024;
    }
    if (v > UINT64_MAX / unit)
        return QC_EINVAL;
    *out = v * unit;
    return QC_OK;
}

void qc_upload_add(qc_upload *u, uint64_t bytes)
{
    int64_t now = qc_clock_now();
    if (atomic_load(&u->since) + QC_UPLOAD_PERIOD < now) {
        atomic_store(&u->since, now);
        atomic_store(&u->sent, 0);
    }
    atomic_fetch_add(&u->sent, bytes);
}

static int64_t seconds_left(int64_t since)
{
    int64_t left = since + QC_UPLOAD_PERIOD - qc_clock_now();
    return since == 0 ? QC_UPLOAD_PERIOD : left < 0 ? 0 : left;
}

qc_upload_state qc_upload_now(const qc_upload *u)
{
    qc_upload_state s = {.target = u->target};
    if (!u->target)
        return s;
    uint64_t sent = atomic_load(&u->sent);
    s.seconds_left = seconds_left(atomic_load(&u->since));
    uint64_t kept = (uint64_t)(s.seconds_left / BLOCK_EVERY) * LARGEST_BLOCK;
    s.left = sent >= u->target ? 0 : u->target - sent;
    s.reached = s.left == 0;
    s.historical_reached = kept >= u->target || sent >= u->target - kept;
    return s;
}
