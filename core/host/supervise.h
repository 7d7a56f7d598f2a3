/* core/host/supervise.h: what becomes of plugins while the node runs: started again after a crash,
 * quarantined after too many, and what an operator asks for. One thread with a loop of its own
 * decides all of it, so that two decisions never meet. Internal to core/host. */
#pragma once
#include "core/host/plugin.h"

typedef struct qc_supervisor qc_supervisor;

/** What an operator may ask for. */
typedef enum qc_action_kind {
    QC_ACTION_START,
    QC_ACTION_STOP,
    QC_ACTION_RELOAD,
    QC_ACTION_CLEAR, /* the quarantine */
    QC_ACTION_LOGLEVEL,
    QC_ACTION_TRACE
} qc_action_kind;

/** One request. Shared: qc_action_unref(). */
typedef struct qc_action {
    _Atomic unsigned refs;
    qc_host *host;
    qc_action_kind kind;
    char *name;  /* id, or last label where that is unique */
    char *value; /* of loglevel and trace */
    _Atomic bool done;
    bool failed;  /* these are valid once done is set */
    bool goes_on; /* failed, and what ran before goes on as it was: nothing that is new is kept */
    bool is_down; /* failed, and what ran before is down with it: it may do more than is granted now
                   */
    char *text;   /* why it failed */
} qc_action;

/** Out: owned, qc_supervisor_free(). Returns: QC_OK; QC_EIO; QC_EBUSY. */
QC_MUST_CHECK qc_err qc_supervisor_new(qc_host *h, qc_supervisor **out);
/** Decides nothing any more when it returns. NULL is allowed. Thread: the host's owner. */
void qc_supervisor_stop(qc_supervisor *s);
void qc_supervisor_free(QC_OWN qc_supervisor *s);
/** Is this thread its? NULL is allowed. */
bool qc_supervisor_is_here(const qc_supervisor *s);

/** Something happened to p: its state changed, it waits with start(), or its thread ends. NULL
 *  supervisor is allowed (it has stopped, or there is none). Thread: any. */
void qc_supervise(qc_supervisor *s, qc_plugin *p);

/** p's reconfigure() has answered. NULL supervisor is allowed. Thread: any. */
void qc_supervise_reconfigured(qc_supervisor *s, qc_plugin *p, qn_status st);

qc_action *qc_action_new(qc_host *h, qc_action_kind kind, const char *name, const char *value);
/** Begin; when it is done, host->changes is woken. Thread: any. */
void qc_action_run(qc_action *a);
void qc_action_unref(qc_action *a);
