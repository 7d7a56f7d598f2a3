/* Templates of random mempools: each is a valid block, all that it says of itself is computed again
 * from its bytes, and its fees are held against what can be had at all and against a plain packer.
 *
 * The bound. With clusters so small that all their subsets can be tried, the best chunk of what is
 * left of a cluster is known: the set closed under parents that pays the most for its weight.
 * Chunks of all clusters, sorted by that rate and poured into the room there is, the last one by a
 * fraction of it, earn what no choice can exceed, not even of fractions of transactions. A packer
 * that takes whole chunks in that order fills all but at most the heaviest chunk before it has to
 * leave one out, at rates that only fall from there: of the bound it may miss heaviest / room at
 * most. So 0.5 % is asked for where no chunk is heavier than a 200th of the room, and that share
 * where one is.
 *
 * QUOIN_TEMPLATES=N tries so many mempools (`make check-templates`). */
#include "core/mining/miner.h"
#include "tests/unit/harness.h"

#include "core/base/arith.h"
#include "core/crypto/sha256.h"
#include "core/mempool/accept.h"
#include "core/mining/assemble.h"
#include "tests/unit/pool_kit.h"

#define MEMPOOLS 6u
#define MAX_TX 3200u
#define FAMILY 9u /* transactions that may be related: 2^9 subsets are tried */
#define MAX_LINKS 3u
#define LARGE 1100u
#define COINS 20u
#define OUTS 120u
#define BLOCKS 6u /* templates of a mempool */
#define MISSES 1000u
#define NEARLY 4000

/* What is known of a transaction because the test has made it. */
typedef struct known {
    qc_hash txid, wtxid;
    qc_amount fee;
    int64_t weight, adjusted, sigops;
    uint32_t parent[MAX_LINKS];
    uint32_t n_parents;
    uint32_t family; /* number of the first that it is related to */
    bool gone;       /* in a block */
} known;

typedef struct chunk {
    uint64_t members;    /* bits: places in its family */
    uint32_t family, at; /* at: number in the order in which they were found */
    qc_amount fee;
    int64_t weight, adjusted, sigops;
} chunk;

static unsigned g_full; /* templates that had to leave something out and were held to 0.5 % */

typedef struct rig {
    pool_kit p;
    qc_miner *miner;
    pk_coin coin[COINS * OUTS];
    size_t n_coins;
    uint64_t dice;
    uint32_t n;
    known tx[MAX_TX];
    chunk chunk[MAX_TX];
    uint32_t n_chunks;
} rig;

static uint64_t roll(rig *r, uint64_t n)
{
    r->dice = r->dice * 6364136223846793005u + 1442695040888963407u;
    return (r->dice >> 33) % n;
}

/* ---- a mempool ---- */

static rig *rig_new(uint64_t seed)
{
    rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->dice = seed;
    pk_init(&r->p);
    r->p.o.check_ratio = 0;
    const qc_miner_options mo = {.chain = r->p.k.c, .template = qc_template_defaults()};
    assert_int_equal(qc_miner_new(&r->miner, &mo), QC_OK);
    pk_open(&r->p);
    qc_miner_use_mempool(r->miner, r->p.m);
    tb_tx *tx[COINS];
    for (size_t i = 0; i < COINS; i++) {
        tx[i] = pk_spend(&r->p.coin[i], 1, 0, OUTS);
        for (uint32_t o = 0; o < OUTS; o++)
            r->coin[r->n_coins++] = pk_out(tx[i], o);
    }
    pk_mine(&r->p, tx, COINS);
    for (size_t i = 0; i < COINS; i++)
        tb_tx_free(tx[i]);
    return r;
}

static void rig_end(rig *r)
{
    pk_end(&r->p);
    qc_miner_free(r->miner);
    free(r);
}

static bool offer(rig *r, const tb_tx *tx)
{
    qc_txbuf b;
    qc_accept_result res;
    const qc_accept_opts o = {.test_only = false};
    tb_tx_parse(tx, &b);
    assert_int_equal(qc_mempool_accept(r->p.m, &b.tx, &o, &res), QC_OK);
    bool in = res.kind == QC_ACCEPT_VALID;
    r->p.n_news = 0;
    qc_accept_result_clear(&res);
    qc_txbuf_clear(&b);
    return in;
}

/* Outputs that count as signature checks: 80 of cost for a bare multisig with one key of one. */
static size_t add_sigops(tb_tx *tx, size_t n)
{
    uint8_t script[37] = {0x51, 33, 2, [35] = 0x51, [36] = 0xae};
    for (size_t i = 0; i < n; i++) {
        script[3] = (uint8_t)i;
        tb_tx_out(tx, 1000, qc_span_of(script, sizeof script));
        tx->out[0].value -= 1000;
    }
    return 80 * n;
}

