/* core/host/interfaces.h: which interfaces this host knows, from the generated interfaces.def. */
#pragma once
#include "core/base/err.h"

typedef enum qc_param_type {
    QC_PARAM_COUNT,
    QC_PARAM_BYTES,
    QC_PARAM_TEXT,
    QC_PARAM_LIST,
    QC_PARAM_FLAG,      /* yes or no */
    QC_PARAM_ADDRESSES, /* numeric ones with a port, separated by spaces; at least one is given */
    QC_PARAM_HOSTS,     /* the same, or names */
    QC_PARAM_AMOUNT     /* satoshis */
} qc_param_type;

/** A parameter that a grant of the interface may carry. */
typedef struct qc_grant_key {
    const char *table, *key, *dflt, *meaning;
    qc_param_type type;
} qc_grant_key;

typedef struct qc_interface {
    const char *table;   /* C name: "qn_chain_follow_1" */
    const char *id;      /* "chain.follow/1" */
    const char *summary; /* what it gives */
    const char *lets;    /* what a grant lets a plugin do */
    uint32_t revision;   /* newest here */
    bool local;          /* lives in the plugin's own process */
    bool acts;           /* on the chain, the network or the node: qc_interface_acts() */
} qc_interface;

/** What is on trial: matched by its exact number only. */
typedef struct qc_unstable {
    const char *table;
    const char *last;    /* the release that serves it for the last time; "": not known yet */
    const char *instead; /* then: the ids that have its methods */
} qc_unstable;

/** By id without revision, or NULL. Thread: any. */
const qc_interface *qc_interface_find(const char *id);
/** By position, NULL at the end. */
const qc_interface *qc_interface_at(size_t i);
/** What is said of an unstable one, or NULL for a stable one. */
const qc_unstable *qc_interface_unstable(const qc_interface *f);
/** The numbers of "name.unstable" that this host has, as "1 and 2" or "none". Out: text. */
void qc_interface_numbers(const char *id, char *out, size_t cap);
/** Its i-th grant parameter, or NULL. */
const qc_grant_key *qc_interface_key(const qc_interface *f, size_t i);
/** The value of `key` in a grant's parameters, as written, else its default. A part without '=' is
 *  the value of the first key when that is a list of addresses or hosts: "127.0.0.1:50001 [::1]:1,
 *  max_conns=8". Out: text in `out` (cap bytes). False: not said, and no default. */
bool qc_interface_param(const qc_interface *f, const char *params, const char *key, char *out,
                        size_t cap);
/** Does a grant with these parameters let a plugin act on the chain, the network or the node, and
 * not only look at them? */
bool qc_interface_acts(const qc_interface *f, const char *params);
/** Are "key=value, ..." (or "yes") fit for this interface? NULL, or a sentence, in a static
 *  thread-local buffer. */
const char *qc_interface_misfit(const qc_interface *f, const char *params);
