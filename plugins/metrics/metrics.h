/* plugins/metrics: a Prometheus exporter. collect.c writes the text, port.c answers on a port of
 * its own, metrics.c is the plugin. All on the plugin's loop. */
#pragma once
#include "quoin/chain_read.h"
#include "quoin/http_serve.h"
#include "quoin/net_listen.h"
#include "quoin/node_read.h"
#include "quoin/peers_read.h"
#include "quoin/sdk.h"

#define MX_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define MX_CONNS 16
#define MX_PEERS 1000      /* that are looked at */
#define MX_HEAD 4096       /* bytes of a request that are looked at */
#define MX_PATIENCE 10000u /* ms a client has for request and answer */

/** Text that grows. `failed` sticks when memory has run out. */
typedef struct mx_text {
    char *data;
    size_t len, cap;
    int failed;
} mx_text;

struct mx;

/** A client of the own port. */
typedef struct mx_conn {
    struct mx *x;
    int fd; /* -1: free */
    uint64_t id;
    uint64_t since;
    char head[MX_HEAD];
    size_t have;
    mx_text out;
    size_t sent;
} mx_conn;

typedef struct mx {
    const qn_host_1 *host;
    const qn_chain_read_1 *chain;
    const qn_node_read_1 *node;
    const qn_peers_read_1 *peers;  /* NULL: not granted */
    const qn_http_serve_1 *http;   /* NULL: not granted */
    const qn_net_listen_1 *listen; /* NULL: not granted */
    qn_cap *cap, *chain_cap, *node_cap, *peers_cap, *http_cap, *listen_cap;
    const char *address; /* NULL: no port of its own */
    char address_text[80];
    uint64_t listener, timer;
    mx_conn conn[MX_CONNS];
    qn_node_plugin plugin[256];
    qn_node_metric metric[128];
    qn_peer peer[MX_PEERS];
} mx;

/** Append to a text; what has no memory sets `failed`. collect.c. */
void mx_puts(mx_text *t, const char *text);
/** HELP and TYPE of a family. */
void mx_family(mx_text *t, const char *name, const char *type, const char *help);
/** A label behind a name; the caller closes the brace behind the last. */
void mx_label(mx_text *t, int first, const char *name, const char *value);
/** " value\n" */
void mx_value(mx_text *t, uint64_t v);
/** A family of one sample. */
void mx_one(mx_text *t, const char *name, const char *type, const char *help, uint64_t v);
/** Peers by network, kind and transport, messages by type, addresses, bans. peers.c. Returns QN_OK,
 *  or why there is nothing. */
qn_status mx_put_peers(mx *x, mx_text *t);

/** Everything, as text format 0.0.4. Returns QN_OK, or why there is nothing. Out: *out, free(data).
 */
qn_status mx_collect(mx *x, mx_text *out);
/** Begin and end serving on x->address. */
qn_status mx_port_open(mx *x);
void mx_port_close(mx *x);
