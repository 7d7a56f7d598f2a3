/* core/net/peerbook.h: what this node keeps about addresses, with its files: the address manager,
 * bans, groups. The chain thread is to own the address manager once it speaks with peers; until
 * then app/ owns the book, and whoever uses it holds its lock for one short operation. Thread: any.
 */
#pragma once
#include "core/net/addrman.h"
#include "core/net/bans.h"
#include "core/net/localaddr.h"
#include "core/os/thread.h"

typedef struct qc_peerbook {
    pthread_mutex_t lock;    /* of addrs and bans; the rest is constant */
    pthread_mutex_t writing; /* banlist.json, in the order of changes; taken before `lock` */
    qc_addrman *addrs;
    qc_bans bans;
    qc_netgroups groups;
    qc_localaddrs *local; /* has a lock of its own */
    bool cjdns;           /* this host is on CJDNS */
    uint8_t magic[4];
    char *peers_path, *bans_path;
} qc_peerbook;

typedef struct qc_peerbook_options {
    const char *dir; /* folder of the chain */
    uint8_t magic[4];
    const char *asmap; /* path, NULL: none */
    int64_t ban_seconds;
    uint32_t check_ratio;
    bool cjdns;
    bool known_key; /* -test=addrman: places can be foretold */
    qc_localaddrs_options local;
} qc_peerbook_options;

/** Read the map, peers.dat and banlist.json. Out: owned, qc_peerbook_close(); *error: a sentence
 * for the operator, owned, qc_free(). Returns: QC_OK; QC_ENOENT or QC_ECORRUPT (the map or
 * peers.dat); QC_ENOMEM; QC_EIO. */
QC_MUST_CHECK qc_err qc_peerbook_open(qc_peerbook **out, const qc_peerbook_options *o,
                                      char **error);
/** Free it; write first. NULL is allowed. */
void qc_peerbook_close(QC_OWN qc_peerbook *b);
/** Write peers.dat, and banlist.json if it changed. Failures are logged. May block on disk. */
void qc_peerbook_write(qc_peerbook *b);
/** Write banlist.json at once after a change. */
void qc_peerbook_write_bans(qc_peerbook *b);
/** One line in the log: how well the map knows the addresses. Nothing without a map. */
void qc_peerbook_log_asmap(qc_peerbook *b);
/** "host:port" as connections have it. False: no address, *a is untouched. */
bool qc_peerbook_read(const qc_peerbook *b, const char *text, qc_netaddr *a, uint16_t *port);
/** qc_addrman_get() without who is banned or discouraged: what may be told to others.
 *  Out: *list, owned, qc_free(). Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_peerbook_addresses(qc_peerbook *b, const qc_addrman_ask *ask,
                                           qc_unixtime now, qc_peer_addr **list, size_t *n);
/** This "host:port" has misbehaved. */
void qc_peerbook_discourage(qc_peerbook *b, const char *addr);

typedef enum qc_standing {
    QC_STANDING_GOOD,
    QC_STANDING_DISCOURAGED,
    QC_STANDING_BANNED
} qc_standing;
qc_standing qc_peerbook_standing(qc_peerbook *b, const qc_netaddr *a);

/* What became of connections that we made, for the address manager. */

/** A try has ended, well or not. count: if not, that speaks against the address. */
void qc_peerbook_attempt(qc_peerbook *b, const qc_peer_addr *a, bool count);
/** The peer has said in its version message what it offers. */
void qc_peerbook_services(qc_peerbook *b, const qc_peer_addr *a, uint64_t services);
/** It is what we looked for. */
void qc_peerbook_good(qc_peerbook *b, const qc_peer_addr *a);
/** A working connection has ended. */
void qc_peerbook_connected(qc_peerbook *b, const qc_peer_addr *a);
