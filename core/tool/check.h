/* core/tool/check.h: the conformance suite: its cases and what they share. A case runs in a process
 * of its own, with a deadline; so it may crash, hang or be killed and still be judged. */
#pragma once
#include "core/tool/drive.h"

#define QC_CHECK_TEXT 600u

/* A sanitizer keeps what is freed, and needs the address space: memory cannot be judged then. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define QC_CHECK_NO_MEMORY 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define QC_CHECK_NO_MEMORY 1
#endif
#ifndef QC_CHECK_NO_MEMORY
#define QC_CHECK_NO_MEMORY 0
#endif

/** How a case ended; in memory that parent and child share, so that it survives a crash. */
typedef struct qc_verdict_box {
    int state; /* 0: none yet, 1: failed, 2: skipped, 3: passed */
    bool unloadable;
    char found[QC_CHECK_TEXT], wanted[QC_CHECK_TEXT];
    char note[2 * QC_CHECK_TEXT]; /* what a case that passed reports */
    char at[32];                  /* point of the case, for -at */
    char doing[200];              /* what was under way, for a crash */
    char log[QC_CHECK_TEXT];      /* the end of what the plugin logged */
    uint64_t number[4];           /* a case's own; step numbers and the like */
} qc_verdict_box;

/** Parameters that a method may be asked with, whatever it is; ended by NULL. */
extern const char *const QC_CHECK_PARAMS[];

typedef struct qc_check {
    const qc_tool *tool;
    qc_target target;
    uint64_t seed;
    int64_t at; /* -1: all points */
    bool in_process;
    bool any_store;   /* stores are not compared */
    unsigned threads; /* of a process that runs nothing of the plugin */
    unsigned timeout_s;
    char *dir; /* scratch folder of this case */
    qc_verdict_box *box;
} qc_check;

/** First verdict wins. Always returns false, to be returned. */
bool qc_check_fail(qc_check *c, const char *wanted, const char *fmt, ...) QC_PRINTF(3, 4);
void qc_check_note(qc_check *c, const char *fmt, ...) QC_PRINTF(2, 3);
bool qc_check_skip(qc_check *c, const char *why);
/** What follows is under way. */
void qc_check_doing(qc_check *c, const char *fmt, ...) QC_PRINTF(2, 3);
/** Is this point to be looked at? Says so in the verdict. */
bool qc_check_point(qc_check *c, uint64_t k);
bool qc_check_load(qc_check *c);

/** Run fn in a further process, at most `s` seconds. Returns true when it came to an end by itself;
 *  else the verdict says how it ended, unless it was by `expected` (a signal; 0: none). */
bool qc_check_sub(qc_check *c, void (*fn)(qc_check *c, void *arg), void *arg, unsigned s,
                  int expected);
/** Empty folder in the case's scratch folder. Owned: qc_free(). */
char *qc_check_folder(qc_check *c, const char *name);

/** A mock after the whole chain of a history was given at once to a fresh plugin, which then was
 *  stopped: what its store should look like. NULL: failed. Owned: qn_mock_free(). */
qn_mock *qc_check_reference(qc_check *c, const qc_history *h, size_t to);
/** Are the stores equal? False: the verdict names a key. `when`: completes "its store ... ". */
bool qc_check_same(qc_check *c, const qn_mock *m, const qn_mock *reference, const char *when);
/** The same, but without a verdict. */
bool qc_check_rows_equal(const qc_check *c, const qn_mock *m, const qn_mock *reference);
/** Keep the end of the mock's log for the report. */
void qc_check_keep_log(qc_check *c, const qn_mock *m);

/* The cases. */
void qc_case_static(qc_check *c);
void qc_case_load(qc_check *c);
void qc_case_optional(qc_check *c);
void qc_case_required(qc_check *c);
void qc_case_cycles(qc_check *c);
void qc_case_stop(qc_check *c);
void qc_case_history(qc_check *c);
void qc_case_restart(qc_check *c);
void qc_case_midway(qc_check *c);
void qc_case_gap(qc_check *c);
void qc_case_faults(qc_check *c);
void qc_case_kill(qc_check *c);
void qc_case_window(qc_check *c);
void qc_case_quota(qc_check *c);
void qc_case_memory(qc_check *c);
void qc_case_rate(qc_check *c);
void qc_case_threads(qc_check *c);
void qc_case_rpc(qc_check *c);
void qc_case_parity(qc_check *c);
void qc_case_cost(qc_check *c);
