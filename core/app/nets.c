/* Networks as the options have them: interactions, proxies, what is reachable. */
#include "core/app/nets.h"

#include "core/app/app.h"
#include "core/base/alloc.h"
#include "core/base/hostport.h"
#include "core/base/log.h"
#include "core/net/sockaddr.h"

#define SAM_PORT 7656u

/* ---- options that follow from others (Core InitParameterInteraction) ---- */

static void follow(qc_app *a, const char *reason, const char *name, const char *value)
{
    if (qc_settings_soft_set(a->settings, name, value))
        qc_log(QC_LOG_INFO, "base", "parameter interaction: %s -> setting -%s=%s", reason, name,
               value);
}

static size_t count(const qc_app *a, const char *name)
{
    size_t n;
    qc_free(qc_settings_list(a->settings, name, &n));
    return n;
}

static bool has_proxy(const qc_app *a)
{
    const char *v = qc_settings_str(a->settings, "proxy", "");
    return *v && strcmp(v, "0") != 0;
}

static bool only_hidden_networks(const qc_app *a)
{
    size_t n, clear = 0;
    const char **list = qc_settings_list(a->settings, "onlynet", &n);
    for (size_t i = 0; i < n; i++) {
        qc_network net = qc_network_parse(list[i]);
        clear += net == QC_NETWORK_IPV4 || net == QC_NETWORK_IPV6;
    }
    qc_free(list);
    return n > 0 && clear == 0;
}

void qc_app_nets_interact(qc_app *a)
{
    static const char CHOSEN[] = "-connect or -maxconnections=0 set", DEAF[] = "-listen=0";
    const qc_settings *s = a->settings;
    if (count(a, "bind"))
        follow(a, "-bind set", "listen", "1");
    if (count(a, "whitebind"))
        follow(a, "-whitebind set", "listen", "1");
    if (count(a, "connect") || qc_settings_is_negated(s, "connect") ||
        qc_settings_int(s, "maxconnections", 200) <= 0) {
        follow(a, CHOSEN, "dnsseed", "0");
        follow(a, CHOSEN, "listen", "0");
    }
    if (has_proxy(a)) { /* who hides does not tell where he is */
        follow(a, "-proxy set", "listen", "0");
        follow(a, "-proxy set", "natpmp", "0");
        follow(a, "-proxy set", "upnp", "0");
        follow(a, "-proxy set", "discover", "0");
    }
    if (!qc_settings_bool(s, "listen", true)) {
        follow(a, DEAF, "natpmp", "0");
        follow(a, DEAF, "upnp", "0");
        follow(a, DEAF, "discover", "0");
        follow(a, DEAF, "listenonion", "0");
        follow(a, DEAF, "i2pacceptincoming", "0");
    }
    if (count(a, "externalip"))
        follow(a, "-externalip set", "discover", "0");
    if (qc_settings_bool(s, "blocksonly", false))
        follow(a, "-blocksonly=1", "whitelistrelay", "0");
    if (qc_settings_bool(s, "whitelistforcerelay", false)) /* that implies to take it */
        follow(a, "-whitelistforcerelay=1", "whitelistrelay", "1");
    if (only_hidden_networks(a))
        follow(a, "-onlynet excludes IPv4 and IPv6", "dnsseed", "0");
}

/* ---- simple checks ---- */

static bool check_listening(qc_app *a)
{
    const qc_settings *s = a->settings;
    bool listen = qc_settings_bool(s, "listen", true);
    if (count(a, "bind") + count(a, "whitebind") && !listen)
        return qc_app_error(a, "Cannot set -bind or -whitebind together with -listen=0");
    if (!listen && qc_settings_bool(s, "listenonion", true))
        return qc_app_error(a, "Cannot set -listen=0 together with -listenonion=1");
    if (qc_settings_bool(s, "forcednsseed", false) && !qc_settings_bool(s, "dnsseed", true))
        return qc_app_error(a, "Cannot set -forcednsseed to true when setting -dnsseed to false.");
    if (qc_settings_int(s, "maxconnections", 200) < 0)
        return qc_app_error(a, "-maxconnections must be greater or equal than zero");
    if (qc_settings_int(s, "peertimeout", 60) <= 0)
        return qc_app_error(a, "peertimeout must be a positive integer.");
    return true;
}

static bool check_numbers(qc_app *a)
{
    static const char *const PORT[] = {"port", "rpcport"};
    for (size_t i = 0; i < QC_COUNTOF(PORT); i++) {
        const char *v = qc_settings_str(a->settings, PORT[i], NULL);
        bool digits = v && *v && strspn(v, "0123456789") == strlen(v);
        if (v && (!digits || qc_atoi64(v) < 1 || qc_atoi64(v) > 65535))
            return qc_app_error(a, "Invalid port specified in -%s: '%s'", PORT[i], v);
    }
    return true;
}

typedef struct endpoint_option {
    const char *name;
    bool unix_path; /* "unix:PATH" will do */
    bool suffix;    /* "=network" may follow */
} endpoint_option;

