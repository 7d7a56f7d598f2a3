/* -netinfo: the peers as a table, laid out as bitcoin-cli lays it out; -addrinfo: how many
 * addresses the node knows. */
#include "core/base/alloc.h"
#include "core/cli/cli.h"
#include "core/cli/text.h"

#include <stdio.h>
#include <stdlib.h>

/* Short names, in the order of Core's networks. */
static const char *const NETWORK[][2] = {{"not_publicly_routable", "npr"},
                                         {"ipv4", "ipv4"},
                                         {"ipv6", "ipv6"},
                                         {"onion", "onion"},
                                         {"i2p", "i2p"},
                                         {"cjdns", "cjdns"},
                                         {"internal", "int"}};
#define NETWORKS QC_COUNTOF(NETWORK)
#define ALL NETWORKS

typedef struct row {
    char *addr, *version, *services;
    const char *net, *type;
    char v, hb[3], age[24], addrp[24], addrl[24], last[4][24]; /* send, recv, txn, blk */
    char ping[2][16];                                          /* least, last */
    double least;
    int64_t id, mapped_as;
    bool outbound;
} row;

typedef struct table {
    const qc_cli_netinfo *o;
    unsigned count[3][NETWORKS + 1]; /* in, out, total */
    unsigned block_only, manual;
    row *row;
    size_t n;
    int w_addr, w_addrp, w_addrl, w_age, w_id, w_services;
    bool asmap;
} table;

/* ---- values ---- */

static char *plain(qc_span v)
{
    qc_bytes b = QC_BYTES_INIT;
    qc_text_shown(&b, v);
    qc_text_add(&b, "", 1);
    return (char *)b.data;
}

static int64_t number(qc_span obj, const char *key)
{
    qc_span v = qc_text_member(obj, key);
    return v.len ? strtoll((const char *)v.data, NULL, 10) : 0;
}

static bool yes(qc_span obj, const char *key)
{
    return qc_span_eq(qc_text_member(obj, key), qc_span_str("true"));
}

static size_t network_of(qc_span obj, const char *key)
{
    char *name = plain(qc_text_member(obj, key));
    size_t i = 0;
    while (i < NETWORKS && strcmp(name, NETWORK[i][0]) != 0)
        i++;
    qc_free(name);
    return i;
}

/* "nwcl2": a letter for each service. */
static char *letters(qc_span names)
{
    qc_bytes b = QC_BYTES_INIT;
    qc_span one;
    for (size_t i = 0; (one = qc_text_element(names, i)).len; i++) {
        bool limited = qc_span_eq(one, qc_span_str("\"NETWORK_LIMITED\""));
        bool v2 = qc_span_eq(one, qc_span_str("\"P2P_V2\""));
        char c = limited ? 'l' : v2 ? '2' : one.len > 1 ? (char)(one.data[1] | 32) : '?';
        qc_text_add(&b, &c, 1);
    }
    qc_text_add(&b, "", 1);
    return (char *)b.data;
}

/* "network, network limited" */
static void add_services(qc_bytes *out, qc_span names)
{
    qc_span one;
    for (size_t i = 0; (one = qc_text_element(names, i)).len; i++) {
        char *name = plain(one);
        for (char *p = name; *p; p++)
            *p = (char)(*p == '_' ? ' ' : *p >= 'A' && *p <= 'Z' ? *p | 32 : *p);
        qc_text_addf(out, "%s%s", i ? ", " : "", name);
        qc_free(name);
    }
}

static void milliseconds(qc_span peer, const char *key, char out[16], double *seconds)
{
    qc_span v = qc_text_member(peer, key);
    double s = v.len ? strtod((const char *)v.data, NULL) : -1;
    if (seconds)
        *seconds = s;
    if (s < 0)
        out[0] = 0;
    else if (s * 1000 > 999999)
        snprintf(out, 16, "-");
    else
        snprintf(out, 16, "%.0f", 1000 * s);
}

/* Time since then, or `none`. */
static void since(qc_span peer, const char *key, int64_t now, int unit, const char *none,
                  char out[24])
{
    int64_t t = number(peer, key);
    if (t)
        snprintf(out, 24, "%lld", (long long)((now - t) / unit));
    else
        snprintf(out, 24, "%s", none);
}

