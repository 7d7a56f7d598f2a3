/* The peer layer inside quoind: made early, so that an address that cannot be had ends the start;
 * run once there is a chain to talk about. */
#include "core/app/app.h"
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/net/outbound.h"
#include "core/net/peerbook.h"

#define MAX_EXTRA_TXS 100000
#define FILES_LEAST 151u /* descriptors for all but peers (Core MIN_CORE_FDS) */
#define CONNECTIONS_MAX 1000000

static void discourage(void *arg, const char *addr)
{
    qc_peerbook_discourage(arg, addr);
}

static uint64_t our_services(const qc_app *a)
{
    uint64_t bits = QC_NODE_WITNESS | QC_NODE_NETWORK_LIMITED;
    /* BIP159: who prunes offers the last two days only. */
    if (qc_settings_int(a->settings, "prune", 0) == 0)
        bits |= QC_NODE_NETWORK;
    if (qc_settings_bool(a->settings, "peerbloomfilters", false))
        bits |= QC_NODE_BLOOM;
    if (qc_settings_bool(a->settings, "v2transport", true))
        bits |= QC_NODE_P2P_V2;
    if (qc_settings_bool(a->settings, "peerblockfilters", false))
        bits |= QC_NODE_COMPACT_FILTERS;
    return bits;
}

/* -whitelist. Out: *list owned, qc_free(). */
static bool read_permits(qc_app *a, qc_permit **list, size_t *n)
{
    const char **text = qc_settings_list(a->settings, "whitelist", n);
    bool relay = qc_settings_bool(a->settings, "whitelistrelay", true);
    bool forced = qc_settings_bool(a->settings, "whitelistforcerelay", false);
    char why[QC_PERMIT_WHY];
    bool ok = true;
    *list = qc_alloc((*n + 1) * sizeof **list);
    for (size_t i = 0; i < *n && ok; i++) {
        if (qc_permit_parse(text[i], &(*list)[i], why))
            ok = qc_app_error(a, "%s", why);
        else
            (*list)[i].flags = qc_permit_settle((*list)[i].flags, relay, forced);
    }
    if (!ok)
        qc_free(*list);
    qc_free(text);
    return ok;
}

/* -maxreceivebuffer and -maxsendbuffer are in thousands of bytes; as in Core, 0 is 0 and stops all
 * at the first byte that waits. */
static size_t buffer_size(qc_app *a, const char *option, uint32_t dflt)
{
    int64_t n = qc_settings_int(a->settings, option, dflt / 1000);
    return n <= 0 ? 1 : (size_t)QC_MIN(n, (int64_t)UINT32_MAX / 1000) * 1000;
}

static bool read_upload(qc_app *a, uint64_t *out)
{
    const char *text = qc_settings_str(a->settings, "maxuploadtarget", "0");
    return !qc_upload_parse(text, out) ||
           qc_app_error(a, "Unable to parse -maxuploadtarget: '%s'", text);
}

/* -externalip: addresses of any network that the operator knows to be ours. */
static bool add_external(qc_app *a)
{
    const char **list = qc_settings_list(a->settings, "externalip", NULL);
    bool ok = true;
    for (size_t i = 0; list[i] && ok; i++) {
        qc_peer_addr at;
        ok = qc_app_peer_address(a, list[i], a->nets->listen_port, &at) ||
             qc_app_error(a, "Cannot resolve -externalip address: '%s'", list[i]);
        if (ok)
            (void)qc_local_add(a->node.book->local, &at.addr, at.port, QC_LOCAL_MANUAL, true);
    }
    qc_free(list);
    return ok;
}

/* As many as -maxconnections says and the system has descriptors for. */
static bool read_slots(qc_app *a, qc_slots *out)
{
    bool private = qc_settings_bool(a->settings, "privatebroadcast", false);
    uint32_t most =
        (uint32_t)QC_MIN(qc_settings_int(a->settings, "maxconnections", 200), CONNECTIONS_MAX);
    uint32_t relay =
        (uint32_t)QC_MIN(QC_MAX(qc_settings_int(a->settings, "inboundrelaypercent", 50), 0), 100);
    uint32_t other = FILES_LEAST + QC_SLOTS_ADDED + (uint32_t)QC_MAX(a->nets->n_bind, 1);
    uint32_t files = qc_os_allow_files(other + most + (private ? QC_NET_PRIVATE_MAX : 0));
    if (files < other)
        return qc_app_error(a, "Not enough file descriptors available. %u available, %u required.",
                            files, other);
    if (files - other < most) {
        qc_app_warn(a, "Reducing -maxconnections from %u to %u, because of system limitations.",
                    most, files - other);
        most = files - other;
    }
    qc_log(QC_LOG_INFO, "net",
           "Using at most %u automatic connections (%u file descriptors available)", most, files);
    *out = qc_slots_of(most, relay);
    return true;
}

