/* Many Stratum connections in one process that costs little, for tests/bench/stratum.py: connects,
 * subscribes and authorizes, says "ready"; for each line on its input it waits until every
 * connection has heard something new, and says when that was: the first, the median, the 99th
 * percentile and the last, in nanoseconds of the monotonic clock.
 *
 * usage: stratum_load PORT CONNECTIONS USER */
#include "core/base/alloc.h"
#include "core/base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256
#define PATIENCE_MS 30000

typedef struct load {
    int epoll;
    int *fd;
    qc_mono *heard; /* 0: not yet */
    unsigned n, left;
} load;

static void give_up(const char *what)
{
    fprintf(stderr, "stratum_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int joined(uint16_t port, const char *user)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char hello[400];
    int n = snprintf(hello, sizeof hello,
                     "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}\n"
                     "{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"%s\",\"x\"]}\n",
                     user);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) ||
        send(fd, hello, (size_t)n, MSG_NOSIGNAL) != n)
        give_up("cannot connect");
    return fd;
}

static void want_descriptors(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r))
        return;
    r.rlim_cur = r.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &r))
        fprintf(stderr, "stratum_load: no more descriptors\n");
}

static void open_all(load *l, uint16_t port, const char *user)
{
    l->epoll = epoll_create1(0);
    l->fd = qc_alloc(l->n * sizeof *l->fd);
    l->heard = qc_alloc(l->n * sizeof *l->heard);
    for (unsigned i = 0; i < l->n; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};
        l->fd[i] = joined(port, user);
        if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->fd[i], &e))
            give_up("epoll");
    }
}

/* Up to `ms` for something to come. Returns: whether it has. */
static bool hear(load *l, int ms)
{
    static char text[1 << 16];
    struct epoll_event e[EVENTS];
    int n = epoll_wait(l->epoll, e, EVENTS, ms);
    qc_mono now = qc_clock_mono();
    for (int i = 0; i < n; i++) {
        unsigned at = e[i].data.u32;
        if (recv(l->fd[at], text, sizeof text, MSG_DONTWAIT) == 0)
            give_up("a connection was closed");
        l->left -= !l->heard[at];
        l->heard[at] = l->heard[at] ? l->heard[at] : now;
    }
    return n > 0;
}

static void drain(load *l)
{
    while (hear(l, 300))
        ;
}

static int by_time(const void *a, const void *b)
{
    qc_mono x = *(const qc_mono *)a, y = *(const qc_mono *)b;
    return x < y ? -1 : x > y;
}

static void one_round(load *l)
{
    memset(l->heard, 0, l->n * sizeof *l->heard);
    l->left = l->n;
    printf("listening\n");
    while (l->left)
        if (!hear(l, PATIENCE_MS))
            give_up("nothing has come");
    qsort(l->heard, l->n, sizeof *l->heard, by_time);
    printf("%lld %lld %lld %lld\n", (long long)l->heard[0], (long long)l->heard[l->n / 2],
           (long long)l->heard[l->n - 1 - l->n / 100], (long long)l->heard[l->n - 1]);
    drain(l); /* the full job follows the empty one */
    printf("quiet\n");
}

int main(int argc, char **argv)
{
    load l = {.n = argc == 4 ? (unsigned)strtoul(argv[2], NULL, 10) : 0};
    char line[16];
    if (!l.n) {
        fprintf(stderr, "usage: %s PORT CONNECTIONS USER\n", argv[0]);
        return 2;
    }
    want_descriptors();
    setvbuf(stdout, NULL, _IOLBF, 0);
    open_all(&l, (uint16_t)strtoul(argv[1], NULL, 10), argv[3]);
    drain(&l);
    printf("ready\n");
    while (fgets(line, sizeof line, stdin))
        one_round(&l);
    for (unsigned i = 0; i < l.n; i++)
        close(l.fd[i]);
    close(l.epoll);
    qc_free(l.fd);
    qc_free(l.heard);
    return 0;
}
