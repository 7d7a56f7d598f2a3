/* peers.read/1 and peers.control/1 with two peer layers that talk to each other: what is told, and
 * that nothing is done that was not granted. Both modes of running a plugin share these tables. */
#include "tests/unit/host_rig.h"

#include "core/base/log.h"
#include "core/methods/peers.h"
#include "core/net/proxies.h"
#include "core/os/file.h"
#include "quoin/host.h"
#include "quoin/peers_control.h"
#include "quoin/peers_read.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ALL "connect=yes, disconnect=yes, ban=yes, network=yes"

typedef struct plug {
    host_rig r;
    qc_net *other;        /* another node's */
    char at[32], far[32]; /* where ours and the other listens */
    const qn_peers_read_1 *t;
    const qn_peers_control_1 *c;
    qn_cap *cap, *control;
    qn_peers_info info;
    qn_peer peer[4];
    qn_peer_message message[64];
    qn_peer_network network[8];
    qn_peer_local local[4];
    qn_peer_ban ban[4];
    qn_peer_added added[4];
    char text[64];
    int64_t id, seconds;
    uint32_t n, max, flags;
    qn_status status;
    const char *word;
} plug;

/* ---- a peer layer ---- */

/* A free port of this machine; somebody else could take it before we do. */
static uint16_t free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static qc_net *net_new(qc_peerbook *book, const char *agent, qc_proxies *proxies, char at[32])
{
    const qc_net_options o = {.magic = {1, 2, 3, 4},
                              .user_agent = agent,
                              .slots = qc_slots_of(50, 50),
                              .peer_timeout = 60,
                              .services = QC_NODE_NETWORK | QC_NODE_P2P_V2,
                              .active = true,
                              .default_port = 1,
                              .book = book,
                              .proxies = proxies,
                              .block_spacing = 600};
    qc_net_bind b = {.at = {.port = free_port()}};
    qc_net *n;
    assert_int_equal(qc_netaddr_parse("127.0.0.1", &b.at.addr), QC_OK);
    assert_int_equal(qc_net_new(&n, &o), QC_OK);
    snprintf(at, 32, "127.0.0.1:%u", b.at.port);
    assert_int_equal(qc_net_listen(n, &b), QC_OK);
    assert_int_equal(qc_net_start(n), QC_OK);
    return n;
}

static void begin_through(plug *p, const char *grants, qc_proxies *proxies)
{
    char *error = NULL, *lines = qc_asprintf("chain.read/1 = yes\n%s", grants);
    memset(p, 0, sizeof *p);
    rig_open(&p->r, NULL);
    rig_plugin(&p->r, "SERVICES", "p.so");
    rig_grant(&p->r, RIG_ID, "p.so", lines, NULL);
    const qc_peerbook_options b = {
        .dir = p->r.dir,
        .magic = {1, 2, 3, 4},
        .ban_seconds = 1000,
        .local = {.listen = true, .unreachable = ~(1u << QC_NETWORK_IPV4)}};
    assert_int_equal(qc_peerbook_open(&p->r.node.book, &b, &error), QC_OK);
    p->r.node.params = p->r.made->params;
    p->r.node.net = net_new(p->r.node.book, "/Rig:1/", proxies, p->at);
    p->other = net_new(p->r.node.book, "/Other:2(\"x\")/", NULL, p->far);
    rig_host_start(&p->r);
    if (strstr(grants, "peers.read/1"))
        p->t = rig_table(&p->r, QN_PEERS_READ_1_ID, &p->cap);
    if (strstr(grants, "peers.control/1"))
        p->c = rig_table(&p->r, QN_PEERS_CONTROL_1_ID, &p->control);
    qc_free(lines);
}

static void begin(plug *p, const char *grants)
{
    begin_through(p, grants, NULL);
}

static void end(plug *p)
{
    qc_net *net = p->r.node.net;
    qc_peerbook *book = p->r.node.book;
    rig_close(&p->r);
    qc_net_free(net);
    qc_net_free(p->other);
    qc_peerbook_close(book);
}

static void call(plug *p, void (*fn)(void *arg), qn_status want)
{
    rig_on_loop(&p->r, fn, p);
    if (p->status != want)
        fail_msg("it answered %d, wanted %d", p->status, want);
}

/* ---- peers.read ---- */

