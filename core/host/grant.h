/* core/host/grant.h: what an operator lets a plugin do: one file per plugin. Thread: any. */
#pragma once
#include "core/host/problems.h"

#define QC_GRANT_ITEMS_MAX 64u
#define QC_GRANT_FILE_MAX 65536u
#define QC_GRANT_RESTARTS_MAX 100u

/** `key = value`, as written. */
typedef struct qc_grant_item {
    char *key, *value;
} qc_grant_item;

typedef struct qc_grant {
    char *file;       /* of the plugin, as written */
    char *sha256;     /* 64 hex digits, or NULL */
    bool trusted;     /* mode */
    bool best_effort; /* sandbox: go on without a layer that this machine lacks */
    bool unstable;    /* unstable = yes */
    qc_grant_item iface[QC_GRANT_ITEMS_MAX];
    size_t n_iface;
    qc_grant_item config[QC_GRANT_ITEMS_MAX];
    size_t n_config;
    uint64_t memory, threads; /* 0: not said */
    uint32_t calls_per_s, log_per_s;
    char *cpu;
    uint32_t restarts, restart_window_s;
    uint32_t start_s, stop_s;
    uint32_t ping_s; /* for one that says nothing by itself up to four times as long */
    uint32_t ping_dead_s;
} qc_grant;

/** Read and parse a grant file, after checking that it and its folder belong to root or the node's
 *  user and nobody else may write them. All problems are added (step "grant").
 *  Out: *out, qc_grant_clear() in any case. Returns false when problems were added. */
bool qc_grant_load(const char *path, qc_grant *out, qc_problems *p);
/** The text alone. */
bool qc_grant_parse(qc_span text, qc_grant *out, qc_problems *p);
void qc_grant_clear(qc_grant *g);
/** Value of an interface's line, or NULL when it is not granted. */
const char *qc_grant_get(const qc_grant *g, const char *iface_id);
/** Does `g` let a plugin do all that `had` did: each interface in the same words, the mode and the
 *  class of its processor time? Bounds in numbers aside: what fits there is for the caller to say.
 */
bool qc_grant_covers(const qc_grant *g, const qc_grant *had);
/** Equal, or both NULL. */
bool qc_grant_same_text(const char *a, const char *b);

/** "90GB" "512MB" "64KiB" "1000": decimal and binary units. False: malformed or too large. */
bool qc_bytes_of_text(const char *text, uint64_t *out);
/** The value of `key` in "key=value, key=value". Out: text in `out` (cap bytes). False: absent. */
bool qc_grant_param(const char *params, const char *key, char *out, size_t cap);
