/* core/net/internal.h: shared by the files that make the set of peers. Thread: net. */
#pragma once
#include "core/crypto/siphash.h"
#include "core/loop/loop.h"
#include "core/net/i2p.h"
#include "core/net/message.h"
#include "core/net/net.h"
#include "core/net/peerbook.h"
#include "core/net/transport.h"

#include <stdatomic.h>

#define QC_NET_TICK_MS                                                                             \
    100 /* deadlines are of seconds; tests set the clock and wait for what happens */
#define QC_PEER_READ 65536u        /* bytes taken from a socket at once */
#define QC_PEER_SEND_MAX 32000000u /* queued bytes; the owner stops long before */
#define QC_PEER_SEND_LOW 262144u   /* below this the owner is told to go on */
#define QC_INBOX_EACH                                                                              \
    640u /* bytes a message is counted for besides its payload: what its owner keeps of it, so     \
            that many empty ones are no cheaper to send than they are to hold */
#define QC_INBOX_PRESSED 65536u /* what remains of recv_max while too much is held in all */

typedef struct qc_peer {
    qc_net *net;
    struct qc_peer *next;
    int fd;                  /* -1: connecting */
    qc_watch *read, *write;  /* write: while something is queued */
    struct qc_outgoing *out; /* while the connection is being made */
    qc_i2p_session *session; /* over I2P: what the connection hangs on; NULL: none of its own */
    bool named;              /* info.addr is what it was asked for as */
    bool connecting, version_seen, closing;
    bool v2_said;        /* in the log: that we began to speak version 2 */
    bool undrained;      /* sent to since the owner was told that the queue is low */
    size_t inbox;        /* bytes of messages that the owner has not dealt with */
    qc_mono inbox_moved; /* when one was last dealt with, or the first came */
    uint32_t born_with;  /* permissions besides those of its address */
    qc_transport *transport;
    uint64_t ping_nonce;
    qc_mono ping_sent, opened, heard; /* ping_sent 0: none on the way */
    qc_mono last_ping;
    qc_peer_info info;
    uint64_t nonce;       /* in our version message: tells connections to ourselves */
    uint64_t keyed_group; /* its group under a secret key */
    bool wanted_services, relays_txs, has_filter, prefer_evict; /* see evict.h */
    qc_unixtime last_block, last_tx;
} qc_peer;

typedef struct qc_added qc_added;

typedef struct qc_listener {
    struct qc_listener *next;
    qc_net *net;
    qc_watch *watch;
    int fd;
    uint32_t permissions;
    bool onion;
} qc_listener;

struct qc_net {
    qc_loop *loop;
    qc_thread *thread;
    qc_timer *timer;
    uint8_t magic[4];
    char *user_agent;
    qc_slots slots;
    int64_t peer_timeout;
    qc_peerbook *book;
    uint32_t block_spacing;
    qc_siphash_key key; /* secret */
    qc_signer *signer;  /* for the keys of version 2 */
    bool relay;
    uint64_t services; /* ours; QC_NODE_P2P_V2 is in it when version 2 is on */
    size_t recv_max, held_pause, held_max;
    qc_net_owner owner;
    uint16_t default_port;
    qc_permit *permit;
    size_t n_permit;
    qc_added *added;
    struct qc_outbound *outbound; /* NULL: no connections but those that are asked for */
    bool automatic;
    _Atomic int64_t private_wanted; /* see private.c, with the two below */
    qc_mono private_next;
    bool tor_works;
    _Atomic bool try_another, extra_block_only; /* see outbound.h */
    char *anchors_path;
    qc_mono outbound_next;
    struct qc_lookup *seed;       /* a DNS seed that is being asked */
    struct qc_resolver *resolver; /* made when a name is first met */
    struct qc_proxies *proxies;   /* borrowed; NULL: none */
    qc_i2p *i2p;                  /* NULL: no router is known */
    void (*i2p_address)(void *arg, const qc_netaddr *a, bool on);
    void *i2p_arg;
    bool cjdns, no_dns;
    int64_t connect_ms;
    bool stopped;
    qc_peer *peers;
    uint32_t n_peers;
    qc_listener *listeners;
    qc_peer_id next_id;
    _Atomic bool active;
    _Atomic uint32_t height;
    _Atomic int64_t tip_time;
    _Atomic uint64_t sent, received;
    qc_upload upload;
    char *capture_dir; /* NULL: nothing is captured */
    uint8_t scratch[QC_PEER_READ];
};

/** What time-outs of peers go by: follows a mocked clock, as Core's do. */
static inline qc_mono qc_peer_clock(void)
{
    return qc_clock_now_us() * 1000;
}

static inline bool qc_conn_is_automatic(qc_conn_type t)
{
    return t != QC_CONN_INBOUND && t != QC_CONN_MANUAL && t != QC_CONN_PRIVATE;
}

