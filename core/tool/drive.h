/* core/tool/drive.h: a plugin's file in this process, and the mock host that drives it through a
 * chain made from a seed. Used by run, trace and check, each in a process of its own. */
#pragma once
#include "core/host/image.h"
#include "core/tool/tool.h"
#include "quoin/mock.h"

#define QC_HISTORY_STEPS 48u

/** What happens to the chain: `back` blocks leave, n others come. */
typedef struct qc_step {
    uint32_t back, n;
    bool again; /* instead: the branch that left last comes back, and then n more */
} qc_step;

/** The same seed gives the same blocks in every process. */
typedef struct qc_history {
    uint64_t seed;
    qc_step step[QC_HISTORY_STEPS];
    size_t n;
} qc_history;

/** `blocks` blocks in steps, with reorganisations when `reorgs`. At most QC_HISTORY_STEPS steps. */
void qc_history_make(qc_history *h, uint64_t seed, uint32_t blocks, bool reorgs);

/** The chain while a history is applied to it. Zero-initialised at first. */
typedef struct qc_chain_state {
    qn_hash spent[512]; /* transactions whose first output is spent */
    size_t n_spent;
    qn_hash left; /* tip of the branch that left last */
    bool has_left;
} qc_chain_state;
/** Step i on the mock's chain; runs nothing of the plugin. Steps in order, from 0. */
void qc_history_apply(const qc_history *h, size_t i, qn_mock *m, qc_chain_state *c);

/** A plugin's file, judged and loaded. */
typedef struct qc_target {
    const char *path;
    qc_image image;
    const qn_plugin_1 *entry; /* NULL: not loaded */
    char *config[QC_MANIFEST_LIST_MAX];
} qc_target;

/** Read the file and its manifest; runs nothing. Values of the configuration: "name=value" from
 *  `given`, else the manifest's defaults, else something that fits. False: problems were added. */
bool qc_target_open(qc_target *t, const char *path, const char *const *given, qc_problems *p);
/** Load it into this process. False: problems were added. */
bool qc_target_load(qc_target *t, qc_problems *p);
void qc_target_close(qc_target *t);
/** A mock that grants what the manifest asks for and nothing else. Owned: qn_mock_free(). */
qn_mock *qc_target_mock(const qc_target *t);
/** Does the manifest ask for it, as required or optional? */
bool qc_target_wants(const qc_target *t, const char *id);

/** Start the plugin unless it runs; then apply steps from..to-1, running it after each.
 *  Out: *c. Returns what start answered, or QN_E_CLOSED when it gave up on the way. */
qn_status qc_drive(const qc_target *t, qn_mock *m, const qc_history *h, size_t from, size_t to,
                   qc_chain_state *c);
/** Steps without the plugin. */
void qc_drive_chain(qn_mock *m, const qc_history *h, size_t from, size_t to, qc_chain_state *c);
/** Run; when the plugin has threads of its own, give them time too. */
void qc_drive_run(qn_mock *m);
/** Threads of this process. */
unsigned qc_drive_threads(void);
