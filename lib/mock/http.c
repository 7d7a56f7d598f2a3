/* The mock's http.serve: routes by path, one request at a time. */
#include "lib/mock/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static qn_mk_route *exact(qn_mock *m, const char *path)
{
    for (int i = 0; i < MOCK_ROUTES; i++)
        if (m->route[i].path && strcmp(m->route[i].path, path) == 0)
            return &m->route[i];
    return NULL;
}

/* As the host: the exact one, else the longest that ends in '/'. */
static qn_mk_route *serves(qn_mock *m, const char *path)
{
    qn_mk_route *best = exact(m, path);
    size_t best_len = 0;
    for (int i = 0; !exact(m, path) && i < MOCK_ROUTES; i++) {
        const char *p = m->route[i].path;
        size_t n = p ? strlen(p) : 0;
        if (n > best_len && m->route[i].fn && p[n - 1] == '/' && strncmp(p, path, n) == 0) {
            best = &m->route[i];
            best_len = n;
        }
    }
    return best;
}

static qn_status add_route(qn_mock *m, const char *path, qn_mk_route r)
{
    if (!path || path[0] != '/')
        return QN_E_INVAL;
    if (exact(m, path))
        return QN_E_EXISTS;
    for (int i = 0; i < MOCK_ROUTES; i++)
        if (!m->route[i].path) {
            m->route[i] = r;
            m->route[i].path = qn_mk_text(path, strlen(path));
            return QN_OK;
        }
    return QN_E_LIMIT;
}

static qn_status http_add(qn_cap *cap, const qn_http_route *limits, const char *path,
                          qn_http_handler_fn *fn, void *arg)
{
    qn_status st = qn_mk_enter(cap);
    uint32_t methods =
        limits && limits->set & QN_SET_HTTP_ROUTE_METHODS ? limits->methods : QN_HTTP_GET;
    if (st != QN_OK)
        return st;
    return fn ? add_route(cap->mock, path, (qn_mk_route){.fn = fn, .arg = arg, .methods = methods})
              : QN_E_INVAL;
}

static qn_status http_add_static(qn_cap *cap, const char *path, const char *type,
                                 const void *content, uint32_t len)
{
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    if (!type || !strchr(type, '/'))
        return QN_E_INVAL;
    char *copy = qn_mk_text(content, len);
    st = add_route(cap->mock, path, (qn_mk_route){.methods = QN_HTTP_GET, .content = copy});
    if (st != QN_OK)
        free(copy);
    return st;
}

static void clear(qn_mk_route *r)
{
    free(r->path);
    free(r->content);
    memset(r, 0, sizeof *r);
}

static qn_status http_remove(qn_cap *cap, const char *path)
{
    qn_status st = qn_mk_enter(cap);
    qn_mk_route *r = st == QN_OK && path ? exact(cap->mock, path) : NULL;
    if (!r)
        return st == QN_OK ? QN_E_NOTFOUND : st;
    clear(r);
    return QN_OK;
}

static qn_status http_reply(qn_cap *cap, uint64_t request, uint32_t status, const char *type,
                            const void *body, uint64_t len)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    if (!type || !strchr(type, '/') || status < 200 || status > 599 || (!body && len))
        return QN_E_INVAL;
    if (!request || request != m->http_request)
        return QN_E_CLOSED;
    m->http_request = 0;
    m->http_status = status;
    m->reply = qn_mk_text(body, (size_t)len);
    return QN_OK;
}

const qn_http_serve_1 QN_MK_HTTP_SERVE = {.h = {sizeof(qn_http_serve_1), QN_HTTP_SERVE_1_REVISION},
                                          .add = http_add,
                                          .add_static = http_add_static,
                                          .remove = http_remove,
                                          .reply = http_reply};

void qn_mk_http_drop(qn_mock *m)
{
    for (int i = 0; i < MOCK_ROUTES; i++)
        clear(&m->route[i]);
    m->http_request = 0;
}

static qn_http_span put(char *data, uint32_t *at, const char *text, size_t len)
{
    qn_http_span s = {*at, (uint32_t)len};
    memcpy(data + *at, text, len);
    *at += (uint32_t)len;
    return s;
}

static void call(qn_mock *m, const qn_mk_route *r, uint32_t method, const char *target,
                 const char *body)
{
    static const char headers[] = "host: mock\n", user[] = "user", peer[] = "127.0.0.1:1";
    size_t path_len = strcspn(target, "?"), query = path_len + (target[path_len] == '?');
    char *data = qn_mk_grow(NULL, strlen(target) + strlen(body) + 64);
    uint32_t at = 0;
    qn_http_request q = {.size = sizeof q, .method = method, .timeout_ms = 30000};
    q.request = m->http_request = ++m->next_id;
    q.path = put(data, &at, target, path_len);
    q.query = put(data, &at, target + query, strlen(target + query));
    q.headers = put(data, &at, headers, sizeof headers - 1);
    q.user = put(data, &at, user, sizeof user - 1);
    q.peer = put(data, &at, peer, sizeof peer - 1);
    q.body = put(data, &at, body, strlen(body));
    r->fn(r->arg, &q, data, at);
    free(data);
    (void)qn_mock_run(m);
    if (m->http_request)
        m->http_status = 504;
    m->http_request = 0;
}

char *qn_mock_http(qn_mock *m, const char *method, const char *target, const char *body,
                   uint32_t *status)
{
    char path[1024];
    uint32_t bit = strcmp(method, "POST") == 0 ? QN_HTTP_POST : QN_HTTP_GET;
    snprintf(path, sizeof path, "%.*s", (int)strcspn(target, "?"), target);
    const qn_mk_route *r = serves(m, path);
    m->http_status = !r ? 404 : r->methods & bit ? 200 : 405;
    if (m->http_status == 200 && r->fn)
        call(m, r, bit, target, body ? body : "");
    else if (m->http_status == 200)
        m->reply = qn_mk_text(r->content, strlen(r->content));
    if (status)
        *status = m->http_status;
    char *reply = m->reply;
    m->reply = NULL;
    return reply ? reply : qn_mk_text("", 0);
}