static int64_t weight_of(const tb_tx *tx)
{
    qc_bytes with = tb_tx_bytes(tx, true), without = tb_tx_bytes(tx, false);
    int64_t w = (int64_t)(3 * without.len + with.len);
    qc_bytes_free(&with);
    qc_bytes_free(&without);
    return w;
}

static void join(rig *r, uint32_t a, uint32_t b)
{
    uint32_t from = QC_MAX(r->tx[a].family, r->tx[b].family);
    uint32_t to = QC_MIN(r->tx[a].family, r->tx[b].family);
    for (uint32_t i = from; i < r->n + 1 && from != to; i++)
        if (r->tx[i].family == from)
            r->tx[i].family = to;
}

static void note(rig *r, const tb_tx *tx, qc_amount fee, size_t sigops, const uint32_t *maker,
                 size_t n_in)
{
    known *k = &r->tx[r->n];
    qc_bytes raw = tb_tx_bytes(tx, true);
    *k = (known){.txid = tb_txid(tx), .fee = fee, .sigops = (int64_t)sigops, .family = r->n};
    qc_sha256d(qc_bytes_span(&raw), k->wtxid.b);
    qc_bytes_free(&raw);
    k->weight = weight_of(tx);
    k->adjusted = QC_MAX(k->weight, 20 * (int64_t)sigops); /* -bytespersigop */
    for (size_t i = 0; i < n_in; i++)
        if (maker[i] != UINT32_MAX) {
            k->parent[k->n_parents++] = maker[i];
            join(r, maker[i], r->n);
        }
    r->n++;
}

/* Transactions over one or two coins of the chain and over each other. */
static void add_family(rig *r, bool plain, unsigned most)
{
    pk_coin open[4 * FAMILY];
    uint32_t maker[4 * FAMILY], by[3];
    size_t n = 0, count = 1 + (size_t)roll(r, most);
    while (n < 1 + roll(r, 2) && r->n_coins) {
        maker[n] = UINT32_MAX;
        open[n++] = r->coin[--r->n_coins];
    }
    for (size_t i = 0; i < count && n && r->n < MAX_TX; i++) {
        pk_coin in[3];
        size_t n_in = 1 + (size_t)roll(r, QC_MIN(n, (size_t)3)), outs = 1 + (size_t)roll(r, 3);
        for (size_t k = 0; k < n_in; k++) {
            size_t at = (size_t)roll(r, n);
            in[k] = open[at];
            by[k] = maker[at];
            open[at] = open[--n];
            maker[at] = maker[n];
        }
        qc_amount fee = 1000 + (qc_amount)(roll(r, 8) ? roll(r, 40000) : roll(r, 1000000));
        tb_tx *tx = pk_spend(in, n_in, fee, outs);
        size_t sigops = 0;
        if (roll(r, plain ? 3 : 2) == 0)
            pk_pad(tx, 20 + (size_t)roll(r, plain ? 200 : 3000));
        if (!plain && roll(r, 4) == 0)
            sigops = add_sigops(tx, 1 + (size_t)roll(r, 4));
        if (offer(r, tx)) {
            for (uint32_t o = 0; o < outs; o++) {
                maker[n] = r->n;
                open[n++] = pk_out(tx, o);
            }
            note(r, tx, fee, sigops, by, n_in);
        }
        tb_tx_free(tx);
    }
}

/* ---- what can be had ---- */

static uint32_t members_of(const rig *r, uint32_t family, uint32_t out[static FAMILY])
{
    uint32_t n = 0;
    for (uint32_t i = family; i < r->n && i < family + FAMILY; i++)
        if (r->tx[i].family == family && !r->tx[i].gone)
            out[n++] = i;
    return n;
}

/* Parents of each, as bits. */
static void parents_of(const rig *r, const uint32_t *m, uint32_t n, uint32_t up[static FAMILY])
{
    for (uint32_t i = 0; i < n; i++) {
        up[i] = 0;
        for (uint32_t k = 0; k < r->tx[m[i]].n_parents; k++)
            for (uint32_t j = 0; j < n; j++)
                if (m[j] == r->tx[m[i]].parent[k])
                    up[i] |= 1u << j;
    }
}

