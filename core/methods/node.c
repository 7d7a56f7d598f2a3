/* Methods about the process: clock, memory, log (Core rpc/node.cpp). */
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/methods/common.h"
#include "core/sync/private.h"
#include "core/sync/txrelay.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_MOCKTIME INT64_C(4294967295) /* the largest time that a block can carry */

static bool only_regtest(qc_rpc_req *r, const qc_node *n)
{
    if (n->params->id == QC_CHAIN_REGTEST)
        return true;
    return qc_rpc_fail(r, QC_RPC_MISC_ERROR, "%s is for regression testing (-regtest mode) only",
                       qc_rpc_name(r));
}

static void set_mock(qc_chain *c, void *arg)
{
    (void)c;
    qc_clock_set_mock(*(const int64_t *)arg);
}

static void rpc_setmocktime(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    int64_t t = 0;
    if (!only_regtest(r, n) || !qc_rpc_i64(r, 0, &t))
        return;
    if (t < 0 || t > MAX_MOCKTIME) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                    "Mocktime must be in the range [0, %lld], not %lld.", (long long)MAX_MOCKTIME,
                    (long long)t);
        return;
    }
    /* On the chain thread: no block sees two clocks. */
    qc_chain_call(n->chain_thread, set_mock, &t);
}

typedef struct hurry_job {
    const qc_node *n;
    int64_t seconds;
    qc_err err;
} hurry_job;

static void run_hurry(qc_chain *c, void *arg)
{
    hurry_job *j = arg;
    j->err = qc_chain_tick(c);
    if (j->n->relay)
        qc_txrelay_hurry(j->n->relay, j->seconds * 1000000);
    if (j->n->priv)
        qc_private_hurry(j->n->priv, j->seconds * 1000000);
    if (j->n->hurry)
        j->n->hurry(j->n->hurry_arg, j->seconds * 1000000);
}

static void rpc_mockscheduler(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    int64_t delta = 0;
    if (!only_regtest(r, n) || !qc_rpc_i64(r, 0, &delta))
        return;
    if (delta <= 0 || delta > 3600) {
        qc_rpc_fail(r, QC_RPC_MISC_ERROR, "delta_time must be between 1 and 3600 seconds (1 hr)");
        return;
    }
    /* What there is to schedule: the chain's periodic work, and what nobody has asked for yet. */
    hurry_job j = {n, delta, QC_OK};
    qc_chain_call(n->chain_thread, run_hurry, &j);
    if (j.err)
        qc_rpc_fail(r, QC_RPC_DATABASE_ERROR, "%s", qc_err_text(j.err));
}

static void rpc_getmemoryinfo(qc_rpc_req *r, void *arg)
{
    static const char *const ROW[] = {"used",   "free",        "total",
                                      "locked", "chunks_used", "chunks_free"};
    const char *mode = "stats";
    (void)arg;
    if (!qc_rpc_str(r, 0, &mode))
        return;
    qc_jw *w = qc_rpc_out(r);
    if (strcmp(mode, "stats") == 0) {
        /* No secrets are kept here, so no memory is locked. */
        qc_jw_obj(w);
        qc_jw_kobj(w, "locked");
        for (size_t i = 0; i < QC_COUNTOF(ROW); i++)
            qc_jw_kint(w, ROW[i], 0);
        qc_jw_obj_end(w);
        qc_jw_obj_end(w);
    } else if (strcmp(mode, "mallocinfo") == 0) {
        char *text = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&text, &len);
        if (f) {
            malloc_info(0, f);
            fclose(f);
        }
        qc_jw_strn(w, text ? text : "", len);
        free(text);
    } else {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "unknown mode %s", mode);
    }
}

static bool switch_areas(qc_rpc_req *r, const json_t *list, bool on)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        const char *area;
        if (!qc_rpc_v_str(r, v, &area))
            return false;
        if (qc_log_area_set(area, on))
            return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "unknown logging category %s", area);
    }
    return true;
}