static bool has_good_port(const endpoint_option *o, const char *value)
{
    char host[256];
    uint16_t port = 1;
    char *text = qc_strdup(value);
    char *eq = o->suffix ? strrchr(text, '=') : NULL;
    if (eq)
        *eq = 0;
    bool ok = (o->unix_path && strncmp(text, "unix:", 5) == 0) || strlen(text) >= sizeof host ||
              !qc_split_host_port(text, host, sizeof host, &port);
    qc_free(text);
    return ok;
}

static bool check_ports(qc_app *a)
{
    static const endpoint_option ALL[] = {
        {"i2psam", false, false},    {"onion", true, false},    {"proxy", true, true},
        {"bind", false, true},       {"rpcbind", false, false}, {"torcontrol", false, false},
        {"whitebind", false, false},
    };
    bool ok = true;
    for (size_t i = 0; i < QC_COUNTOF(ALL) && ok; i++) {
        const char **list = qc_settings_list(a->settings, ALL[i].name, NULL);
        for (size_t k = 0; list[k] && ok; k++)
            if (!has_good_port(&ALL[i], list[k]))
                ok = qc_app_error(a, "Invalid port specified in -%s: '%s'", ALL[i].name, list[k]);
        qc_free(list);
    }
    return ok;
}

/* ---- proxies ---- */

bool qc_app_address(const qc_app *a, const char *text, uint16_t default_port, qc_proxy *out)
{
    char host[256];
    uint16_t port = default_port;
    qc_proxy p = {.len = 0};
    if (qc_split_host_port(text, host, sizeof host, &port) || !*host)
        return false;
    bool dns = qc_settings_bool(a->settings, "dns", true);
    if (!qc_sockaddr_numeric(host, port, &p.addr) && !(dns && qc_resolve_now(host, port, &p.addr)))
        return false;
    p.len = qc_sockaddr_len(&p.addr);
    *out = p;
    return true;
}

bool qc_app_peer_address(const qc_app *a, const char *text, uint16_t default_port,
                         qc_peer_addr *out)
{
    qc_proxy p;
    if (qc_peer_addr_parse(text, default_port, out))
        return qc_netaddr_is_valid(&out->addr);
    return qc_app_address(a, text, default_port, &p) &&
           qc_sockaddr_read(&p.addr, qc_settings_bool(a->settings, "cjdnsreachable", false), out) &&
           qc_netaddr_is_valid(&out->addr);
}

static bool read_proxy(const qc_app *a, const char *text, qc_proxy *out)
{
    bool found = strncmp(text, "unix:", 5) == 0 ? qc_proxy_parse(text, QC_PROXY_PORT, out) == QC_OK
                                                : qc_app_address(a, text, QC_PROXY_PORT, out);
    out->randomize = qc_settings_bool(a->settings, "proxyrandomize", true);
    return found;
}

/* By qc_network; [QC_NETWORK_COUNT]: of names. */
typedef qc_proxy proxy_set[QC_NETWORK_COUNT + 1];

static bool set_for(proxy_set set, const char *net, const qc_proxy *p)
{
    static const struct {
        const char *name;
        qc_network net;
        bool names; /* this network's proxy gets names, too */
    } KNOWN[] = {{"", QC_NETWORK_IPV4, true},       {"", QC_NETWORK_IPV6, true},
                 {"", QC_NETWORK_CJDNS, true},      {"", QC_NETWORK_ONION, true},
                 {"ipv4", QC_NETWORK_IPV4, true},   {"ipv6", QC_NETWORK_IPV6, true},
                 {"tor", QC_NETWORK_ONION, false},  {"onion", QC_NETWORK_ONION, false},
                 {"cjdns", QC_NETWORK_CJDNS, false}};
    bool found = false;
    for (size_t i = 0; i < QC_COUNTOF(KNOWN); i++)
        if (strcmp(net, KNOWN[i].name) == 0) {
            found = true;
            set[KNOWN[i].net] = *p;
            if (KNOWN[i].names)
                set[QC_NETWORK_COUNT] = *p;
        }
    return found;
}

/* "ADDRESS[=NETWORK]", or 0 or nothing for none. */
static bool read_one(qc_app *a, const char *value, proxy_set set)
{
    qc_proxy p = {.len = 0};
    char *text = qc_strdup(value), *eq = strrchr(text, '=');
    const char *net = eq ? eq + 1 : "";
    bool ok = true;
    if (eq && !*net)
        ok = qc_app_error(a, "Invalid -proxy address or hostname, ends with '=': '%s'", value);
    if (eq)
        *eq = 0;
    if (ok && *text && strcmp(text, "0") != 0 && !read_proxy(a, text, &p))
        ok = qc_app_error(a, "Invalid -proxy address or hostname: '%s'", text);
    if (ok && !set_for(set, net, &p))
        ok = qc_app_error(a, "Unrecognized network in -proxy='%s': '%s'", value, net);
    qc_free(text);
    return ok;
}

