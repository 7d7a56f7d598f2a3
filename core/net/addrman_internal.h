/* core/net/addrman_internal.h: the tables, for addrman.c, addrman_pick.c, addrman_check.c and
 * addrfile.c. */
#pragma once
#include "core/crypto/siphash.h"
#include "core/net/addrman.h"

#define ADDRMAN_CHAINS 65536u
#define ADDRMAN_REFS_MAX 8        /* places of one address in the new table */
#define ADDRMAN_COLLISIONS_MAX 10 /* waiting for a test */

#define MINUTE 60
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* What is known of an address. */
typedef struct info {
    qc_peer_addr a;
    qc_netaddr source; /* who told first */
    int64_t id;        /* in order of arrival; no other ever has the same */
    qc_unixtime last_try, last_counted, last_success;
    int32_t attempts; /* since the last success */
    int32_t refs;     /* places in the new table */
    bool tried;
    uint32_t at;   /* place in `order` */
    uint32_t next; /* in the chain of the hash table, or of the free ones */
    int32_t mark;  /* scratch: of a check, of writing */
} info;

/* Slots are numbers into `info`; 0 is none. */
struct qc_addrman {
    qc_addrman_options o;
    qc_siphash_key chain_key;
    info *info;
    uint32_t cap, used, free; /* slots allocated, ever used, first free one */
    uint32_t *order, n;       /* all slots in use in random order */
    int64_t next_id;
    int32_t n_new, n_tried;
    struct {
        size_t in_new, in_tried;
    } count[QC_NETWORK_COUNT];
    struct {
        uint32_t slot;
        int64_t id;
    } collision[ADDRMAN_COLLISIONS_MAX]; /* by id */
    size_t collisions;
    qc_unixtime last_good;
    uint32_t in_new[QC_ADDRMAN_NEW_BUCKETS][QC_ADDRMAN_BUCKET];
    uint32_t in_tried[QC_ADDRMAN_TRIED_BUCKETS][QC_ADDRMAN_BUCKET];
    uint32_t chain[ADDRMAN_CHAINS];
};

/* Placement: by the key, the address, and groups. */
int qc_addrman_tried_bucket(const qc_addrman *m, const info *i);
int qc_addrman_new_bucket(const qc_addrman *m, const info *i, const qc_netaddr *source);
int qc_addrman_position(const qc_addrman *m, const info *i, bool in_new, int bucket);

/* 0: not there. */
uint32_t qc_addrman_lookup(const qc_addrman *m, const qc_peer_addr *a);
/* A new entry in no table, found by lookup. 0: no memory. Moves `info`. */
uint32_t qc_addrman_create(qc_addrman *m, const qc_peer_addr *a, const qc_netaddr *source);
void qc_addrman_delete(qc_addrman *m, uint32_t slot);
void qc_addrman_swap(qc_addrman *m, uint32_t p, uint32_t q);
uint32_t qc_addrman_range(qc_addrman *m, uint32_t n);
bool qc_addrman_is_terrible(const info *i, qc_unixtime now);
/* After and before every public call. */
void qc_addrman_sometimes_check(qc_addrman *m);
