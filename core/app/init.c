/* Steps of the start before the chain: what must hold, folders, locks, pid file, log (Core
 * init.cpp AppInitParameterInteraction to StartLogging). */
#include "core/app/app.h"
#include "core/app/notify.h"
#include "core/app/poolopts.h"
#include "core/base/alloc.h"
#include "core/base/log.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* ---- telling the operator ---- */
static char *vformat(const char *fmt, va_list ap)
{
    char *text = NULL;
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    QC_ASSERT(n >= 0);
    text = qc_alloc((size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    return text;
}

static void complain(qc_app *a, const char *caption, const char *fmt, va_list ap)
{
    char *text = vformat(fmt, ap);
    if (a->log) /* without one the log leads to stderr as well */
        qc_log(QC_LOG_ERROR, "base", "%s", text);
    fprintf(stderr, "%s%s\n", caption, text);
    qc_free(text);
}

bool qc_app_error(qc_app *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    complain(a, "Error: ", fmt, ap);
    va_end(ap);
    return false;
}

bool qc_app_advise(qc_app *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    complain(a, "", fmt, ap);
    va_end(ap);
    return false;
}

void qc_app_warn(qc_app *a, const char *fmt, ...)
{
    (void)a;
    va_list ap;
    va_start(ap, fmt);
    char *text = vformat(fmt, ap);
    va_end(ap);
    qc_log(QC_LOG_WARN, "base", "%s", text);
    fprintf(stderr, "Warning: %s\n", text);
    qc_free(text);
}

void qc_app_phase(qc_app *a, const char *text)
{
    qc_log(QC_LOG_INFO, "base", "init message: %s", text);
    if (a->engine && !atomic_load(&a->warm))
        qc_rpc_engine_warmup(a->engine, text);
}

void qc_app_alert(qc_app *a, const char *text)
{
    pthread_mutex_lock(&a->warning_lock);
    a->warning = qc_try_realloc(a->warning, (a->n_warning + 1) * sizeof *a->warning);
    QC_ASSERT(a->warning);
    a->warning[a->n_warning++] = qc_strdup(text);
    pthread_mutex_unlock(&a->warning_lock);
    qc_app_alert_notify(a, text);
}

void qc_app_alert_notify(qc_app *a, const char *text)
{
    const char *cmd = qc_settings_str(a->settings, "alertnotify", "");
    if (!cmd[0])
        return;
    char *quoted = qc_notify_quote(text), *full = qc_notify_fill(cmd, quoted);
    qc_notify_run(full);
    qc_free(quoted);
    qc_free(full);
}

/* ---- checks ---- */
static void note_warn(void *arg, const char *text)
{
    (void)arg;
    qc_log(QC_LOG_WARN, "base", "%s", text);
}

static void note_unknown(void *arg, const char *key)
{
    (void)arg;
    qc_log(QC_LOG_WARN, "base", "Ignoring unknown configuration value %s", key);
}

static void note_unsuitable(void *arg, const char *text)
{
    char **all = arg;
    char *more = qc_asprintf("%s%s\n", *all ? *all : "", text);
    qc_free(*all);
    *all = more;
}

static bool join_comments(qc_app *a)
{
    const char **list = qc_settings_list(a->settings, "uacomment", NULL);
    a->user_agent_comment = qc_strdup("");
    bool ok = true;
    for (size_t i = 0; list[i] && ok; i++) {
        for (const char *p = list[i]; *p && ok; p++)
            if (!isalnum((unsigned char)*p) && !strchr(" .,;-_?@", *p))
                ok =
                    qc_app_error(a, "User Agent comment (%s) contains unsafe characters.", list[i]);
        char *more = qc_asprintf("%s%s%s", a->user_agent_comment, i ? "; " : "", list[i]);
        qc_free(a->user_agent_comment);
        a->user_agent_comment = more;
    }
    /* "/Quoin:0.1.0(...)/" must fit 256 characters */
    size_t total = strlen("/Quoin:" PACKAGE_VERSION "()/") + strlen(a->user_agent_comment);
    if (ok && total > 256)
        ok = qc_app_error(a,
                          "Total length of network version string (%zu) exceeds maximum length "
                          "(256). Reduce the number or size of uacomments.",
                          total);
    qc_free(list);
    return ok;
}

static bool check_settings(qc_app *a)
{
    char *unsuitable = NULL;
    qc_settings_each_warning(a->settings, note_warn, a);
    qc_settings_each_unknown(a->settings, note_unknown, a);
    qc_settings_each_unsuitable(a->settings, note_unsuitable, &unsuitable);
    if (unsuitable) {
        qc_app_error(a, "%s", unsuitable);
        qc_free(unsuitable);
        return false;
    }
    char *sections = NULL;
    qc_settings_each_unknown_section(a->settings, note_unsuitable, &sections);
    if (sections)
        qc_app_warn(a, "%s", sections);
    qc_free(sections);
    char *refused = qc_settings_refused(a->settings);
    if (refused) {
        qc_app_error(a, "%s", refused);
        qc_free(refused);
        return false;
    }
    return true;
}

static bool find_folders(qc_app *a)
{
    const qc_settings *s = a->settings;
    const char *blocks = qc_settings_str(s, "blocksdir", NULL);
    a->net_dir = qc_conf_net_dir(a->paths.base, a->params->folder);
    if (!blocks) {
        a->blocks_dir = qc_conf_path_in(a->net_dir, "blocks");
        return true;
    }
    if (!qc_conf_is_dir(blocks))
        return qc_app_error(a, "Specified blocks directory \"%s\" does not exist.", blocks);
    char *net = qc_conf_net_dir(blocks, a->params->folder);
    a->blocks_dir = qc_conf_path_in(net, "blocks");
    qc_free(net);
    return true;
}

bool qc_app_check(qc_app *a)
{
    char *error = NULL;
    const char *chain;
    qc_err err = qc_settings_chain(a->settings, &chain, &error);
    if (!err)
        err = qc_app_params(a->settings, chain, &a->params, &error);
    if (err) {
        qc_app_error(a, "%s", error);
        qc_free(error);
        return false;
    }
    qc_app_nets_interact(a);
    qc_app_pool_interact(a->settings);
    if (!check_settings(a) || !qc_app_indexes_check(a) || !find_folders(a) ||
        !qc_app_nets_read(a) || !join_comments(a) || !qc_app_pool_check(a))
        return false;
    a->cache = qc_app_cache_sizes(a->settings);
    a->chain_options.params = a->params;
    a->chain_options.dir = a->net_dir;
    a->chain_options.blocks_dir = a->blocks_dir;
    if (qc_app_chain_options(a->settings, a->params, &a->chain_options, &error) ||
        qc_app_template_options(a->settings, &a->template_options, &error)) {
        qc_app_error(a, "%s", error);
        qc_free(error);
        return false;
    }
    if (qc_settings_is_set(a->settings, "mocktime"))
        qc_clock_set_mock(qc_settings_int(a->settings, "mocktime", 0));
    return true;
}

/* ---- folders and files ---- */
static bool lock_dir(qc_app *a, const char *dir, qc_dirlock **out)
{
    qc_err err = qc_dirlock_take(dir, out);
    if (err == QC_EBUSY)
        return qc_app_error(a,
                            "Cannot obtain a lock on directory %s. Quoin is probably already "
                            "running.",
                            dir);
    if (err)
        return qc_app_error(a, "Cannot write to directory '%s'; check permissions.", dir);
    return true;
}

static bool make_folders(qc_app *a)
{
    char *base_wallets = qc_conf_path_in(a->paths.base, "wallets");
    char *net_wallets = qc_conf_path_in(a->net_dir, "wallets");
    qc_err err = QC_OK;
    /* As Core has it: only a folder that is new gets an empty wallets/ in it. */
    if (!qc_os_exists(a->paths.base))
        err = qc_os_mkdirs(base_wallets);
    if (!err && !qc_os_exists(a->net_dir))
        err = qc_os_mkdirs(net_wallets);
    if (!err)
        err = qc_os_mkdirs(a->blocks_dir);
    qc_free(base_wallets);
    qc_free(net_wallets);
    return !err || qc_app_error(a, "Cannot create the folders below '%s': %s", a->net_dir,
                                qc_err_text(err));
}

static bool write_pid(qc_app *a)
{
    char text[24];
    char *path = qc_conf_file_option(a->settings, "pid", "bitcoind.pid", a->net_dir);
    if (!path)
        return true;
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    FILE *f = fopen(path, "we");
    bool ok = f && fwrite(text, 1, (size_t)n, f) == (size_t)n;
    int why = errno;
    if (f)
        ok = fclose(f) == 0 && ok;
    if (ok)
        a->pid_path = path;
    else
        qc_app_error(a, "Unable to create the PID file '%s': %s", path,
                     qc_err_text(qc_err_from_errno(why)));
    if (!ok)
        qc_free(path);
    return ok;
}

static void log_arg(void *arg, const char *text)
{
    (void)arg;
    qc_log(QC_LOG_INFO, "base", "%s", text);
}

static bool open_log(qc_app *a)
{
    a->log_path = qc_conf_file_option(a->settings, "debuglogfile", "debug.log", a->net_dir);
    if (qc_logfile_open(a->log, a->log_path))
        return qc_app_error(a, "Could not open debug log file %s", a->log_path);
    qc_log(QC_LOG_INFO, "base", "Using data directory %s", a->net_dir);
    if (a->params->id == QC_CHAIN_SIGNET) {
        const uint8_t *m = a->params->magic;
        qc_log(QC_LOG_INFO, "base", "Signet derived magic (message start): %02x%02x%02x%02x", m[0],
               m[1], m[2], m[3]);
    }
    if (a->paths.conf && qc_os_exists(a->paths.conf))
        qc_log(QC_LOG_INFO, "base", "Config file: %s", a->paths.conf);
    else
        qc_log(QC_LOG_INFO, "base", "Config file: %s",
               a->paths.conf ? "(not found, skipping)" : "<disabled>");
    if (a->paths.warning)
        qc_log(QC_LOG_WARN, "base", "%s", a->paths.warning);
    qc_settings_each_arg(a->settings, log_arg, a);
    qc_settings_each_without_effect(a->settings, note_warn, a);
    return true;
}

bool qc_app_claim(qc_app *a)
{
    if (!lock_dir(a, a->net_dir, &a->lock))
        return false;
    if (qc_settings_is_set(a->settings, "blocksdir") &&
        !lock_dir(a, a->blocks_dir, &a->blocks_lock))
        return false;
    return write_pid(a) && open_log(a);
}

bool qc_app_probe(qc_app *a)
{
    qc_dirlock *lock = NULL;
    if (!make_folders(a))
        return false;
    bool ok = lock_dir(a, a->net_dir, &lock);
    qc_dirlock_free(lock);
    return ok;
}
