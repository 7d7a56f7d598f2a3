/* core/sync/orphanage_internal.h: what the files of the orphanage share. */
#pragma once
#include "core/sync/orphanage.h"

#include "core/base/heap.h"
#include "core/base/table.h"

typedef struct qc_orphan_entry qc_orphan_entry;
typedef struct qc_orphan_peer qc_orphan_peer;

/** A transaction and a peer that announced it. */
typedef struct qc_orphan_ann {
    qc_orphan_entry *entry;
    qc_orphan_peer *peer;
    qc_heap_node in_age; /* of the peer's `idle` or `work` */
    struct qc_orphan_ann *next_of_entry, **at_of_entry;
    struct qc_orphan_ann *next_of_peer, **at_of_peer;
    uint64_t seq;
    bool work;
} qc_orphan_ann;

typedef struct qc_orphan_input {
    qc_table_link link;
    qc_orphan_entry *entry;
} qc_orphan_input;

struct qc_orphan_entry {
    qc_orphan *orphan; /* a reference */
    qc_table_link by_wtxid;
    qc_orphan_ann *anns;
    qc_orphan_ann *work; /* the one of them that is work, or NULL */
    size_t n_anns;
    qc_orphan_input in[]; /* one for each input */
};

struct qc_orphan_peer {
    qc_table_link by_id;
    qc_peer_id id;
    qc_orphan_ann *anns;
    qc_heap idle, work; /* the oldest first */
    size_t n;
    uint32_t score;
    int64_t weight;
};

struct qc_orphanage {
    qc_orphanage_options o;
    qc_table entries, peers, inputs;
    size_t n_anns, n_work;
    uint32_t input_score; /* of transactions, without 1 for each announcement */
    int64_t weight;       /* of transactions */
    uint64_t seq;
    uint64_t steps;
};

static inline const qc_tx *qc_orphan_entry_tx(const qc_orphan_entry *e)
{
    return &e->orphan->buf.tx;
}
static inline uint32_t qc_orphan_input_score(const qc_orphan_entry *e)
{
    return qc_orphan_entry_tx(e)->rec->n_in / 10;
}
qc_orphan_entry *qc_orphanage_entry(const qc_orphanage *o, const qc_hash *wtxid);
qc_orphan_peer *qc_orphanage_peer(const qc_orphanage *o, qc_peer_id id);
/** The last announcement takes its transaction with it, a peer's last one the peer; work becomes
 *  that of another peer. */
void qc_orphanage_erase_ann(qc_orphanage *o, qc_orphan_ann *a);
/** Make it work, which it is not, of one of its peers, by chance. */
void qc_orphanage_make_work(qc_orphanage *o, qc_orphan_entry *e);
/** Back within the limits. */
void qc_orphanage_trim(qc_orphanage *o);
uint64_t qc_orphanage_input_key(const qc_orphanage *o, const uint8_t txid[static 32], uint32_t n);
