/* core/rpc/rest.h: the requests below /rest/, which need no password (Core rest.cpp). The server
 * knows no route: it hands path, query and body over, on an rpc thread. */
#pragma once
#include "core/base/bytes.h"

/** Good until serve() returns. */
typedef struct qc_rest_request {
    const char *path;  /* from "/rest/" on, as sent, up to the query */
    const char *query; /* behind the '?', as sent; "": none */
    qc_span body;
} qc_rest_request;

typedef struct qc_rest_reply {
    int status;               /* 0: 404 without a body */
    const char *content_type; /* static */
    bool immutable;           /* caches may keep it */
    qc_bytes body;            /* owned */
} qc_rest_reply;

typedef struct qc_rest {
    void *arg;
    /** Fill *out, which is zero. Thread: rpc, many at once; may block. */
    void (*serve)(void *arg, const qc_rest_request *q, qc_rest_reply *out);
} qc_rest;
