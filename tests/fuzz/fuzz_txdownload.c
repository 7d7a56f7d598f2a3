/* Peers that announce, send and take back transactions of one family, before a pool that answers
 * as the input says: orphans and requests stay within their bounds, all that is counted is there,
 * and nothing is left of a peer that is gone. Input: the pool's answers are taken from the same
 * bytes as the steps (what, who, which, how long). */
#include "core/sync/txdownload.h"
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "tests/unit/builder.h"

#define PEERS 4
#define TXS 16
#define STEPS 200
#define SCORE 12
#define WEIGHT 2500

static qc_txbuf family[TXS]; /* each spends outputs of two others, or of one that never comes */
static qc_block *block;      /* of the first few */

typedef struct world {
    qc_fuzz_in in;
    qc_txdl *d;
    int64_t now;
    uint64_t seed;
    bool in_pool[TXS], here[PEERS];
} world;

static const qc_vcode CODES[] = {
    QC_V_MISSING_INPUTS, QC_V_MISSING_INPUTS,      QC_V_RECONSIDERABLE,   QC_V_CONSENSUS,
    QC_V_NOT_STANDARD,   QC_V_INPUTS_NOT_STANDARD, QC_V_WITNESS_STRIPPED, QC_V_WITNESS_MUTATED};

static void make_family(void)
{
    tb_chain *c = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    tb_block *b = qc_alloc(sizeof *b);
    tb_block_add(b, tb_coinbase(5, 1, 50, qc_span_of("\x51", 1)));
    for (uint32_t i = 0; i < TXS; i++) {
        tb_tx *t = tb_tx_new();
        for (uint32_t k = 0; k < 1 + i % 12; k++) {
            qc_hash from = {{0xee}};
            uint32_t j = i < 2 ? TXS : (i * 5 + k * 3) % i;
            if (j < TXS)
                memcpy(from.b, family[j].tx.rec->txid, sizeof from.b);
            tb_tx_in(t, &from, k, qc_span_of("", 0), TB_FINAL);
        }
        for (uint32_t k = 0; k < 12; k++)
            tb_tx_out(t, 1000 + i, qc_span_of("\x51", 1));
        if (i & 1)
            tb_tx_witness(t, 0, qc_span_of("w", 1));
        tb_tx_parse(t, &family[i]);
        if (i < 3)
            tb_block_add(b, t);
        else
            tb_tx_free(t);
    }
    block = tb_block_parse(b);
    tb_block_free(b);
    tb_chain_free(c);
}

static bool has(void *arg, const qc_tx_name *name)
{
    const world *w = arg;
    for (int i = 0; i < TXS; i++) {
        const qn_tx_rec *r = family[i].tx.rec;
        if (w->in_pool[i] && memcmp(name->wtxid ? r->wtxid : r->txid, name->hash.b, 32) == 0)
            return true;
    }
    return false;
}

static int index_of(const qc_tx *tx)
{
    int i = 0;
    while (memcmp(family[i].tx.rec->wtxid, tx->rec->wtxid, 32) != 0)
        i++;
    return i;
}

static void judge(world *w, const qc_tx *tx, uint8_t how, qc_tx_answer *out)
{
    int i = index_of(tx);
    if (how & 1) {
        out->kind = QC_TX_IN;
        w->in_pool[i] = true;
    } else if (how & 2) {
        out->kind = QC_TX_REFUSED;
        qc_verdict_fail(&out->v, CODES[how >> 2 & 7], "no", NULL);
    }
}

static void take(void *arg, const qc_tx *tx, qc_tx_answer *out)
{
    world *w = arg;
    QC_ASSERT(!w->in_pool[index_of(tx)]);
    judge(w, tx, qc_fuzz_u8(&w->in), out);
}

static bool take_pair(void *arg, const qc_tx *parent, const qc_tx *child, qc_tx_answer out[2])
{
    world *w = arg;
    uint8_t how = qc_fuzz_u8(&w->in);
    judge(w, parent, how, &out[0]);
    judge(w, child, qc_fuzz_u8(&w->in), &out[1]);
    return how & 0x80;
}

static void taken(void *arg, qc_peer_id from, const qc_tx *tx)
{
    QC_ASSERT(((world *)arg)->in_pool[index_of(tx)] && from >= 0 && from < PEERS);
}