static const char *short_type(const char *type)
{
    static const char *const MAP[][2] = {{"outbound-full-relay", "full"},
                                         {"block-relay-only", "block"},
                                         {"manual", "manual"},
                                         {"feeler", "feeler"},
                                         {"addr-fetch", "addr"},
                                         {"private-broadcast", "priv"}};
    for (size_t i = 0; i < QC_COUNTOF(MAP); i++)
        if (strcmp(type, MAP[i][0]) == 0)
            return MAP[i][1];
    return "";
}

/* ---- rows ---- */

static void count_if(qc_span peer, const char *key, bool relays, char out[24])
{
    int64_t n = number(peer, key);
    if (n)
        snprintf(out, 24, "%lld", (long long)n);
    else
        snprintf(out, 24, "%s", relays ? "" : ".");
}

static int wider(int w, size_t len)
{
    return (int)len > w ? (int)len : w;
}

static void widen(table *t, const row *r)
{
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)r->id);
    t->w_addr = wider(t->w_addr, strlen(r->addr) + 1);
    t->w_addrp = wider(t->w_addrp, strlen(r->addrp));
    t->w_addrl = wider(t->w_addrl, strlen(r->addrl));
    t->w_age = wider(t->w_age, strlen(r->age));
    t->w_id = wider(t->w_id, strlen(id));
    t->w_services = wider(t->w_services, strlen(r->services));
    t->asmap |= r->mapped_as != 0;
}

static void add_row(table *t, qc_span peer, size_t net, const char *type, bool outbound)
{
    const int64_t now = t->o->now;
    row *r = &t->row[t->n++];
    char *agent = plain(qc_text_member(peer, "subver"));
    char *transport = plain(qc_text_member(peer, "transport_protocol_type"));
    *r = (row){.addr = plain(qc_text_member(peer, "addr")),
               .services = letters(qc_text_member(peer, "servicesnames")),
               .net = NETWORK[net][1],
               .type = short_type(type),
               .id = number(peer, "id"),
               .mapped_as = number(peer, "mapped_as"),
               .outbound = outbound};
    r->v = strlen(transport) == 2 && transport[0] == 'v' ? transport[1] : ' ';
    r->version = number(peer, "version")
                     ? qc_asprintf("%lld%s", (long long)number(peer, "version"), agent)
                     : qc_strdup("");
    r->hb[0] = yes(peer, "bip152_hb_to") ? '.' : ' ';
    r->hb[1] = yes(peer, "bip152_hb_from") ? '*' : ' ';
    milliseconds(peer, "minping", r->ping[0], &r->least);
    milliseconds(peer, "pingtime", r->ping[1], NULL);
    since(peer, "lastsend", now, 1, "", r->last[0]);
    since(peer, "lastrecv", now, 1, "", r->last[1]);
    since(peer, "last_transaction", now, 60, yes(peer, "relaytxes") ? "" : "*", r->last[2]);
    since(peer, "last_block", now, 60, "", r->last[3]);
    since(peer, "conntime", now, 60, "", r->age);
    count_if(peer, "addr_processed", yes(peer, "addr_relay_enabled"), r->addrp);
    count_if(peer, "addr_rate_limited", true, r->addrl);
    widen(t, r);
    qc_free(agent);
    qc_free(transport);
}

static void read_peers(table *t, qc_span peers)
{
    size_t n = 0, at = 0;
    while (qc_text_next(peers, &at).len)
        n++;
    t->row = qc_alloc((n + 1) * sizeof *t->row);
    at = 0;
    for (qc_span p; (p = qc_text_next(peers, &at)).len;) {
        size_t net = network_of(p, "network");
        if (net == NETWORKS)
            continue;
        bool outbound = !yes(p, "inbound");
        char *type = plain(qc_text_member(p, "connection_type"));
        t->count[outbound][net]++;
        t->count[outbound][ALL]++;
        t->count[2][net]++;
        t->count[2][ALL]++;
        t->block_only += strcmp(type, "block-relay-only") == 0;
        t->manual += strcmp(type, "manual") == 0;
        if (t->o->level && (outbound || !t->o->outbound_only))
            add_row(t, p, net, type, outbound);
        qc_free(type);
    }
}

static int by_direction_and_ping(const void *a, const void *b)
{
    const row *x = a, *y = b;
    if (x->outbound != y->outbound)
        return x->outbound ? 1 : -1;
    return (x->least > y->least) - (x->least < y->least);
}

