#include "core/mempool/policy_package.h"
#include "tests/unit/builder.h"
#include "tests/unit/harness.h"

#define NOTHING ((qc_span){NULL, 0})
#define MAX_TX 26
#define OUTSIDE (-1)

/* A package under construction. Outputs are anyone's, of a million each. */
typedef struct kit {
    size_t n;
    tb_tx *tx[MAX_TX];
    qc_txbuf buf[MAX_TX];
    const qc_tx *ptr[MAX_TX];
    qc_package p;
} kit;

/* A transaction with this version and two outputs. Returns its index. */
static int add_tx(kit *k, uint32_t version)
{
    tb_tx *tx = tb_tx_new();
    tx->version = version;
    tb_tx_out(tx, 1000000, NOTHING);
    tb_tx_out(tx, 1000000 + (qc_amount)k->n, NOTHING); /* makes each txid another one */
    assert_true(k->n < MAX_TX);
    k->tx[k->n] = tx;
    return (int)k->n++;
}

/* Have it spend output n of a transaction of the kit, or of one outside. */
static void add_in(kit *k, int tx, int from, uint32_t n)
{
    qc_hash id = {{0x77}};
    if (from != OUTSIDE)
        id = tb_txid(k->tx[from]);
    tb_tx_in(k->tx[tx], &id, n, NOTHING, TB_FINAL);
}

/* A transaction with one input. */
static int add_child(kit *k, uint32_t version, int from, uint32_t n)
{
    int tx = add_tx(k, version);
    add_in(k, tx, from, n);
    return tx;
}

/* The package of the first n transactions. Nothing may be added afterwards. */
static const qc_package *finish(kit *k, size_t n)
{
    for (size_t i = 0; i < k->n; i++) {
        if (!k->buf[i].mem)
            tb_tx_parse(k->tx[i], &k->buf[i]);
        k->ptr[i] = &k->buf[i].tx;
    }
    k->p = (qc_package){k->ptr, n};
    return &k->p;
}

static void kit_clear(kit *k)
{
    for (size_t i = 0; i < k->n; i++) {
        qc_txbuf_clear(&k->buf[i]);
        tb_tx_free(k->tx[i]);
    }
    memset(k, 0, sizeof *k);
}

static void expect_package(kit *k, const char *reason)
{
    qc_verdict v = {0};
    const qc_package *p = finish(k, k->n);
    assert_int_equal(qc_package_check(p, &v), !reason);
    assert_string_equal(v.reason, reason ? reason : "");
    assert_int_equal(v.code, reason ? QC_V_PACKAGE_POLICY : QC_V_OK);
    kit_clear(k);
}

static void test_package_check__count_to_25(void **state)
{
    (void)state;
    kit k = {0};
    for (uint32_t n = 0; n < 25; n++)
        add_child(&k, 2, OUTSIDE, n);
    expect_package(&k, NULL);
    for (uint32_t n = 0; n < 26; n++)
        add_child(&k, 2, OUTSIDE, n);
    expect_package(&k, "package-too-many-transactions");
    expect_package(&k, NULL);
}

static void test_package_check__weight_to_404000_unless_alone(void **state)
{
    (void)state;
    static uint8_t item[500000];
    for (int over = 0; over < 2; over++) {
        kit k = {0};
        add_child(&k, 2, OUTSIDE, 0);
        add_child(&k, 2, OUTSIDE, 1);
        qc_bytes b = tb_tx_bytes(k.tx[0], false);
        tb_tx_witness(k.tx[0], 0, qc_span_of(item, 404000 - 8 * b.len - 2 - 1 - 5 + (size_t)over));
        qc_bytes_free(&b);
        finish(&k, 2);
        assert_int_equal(k.ptr[0]->rec->weight + k.ptr[1]->rec->weight, 404000 + over);
        qc_txbuf_clear(&k.buf[0]);
        qc_txbuf_clear(&k.buf[1]);
        expect_package(&k, over ? "package-too-large" : NULL);
    }
    kit k = {0};
    add_child(&k, 2, OUTSIDE, 0);
    tb_tx_witness(k.tx[0], 0, qc_span_of(item, sizeof item));
    expect_package(&k, NULL);
}