/* The sum over a set, or false when it lacks a parent that is not in `taken`. */
static bool sum_of(const rig *r, const uint32_t *m, const uint32_t *up, uint32_t set,
                   uint32_t taken, chunk *out)
{
    *out = (chunk){.members = set};
    for (uint32_t i = 0; set >> i; i++) {
        if (!(set >> i & 1))
            continue;
        if (up[i] & ~(set | taken))
            return false;
        out->fee += r->tx[m[i]].fee;
        out->weight += r->tx[m[i]].weight;
        out->adjusted += r->tx[m[i]].adjusted;
        out->sigops += r->tx[m[i]].sigops;
    }
    return true;
}

static int64_t weight_in(const chunk *c, bool adjusted)
{
    return adjusted ? c->adjusted : c->weight;
}

/* > 0: a pays more for its weight than b; of the same rate the smaller is the better. */
static int better(const chunk *a, const chunk *b, bool adjusted)
{
    int64_t x = a->fee * weight_in(b, adjusted), y = b->fee * weight_in(a, adjusted);
    if (x != y)
        return x > y ? 1 : -1;
    if (weight_in(a, adjusted) != weight_in(b, adjusted))
        return weight_in(a, adjusted) < weight_in(b, adjusted) ? 1 : -1;
    return a->at < b->at ? 1 : -1;
}

static void chunks_of(rig *r, uint32_t family, bool adjusted)
{
    uint32_t m[FAMILY], up[FAMILY], taken = 0, n = members_of(r, family, m);
    parents_of(r, m, n, up);
    while (taken != (1u << n) - 1) {
        chunk best = {.members = 0}, c;
        for (uint32_t set = 1; set < 1u << n; set++)
            if (!(set & taken) && sum_of(r, m, up, set, taken, &c) &&
                (!best.members || better(&c, &best, adjusted) > 0))
                best = c;
        best.family = family;
        best.at = r->n_chunks;
        taken |= (uint32_t)best.members;
        r->chunk[r->n_chunks++] = best;
    }
}

static int by_rate(const void *a, const void *b)
{
    return -better(a, b, false);
}

static int by_adjusted_rate(const void *a, const void *b)
{
    return -better(a, b, true);
}

/* Those of a family come out in their order: their rates fall, or they are of one rate and the
 * smaller one first. */
static void cut(rig *r, bool adjusted)
{
    r->n_chunks = 0;
    for (uint32_t i = 0; i < r->n; i++)
        if (r->tx[i].family == i)
            chunks_of(r, i, adjusted);
    qsort(r->chunk, r->n_chunks, sizeof r->chunk[0], adjusted ? by_adjusted_rate : by_rate);
}

/* Satoshis that `room` units of weight can earn, rounded up; *heaviest of the chunks. */
static qc_amount bound(rig *r, int64_t room, int64_t *heaviest)
{
    qc_amount sum = 0;
    *heaviest = 0;
    cut(r, false);
    for (uint32_t i = 0; i < r->n_chunks; i++)
        *heaviest = QC_MAX(*heaviest, r->chunk[i].weight);
    for (uint32_t i = 0; i < r->n_chunks && room > 0; i++) {
        const chunk *c = &r->chunk[i];
        sum += c->weight <= room ? c->fee : (c->fee * room + c->weight - 1) / c->weight;
        room -= c->weight;
    }
    return sum;
}

/* Core's rules (node/miner.cpp): whole chunks, best first; with one that does not fit the rest of
 * its cluster is left out; after so many in a row that did not, a block nearly full is left at
 * that. */
static qc_amount plain_packer(rig *r, const qc_template_options *o)
{
    static bool left[MAX_TX];
    int64_t weight = o->reserved_weight, sigops = o->reserved_sigops;
    qc_amount fees = 0;
    unsigned misses = 0;
    memset(left, 0, sizeof left);
    cut(r, true);
    for (uint32_t i = 0; i < r->n_chunks; i++) {
        const chunk *c = &r->chunk[i];
        if (left[c->family])
            continue;
        if (weight + c->adjusted >= o->max_weight || sigops + c->sigops >= 80000) {
            left[c->family] = true;
            if (++misses > MISSES && weight + NEARLY > o->max_weight)
                break;
            continue;
        }
        misses = 0;
        weight += c->weight;
        sigops += c->sigops;
        fees += c->fee;
    }
    return fees;
}

/* ---- a template, from its bytes alone ---- */

static uint32_t find(const rig *r, const uint8_t *txid)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (memcmp(r->tx[i].txid.b, txid, 32) == 0)
            return i;
    fail_msg("a transaction that the test has not made");
    return 0;
}