/* ---- output ---- */

static void put_rows(qc_bytes *out, table *t)
{
    bool addr = t->o->level == 2 || t->o->level == 4, version = t->o->level >= 3;
    qsort(t->row, t->n, sizeof *t->row, by_direction_and_ping);
    qc_text_addf(out, "<->   type   net %*s  v  mping   ping send recv  txn  blk  hb %*s%*s%*s ",
                 t->w_services, "serv", t->w_addrp, "addrp", t->w_addrl, "addrl", t->w_age, "age");
    qc_text_addf(out, "%s%*s %-*s%s\n", t->asmap ? " asmap " : "", t->w_id, "id",
                 addr ? t->w_addr : 0, addr ? "address" : "", version ? "version" : "");
    for (size_t i = 0; i < t->n; i++) {
        const row *r = &t->row[i];
        char as[24] = "";
        if (r->mapped_as)
            snprintf(as, sizeof as, "%lld", (long long)r->mapped_as);
        qc_text_addf(out, "%3s %6s %5s %*s %2c%7s%7s%5s%5s%5s%5s  %2s %*s%*s%*s%*s %*lld %-*s%s\n",
                     r->outbound ? "out" : "in", r->type, r->net, t->w_services, r->services, r->v,
                     r->ping[0], r->ping[1], r->last[0], r->last[1], r->last[2], r->last[3], r->hb,
                     t->w_addrp, r->addrp, t->w_addrl, r->addrl, t->w_age, r->age, t->asmap ? 7 : 0,
                     as, t->w_id, (long long)r->id, addr ? t->w_addr : 0, addr ? r->addr : "",
                     version ? r->version : "");
    }
    qc_text_addf(out,
                 "                %*s         ms     ms  sec  sec  min  min                %*s\n\n",
                 t->w_services, "", t->w_age, "min");
}

static void put_counts(qc_bytes *out, const table *t, qc_span networks)
{
    static const char *const ROW[] = {"in", "out", "total"};
    size_t column[2 * NETWORKS], n = 0;
    qc_span one;
    qc_text_addf(out, "     ");
    for (size_t i = 0; (one = qc_text_element(networks, i)).len && n < NETWORKS; i++) {
        size_t net = network_of(one, "name");
        if (!yes(one, "reachable") || net == NETWORKS)
            continue;
        qc_text_addf(out, "%8s", NETWORK[net][0]);
        column[n++] = net;
    }
    for (size_t net = 0; net < NETWORKS; net += NETWORKS - 1) /* the two that nobody reaches */
        if (t->count[2][net]) {
            qc_text_addf(out, "%8s", NETWORK[net][1]);
            column[n++] = net;
        }
    qc_text_addf(out, "   total   block%s", t->manual ? "  manual" : "");
    for (size_t i = 0; i < 3; i++) {
        qc_text_addf(out, "\n%-5s", ROW[i]);
        for (size_t k = 0; k < n; k++)
            qc_text_addf(out, "%8u", t->count[i][column[k]]);
        qc_text_addf(out, "   %5u", t->count[i][ALL]);
        if (i == 1)
            qc_text_addf(out, "   %5u", t->block_only);
        if (i == 1 && t->manual)
            qc_text_addf(out, "   %5u", t->manual);
    }
}

static void put_local(qc_bytes *out, qc_span list)
{
    qc_span one;
    int width = 0;
    for (size_t i = 0; (one = qc_text_element(list, i)).len; i++)
        width = wider(width, qc_text_member(one, "address").len - 1);
    qc_text_addf(out, "\n\nLocal addresses%s", width ? "" : ": n/a\n");
    for (size_t i = 0; (one = qc_text_element(list, i)).len; i++) {
        char *addr = plain(qc_text_member(one, "address"));
        qc_text_addf(out, "\n%-*s    port %6lld    score %6lld", width, addr,
                     (long long)number(one, "port"), (long long)number(one, "score"));
        qc_free(addr);
    }
}

static const char *chain_word(const char *chain)
{
    return strcmp(chain, "main") == 0 ? "" : strcmp(chain, "test") == 0 ? "testnet" : chain;
}