/* Connections that nobody asks for. */
static void automate(qc_app *a, const qc_slots *slots)
{
    const qc_settings *s = a->settings;
    size_t n_connect;
    const char **connect = qc_settings_list(s, "connect", &n_connect);
    const char **seednodes = qc_settings_list(s, "seednode", NULL);
    const char **given = NULL;
    if (a->params->id == QC_CHAIN_SIGNET)
        given = qc_settings_list(s, "signetseednode", NULL);
    bool only = n_connect || qc_settings_is_negated(s, "connect");
    bool named = n_connect && !(n_connect == 1 && strcmp(connect[0], "0") == 0);
    char *anchors = qc_asprintf("%s/anchors.dat", a->net_dir);
    const qc_outbound_options o = {.slots = *slots,
                                   .book = a->node.book,
                                   .default_port = a->params->p2p_port,
                                   .automatic = !only,
                                   .dnsseed = qc_settings_bool(s, "dnsseed", true),
                                   .forcednsseed = qc_settings_bool(s, "forcednsseed", false),
                                   .fixedseeds = qc_settings_bool(s, "fixedseeds", true),
                                   .dns = given && given[0] ? given : a->params->dns_seeds,
                                   .fixed = a->params->fixed_seeds,
                                   .seednodes = seednodes,
                                   .anchors_path = anchors};
    if (named && seednodes[0])
        qc_log(QC_LOG_INFO, "net", "-seednode is ignored when -connect is used");
    if (only && qc_settings_is_set(s, "dnsseed") && o.dnsseed && qc_settings_is_set(s, "proxy"))
        qc_log(QC_LOG_INFO, "net",
               "-dnsseed is ignored when -connect is used and -proxy is "
               "specified");
    qc_net_automate(a->node.net, &o);
    qc_free(given);
    qc_free(anchors);
    qc_free(seednodes);
    qc_free(connect);
}

#define PRIVATE "Private broadcast of own transactions requested (-privatebroadcast)"

/* Is there a way for it? Tor's control port may open one later. */
static bool check_private(qc_app *a)
{
    const qc_settings *s = a->settings;
    const qc_app_nets *n = a->nets;
    bool i2p = !(n->unreachable >> QC_NETWORK_I2P & 1);
    bool onion = !(n->unreachable >> QC_NETWORK_ONION & 1) ||
                 (qc_settings_bool(s, "listenonion", true) && (!n->only_some || n->only_onion));
    if (!qc_settings_bool(s, "privatebroadcast", false))
        return true;
    if (!onion && !i2p)
        return qc_app_error(a, "%s, but none of Tor or I2P networks is reachable", PRIVATE);
    if (qc_settings_is_set(s, "connect") || qc_settings_is_negated(s, "connect"))
        return qc_app_error(a,
                            "%s, but -connect is also configured. They are incompatible because "
                            "the private broadcast needs to open new connections to randomly "
                            "chosen Tor or I2P peers. Consider using -maxconnections=0 "
                            "-addnode=... instead",
                            PRIVATE);
    if (onion && !qc_settings_bool(s, "proxyrandomize", true))
        qc_app_warn(a,
                    "%s and -proxyrandomize is disabled. Tor circuits for private broadcast "
                    "connections may be correlated to other connections over Tor. For maximum "
                    "privacy set -proxyrandomize=1.",
                    PRIVATE);
    qc_log(
        QC_LOG_INFO, "net",
        "Private broadcast is for sendrawtransaction: what submitpackage and plugins (tx.submit) "
        "hand in is announced to all peers");
    return true;
}