static void test_package_check__no_duplicates_by_txid(void **state)
{
    (void)state;
    kit k = {0};
    int a = add_child(&k, 2, OUTSIDE, 0);
    add_child(&k, 2, OUTSIDE, 1);
    k.tx[k.n++] = tb_tx_copy(k.tx[a]);
    /* Another witness makes it no other transaction. */
    tb_tx_witness(k.tx[2], 0, qc_span_str("x"));
    expect_package(&k, "package-contains-duplicates");
}

static void test_package_check__parents_first(void **state)
{
    (void)state;
    kit k = {0};
    int a = add_child(&k, 2, OUTSIDE, 0);
    int b = add_child(&k, 2, a, 0);
    int c = add_child(&k, 2, b, 0);
    add_in(&k, c, a, 1);
    expect_package(&k, NULL);
    for (int swap = 0; swap < 2; swap++) {
        a = add_child(&k, 2, OUTSIDE, 0);
        b = add_child(&k, 2, a, 0);
        add_child(&k, 2, b, 0);
        tb_tx *t = k.tx[swap];
        k.tx[swap] = k.tx[swap + 1];
        k.tx[swap + 1] = t;
        expect_package(&k, "package-not-sorted");
    }
}

static void test_package_check__no_two_spenders_of_a_coin(void **state)
{
    (void)state;
    for (int kind = 0; kind < 6; kind++) {
        kit k = {0};
        int a = add_child(&k, 2, OUTSIDE, 0), b = add_child(&k, 2, OUTSIDE, 1);
        int c = add_child(&k, 2, a, 0);
        for (uint32_t n = 10; n < 300; n++) {
            add_in(&k, b, OUTSIDE, 2 * n);
            add_in(&k, c, OUTSIDE, 2 * n + 1);
        }
        if (kind == 1)
            add_in(&k, c, OUTSIDE, 0);
        if (kind == 2)
            add_in(&k, c, OUTSIDE, 598);
        if (kind == 3)
            add_in(&k, b, OUTSIDE, 1); /* twice by the same: left to consensus */
        if (kind == 4) {
            add_in(&k, b, OUTSIDE, 1);
            add_in(&k, c, OUTSIDE, 1);
        }
        if (kind == 5)
            add_tx(&k, 2); /* no inputs */
        expect_package(&k, kind == 0 || kind == 3 ? NULL : "conflict-in-package");
    }
    kit k = {0};
    add_tx(&k, 2);
    expect_package(&k, "conflict-in-package");
}

static void test_package_check__as_many_inputs_as_fit(void **state)
{
    (void)state;
    kit k = {0};
    int a = add_child(&k, 2, OUTSIDE, 0), b = add_child(&k, 2, OUTSIDE, 1);
    for (uint32_t n = 2; n < 2455; n++)
        add_in(&k, n % 2 ? a : b, OUTSIDE, n);
    expect_package(&k, NULL);
    a = add_child(&k, 2, OUTSIDE, 0);
    b = add_child(&k, 2, OUTSIDE, 1);
    for (uint32_t n = 2; n < 2465; n++)
        add_in(&k, n % 2 ? a : b, OUTSIDE, n);
    expect_package(&k, "package-too-large");
}