static void do_info(void *arg)
{
    plug *p = arg;
    p->status = p->t->info(p->cap, &p->info);
}

static void do_peers(void *arg)
{
    plug *p = arg;
    p->status = p->t->peers(p->cap, p->peer, p->max, &p->n);
}

static void do_messages(void *arg)
{
    plug *p = arg;
    p->status = p->t->messages(p->cap, p->id, p->message, p->max, &p->n);
}

static void do_networks(void *arg)
{
    plug *p = arg;
    p->status = p->t->networks(p->cap, p->network, p->max, &p->n);
}

static void do_local(void *arg)
{
    plug *p = arg;
    p->status = p->t->local(p->cap, p->local, p->max, &p->n);
}

static void do_bans(void *arg)
{
    plug *p = arg;
    p->status = p->t->bans(p->cap, p->ban, p->max, &p->n);
}

static void do_added(void *arg)
{
    plug *p = arg;
    p->status = p->t->added(p->cap, p->added, p->max, &p->n);
}

static void do_warnings(void *arg)
{
    plug *p = arg;
    p->status = p->t->warnings(p->cap, p->text, p->max, &p->n);
}

/* Wait until there are `want` peers and each has said hello. */
static void await_peers(plug *p, uint32_t want)
{
    const struct timespec nap = {0, 2000000};
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    uint32_t ready;
    p->max = 4;
    do {
        call(p, do_peers, QN_OK);
        ready = 0;
        for (uint32_t i = 0; i < p->n; i++)
            ready += (p->peer[i].flags & QN_PEER_READY) != 0;
        if (p->n == want && ready == want)
            return;
        nanosleep(&nap, NULL);
    } while (qc_clock_mono() < until);
    fail_msg("there are %u peers, %u of them ready, wanted %u", p->n, ready, want);
}

static void come_in(plug *p)
{
    assert_int_equal(qc_net_connect(p->other, p->at, QC_CONN_MANUAL, true), QC_OK);
    await_peers(p, 1);
}

static void test_peers_read__tells_of_each_peer(void **state)
{
    (void)state;
    plug p;
    begin(&p, "peers.read/1 = yes\n");
    call(&p, do_info, QN_E_INVAL); /* size not set */
    p.info.size = sizeof p.info;
    call(&p, do_info, QN_OK);
    assert_int_equal(p.info.size, sizeof p.info);
    assert_int_equal(p.info.flags & (QN_PEERS_RUNNING | QN_PEERS_ACTIVE),
                     QN_PEERS_RUNNING | QN_PEERS_ACTIVE);
    assert_int_equal(p.info.max_connections, 50);
    assert_int_equal(p.info.connections_in + p.info.connections_out, 0);
    come_in(&p);
    assert_string_equal(p.peer[0].user_agent, "/Other:2(x)/"); /* what is not safe has gone */
    assert_memory_equal(p.peer[0].address, "127.0.0.1:", 10);
    assert_string_equal(p.peer[0].bind_address, p.at);
    assert_int_equal(p.peer[0].flags & (QN_PEER_INBOUND | QN_PEER_ENCRYPTED),
                     QN_PEER_INBOUND | QN_PEER_ENCRYPTED);
    assert_int_equal(strlen(p.peer[0].session_id), 64);
    assert_int_equal(p.peer[0].kind, QN_PEER_KIND_INBOUND);
    assert_int_equal(p.peer[0].network, QN_NETWORK_UNROUTABLE);
    assert_int_equal(p.peer[0].services, QC_NODE_NETWORK | QC_NODE_P2P_V2);
    assert_int_equal(p.peer[0].header_height, -1);
    assert_true(p.peer[0].bytes_received > 100 && p.peer[0].bytes_sent > 100);
    assert_true(p.peer[0].connected > 1600000000);
    call(&p, do_info, QN_OK);
    assert_int_equal(p.info.connections_in, 1);
    assert_true(p.info.bytes_received >= p.peer[0].bytes_received);
    p.max = 0;
    call(&p, do_peers, QN_E_SPACE);
    assert_int_equal(p.n, 1);
    p.info = (qn_peers_info){.size = 12, .max_connections = 77}; /* an older plugin's */
    call(&p, do_info, QN_OK);
    assert_int_equal(p.info.size, 12);
    assert_int_equal(p.info.max_connections, 77);
    end(&p);
}

