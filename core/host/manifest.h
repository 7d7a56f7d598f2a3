/* core/host/manifest.h: a plugin's manifest, read from the JSON of its note. Thread: any. */
#pragma once
#include "core/host/problems.h"

#define QC_MANIFEST_LIST_MAX 32u
#define QC_MANIFEST_DEPTH 8u
#define QC_PLUGIN_ID_MAX 64u

/** "chain.follow/1.2", "watch.unstable/3": an interface as a manifest names it. */
typedef struct qc_want {
    char *text;        /* as written */
    char *id;          /* without the revision: "chain.follow/1" */
    uint32_t major;    /* or N of an unstable one */
    uint32_t revision; /* lowest that will do; 1 when not said */
    bool unstable;
    bool optional;
    char *why; /* clean, as qc_clean_text() makes it; NULL: the manifest does not say */
} qc_want;

typedef enum qc_config_type { QC_CONFIG_INT, QC_CONFIG_BOOL, QC_CONFIG_TEXT } qc_config_type;

/** One member of the configuration schema. */
typedef struct qc_config_def {
    char *name, *help; /* help is clean, as qc_clean_text() makes it */
    char *dflt;        /* as text, one clean line without '#'; NULL: must be given */
    qc_config_type type;
    bool has_min, has_max, live;
    int64_t min, max; /* of the number, or of the text's length */
} qc_config_def;

typedef struct qc_manifest {
    char *id, *version, *summary, *license; /* the last two clean, as qc_clean_text() makes them */
    qc_want want[2 * QC_MANIFEST_LIST_MAX];
    size_t n_want;
    char *network[QC_MANIFEST_LIST_MAX]; /* none: every one */
    size_t n_network;
    bool may_trusted, may_isolated;
    qc_config_def config[QC_MANIFEST_LIST_MAX];
    size_t n_config;
    uint64_t threads, memory_mb, storage_mb, arena_mb;
    char *cpu; /* class that it says it needs: "normal" or "latency"; NULL: none */
} qc_manifest;

/** Parse. `json` may end with one NUL. All problems are added (step "manifest").
 *  Out: *out, qc_manifest_clear() in any case. Returns false when problems were added. */
bool qc_manifest_parse(qc_span json, qc_manifest *out, qc_problems *p);
void qc_manifest_clear(qc_manifest *m);
/** Split "name/MAJOR[.REVISION]". Out: *w (text, id owned). False: malformed. */
bool qc_want_parse(const char *text, qc_want *w);
void qc_want_clear(qc_want *w);
/** [a-z0-9.-]{3,64} with at least one dot. */
bool qc_plugin_id_ok(const char *id);
/** Does `value` fit the schema? NULL, or what was wanted, in a static thread-local buffer. */
const char *qc_config_misfit(const qc_config_def *d, const char *value);
