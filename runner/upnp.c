/* quoin-upnp: talks to UPnP gateways for quoind, in a process of its own: the library parses what
 * any device of the local network sends, without a limit of time or memory. Both are limited here,
 * and no right is left but to use the network. core/net/upnptalk.h has the messages. */
#include "core/os/file.h"
#include "core/os/landlock.h"
#include "core/os/namespaces.h"
#include "core/os/privs.h"

#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#include <miniupnpc/upnperrors.h>

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET 3
#define MESSAGE_MAX 1024
#define SEARCH_MS 2000
#define TTL 2              /* of the search: UPnP Device Architecture 1.1, 1.3.2 */
#define MEMORY (16u << 20) /* bytes that can be written */
#define CPU_S 5u           /* headers without end are read again with each packet */
#define NOBODY 65534u
#define ONLY_PERMANENT 725 /* IGD: leases do not end */
#define DESCRIPTION "Quoin"
#define LIFE_S 40u /* a round takes 30 s at most, and who started us may not kill us */

typedef struct gateway {
    struct UPNPUrls urls;
    struct IGDdatas data;
    char lan[64], external[64];
} gateway;

/* ---- messages ---- */

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    /* What is cut would be garbage to who reads it. */
    if (n <= 0 || (size_t)n >= sizeof text)
        n = snprintf(text, sizeof text, "failed 0 names that are too long");
    if (send(SOCKET, text, (size_t)n, MSG_NOSIGNAL) != n)
        exit(1);
}

static void say_code(int code)
{
    const char *text = strupnperror(code);
    say("failed %d %s", code > 0 ? code : 0, text ? text : "unknown error");
}

/* ---- what is asked ---- */

/* The host of a URL of HTTP: a name or an IPv4 address, which every reader of URLs takes for the
 * same. Returns its length; 0: there is none. */