static uint64_t received(const plug *p, const char *name)
{
    for (uint32_t i = 0; i < p->n; i++)
        if (strcmp(p->message[i].name, name) == 0)
            return p->message[i].received;
    return 0;
}

static void test_peers_read__counts_messages_by_type(void **state)
{
    (void)state;
    plug p;
    begin(&p, "peers.read/1 = yes\n");
    p.max = 64;
    p.id = -1;
    call(&p, do_messages, QN_OK);
    assert_int_equal(p.n, 0);
    come_in(&p);
    p.id = p.peer[0].id;
    p.max = 64;
    call(&p, do_messages, QN_OK);
    assert_true(received(&p, "version") > 80);
    assert_true(received(&p, "verack") > 0);
    uint64_t of_one = received(&p, "version");
    p.id = -1;
    call(&p, do_messages, QN_OK);
    assert_int_equal(received(&p, "version"), of_one);
    p.max = 1;
    call(&p, do_messages, QN_E_SPACE);
    assert_true(p.n > 1);
    p.id = 12345;
    call(&p, do_messages, QN_E_NOTFOUND);
    p.id = -2;
    call(&p, do_messages, QN_E_INVAL);
    end(&p);
}

static void test_peers_read__knows_networks_bans_and_warnings(void **state)
{
    (void)state;
    plug p;
    qc_peer_addr a = {.services = 9, .time = qc_clock_now(), .port = 8333};
    const qc_m_ban_time t = {0};
    begin(&p, "peers.read/1 = yes\n");
    assert_int_equal(qc_netaddr_parse("2001:4860:4860::8888", &a.addr), QC_OK);
    assert_true(qc_addrman_add(p.r.node.book->addrs, &a, 1, &a.addr, 0, a.time));
    p.max = 8;
    call(&p, do_networks, QN_OK);
    assert_int_equal(p.n, 5);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(p.network[i].network, QN_NETWORK_IPV4 + i);
        assert_int_equal(p.network[i].known_new, i == 1);
        assert_int_equal(p.network[i].flags, i == 0 ? QN_PEER_NETWORK_REACHABLE : 0);
        assert_int_equal(p.network[i].known_tried, 0);
    }
    assert_true(qc_local_add(p.r.node.book->local, &a.addr, 8333, QC_LOCAL_MANUAL, true));
    p.max = 4;
    call(&p, do_local, QN_OK);
    assert_int_equal(p.n, 1);
    assert_string_equal(p.local[0].address, "[2001:4860:4860::8888]:8333");
    assert_int_equal(p.local[0].network, QN_NETWORK_IPV6);
    assert_int_equal(p.local[0].score, QC_LOCAL_MANUAL);
    call(&p, do_bans, QN_OK);
    assert_int_equal(p.n, 0);
    assert_int_equal(qc_m_ban(&p.r.node, "1.2.3.4/24", &t, 0), QC_OK);
    call(&p, do_bans, QN_OK);
    assert_int_equal(p.n, 1);
    assert_string_equal(p.ban[0].subnet, "1.2.3.0/24");
    assert_int_equal(p.ban[0].until - p.ban[0].created, 1000);
    p.max = sizeof p.text;
    call(&p, do_warnings, QN_OK);
    assert_memory_equal(p.text, "first warning\nsecond warning\n", 29);
    p.info.size = sizeof p.info;
    call(&p, do_info, QN_OK);
    assert_int_equal(p.info.n_bans, 1);
    end(&p);
}

static void no_turn(plug *p)
{
    p->cap->act_tokens = -1e9;
    p->cap->act_at = qc_clock_mono();
}

