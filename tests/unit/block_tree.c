#include "tests/unit/block_tree.h"

#include "core/base/alloc.h"
#include "tests/unit/harness.h"

#define FEE 1000
#define MAX_SPENDS 4u

static qc_bytes script_of(int kind, const qc_outpoint *o)
{
    static const uint8_t anybody = 0x51, nobody = 0x00;
    (void)o;
    if (kind < TB_KINDS) {
        const tb_key k = tb_key_at((uint32_t)kind);
        return tb_script((tb_kind)kind, &k);
    }
    qc_bytes b = QC_BYTES_INIT;
    assert_int_equal(qc_bytes_append(&b, kind == BT_ANYBODY ? &anybody : &nobody, 1), QC_OK);
    return b;
}

static uint64_t draw(bt_tree *t, uint64_t n)
{
    return test_rand(&t->seed) % n;
}

static bt_node *node_add(bt_tree *t, size_t parent)
{
    t->node = realloc(t->node, (t->n + 1) * sizeof *t->node);
    assert_non_null(t->node);
    bt_node *n = &t->node[t->n++];
    memset(n, 0, sizeof *n);
    n->parent = parent;
    return n;
}

static void coin_add(bt_node *n, const bt_coin *c)
{
    n->coin = realloc(n->coin, (n->n_coins + 1) * sizeof *n->coin);
    assert_non_null(n->coin);
    n->coin[n->n_coins++] = *c;
}

static void coin_drop(bt_node *n, size_t k)
{
    n->coin[k] = n->coin[--n->n_coins];
}

/* Outputs of `tx` that can be spent become coins of the node. */
static void coins_of(bt_node *n, const tb_tx *tx, bool coinbase, const int *kind)
{
    bt_coin c = {.height = n->height, .coinbase = coinbase};
    c.o.txid = tb_txid(tx);
    for (c.o.n = 0; c.o.n < tx->n_out; c.o.n++) {
        const tb_out *out = &tx->out[c.o.n];
        if (out->script.len && out->script.data[0] == 0x6a)
            continue;
        c.value = out->value;
        c.kind = kind ? kind[c.o.n] : BT_ANYBODY;
        coin_add(n, &c);
    }
}

/* A coin that may be spent at this height, or n_coins. */
static size_t pick(bt_tree *t, const bt_node *n)
{
    for (unsigned tries = 0; n->n_coins && tries < 20; tries++) {
        size_t k = draw(t, n->n_coins);
        const bt_coin *c = &n->coin[k];
        if (c->kind != BT_NOBODY && c->value > 10 * FEE &&
            (!c->coinbase || n->height - c->height >= QC_COINBASE_MATURITY))
            return k;
    }
    return n->n_coins;
}

static void sign_all(tb_tx *tx, const bt_coin *from, const qc_spent *spent)
{
    for (size_t i = 0; i < tx->n_in; i++)
        if (from[i].kind < TB_KINDS) {
            const tb_key k = tb_key_at((uint32_t)from[i].kind);
            tb_sign(tx, i, (tb_kind)from[i].kind, &k, spent);
        }
}

/* One to four coins in, one to three out, of random kinds; some burnt in an OP_RETURN. */
static tb_tx *random_tx(bt_tree *t, bt_node *n)
{
    bt_coin from[MAX_SPENDS];
    qc_spent spent[MAX_SPENDS];
    qc_bytes scripts[MAX_SPENDS];
    int kind[4];
    size_t want = 1 + draw(t, MAX_SPENDS), got = 0;
    qc_amount in = 0;
    tb_tx *tx = tb_tx_new();
    for (; got < want; got++) {
        size_t k = pick(t, n);
        if (k == n->n_coins)
            break;
        from[got] = n->coin[k];
        coin_drop(n, k);
        scripts[got] = script_of(from[got].kind, &from[got].o);
        spent[got] = (qc_spent){from[got].value, qc_bytes_span(&scripts[got]), from[got].height,
                                from[got].coinbase};
        in += from[got].value;
        tb_tx_in(tx, &from[got].o.txid, from[got].o.n, (qc_span){NULL, 0}, TB_FINAL);
    }
    size_t outs = got ? 1 + draw(t, 3) : 0;
    for (size_t o = 0; o < outs; o++) {
        kind[o] = (int)draw(t, BT_NOBODY + 1);
        qc_bytes s = script_of(kind[o], NULL);
        if (draw(t, 8) == 0)
            s.data[0] = 0x6a;
        tb_tx_out(tx, (in - FEE) / (qc_amount)outs, qc_bytes_span(&s));
        qc_bytes_free(&s);
    }
    sign_all(tx, from, spent);
    for (size_t i = 0; i < got; i++)
        qc_bytes_free(&scripts[i]);
    if (!got) {
        tb_tx_free(tx);
        return NULL;
    }
    coins_of(n, tx, false, kind);
    return tx;
}

