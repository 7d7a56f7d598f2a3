/* quoind: the order in which a node starts and stops. */
#include "core/app/app.h"
#include "core/app/daemon.h"
#include "core/app/notify.h"
#include "core/app/options.h"
#include "core/base/alloc.h"
#include "core/base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char ABOUT[] =
    "quoind validates the Bitcoin block chain and answers questions about it over JSON-RPC.\n"
    "Everything above validation is a plugin. Blocks come from peers, which it finds by itself or\n"
    "is told of (-connect, -addnode), from files (-loadblock, -reindex, a folder of Bitcoin Core)\n"
    "and from RPC (submitblock); transactions are checked, kept and relayed.\n\n"
    "Usage: quoind [options]\n\n";

void qc_app_request_shutdown(void *arg)
{
    qc_app *a = arg;
    qc_loop_stop(a->loop);
}

/* ---- signals, on the loop ---- */
static void on_stop_signal(void *arg, int signo, unsigned events)
{
    (void)signo;
    (void)events;
    qc_app_request_shutdown(arg);
}

static void on_hangup(void *arg, int signo, unsigned events)
{
    (void)signo;
    (void)events;
    qc_app *a = arg;
    qc_logfile_reopen(a->log);
}

static bool watch_signals(qc_app *a)
{
    qc_err err = qc_loop_new(&a->loop);
    if (!err)
        err = qc_signal_watch(a->loop, SIGINT, on_stop_signal, a, &a->signals[0]);
    if (!err)
        err = qc_signal_watch(a->loop, SIGTERM, on_stop_signal, a, &a->signals[1]);
    if (!err)
        err = qc_signal_watch(a->loop, SIGHUP, on_hangup, a, &a->signals[2]);
    return !err || qc_app_error(a, "Cannot start: %s", qc_err_text(err));
}

/* ---- start ---- */
static bool wants_help(const qc_settings *s)
{
    return qc_settings_is_set(s, "help") || qc_settings_is_set(s, "h") ||
           qc_settings_is_set(s, "?") || qc_settings_is_set(s, "help-debug");
}

static bool print_and_leave(const qc_settings *s)
{
    if (qc_settings_bool(s, "version", false)) {
        printf("Quoin daemon version v%s\nFree software under the MIT licence, without any "
               "warranty.\n",
               PACKAGE_VERSION);
        return true;
    }
    if (!wants_help(s))
        return false;
    char *text = qc_opt_help(QC_OPTIONS, qc_settings_bool(s, "help-debug", false));
    printf("Quoin daemon version v%s\n\n%s%s", PACKAGE_VERSION, ABOUT, text);
    qc_free(text);
    return true;
}

/* Command line and configuration files. */
static bool read_settings(qc_app *a, int argc, char **argv)
{
    char *error = NULL;
    a->settings = qc_settings_new(QC_OPTIONS);
    if (qc_settings_args(a->settings, argc, argv, false, NULL, &error)) {
        qc_app_error(a, "Error parsing command line arguments: %s", error);
        qc_free(error);
        return false;
    }
    if (wants_help(a->settings) || qc_settings_bool(a->settings, "version", false))
        return true;
    if (qc_conf_load(a->settings, &a->paths, &error)) {
        qc_app_error(a, "%s", error);
        qc_free(error);
        return false;
    }
    const char *stray = qc_settings_stray(a->settings);
    return !stray || qc_app_error(a,
                                  "Command line contains unexpected token '%s', see quoind -h for "
                                  "a list of options.",
                                  stray);
}

static bool go_to_background(qc_app *a)
{
    bool wait = qc_settings_bool(a->settings, "daemonwait", false);
    if (!wait && !qc_settings_bool(a->settings, "daemon", false))
        return true;
    printf("Quoin starting\n");
    if (!qc_daemon_fork(&a->daemon_fd, "Error during initialization - check debug.log for details"))
        return qc_app_error(a, "fork() failed: %s", qc_err_text(qc_err_from_errno(errno)));
    if (!wait)
        qc_daemon_ready(&a->daemon_fd, true);
    return true;
}

static void each_warning(void *arg, void (*fn)(void *fn_arg, const char *text), void *fn_arg)
{
    qc_app *a = arg;
    pthread_mutex_lock(&a->warning_lock);
    for (size_t i = 0; i < a->n_warning; i++)
        fn(fn_arg, a->warning[i]);
    pthread_mutex_unlock(&a->warning_lock);
    if (a->host)
        qc_host_each_warning(a->host, fn, fn_arg);
}

static bool has_deprecated(const qc_settings *s, const char *name)
{
    bool found = false;
    const char **list = qc_settings_list(s, "deprecatedrpc", NULL);
    for (size_t i = 0; list[i]; i++)
        found |= strcmp(list[i], name) == 0;
    qc_free(list);
    return found;
}

