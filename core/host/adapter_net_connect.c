/* net.connect/1: connections to granted hosts, made by core/net/dial on the plugin's loop. */
#include "core/host/internal.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/host/endpoint.h"
#include "core/host/io.h"
#include "core/net/dial.h"

#include "quoin/net_connect.h"

#include <unistd.h>

#define TIMEOUT_DEFAULT 30000u
#define TIMEOUT_MAX 600000u
#define MINUTE INT64_C(60000000000)

typedef struct place {
    struct connect_state *st;
    uint64_t id;   /* 0: free */
    qc_dial *dial; /* NULL: the connection is out */
    qn_connected_fn *fn;
    void *arg;
} place;

typedef struct connect_state {
    qn_cap *cap;
    qc_endpoint granted[QC_ENDPOINT_MAX];
    size_t n_granted;
    place *place;
    size_t n_place;
    uint64_t next_id;
    uint64_t rate;
    int64_t credit; /* nanoseconds; one connection costs a minute / rate */
    qc_mono credit_at;
    qc_io_set io;
} connect_state;

static qc_err adapter_open(qn_cap *cap, const char **why)
{
    char text[1024];
    connect_state *st = qc_alloc(sizeof *st);
    st->cap = cap;
    st->n_place = (size_t)qc_cap_number(cap, "max_conns", 16);
    st->rate = qc_cap_number(cap, "rate", 60);
    st->credit = MINUTE;
    st->credit_at = qc_clock_mono();
    st->place = qc_try_calloc(st->n_place, sizeof *st->place);
    bool ok = st->place && qc_cap_text(cap, "hosts", text, sizeof text) &&
              qc_endpoint_list(text, false, st->granted, QC_ENDPOINT_MAX, &st->n_granted);
    qc_err err = ok ? qc_host_resolver(cap->plugin->host, NULL) : QC_EINVAL;
    if (err) {
        *why = ok ? "no threads for looking names up" : "no hosts, or no memory for max_conns";
        qc_free(st->place);
        qc_free(st);
        return err;
    }
    cap->state = st;
    return QC_OK;
}

static bool may_begin(connect_state *st)
{
    qc_mono now = qc_clock_mono();
    const int64_t cost = MINUTE / (int64_t)st->rate;
    st->credit += now - st->credit_at;
    st->credit_at = now;
    if (st->credit > MINUTE)
        st->credit = MINUTE;
    if (st->credit < cost)
        return false;
    st->credit -= cost;
    return true;
}

static qn_status status_of(qc_dial_end end)
{
    switch (end) {
    case QC_DIAL_OK:
        return QN_OK;
    case QC_DIAL_RESOLVE:
        return QN_E_RESOLVE;
    case QC_DIAL_REFUSED:
        return QN_E_REFUSED;
    case QC_DIAL_TIMEOUT:
        return QN_E_TIMEOUT;
    case QC_DIAL_PROXY:
    case QC_DIAL_NO_PROXY:
        return QN_E_PROXY;
    }
    return QN_E_INTERNAL;
}

static void on_end(void *arg, qc_dial_end end, int fd)
{
    place *p = arg;
    uint64_t id = p->id;
    p->dial = NULL;
    if (end != QC_DIAL_OK)
        p->id = 0; /* before the callback, which may begin the next one */
    if (p->st->cap->plugin->callable)
        p->fn(p->arg, id, status_of(end), fd);
    else if (fd >= 0)
        close(fd);
}

static bool granted(const connect_state *st, const qc_endpoint *e)
{
    for (size_t i = 0; i < st->n_granted; i++)
        if (qc_endpoint_eq(&st->granted[i], e))
            return true;
    return false;
}

static bool timeout_of(const qn_connect_options *o, uint32_t *timeout)
{
    qn_connect_options have = {.size = sizeof have};
    if (o && o->size < 8)
        return false;
    if (o)
        memcpy(&have, o, o->size < sizeof have ? o->size : sizeof have);
    *timeout = have.set & QN_SET_CONNECT_OPTIONS_TIMEOUT_MS ? have.timeout_ms : TIMEOUT_DEFAULT;
    return *timeout >= 1 && *timeout <= TIMEOUT_MAX;
}