static void test_package_shape__child_with_parents(void **state)
{
    (void)state;
    kit k = {0};
    int a = add_child(&k, 2, OUTSIDE, 0), b = add_child(&k, 2, OUTSIDE, 1);
    int c = add_child(&k, 2, a, 0);
    add_in(&k, c, b, 0);
    const qc_package *p = finish(&k, 3);
    assert_true(qc_package_is_child_with_parents(p));
    assert_true(qc_package_is_tree(p));
    assert_false(qc_package_is_child_with_parents(&(qc_package){k.ptr, 2}));
    assert_false(qc_package_is_child_with_parents(&(qc_package){k.ptr, 1}));
    assert_false(qc_package_is_child_with_parents(&(qc_package){k.ptr, 0}));
    kit_clear(&k);

    /* A parent that spends another parent. */
    a = add_child(&k, 2, OUTSIDE, 0);
    b = add_child(&k, 2, a, 0);
    c = add_child(&k, 2, a, 1);
    add_in(&k, c, b, 0);
    p = finish(&k, 3);
    assert_true(qc_package_is_child_with_parents(p));
    assert_false(qc_package_is_tree(p));
    kit_clear(&k);

    /* A grandparent that is no parent. */
    a = add_child(&k, 2, OUTSIDE, 0);
    b = add_child(&k, 2, a, 0);
    add_child(&k, 2, b, 0);
    assert_false(qc_package_is_child_with_parents(finish(&k, 3)));
    assert_false(qc_package_is_tree(finish(&k, 0)));
    kit_clear(&k);
}

/* The order is that of the numbers, whose last byte counts most. */
static void test_package_hash__is_of_the_set(void **state)
{
    (void)state;
    static const uint8_t first[3] = {1, 2, 0}, last[3] = {0, 0, 0xff};
    static const uint8_t order[3][3] = {{0, 1, 2}, {2, 0, 1}, {1, 2, 0}};
    qc_bytes want = hex_bytes("f8f79e47d6d63ae9f812df6130638c26f49b88b6085700d9c077958c6cbb9311");
    qn_tx_rec rec[3];
    qc_tx tx[3];
    for (size_t i = 0; i < 3; i++) {
        memset(&rec[i], 0, sizeof rec[i]);
        rec[i].wtxid[0] = first[i];
        rec[i].wtxid[31] = last[i];
        tx[i] = (qc_tx){.rec = &rec[i]};
    }
    for (size_t i = 0; i < 3; i++) {
        const qc_tx *ptr[3] = {&tx[order[i][0]], &tx[order[i][1]], &tx[order[i][2]]};
        qc_hash h;
        qc_package_hash(&(qc_package){ptr, 3}, &h);
        assert_memory_equal(h.b, want.data, 32);
    }
    qc_bytes_free(&want);
}

/* Parents in the pool, all version 3 unless told otherwise. */
static const qc_hash pool_txid = {{0xaa}}, pool_wtxid = {{0xbb}};
#define POOL_NAME                                                                                  \
    "00000000000000000000000000000000000000000000000000000000000000aa "                            \
    "(wtxid=00000000000000000000000000000000000000000000000000000000000000bb)"

static qc_truc_parent parent_of(uint32_t version, uint32_t ancestors, uint32_t descendants)
{
    return (qc_truc_parent){
        .txid = &pool_txid,
        .wtxid = &pool_wtxid,
        .version = version,
        .ancestors = ancestors,
        .descendants = descendants,
        .sibling_ancestors = 2,
    };
}

/* Replace "$0", "$1" ... by names of the kit's transactions and "$p" by that of the pool's. */
static char *spell(const kit *k, const char *text)
{
    char *out = qc_strdup("");
    for (const char *c = text; *c; c++) {
        char *more;
        if (c[0] == '$' && c[1] == 'p') {
            more = qc_asprintf("%s%s", out, POOL_NAME);
            c++;
        } else if (c[0] == '$') {
            char a[QC_HASH_HEX_LEN + 1], b[QC_HASH_HEX_LEN + 1];
            qc_hash t, w;
            memcpy(t.b, k->ptr[c[1] - '0']->rec->txid, 32);
            memcpy(w.b, k->ptr[c[1] - '0']->rec->wtxid, 32);
            qc_hash_hex(&t, a);
            qc_hash_hex(&w, b);
            more = qc_asprintf("%s%s (wtxid=%s)", out, a, b);
            c++;
        } else {
            more = qc_asprintf("%s%c", out, *c);
        }
        qc_free(out);
        out = more;
    }
    return out;
}

