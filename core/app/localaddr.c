/* What this node says of its own addresses: the options, and what it listens on. */
#include "core/app/app.h"
#include "core/net/peerbook.h"

qc_localaddrs_options qc_app_local_options(const qc_app *a)
{
    const qc_settings *s = a->settings;
    return (qc_localaddrs_options){.listen = qc_settings_bool(s, "listen", true),
                                   .discover = qc_settings_bool(s, "discover", true),
                                   .cjdns = qc_settings_bool(s, "cjdnsreachable", false),
                                   .port = a->nets->listen_port,
                                   .unreachable = a->nets->unreachable};
}

void qc_app_listens_on(qc_app *a, const qc_peer_addr *at)
{
    qc_localaddrs *local = a->node.book->local;
    if (qc_netaddr_is_any(&at->addr))
        qc_local_discover(local);
    else
        (void)qc_local_add(local, &at->addr, at->port, QC_LOCAL_BIND, false);
}
