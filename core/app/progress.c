#include "core/app/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECOND INT64_C(1000000000)
#define EVERY (5 * SECOND)

void qc_progress_duration(double seconds, char *out, size_t cap)
{
    if (seconds >= 86400.0 * 365)
        snprintf(out, cap, "a long time");
    else if (seconds >= 3600)
        snprintf(out, cap, "%d h %02d min", (int)(seconds / 3600), (int)seconds % 3600 / 60);
    else if (seconds >= 60)
        snprintf(out, cap, "%d min %02d s", (int)seconds / 60, (int)seconds % 60);
    else
        snprintf(out, cap, "%d s", (int)seconds);
}

bool qc_progress_line(qc_progress *p, const char *what, uint32_t height, int64_t time, double share,
                      qc_mono now, char *line, size_t cap)
{
    char date[16] = "", left[32] = "";
    if (strcmp(what, p->what) != 0) {
        *p = (qc_progress){.began = now, .share0 = share, .height0 = height};
        snprintf(p->what, sizeof p->what, "%s", what);
    }
    bool end = share >= 1;
    if (p->last && now - p->last < EVERY && !end)
        return false;
    if (end && p->last && now - p->last < SECOND / 2)
        return false;
    p->last = now;
    time_t t = (time_t)time;
    struct tm tm;
    if (time && gmtime_r(&t, &tm))
        strftime(date, sizeof date, "%Y-%m-%d", &tm);
    double ran = (double)(now - p->began) / (double)SECOND, done = share - p->share0;
    int n = snprintf(line, cap, "%s: height %u%s%s%s, %.2f %% done", what, height,
                     date[0] ? " (" : "", date, date[0] ? ")" : "", share * 100);
    if (ran > 0 && height > p->height0 && n > 0 && (size_t)n < cap)
        n += snprintf(line + n, cap - (size_t)n, ", %.0f blocks/s", (height - p->height0) / ran);
    if (ran > 1 && done > 0 && share < 1 && n > 0 && (size_t)n < cap) {
        qc_progress_duration(ran * (1 - share) / done, left, sizeof left);
        snprintf(line + n, cap - (size_t)n, ", about %s left", left);
    }
    return true;
}
