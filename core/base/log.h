/* core/base/log.h: the log. Each line is complete on the sink when the call returns, so that a
 * reply sent afterwards can never overtake it. Thread: any. */
#pragma once
#include "core/base/err.h"

#include <stdarg.h>

typedef enum qc_log_level {
    QC_LOG_BUG, /* a bug of ours was met; functional tests fail on one */
    QC_LOG_ERROR,
    QC_LOG_WARN,
    QC_LOG_INFO,
    QC_LOG_DEBUG,
    QC_LOG_TRACE
} qc_log_level;

/** Areas are Core's debug categories where it has one ("net", "validation", "rpc" ...), else the
 *  folder or "plugin". bug, error, warn and info lines are always written; debug and trace only for
 * enabled areas. */
void qc_log(qc_log_level level, const char *area, const char *fmt, ...) QC_PRINTF(3, 4);
void qc_logv(qc_log_level level, const char *area, const char *fmt, va_list ap) QC_PRINTF(3, 0);
/** Cheap test, to skip making an expensive argument. */
bool qc_log_enabled(qc_log_level level, const char *area);

/** A sink gets one whole line without its newline. Called under the log's lock. */
typedef void qc_log_sink(void *arg, qc_log_level level, const char *area, const char *line,
                         size_t len);
/** Replace the sink (default: stderr for error and above). app/ installs the debug.log sink. */
void qc_log_set_sink(qc_log_sink *sink, void *arg);
/** Enable or disable debug lines of `area` ("1" or "all": every one). Returns: QC_OK; QC_EINVAL (no
 * such area). */
QC_MUST_CHECK qc_err qc_log_area_set(const char *area, bool on);
/** Known areas in sorted order with their state; returns the count. `i` past the end: NULL. */
const char *qc_log_area_at(size_t i, bool *on);
/** Most verbose level written for enabled areas (debug or trace). Default debug. */
void qc_log_set_level(qc_log_level level);
