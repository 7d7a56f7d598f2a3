/* What peers send while the chain thread is busy: bounded in all, whoever it is from, and all of it
 * given back. Real sockets; the busy thread waits at a gate. */
#include "core/sync/sync.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/net/message.h"
#include "core/net/peerbook.h"
#include "tests/unit/chain_kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_S 20
#define PIECE 100000u

typedef struct rig {
    chain_kit k;
    qc_net *net;
    qc_peerbook *book;
    qc_sync *sync;
    qc_chain_thread *thread;
    _Atomic bool loaded;
    uint16_t port;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool open;
} rig;

static void wait_at_gate(qc_chain *c, void *arg)
{
    rig *r = arg;
    (void)c;
    pthread_mutex_lock(&r->lock);
    while (!r->open)
        pthread_cond_wait(&r->moved, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

static void open_gate(rig *r)
{
    pthread_mutex_lock(&r->lock);
    r->open = true;
    pthread_cond_broadcast(&r->moved);
    pthread_mutex_unlock(&r->lock);
}

static int a_socket(uint16_t port, bool listening)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), size = 65536;
    struct timeval patience = {PATIENCE_S, 0};
    a.sin_port = htons(port);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(listening ? bind(fd, (void *)&a, sizeof a) : connect(fd, (void *)&a, sizeof a),
                     0);
    return fd;
}

