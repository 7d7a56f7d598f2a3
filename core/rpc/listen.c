#include "core/rpc/listen.h"

#include "core/base/hostport.h"
#include "core/base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void qc_listen_peer_text(const struct sockaddr *sa, char *out, size_t cap)
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (sa && sa->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)sa;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(out, cap, "%s:%u", host, ntohs(v4->sin_port));
    } else if (sa && sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)sa;
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(out, cap, "[%s]:%u", host, ntohs(v6->sin6_port));
    } else {
        snprintf(out, cap, "unknown");
    }
}

static bool is_any(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET)
        return ((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr == INADDR_ANY;
    return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
}

static qc_err bind_and_listen(const struct addrinfo *ai, int *out)
{
    char text[80];
    int on = 1;
    qc_listen_peer_text(ai->ai_addr, text, sizeof text);
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (fd < 0) {
        qc_log(QC_LOG_WARN, "http", "Binding RPC on address %s failed: cannot create a socket: %s",
               text, strerror(errno));
        return QC_EIO;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (ai->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, SOMAXCONN)) {
        bool used = errno == EADDRINUSE;
        qc_log(QC_LOG_WARN, "http",
               "Binding RPC on address %s failed: Unable to bind to %s on this computer%s%s%s",
               text, text, used ? ". Quoin is probably already running." : " (bind returned error ",
               used ? "" : strerror(errno), used ? "" : ")");
        close(fd);
        return QC_EBUSY;
    }
    *out = fd;
    return QC_OK;
}

qc_err qc_listen_open(const char *bind_to, uint16_t port, int *fd)
{
    char host[256], service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    qc_err err = qc_split_host_port(bind_to, host, sizeof host, &port);
    if (err) {
        qc_log(QC_LOG_ERROR, "http", "Invalid port specified in -rpcbind: '%s'", bind_to);
        return err;
    }
    qc_log(QC_LOG_INFO, "http", "Binding RPC on address %s port %u", host, port);
    snprintf(service, sizeof service, "%u", port);
    /* Names are not looked up: they could block the start, and mean another machine tomorrow. */
    if (strcmp(host, "localhost") != 0)
        hints.ai_flags |= AI_NUMERICHOST;
    if (getaddrinfo(*host ? host : NULL, service, &hints, &list) || !list) {
        qc_log(QC_LOG_WARN, "http",
               "Could not bind RPC on address %s port %u: Address lookup failed.", host, port);
        return QC_EBUSY;
    }
    if (is_any(list->ai_addr))
        qc_log(QC_LOG_WARN, "http",
               "The RPC server is not safe to expose to untrusted networks such as the public "
               "internet");
    err = bind_and_listen(list, fd);
    freeaddrinfo(list);
    return err;
}