static void rpc_logging(qc_rpc_req *r, void *arg)
{
    (void)arg;
    bool on;
    const char *area;
    if (!switch_areas(r, qc_rpc_arg(r, 0), true) || !switch_areas(r, qc_rpc_arg(r, 1), false))
        return;
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    for (size_t i = 0; (area = qc_log_area_at(i, &on)); i++)
        qc_jw_kbool(w, area, on);
    qc_jw_obj_end(w);
}

static void rpc_echo(qc_rpc_req *r, void *arg)
{
    (void)arg;
    qc_jw *w = qc_rpc_out(r);
    qc_jw_arr(w);
    for (size_t i = 0; i < qc_rpc_n(r); i++)
        qc_jw_json(w, qc_rpc_arg(r, i));
    qc_jw_arr_end(w);
}

static const qc_rpc_param MOCKTIME_PARAMS[] = {
    {"timestamp", QC_T_NUM, .required = true, .help = "Unix time; 0 goes back to the system's"},
    {.names = NULL}};
static const qc_rpc_param MOCKSCHEDULER_PARAMS[] = {
    {"delta_time", QC_T_NUM, .required = true, .help = "Seconds to move forward"}, {.names = NULL}};
static const qc_rpc_param MEMORY_PARAMS[] = {
    {"mode", QC_T_STR, .dflt = "\"stats\"",
     .help = "\"stats\": locked memory in numbers; \"mallocinfo\": XML of the allocator"},
    {.names = NULL}};
static const qc_rpc_param AREA[] = {{"logging_category", QC_T_STR, .help = "A category"},
                                    {.names = NULL}};
static const qc_rpc_param LOGGING_PARAMS[] = {
    {"include", QC_T_ARR, .help = "Categories to log", .inner = AREA},
    {"exclude", QC_T_ARR, .help = "Categories not to log", .inner = AREA},
    {.names = NULL}};
#define ECHO_ARG(name)                                                                             \
    {                                                                                              \
        name, QC_T_STR, .skip_type_check = true                                                    \
    }
static const qc_rpc_param ECHO_PARAMS[] = {ECHO_ARG("arg0"), ECHO_ARG("arg1"), ECHO_ARG("arg2"),
                                           ECHO_ARG("arg3"), ECHO_ARG("arg4"), ECHO_ARG("arg5"),
                                           ECHO_ARG("arg6"), ECHO_ARG("arg7"), ECHO_ARG("arg8"),
                                           ECHO_ARG("arg9"), {.names = NULL}};

const qc_rpc_method QC_METHODS_NODE[] = {
    {"control", "getmemoryinfo", "Memory in use.", MEMORY_PARAMS, .result = "{...} or \"xml\"",
     .examples = "getmemoryinfo", .fn = rpc_getmemoryinfo},
    {"control", "logging",
     "Shows which categories are logged at level debug, and changes that: first `include` is "
     "switched "
     "on, then `exclude` off.",
     LOGGING_PARAMS,
     .result = "{                     (json object)\n"
               "  \"category\": true|false,  (boolean) Logged or not\n  ...\n}",
     .examples = "logging \"[\\\"all\\\"]\" \"[\\\"http\\\"]\"", .fn = rpc_logging},
    {"hidden", "setmocktime", "Fixes the clock (regtest only).", MOCKTIME_PARAMS,
     .result = "null    (json null)", .fn = rpc_setmocktime},
    {"hidden", "mockscheduler", "Does at once what is due within some time (regtest only).",
     MOCKSCHEDULER_PARAMS, .result = "null    (json null)", .fn = rpc_mockscheduler},
    {"hidden", "echo", "Gives its parameters back, for tests.", ECHO_PARAMS, .fn = rpc_echo},
    {"hidden", "echojson", "As echo; quoin-cli sends the parameters as JSON.", ECHO_PARAMS,
     .fn = rpc_echo},
    {.name = NULL}};