static void spoil(bt_tree *t, tb_block *b, bt_fault fault)
{
    static const uint8_t anybody = 0x51;
    tb_tx *tx;
    switch (fault) {
    case BT_PAYS_TOO_MUCH:
        b->tx[0]->out[0].value += 100 * QC_COIN;
        break;
    case BT_NO_SUCH_COIN:
        tx = tb_block_add(b, tb_tx_new());
        tb_tx_in(tx, &b->header.prev, 7, (qc_span){NULL, 0}, TB_FINAL);
        tb_tx_out(tx, 1, qc_span_of(&anybody, 1));
        break;
    case BT_SPENT_TWICE:
        if (b->n_tx > 1) {
            tx = tb_block_add(b, tb_tx_copy(b->tx[1]));
            tx->locktime ^= 1;
        } else {
            spoil(t, b, BT_NO_SUCH_COIN);
        }
        break;
    case BT_SCRIPT:
        tx = b->n_tx > 1 ? b->tx[b->n_tx - 1] : NULL;
        if (tx) {
            tb_tx_set_script(tx, 0, (qc_span){(const uint8_t *)"\x00\x6a", 2});
            tb_tx_clear_witness(tx, 0);
        } else {
            spoil(t, b, BT_PAYS_TOO_MUCH);
        }
        break;
    case BT_GOOD:
    case BT_FAULTS:
        break;
    }
}

static tb_block *block_on(bt_tree *t, size_t parent, bt_node *n)
{
    static const uint8_t anybody = 0x51;
    const bt_node *p = &t->node[parent];
    tb_block *b = qc_alloc(sizeof *b);
    b->height = n->height;
    b->header = (qc_header){.version = 0x20000000,
                            .prev = p->hash,
                            .time = p->header.time + 600,
                            .bits = p->header.bits};
    tb_block_add(b, tb_coinbase(b->height, ++t->salt, qc_subsidy(t->params, b->height),
                                qc_span_of(&anybody, 1)));
    return b;
}

static size_t grow(bt_tree *t, size_t parent, bt_fault fault, unsigned txs)
{
    node_add(t, parent); /* may move the array */
    bt_node *n = &t->node[t->n - 1];
    const bt_node *p = &t->node[parent];
    n->height = p->height + 1;
    n->fault = fault;
    n->valid = p->valid && fault == BT_GOOD;
    for (size_t k = 0; k < p->n_coins; k++)
        coin_add(n, &p->coin[k]);
    tb_block *b = block_on(t, parent, n);
    coins_of(n, b->tx[0], true, NULL);
    for (unsigned k = 0; k < txs; k++) {
        tb_tx *tx = random_tx(t, n);
        if (tx)
            tb_block_add(b, tx);
    }
    spoil(t, b, fault);
    /* The commitment changes the coinbase's id, and with it the name of its coin. */
    tb_block_finish(b, t->params);
    qc_hash id = tb_txid(b->tx[0]);
    for (size_t k = 0; k < n->n_coins; k++)
        if (n->coin[k].coinbase && n->coin[k].height == n->height)
            n->coin[k].o.txid = id;
    n->header = b->header;
    n->hash = tb_block_hash(b);
    n->raw = tb_block_bytes(b);
    tb_block_free(b);
    return t->n - 1;
}

size_t bt_grow(bt_tree *t, size_t parent, bt_fault fault)
{
    return grow(t, parent, fault, (unsigned)draw(t, 6));
}

bt_tree *bt_new(const qc_params *p, uint32_t base, uint64_t seed)
{
    bt_tree *t = qc_alloc(sizeof *t);
    t->params = p;
    t->seed = seed;
    bt_node *g = node_add(t, 0);
    qc_span raw = qc_params_genesis(p);
    qc_header_read(raw.data, &g->header);
    g->hash = p->genesis_hash;
    g->valid = true;
    for (uint32_t k = 0; k < base; k++)
        grow(t, k, BT_GOOD, 0);
    return t;
}

void bt_free(bt_tree *t)
{
    for (size_t k = 0; t && k < t->n; k++) {
        qc_bytes_free(&t->node[k].raw);
        free(t->node[k].coin);
    }
    if (t)
        free(t->node);
    qc_free(t);
}

bool bt_above(const bt_tree *t, size_t a, size_t b)
{
    while (t->node[b].height > t->node[a].height)
        b = t->node[b].parent;
    return a == b;
}