static void expect_verdict(const kit *k, bool ok, const qc_verdict *v, qc_vcode code,
                           const char *text)
{
    assert_int_equal(ok, !text);
    if (!text)
        return;
    char *want = spell(k, text);
    assert_string_equal(v->debug, want);
    assert_string_equal(v->reason, "TRUC-violation");
    assert_int_equal(v->code, code);
    qc_free(want);
}

static void test_truc_check__single_candidates(void **state)
{
    (void)state;
    static const struct {
        uint32_t version;
        int64_t vsize;
        size_t n; /* parents */
        uint32_t parent_version, ancestors, descendants;
        bool conflicts;
        uint32_t sibling_ancestors;
        bool evict;
        const char *text;
    } c[] = {
        {3, 10000, 0, 0, 0, 0, false, 0, false, NULL},
        {3, 10001, 0, 0, 0, 0, false, 0, false,
         "version=3 tx $0 is too big: 10001 > 10000 virtual bytes"},
        {2, 90000, 0, 0, 0, 0, false, 0, false, NULL},
        {2, 90000, 2, 2, 9, 9, false, 2, false, NULL},
        {1, 100, 1, 3, 1, 1, false, 2, false,
         "non-version=3 tx $0 cannot spend from version=3 tx $p"},
        {3, 100, 1, 2, 1, 1, false, 2, false,
         "version=3 tx $0 cannot spend from non-version=3 tx $p"},
        {3, 1000, 1, 3, 1, 1, false, 2, false, NULL},
        {3, 1001, 1, 3, 1, 1, false, 2, false,
         "version=3 child tx $0 is too big: 1001 > 1000 virtual bytes"},
        {3, 10001, 1, 3, 1, 1, false, 2, false,
         "version=3 tx $0 is too big: 10001 > 10000 virtual bytes"},
        {3, 100, 2, 3, 1, 1, false, 2, false, "tx $0 would have too many ancestors"},
        {3, 100, 1, 3, 2, 1, false, 2, false, "tx $0 would have too many ancestors"},
        {3, 1001, 1, 3, 2, 1, false, 2, false, "tx $0 would have too many ancestors"},
        {3, 100, 1, 3, 1, 2, false, 2, true, "tx $p would exceed descendant count limit"},
        {3, 100, 1, 3, 1, 2, true, 2, false, NULL},
        {3, 100, 1, 3, 1, 2, false, 3, false, "tx $p would exceed descendant count limit"},
        {3, 100, 1, 3, 1, 3, false, 2, false, "tx $p would exceed descendant count limit"},
        {3, 100, 1, 3, 1, 3, true, 2, false, NULL},
    };
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        kit k = {0};
        qc_verdict v = {0};
        qc_truc_parent p[2];
        bool evict = !c[i].evict;
        for (int j = 0; j < 2; j++) {
            p[j] = parent_of(c[i].parent_version, c[i].ancestors, c[i].descendants);
            p[j].child_conflicts = c[i].conflicts;
            p[j].sibling_ancestors = c[i].sibling_ancestors;
        }
        add_child(&k, c[i].version, OUTSIDE, 0);
        finish(&k, 1);
        bool ok = qc_truc_check(k.ptr[0], c[i].vsize, p, c[i].n, &evict, &v);
        expect_verdict(&k, ok, &v, QC_V_MEMPOOL_POLICY, c[i].text);
        assert_int_equal(evict, c[i].evict);
        assert_int_equal(qc_truc_check(k.ptr[0], c[i].vsize, p, c[i].n, NULL, &v), ok);
        kit_clear(&k);
    }
}

static void test_truc_check__every_parent_is_of_the_kind(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        kit k = {0};
        qc_verdict v = {0};
        qc_truc_parent p[2] = {parent_of(version, 1, 1), parent_of(5 - version, 1, 1)};
        add_child(&k, version, OUTSIDE, 0);
        finish(&k, 1);
        bool ok = qc_truc_check(k.ptr[0], 100, p, 2, NULL, &v);
        expect_verdict(&k, ok, &v, QC_V_MEMPOOL_POLICY,
                       version == 3 ? "version=3 tx $0 cannot spend from non-version=3 tx $p"
                                    : "non-version=3 tx $0 cannot spend from version=3 tx $p");
        kit_clear(&k);
    }
}