static void make_context(qc_app *a)
{
    qc_node *n = &a->node;
    n->params = a->params;
    n->started = qc_clock_real_us() / 1000000; /* uptime knows no mocked time */
    n->request_shutdown = qc_app_request_shutdown;
    n->shutdown_arg = a;
    n->each_warning = each_warning;
    n->warning_arg = a;
    n->datadir = a->net_dir;
    n->log_path = a->log_path ? a->log_path : "";
    const char *comment = a->user_agent_comment;
    a->user_agent =
        qc_asprintf(*comment ? "/Quoin:%s(%s)/" : "/Quoin:%s%s/", PACKAGE_VERSION, comment);
    n->user_agent = a->user_agent;
    n->has_block_version = qc_settings_is_set(a->settings, "blockversion");
    n->block_version = (int32_t)qc_settings_int(a->settings, "blockversion", 0);
    n->deprecated_warnings = has_deprecated(a->settings, "warnings");
    n->deprecated_bip125 = has_deprecated(a->settings, "bip125");
    n->deprecated_fullrbf = has_deprecated(a->settings, "fullrbf");
}

static bool start(qc_app *a)
{
    char *error = NULL;
    if (qc_logfile_new(&a->log, a->settings, &error)) {
        qc_app_error(a, "%s", error);
        qc_free(error);
        return false;
    }
    qc_log(QC_LOG_INFO, "base", "Quoin version v%s", PACKAGE_VERSION);
    if (!qc_app_check(a) || !qc_app_probe(a) || !go_to_background(a))
        return false;
    if (!qc_app_claim(a))
        return false;
    make_context(a);
    return watch_signals(a) && qc_app_addresses_open(a) && qc_app_peers_start(a) &&
           qc_app_rpc_start(a) && qc_app_node_start(a);
}

void qc_app_ready(qc_app *a)
{
    qc_log(QC_LOG_INFO, "base", "init message: Done loading");
    if (a->engine)
        qc_rpc_engine_warmup(a->engine, NULL);
    qc_app_plugins_start(a);
    qc_daemon_ready(&a->daemon_fd, true);
    const char *cmd = qc_settings_str(a->settings, "startupnotify", "");
    if (cmd[0])
        qc_notify_run(cmd);
}

/* ---- stop ---- */
static void interrupt(qc_app *a)
{
    const char **cmd = qc_settings_list(a->settings, "shutdownnotify", NULL);
    qc_notify_run_all(cmd);
    qc_free(cmd);
    atomic_store(&a->node.stopping, true);
    if (a->node.chain)
        qc_chain_interrupt(a->node.chain);
    if (a->server)
        qc_rpc_server_interrupt(a->server);
    if (a->node.tip_waiters)
        qc_rpc_waitlist_wake(a->node.tip_waiters);
}

static void free_services(qc_app *a)
{
    for (size_t i = 0; i < QC_COUNTOF(a->signals); i++)
        qc_unwatch(a->signals[i]);
    qc_loop_free(a->loop);
    qc_rpc_registry_free(a->node.registry);
    qc_http_mounts_free(a->mounts);
    qc_rpc_waitlist_free(a->node.tip_waiters);
}

static void stop(qc_app *a)
{
    qc_log(QC_LOG_INFO, "base", "Shutdown in progress...");
    qc_app_plugins_stop(a);
    qc_app_rpc_stop(a);
    qc_app_peers_stop(a);
    qc_app_node_stop(a);
    if (!a->left_behind)
        qc_app_peers_free(a);
    qc_app_addresses_close(a);
    if (!a->left_behind)
        free_services(a);
    if (a->pid_path && qc_os_unlink(a->pid_path))
        qc_log(QC_LOG_WARN, "base", "Unable to remove PID file %s", a->pid_path);
    qc_log(QC_LOG_INFO, "base", "Shutdown done");
}

/* Everything is on disk, but a plugin's thread still runs: it must find all it knows of until the
 * very end. Locks go with the process. */
static QC_NORETURN void leave(int status)
{
    fflush(NULL);
    _exit(status);
}

static void clear(qc_app *a)
{
    qc_logfile_close(a->log);
    qc_dirlock_free(a->blocks_lock);
    qc_dirlock_free(a->lock);
    qc_app_nets_free(a);
    qc_params_free(a->params);
    qc_conf_paths_clear(&a->paths);
    qc_settings_free(a->settings);
    for (size_t i = 0; i < a->n_warning; i++)
        qc_free(a->warning[i]);
    qc_free(a->warning);
    qc_free(a->net_dir);
    qc_free(a->blocks_dir);
    qc_free(a->log_path);
    qc_free(a->pid_path);
    qc_free(a->user_agent_comment);
    qc_free(a->user_agent);
    pthread_mutex_destroy(&a->warning_lock);
    qc_rate_clear(&a->node.rate);
}

int main(int argc, char **argv)
{
    static qc_app a;
    a.daemon_fd = -1;
    pthread_mutex_init(&a.warning_lock, NULL);
    qc_alloc_keep(QC_KEEP_BLOCKS);
    qc_rate_init(&a.node.rate);
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    qc_thread_set_name("init");
    bool ok = read_settings(&a, argc, argv);
    if (ok && !print_and_leave(a.settings)) {
        ok = start(&a);
        if (ok)
            qc_loop_run(a.loop);
        else
            qc_daemon_ready(&a.daemon_fd, false);
        ok |= a.canceled_start; /* as asked: no failure */
        interrupt(&a);
        stop(&a);
    }
    if (a.left_behind)
        leave(ok ? a.exit_code : EXIT_FAILURE);
    clear(&a);
    return ok ? a.exit_code : EXIT_FAILURE;
}
