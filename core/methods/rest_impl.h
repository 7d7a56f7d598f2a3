/* core/methods/rest_impl.h: shared by the sources of REST. Thread: rpc. */
#pragma once
#include "core/methods/rest.h"

#define QC_REST_PARTS 32

typedef enum qc_rest_format {
    QC_REST_OTHER,
    QC_REST_BIN,
    QC_REST_HEX,
    QC_REST_JSON
} qc_rest_format;

/** One request while it is served. */
typedef struct qc_rest_call {
    const qc_node *n;
    const qc_rest_request *q;
    qc_rest_reply *out;
    char *param; /* behind the route, without the format */
    qc_rest_format format;
    char *copy;                      /* param, cut into parts */
    const char *part[QC_REST_PARTS]; /* between slashes */
    size_t n_parts;                  /* may be more than there is room for: then they are not all
                                        kept */
} qc_rest_call;

/** End with a line of text. Always false. */
bool qc_rest_fail(qc_rest_call *c, int status, const char *fmt, ...) QC_PRINTF(3, 4);
/** End with these bytes (owned by the callee), as they are or in hex. Neither was asked for: 404.
 */
void qc_rest_bytes(qc_rest_call *c, QC_OWN qc_bytes b, bool immutable);
/** End with what was written; w is cleared. */
void qc_rest_json(qc_rest_call *c, qc_jw *w, bool immutable);
/** 404: no such format. */
void qc_rest_no_format(qc_rest_call *c);
void qc_rest_no_memory(qc_rest_call *c);

/** A parameter of the query, decoded. NULL: it is not there. Out: owned, qc_free(). */
char *qc_rest_query(const qc_rest_call *c, const char *key);
/** All digits, and not too large. */
bool qc_rest_number(const char *text, uint64_t max, uint64_t *out);
/** 64 hex digits, or the call has ended with 400. */
bool qc_rest_hash(qc_rest_call *c, const char *text, qc_hash *out);

/* One function per route. */
void qc_rest_tx(qc_rest_call *c);
void qc_rest_block(qc_rest_call *c);
void qc_rest_block_notxdetails(qc_rest_call *c);
void qc_rest_block_part(qc_rest_call *c);
void qc_rest_spent_txouts(qc_rest_call *c);
void qc_rest_headers(qc_rest_call *c);
void qc_rest_filter(qc_rest_call *c);
void qc_rest_filter_headers(qc_rest_call *c);
void qc_rest_blockhash(qc_rest_call *c);
void qc_rest_getutxos(qc_rest_call *c);