/* In a block each spends what is above it, and says so. */
static void check_tx(const rig *r, const qc_template *t, uint32_t i, const uint32_t *place)
{
    qc_template_tx tx;
    qc_hash wtxid;
    qc_template_tx_at(t, i, &tx);
    uint32_t at = find(r, tx.txid), n = 0;
    const known *k = &r->tx[at];
    qc_sha256d(tx.bytes, wtxid.b);
    assert_false(k->gone);
    assert_memory_equal(wtxid.b, k->wtxid.b, 32);
    assert_memory_equal(tx.wtxid, k->wtxid.b, 32);
    assert_int_equal(tx.fee, k->fee);
    assert_int_equal(tx.weight, k->weight);
    assert_int_equal(tx.sigops, k->sigops);
    for (uint32_t p = 0; p < k->n_parents; p++) {
        const known *parent = &r->tx[k->parent[p]];
        if (parent->gone)
            continue;
        uint32_t above = place[k->parent[p]];
        assert_in_range(above, 1, i);
        assert_true(n < tx.n_depends);
        assert_int_equal(tx.depends[n++], above);
    }
    assert_int_equal(n, tx.n_depends);
}

static qc_hash pair_hash(const qc_hash *a, const qc_hash *b)
{
    uint8_t both[64];
    qc_hash h;
    memcpy(both, a->b, 32);
    memcpy(both + 32, b->b, 32);
    qc_sha256d(qc_span_of(both, sizeof both), h.b);
    return h;
}

static qc_hash root_of(qc_hash *h, size_t n)
{
    for (; n > 1; n = (n + 1) / 2)
        for (size_t i = 0; i < n; i += 2)
            h[i / 2] = pair_hash(&h[i], &h[i + 1 < n ? i + 1 : i]);
    return h[0];
}

/* The path leads from any coinbase to the root; the commitment is that of the witness ids. */
static void check_trees(const qc_template *t)
{
    static qc_hash h[MAX_TX + 1];
    qc_hash coinbase, root, walk, none = {{0}};
    memset(coinbase.b, (int)(t->id & 0xff), 32);
    h[0] = walk = coinbase;
    for (uint32_t i = 0; i < t->n_tx; i++) {
        qc_template_tx tx;
        qc_template_tx_at(t, i, &tx);
        memcpy(h[i + 1].b, tx.txid, 32);
    }
    root = root_of(h, t->n_tx + 1u);
    for (unsigned i = 0; i < t->path_len; i++)
        walk = pair_hash(&walk, &t->path[i]);
    assert_memory_equal(&walk, &root, 32);
    h[0] = none;
    for (uint32_t i = 0; i < t->n_tx; i++) {
        qc_template_tx tx;
        qc_template_tx_at(t, i, &tx);
        memcpy(h[i + 1].b, tx.wtxid, 32);
    }
    root = root_of(h, t->n_tx + 1u);
    root = pair_hash(&root, &none);
    assert_memory_equal(t->coinbase.outputs + sizeof t->coinbase.outputs - 32, &root, 32);
}

static void check_itself(const rig *r, const qc_template *t, const qc_template_options *o)
{
    static uint32_t place[MAX_TX];
    qc_amount fees = 0;
    int64_t weight = 0, sigops = 0;
    memset(place, 0, sizeof place);
    for (uint32_t i = 0; i < t->n_tx; i++) {
        qc_template_tx tx;
        qc_template_tx_at(t, i, &tx);
        uint32_t at = find(r, tx.txid);
        assert_int_equal(place[at], 0); /* once */
        place[at] = i + 1;
        fees += r->tx[at].fee;
        weight += r->tx[at].weight;
        sigops += r->tx[at].sigops;
    }
    for (uint32_t i = 0; i < t->n_tx; i++)
        check_tx(r, t, i, place);
    assert_int_equal(t->fees, fees);
    assert_int_equal(t->weight, weight);
    assert_int_equal(t->sigops, sigops);
    assert_int_equal(t->coinbase.reward, fees + qc_subsidy(r->p.k.params, t->height));
    assert_true(weight + o->reserved_weight <= o->max_weight);
    assert_true(sigops + o->reserved_sigops <= 80000);
    check_trees(t);
}

static void check_worth(rig *r, const qc_template *t, const qc_template_options *o, bool plain)
{
    int64_t heaviest, room = o->max_weight - o->reserved_weight;
    qc_amount most = bound(r, room, &heaviest), least = plain_packer(r, o);
    assert_true(t->fees <= most);
    assert_true(t->fees >= least);
    if (!plain || heaviest >= room)
        return; /* checks of signatures fill the block, or one chunk does */
    if (heaviest * 200 <= room) {
        assert_true(t->fees * 1000 >= most * 995);
        g_full += t->n_tx < qc_mempool_count(r->p.m);
    }
    assert_true((most - t->fees) * room <= most * heaviest + room);
}