static void test_peers_read__asked_too_often_it_tells_what_it_told_before(void **state)
{
    (void)state;
    plug p;
    const qc_m_ban_time t = {0};
    begin(&p, "peers.read/1 = yes\n");
    p.max = 4;
    p.id = -1;
    p.info.size = sizeof p.info;
    no_turn(&p); /* the first time it is told all the same */
    call(&p, do_bans, QN_OK);
    call(&p, do_info, QN_OK);
    call(&p, do_peers, QN_OK);
    assert_int_equal(p.n, 0);
    assert_int_equal(qc_m_ban(&p.r.node, "1.2.3.4/24", &t, 0), QC_OK);
    assert_int_equal(qc_net_connect(p.other, p.at, QC_CONN_MANUAL, true), QC_OK);
    qc_m_totals now = {0};
    for (int i = 0; i < 10000 && !now.in; i++) {
        const struct timespec nap = {0, 2000000};
        assert_int_equal(qc_m_peer_totals(&p.r.node, &now), QC_OK);
        nanosleep(&nap, NULL);
    }
    assert_int_equal(now.in, 1);
    call(&p, do_bans, QN_OK);
    assert_int_equal(p.n, 0);
    call(&p, do_peers, QN_OK);
    assert_int_equal(p.n, 0);
    call(&p, do_info, QN_OK);
    assert_int_equal(p.info.n_bans + p.info.connections_in, 0);
    p.cap->act_tokens = 50;
    call(&p, do_bans, QN_OK);
    assert_int_equal(p.n, 1);
    call(&p, do_peers, QN_OK);
    assert_int_equal(p.n, 1);
    call(&p, do_info, QN_OK);
    assert_int_equal(p.info.n_bans, 1);
    assert_int_equal(p.info.connections_in, 1);
    end(&p);
}

/* ---- peers.control ---- */

static void do_connect(void *arg)
{
    plug *p = arg;
    p->status = p->c->connect(p->control, p->word, p->flags);
}

static void do_keep(void *arg)
{
    plug *p = arg;
    p->status = p->c->keep(p->control, p->word, p->flags);
}

static void do_forget(void *arg)
{
    plug *p = arg;
    p->status = p->c->forget(p->control, p->word);
}

static void do_disconnect(void *arg)
{
    plug *p = arg;
    p->status = p->c->disconnect(p->control, p->id);
}

static void do_disconnect_address(void *arg)
{
    plug *p = arg;
    p->status = p->c->disconnect_address(p->control, p->word);
}

static void do_ban(void *arg)
{
    plug *p = arg;
    p->status = p->c->ban(p->control, p->word, p->seconds, p->flags);
}

static void do_unban(void *arg)
{
    plug *p = arg;
    p->status = p->c->unban(p->control, p->word);
}

static void do_unban_all(void *arg)
{
    plug *p = arg;
    p->status = p->c->unban_all(p->control);
}

static void do_network(void *arg)
{
    plug *p = arg;
    p->status = p->c->network(p->control, p->flags);
}

static char g_log[16384];

static void remember(void *arg, qc_log_level level, const char *area, const char *line, size_t len)
{
    size_t have = strlen(g_log);
    (void)arg;
    (void)level;
    if (strcmp(area, "plugin") == 0)
        snprintf(g_log + have, sizeof g_log - have, "%.*s\n", (int)len, line);
}

static void expect_log(const char *text)
{
    if (!strstr(g_log, text))
        fail_msg("no '%s' in:\n%s", text, g_log);
}

static void test_peers_control__a_plain_yes_grants_nothing(void **state)
{
    (void)state;
    plug p;
    begin(&p, "peers.read/1 = yes\npeers.control/1 = yes\n");
    come_in(&p);
    p.word = "1.2.3.0/24";
    p.id = p.peer[0].id;
    g_log[0] = 0;
    qc_log_set_sink(remember, NULL);
    call(&p, do_connect, QN_E_DENIED);
    call(&p, do_keep, QN_E_DENIED);
    call(&p, do_forget, QN_E_DENIED);
    call(&p, do_disconnect, QN_E_DENIED);
    call(&p, do_disconnect_address, QN_E_DENIED);
    call(&p, do_ban, QN_E_DENIED);
    call(&p, do_unban, QN_E_DENIED);
    call(&p, do_unban_all, QN_E_DENIED);
    call(&p, do_network, QN_E_DENIED);
    qc_log_set_sink(NULL, NULL);
    expect_log(RIG_ID ": peers.control: connect to 1.2.3.0/24: refused");
    expect_log(RIG_ID ": peers.control: keep connected to 1.2.3.0/24: refused");
    expect_log(RIG_ID ": peers.control: ban 1.2.3.0/24: refused");
    expect_log(RIG_ID ": peers.control: lift all bans: refused");
    expect_log(RIG_ID ": peers.control: network off: refused");
    p.max = 4;
    call(&p, do_bans, QN_OK);
    assert_int_equal(p.n, 0);
    call(&p, do_added, QN_OK);
    assert_int_equal(p.n, 0);
    await_peers(&p, 1);
    assert_true(qc_net_active(p.r.node.net));
    end(&p);
}

