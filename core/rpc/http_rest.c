/* Requests below /rest/: any method, no password, answered on an rpc thread while the connection is
 * suspended. */
#include "core/base/alloc.h"
#include "core/rpc/exchange.h"

#include <stdio.h>

#define CACHE "public, immutable, max-age=86400" /* Core rest.cpp */

bool qc_http_is_rest(const exchange *x)
{
    return x->server->rest && x->target && strncmp(x->target, "/rest", 5) == 0;
}

static void ended(qc_rpc_server *s)
{
    pthread_mutex_lock(&s->lock);
    s->rest_running--;
    pthread_cond_broadcast(&s->idle);
    pthread_mutex_unlock(&s->lock);
}

void qc_http_drain_rest(qc_rpc_server *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->rest_running > 0)
        pthread_cond_wait(&s->idle, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

static void serve(exchange *x, qc_rest_reply *r)
{
    const qc_rest *rest = x->server->rest;
    qc_rest_request q = {.path = x->target, .query = "", .body = qc_bytes_span(&x->body)};
    char warming[128];
    char *query = strchr(x->target, '?');
    if (query) {
        *query = 0;
        q.query = query + 1;
    }
    if (!qc_rpc_engine_warming(x->server->engine, warming, sizeof warming)) {
        rest->serve(rest->arg, &q, r);
        return;
    }
    char *text = qc_asprintf("Service temporarily unavailable: %s\r\n", warming);
    r->status = qc_bytes_append(&r->body, text, strlen(text)) ? 500 : 503;
    r->content_type = "text/plain";
    qc_free(text);
}

/* On an rpc thread; x is its own until the connection is resumed. */
static void run(void *arg)
{
    exchange *x = arg;
    qc_rpc_server *s = x->server;
    qc_rest_reply r = {.status = 0};
    serve(x, &r);
    x->status = r.status ? r.status : 404;
    x->reply = r.body;
    x->cache = r.immutable ? CACHE : "no-store";
    snprintf(x->content_type, sizeof x->content_type, "%s", r.content_type ? r.content_type : "");
    x->answered = true;
    MHD_resume_connection(x->conn);
    ended(s);
}

enum MHD_Result qc_http_submit_rest(exchange *x)
{
    qc_rpc_server *s = x->server;
    pthread_mutex_lock(&s->lock);
    s->rest_running++;
    pthread_mutex_unlock(&s->lock);
    MHD_suspend_connection(x->conn);
    if (qc_rpc_pool_post(qc_rpc_engine_pool(s->engine), run, x, s->rest_queue))
        return MHD_YES;
    x->status = 503;
    x->text = "Work queue depth exceeded";
    x->answered = true;
    MHD_resume_connection(x->conn);
    ended(s);
    return MHD_YES;
}