/* net.c */
/** Bytes that the owner has not dealt with, of all peers and of those that are gone. */
static inline size_t qc_net_held(const qc_net *n)
{
    return n->owner.held ? n->owner.held(n->owner.arg) : 0;
}
/** What a peer must offer that is of use to us, when it offers `services`. */
uint64_t qc_net_desirable(const qc_net *n, uint64_t services);
/** By name or address, or with addr NULL by id. */
qc_peer *qc_net_find(const qc_net *n, qc_peer_id id, const char *addr);
/** By address and port. */
qc_peer *qc_net_find_at(const qc_net *n, const qc_peer_addr *at);
/* outgoing.c */
/** What to connect to. */
typedef struct qc_target {
    const char *name; /* "host[:port]"; NULL: at */
    qc_peer_addr at;  /* with services and time as they are known */
    qc_conn_type type;
    bool v2;    /* see qc_net_connect() */
    bool count; /* that it cannot be reached speaks against the address */
} qc_target;
/** As qc_net_connect() but for the limit on places, on the net thread: the one way in which
 *  connections are made. */
QC_MUST_CHECK qc_err qc_net_dial(qc_net *n, const qc_target *t);
/** How many there are, connected or not, of a type, or of all automatic ones. */
uint32_t qc_net_count_type(const qc_net *n, qc_conn_type type, bool any_automatic);
/** What `text` names: an address of any network, in *at, or a host, when *at becomes the address
 * for none. Out: the host without brackets and port. Returns: QC_OK; QC_EINVAL. */
QC_MUST_CHECK qc_err qc_net_target(const qc_net *n, const char *text, uint16_t default_port,
                                   char host[static 256], qc_peer_addr *at);
/** Give a try up. NULL is allowed. */
void qc_outgoing_free(QC_OWN struct qc_outgoing *o);
/** For names; NULL: no threads to be had. */
struct qc_resolver *qc_net_resolver(qc_net *n);
/** The router, when one is known. Returns: QC_OK; QC_EIO. */
QC_MUST_CHECK qc_err qc_net_i2p_start(qc_net *n, const qc_net_options *o);
/* listen.c */
/** Somebody has connected to us. */
typedef struct qc_arrival {
    int fd;
    qc_peer_addr from, to;
    uint32_t permissions; /* for having come this way */
    bool onion;
} qc_arrival;
/** Make a peer of it, or close it. */
void qc_net_adopt(qc_net *n, const qc_arrival *a);
void qc_net_listeners_free(qc_net *n);
/* room.c */
/** Only one more inbound peer fits, or none. */
bool qc_room_is_last(const qc_net *n);
/** Let there be a place for an inbound peer; that may close another. False: there is none. */
bool qc_room_make(qc_net *n);
/** The same for an inbound peer that (now) relays transactions, since `message`. */
bool qc_room_to_relay(qc_peer *p, const char *message);
/* automate.c */
void qc_automate_tick(qc_net *n, qc_mono now);
/** The net stops: remember anchors, while there are peers. */
void qc_automate_stop(qc_net *n);
/* private.c */
/** Make those that are wanted. now: of the real clock. */
void qc_private_connect(qc_net *n, qc_mono now);
/** The handshake of one is over. */
void qc_private_made(qc_peer *p);
/** The way to a peer that is not over I2P. False: there is none. */
bool qc_private_proxy(const qc_net *n, const qc_netaddr *to, qc_proxy *out);
/* added.c */
/** Does an operator want a connection to it anyway? NULL: to any at all? */
bool qc_net_is_added(const qc_net *n, const qc_peer_addr *at);
void qc_net_added_tick(qc_net *n, qc_mono now);
void qc_net_added_free(qc_net *n);

/* handshake.c */
/** Send our version. */
void qc_handshake_begin(qc_peer *p);
/** True: the message was of the handshake, or came too early, and has been dealt with. */
bool qc_handshake_takes(qc_peer *p, const qc_message *m);

/* peer.c */
typedef struct qc_peer_birth {
    qc_conn_type type;
    bool v2;          /* it may speak version 2 */
    const char *name; /* as it was asked for; NULL: its address */
    qc_peer_addr at;
    uint32_t permissions; /* besides those of its address */
    bool onion;
} qc_peer_birth;
/** A peer that is not connected yet. */
qc_peer *qc_peer_new(qc_net *n, const qc_peer_birth *b);
/** It has turned out where a peer is. */
void qc_peer_settle_at(qc_peer *p, const qc_peer_addr *at);
/** Its connection is there; `to` is our end, NULL: as the socket says. False: the peer was closed.
 */
bool qc_peer_connected(qc_peer *p, QC_OWN int fd, const qc_peer_addr *to);
/** Unlink and free. */
void qc_peer_close(QC_OWN qc_peer *p, const char *why);
void qc_peer_ping(qc_peer *p);
void qc_peer_send(qc_peer *p, const char *name, qc_span payload);
/** `bytes` of the inbox are free again: goes on reading. True: the peer was closed. */
bool qc_peer_done(qc_peer *p, size_t bytes);
/** Timeouts. True: the peer was closed. */
bool qc_peer_tick(qc_peer *p, qc_mono now);
