/* quoin/peers_read.h: the peers: who they are, what they speak, traffic,
 * networks, bans, addresses kept.
 *
 * Everything is a snapshot of the moment of the call, and made for few calls:
 * one record of the whole, one record per peer, network, ban. Who asks more
 * than 50 times in a second gets the snapshot before. What of a peer only
 * validation knows (heights, blocks asked for) is as old as the last moment
 * that validation had time to tell, at most; it is never waited for. The texts
 * that a peer sends (its user agent) are hostile: they hold no control
 * characters, and no more is promised. A node without a peer layer has no peers
 * and says so in info().
 *
 * Made by api/generate.py from api/interfaces/peers.read.toml: change that, then run it. */
#ifndef QUOIN_PEERS_READ_H
#define QUOIN_PEERS_READ_H
#include "quoin/types.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of qn_peers_info. */
#define QN_PEERS_RUNNING 1u /* there is a peer layer */
#define QN_PEERS_ACTIVE 2u  /* peers may be talked to (setnetworkactive) */
#define QN_PEERS_RELAY 4u   /* transactions are asked for from peers */
#define QN_PEERS_HISTORY 8u /* old blocks are served: the upload target leaves room */

/** Flags of qn_peer. */
#define QN_PEER_INBOUND 1u     /* it connected to us */
#define QN_PEER_READY 2u       /* the handshake is over */
#define QN_PEER_ENCRYPTED 4u   /* transport version 2 (BIP324) */
#define QN_PEER_RELAY_TX 8u    /* transactions are announced to it */
#define QN_PEER_RELAY_ADDR 16u /* addresses are exchanged with it */
#define QN_PEER_HB_TO 32u      /* we asked it for new blocks unasked (BIP152) */
#define QN_PEER_HB_FROM 64u    /* it asked us for new blocks unasked (BIP152) */

/** Why there is a connection; treat an unknown one as outbound. */
#define QN_PEER_KIND_INBOUND 1u    /* it connected to us */
#define QN_PEER_KIND_MANUAL 2u     /* an operator or plugin asked for it */
#define QN_PEER_KIND_FEELER 3u     /* to see whether an address answers */
#define QN_PEER_KIND_FULL 4u       /* outbound, relays everything */
#define QN_PEER_KIND_BLOCK_ONLY 5u /* outbound, relays blocks only */
#define QN_PEER_KIND_ADDR_FETCH 6u /* to ask for addresses */

/** Networks that addresses belong to. */
#define QN_NETWORK_UNROUTABLE 1u /* private, or of this machine */
#define QN_NETWORK_IPV4 2u
#define QN_NETWORK_IPV6 3u
#define QN_NETWORK_ONION 4u /* Tor */
#define QN_NETWORK_I2P 5u
#define QN_NETWORK_CJDNS 6u

/** What an operator allowed a peer beyond others (-whitelist, -whitebind). */
#define QN_PERMIT_NOBAN 1u       /* never banned or punished */
#define QN_PERMIT_FORCE_RELAY 2u /* its transactions are relayed even if known */
#define QN_PERMIT_RELAY 4u       /* relay with it even in -blocksonly */
#define QN_PERMIT_MEMPOOL 8u     /* may ask for the mempool */
#define QN_PERMIT_DOWNLOAD 16u   /* may download beyond the upload target */
#define QN_PERMIT_ADDR 32u       /* may ask for addresses without limits */
#define QN_PERMIT_BLOOM 64u      /* may use bloom filters */

/** Flags of qn_peer_network. */
#define QN_PEER_NETWORK_REACHABLE 1u /* connections are made there (-onlynet) */
/* each connection through the proxy has credentials of its own */
#define QN_PEER_NETWORK_ISOLATED 2u

/** The whole at one moment. */
typedef struct qn_peers_info {
    uint32_t size;             /* in: bytes the caller has room for; out: bytes filled in */
    uint32_t flags;            /* QN_PEERS_* */
    uint32_t protocol_version; /* ours */
    uint32_t max_connections;  /* -maxconnections */
    uint32_t connections_in;   /* peers that connected to us */
    uint32_t connections_out;  /* peers that we connected to */
    uint64_t services;         /* what we tell peers that we serve */
    uint64_t bytes_received;   /* from peers since the start */
    uint64_t bytes_sent;       /* to peers since the start */
    /* seconds: the median by which outbound peers' clocks are ahead of ours */
    int64_t time_offset;
    uint64_t upload_target; /* bytes a day (-maxuploadtarget); 0: no limit */
    uint64_t upload_left;   /* bytes of it that are left in this day */
    uint32_t n_bans;        /* what bans() gives */
    uint32_t n_added;       /* what added() gives */
} qn_peers_info;

/** One peer. Texts end with a NUL and are cut to fit. Times are seconds since
 *  1970, 0: never. Never changes. */
