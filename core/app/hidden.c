/* Neighbours through which others reach us: Tor, I2P, the router in front of this machine. What the
 * options say of them, and what they tell of our addresses. */
#include "core/app/app.h"
#include "core/base/alloc.h"
#include "core/base/hostport.h"
#include "core/base/log.h"
#include "core/net/peerbook.h"
#include "core/net/portmap.h"
#include "core/net/torcontrol.h"
#include "core/net/upnp.h"
#include "core/os/file.h"

static qc_localaddrs *local(const qc_app *a)
{
    return a->node.book->local;
}

static void on_socks(void *arg, const qc_proxy *proxy)
{
    qc_app *a = arg;
    qc_proxies_set(a->nets->proxies, QC_NETWORK_ONION, proxy);
    if (!a->nets->only_some || a->nets->only_onion)
        qc_local_set_reachable(local(a), QC_NETWORK_ONION, true);
}

static void on_service(void *arg, const qc_netaddr *address, bool there)
{
    qc_app *a = arg;
    if (there)
        (void)qc_local_add(local(a), address, a->params->p2p_port, QC_LOCAL_MANUAL, false);
    else
        qc_local_remove(local(a), address);
}

bool qc_app_tor_start(qc_app *a)
{
    const qc_settings *s = a->settings;
    const char *control = qc_settings_str(s, "torcontrol", "127.0.0.1");
    char host[256], target[QC_PEER_ADDR_TEXT];
    qc_torcontrol_options o = {.loop = a->loop,
                               .host = host,
                               .control_port = QC_TOR_CONTROL_PORT,
                               .dns = qc_settings_bool(s, "dns", true),
                               .password = qc_settings_str(s, "torpassword", ""),
                               .target = target,
                               .port = a->params->p2p_port,
                               .want_socks = !*qc_settings_str(s, "onion", ""),
                               .loud = qc_settings_is_set(s, "torcontrol") ||
                                       qc_settings_is_set(s, "torpassword"),
                               .socks = on_socks,
                               .service = on_service,
                               .arg = a};
    if (!qc_settings_bool(s, "listenonion", true))
        return true;
    if (qc_split_host_port(control, host, sizeof host, &o.control_port))
        return qc_app_error(a, "Invalid port specified in -torcontrol: '%s'", control);
    qc_peer_addr_text(&a->nets->onion_target, target);
    char *key = qc_conf_path_in(a->net_dir, "onion_v3_private_key");
    o.key_path = key;
    qc_err err = qc_torcontrol_new(&a->tor, &o);
    qc_free(key);
    return !err || qc_app_error(a, "Cannot start: %s", qc_err_text(err));
}

void qc_app_tor_stop(qc_app *a)
{
    qc_torcontrol_free(a->tor);
    a->tor = NULL;
}

void qc_app_i2p_address(void *arg, const qc_netaddr *address, bool on)
{
    qc_app *a = arg;
    if (on)
        (void)qc_local_add(local(a), address, 0, QC_LOCAL_MANUAL, false);
    else
        qc_local_remove(local(a), address);
}

static void on_mapped(void *arg, const qc_peer_addr *external)
{
    qc_app *a = arg;
    (void)qc_local_add(local(a), &external->addr, external->port, QC_LOCAL_MAPPED, false);
}

#ifdef QC_UPNP
/* No port is worth a node that does not start. */
static void start_upnp(qc_app *a)
{
    static const char *const place[] = {"quoin-upnp", "../libexec/quoin/quoin-upnp", NULL};
    char *program = qc_os_part(place, QC_UPNP);
    const qc_upnp_options o = {.loop = a->loop,
                               .port = a->nets->listen_port,
                               .program = program,
                               .url = qc_settings_str(a->settings, "upnpurl", NULL),
                               .mapped = on_mapped,
                               .arg = a};
    qc_err err = qc_upnp_new(&a->upnp, &o);
    if (err)
        qc_log(QC_LOG_WARN, "net", "-upnp has no effect: cannot run %s: %s", program,
               qc_err_text(err));
    qc_free(program);
}
#else
static void start_upnp(qc_app *a)
{
    (void)a;
    qc_log(QC_LOG_WARN, "net",
           "-upnp has no effect: this build has no UPnP (configure found no libminiupnpc)");
}
#endif

bool qc_app_portmap_start(qc_app *a)
{
    const qc_portmap_options o = {
        .loop = a->loop, .port = a->nets->listen_port, .mapped = on_mapped, .arg = a};
    if (qc_settings_bool(a->settings, "upnp", false))
        start_upnp(a);
    if (!qc_settings_bool(a->settings, "natpmp", true))
        return true;
    qc_err err = qc_portmap_new(&a->portmap, &o);
    return !err || qc_app_error(a, "Cannot start: %s", qc_err_text(err));
}

void qc_app_portmap_stop(qc_app *a)
{
    qc_portmap_free(a->portmap);
    a->portmap = NULL;
    qc_upnp_free(a->upnp);
    a->upnp = NULL;
}