/* Judge transaction i. Takes k. */
static void expect_truc(kit *k, int i, int64_t vsize, const qc_truc_parent *parents, size_t n,
                        const char *text)
{
    qc_verdict v = {0};
    const qc_package *p = finish(k, k->n);
    bool ok = qc_truc_check_package(p, (size_t)i, vsize, parents, n, &v);
    expect_verdict(k, ok, &v, QC_V_PACKAGE_POLICY, text);
    kit_clear(k);
}

static void test_truc_package__one_parent_one_child(void **state)
{
    (void)state;
    kit k = {0};
    int a = add_child(&k, 3, OUTSIDE, 0), b = add_child(&k, 3, a, 0);
    expect_truc(&k, b, 1000, NULL, 0, NULL);
    a = add_child(&k, 3, OUTSIDE, 0);
    b = add_child(&k, 3, a, 0);
    expect_truc(&k, a, 10000, NULL, 0, NULL);
    a = add_child(&k, 3, OUTSIDE, 0);
    b = add_child(&k, 3, a, 0);
    expect_truc(&k, b, 1001, NULL, 0,
                "version=3 child tx $1 is too big: 1001 > 1000 virtual bytes");
    a = add_child(&k, 3, OUTSIDE, 0);
    expect_truc(&k, a, 10001, NULL, 0, "version=3 tx $0 is too big: 10001 > 10000 virtual bytes");

    /* Two parents. */
    a = add_child(&k, 3, OUTSIDE, 0);
    b = add_child(&k, 3, OUTSIDE, 1);
    int c = add_child(&k, 3, a, 0);
    add_in(&k, c, b, 0);
    expect_truc(&k, c, 100, NULL, 0, "tx $2 would have too many ancestors");
    /* Two outputs of one parent are one parent. */
    a = add_child(&k, 3, OUTSIDE, 0);
    b = add_child(&k, 3, a, 0);
    add_in(&k, b, a, 1);
    expect_truc(&k, b, 100, NULL, 0, NULL);
    /* Two children: told of the parent. */
    a = add_child(&k, 3, OUTSIDE, 0);
    b = add_child(&k, 3, a, 0);
    add_child(&k, 3, a, 1);
    expect_truc(&k, b, 100, NULL, 0, "tx $0 would exceed descendant count limit");
    /* Three generations: told of the last. */
    a = add_child(&k, 3, OUTSIDE, 0);
    b = add_child(&k, 3, a, 0);
    add_child(&k, 3, b, 0);
    expect_truc(&k, b, 100, NULL, 0, "tx $2 would have too many ancestors");
    a = add_child(&k, 3, OUTSIDE, 0);
    b = add_child(&k, 3, a, 0);
    c = add_child(&k, 3, b, 0);
    expect_truc(&k, c, 100, NULL, 0, NULL);
}

static void test_truc_package__versions(void **state)
{
    (void)state;
    kit k = {0};
    int a = add_child(&k, 2, OUTSIDE, 0), b = add_child(&k, 3, a, 0);
    expect_truc(&k, b, 100, NULL, 0, "version=3 tx $1 cannot spend from non-version=3 tx $0");
    a = add_child(&k, 3, OUTSIDE, 0);
    b = add_child(&k, 2, a, 0);
    expect_truc(&k, b, 100, NULL, 0, "non-version=3 tx $1 cannot spend from version=3 tx $0");
    a = add_child(&k, 2, OUTSIDE, 0);
    b = add_child(&k, 1, a, 0);
    expect_truc(&k, b, 90000, NULL, 0, NULL);
    /* Neighbours that are no parents may be anything. */
    add_child(&k, 2, OUTSIDE, 0);
    b = add_child(&k, 3, OUTSIDE, 1);
    expect_truc(&k, b, 100, NULL, 0, NULL);
    add_child(&k, 3, OUTSIDE, 0);
    b = add_child(&k, 2, OUTSIDE, 1);
    expect_truc(&k, b, 100, NULL, 0, NULL);

    qc_truc_parent v2 = parent_of(2, 1, 1), v3 = parent_of(3, 1, 1);
    a = add_child(&k, 3, OUTSIDE, 0);
    expect_truc(&k, a, 100, &v2, 1, "version=3 tx $0 cannot spend from non-version=3 tx $p");
    a = add_child(&k, 2, OUTSIDE, 0);
    expect_truc(&k, a, 100, &v3, 1, "non-version=3 tx $0 cannot spend from version=3 tx $p");
    a = add_child(&k, 2, OUTSIDE, 0);
    expect_truc(&k, a, 100, &v2, 1, NULL);
}

