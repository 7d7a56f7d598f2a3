/* Messages about addresses from a few peers as time passes: memory stays bounded, no more is heard
 * than the time allows, and what is sent decodes and can be understood by who gets it. Input:
 * steps of two bytes (who and what; half minutes that pass), "hear" followed by two bytes of length
 * and the payload. */
#include "core/sync/gossip.h"
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"

#define PEERS 4
#define SECOND INT64_C(1000000)
#define START INT64_C(1700000000)
#define STEPS 64
#define PER_PEER 100000 /* bytes: a filter, and a thousand addresses that wait */

typedef struct world {
    qc_peerbook book;
    uint64_t seed;
    qc_gossip *g;
    qc_gossip_peer *peer[PEERS]; /* 1 and 3 understand addrv2; we connected to 2; 3 is silent */
    int64_t now;
    uint64_t asked; /* getaddr messages */
} world;

static uint64_t next_random(void *arg)
{
    uint64_t *s = arg;
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return *s ^ *s >> 29;
}

static void take(void *arg, int64_t id, const char *name, qc_bytes *payload)
{
    static qc_peer_addr list[QC_ADDR_MESSAGE_MAX];
    world *w = arg;
    qc_addr_fault why;
    size_t n;
    QC_ASSERT(id >= 0 && id < PEERS && id != 3);
    if (strcmp(name, "getaddr") == 0) {
        QC_ASSERT(payload->len == 0 && id == 2);
        w->asked++;
    } else {
        QC_ASSERT(strcmp(name, id & 1 ? "addrv2" : "addr") == 0);
        QC_ASSERT(!qc_addr_message_read(qc_bytes_span(payload), id & 1, list, &n, &why) && n > 0);
        for (size_t i = 0; i < n; i++)
            QC_ASSERT(qc_netaddr_is_valid(&list[i].addr));
    }
    qc_bytes_free(payload);
}

static void begin(world *w)
{
    static const qc_localaddrs_options LOCAL = {
        .listen = true, .discover = true, .port = 8333, .unreachable = 1u << QC_NETWORK_I2P};
    *w = (world){.seed = 1, .now = START * SECOND};
    pthread_mutex_init(&w->book.lock, NULL);
    const qc_addrman_options o = {
        .groups = &w->book.groups, .key = {{1}}, .random = next_random, .random_arg = &w->seed};
    w->book.addrs = qc_addrman_new(&o);
    QC_ASSERT(!qc_bans_init(&w->book.bans, 86400, 1));
    w->book.local = qc_localaddrs_new(&LOCAL);
    const qc_gossip_options g = {
        .book = &w->book, .key = {1, 2}, .services = 9, .send = take, .arg = w};
    w->g = qc_gossip_new(&g);
    for (uint8_t i = 0; i < PEERS; i++) {
        qc_gossip_who who = {.id = i, .v2 = i & 1, .silent = i == 3, .bind_port = 8333};
        who.local.addr = qc_netaddr_of(QC_NETWORK_IPV4, (const uint8_t[4]){9, 9, 9, i});
        who.local.through = QC_NETWORK_IPV4;
        who.local.inbound = i != 2;
        who.local.told = qc_netaddr_of(QC_NETWORK_IPV4, (const uint8_t[4]){7, 7, 7, i});
        who.local.told_port = 8333;
        who.bind = qc_netaddr_none();
        w->peer[i] = qc_gossip_join(w->g, &who, w->now);
    }
}

static void end(world *w)
{
    for (int i = 0; i < PEERS; i++)
        qc_gossip_leave(w->g, w->peer[i]);
    qc_gossip_free(w->g);
    qc_addrman_free(w->book.addrs);
    qc_bans_clear(&w->book.bans);
    qc_localaddrs_free(w->book.local);
    pthread_mutex_destroy(&w->book.lock);
}

static void judge(const world *w)
{
    uint64_t time = (uint64_t)(w->now - START * SECOND) / QC_GOSSIP_TOKEN;
    QC_ASSERT(w->asked == 1);
    for (int i = 0; i < PEERS; i++) {
        qc_gossip_state s = qc_gossip_state_of(w->peer[i]);
        QC_ASSERT(s.processed <= 1 + time + (i == 2 ? QC_ADDR_MESSAGE_MAX : 0));
        QC_ASSERT(!s.enabled || i != 3);
        QC_ASSERT(qc_gossip_bytes(w->peer[i]) <= PER_PEER);
    }
}

static void hear(world *w, qc_gossip_peer *p, bool v2, qc_fuzz_in *in)
{
    qc_addr_fault why;
    size_t n = 0, len = (size_t)qc_fuzz_u8(in) << 8;
    len |= qc_fuzz_u8(in);
    len = QC_MIN(len, in->left);
    qc_gossip_end e = qc_gossip_hear(w->g, p, v2, (qc_span){in->p, len}, w->now, &n, &why);
    QC_ASSERT(e != QC_GOSSIP_OK || n <= QC_ADDR_MESSAGE_MAX);
    in->p += len;
    in->left -= len;
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    world w;
    qc_fuzz_in in = {data, len};
    begin(&w);
    for (int i = 0; i < STEPS && in.left; i++) {
        uint8_t what = qc_fuzz_u8(&in);
        qc_gossip_peer *p = w.peer[what % PEERS];
        w.now += qc_fuzz_u8(&in) * 30 * SECOND;
        switch (what / PEERS % 4) {
        case 0:
        case 1:
            hear(&w, p, what / PEERS % 4, &in);
            break;
        case 2:
            (void)qc_gossip_answer(w.g, p, w.now);
            break;
        case 3:
            for (int k = 0; k < PEERS; k++)
                qc_gossip_care(w.g, w.peer[k], what & 128, w.now);
            break;
        }
        judge(&w);
    }
    QC_ASSERT(qc_addrman_check(w.book.addrs) == 0);
    end(&w);
    return 0;
}
