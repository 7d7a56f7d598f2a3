/* The mock's rpc.serve: methods by name, one call at a time. */
#include "lib/mock/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static qn_mk_method *by_name(qn_mock *m, const char *name)
{
    for (int i = 0; i < MOCK_METHODS; i++)
        if (m->method[i].name && strcmp(m->method[i].name, name) == 0)
            return &m->method[i];
    return NULL;
}

static qn_status serve_add(qn_cap *cap, const qn_rpc_method *limits, const char *name,
                           const char *arg_names, const char *help, qn_rpc_handler_fn *handler,
                           void *arg)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    uint32_t timeout_ms =
        limits && limits->set & QN_SET_RPC_METHOD_TIMEOUT_MS ? limits->timeout_ms : 30000;
    if (st != QN_OK)
        return st;
    if (!name || !arg_names || !help || !handler)
        return QN_E_INVAL;
    if (by_name(m, name))
        return QN_E_EXISTS;
    for (int i = 0; i < MOCK_METHODS; i++)
        if (!m->method[i].name) {
            m->method[i] = (qn_mk_method){.name = qn_mk_text(name, strlen(name)),
                                          .arg_names = qn_mk_text(arg_names, strlen(arg_names)),
                                          .help = qn_mk_text(help, strlen(help)),
                                          .n_args = qn_rpc_args(name, arg_names, help),
                                          .fn = handler,
                                          .arg = arg,
                                          .timeout_ms = timeout_ms};
            return QN_OK;
        }
    return QN_E_LIMIT;
}

static void drop(qn_mk_method *x)
{
    free(x->name);
    free(x->arg_names);
    free(x->help);
    *x = (qn_mk_method){.name = NULL};
}

static qn_status serve_remove(qn_cap *cap, const char *name)
{
    qn_mk_method *x = by_name(cap->mock, name);
    if (!x)
        return QN_E_NOTFOUND;
    drop(x);
    return QN_OK;
}

static qn_status take(qn_cap *cap, uint64_t request, char *text)
{
    qn_mock *m = cap->mock;
    if (!request || request != m->request) {
        free(text);
        return QN_E_CLOSED;
    }
    m->request = 0;
    m->reply = text;
    return QN_OK;
}

static qn_status serve_reply(qn_cap *cap, uint64_t request, const char *result, uint64_t len)
{
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    /* The host takes JSON and nothing else. */
    if (!result || !len || memchr(result, 0, (size_t)len))
        return QN_E_INVAL;
    return take(cap, request, qn_mk_text(result, (size_t)len));
}

static qn_status serve_reply_error(qn_cap *cap, uint64_t request, int32_t code, const char *message,
                                   uint32_t len)
{
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    char *text = qn_mk_grow(NULL, (size_t)len + 32);
    snprintf(text, (size_t)len + 32, "error %d: %.*s", (int)code, (int)len, message);
    return take(cap, request, text);
}

const qn_rpc_serve_1 QN_MK_RPC_SERVE = {.h = {sizeof(qn_rpc_serve_1), QN_RPC_SERVE_1_REVISION},
                                        .add = serve_add,
                                        .remove = serve_remove,
                                        .reply = serve_reply,
                                        .reply_error = serve_reply_error};

void qn_mk_rpc_drop(qn_mock *m)
{
    for (int i = 0; i < MOCK_METHODS; i++)
        drop(&m->method[i]);
    m->request = 0;
}

const char *qn_mock_method(const qn_mock *m, unsigned i)
{
    for (int k = 0; k < MOCK_METHODS; k++)
        if (m->method[k].name && i-- == 0)
            return m->method[k].name;
    return NULL;
}

char *qn_mock_rpc(qn_mock *m, const char *method, const char *params)
{
    static const char none[] = "error: no such method", silent[] = "error: no answer";
    const qn_mk_method *x = by_name(m, method);
    if (!x)
        return qn_mk_text(none, sizeof none - 1);
    bool refused;
    char *given = qn_mk_params(x, params, &refused);
    if (refused)
        return given;
    qn_rpc_request r = {.size = sizeof r, .timeout_ms = x->timeout_ms, .request = ++m->next_id};
    m->request = r.request;
    m->thread = pthread_self();
    qn_mk_note(m, "-- call of %s %s", method, params);
    x->fn(x->arg, &r, given, (uint32_t)strlen(given));
    free(given);
    (void)qn_mock_run(m);
    m->request = 0;
    char *reply = m->reply;
    m->reply = NULL;
    return reply ? reply : qn_mk_text(silent, sizeof silent - 1);
}
