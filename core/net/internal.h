/* core/net/internal.h: shared by net.c and peer.c. Thread: net. */
#pragma once
#include "core/loop/loop.h"
#include "core/net/message.h"
#include "core/net/net.h"
#include "core/net/transport.h"

#include <stdatomic.h>

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
    int fd;
    qc_watch *read, *write; /* write: while something is queued, or the connection is being made */
    bool connecting, version_seen, closing;
    bool v2_said;   /* in the log: that we began to speak version 2 */
    bool undrained; /* sent to since the owner was told that the queue is low */
    size_t inbox;   /* bytes of messages that the owner has not dealt with */
    qc_transport *transport;
    uint64_t nonce; /* of our version message: tells connections to ourselves */
    uint64_t ping_nonce;
    qc_mono ping_sent, opened, heard; /* ping_sent 0: none on the way */
    qc_mono last_ping;
    qc_peer_info info;
} qc_peer;

typedef struct qc_added qc_added;

typedef struct qc_listener {
    struct qc_listener *next;
    qc_watch *watch;
    int fd;
} qc_listener;

struct qc_net {
    qc_loop *loop;
    qc_thread *thread;
    qc_timer *timer;
    uint8_t magic[4];
    char *user_agent;
    uint32_t max_peers;
    int64_t peer_timeout;
    bool (*refuses)(void *arg, const char *addr, bool last_place);
    void *refuses_arg;
    qc_signer *signer; /* for the keys of version 2 */
    uint64_t services; /* ours; QC_NODE_P2P_V2 is in it when version 2 is on */
    size_t recv_max, held_pause, held_max;
    qc_net_owner owner;
    uint16_t default_port;
    qc_permit *permit;
    size_t n_permit;
    qc_added *added;
    struct qc_resolver *resolver; /* made when a name is first met */
    bool stopped;
    qc_peer *peers;
    uint32_t n_peers;
    qc_listener *listeners;
    qc_peer_id next_id;
    _Atomic bool active;
    _Atomic uint32_t height;
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

/* net.c */
/** Bytes that the owner has not dealt with, of all peers and of those that are gone. */
static inline size_t qc_net_held(const qc_net *n)
{
    return n->owner.held ? n->owner.held(n->owner.arg) : 0;
}
/** By address, or with addr NULL by id. */
qc_peer *qc_net_find(const qc_net *n, qc_peer_id id, const char *addr);
/** As qc_net_connect(), on the net thread. Out: text, the address as peers show it. */
QC_MUST_CHECK qc_err qc_net_dial(qc_net *n, const char *addr, uint16_t default_port,
                                 qc_conn_type type, bool v2, char text[64]);
/* added.c */
void qc_net_added_tick(qc_net *n, qc_mono now);
void qc_net_added_free(qc_net *n);

/* handshake.c */
/** Send our version. */
void qc_handshake_begin(qc_peer *p);
/** True: the message was of the handshake, or came too early, and has been dealt with. */
bool qc_handshake_takes(qc_peer *p, const qc_message *m);

/* peer.c */
/** A connected or connecting socket becomes a peer; v2: one that may speak version 2. NULL: no
 *  memory or descriptors; fd is closed. */
qc_peer *qc_peer_new(qc_net *n, QC_OWN int fd, qc_conn_type type, bool v2, const char *addr);
/** Unlink and free. */
void qc_peer_close(QC_OWN qc_peer *p, const char *why);
void qc_peer_ping(qc_peer *p);
void qc_peer_send(qc_peer *p, const char *name, qc_span payload);
/** `bytes` of the inbox are free again: goes on reading. True: the peer was closed. */
bool qc_peer_done(qc_peer *p, size_t bytes);
/** Timeouts. True: the peer was closed. */
bool qc_peer_tick(qc_peer *p, qc_mono now);
