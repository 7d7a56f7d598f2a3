/* core/host/resolve.h: step 7: what a plugin asks for against what this host has and what the
 * operator grants. Everything that stands against it is said at once. Thread: any. */
#pragma once
#include "core/host/grant.h"
#include "core/host/interfaces.h"
#include "core/host/manifest.h"

typedef enum qc_answer {
    QC_ANSWER_GRANTED,
    QC_ANSWER_NOT_GRANTED,
    QC_ANSWER_NO_SUCH,
    QC_ANSWER_OLD_HOST,
    QC_ANSWER_OTHER_NUMBER, /* of an unstable one, which is matched exactly */
    QC_ANSWER_UNSTABLE,     /* not allowed by the grant */
    QC_ANSWER_BAD_PARAMS
} qc_answer;
/** "granted", "not granted", ... */
const char *qc_answer_text(qc_answer a);

typedef struct qc_resolved {
    const qc_want *want;       /* borrowed from the manifest */
    const qc_interface *iface; /* NULL: this host has none */
    const char *params;        /* borrowed from the grant; NULL: not granted */
    qc_answer answer;
} qc_resolved;

typedef struct qc_resolution {
    qc_resolved item[2 * QC_MANIFEST_LIST_MAX];
    size_t n;
    const char *config[QC_MANIFEST_LIST_MAX]; /* value per member of the schema; borrowed */
    bool needs_grant; /* nothing is wrong but that required grants are missing */
} qc_resolution;

/** What the operator should know about an interface that is granted, or NULL: that an unstable one
 * is served for the last time, and what comes instead. In a static thread-local buffer. */
const char *qc_resolved_warning(const qc_resolved *r);
/** Bytes of memory and threads that the process of an isolated plugin gets. */
uint64_t qc_resolve_memory(const qc_manifest *m, const qc_grant *g);
uint32_t qc_resolve_threads(const qc_grant *g);
/** Is it for this chain? Returns false when a problem was added. */
bool qc_resolve_network(const qc_manifest *m, const char *network, qc_problems *p);
/** Problems go to step "resolve". Returns true when the plugin may be loaded. */
bool qc_resolve(const qc_manifest *m, const qc_grant *g, const char *network, qc_resolution *out,
                qc_problems *p);
