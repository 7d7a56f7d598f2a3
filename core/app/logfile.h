/* core/app/logfile.h: the sink behind qc_log(): debug.log in Core's line format, and the console.
 */
#pragma once
#include "core/conf/settings.h"

typedef struct qc_logfile qc_logfile;

/** Take over the log: lines are kept in memory until qc_logfile_open(). Options are checked; *error
 *  (owned) on failure. Returns: QC_OK; QC_EINVAL. Out: owned, qc_logfile_close(). */
QC_MUST_CHECK qc_err qc_logfile_new(qc_logfile **out, const qc_settings *s, char **error);
/** Open (and shrink) the file; what was kept is written. `path` NULL: no file. Returns: QC_OK;
 *  QC_EIO and the like. */
QC_MUST_CHECK qc_err qc_logfile_open(qc_logfile *l, const char *path);
/** Open it anew (SIGHUP, after the file was renamed). Thread: any. */
void qc_logfile_reopen(qc_logfile *l);
/** Give the log back; what was kept and never written is dropped. NULL is allowed. */
void qc_logfile_close(QC_OWN qc_logfile *l);
