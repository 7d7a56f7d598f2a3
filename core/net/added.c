/* Peers that an operator wants kept: connected, and connected again when they go. Names are looked
 * up at each try. */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/net/internal.h"
#include "core/net/resolve.h"

#include <stdio.h>

#define SECOND ((qc_mono)1000000000)
#define RETRY_MAX (60 * SECOND)

struct qc_added {
    qc_added *next;
    char *text; /* as given */
    bool v2;
    bool only;       /* -connect: none of those that addnode knows */
    qc_peer_addr at; /* the one for none: a name */
    qc_mono retry, wait;
};

static qc_peer *find(const qc_net *n, const qc_added *a)
{
    qc_peer *p = qc_net_find(n, 0, a->text);
    return p ? p : qc_net_find_at(n, &a->at);
}

static void attempt(qc_net *n, const qc_added *a)
{
    const qc_target t = {.name = a->text, .type = QC_CONN_MANUAL, .v2 = a->v2};
    qc_err err = qc_net_dial(n, &t);
    if (err && err != QC_EEXIST)
        qc_log(QC_LOG_DEBUG, "net", "added node %s: %s", a->text, qc_err_text(err));
}

/* The wait doubles until there is a peer that answers. */
void qc_net_added_tick(qc_net *n, qc_mono now)
{
    uint32_t there = 0;
    for (const qc_added *a = n->added; a; a = a->next)
        there += !a->only && find(n, a);
    for (qc_added *a = n->added; a && atomic_load(&n->active); a = a->next) {
        const qc_peer *p = find(n, a);
        if (p) {
            a->wait = p->info.handshaken ? 0 : a->wait;
            a->retry = now + QC_MAX(a->wait, SECOND);
        } else if (now >= a->retry && (a->only || there < QC_SLOTS_ADDED)) {
            a->wait = QC_MIN(QC_MAX(2 * a->wait, SECOND), RETRY_MAX);
            a->retry = now + a->wait;
            attempt(n, a);
            there += !a->only;
        }
    }
}

bool qc_net_is_added(const qc_net *n, const qc_peer_addr *at)
{
    char host[QC_NETADDR_TEXT] = "", text[QC_PEER_ADDR_TEXT] = "";
    if (at) {
        qc_netaddr_text(&at->addr, host);
        qc_peer_addr_text(at, text);
    }
    for (const qc_added *a = n->added; a; a = a->next)
        if (!a->only && (!at || strcmp(a->text, host) == 0 || strcmp(a->text, text) == 0))
            return true;
    return false;
}

static void free_added(qc_added *a)
{
    qc_free(a->text);
    qc_free(a);
}

void qc_net_added_free(qc_net *n)
{
    for (qc_added *a = n->added, *next; a; a = next) {
        next = a->next;
        free_added(a);
    }
    n->added = NULL;
    qc_resolver_free(n->resolver);
    n->resolver = NULL;
}

/* ---- calls from other threads ---- */

typedef struct call {
    qc_net *n;
    const char *text;
    bool v2, only;
    qc_err err;
    qc_added_info *list;
    size_t count;
} call;

/* Numbers can be written in several ways; a name is only what it is. */
static bool same_node(const qc_added *a, const char *text, const qc_peer_addr *at)
{
    return strcmp(a->text, text) == 0 ||
           (qc_netaddr_is_valid(&at->addr) && qc_peer_addr_same(&a->at, at));
}

static void do_add(void *arg)
{
    call *c = arg;
    qc_added **end = &c->n->added;
    qc_peer_addr at;
    char host[256];
    if (qc_net_target(c->n, c->text, c->n->default_port, host, &at))
        at = (qc_peer_addr){.addr = qc_netaddr_none()};
    for (; *end; end = &(*end)->next)
        if ((*end)->only == c->only && same_node(*end, c->text, &at)) {
            c->err = QC_EEXIST;
            return;
        }
    *end = qc_alloc(sizeof **end);
    (*end)->at = at;
    (*end)->text = qc_strdup(c->text);
    (*end)->v2 = c->v2;
    (*end)->only = c->only;
}

static void do_remove(void *arg)
{
    call *c = arg;
    for (qc_added **at = &c->n->added; *at; at = &(*at)->next)
        if (!(*at)->only && strcmp((*at)->text, c->text) == 0) {
            qc_added *a = *at;
            *at = a->next;
            free_added(a);
            return;
        }
    c->err = QC_ENOENT;
}

static void do_list(void *arg)
{
    call *c = arg;
    size_t n = 0;
    for (const qc_added *a = c->n->added; a; a = a->next)
        n++;
    c->list = qc_try_calloc(n + 1, sizeof *c->list);
    for (const qc_added *a = c->n->added; c->list && a; a = a->next) {
        if (a->only)
            continue;
        qc_added_info *i = &c->list[c->count++];
        const qc_peer *p = find(c->n, a);
        snprintf(i->node, sizeof i->node, "%s", a->text);
        i->connected = p && !p->connecting;
        if (i->connected) {
            i->inbound = p->info.inbound;
            qc_peer_addr_text(&p->info.where, i->addr);
        }
    }
    c->err = c->list ? QC_OK : QC_ENOMEM;
}

qc_err qc_net_add(qc_net *n, const char *node, bool v2, bool only)
{
    call c = {.n = n, .text = node, .v2 = v2, .only = only};
    qc_loop_call(n->loop, do_add, &c);
    return c.err;
}

qc_err qc_net_remove(qc_net *n, const char *node)
{
    call c = {.n = n, .text = node};
    qc_loop_call(n->loop, do_remove, &c);
    return c.err;
}

qc_err qc_net_added(qc_net *n, qc_added_info **list, size_t *count)
{
    call c = {.n = n};
    qc_loop_call(n->loop, do_list, &c);
    *list = c.list;
    *count = c.count;
    return c.err;
}
