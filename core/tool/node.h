/* core/tool/node.h: a real node on a throw-away folder, with one plugin: started, asked, stopped.
 */
#pragma once
#include "core/tool/tool.h"

#include <jansson.h>
#include <sys/types.h>

typedef struct qc_tool_node {
    const char *program; /* quoind */
    char *dir;           /* data folder */
    char *cookie;        /* "user:password" */
    uint16_t port;
    pid_t pid;   /* 0: it does not run */
    char *ended; /* how it ended by itself; NULL: it did not. Owned */
} qc_tool_node;

/** The node's program: `given`, else the one beside this tool. NULL: there is none. Owned:
 *  qc_free(). */
char *qc_tool_node_find(const char *given);
/** A port of 127.0.0.1 that nobody uses now; 0: none was to be had. */
uint16_t qc_tool_node_port(void);

/** Start it on `dir` (is made), a regtest chain of its own, its clock fixed at `now`, with a grant
 *  file ID.grant of this text, and wait until it answers. It ends with the calling thread.
 *  False: *why says why not (owned); qc_tool_node_stop() in any case. */
bool qc_tool_node_start(qc_tool_node *n, const char *program, const char *dir, const char *id,
                        qc_span grant, int64_t now, char **why);
/** Call a method; `params` is JSON. Out: *reply, the body as it came (owned). False: the node did
 *  not answer in time; when it has ended, `ended` says how. */
bool qc_tool_node_ask(qc_tool_node *n, const char *method, const char *params, int64_t timeout_s,
                      qc_bytes *reply);
/** Call a method with formatted parameters. Its result, or NULL. Owned: json_decref(). */
json_t *qc_tool_node_call(qc_tool_node *n, const char *method, const char *fmt, ...)
    QC_PRINTF(3, 4);
/** Stop it in order, or by force when that takes long. */
void qc_tool_node_stop(qc_tool_node *n);