static void test_peers_control__each_flag_allows_its_own_and_no_more(void **state)
{
    (void)state;
    static const char *const flag[] = {"connect", "disconnect", "ban", "network"};
    for (size_t i = 0; i < QC_COUNTOF(flag); i++) {
        plug p;
        char *line = qc_asprintf("peers.control/1 = %s=yes\n", flag[i]);
        begin(&p, line);
        p.word = "1.2.3.4";
        p.id = 999;
        call(&p, do_forget, i == 0 ? QN_E_NOTFOUND : QN_E_DENIED);
        call(&p, do_disconnect, i == 1 ? QN_E_NOTFOUND : QN_E_DENIED);
        call(&p, do_disconnect_address, i == 1 ? QN_E_NOTFOUND : QN_E_DENIED);
        call(&p, do_ban, i == 2 ? QN_OK : QN_E_DENIED);
        call(&p, do_unban, i == 2 ? QN_OK : QN_E_DENIED);
        call(&p, do_network, i == 3 ? QN_OK : QN_E_DENIED);
        assert_int_equal(qc_net_active(p.r.node.net), i != 3);
        end(&p);
        qc_free(line);
    }
}

static void test_peers_control__connects_and_disconnects(void **state)
{
    (void)state;
    plug p;
    begin(&p, "peers.read/1 = yes\npeers.control/1 = " ALL "\n");
    p.word = p.far;
    call(&p, do_connect, QN_OK);
    await_peers(&p, 1);
    assert_string_equal(p.peer[0].address, p.far);
    assert_int_equal(p.peer[0].kind, QN_PEER_KIND_MANUAL);
    assert_true(p.peer[0].flags & QN_PEER_ENCRYPTED);
    call(&p, do_connect, QN_E_EXISTS);
    p.id = p.peer[0].id;
    call(&p, do_disconnect, QN_OK);
    await_peers(&p, 0);
    p.flags = QN_CONNECT_PLAIN;
    call(&p, do_connect, QN_OK);
    await_peers(&p, 1);
    assert_false(p.peer[0].flags & QN_PEER_ENCRYPTED);
    call(&p, do_disconnect_address, QN_OK);
    await_peers(&p, 0);
    p.flags = 2;
    call(&p, do_connect, QN_E_INVAL);
    p.flags = 0;
    p.word = " ";
    call(&p, do_connect, QN_E_INVAL);
    call(&p, do_keep, QN_E_INVAL);
    end(&p);
}

static void test_peers_control__keeps_eight_and_no_more(void **state)
{
    (void)state;
    plug p;
    char name[16];
    begin(&p, "peers.read/1 = yes\npeers.control/1 = " ALL "\n");
    p.word = name;
    p.flags = 0;
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "127.0.0.1:%d", 1 + i);
        call(&p, do_keep, QN_OK);
    }
    snprintf(name, sizeof name, "127.0.0.1:99");
    call(&p, do_keep, QN_E_LIMIT);
    p.max = 4;
    call(&p, do_added, QN_E_SPACE);
    assert_int_equal(p.n, 8);
    assert_string_equal(p.added[0].node, "127.0.0.1:1");
    assert_string_equal(p.added[0].address, "");
    snprintf(name, sizeof name, "127.0.0.1:3");
    call(&p, do_forget, QN_OK);
    call(&p, do_forget, QN_E_NOTFOUND);
    snprintf(name, sizeof name, "127.0.0.1:4");
    call(&p, do_keep, QN_E_EXISTS);
    end(&p);
}

/* A proxy that never answers: who is dialled through it stays away. */
static int silent_proxy(qc_proxies *proxies)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    qc_proxy proxy = {.len = sizeof a};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    memcpy(&proxy.addr, &a, sizeof a);
    qc_proxies_set(proxies, QC_NETWORK_IPV4, &proxy);
    return fd;
}