static void test_truc_package__parents_in_the_pool(void **state)
{
    (void)state;
    kit k = {0};
    qc_truc_parent one[2] = {parent_of(3, 1, 1), parent_of(3, 1, 1)};
    qc_truc_parent deep = parent_of(3, 2, 1), busy = parent_of(3, 1, 2);
    int a = add_child(&k, 3, OUTSIDE, 0);
    expect_truc(&k, a, 1000, one, 1, NULL);
    a = add_child(&k, 3, OUTSIDE, 0);
    expect_truc(&k, a, 1001, one, 1, "version=3 child tx $0 is too big: 1001 > 1000 virtual bytes");
    a = add_child(&k, 3, OUTSIDE, 0);
    expect_truc(&k, a, 100, one, 2, "tx $0 would have too many ancestors");
    a = add_child(&k, 3, OUTSIDE, 0);
    expect_truc(&k, a, 100, &deep, 1, "tx $0 would have too many ancestors");
    a = add_child(&k, 3, OUTSIDE, 0);
    expect_truc(&k, a, 100, &busy, 1, "tx $p would exceed descendant count limit");
    /* One parent there and one in the package. */
    a = add_child(&k, 3, OUTSIDE, 0);
    int b = add_child(&k, 3, a, 0);
    expect_truc(&k, b, 100, one, 1, "tx $1 would have too many ancestors");
    /* A parent in the pool and a child in the package. */
    a = add_child(&k, 3, OUTSIDE, 0);
    add_child(&k, 3, a, 0);
    expect_truc(&k, a, 100, one, 1, "tx $1 would have too many ancestors");
    /* Two children in the package of one parent in the pool. */
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 2; j++) {
            a = add_tx(&k, 3);
            tb_tx_in(k.tx[a], &pool_txid, (uint32_t)j, NOTHING, TB_FINAL);
        }
        expect_truc(&k, i, 100, one, 1, "tx $p would exceed descendant count limit");
    }
}

/* The pool: one transaction of a kit, or none. */
static const qc_tx *find_one(void *arg, const qc_hash *txid)
{
    const qc_tx *tx = arg;
    return tx && memcmp(tx->rec->txid, txid->b, 32) == 0 ? tx : NULL;
}

/* Judge the first n, the pool holding number `pool` (OUTSIDE: nothing). bad < 0: fine. Takes k. */
static void expect_dust(kit *k, size_t n, int pool, int bad)
{
    qc_verdict v = {0};
    size_t which = 99;
    const qc_package *p = finish(k, n);
    qc_tx tx = {0};
    if (pool >= 0)
        tx = *k->ptr[pool];
    qc_tx_finder f = {pool >= 0 ? &tx : NULL, find_one};
    bool ok = qc_package_check_dust_spends(p, qc_feerate_per_kvb(3000), &f, &which, &v);
    assert_int_equal(ok, bad < 0);
    if (bad >= 0) {
        char text[] = "tx $0 did not spend parent's ephemeral dust";
        text[4] = (char)('0' + bad);
        char *want = spell(k, text);
        assert_int_equal(which, bad);
        assert_string_equal(v.reason, "missing-ephemeral-spends");
        assert_string_equal(v.debug, want);
        assert_int_equal(v.code, QC_V_MEMPOOL_POLICY);
        qc_free(want);
    }
    kit_clear(k);
}

