/* core/tool/tool.h: quoin-plugin: what its commands share. */
#pragma once
#include "core/conf/load.h"
#include "core/host/grant.h"
#include "core/host/image.h"
#include "core/host/resolve.h"

#include <stdio.h>

/** The mode that a new grant gets when neither -mode nor the manifest says otherwise. */
#define QC_NEW_GRANT_MODE "isolated"

typedef struct qc_tool {
    qc_settings *settings;
    qc_conf_paths paths;
    const char *chain; /* "main" ... */
    char *grant_dir, *plugin_dir;
    char **word; /* command and what follows it */
    int n_word;
    char **argv; /* of the program */
} qc_tool;

extern const qc_opt *const QC_TOOL_OPTIONS[];

/** Find data folder, chain, grant and plugin folder. Says what is wrong on stderr. */
bool qc_tool_folders(qc_tool *t);
/** Path of a plugin's file: a path as it is, else by id or short name from grants and the plugin
 *  folder. Out: owned, or NULL after a word on stderr. */
char *qc_tool_find_file(const qc_tool *t, const char *name);
/** Is it the path of a file, and no name of a plugin? */
bool qc_tool_is_path(const char *name);
/** Path of the grant of a plugin by id, short name or the path of its file, or NULL after a word on
 * stderr. Owned. */
char *qc_tool_find_grant(const qc_tool *t, const char *name);
/** Is `name` the id or short name of a plugin without a grant? Says nothing. */
bool qc_tool_lacks_grant(const qc_tool *t, const char *name);
/** The id that a grant's file is named after. Owned. */
char *qc_tool_id_of_grant(const char *path);
/** Does `name` mean `id`: itself, or its last label? */
bool qc_tool_means(const char *id, const char *name);
/** A block like the node's: the step and each problem. */
void qc_tool_print_problems(FILE *f, const char *what, const qc_problems *p);
/** Ask on the terminal, unless -yes. */
bool qc_tool_confirm(const qc_tool *t, const char *question);

/** The whole number that an option gives. Out: *v; untouched when it is not given. False: it is
 * none from min to max, and stderr says so. */
bool qc_tool_number(const qc_tool *t, const char *name, uint64_t min, uint64_t max, uint64_t *v);
/** Of "method [params]" the params, which are "[]" when there are none. Borrowed. */
const char *qc_tool_call_params(const char *call);
/** Does each of the list (NULL: empty) name a method, and parameters that are a JSON array or
 *  object? Says on stderr what does not. */
bool qc_tool_calls_ok(const char *const *call);

/** Warn on stderr of values of the configuration that name an address or a host, itself or in an
 *  http URL, which no grant of `r` lets the plugin listen on or connect to. */
void qc_tool_warn_places(const qc_manifest *m, const qc_resolution *r);

/** What an operator agrees to. */
typedef struct qc_consent {
    bool take[2 * QC_MANIFEST_LIST_MAX];    /* per interface that the manifest names */
    char *params[2 * QC_MANIFEST_LIST_MAX]; /* as written in the grant; NULL: what fits; "no" */
    bool unstable;                          /* one of them is on trial */
    const char *mode;
    char *const *config; /* a value per member of the schema; NULL, of all or one: the default */
} qc_consent;

/** The -grant options, as params. False: one of them is wrong, and stderr says so. */
bool qc_tool_take_given(const qc_tool *t, const qc_manifest *m, qc_consent *c);
/** The -config options, as values per member of the schema, each owned. False: as above. */
bool qc_tool_take_values(const qc_tool *t, const qc_manifest *m, char **value);
/** Are these parameters "no": it is not to be granted? */
bool qc_tool_withheld(const char *params);
/** Explain the i-th interface that is asked for, and ask for it where that is needed. */
void qc_tool_ask(const qc_tool *t, const qc_manifest *m, qc_consent *c, size_t i);
/** Append the text of a grant file, but for [limits] and [failure]. */
void qc_tool_grant_text(qc_bytes *b, const char *path, const qc_image *m, const qc_consent *c);
/** Append bounds that fit what the plugin says it needs, for the operator to change. */
void qc_tool_add_params(qc_bytes *b, const qc_manifest *m, const qc_interface *f);
void qc_consent_clear(qc_consent *c);
/** Would the node load it with this grant? Says on stderr what stands against it. Out: *lacks: it
 * is that something is not granted; NULL: nobody wants to know. */