static void test_peers_control__connections_being_made_count_too(void **state)
{
    (void)state;
    plug p;
    char name[24];
    qc_proxies *proxies = qc_proxies_new();
    int fd = silent_proxy(proxies);
    begin_through(&p, "peers.read/1 = yes\npeers.control/1 = " ALL "\n", proxies);
    p.word = name;
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "9.8.7.%d:8333", 1 + i);
        call(&p, do_connect, QN_OK);
    }
    p.max = 4;
    call(&p, do_peers, QN_OK);
    assert_int_equal(p.n, 0); /* nobody is there yet */
    snprintf(name, sizeof name, "9.8.7.99:8333");
    call(&p, do_connect, QN_E_LIMIT);
    end(&p);
    close(fd);
    qc_proxies_free(proxies);
}

static void unban_often(void *arg)
{
    plug *p = arg;
    p->n = 0;
    for (int i = 0; i < 5000; i++) {
        p->status = p->c->unban(p->control, "1.2.3.4");
        p->n += p->status == QN_E_NOTFOUND;
        QC_ASSERT(p->status == QN_E_NOTFOUND || p->status == QN_E_BUSY);
    }
}

static void test_peers_control__acts_no_more_often_than_the_log_bears(void **state)
{
    (void)state;
    plug p;
    size_t lines = 0;
    begin(&p, "peers.control/1 = " ALL "\n");
    g_log[0] = 0;
    qc_log_set_sink(remember, NULL);
    rig_on_loop(&p.r, unban_often, &p);
    qc_log_set_sink(NULL, NULL);
    assert_true(p.n >= 50 && p.n < 2000);
    for (const char *at = g_log; (at = strstr(at, "lift the ban of 1.2.3.4\n")); at++)
        lines++;
    assert_true(lines == p.n || strlen(g_log) + 100 > sizeof g_log); /* each that was made */
    end(&p);
}

static void test_peers_control__bans_close_connections_and_are_kept(void **state)
{
    (void)state;
    plug p;
    begin(&p, "peers.read/1 = yes\npeers.control/1 = " ALL "\n");
    come_in(&p);
    p.word = "127.0.0.0/8";
    p.seconds = 50;
    call(&p, do_ban, QN_OK);
    await_peers(&p, 0);
    call(&p, do_ban, QN_E_EXISTS);
    p.max = 4;
    call(&p, do_bans, QN_OK);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.ban[0].until - p.ban[0].created, 50);
    qc_bytes file = tmp_read(p.r.node.book->bans_path);
    assert_non_null(memmem(file.data, file.len, "127.0.0.0/8", 11));
    qc_bytes_free(&file);
    call(&p, do_unban, QN_OK);
    call(&p, do_unban, QN_E_NOTFOUND);
    p.flags = QN_BAN_UNTIL; /* long past */
    call(&p, do_ban, QN_E_INVAL);
    p.flags = 0;
    p.seconds = -1;
    call(&p, do_ban, QN_E_INVAL);
    p.seconds = 0;
    p.word = "nonsense";
    call(&p, do_ban, QN_E_INVAL);
    p.word = "10.0.0.1";
    call(&p, do_ban, QN_OK);
    call(&p, do_unban_all, QN_OK);
    call(&p, do_bans, QN_OK);
    assert_int_equal(p.n, 0);
    end(&p);
}

static void test_peers_control__network_off_closes_everything(void **state)
{
    (void)state;
    plug p;
    begin(&p, "peers.read/1 = yes\npeers.control/1 = " ALL "\n");
    come_in(&p);
    p.flags = 0;
    call(&p, do_network, QN_OK);
    await_peers(&p, 0);
    p.info.size = sizeof p.info;
    call(&p, do_info, QN_OK);
    assert_false(p.info.flags & QN_PEERS_ACTIVE);
    p.word = p.far;
    call(&p, do_connect, QN_E_BUSY);
    p.flags = 1;
    call(&p, do_network, QN_OK);
    p.flags = 0;
    call(&p, do_connect, QN_OK);
    await_peers(&p, 1);
    p.flags = 2;
    call(&p, do_network, QN_E_INVAL);
    end(&p);
}

