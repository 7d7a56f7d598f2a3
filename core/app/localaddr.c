/* What this node says of its own addresses: the options, and what it listens on. */
#include "core/app/app.h"
#include "core/base/alloc.h"
#include "core/base/hostport.h"
#include "core/net/peerbook.h"

/* "host[:port]"; *port is left alone without one. */
static bool read_address(const char *text, qc_netaddr *a, uint16_t *port)
{
    char host[256];
    return !qc_split_host_port(text, host, sizeof host, port) && !qc_netaddr_parse(host, a);
}

/* The port of the first of an option's addresses that names one; 0: none does. A value that is more
 * than an address (permissions before it, a mark behind it) is passed over. */
static uint16_t port_of(const qc_app *a, const char *option)
{
    const char **list = qc_settings_list(a->settings, option, NULL);
    uint16_t port = 0;
    qc_netaddr ignored;
    for (size_t i = 0; port == 0 && list[i]; i++)
        if (!read_address(list[i], &ignored, &port))
            port = 0;
    qc_free(list);
    return port;
}

/* Core GetListenPort. */
static uint16_t listen_port(const qc_app *a)
{
    uint16_t port = port_of(a, "bind");
    if (!port)
        port = port_of(a, "whitebind");
    return port ? port : (uint16_t)qc_settings_int(a->settings, "port", a->params->p2p_port);
}

qc_localaddrs_options qc_app_local_options(const qc_app *a)
{
    const qc_settings *s = a->settings;
    qc_localaddrs_options o = {.listen = qc_settings_bool(s, "listen", true),
                               .discover = qc_settings_bool(s, "discover", true),
                               .cjdns = qc_settings_bool(s, "cjdnsreachable", false),
                               .port = listen_port(a),
                               /* Tor and I2P make themselves reachable when they are set up. */
                               .unreachable = 1u << QC_NETWORK_ONION | 1u << QC_NETWORK_I2P};
    if (!o.cjdns)
        o.unreachable |= 1u << QC_NETWORK_CJDNS;
    return o;
}

void qc_app_listens_on(qc_app *a, const char *text, uint16_t port)
{
    qc_localaddrs *local = a->node.book->local;
    qc_netaddr addr;
    if (!read_address(text, &addr, &port))
        return;
    if (qc_netaddr_is_any(&addr))
        qc_local_discover(local);
    else
        (void)qc_local_add(local, &addr, port, QC_LOCAL_BIND, false);
}