bool qc_tool_text_is_fit(const qc_tool *t, qc_span text, const qc_image *m, const char *path,
                         bool *lacks);
void qc_tool_explain_mode(const char *mode);
/** Write it atomically; with -reload a node that runs is told to take it up, else it is said how,
 *  with `verb`. `was`: what the file held, or NULL for none: it holds that again when the
 * node refuses the new one and goes on with the old, unless that was for another file or allowed
 * more. Returns an exit status. */
int qc_tool_write_grant(const qc_tool *t, const char *verb, const char *id, const char *grant,
                        qc_span text, const qc_bytes *was);
/** Say when what was written or removed takes effect: `verb` has a node that runs take it up. */
void qc_tool_say_when(const qc_tool *t, const char *verb, const char *id);
/** Have the node that runs take up a grant as it is written: started or reloaded. `text` is what
 * the file holds and `was` what it held; NULL: there is nothing to go back to. Returns an exit
 * status, which it explains. */
int qc_tool_take_up(const qc_tool *t, const char *id, const char *grant, qc_span text,
                    const qc_bytes *was);
/** Have the node that runs stop a plugin. Returns an exit status, which it explains. */
int qc_tool_stop_now(const qc_tool *t, const char *id);
/** `program` ("quoin-cli" or "quoin-plugin") with the options, as given, that name this node, its
 * chain and, for the latter, its folders: to be typed as it is. Owned. */
char *qc_tool_command(const qc_tool *t, const char *program);
/** Call a method of that node by quoin-cli, which tells on stderr what is wrong. `word`: the method
 *  and its parameters, NULL at the end. Returns: 0; else 1 when it was not reached, or the error's
 * code without its sign. */
int qc_tool_ask_node(const qc_tool *t, const char *const *word);
/** A plugin as the node that runs has it. */
typedef struct qc_tool_seen {
    bool reached;       /* a node has answered; false: of the rest nothing is known */
    bool known;         /* it knows the plugin */
    bool up;            /* something of the plugin runs, or comes back by itself */
    bool grant_removed; /* the file that granted it is no more */
    char state[32], reason[512];
    char grant[4096]; /* path of that file; "": the node names none */
} qc_tool_seen;
/** Ask it, without a word on stderr. */
void qc_tool_look_at(const qc_tool *t, const char *id, qc_tool_seen *out);
/** The key of its grant that says where: only an operator can. NULL: it has none. */
const qc_grant_key *qc_tool_place_key(const qc_interface *f);
/** Append formatted text. */
void qc_tool_add(qc_bytes *b, const char *fmt, ...) QC_PRINTF(2, 3);

/** A line of a grant file as it is to be. */
typedef struct qc_grant_edit {
    const char *section, *key;
    char *value;      /* NULL: it becomes a comment */
    const char *lets; /* what a new line of an interface is explained with; NULL: nothing */
} qc_grant_edit;
/** Append the text of a grant file (one that can be parsed) with one line changed, added, or taken
 *  out. Everything else stays byte for byte. */
void qc_tool_edit_grant(qc_span text, const qc_grant_edit *e, qc_bytes *out);
/** enable of a plugin that has a grant: what -grant, -config and -mode change of it, and what it
 *  asks for by now. Shows the difference, asks, and writes. Returns an exit status. */
int qc_tool_extend(const qc_tool *t, const char *path, const qc_image *m, const char *grant);

/* Commands: each returns an exit status. */
int qc_tool_inspect(qc_tool *t);
int qc_tool_lint(qc_tool *t);
int qc_tool_resolve(qc_tool *t);
int qc_tool_enable(qc_tool *t);
int qc_tool_disable(qc_tool *t);
int qc_tool_pin(qc_tool *t);
int qc_tool_new(qc_tool *t);
int qc_tool_doctor(qc_tool *t);
int qc_tool_run(qc_tool *t);
int qc_tool_trace(qc_tool *t);
int qc_tool_trace_live(qc_tool *t);
int qc_tool_check(qc_tool *t);