/* A transaction whose outputs 2 and 3 are dust. */
static int add_dusty(kit *k)
{
    int tx = add_child(k, 2, OUTSIDE, (uint32_t)k->n);
    tb_tx_out(k->tx[tx], 0, NOTHING);
    tb_tx_out(k->tx[tx], 1, NOTHING);
    return tx;
}

static void test_dust_spends__all_dust_of_a_parent_in_the_package(void **state)
{
    (void)state;
    static const struct {
        uint32_t n[4];
        size_t n_in;
        bool good;
    } c[] = {
        {{0, 1, 2, 3}, 4, true}, {{3, 2, 0}, 3, true}, {{2, 3}, 2, true},  {{0}, 1, false},
        {{0, 2}, 2, false},      {{3, 1}, 2, false},   {{1, 0}, 2, false},
    };
    for (size_t i = 0; i < QC_COUNTOF(c); i++)
        for (int in_pool = 0; in_pool < 2; in_pool++) {
            kit k = {0};
            int a = in_pool ? add_tx(&k, 2) : add_dusty(&k);
            int b = in_pool ? add_dusty(&k) : add_tx(&k, 2);
            int parent = in_pool ? b : a, child = in_pool ? a : b;
            add_in(&k, child, OUTSIDE, 5);
            for (size_t j = 0; j < c[i].n_in; j++)
                add_in(&k, child, parent, c[i].n[j]);
            expect_dust(&k, in_pool ? 1 : 2, in_pool ? b : OUTSIDE, c[i].good ? -1 : child);
        }
}

static void test_dust_spends__of_every_parent(void **state)
{
    (void)state;
    for (uint32_t missing = 0; missing < 5; missing++) {
        kit k = {0};
        int a = add_dusty(&k), b = add_dusty(&k), c = add_tx(&k, 2);
        for (uint32_t j = 0; j < 4; j++) /* by turns */
            if (j != missing)
                add_in(&k, c, j % 2 ? a : b, 2 + j / 2);
        expect_dust(&k, 3, OUTSIDE, missing < 4 ? c : -1);
    }
    /* Who spends nothing of a dusty transaction owes it nothing. */
    kit k = {0};
    add_dusty(&k);
    add_child(&k, 2, OUTSIDE, 9);
    expect_dust(&k, 2, OUTSIDE, -1);
    /* Parents that are neither here nor there are confirmed. */
    int a = add_tx(&k, 2), b = add_dusty(&k);
    add_in(&k, a, b, 0);
    expect_dust(&k, 1, OUTSIDE, -1);
    expect_dust(&k, 0, OUTSIDE, -1);
}

static void test_dust_spends__second_child_is_told(void **state)
{
    (void)state;
    kit k = {0};
    int a = add_dusty(&k), b = add_child(&k, 2, a, 2);
    add_in(&k, b, a, 3);
    add_child(&k, 2, a, 0);
    expect_dust(&k, 3, OUTSIDE, 2);
}

QC_TEST_MAIN(cmocka_unit_test(test_package_check__count_to_25),
             cmocka_unit_test(test_package_check__weight_to_404000_unless_alone),
             cmocka_unit_test(test_package_check__no_duplicates_by_txid),
             cmocka_unit_test(test_package_check__parents_first),
             cmocka_unit_test(test_package_check__no_two_spenders_of_a_coin),
             cmocka_unit_test(test_package_check__as_many_inputs_as_fit),
             cmocka_unit_test(test_package_shape__child_with_parents),
             cmocka_unit_test(test_package_hash__is_of_the_set),
             cmocka_unit_test(test_truc_check__single_candidates),
             cmocka_unit_test(test_truc_check__every_parent_is_of_the_kind),
             cmocka_unit_test(test_truc_package__one_parent_one_child),
             cmocka_unit_test(test_truc_package__versions),
             cmocka_unit_test(test_truc_package__parents_in_the_pool),
             cmocka_unit_test(test_dust_spends__all_dust_of_a_parent_in_the_package),
             cmocka_unit_test(test_dust_spends__of_every_parent),
             cmocka_unit_test(test_dust_spends__second_child_is_told))
