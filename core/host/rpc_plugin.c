/* plugin, pluginevents and waitforpluginevent: what operators do to plugins, and hear of them. */
#include "core/host/internal.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"

#define PATIENCE_MS 180000 /* start-up and stop have deadlines of their own; this is for both */

/* ---- plugin ---- */

static const struct {
    const char *name;
    qc_action_kind kind;
} COMMANDS[] = {{"start", QC_ACTION_START},       {"stop", QC_ACTION_STOP},
                {"reload", QC_ACTION_RELOAD},     {"quarantine-clear", QC_ACTION_CLEAR},
                {"loglevel", QC_ACTION_LOGLEVEL}, {"trace", QC_ACTION_TRACE}};

static void answer(qc_rpc_req *r, qc_action *a)
{
    qc_jw *w = qc_rpc_out(r);
    qc_host *h = a->host;
    if (a->failed) {
        int code = a->goes_on   ? QC_RPC_VERIFY_REJECTED
                   : a->is_down ? QC_RPC_VERIFY_ERROR
                                : QC_RPC_MISC_ERROR;
        (void)qc_rpc_fail(r, code, "%s", a->text);
        qc_action_unref(a);
        return;
    }
    pthread_mutex_lock(&h->list_lock);
    qc_plugin *p = qc_host_by_name(h, a->name);
    qc_jw_obj(w);
    qc_jw_kstr(w, "id", p ? p->label : a->name);
    qc_plugin_state st = p ? qc_plugin_get_state(p) : QC_PLUGIN_STOPPED;
    if (a->kind == QC_ACTION_STOP && st == QC_PLUGIN_DISCOVERED)
        st = QC_PLUGIN_STOPPED; /* its grant is gone, and its file is found again */
    qc_jw_kstr(w, "state", qc_plugin_state_name(st));
    qc_jw_obj_end(w);
    pthread_mutex_unlock(&h->list_lock);
    qc_action_unref(a);
}

static void action_resume(qc_rpc_req *r, void *arg, qc_rpc_why why);

static void wait_for(qc_rpc_req *r, qc_action *a)
{
    qc_rpc_waitlist_join(a->host->changes, r);
    if (atomic_load(&a->done))
        answer(r, a);
    else
        qc_rpc_park(r, PATIENCE_MS, action_resume, a);
}

static void action_resume(qc_rpc_req *r, void *arg, qc_rpc_why why)
{
    qc_action *a = arg;
    if (why == QC_RPC_WOKEN) {
        wait_for(r, a);
        return;
    }
    (void)qc_rpc_fail(r, QC_RPC_MISC_ERROR, "%s: %s", a->name,
                      why == QC_RPC_SHUTDOWN ? "Shutting down"
                                             : "it takes longer than 180 s and goes on: see "
                                               "getplugininfo");
    qc_action_unref(a);
}

static void rpc_plugin(qc_rpc_req *r, void *arg)
{
    qc_host *h = arg;
    const char *command = "", *id = "", *value = NULL;
    if (!qc_rpc_str(r, 0, &command) || !qc_rpc_str(r, 1, &id) || !qc_rpc_str(r, 2, &value))
        return;
    for (size_t i = 0; i < QC_COUNTOF(COMMANDS); i++) {
        if (strcmp(COMMANDS[i].name, command) != 0)
            continue;
        bool takes = COMMANDS[i].kind == QC_ACTION_LOGLEVEL || COMMANDS[i].kind == QC_ACTION_TRACE;
        if (takes != (value != NULL)) {
            (void)qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                              value ? "plugin %s takes no value" : "plugin %s: no value given",
                              command);
            return;
        }
        if (!h->supervisor) {
            (void)qc_rpc_fail(r, QC_RPC_IN_WARMUP, "Plugins are not started yet");
            return;
        }
        qc_action *a = qc_action_new(h, COMMANDS[i].kind, id, value);
        qc_action_run(a);
        wait_for(r, a);
        return;
    }
    (void)qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                      "Unknown command %s, wanted start, stop, reload, quarantine-clear, "
                      "loglevel or trace",
                      command);
}

/* ---- events ---- */

static void write_event(qc_jw *w, const qc_plugin_event *e)
{
    qc_jw_obj(w);
    qc_jw_kuint(w, "seq", e->seq);
    qc_jw_kint(w, "time", e->time);
    qc_jw_kstr(w, "id", e->id);
    qc_jw_kstr(w, "state", qc_plugin_state_name(e->state));
    if (e->incoming)
        qc_jw_kbool(w, "incoming", true);
    if (*e->reason)
        qc_jw_kstr(w, "reason", e->reason);
    qc_jw_obj_end(w);
}

/* The events after `since`, as many as are remembered. */
static void write_events(qc_jw *w, qc_host *h, uint64_t since)
{
    qc_jw_arr(w);
    pthread_mutex_lock(&h->event_lock);
    uint64_t first = h->n_event > QC_HOST_EVENTS ? h->n_event - QC_HOST_EVENTS + 1 : 1;
    for (uint64_t i = since + 1 > first ? since + 1 : first; i <= h->n_event; i++)
        write_event(w, &h->event[i % QC_HOST_EVENTS]);
    pthread_mutex_unlock(&h->event_lock);
    qc_jw_arr_end(w);
}

