/* core/host/trace.h: a line in the node's log for each call of an isolated plugin, with what went
 * in and what came back, while an operator asks for it (plugin trace ID on). What is served in the
 * plugin's own process (its store, loop and clocks) does not come by here. Internal to core/host.
 */
#pragma once
#include "core/base/bytes.h"
#include "core/host/stub.h"
#include "quoin/types.h"

/** What a parameter is on the wire; core/frame/wire.h. */
typedef enum qc_trace_kind {
    QC_TRACE_U,        /* a number of `size` bytes */
    QC_TRACE_I,        /* the same, with a sign */
    QC_TRACE_NUMBER,   /* a pointer to a number */
    QC_TRACE_HASH,     /* a pointer to a hash */
    QC_TRACE_FIXED,    /* a pointer to a struct */
    QC_TRACE_SIZED,    /* a pointer to a struct that begins with its size */
    QC_TRACE_ARRAY,    /* records of `size` bytes */
    QC_TRACE_EACH,     /* as many for output as an array has */
    QC_TRACE_ROOM,     /* room for records of `size` bytes */
    QC_TRACE_STRING,   /* ends with NUL */
    QC_TRACE_TEXT,     /* a text and its length */
    QC_TRACE_BYTES,    /* bytes and their length */
    QC_TRACE_LINE,     /* a text without the pointer's mark, as host/1 sends it */
    QC_TRACE_CALLBACK, /* its number */
    QC_TRACE_HASHES    /* an array of hashes: how many, and the first */
} qc_trace_kind;

typedef struct qc_trace_part {
    const char *name; /* NULL: the end */
    qc_trace_kind kind;
    uint8_t in, out; /* shown with what goes in, with what comes back */
    size_t size;
} qc_trace_part;

typedef struct qc_trace_method {
    const char *name;
    const qc_trace_part *part;
} qc_trace_method;

typedef struct qc_trace_table {
    const char *id;
    const qc_trace_method *method;
    uint32_t n;
} qc_trace_table;
extern const qc_trace_table QC_TRACES[]; /* traces.c, generated; ended by id NULL */

/** "QN_OK"; "status" for one that is not known. */
const char *qc_status_name(qn_status st);

/** Text of a call: "chain.read/1 info(info={...}) = QN_OK -> (...)". `out`: the reply without its
 *  status. Never fails: what does not fit is cut. Returns `text`. */
const char *qc_trace_text(char *text, size_t cap, const char *id, uint16_t method, bool cast,
                          qc_span in, qn_status st, qc_span out);
/** Log a call that was served, within the bound. */
void qc_trace_call(qc_stub_call *c, uint16_t method, qc_span in);
