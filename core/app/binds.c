/* Listening addresses as the options have them (Core init.cpp, net.cpp InitBinds). */
#include "core/app/app.h"
#include "core/app/nets.h"
#include "core/base/alloc.h"
#include "core/base/log.h"

#include <errno.h>
#include <stdio.h>

static void add(qc_app_nets *n, const qc_net_bind *b)
{
    n->bind = qc_try_realloc(n->bind, (n->n_bind + 1) * sizeof *n->bind);
    QC_ASSERT(n->bind);
    n->bind[n->n_bind++] = *b;
}

/* ADDR[:PORT][=onion] */
static bool read_bind(qc_app *a, const char *value, uint16_t port)
{
    qc_net_bind b = {.permissions = 0};
    char *text = qc_strdup(value), *eq = strrchr(text, '=');
    bool ok = !eq || strcmp(eq + 1, "onion") == 0;
    b.onion = eq != NULL;
    if (eq)
        *eq = 0;
    ok = ok && qc_peer_addr_parse(text, b.onion ? (uint16_t)(port + 1) : port, &b.at);
    qc_free(text);
    if (!ok)
        return qc_app_error(a, "Cannot resolve -bind address: '%s'", value);
    add(a->nets, &b);
    return true;
}

/* [PERMISSIONS@]ADDR:PORT */
static bool read_whitebind(qc_app *a, const char *value)
{
    qc_net_bind b = {.white = true};
    const char *address;
    char why[QC_PERMIT_WHY];
    if (qc_permit_parse_bind(value, &b.permissions, &address, why) ||
        !qc_peer_addr_parse(address, 0, &b.at))
        return qc_app_error(a, "%s", why);
    add(a->nets, &b);
    return true;
}

/* Every value of an option, with the default port. */
static bool read_each(qc_app *a, const char *option, uint16_t port)
{
    bool white = strcmp(option, "whitebind") == 0, ok = true;
    const char **list = qc_settings_list(a->settings, option, NULL);
    for (size_t i = 0; ok && list[i]; i++)
        ok = white ? read_whitebind(a, list[i]) : read_bind(a, list[i], port);
    qc_free(list);
    return ok;
}

static bool check_twice(qc_app *a)
{
    const qc_app_nets *n = a->nets;
    char text[QC_PEER_ADDR_TEXT];
    for (size_t i = 0; i < n->n_bind; i++)
        for (size_t k = 0; k < i; k++)
            if (qc_peer_addr_same(&n->bind[i].at, &n->bind[k].at)) {
                qc_peer_addr_text(&n->bind[i].at, text);
                return qc_app_error(a,
                                    "Duplicate binding configuration for address %s. Please check "
                                    "your -bind, -bind=...=onion and -whitebind settings.",
                                    text);
            }
    return true;
}

/* The target of the onion service: the first address that is Tor's, else the first one, else one of
 * its own on this machine. */
static void choose_target(qc_app *a, uint16_t port)
{
    static const uint8_t LOOPBACK[4] = {127, 0, 0, 1};
    qc_app_nets *n = a->nets;
    const qc_net_bind *first = NULL, *plain = NULL;
    size_t onions = 0;
    char text[QC_PEER_ADDR_TEXT];
    for (size_t i = 0; i < n->n_bind; i++) {
        const qc_net_bind *b = &n->bind[i];
        onions += b->onion;
        if (b->onion && !first)
            first = b;
        if (!b->onion && !b->white && !plain)
            plain = b;
    }
    first = first ? first : plain;
    if (first) {
        n->onion_target = first->at;
    } else {
        qc_net_bind own = {.onion = true};
        own.at.addr = qc_netaddr_of(QC_NETWORK_IPV4, LOOPBACK);
        own.at.port = (uint16_t)(port + 1);
        n->onion_target = own.at;
        add(n, &own);
    }
    if (onions > 1 && qc_settings_bool(a->settings, "listenonion", true)) {
        qc_peer_addr_text(&n->onion_target, text);
        qc_app_warn(a,
                    "More than one onion bind address is provided. Using %s for the automatically "
                    "created Tor onion service.",
                    text);
    }
}

/* Core GetListenPort. */
static uint16_t listen_port(const qc_app *a, uint16_t port)
{
    const qc_app_nets *n = a->nets;
    uint16_t found = 0;
    const char **bind = qc_settings_list(a->settings, "bind", NULL);
    for (size_t i = 0; bind[i] && !found; i++) {
        qc_peer_addr at;
        if (!strchr(bind[i], '=') && qc_peer_addr_parse(bind[i], 0, &at))
            found = at.port;
    }
    qc_free(bind);
    for (size_t i = 0; i < n->n_bind && !found; i++)
        if (n->bind[i].white && (n->bind[i].permissions & QC_PERMIT_NOBAN) != QC_PERMIT_NOBAN)
            found = n->bind[i].at.port;
    return found ? found : port;
}

bool qc_app_binds_read(qc_app *a)
{
    qc_app_nets *n = a->nets;
    uint16_t port = (uint16_t)qc_settings_int(a->settings, "port", a->params->p2p_port);
    if (!read_each(a, "bind", port) || !read_each(a, "whitebind", port))
        return false;
    n->bind_any = n->n_bind == 0;
    choose_target(a, port);
    n->listen_port = listen_port(a, port);
    return check_twice(a);
}

/* ---- opening ---- */

static bool say_why(qc_app *a, const qc_peer_addr *at, qc_err err, int error)
{
    char text[QC_PEER_ADDR_TEXT];
    qc_peer_addr_text(at, text);
    if (err == QC_EBUSY && error == EADDRINUSE)
        qc_app_error(a, "Unable to bind to %s on this computer. Quoin is probably already running.",
                     text);
    else
        qc_app_error(a, "Unable to bind to %s on this computer (bind returned error %s)", text,
                     qc_err_text(err == QC_EBUSY ? qc_err_from_errno(error) : err));
    return qc_app_error(a, "Failed to listen on any port. Use -listen=0 if you want this.");
}

static bool listen_on(qc_app *a, const qc_net_bind *b, bool must)
{
    const qc_settings *s = a->settings;
    qc_net_bind settled = *b;
    settled.permissions =
        qc_permit_settle(b->permissions, qc_settings_bool(s, "whitelistrelay", true),
                         qc_settings_bool(s, "whitelistforcerelay", false));
    qc_err err = qc_net_listen(a->node.net, &settled);
    int error = errno;
    /* Where Tor comes nobody else shall, and whom we favour knows where we are. */
    if (!err && !b->onion && (b->permissions & QC_PERMIT_NOBAN) != QC_PERMIT_NOBAN)
        qc_app_listens_on(a, &b->at);
    return !err || !must || say_why(a, &b->at, err, error);
}

bool qc_app_binds_open(qc_app *a)
{
    static const uint8_t ANY[16] = {0};
    const qc_app_nets *n = a->nets;
    /* Tor's last, as in Core. */
    for (size_t i = 0; i < 2 * n->n_bind; i++) {
        const qc_net_bind *b = &n->bind[i % n->n_bind];
        if (b->onion == (i >= n->n_bind) && !listen_on(a, b, true))
            return false;
    }
    if (!n->bind_any)
        return true;
    qc_net_bind b = {.at = {.addr = qc_netaddr_of(QC_NETWORK_IPV6, ANY), .port = n->listen_port}};
    if (!listen_on(a, &b, false)) /* not every machine has IPv6 */
        return false;
    b.at.addr = qc_netaddr_of(QC_NETWORK_IPV4, ANY);
    return listen_on(a, &b, true);
}