static place *free_place(connect_state *st)
{
    for (size_t i = 0; i < st->n_place; i++)
        if (!st->place[i].id)
            return &st->place[i];
    return NULL;
}

static qn_status net_connect(qn_cap *cap, const qn_connect_options *options, const char *target,
                             qn_connected_fn *fn, void *arg, uint64_t *request)
{
    qn_status answer = qc_cap_enter(cap);
    connect_state *st = cap->state;
    qc_endpoint e;
    uint32_t timeout;
    if (answer != QN_OK)
        return answer;
    if (!target || !fn || !request || !timeout_of(options, &timeout) ||
        !qc_endpoint_parse(target, strlen(target), &e))
        return QN_E_INVAL;
    if (!granted(st, &e))
        return QN_E_DENIED;
    place *p = free_place(st);
    if (!p || !may_begin(st))
        return QN_E_LIMIT;
    qc_dial_options o = {
        .host = e.host, .port = e.port, .timeout_ms = timeout, .proxy = &cap->plugin->host->proxy};
    if (qc_host_resolver(cap->plugin->host, &o.resolver))
        return QN_E_LIMIT;
    *p = (place){st, ++st->next_id, NULL, fn, arg};
    p->dial = qc_dial_start(cap->plugin->loop, &o, on_end, p);
    if (!p->dial) {
        p->id = 0;
        return QN_E_LIMIT;
    }
    *request = p->id;
    return QN_OK;
}

static place *find(connect_state *st, uint64_t id)
{
    for (size_t i = 0; id && i < st->n_place; i++)
        if (st->place[i].id == id)
            return &st->place[i];
    return NULL;
}

static qn_status net_cancel(qn_cap *cap, uint64_t request)
{
    qn_status answer = qc_cap_enter(cap);
    if (answer != QN_OK)
        return answer;
    place *p = find(cap->state, request);
    if (!p || !p->dial)
        return QN_E_CLOSED;
    qc_dial_cancel(p->dial);
    *p = (place){0};
    return QN_OK;
}

static qn_status net_done(qn_cap *cap, uint64_t request)
{
    qn_status answer = qc_cap_enter(cap);
    if (answer != QN_OK)
        return answer;
    place *p = find(cap->state, request);
    if (!p || p->dial)
        return QN_E_CLOSED;
    *p = (place){0};
    return QN_OK;
}

static qn_status net_io_watch(qn_cap *cap, int32_t fd, uint32_t events, qn_io_fn *fn, void *arg)
{
    qn_status answer = qc_cap_enter(cap);
    connect_state *st = cap->state;
    return answer != QN_OK ? answer : qc_io_set_watch(&st->io, cap->plugin, fd, events, fn, arg);
}

static qn_status net_io_unwatch(qn_cap *cap, int32_t fd)
{
    connect_state *st = cap->state;
    return qc_plugin_here != cap->plugin ? QN_E_THREAD : qc_io_set_unwatch(&st->io, fd);
}

static const qn_net_connect_1 TABLE = {.h = {sizeof(qn_net_connect_1), QN_NET_CONNECT_1_REVISION},
                                       .connect = net_connect,
                                       .cancel = net_cancel,
                                       .done = net_done,
                                       .io_watch = net_io_watch,
                                       .io_unwatch = net_io_unwatch};

static void adapter_quiesce(qn_cap *cap)
{
    connect_state *st = cap->state;
    for (size_t i = 0; i < st->n_place; i++) {
        qc_dial_cancel(st->place[i].dial);
        st->place[i] = (place){0};
    }
    qc_io_set_clear(&st->io);
}

static void adapter_close(qn_cap *cap)
{
    connect_state *st = cap->state;
    qc_free(st->place);
    qc_free(st);
}

const qc_adapter QC_ADAPTER_NET_CONNECT = {QN_NET_CONNECT_1_ID, &TABLE, adapter_open,
                                           adapter_quiesce, adapter_close};