static void rpc_pluginevents(qc_rpc_req *r, void *arg)
{
    int64_t since = 0;
    if (!qc_rpc_i64(r, 0, &since))
        return;
    write_events(qc_rpc_out(r), arg, since > 0 ? (uint64_t)since : 0);
}

typedef struct event_wait {
    qc_host *host;
    uint64_t since;
    qc_mono deadline; /* 0: none */
} event_wait;

static void events_resume(qc_rpc_req *r, void *arg, qc_rpc_why why);

static void wait_events(qc_rpc_req *r, event_wait *e)
{
    int64_t ms = -1;
    qc_rpc_waitlist_join(e->host->changes, r);
    pthread_mutex_lock(&e->host->event_lock);
    bool there = e->host->n_event > e->since;
    pthread_mutex_unlock(&e->host->event_lock);
    if (e->deadline) {
        ms = (e->deadline - qc_clock_mono() + 999999) / 1000000;
        there |= ms <= 0;
    }
    if (!there) {
        qc_rpc_park(r, ms, events_resume, e);
        return;
    }
    write_events(qc_rpc_out(r), e->host, e->since);
    qc_free(e);
}

static void events_resume(qc_rpc_req *r, void *arg, qc_rpc_why why)
{
    event_wait *e = arg;
    if (why == QC_RPC_WOKEN) {
        wait_events(r, e);
        return;
    }
    write_events(qc_rpc_out(r), e->host, e->since);
    qc_free(e);
}

static void rpc_waitforpluginevent(qc_rpc_req *r, void *arg)
{
    int64_t since = 0;
    int32_t timeout = 0;
    if (!qc_rpc_i64(r, 0, &since) || !qc_rpc_i32(r, 1, &timeout))
        return;
    if (since < 0 || timeout < 0) {
        (void)qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Negative number");
        return;
    }
    event_wait *e = qc_alloc(sizeof *e);
    *e = (event_wait){arg, (uint64_t)since, 0};
    if (timeout)
        e->deadline = qc_clock_mono() + (qc_mono)timeout * 1000000;
    wait_events(r, e);
}

static const qc_rpc_param PARAMS_PLUGIN[] = {
    {.names = "command",
     .type = QC_T_STR,
     .required = true,
     .help = "start, stop, reload, quarantine-clear, loglevel or trace"},
    {.names = "id",
     .type = QC_T_STR,
     .required = true,
     .help = "The plugin's id, or its last part where that is unique"},
    {.names = "value",
     .type = QC_T_STR,
     .help = "loglevel: error, warn, info or debug; trace: on or off"},
    {.names = NULL}};
static const qc_rpc_param PARAMS_EVENTS[] = {
    {.names = "since", .type = QC_T_NUM, .help = "Only events with a greater seq"},
    {.names = NULL}};
static const qc_rpc_param PARAMS_WAIT[] = {
    {.names = "since",
     .type = QC_T_NUM,
     .required = true,
     .help = "Wait for an event with a greater seq than this"},
    {.names = "timeout", .type = QC_T_NUM, .help = "Milliseconds; 0: no limit"},
    {.names = NULL}};
#define RESULT_EVENTS                                                                              \
    "[ { \"seq\": n, \"time\": n, \"id\": \"str\", \"state\": \"str\", \"incoming\": bool, "       \
    "\"reason\": \"str\" }, "                                                                      \
    "... ]"

const qc_rpc_method QC_HOST_ACTIONS[] = {
    {.category = "control",
     .name = "plugin",
     .summary =
         "Starts, stops or reloads a plugin, lifts its quarantine, sets how much it logs, or "
         "logs each of its calls (isolated, trace on). "
         "Answers when it is done. start takes up a plugin that was enabled while the node "
         "runs; reload keeps the old one running until the new one is ready to start, and brings "
         "it back should that fail. Error -26: the new one was refused, the old one goes on. Error "
         "-25: the new one failed, and the old one is down, since it may do more than the grant "
         "allows now.",
     .params = PARAMS_PLUGIN,
     .result = "{ \"id\": \"str\", \"state\": \"str\" }",
     .examples = "plugin reload indexer",
     .fn = rpc_plugin},
    {.category = "control",
     .name = "pluginevents",
     .summary = "Lists the latest changes of plugins' states, oldest first.",
     .params = PARAMS_EVENTS,
     .result = RESULT_EVENTS,
     .examples = "pluginevents",
     .fn = rpc_pluginevents},
    {.category = "control",
     .name = "waitforpluginevent",
     .summary =
         "Waits until a plugin's state has changed after event number since, and lists the "
         "changes; on a time-out the list is empty. incoming: of a reload's new process, while "
         "the old one still has the name.",
     .params = PARAMS_WAIT,
     .result = RESULT_EVENTS,
     .examples = "waitforpluginevent 0 10000",
     .fn = rpc_waitforpluginevent},
    {.name = NULL}};