bool qc_app_peers_start(qc_app *a)
{
    qc_permit *permit;
    size_t n_permit;
    uint64_t upload;
    qc_slots slots;
    if (!check_private(a) || !read_slots(a, &slots) || !read_upload(a, &upload) ||
        !read_permits(a, &permit, &n_permit))
        return false;
    char *capture = qc_asprintf("%s/message_capture", a->net_dir);
    qc_net_options o = {
        .user_agent = a->node.user_agent,
        .slots = slots,
        .peer_timeout = qc_settings_int(a->settings, "peertimeout", 60),
        .services = our_services(a),
        .upload_target = upload,
        .capture_dir = qc_settings_bool(a->settings, "capturemessages", false) ? capture : NULL,
        .recv_max = buffer_size(a, "maxreceivebuffer", QC_NET_RECV_MAX),
        .active = qc_settings_bool(a->settings, "networkactive", true),
        .relay = !qc_settings_bool(a->settings, "blocksonly", false),
        .default_port = a->params->p2p_port,
        .permit = permit,
        .n_permit = n_permit,
        .book = a->node.book,
        .block_spacing = a->params->pow_spacing,
        .proxies = a->nets->proxies,
        .cjdns = qc_settings_bool(a->settings, "cjdnsreachable", false),
        .no_dns = !qc_settings_bool(a->settings, "dns", true),
        .connect_ms = qc_settings_int(a->settings, "timeout", 0),
        .i2p_address = qc_app_i2p_address,
        .i2p_arg = a,
    };
    memcpy(o.magic, a->params->magic, sizeof o.magic);
    char *key = qc_conf_path_in(a->net_dir, "i2p_private_key");
    if (qc_settings_bool(a->settings, "i2pacceptincoming", true))
        o.i2p_key = key;
    qc_err err = qc_net_new(&a->node.net, &o);
    qc_free(key);
    qc_free(permit);
    qc_free(capture);
    if (err)
        return qc_app_error(a, "Cannot start the peer layer");
    a->node.proxies = a->nets->proxies;
    automate(a, &slots);
    if (!add_external(a))
        return false;
    return !qc_settings_bool(a->settings, "listen", true) || qc_app_binds_open(a);
}

static size_t extra_txs(const qc_app *a)
{
    int64_t n = qc_settings_int(a->settings, "blockreconstructionextratxn", 100);
    return (size_t)QC_MIN(QC_MAX(n, 0), MAX_EXTRA_TXS);
}

void qc_app_peers_listen_to_chain(qc_app *a)
{
    uint64_t services = qc_net_services(a->node.net);
    qc_sync_options o = {.chain = a->node.chain,
                         .net = a->node.net,
                         .services = services,
                         .filters = services & QC_NODE_COMPACT_FILTERS ? a->node.filters : NULL,
                         .blocks_only = qc_settings_bool(a->settings, "blocksonly", false),
                         .extra_txs = extra_txs(a),
                         .book = a->node.book,
                         .loaded = &a->node.loaded,
                         .send_pause = buffer_size(a, "maxsendbuffer", QC_SEND_PAUSE),
                         .discourage = discourage,
                         .discourage_arg = a->node.book};
    qc_app_relay_new(a, &o);
    qc_sync_new(&a->node.sync, &o);
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t")] == 0;
}

/* Peers that are wanted: -connect names the only ones, -addnode some. */
static void add_all(qc_app *a, const char *option, bool only)
{
    const char **node = qc_settings_list(a->settings, option, NULL);
    for (size_t i = 0; node[i]; i++) {
        if (!only && is_blank(node[i]))
            qc_log(QC_LOG_WARN, "net", "Ignoring empty -%s value", option);
        else if (only && !node[1] && strcmp(node[0], "0") == 0)
            continue;
        else if (qc_net_add(a->node.net, node[i], true, only))
            qc_log(QC_LOG_WARN, "net", "-%s=%s is given twice", option, node[i]);
    }
    qc_free(node);
}

bool qc_app_peers_run(qc_app *a)
{
    const qc_index *tip = qc_chain_tip(a->node.chain);
    if (tip)
        qc_net_set_tip(a->node.net, tip->height, tip->header.time);
    qc_sync_start(a->node.sync, a->node.chain_thread);
    if (qc_net_start(a->node.net))
        return qc_app_error(a, "Cannot start the peer layer");
    add_all(a, "connect", true);
    add_all(a, "addnode", false);
    return qc_app_portmap_start(a) && qc_app_tor_start(a);
}

void qc_app_peers_stop(qc_app *a)
{
    qc_app_tor_stop(a);
    qc_app_portmap_stop(a);
    qc_net_stop(a->node.net);
    if (a->node.chain_thread)
        qc_sync_stop(a->node.sync);
}

void qc_app_peers_free(qc_app *a)
{
    qc_sync_free(a->node.sync);
    qc_app_relay_free(a);
    qc_net_free(a->node.net);
    a->node.sync = NULL;
    a->node.net = NULL;
}