qc_err qc_cli_netinfo_text(qc_span batch, const qc_cli_netinfo *o, qc_bytes *out, char **error)
{
    table t = {.o = o, .w_addrp = 5, .w_addrl = 6, .w_age = 5, .w_id = 2, .w_services = 6};
    qc_span peers, net;
    qc_err err = qc_cli_result(batch, '0', &peers, error);
    if (!err)
        err = qc_cli_result(batch, '1', &net, error);
    if (err)
        return err;
    char *agent = plain(qc_text_member(net, "subversion"));
    qc_span names = qc_text_member(net, "localservicesnames");
    const char *chain = chain_word(o->chain);
    read_peers(&t, peers);
    qc_text_addf(out, "Quoin client v%s%s%s - server %lld%s", PACKAGE_VERSION, *chain ? " " : "",
                 chain, (long long)number(net, "protocolversion"), agent);
    if (o->level) {
        char *mine = letters(names);
        qc_text_addf(out, " - services %s", mine);
        qc_free(mine);
    }
    qc_text_addf(out, "\n\n");
    if (t.n)
        put_rows(out, &t);
    put_counts(out, &t, qc_text_member(net, "networks"));
    if (!o->level) {
        qc_text_addf(out, "\n\nLocal services: ");
        add_services(out, names);
    }
    put_local(out, qc_text_member(net, "localaddresses"));
    for (size_t i = 0; i < t.n; i++) {
        qc_free(t.row[i].addr);
        qc_free(t.row[i].version);
        qc_free(t.row[i].services);
    }
    qc_free(t.row);
    qc_free(agent);
    return QC_OK;
}

qc_err qc_cli_addrinfo_text(qc_span reply, qc_bytes *out, char **error)
{
    qc_span known;
    static const char *const KEY[] = {"ipv4", "ipv6", "onion", "i2p", "cjdns", "all_networks"};
    qc_bytes json = QC_BYTES_INIT;
    qc_err err = qc_cli_result(reply, '0', &known, error);
    if (err)
        return err;
    for (size_t i = 0; i < QC_COUNTOF(KEY); i++)
        qc_text_addf(&json, "%s\"%s\":%lld", i ? "," : "{\"addresses_known\":{",
                     i + 1 < QC_COUNTOF(KEY) ? KEY[i] : "total",
                     (long long)number(qc_text_member(known, KEY[i]), "total"));
    qc_text_add(&json, "}}", 2);
    qc_text_pretty(out, qc_bytes_span(&json));
    qc_bytes_free(&json);
    return QC_OK;
}

const char QC_CLI_NETINFO_HELP[] =
    "-netinfo [level [outonly]] | help\n\n"
    "Shows the peers of the node, from getpeerinfo and getnetworkinfo. For the eye: the layout may "
    "change.\nWith watch(1) it becomes a dashboard: watch --interval 1 --no-title quoin-cli "
    "-netinfo "
    "4\n\n"
    "level    0 (default)  how many peers there are on each network, and our own addresses\n"
    "         1            a line for each peer before that\n"
    "         2            ... with its address\n"
    "         3            ... with its version\n"
    "         4            ... with both\n"
    "outonly  (or o)       lines only for peers that we connected to\n"
    "help     (or h)       this text\n\n"
    "The columns, sorted by direction and by the shortest ping:\n"
    "  <->    in: the peer connected to us; out: we connected to it\n"
    "  type   full; block (blocks only); manual (addnode, -addnode, -connect); feeler (tests an "
    "address);\n         addr (asks for addresses)\n"
    "  net    ipv4, ipv6, onion, i2p, cjdns, or npr: not publicly routable\n"
    "  serv   what it serves: n all blocks, l the last two days of them, w witnesses, c filters,\n"
    "         b bloom filters, 2 encryption, u something unknown\n"
    "  v      version of the transport: 2 is encrypted\n"
    "  mping  shortest ping; ping: the last one; milliseconds\n"
    "  send   since the last message to it; recv: from it; seconds\n"
    "  txn    since the last transaction from it that was accepted; minutes; *: transactions are "
    "not "
    "relayed\n"
    "  blk    since the last block from it that was accepted; minutes\n"
    "  hb     . we asked it for blocks unasked (BIP152), * it asked us\n"
    "  addrp  addresses from it that we looked at; a dot: none are exchanged with it\n"
    "  addrl  addresses from it that were too many\n"
    "  age    of the connection, minutes\n"
    "  asmap  the autonomous system it is in (-asmap)\n"
    "  id     for disconnectnode\n"
    "  address, version: as it shows them\n";