static size_t host_of(const char *url, const char **host)
{
    if (strncmp(url, "http://", 7) != 0)
        return 0;
    *host = url + 7;
    size_t n = strspn(*host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");
    char end = (*host)[n];
    return end == ':' || end == '/' || end == 0 ? n : 0;
}

static bool same_host(const char *a, const char *b)
{
    const char *x, *y;
    size_t n = host_of(a, &x);
    return n && host_of(b, &y) == n && strncasecmp(x, y, n) == 0;
}

static bool has_address(const char *url)
{
    const char *host;
    size_t n = host_of(url, &host);
    return n && strspn(host, "0123456789.") >= n;
}

/* As look_at(), of the service that is the first of the description. */
static const char *judge(const char *url, gateway *g)
{
    /* To the library a page of nonsense is a description, too. */
    if (!g->urls.controlURL || !*g->data.first.servicetype)
        return "its description names no service";
    if (!same_host(url, g->urls.controlURL))
        return "its description leads to another host";
    return UPNPIGD_IsConnected(&g->urls, &g->data) ? NULL : "it is not connected";
}

/* The gateway described at `url`. NULL: it is one, and it is connected; else why not. Whoever
 * answers a search says where to send requests: to himself alone (its port may differ). */
static const char *look_at(const char *url, gateway *g)
{
    memset(&g->data, 0, sizeof g->data);
    if (!UPNP_GetIGDFromUrl(url, &g->urls, &g->data, g->lan, sizeof g->lan))
        return "no description of one at its URL";
    const char *why = judge(url, g);
    if (why && *g->data.second.servicetype) { /* as with lines that may be dialled by PPP */
        FreeUPNPUrls(&g->urls);
        g->data.first = g->data.second;
        GetUPNPUrls(&g->urls, &g->data, url, 0);
        why = judge(url, g);
    }
    if (why)
        FreeUPNPUrls(&g->urls);
    return why;
}

/* NULL: there is one, and it is connected; else why not. */
static const char *search(const char *url, gateway *g)
{
    if (strcmp(url, "-") != 0)
        return look_at(url, g);
    int err = 0;
    struct UPNPDev *list = upnpDiscover(SEARCH_MS, NULL, NULL, UPNP_LOCAL_PORT_ANY, 0, TTL, &err);
    if (!list)
        return err ? "the search failed" : "no device answers";
    const char *why = NULL;
    for (struct UPNPDev *d = list; d; d = d->pNext) {
        /* A name could stand for this host now, for that one later. */
        why = has_address(d->descURL) ? look_at(d->descURL, g) : "its URL has no address";
        if (!why)
            break;
    }
    freeUPNPDevlist(list);
    return why;
}

static void find(const char *url, gateway *g)
{
    const char *why = search(url, g);
    if (why) {
        say("failed 0 %s", why);
        return;
    }
    int err = UPNP_GetExternalIPAddress(g->urls.controlURL, g->data.first.servicetype, g->external);
    if (err)
        say_code(err);
    else if (!*g->external)
        say("failed 0 it does not know its address");
    else
        say("found %s %s %s %s", g->external, g->lan, g->urls.controlURL,
            g->data.first.servicetype);
}

static void map(const gateway *g, const char *port, const char *lease)
{
    if (!g->urls.controlURL) {
        say("failed 0 nothing is found");
        return;
    }
    const char *control = g->urls.controlURL, *service = g->data.first.servicetype;
    int err =
        UPNP_AddPortMapping(control, service, port, port, g->lan, DESCRIPTION, "TCP", NULL, lease);
    if (err == ONLY_PERMANENT) {
        lease = "0";
        err = UPNP_AddPortMapping(control, service, port, port, g->lan, DESCRIPTION, "TCP", NULL,
                                  lease);
    }
    if (err)
        say_code(err);
    else
        say("mapped %s", lease);
}

static void unmap(const char *control, const char *service, const char *port)
{
    int err = UPNP_DeletePortMapping(control, service, port, "TCP", NULL);
    if (err)
        say_code(err);
    else
        say("unmapped");
}

static void serve(char *text, gateway *g)
{
    char *word[4] = {text, NULL, NULL, NULL};
    for (size_t i = 1; i < 4; i++) {
        char *space = strchr(word[i - 1], ' ');
        if (!space)
            break;
        *space = 0;
        word[i] = space + 1;
    }
    if (strcmp(word[0], "find") == 0 && word[1])
        find(word[1], g);
    else if (strcmp(word[0], "map") == 0 && word[2])
        map(g, word[1], word[2]);
    else if (strcmp(word[0], "unmap") == 0 && word[3])
        unmap(word[1], word[2], word[3]);
    else
        say("failed 0 not understood");
}

/* ---- rights ---- */

static bool forbid_files(void)
{
    unsigned abi = qc_landlock_abi();
    int fd;
    if (abi == 0) /* a kernel without: the user has to do */
        return true;
    if (qc_landlock_new_online(abi, &fd))
        return false;
    bool ok = !qc_landlock_enforce(fd);
    qc_os_close(fd);
    return ok;
}

/* First in a namespace of processes no signal ends us without a handler. */
static void on_alarm(int sig)
{
    (void)sig;
    _exit(1);
}

static bool give_up_rights(void)
{
    const qc_privs_limits l = {.data = QC_PRIVS_SANITIZED ? 0 : MEMORY, .files = 32};
    const struct rlimit cpu = {CPU_S, CPU_S + 1};
    if (chdir("/") || signal(SIGALRM, on_alarm) == SIG_ERR)
        return false;
    alarm(LIFE_S);
    if (geteuid() == 0 && !qc_ns_is_mapped_one() && qc_privs_become(NOBODY, NOBODY))
        return false;
    return !qc_privs_drop_caps() && !qc_privs_no_new() && !qc_privs_limit(&l) &&
           setrlimit(RLIMIT_CPU, &cpu) == 0 && !qc_privs_undumpable() &&
           !qc_privs_die_with_parent() && forbid_files();
}

int main(int argc, char **argv)
{
    static gateway g;
    char text[MESSAGE_MAX + 1];
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("quoin-upnp " PACKAGE_VERSION "\n");
        return 0;
    }
    int type;
    socklen_t len = sizeof type;
    if (argc != 1 || getsockopt(SOCKET, SOL_SOCKET, SO_TYPE, &type, &len)) {
        fprintf(stderr, "quoin-upnp: asks a router for a port; started by quoind -upnp only\n");
        return 2;
    }
    bool able = give_up_rights();
    for (;;) {
        ssize_t n = recv(SOCKET, text, sizeof text - 1, 0);
        if (n <= 0)
            return 0;
        if (!able) {
            say("unable the helper could not give up its rights");
            return 1;
        }
        text[n] = 0;
        serve(text, &g);
    }
}
