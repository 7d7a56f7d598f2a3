/* The RPC server from its options (Core init.cpp AppInitServers, httprpc.cpp, httpserver.cpp). */
#include "core/app/app.h"
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/methods/rest.h"

#include <unistd.h>

static bool cookie_mode(const qc_settings *s, unsigned *mode)
{
    const char *who = qc_settings_str(s, "rpccookieperms", "owner");
    *mode = strcmp(who, "all") == 0 ? 0644 : strcmp(who, "group") == 0 ? 0640 : 0600;
    if (*mode != 0600 || strcmp(who, "owner") == 0)
        return true;
    qc_log(QC_LOG_ERROR, "rpc",
           "Invalid -rpccookieperms=%s; must be one of 'owner', 'group', or "
           "'all'.",
           who);
    return false;
}

static bool make_cookie(qc_app *a)
{
    unsigned mode;
    if (!cookie_mode(a->settings, &mode))
        return false;
    char *path = qc_conf_file_option(a->settings, "rpccookiefile", ".cookie", a->net_dir);
    if (!path) {
        qc_log(QC_LOG_INFO, "rpc", "RPC authentication cookie file generation is disabled.");
        return true;
    }
    qc_err err = qc_rpc_auth_make_cookie(a->auth, path, mode);
    if (err) {
        qc_log(QC_LOG_WARN, "rpc", "Unable to open cookie authentication file %s for writing: %s",
               path, qc_err_text(err));
        qc_free(path);
        return false;
    }
    a->cookie = path;
    qc_log(QC_LOG_INFO, "rpc", "Generated RPC authentication cookie %s", path);
    qc_log(QC_LOG_INFO, "rpc", "Using random cookie authentication.");
    return true;
}

static bool add_users(qc_app *a)
{
    const qc_settings *s = a->settings;
    const char *password = qc_settings_str(s, "rpcpassword", "");
    if (!password[0]) {
        if (!make_cookie(a))
            return false;
    } else {
        qc_log(QC_LOG_INFO, "rpc", "Using rpcuser/rpcpassword authentication.");
        qc_log(QC_LOG_WARN, "rpc",
               "The use of rpcuser/rpcpassword is less secure, because "
               "credentials are configured in plain text. Prefer the cookie, or rpcauth.");
        qc_rpc_auth_add_plain(a->auth, qc_settings_str(s, "rpcuser", ""), password);
    }
    bool ok = true;
    const char **list = qc_settings_list(s, "rpcauth", NULL);
    if (list[0])
        qc_log(QC_LOG_INFO, "rpc", "Using rpcauth authentication.");
    for (size_t i = 0; list[i] && ok; i++)
        ok = qc_rpc_auth_add_hashed(a->auth, list[i]) == QC_OK;
    if (!ok)
        qc_log(QC_LOG_WARN, "rpc", "Invalid -rpcauth argument.");
    qc_free(list);
    return ok;
}

static void add_whitelists(qc_app *a)
{
    size_t n;
    const char **list = qc_settings_list(a->settings, "rpcwhitelist", &n);
    for (size_t i = 0; i < n; i++)
        qc_rpc_auth_add_whitelist(a->auth, list[i]);
    qc_rpc_auth_set_whitelist_default(a->auth,
                                      qc_settings_bool(a->settings, "rpcwhitelistdefault", n > 0));
    qc_free(list);
}

static bool add_subnets(qc_app *a)
{
    bool ok = true;
    const char **list = qc_settings_list(a->settings, "rpcallowip", NULL);
    for (size_t i = 0; list[i] && ok; i++)
        if (qc_rpc_auth_allow(a->auth, list[i]))
            ok = qc_app_error(a,
                              "Invalid -rpcallowip subnet specification: %s. Valid values are a "
                              "single IP (e.g. 1.2.3.4), a network/netmask (e.g. "
                              "1.2.3.4/255.255.255.0), a network/CIDR (e.g. 1.2.3.4/24), all ipv4 "
                              "(0.0.0.0/0), or all ipv6 (::/0). RFC4193 is allowed only if "
                              "-cjdnsreachable=0.",
                              list[i]);
    qc_free(list);
    return ok;
}

