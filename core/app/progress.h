/* core/app/progress.h: lines about long work, for whoever watches the log: height, date, share
 * done, rate, time left. Thread: one at a time. */
#pragma once
#include "core/base/clock.h"

typedef struct qc_progress {
    char what[32];
    qc_mono began, last; /* of this work; of the last line */
    double share0;       /* done when it began */
    uint32_t height0;
} qc_progress;

/** "2 h 05 min", "3 min 12 s", "8 s". */
void qc_progress_duration(double seconds, char *out, size_t cap);

/** Take in a report; true when a line is due, written to `line`. `time` is the block's. */
bool qc_progress_line(qc_progress *p, const char *what, uint32_t height, int64_t time, double share,
                      qc_mono now, char *line, size_t cap);
