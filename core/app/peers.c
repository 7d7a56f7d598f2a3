/* The peer layer inside quoind. In this version it does the handshake and nothing more, so it runs
 * on regtest only: no other network would gain from such a peer. */
#include "core/app/app.h"
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/net/peerbook.h"

static bool listen_on(qc_app *a, const char *text, uint16_t port)
{
    qc_err err = qc_net_listen(a->node.net, text, port);
    return !err ||
           qc_app_error(a, "Unable to bind to %s on this computer: %s", text, qc_err_text(err));
}

/* -bind=ADDR[:PORT][=onion]: the onion mark is for Tor, which is not spoken yet. */
static bool listen_all(qc_app *a)
{
    uint16_t port = (uint16_t)qc_settings_int(a->settings, "port", a->params->p2p_port);
    const char **bind = qc_settings_list(a->settings, "bind", NULL);
    bool ok = true, any = false;
    for (size_t i = 0; ok && bind[i]; i++) {
        any = true;
        if (!strchr(bind[i], '='))
            ok = listen_on(a, bind[i], port);
    }
    qc_free(bind);
    if (!any)
        ok = listen_on(a, "127.0.0.1", port);
    return ok;
}

static bool is_banned(void *arg, const char *addr)
{
    return qc_peerbook_is_banned(arg, addr);
}

bool qc_app_peers_start(qc_app *a)
{
    if (a->params->id != QC_CHAIN_REGTEST)
        return true;
    qc_net_options o = {
        .user_agent = a->node.user_agent,
        .max_peers = (uint32_t)qc_settings_int(a->settings, "maxconnections", 200),
        .peer_timeout = qc_settings_int(a->settings, "peertimeout", 60),
        .services = qc_settings_bool(a->settings, "v2transport", true) ? QC_NODE_P2P_V2 : 0,
        .active = qc_settings_bool(a->settings, "networkactive", true),
        .refuses = is_banned,
        .refuses_arg = a->node.book,
    };
    memcpy(o.magic, a->params->magic, sizeof o.magic);
    if (qc_net_new(&a->node.net, &o))
        return qc_app_error(a, "Cannot start the peer layer");
    if (qc_settings_bool(a->settings, "listen", true) && !listen_all(a))
        return false;
    return !qc_net_start(a->node.net) || qc_app_error(a, "Cannot start the peer layer");
}

void qc_app_peers_stop(qc_app *a)
{
    qc_net_free(a->node.net);
    a->node.net = NULL;
}