static void check_block(const rig *r, const qc_template *t)
{
    qc_bytes bytes;
    qc_block *b;
    qc_verdict v;
    assert_int_equal(qc_template_simple(t, pk_script(), &bytes), QC_OK);
    assert_int_equal(qc_block_parse(qc_bytes_span(&bytes), &b), QC_WIRE_OK);
    if (!qc_chain_test_block(r->p.k.c, b, false, true, &v))
        fail_msg("not valid: %s %s", v.reason, v.debug);
    qc_block_unref(b);
    qc_bytes_free(&bytes);
}

/* It becomes the tip; what was in it is gone. */
static void mine(rig *r, const qc_template *t)
{
    qc_bytes bytes;
    qc_verdict v;
    uint64_t tries = 1000000;
    assert_int_equal(qc_template_simple(t, pk_script(), &bytes), QC_OK);
    assert_int_equal(qc_mining_solve(r->p.k.params, bytes.data, &tries, NULL), QC_SOLVE_FOUND);
    assert_true(kit_submit(&r->p.k, qc_bytes_span(&bytes), &v));
    assert_true(qc_verdict_ok(&r->p.k.last));
    assert_int_equal(kit_height(&r->p.k), t->height);
    qc_bytes_free(&bytes);
    r->p.n_news = 0;
    for (uint32_t i = 0; i < t->n_tx; i++) {
        qc_template_tx tx;
        qc_template_tx_at(t, i, &tx);
        r->tx[find(r, tx.txid)].gone = true;
    }
}

/* What is left of a family may fall into several, which the packer must tell apart. */
static void relate_again(rig *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        r->tx[i].family = i;
    uint32_t n = r->n;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < r->tx[i].n_parents && !r->tx[i].gone; k++)
            if (!r->tx[r->tx[i].parent[k]].gone) {
                r->n = i; /* join() looks no farther than the one that is new */
                join(r, r->tx[i].parent[k], i);
            }
    r->n = n;
}

static qc_template_options options(rig *r, unsigned n, int64_t all)
{
    qc_template_options o = qc_template_defaults();
    o.reserved_weight = 2000 + (int64_t)roll(r, 8000);
    int64_t room = n == 0  ? all * 2
                   : n % 2 ? all / 2 + (int64_t)roll(r, (uint64_t)all / 2 + 1)
                           : (int64_t)roll(r, (uint64_t)all + 1);
    o.max_weight = QC_MIN(o.reserved_weight + room, (int64_t)QC_MAX_BLOCK_WEIGHT);
    if (n % 3 == 2)
        o.reserved_sigops = (int64_t)roll(r, 80000);
    return o;
}

static int64_t weight_left(const rig *r)
{
    int64_t all = 0;
    for (uint32_t i = 0; i < r->n; i++)
        all += r->tx[i].gone ? 0 : r->tx[i].weight;
    return all;
}

static void one_mempool(uint64_t seed)
{
    rig *r = rig_new(seed);
    bool plain = seed % 3 != 0;
    bool large = plain && seed % 2; /* of small chunks, so that a block can be packed well */
    unsigned families = large ? LARGE : 20 + (unsigned)roll(r, 120);
    qc_mempool_info info;
    for (unsigned i = 0; i < families; i++)
        add_family(r, plain, large ? 4 : FAMILY);
    for (unsigned n = 0; n < BLOCKS; n++) {
        qc_template_options o = options(r, n, weight_left(r));
        const qc_template *t;
        assert_int_equal(qc_miner_template(r->miner, &o, QC_TEMPLATE_REQUEST, r->p.now, &t), QC_OK);
        qc_mempool_info_of(r->p.m, &info);
        assert_true(info.optimal);
        check_itself(r, t, &o);
        check_block(r, t);
        check_worth(r, t, &o, plain);
        if (n % 3 == 1) {
            mine(r, t);
            relate_again(r);
        }
        qc_template_unref(t);
    }
    rig_end(r);
}

static unsigned mempools(void)
{
    const char *text = getenv("QUOIN_TEMPLATES");
    unsigned n = text ? (unsigned)strtoul(text, NULL, 10) : 0;
    return n ? n : MEMPOOLS;
}

static void test_template__of_any_mempool_is_valid_true_and_worth_it(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= mempools(); seed++)
        one_mempool(seed);
    assert_true(g_full >= mempools() / 3);
}

QC_TEST_MAIN(cmocka_unit_test(test_template__of_any_mempool_is_valid_true_and_worth_it))