typedef struct qn_peer {
    int64_t id;             /* never used again before a restart */
    char address[80];       /* host:port; a name's port may be left out */
    char bind_address[80];  /* our end; empty: not known */
    char local_address[80]; /* our address as the peer told it; empty: it did not */
    char user_agent[256];   /* as it says */
    char session_id[72];    /* hex (BIP324); empty: not encrypted */
    uint64_t services;      /* what it says it serves */
    int64_t connected;
    int64_t last_sent;     /* a message to it */
    int64_t last_received; /* a message from it */
    int64_t last_block;    /* a new block from it */
    int64_t last_tx;       /* a transaction from it that was accepted */
    int64_t time_offset;   /* seconds by which its clock is ahead of ours */
    int64_t ping_us;       /* microseconds of the last ping; -1: none yet */
    int64_t min_ping_us;   /* of the fastest one; -1: none yet */
    int64_t ping_wait_us;  /* since a ping that is not answered yet; 0: none */
    uint64_t bytes_sent;
    uint64_t bytes_received;
    uint64_t addresses_taken;   /* that it told and we looked at */
    uint64_t addresses_dropped; /* that were too many at once */
    int64_t min_fee;            /* satoshis per 1,000 vbytes below which it wants no transactions */
    int32_t version;            /* of the protocol it speaks */
    uint32_t flags;             /* QN_PEER_* */
    uint32_t kind;              /* QN_PEER_KIND_* */
    uint32_t network;           /* QN_NETWORK_* */
    uint32_t permissions;       /* QN_PERMIT_* */
    uint32_t mapped_as;         /* the autonomous system it is in (-asmap); 0: not known */
    int32_t presync_height;     /* of headers that are weighed before they are kept; -1: none are */
    int32_t header_height;      /* of the last header we both have; -1: not known */
    int32_t block_height;       /* of the last block we both have; -1: not known */
    uint32_t in_flight;         /* blocks that we have asked it for */
    uint32_t queued_tx;         /* transactions that wait to be announced to it */
    uint32_t reserved;          /* 0 */
} qn_peer;

/** Bytes by the type of message, heads included. Never changes. */
typedef struct qn_peer_message {
    char name[16];     /* "block" ...; "*other*": all types that are not known */
    uint64_t sent;     /* bytes */
    uint64_t received; /* bytes */
} qn_peer_message;

/** One network: how it is reached, and what is known of it. Never changes. */
typedef struct qn_peer_network {
    uint32_t network;     /* QN_NETWORK_*; never UNROUTABLE */
    uint32_t flags;       /* QN_PEER_NETWORK_* */
    char proxy[80];       /* host:port or a path; empty: none */
    uint64_t known_new;   /* addresses heard of */
    uint64_t known_tried; /* addresses that have answered */
} qn_peer_network;

/** An address of this node, as it is told to peers. Never changes. */
typedef struct qn_peer_local {
    char address[80]; /* host:port */
    int32_t score;    /* how sure we are of it; the highest is told */
    uint32_t network; /* QN_NETWORK_* */
} qn_peer_local;

/** A ban. Times are seconds since 1970. Never changes. */
typedef struct qn_peer_ban {
    char subnet[96]; /* "1.2.3.0/24" */
    int64_t created;
    int64_t until;
} qn_peer_ban;

/** A peer that is kept: connected to again whenever it is away. Never changes. */
typedef struct qn_peer_added {
    char node[256];   /* as it was given */
    char address[80]; /* where it is connected; empty: it is not */
} qn_peer_added;

/** peers.read/1, revision 1. Frozen. */
typedef struct qn_peers_read_1_r1 {
    qn_head h;

    /** The whole at this moment.
     *  info: size must be set.
     *  Returns: QN_OK, QN_E_INVAL, QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*info)(qn_cap *cap, qn_peers_info *info);

    /** Every peer, oldest connection first. QN_E_SPACE: *n_peers says how many
     *  there are; what fits is filled in.
     *  peers: there are hardly more than max_connections of info().
     *  Returns: QN_OK, QN_E_SPACE, QN_E_INVAL, QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*peers)(qn_cap *cap, qn_peer *peers, uint32_t max_peers, uint32_t *n_peers);

    /** What was exchanged with one peer, or with all that are connected, by the
     *  type of message. QN_E_SPACE as peers().
     *  peer: its id; -1: all.
     *  messages: 64 are always enough.
     *  Returns: QN_OK, QN_E_NOTFOUND, QN_E_SPACE, QN_E_INVAL, QN_E_NOMEM,
     *    QN_E_REVOKED. */
    qn_status (*messages)(qn_cap *cap, int64_t peer, qn_peer_message *messages,
                          uint32_t max_messages, uint32_t *n_messages);

    /** Every network that this version knows. QN_E_SPACE as peers().
     *  networks: 8 are always enough.
     *  Returns: QN_OK, QN_E_SPACE, QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*networks)(qn_cap *cap, qn_peer_network *networks, uint32_t max_networks,
                          uint32_t *n_networks);

    /** Every address of our own that we know. QN_E_SPACE as peers().
     *  Returns: QN_OK, QN_E_SPACE, QN_E_INVAL, QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*local)(qn_cap *cap, qn_peer_local *local, uint32_t max_local, uint32_t *n_local);

    /** Every ban that holds, in the order of addresses. QN_E_SPACE as peers().
     *  Returns: QN_OK, QN_E_SPACE, QN_E_INVAL, QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*bans)(qn_cap *cap, qn_peer_ban *bans, uint32_t max_bans, uint32_t *n_bans);

    /** Every peer that is kept (-addnode, -connect, addnode, peers.control).
     *  QN_E_SPACE as peers().
     *  Returns: QN_OK, QN_E_SPACE, QN_E_INVAL, QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*added)(qn_cap *cap, qn_peer_added *added, uint32_t max_added, uint32_t *n_added);

    /** What the operator is warned of, one line each: the same as node.read
     *  gives. QN_E_SPACE: *n_text says how much is needed.
     *  text: UTF-8 lines, each ended by a newline.
     *  Returns: QN_OK, QN_E_SPACE, QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*warnings)(qn_cap *cap, void *text, uint32_t max_text, uint32_t *n_text);
} qn_peers_read_1_r1;

/** The newest revision. */
typedef qn_peers_read_1_r1 qn_peers_read_1;
#define QN_PEERS_READ_1_ID "peers.read/1"
#define QN_PEERS_READ_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
