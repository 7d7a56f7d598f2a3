/* core/app/notify.h: the operator's commands (-blocknotify and the like). Thread: any. */
#pragma once
#include "core/base/err.h"

/** Run a shell command and forget it; a failure is logged. */
void qc_notify_run(const char *cmd);
/** Run several at once and wait for all. */
void qc_notify_run_all(const char *const *cmd);
/** `cmd` with every %s replaced by `text`. Out: owned, qc_free(). */
char *qc_notify_fill(const char *cmd, const char *text);
/** A message made harmless for a shell: odd characters left out, single-quoted. Out: owned. */
char *qc_notify_quote(const char *text);