static void spare(void *arg, const qc_tx *tx)
{
    (void)arg;
    (void)index_of(tx);
}

static void knows(void *arg, qc_peer_id peer, const qc_hash *txid)
{
    (void)arg;
    QC_ASSERT(peer >= 0 && peer < PEERS && !qc_hash_is_zero(txid));
}

static uint64_t chance(void *arg)
{
    uint64_t *s = arg;
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return *s ^ *s >> 29;
}

static void open_peer(world *w, qc_peer_id id)
{
    const qc_txdl_peer p = {.id = id, .preferred = id & 1, .trusted = id == 3, .wtxids = id < 2};
    qc_txdl_opened(w->d, &p);
    w->here[id] = true;
}

static void close_peer(world *w, qc_peer_id id)
{
    qc_txdl_closed(w->d, id);
    w->here[id] = false;
    QC_ASSERT(qc_txreq_count_of(qc_txdl_requests(w->d), id).all == 0);
    QC_ASSERT(qc_orphanage_used_by(qc_txdl_orphans(w->d), id).announcements == 0);
    QC_ASSERT(!qc_txdl_has_work(w->d, id));
}

static void ask(world *w, qc_peer_id peer)
{
    qc_tx_name *list;
    size_t n;
    QC_ASSERT(!qc_txdl_ask(w->d, peer, w->now, &list, &n));
    for (size_t i = 0; i < n; i++)
        QC_ASSERT(!qc_txdl_knows(w->d, &list[i], false));
    QC_ASSERT(n == 0 || w->here[peer]);
    qc_free(list);
}

static void step(world *w)
{
    uint8_t what = qc_fuzz_u8(&w->in), who = qc_fuzz_u8(&w->in), which = qc_fuzz_u8(&w->in);
    qc_peer_id peer = who % PEERS;
    const qc_txbuf *b = &family[which % TXS];
    qc_tx_name n = {.wtxid = which & 0x80};
    memcpy(n.hash.b, n.wtxid ? b->tx.rec->wtxid : b->tx.rec->txid, 32);
    switch (what % 10) {
    case 0:
    case 1:
        (void)qc_txdl_announced(w->d, peer, &n, w->now);
        break;
    case 2:
    case 3:
        if (w->here[peer])
            (void)qc_txdl_received(w->d, peer, &b->tx, w->now);
        break;
    case 4:
        w->now += INT64_C(100000) * (who | 1);
        ask(w, peer);
        break;
    case 5:
        qc_txdl_missing(w->d, peer, &n.hash);
        break;
    case 6:
        QC_ASSERT(qc_txdl_has_work(w->d, peer) == qc_txdl_work(w->d, peer, w->now));
        break;
    case 7:
        if (w->here[peer])
            close_peer(w, peer);
        else
            open_peer(w, peer);
        break;
    case 8:
        w->in_pool[which % TXS] = false; /* evicted */
        break;
    default:
        if (which & 1)
            qc_txdl_connected(w->d, block);
        else if (which & 2)
            qc_txdl_disconnected(w->d);
        qc_txdl_tip(w->d);
        break;
    }
    qc_orphanage_check(qc_txdl_orphans(w->d));
    qc_txreq_check(qc_txdl_requests(w->d));
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    static const qc_orphanage_options SMALL = {.score = SCORE, .weight = WEIGHT};
    world w = {.in = {data, len}, .now = INT64_C(1000000000), .seed = 1};
    if (!block)
        make_family();
    const qc_txdl_options o = {.pool = {&w, has, take, take_pair, taken, spare, knows},
                               .key = {1, 2},
                               .random = chance,
                               .random_arg = &w.seed,
                               .orphans = &SMALL,
                               .rejects = 1000};
    w.d = qc_txdl_new(&o);
    for (qc_peer_id p = 0; p < PEERS; p++)
        open_peer(&w, p);
    for (int i = 0; i < STEPS && w.in.left; i++)
        step(&w);
    for (qc_peer_id p = 0; p < PEERS; p++)
        close_peer(&w, p);
    QC_ASSERT(qc_txreq_size(qc_txdl_requests(w.d)) == 0);
    QC_ASSERT(qc_orphanage_used(qc_txdl_orphans(w.d)).orphans == 0);
    qc_txdl_free(w.d);
    return 0;
}
