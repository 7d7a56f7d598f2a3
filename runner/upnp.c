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

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
#define TCP_FREE_ABI 3u /* of Landlock: later ones refuse TCP as well */

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

static int valid_igd(struct UPNPDev *list, gateway *g)
{
#if MINIUPNPC_API_VERSION >= 18
    return UPNP_GetValidIGD(list, &g->urls, &g->data, g->lan, sizeof g->lan, NULL, 0);
#else
    return UPNP_GetValidIGD(list, &g->urls, &g->data, g->lan, sizeof g->lan);
#endif
}

/* NULL: there is one, and it is connected; else why not. */
static const char *search(const char *url, gateway *g)
{
    if (strcmp(url, "-") != 0) {
        if (!UPNP_GetIGDFromUrl(url, &g->urls, &g->data, g->lan, sizeof g->lan))
            return "no description of one at the URL given";
        return UPNPIGD_IsConnected(&g->urls, &g->data) ? NULL : "it is not connected";
    }
    int err = 0;
    struct UPNPDev *list = upnpDiscover(SEARCH_MS, NULL, NULL, UPNP_LOCAL_PORT_ANY, 0, TTL, &err);
    if (!list)
        return err ? "the search failed" : "no device answers";
    int got = valid_igd(list, g);
    freeUPNPDevlist(list);
    /* 1 in every version of the library: a gateway that is connected. */
    return got == 1   ? NULL
           : got <= 0 ? "no device is one"
                      : "none that is connected to the Internet";
}

static void find(const char *url, gateway *g)
{
    const char *why = search(url, g);
    /* To the library a page of nonsense is a description, too. */
    if (!why && (!g->urls.controlURL || !*g->data.first.servicetype))
        why = "its description names no service";
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
    if (abi > TCP_FREE_ABI)
        abi = TCP_FREE_ABI;
    if (qc_landlock_new(abi, &fd))
        return false;
    bool ok = !qc_landlock_enforce(fd);
    qc_os_close(fd);
    return ok;
}

static bool give_up_rights(void)
{
    const qc_privs_limits l = {.data = QC_PRIVS_SANITIZED ? 0 : MEMORY, .files = 32};
    const struct rlimit cpu = {CPU_S, CPU_S + 1};
    if (chdir("/"))
        return false;
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
    if (!give_up_rights()) {
        say("failed 0 the helper could not give up its rights");
        return 1;
    }
    for (;;) {
        ssize_t n = recv(SOCKET, text, sizeof text - 1, 0);
        if (n <= 0)
            return 0;
        text[n] = 0;
        serve(text, &g);
    }
}
