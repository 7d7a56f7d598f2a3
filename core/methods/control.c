/* Methods about the server itself (Core rpc/server.cpp). */
#include "core/base/alloc.h"
#include "core/methods/context.h"

#include <time.h>

static void rpc_help(qc_rpc_req *r, void *arg)
{
    const char *command = "";
    (void)arg;
    if (!qc_rpc_str(r, 0, &command))
        return;
    if (strcmp(command, "dump_all_command_conversions") == 0) {
        qc_rpc_dump_arg_map(qc_rpc_registry_of(r), qc_rpc_out(r));
        return;
    }
    char *text = qc_rpc_help(qc_rpc_registry_of(r), command);
    qc_jw_str(qc_rpc_out(r), text);
    qc_free(text);
}

static void rpc_stop(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    int32_t wait_ms = 0;
    if (json_is_number(qc_rpc_arg(r, 0)) && !qc_rpc_i32(r, 0, &wait_ms))
        return;
    n->request_shutdown(n->shutdown_arg);
    if (wait_ms > 0) {
        /* For tests: the answer comes late, while the shutdown waits for it. */
        struct timespec ts = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000L};
        nanosleep(&ts, NULL);
    }
    qc_jw_str(qc_rpc_out(r), "Quoin stopping");
}

static void rpc_uptime(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    qc_jw_int(qc_rpc_out(r), qc_clock_real_us() / 1000000 - n->started);
}

static void write_active(void *arg, const char *method, int64_t us)
{
    qc_jw *w = arg;
    qc_jw_obj(w);
    qc_jw_kstr(w, "method", method);
    qc_jw_kint(w, "duration", us);
    qc_jw_obj_end(w);
}

static void rpc_getrpcinfo(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_karr(w, "active_commands");
    qc_rpc_each_active(r, write_active, w);
    qc_jw_arr_end(w);
    qc_jw_kstr(w, "logpath", n->log_path);
    qc_jw_obj_end(w);
}

static const qc_rpc_param HELP_PARAMS[] = {
    {"command", QC_T_STR, .dflt = "all commands", .help = "The method to explain"},
    {.names = NULL}};
static const qc_rpc_param STOP_PARAMS[] = {
    {"wait", QC_T_NUM, .help = "Milliseconds to wait before answering", .hidden = true},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_CONTROL[] = {
    {"control", "getrpcinfo", "Calls in progress, and where the log lies.",
     .result =
         "{\n  \"active_commands\": [   (json array)\n    {\n"
         "      \"method\": \"str\",    (string) Name of the method\n"
         "      \"duration\": n       (numeric) Microseconds since it began\n    },\n    ...\n"
         "  ],\n  \"logpath\": \"str\"       (string) Full path of the log file\n}",
     .examples = "getrpcinfo", .fn = rpc_getrpcinfo},
    {"control", "help", "Lists all methods, or explains one.", HELP_PARAMS,
     .result = "\"str\"    (string) The text", .fn = rpc_help},
    {"control", "stop", "Asks the node to shut down.", STOP_PARAMS,
     .result = "\"str\"    (string) \"Quoin stopping\"", .fn = rpc_stop},
    {"control", "uptime", "Seconds since the node was started.", .result = "n    (numeric) Seconds",
     .examples = "uptime", .fn = rpc_uptime},
    {.name = NULL}};
