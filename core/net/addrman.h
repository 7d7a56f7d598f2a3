/* core/net/addrman.h: the address manager: addresses heard of ("new") and addresses that answered
 * ("tried"), in buckets whose number an attacker cannot foresee and of which one source or group
 * reaches few. Numbers, placement and file are Core's (addrman.cpp), so that peers.dat can go back
 * and forth. Clock and randomness come from the caller. Thread: one at a time per object. */
#pragma once
#include "core/base/hash.h"
#include "core/net/netgroup.h"
#include "core/net/peeraddr.h"

#define QC_ADDRMAN_NEW_BUCKETS 1024
#define QC_ADDRMAN_TRIED_BUCKETS 256
#define QC_ADDRMAN_BUCKET 64 /* places in a bucket */
#define QC_ADDRMAN_NEW_MAX (QC_ADDRMAN_NEW_BUCKETS * QC_ADDRMAN_BUCKET)
#define QC_ADDRMAN_TRIED_MAX (QC_ADDRMAN_TRIED_BUCKETS * QC_ADDRMAN_BUCKET)
#define QC_ADDRMAN_MAX (QC_ADDRMAN_NEW_MAX + QC_ADDRMAN_TRIED_MAX)
#define QC_ADDRMAN_PERCENT 23 /* of all addresses that an answer to getaddr holds at most */

typedef struct qc_addrman qc_addrman;

typedef struct qc_addrman_options {
    const qc_netgroups *groups; /* borrowed for the life of the manager */
    qc_hash key; /* secret: places depend on it. A file that is read brings its own */
    uint64_t (*random)(void *arg);
    void *random_arg;
    uint32_t check_ratio; /* about every n-th call checks everything; 0: never */
} qc_addrman_options;

/** Out: owned, qc_addrman_free(). */
qc_addrman *qc_addrman_new(const qc_addrman_options *o);
void qc_addrman_free(QC_OWN qc_addrman *m);

/** Addresses that `source` told of. `penalty`: seconds by which they are taken for older, unless
 * the source speaks of itself. True when at least one got a (further) place. */
bool qc_addrman_add(qc_addrman *m, const qc_peer_addr *list, size_t n, const qc_netaddr *source,
                    int64_t penalty, qc_unixtime now);
/** We were connected to it. True when it moved to the tried table; an occupied place there is
 * tested first: qc_addrman_collision(). */
bool qc_addrman_good(qc_addrman *m, const qc_peer_addr *a, qc_unixtime now);
/** We try to connect. count: a failure of this try counts against it. */
void qc_addrman_attempt(qc_addrman *m, const qc_peer_addr *a, bool count, qc_unixtime now);
/** A connection to it ends; called on a working one, so that its time stays fresh. */
void qc_addrman_connected(qc_addrman *m, const qc_peer_addr *a, qc_unixtime now);
void qc_addrman_set_services(qc_addrman *m, const qc_peer_addr *a, uint64_t services);

/** Decide the collisions that are ripe: the old address answered lately, or failed, or there was no
 *  time to test it. */
void qc_addrman_resolve_collisions(qc_addrman *m, qc_unixtime now);
/** A tried address whose place another wants: to be tested by a connection. False: none. */
bool qc_addrman_collision(qc_addrman *m, qc_peer_addr *out, qc_unixtime *last_try);

/** An address to connect to. networks: a set of 1 << qc_network, 0: any. False: none. */
bool qc_addrman_select(qc_addrman *m, bool new_only, unsigned networks, qc_unixtime now,
                       qc_peer_addr *out, qc_unixtime *last_try);

#define QC_NETWORK_ALL QC_NETWORK_COUNT
/** Random addresses, at most `max` (0: any number) and `percent` (0: all) of all that are known, of
 *  the class `net` (QC_NETWORK_ALL: any). `all_qualities`: unlikely ones too.
 *  Out: *list, owned, qc_free(). Returns: QC_OK; QC_ENOMEM. */
typedef struct qc_addrman_ask {
    size_t max, percent;
    qc_network net;
    bool all_qualities;
} qc_addrman_ask;
QC_MUST_CHECK qc_err qc_addrman_get(qc_addrman *m, const qc_addrman_ask *ask, qc_unixtime now,
                                    qc_peer_addr **list, size_t *n);

typedef enum qc_addrman_table { QC_TABLE_NEW, QC_TABLE_TRIED, QC_TABLE_BOTH } qc_addrman_table;
/** How many; by network as qc_netaddr_network() has it, or QC_NETWORK_ALL. */
size_t qc_addrman_size(qc_addrman *m, qc_network net, qc_addrman_table table);

typedef struct qc_addrman_place {
    bool tried;
    int multiplicity, bucket, position;
} qc_addrman_place;
/** The place of an address: in the new table the one that its first source gave it. */
bool qc_addrman_find(qc_addrman *m, const qc_peer_addr *a, qc_addrman_place *out);
/** Every occupied place of a table, by bucket and position. */
typedef void qc_addrman_fn(void *arg, const qc_peer_addr *a, const qc_netaddr *source, int bucket,
                           int position);
void qc_addrman_each(qc_addrman *m, bool tried, qc_addrman_fn *fn, void *arg);

/** 0, or the number of the rule that is broken (Core's CheckAddrman). */
int qc_addrman_check(qc_addrman *m);