static uint16_t free_port(void)
{
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    int fd = a_socket(0, true);
    assert_int_equal(getsockname(fd, (void *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static void start(rig *r, size_t held_pause, size_t held_max)
{
    *r = (rig){.loaded = true};
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->moved, NULL);
    kit_init(&r->k, QC_CHAIN_REGTEST);
    kit_must_open(&r->k);
    r->port = free_port();
    qc_peerbook_options po = {.dir = tmp_mkdir(), .local = {.listen = true}};
    char *error = NULL;
    assert_int_equal(qc_peerbook_open(&r->book, &po, &error), QC_OK);
    qc_net_options o = {.user_agent = "/test/",
                        .slots = {.connections = 20, .inbound = 20, .inbound_relay = 20},
                        .book = r->book,
                        .block_spacing = 600,
                        .peer_timeout = 600};
    memcpy(o.magic, r->k.params->magic, sizeof o.magic);
    o.active = true;
    o.recv_max = 100000000; /* not what is tried here */
    o.held_pause = held_pause;
    o.held_max = held_max;
    assert_int_equal(qc_net_new(&r->net, &o), QC_OK);
    qc_net_bind at = {.permissions = 0};
    assert_true(qc_peer_addr_parse("127.0.0.1", r->port, &at.at));
    assert_int_equal(qc_net_listen(r->net, &at), QC_OK);
    const qc_sync_options so = {.chain = r->k.c, .net = r->net, .loaded = &r->loaded};
    qc_sync_new(&r->sync, &so);
    assert_int_equal(qc_chain_thread_start(&r->thread, r->k.c), QC_OK);
    qc_sync_start(r->sync, r->thread);
    assert_int_equal(qc_net_start(r->net), QC_OK);
    qc_chain_post(r->thread, wait_at_gate, r);
}

static void stop(rig *r)
{
    open_gate(r);
    qc_net_stop(r->net);
    qc_sync_stop(r->sync);
    qc_chain_thread_stop(r->thread);
    qc_sync_free(r->sync);
    qc_net_free(r->net);
    qc_peerbook_close(r->book);
    kit_end(&r->k);
    pthread_cond_destroy(&r->moved);
    pthread_mutex_destroy(&r->lock);
}

/* ---- peers ---- */

static bool send_all(int fd, qc_span bytes)
{
    for (size_t at = 0; at < bytes.len;) {
        ssize_t n = send(fd, bytes.data + at, bytes.len - at, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

static bool say(const rig *r, int fd, const char *name, qc_span payload)
{
    qc_bytes b = QC_BYTES_INIT;
    assert_int_equal(qc_message_write(&b, r->k.params->magic, name, payload), QC_OK);
    bool ok = send_all(fd, qc_bytes_span(&b));
    qc_bytes_free(&b);
    return ok;
}

/* -1: it was not let in. */
static int join(const rig *r)
{
    int fd = a_socket(r->port, false);
    char got[2000] = "";
    size_t n = 0;
    qc_bytes b = QC_BYTES_INIT;
    qc_version v = {.version = 70016, .user_agent = "/x/"};
    assert_int_equal(qc_version_write(&b, &v), QC_OK);
    say(r, fd, "version", qc_bytes_span(&b));
    say(r, fd, "verack", qc_span_of("", 0));
    qc_bytes_free(&b);
    while (n < 4 || !memmem(got, n, "ping", 4)) { /* the first word after the handshake */
        ssize_t more = recv(fd, got + n, sizeof got - n, 0);
        if (more <= 0) {
            close(fd);
            return -1;
        }
        n += (size_t)more;
    }
    return fd;
}

/* Messages of PIECE bytes until `total`, or no more are taken. Returns bytes of those sent. */
static size_t pour(const rig *r, int fd, size_t total)
{
    static uint8_t nothing[PIECE];
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    size_t sent = 0;
    while (sent < total && poll(&p, 1, 500) == 1) {
        if (!say(r, fd, "inv", qc_span_of(nothing, sizeof nothing)))
            break;
        sent += PIECE;
    }
    return sent;
}

static bool hung_up(int fd)
{
    char got[4096];
    ssize_t n;
    while ((n = recv(fd, got, sizeof got, 0)) > 0)
        ;
    return n == 0 || errno == ECONNRESET;
}

/* Is a ping answered? */
static bool is_served(const rig *r, int fd)
{
    char got[4096];
    size_t n = 0;
    ssize_t more;
    if (!say(r, fd, "ping", qc_span_of("abcdefgh", 8)))
        return false;
    while (n < sizeof got && (more = recv(fd, got + n, sizeof got - n, 0)) > 0) {
        n += (size_t)more;
        if (memmem(got, n, "abcdefgh", 8))
            return true;
    }
    return false;
}

static void wait_until_nothing_is_held(rig *r)
{
    int left = PATIENCE_S * 100;
    while (qc_sync_held(r->sync) && left-- > 0)
        poll(NULL, 0, 10);
    assert_int_equal(qc_sync_held(r->sync), 0);
}

/* ---- tests ---- */

static void test_held__above_the_soft_limit_peers_wait(void **state)
{
    rig r;
    (void)state;
    start(&r, 1000000, 100000000);
    int a = join(&r), b = join(&r);
    struct timeval soon = {0, 500000};
    setsockopt(a, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
    setsockopt(b, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
    assert_true(pour(&r, a, 40000000) < 40000000);
    assert_true(pour(&r, b, 40000000) < 40000000); /* b had sent nothing before */
    size_t held = qc_sync_held(r.sync);
    assert_in_range(held, 1000000, 3000000);
    assert_int_equal(join(&r), -1);
    open_gate(&r);
    wait_until_nothing_is_held(&r);
    int c = join(&r);
    assert_true(c >= 0);
    close(a);
    close(b);
    close(c);
    stop(&r);
}

static void test_held__above_the_hard_limit_senders_are_dropped(void **state)
{
    rig r;
    (void)state;
    start(&r, 100000000, 2000000);
    int a = join(&r);
    pour(&r, a, 40000000);
    assert_true(hung_up(a));
    close(a);
    assert_in_range(qc_sync_held(r.sync), 2000000, 4000000); /* what a leaves behind counts on */
    /* Who says little is heard; only who comes with much goes. */
    int b = join(&r);
    say(&r, b, "inv", qc_span_of("\0", 1));
    say(&r, b, "ping", qc_span_of("12345678", 8));
    pour(&r, b, PIECE);
    assert_true(hung_up(b));
    close(b);
    int c = join(&r);
    assert_true(c >= 0);
    say(&r, c, "inv", qc_span_of("\0", 1));
    open_gate(&r);
    wait_until_nothing_is_held(&r);
    assert_true(is_served(&r, c));
    close(c);
    stop(&r);
}

/* Whose messages cannot be dealt with while they fill what there is for all. */
static void test_held__who_is_in_the_way_has_to_go(void **state)
{
    rig r;
    (void)state;
    qc_clock_set_mock(1700000000);
    start(&r, 1000000, 100000000);
    int a = join(&r), b = join(&r);
    struct timeval soon = {0, 500000};
    setsockopt(a, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
    assert_true(pour(&r, a, 40000000) < 40000000);
    assert_int_equal(join(&r), -1);
    qc_clock_set_mock(1700000021);
    assert_true(hung_up(a));
    close(a);
    open_gate(&r);
    wait_until_nothing_is_held(&r);
    assert_true(is_served(&r, b));
    close(b);
    stop(&r);
    qc_clock_set_mock(0);
}

static void test_held__blocks_are_counted_as_they_are_parsed(void **state)
{
    static uint8_t crowd[81 + 4 + 1000000];
    rig r;
    (void)state;
    start(&r, 100000000, 100000000);
    assert_int_equal(qc_log_area_set("net", true), QC_OK);
    int a = join(&r);
    qc_span genesis = qc_params_genesis(r.k.params);
    assert_true(say(&r, a, "block", genesis));
    assert_true(say(&r, a, "block", qc_span_of(genesis.data, genesis.len - 1)));
    memcpy(crowd, genesis.data, 80);
    memcpy(crowd + 80, "\xfe\xa0\x86\x01\0", 5); /* 100,000 of ten bytes */
    assert_true(say(&r, a, "nonsense", qc_span_of(crowd, sizeof crowd)));
    assert_true(say(&r, a, "block", qc_span_of(crowd, sizeof crowd)));
    open_gate(&r);
    assert_true(hung_up(a)); /* for the last block, so that all before it has been dealt with */
    wait_until_nothing_is_held(&r);
    close(a);
    assert_true(kit_logged("block with 100000 transactions"));
    assert_true(kit_logged("Unknown message type \"nonsense\""));
    stop(&r);
}

QC_TEST_MAIN(cmocka_unit_test(test_held__above_the_soft_limit_peers_wait),
             cmocka_unit_test(test_held__above_the_hard_limit_senders_are_dropped),
             cmocka_unit_test(test_held__who_is_in_the_way_has_to_go),
             cmocka_unit_test(test_held__blocks_are_counted_as_they_are_parsed))