#define FAILED "Unable to start HTTP server. See debug log for details."

/* Without both -rpcallowip and -rpcbind the server stays on this machine. */
static const char **bind_list(qc_app *a, size_t *n)
{
    size_t n_allow;
    qc_free(qc_settings_list(a->settings, "rpcallowip", &n_allow));
    const char **list = qc_settings_list(a->settings, "rpcbind", n);
    if (n_allow && *n)
        return list;
    if (n_allow)
        qc_log(QC_LOG_WARN, "http",
               "Option -rpcallowip was specified without -rpcbind; this doesn't "
               "usually make sense");
    if (*n)
        qc_log(QC_LOG_WARN, "http",
               "Option -rpcbind was ignored because -rpcallowip was not "
               "specified, refusing to allow everyone to connect");
    qc_free(list);
    list = qc_alloc(3 * sizeof *list);
    list[0] = "::1";
    list[1] = "127.0.0.1";
    *n = 2;
    return list;
}

/* What keeps it from its port is mended there where the operator looks. */
static bool start_server(qc_app *a)
{
    const qc_settings *s = a->settings;
    int64_t threads = QC_MAX(qc_settings_int(s, "rpcthreads", 16), 1);
    int64_t queue = QC_MAX(qc_settings_int(s, "rpcworkqueue", 64), 1);
    int64_t timeout = qc_settings_int(s, "rpcservertimeout", 30);
    qc_rpc_server_options o = {.port = (uint16_t)qc_settings_int(s, "rpcport", a->params->rpc_port),
                               .mounts = a->mounts,
                               .rest = qc_settings_bool(s, "rest", false) ? &a->rest : NULL,
                               .rest_queue = (size_t)QC_MIN(queue, INT32_MAX),
                               .timeout_s = (unsigned)QC_MAX(QC_MIN(timeout, INT32_MAX), 0)};
    a->rest = (qc_rest){&a->node, qc_m_rest_serve};
    const char **bind = bind_list(a, &o.n_bind);
    o.bind = bind;
    qc_log(QC_LOG_INFO, "http", "Starting HTTP server with %d worker threads",
           (int)QC_MIN(threads, 1024));
    qc_err err = qc_rpc_engine_new(&a->engine, a->node.registry, (unsigned)QC_MIN(threads, 1024),
                                   (unsigned)QC_MIN(queue, INT32_MAX));
    bool bound = err != QC_OK;
    if (!err) {
        err = qc_rpc_server_start(&a->server, a->engine, a->auth, &o);
        bound = err != QC_EBUSY;
    }
    qc_free(bind);
    if (!bound)
        return qc_app_error(a,
                            FAILED " Port %u may be in use, by another node perhaps: -rpcport=PORT "
                                   "names another.",
                            o.port);
    return err == QC_OK || qc_app_error(a, FAILED);
}

bool qc_app_rpc_start(qc_app *a)
{
    a->node.registry = qc_rpc_registry_new();
    a->mounts = qc_http_mounts_new();
    a->node.tip_waiters = qc_rpc_waitlist_new();
    qc_methods_register(&a->node);
    if (!qc_settings_bool(a->settings, "server", true))
        return true;
    a->auth = qc_rpc_auth_new();
    if (!add_subnets(a) || !add_users(a))
        return qc_app_error(a, FAILED);
    add_whitelists(a);
    return start_server(a);
}

void qc_app_rpc_stop(qc_app *a)
{
    qc_rpc_server_stop(a->server);
    a->server = NULL;
    qc_rpc_engine_free(a->engine);
    a->engine = NULL;
    qc_rpc_auth_free(a->auth);
    a->auth = NULL;
    if (a->cookie && qc_os_unlink(a->cookie))
        qc_log(QC_LOG_WARN, "rpc", "Unable to remove random auth cookie file %s", a->cookie);
    qc_free(a->cookie);
    a->cookie = NULL;
}
