/* core/rpc/registry.h: entries of the method table as the engine sees them. Internal to core/rpc.
 */
#pragma once
#include "core/rpc/rpc.h"

#include <stdatomic.h>

/** One registered method. Shared: qc_rpc_entry_unref(). */
typedef struct qc_rpc_entry {
    qc_rpc_method m;
    void *arg;
    void (*release)(void *arg);  /* dynamic entries only */
    char *owned_text;            /* dynamic: category, name and help in one allocation */
    const char *dynamic_help;    /* NULL for static entries */
    const char *held_by;         /* in owned_text: its calls wait for another entry of the name */
    struct qc_rpc_entry *behind; /* the static entry that it stands in front of, with a reference */
    _Atomic unsigned refs;
} qc_rpc_entry;

/** Entry by name with a reference, or NULL. Thread: any. */
qc_rpc_entry *qc_rpc_entry_get(qc_rpc_registry *g, const char *name);
void qc_rpc_entry_unref(QC_OWN qc_rpc_entry *e);
/** All entries with a reference each, sorted by category and name. Out: *n; owned qc_free(). */
qc_rpc_entry **qc_rpc_entries(qc_rpc_registry *g, size_t *n);

/** Put `e` (owned; taken on success only) in the place of the entry of its name.
 *  Returns: QC_OK; QC_ENOENT. */
QC_MUST_CHECK qc_err qc_rpc_swap_held(qc_rpc_registry *g, qc_rpc_entry *e);
/** See qc_rpc_set_absent(). */
qc_rpc_absent qc_rpc_absent_of(qc_rpc_registry *g, const char *name, char *why, size_t cap);
/** Requests that wait for a name. */
qc_rpc_waitlist *qc_rpc_registry_moves(qc_rpc_registry *g);

/** For the engine: a call begins, or has ended. */
void qc_rpc_count_begin(qc_rpc_registry *g);
void qc_rpc_count_end(qc_rpc_registry *g, bool failed);
/** Help text of one method. Out: owned, qc_free(). */
char *qc_rpc_method_help(const qc_rpc_entry *e);

/** Does one of the names in "a|b|c" equal `name`? */
bool qc_rpc_names_have(const char *names, const char *name);
/** Length of the first name. */
int qc_rpc_first_name_len(const char *names);
size_t qc_rpc_param_count(const qc_rpc_param *p);

/** Core's transformNamedArguments: an object of named parameters (and "args") becomes a positional
 *  array. `dup_key` (may be NULL) is a key the parser met twice.
 *  Out: *out owned json_decref(). Returns false after qc_rpc_fail(). */
bool qc_rpc_resolve_names(qc_rpc_req *r, const qc_rpc_param *params, const json_t *named,
                          const char *dup_key, json_t **out);
/** Right number of parameters? */
bool qc_rpc_arity_ok(const qc_rpc_param *params, size_t n);
/** Check every parameter's JSON type; all mismatches are reported at once. */
bool qc_rpc_check_types(qc_rpc_req *r, const qc_rpc_param *params, const json_t *array);
