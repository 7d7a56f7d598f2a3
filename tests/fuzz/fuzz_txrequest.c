/* Announcements, answers and time in any order: nothing is asked twice at a time, all that is
 * counted is there. Input: steps of four bytes (what, who, which transaction, how long). */
#include "core/sync/txrequest.h"
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"

#define PEERS 5
#define TXS 12
#define STEPS 400

typedef struct world {
    qc_txreq *t;
    int64_t now;
    qc_peer_id asked[TXS]; /* who was asked last and has not answered; -1: nobody */
    int64_t until[TXS];
} world;

static qc_tx_name name(uint8_t which)
{
    return (qc_tx_name){{{(uint8_t)(which % TXS)}}, which & 0x80};
}

static void late(void *arg, qc_peer_id peer, const qc_tx_name *n)
{
    world *w = arg;
    QC_ASSERT(w->asked[n->hash.b[0]] == peer && w->until[n->hash.b[0]] <= w->now);
    w->asked[n->hash.b[0]] = -1;
}

static void ask(world *w, qc_peer_id peer, int64_t patience)
{
    qc_tx_name *list;
    size_t n;
    QC_ASSERT(!qc_txreq_due(w->t, peer, w->now, late, w, &list, &n));
    for (size_t i = 0; i < n; i++) {
        uint8_t k = list[i].hash.b[0];
        QC_ASSERT(w->asked[k] < 0);
        for (size_t j = 0; j < i; j++)
            QC_ASSERT(!qc_hash_eq(&list[i].hash, &list[j].hash));
        qc_txreq_asked(w->t, peer, &list[i].hash, w->now + patience);
        w->asked[k] = peer;
        w->until[k] = w->now + patience;
    }
    qc_free(list);
}

static void over(world *w, int which, qc_peer_id peer)
{
    for (int k = 0; k < TXS; k++)
        if ((which < 0 || k == which) && (peer < 0 || w->asked[k] == peer))
            w->asked[k] = -1;
}

static void step(world *w, qc_fuzz_in *in)
{
    uint8_t what = qc_fuzz_u8(in), who = qc_fuzz_u8(in), which = qc_fuzz_u8(in);
    int8_t time = (int8_t)qc_fuzz_u8(in);
    qc_peer_id peer = who % PEERS;
    const qc_tx_name n = name(which);
    switch (what % 6) {
    case 0:
        qc_txreq_announced(w->t, peer, &n, who & 0x80, w->now + time);
        break;
    case 1:
        w->now += time;
        ask(w, peer, 1 + which);
        break;
    case 2:
        qc_txreq_answered(w->t, peer, &n.hash);
        over(w, n.hash.b[0], peer);
        break;
    case 3:
        qc_txreq_forget(w->t, &n.hash);
        over(w, n.hash.b[0], -1);
        break;
    case 4:
        qc_txreq_forget_peer(w->t, peer);
        over(w, -1, peer);
        QC_ASSERT(qc_txreq_count_of(w->t, peer).all == 0);
        break;
    default:
        ask(w, peer, 60);
        break;
    }
    qc_txreq_check(w->t);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qc_fuzz_in in = {data, len};
    world w = {.now = 1000};
    w.t = qc_txreq_new(&(qc_siphash_key){qc_fuzz_u8(&in), 1});
    over(&w, -1, -1);
    for (int i = 0; i < STEPS && in.left; i++)
        step(&w, &in);
    size_t in_flight = 0, waiting = 0;
    for (qc_peer_id p = 0; p < PEERS; p++)
        in_flight += qc_txreq_count_of(w.t, p).in_flight;
    for (int k = 0; k < TXS; k++)
        waiting += w.asked[k] >= 0;
    QC_ASSERT(in_flight == waiting);
    qc_txreq_free(w.t);
    return 0;
}