static void bad_arguments(void *arg)
{
    plug *p = arg;
    QC_ASSERT(p->t->info(p->cap, NULL) == QN_E_INVAL);
    QC_ASSERT(p->t->peers(p->cap, NULL, 1, &p->n) == QN_E_INVAL);
    QC_ASSERT(p->t->peers(p->cap, p->peer, 1, NULL) == QN_E_INVAL);
    QC_ASSERT(p->t->messages(p->cap, 0, NULL, 1, &p->n) == QN_E_INVAL);
    QC_ASSERT(p->t->networks(p->cap, p->network, 1, NULL) == QN_E_INVAL);
    QC_ASSERT(p->t->local(p->cap, NULL, 1, &p->n) == QN_E_INVAL);
    QC_ASSERT(p->t->bans(p->cap, NULL, 1, &p->n) == QN_E_INVAL);
    QC_ASSERT(p->t->added(p->cap, NULL, 1, &p->n) == QN_E_INVAL);
    QC_ASSERT(p->t->warnings(p->cap, NULL, 1, &p->n) == QN_E_INVAL);
    QC_ASSERT(p->c->connect(p->control, NULL, 0) == QN_E_INVAL);
    QC_ASSERT(p->c->keep(p->control, NULL, 0) == QN_E_INVAL);
    QC_ASSERT(p->c->forget(p->control, NULL) == QN_E_INVAL);
    QC_ASSERT(p->c->disconnect_address(p->control, NULL) == QN_E_INVAL);
    QC_ASSERT(p->c->ban(p->control, NULL, 0, 0) == QN_E_INVAL);
    QC_ASSERT(p->c->ban(p->control, "1.2.3.4", 0, 2) == QN_E_INVAL);
    QC_ASSERT(p->c->unban(p->control, NULL) == QN_E_INVAL);
}

static void test_peers__bad_arguments_threads_and_grants_are_refused(void **state)
{
    (void)state;
    plug p;
    host_rig r;
    begin(&p, "peers.read/1 = yes\npeers.control/1 = " ALL "\n");
    rig_on_loop(&p.r, bad_arguments, &p);
    p.max = 4;
    do_peers(&p);
    assert_int_equal(p.status, QN_E_THREAD);
    do_unban_all(&p);
    assert_int_equal(p.status, QN_E_THREAD);
    end(&p);
    rig_services(&r, "peers.control/1 = everything=yes\n");
    rig_refused(&r, 0, QC_PLUGIN_REJECTED, "with a key of this interface");
    rig_close(&r);
}

/* A node without a peer layer. */
static void test_peers__without_a_peer_layer_there_is_nobody(void **state)
{
    (void)state;
    plug p = {.max = 4};
    rig_services(&p.r, "peers.read/1 = yes\npeers.control/1 = " ALL "\n");
    p.t = rig_table(&p.r, QN_PEERS_READ_1_ID, &p.cap);
    p.c = rig_table(&p.r, QN_PEERS_CONTROL_1_ID, &p.control);
    p.word = "1.2.3.4";
    p.info.size = sizeof p.info;
    call(&p, do_info, QN_OK);
    assert_int_equal(p.info.flags, 0);
    call(&p, do_peers, QN_OK);
    assert_int_equal(p.n, 0);
    call(&p, do_bans, QN_OK);
    call(&p, do_added, QN_OK);
    call(&p, do_connect, QN_E_UNSUPPORTED);
    call(&p, do_keep, QN_E_UNSUPPORTED);
    call(&p, do_ban, QN_E_UNSUPPORTED);
    call(&p, do_network, QN_E_UNSUPPORTED);
    rig_close(&p.r);
}

QC_TEST_MAIN(cmocka_unit_test(test_peers_read__tells_of_each_peer),
             cmocka_unit_test(test_peers_read__counts_messages_by_type),
             cmocka_unit_test(test_peers_read__knows_networks_bans_and_warnings),
             cmocka_unit_test(test_peers_read__asked_too_often_it_tells_what_it_told_before),
             cmocka_unit_test(test_peers_control__a_plain_yes_grants_nothing),
             cmocka_unit_test(test_peers_control__each_flag_allows_its_own_and_no_more),
             cmocka_unit_test(test_peers_control__connects_and_disconnects),
             cmocka_unit_test(test_peers_control__keeps_eight_and_no_more),
             cmocka_unit_test(test_peers_control__connections_being_made_count_too),
             cmocka_unit_test(test_peers_control__acts_no_more_often_than_the_log_bears),
             cmocka_unit_test(test_peers_control__bans_close_connections_and_are_kept),
             cmocka_unit_test(test_peers_control__network_off_closes_everything),
             cmocka_unit_test(test_peers__bad_arguments_threads_and_grants_are_refused),
             cmocka_unit_test(test_peers__without_a_peer_layer_there_is_nobody))