static bool read_onion(qc_app *a, qc_proxy *p)
{
    qc_app_nets *n = a->nets;
    const char *text = qc_settings_str(a->settings, "onion", "");
    if (strcmp(text, "0") == 0) {
        p->len = 0;
        if (n->only_onion)
            return qc_app_error(a, "Outbound connections restricted to Tor (-onlynet=onion) but "
                                   "the proxy for reaching the Tor network is explicitly "
                                   "forbidden: -onion=0");
    } else if (*text && !read_proxy(a, text, p)) {
        return qc_app_error(a, "Invalid -onion address or hostname: '%s'", text);
    }
    if (p->len)
        return true;
    if (n->only_onion && !qc_settings_bool(a->settings, "listenonion", true))
        return qc_app_error(a, "Outbound connections restricted to Tor (-onlynet=onion) but the "
                               "proxy for reaching the Tor network is not provided: none of "
                               "-proxy, -onion or -listenonion is given");
    n->unreachable |= 1u << QC_NETWORK_ONION; /* until Tor's control port gives a proxy */
    return true;
}

static bool read_sam(qc_app *a, qc_proxy *p)
{
    qc_app_nets *n = a->nets;
    const char *text = qc_settings_str(a->settings, "i2psam", "");
    if (*text)
        return qc_app_address(a, text, SAM_PORT, p) ||
               qc_app_error(a, "Invalid -i2psam address or hostname: '%s'", text);
    if (n->only_some && !(n->unreachable & 1u << QC_NETWORK_I2P))
        return qc_app_error(a, "Outbound connections restricted to i2p (-onlynet=i2p) but "
                               "-i2psam is not provided");
    n->unreachable |= 1u << QC_NETWORK_I2P;
    return true;
}

static bool read_proxies(qc_app *a)
{
    proxy_set set = {{.len = 0}};
    bool ok = true;
    const char **list = qc_settings_list(a->settings, "proxy", NULL);
    for (size_t i = 0; list[i] && ok; i++)
        ok = read_one(a, list[i], set);
    qc_free(list);
    if (!ok || !read_onion(a, &set[QC_NETWORK_ONION]) || !read_sam(a, &set[QC_NETWORK_I2P]))
        return false;
    for (size_t i = 0; i < QC_NETWORK_COUNT; i++)
        qc_proxies_set(a->nets->proxies, (qc_network)i, &set[i]);
    qc_proxies_set_names(a->nets->proxies, &set[QC_NETWORK_COUNT]);
    a->proxy = set[QC_NETWORK_COUNT];
    return true;
}

/* ---- reachable networks ---- */

static bool read_onlynet(qc_app *a)
{
    qc_app_nets *n = a->nets;
    unsigned only = 0;
    bool ok = true;
    const char **list = qc_settings_list(a->settings, "onlynet", NULL);
    for (size_t i = 0; list[i] && ok; i++) {
        qc_network net = qc_network_parse(list[i]);
        n->only_some = true;
        only |= 1u << net;
        if (net == QC_NETWORK_UNROUTABLE)
            ok = qc_app_error(a, "Unknown network specified in -onlynet: '%s'", list[i]);
    }
    qc_free(list);
    if (n->only_some)
        n->unreachable = ~only & ((1u << QC_NETWORK_COUNT) - 1);
    n->only_onion = n->only_some && (only & 1u << QC_NETWORK_ONION);
    if (!ok || qc_settings_bool(a->settings, "cjdnsreachable", false))
        return ok;
    n->unreachable |= 1u << QC_NETWORK_CJDNS;
    return !(only & 1u << QC_NETWORK_CJDNS) ||
           qc_app_error(a, "Outbound connections restricted to CJDNS (-onlynet=cjdns) but "
                           "-cjdnsreachable is not provided");
}

/* DNS gives addresses of IPv4 and IPv6: asked for in so many words, it must be of use. */
static bool check_seeding(qc_app *a)
{
    const unsigned clear = 1u << QC_NETWORK_IPV4 | 1u << QC_NETWORK_IPV6;
    return !qc_settings_bool(a->settings, "dnsseed", false) ||
           (a->nets->unreachable & clear) != clear ||
           qc_app_error(a,
                        "Incompatible options: -dnsseed=1 was explicitly specified, but -onlynet "
                        "forbids connections to IPv4/IPv6");
}

bool qc_app_nets_read(qc_app *a)
{
    a->nets = qc_alloc(sizeof *a->nets);
    a->nets->proxies = qc_proxies_new();
    return check_listening(a) && check_numbers(a) && check_ports(a) && read_onlynet(a) &&
           check_seeding(a) && read_proxies(a) && qc_app_binds_read(a);
}

void qc_app_nets_free(qc_app *a)
{
    if (!a->nets)
        return;
    qc_proxies_free(a->nets->proxies);
    qc_free(a->nets->bind);
    qc_free(a->nets);
    a->nets = NULL;
}
