/* The watch plugin against the mock: what it answers is compared with a plain walk over the active
 * chain and the mempool, through reorganisations, replacements, kills and failing calls. */
#include "tests/unit/watch_kit.h"
#include "tests/unit/harness.h"

#include "lib/hex.h"
#include "lib/tx.h"

static int key_index(const keys *k, const uint8_t *script, size_t len)
{
    for (int i = 0; i < KEYS && len == k->len; i++)
        if (memcmp(k->script[i], script, len) == 0)
            return i;
    return -1;
}

/* ---- what a plain walk finds ---- */

#define COINS 4000

typedef struct coin {
    qn_hash txid;
    uint32_t n;
    int64_t value;
    int64_t height; /* -1: mempool */
    bool spent;
} coin;

typedef struct walk {
    coin coin[COINS];
    size_t n;
    qn_hash tx[COINS]; /* that pay or spend one */
    int64_t tx_height[COINS];
    size_t n_tx;
    int top; /* highest index that was paid in the chain */
} walk;

static void walk_tx(walk *w, const keys *k, const uint8_t *raw, size_t len, int64_t height)
{
    qn_tx_view v;
    qn_tx_cursor c = {0};
    qn_tx_in in;
    qn_tx_out out;
    qn_hash txid;
    bool mine = false;
    assert_true(qn_tx_read(raw, len, &v));
    qn_tx_id(&v, txid.b);
    while (qn_tx_next_in(&v, &c, &in))
        for (size_t i = 0; i < w->n; i++)
            if (memcmp(w->coin[i].txid.b, in.prev_txid, 32) == 0 && w->coin[i].n == in.prev_n)
                mine = w->coin[i].spent = true;
    c = (qn_tx_cursor){0};
    for (uint32_t n = 0; qn_tx_next_out(&v, &c, &out); n++) {
        int key = key_index(k, out.script, out.script_len);
        if (key < 0)
            continue;
        assert_true(w->n < COINS);
        w->coin[w->n++] = (coin){txid, n, out.value, height, false};
        mine = true;
        if (key > w->top)
            w->top = key;
    }
    if (mine) {
        w->tx[w->n_tx] = txid;
        w->tx_height[w->n_tx++] = height;
    }
}

typedef struct pool {
    uint8_t *raw[64];
    uint32_t len[64];
    qn_hash txid[64];
    size_t n;
} pool;

static walk *walk_all(qn_mock *m, const keys *k, const pool *p)
{
    walk *w = qc_alloc(sizeof *w);
    w->top = -1;
    for (uint32_t h = 0; h <= qn_mock_height(m); h++) {
        const qn_block_view *v = qn_mock_block(m, h);
        for (uint32_t i = 0; i < v->tx.count; i++) {
            const qn_tx_rec *t = qn_view_tx(v, i);
            walk_tx(w, k, qn_view_raw(v) + t->off, t->len, h);
        }
    }
    for (size_t i = 0; i < p->n; i++)
        walk_tx(w, k, p->raw[i], p->len[i], -1);
    return w;
}

static const coin *coin_in(const walk *w, const char *txid, int64_t n)
{
    qn_hash h;
    assert_true(qn_hex_decode_reversed(txid, strlen(txid), h.b, 32));
    for (size_t i = 0; i < w->n; i++)
        if (memcmp(&w->coin[i].txid, &h, 32) == 0 && w->coin[i].n == n)
            return &w->coin[i];
    return NULL;
}

static void compare_coins(qn_mock *m, const walk *w)
{
    json_t *list = ask(m, "watch.utxos", "[\"w\",0]"), *bal = ask(m, "watch.balance", "[\"w\"]");
    const json_t *mine = json_object_get(bal, "mine");
    size_t n = 0;
    int64_t sum = 0, safe = 0;
    for (size_t i = 0; i < w->n; i++) {
        n += !w->coin[i].spent;
        sum += w->coin[i].spent ? 0 : w->coin[i].value;
    }
    assert_int_equal(json_array_size(list), n);
    for (size_t i = 0; i < n; i++) {
        const json_t *u = json_array_get(list, i);
        const coin *c = coin_in(w, text(u, "txid"), number(u, "vout"));
        assert_non_null(c);
        assert_false(c->spent);
        assert_int_equal(sats(u, "amount"), c->value);
        assert_int_equal(number(u, "confirmations"),
                         c->height < 0 ? 0 : qn_mock_height(m) - c->height + 1);
        safe += json_is_true(json_object_get(u, "safe")) ? c->value : 0;
        if (c->height >= 0)
            assert_true(json_is_true(json_object_get(u, "safe")));
    }
    assert_int_equal(sats(mine, "trusted") + sats(mine, "untrusted_pending"), sum);
    assert_true(sats(mine, "trusted") >= safe); /* less that of which a rival may return */
    assert_int_equal(sats(mine, "immature"), 0);
    json_decref(list);
    json_decref(bal);
}

static int64_t height_of(const walk *w, const char *txid)
{
    qn_hash h;
    assert_true(qn_hex_decode_reversed(txid, strlen(txid), h.b, 32));
    for (size_t i = 0; i < w->n_tx; i++)
        if (memcmp(&w->tx[i], &h, 32) == 0)
            return w->tx_height[i];
    return -2;
}

static void compare_txs(qn_mock *m, const walk *w)
{
    json_t *j = ask(m, "watch.transactions", "[\"w\",10000]");
    const json_t *list = json_object_get(j, "transactions");
    size_t alive = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *t = json_array_get(list, i);
        int64_t height = height_of(w, text(t, "txid"));
        const char *state = text(t, "state");
        if (height >= 0) {
            assert_string_equal(state, "confirmed");
            assert_int_equal(number(t, "blockheight"), height);
        } else {
            assert_string_equal(state, height == -1 ? "mempool" : "gone");
        }
        alive += height >= -1;
    }
    assert_int_equal(alive, w->n_tx);
    json_decref(j);
}

/* ---- a client that reads events and believes nothing else ---- */

typedef struct heard {
    char txid[65], event[16], block[65], by[65];
    int64_t n;
} heard;

typedef struct client {
    int64_t cursor;
    heard tx[COINS];
    size_t n;
} client;

static void hear(client *c, const json_t *e)
{
    heard now = {.n = 0};
    size_t i = 0;
    assert_true(number(e, "id") > c->cursor);
    c->cursor = number(e, "id");
    if (!json_object_get(e, "txid"))
        return;
    snprintf(now.txid, sizeof now.txid, "%s", text(e, "txid"));
    snprintf(now.event, sizeof now.event, "%s", text(e, "event"));
    snprintf(now.block, sizeof now.block, "%s", text(e, "blockhash"));
    snprintf(now.by, sizeof now.by, "%s%s", text(e, "by"), text(e, "replaced_by_txid"));
    now.n = number(e, "n_details");
    while (i < c->n && strcmp(c->tx[i].txid, now.txid) != 0)
        i++;
    if (i < c->n && memcmp(&c->tx[i], &now, sizeof now) == 0)
        fail_msg("%s was told twice to be %s", now.txid, now.event);
    assert_true(i < COINS);
    c->n += i == c->n;
    c->tx[i] = now;
}

static void hear_all(qn_mock *m, client *c)
{
    char params[60];
    for (bool more = true; more;) {
        snprintf(params, sizeof params, "[%lld,0,\"w\",7]", (long long)c->cursor);
        json_t *j = ask(m, "watch.waitevent", params);
        const json_t *list = json_object_get(j, "events");
        assert_false(json_is_true(json_object_get(j, "missed")));
        more = json_array_size(list) > 0;
        for (size_t i = 0; i < json_array_size(list); i++)
            hear(c, json_array_get(list, i));
        assert_true(number(j, "cursor") >= c->cursor);
        json_decref(j);
    }
}

static void compare_client(const client *c, const walk *w)
{
    for (size_t i = 0; i < c->n; i++) {
        int64_t height = height_of(w, c->tx[i].txid);
        const char *want = height >= 0 ? "confirmed" : height == -1 ? "seen" : "gone";
        if (strcmp(c->tx[i].event, want) != 0)
            fail_msg("%s: heard %s, is %s", c->tx[i].txid, c->tx[i].event, want);
    }
    for (size_t k = 0; k < w->n_tx; k++) {
        char hex[65];
        size_t i = 0;
        qn_hex_encode_reversed(w->tx[k].b, 32, hex);
        while (i < c->n && strcmp(c->tx[i].txid, hex) != 0)
            i++;
        assert_true(i < c->n);
    }
}

/* ---- a random world ---- */

typedef struct world {
    qn_mock *m;
    keys *k;
    pool p;
    client c;
    uint64_t seed;
    int top; /* highest index that the plugin has heard was paid */
    uint32_t stamp;
} world;

static uint32_t pick(world *w, uint32_t n)
{
    return (uint32_t)(test_rand(&w->seed) % n);
}

/* One within the gap limit, when *top has been paid. */
static int some_key(world *w, int *top)
{
    int key = (int)pick(w, (uint32_t)(*top + 1 + GAP));
    key = key < KEYS ? key : KEYS - 1;
    *top = key > *top ? key : *top;
    return key;
}

static void leave_pool(world *w, size_t i, uint32_t reason, const qn_hash *by)
{
    assert_int_equal(qn_mock_pool_remove(w->m, &w->p.txid[i], reason, by), QN_OK);
    free(w->p.raw[i]);
    w->p.n--;
    w->p.raw[i] = w->p.raw[w->p.n];
    w->p.len[i] = w->p.len[w->p.n];
    w->p.txid[i] = w->p.txid[w->p.n];
}

static void enter_pool(world *w, const uint8_t *raw, uint32_t len)
{
    qn_tx_view v;
    size_t i = w->p.n;
    if (i == 64)
        return;
    assert_true(qn_tx_read(raw, len, &v));
    qn_tx_id(&v, w->p.txid[i].b);
    w->p.raw[i] = qc_alloc(len);
    memcpy(w->p.raw[i], raw, len);
    w->p.len[i] = len;
    w->p.n++;
    const qn_mock_tx t = {
        .txid = w->p.txid[i], .fee = 500, .vsize = 100, .bytes = w->p.raw[i], .len = len};
    qn_mock_pool_add(w->m, &t);
}

/* Whether the transaction spends a coin of the walk that is not there, or is spent, as far as it
 * can tell. */
static bool valid(const walk *w, const uint8_t *raw, uint32_t len)
{
    qn_tx_view v;
    qn_tx_cursor c = {0};
    qn_tx_in in;
    assert_true(qn_tx_read(raw, len, &v));
    while (qn_tx_next_in(&v, &c, &in)) {
        bool there = false;
        for (size_t i = 0; i < w->n; i++)
            if (memcmp(w->coin[i].txid.b, in.prev_txid, 32) == 0 && w->coin[i].n == in.prev_n)
                there = !w->coin[i].spent;
        if (!there && in.prev_txid[0] != 0xee) /* foreign coins are all good */
            return false;
    }
    return true;
}

/* Take out of the mempool what the chain makes impossible or has. */
static void clean_pool(world *w)
{
    static const qn_hash none;
    for (bool again = true; again;) {
        again = false;
        const pool empty = {.n = 0};
        walk *v = walk_all(w->m, w->k, &empty);
        for (size_t i = 0; i < w->p.n && !again; i++) {
            char hex[65];
            qn_hex_encode_reversed(w->p.txid[i].b, 32, hex);
            bool mined = height_of(v, hex) >= 0;
            if (mined || !valid(v, w->p.raw[i], w->p.len[i])) {
                leave_pool(w, i, mined ? QN_MEMPOOL_GONE_BLOCK : QN_MEMPOOL_GONE_CONFLICT, &none);
                again = true;
            } else {
                walk_tx(v, w->k, w->p.raw[i], w->p.len[i], -1);
            }
        }
        qc_free(v);
    }
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        *p++ = (uint8_t)(v >> 8 * i);
    return p;
}

/* Spend a coin that is not spent (or a foreign one), pay one or two of ours. */
static void random_pool_tx(world *w, bool replace)
{
    uint8_t raw[300], *p = raw;
    walk *v = walk_all(w->m, w->k, &w->p);
    const coin *c = v->n && pick(w, 3) ? &v->coin[pick(w, (uint32_t)v->n)] : NULL;
    p = put32(p, 2);
    *p++ = 1;
    if (c && (!c->spent || replace)) {
        memcpy(p, c->txid.b, 32);
        p = put32(p + 32, c->n);
    } else {
        memset(p, 0xee, 32);
        p = put32(p + 32, w->stamp++);
    }
    *p++ = 0;
    p = put32(p, 0xfffffffd);
    uint8_t n = (uint8_t)(1 + pick(w, 2));
    *p++ = n;
    for (int i = 0; i < n; i++) {
        int top = w->top, key = some_key(w, &top);
        p = put32(p, 1000 + pick(w, 100000));
        p = put32(p, 0);
        *p++ = (uint8_t)w->k->len;
        memcpy(p, w->k->script[key], w->k->len);
        p += w->k->len;
    }
    p = put32(p, 0);
    qc_free(v);
    /* What spends the same coin leaves, with the reason. */
    for (size_t i = 0; i < w->p.n; i++)
        if (memcmp(w->p.raw[i] + 5, raw + 5, 36) == 0) {
            qn_tx_view t;
            qn_hash by;
            assert_true(qn_tx_read(raw, (size_t)(p - raw), &t));
            qn_tx_id(&t, by.b);
            leave_pool(w, i, QN_MEMPOOL_GONE_REPLACED, &by);
            break;
        }
    enter_pool(w, raw, (uint32_t)(p - raw));
    clean_pool(w);
}

static void fill_block(world *w)
{
    const pool empty = {.n = 0};
    int top = w->top;
    walk *v = walk_all(w->m, w->k, &empty);
    for (uint32_t i = pick(w, 3); i; i--) {
        int key = some_key(w, &top);
        (void)qn_mock_pay(w->m, w->k->script[key], w->k->len, 1000 + pick(w, 1000000));
    }
    if (pick(w, 2))
        (void)qn_mock_pay(w->m, "\x51", 1, 77);
    for (int tries = 0; v->n && tries < 2; tries++) {
        coin *c = &v->coin[pick(w, (uint32_t)v->n)];
        if (!c->spent)
            qn_mock_spend(w->m, &c->txid, c->n);
        c->spent = true;
    }
    qc_free(v);
}

static void reorganise(world *w)
{
    uint32_t back = 1 + pick(w, 3), height = qn_mock_height(w->m);
    if (height < 3 + back)
        return;
    const qn_block_view *old = qn_mock_block(w->m, height);
    qn_hash tip;
    memcpy(tip.b, old->hash, 32);
    qn_mock_reorg(w->m, back, 0);
    fill_block(w);
    qn_mock_mine(w->m, back + 1);
    /* What was in the old tip may be in the mempool now. */
    const qn_tx_rec *t = old->tx.count > 1 ? qn_view_tx(old, 1) : NULL;
    if (t && pick(w, 2)) {
        walk *v = walk_all(w->m, w->k, &w->p);
        bool good = valid(v, qn_view_raw(old) + t->off, t->len);
        qc_free(v);
        if (good)
            enter_pool(w, qn_view_raw(old) + t->off, t->len);
    }
    clean_pool(w);
    if (pick(w, 3) == 0) {
        (void)qn_mock_run(w->m);
        assert_int_equal(qn_mock_activate(w->m, &tip), QN_OK);
        clean_pool(w);
    }
}

static void one_step(world *w)
{
    switch (pick(w, 8)) {
    case 0:
    case 1:
    case 2:
        fill_block(w);
        qn_mock_mine(w->m, 1 + pick(w, 2));
        clean_pool(w);
        break;
    case 3:
        reorganise(w);
        break;
    case 4:
        if (w->p.n) {
            static const qn_hash none;
            leave_pool(w, pick(w, (uint32_t)w->p.n), QN_MEMPOOL_GONE_SIZE, &none);
            clean_pool(w);
        }
        break;
    default:
        random_pool_tx(w, pick(w, 3) == 0);
    }
}

static void restart(world *w)
{
    qn_mock_steps(w->m, UINT32_MAX);
    qn_mock_crash(w->m);
    assert_int_equal(qn_mock_start(w->m, &qn_plugin_entry), QN_OK);
}

static void check_world(world *w)
{
    (void)qn_mock_run(w->m);
    assert_null(qn_mock_failure(w->m));
    walk *v = walk_all(w->m, w->k, &w->p);
    w->top = v->top > w->top ? v->top : w->top;
    compare_coins(w->m, v);
    compare_txs(w->m, v);
    hear_all(w->m, &w->c);
    compare_client(&w->c, v);
    qc_free(v);
}

static world *world_new(uint64_t seed)
{
    world *w = qc_alloc(sizeof *w);
    w->m = started();
    w->k = keys_of("wpkh(" XPUB "/0/*)");
    w->seed = seed;
    w->top = -1;
    expect(w->m, "watch.create", "[\"w\"]", "{\"name\":\"w\"}");
    import(w->m, w->k->text, "\"birthday\":0,\"range\":4", "[{\"success\":true}]");
    return w;
}

static void world_free(world *w)
{
    while (w->p.n) {
        static const qn_hash none;
        leave_pool(w, 0, QN_MEMPOOL_GONE_EXPIRY, &none);
    }
    assert_int_equal(qn_mock_stop(w->m), QN_OK);
    qn_mock_free(w->m);
    qc_free(w->k);
    qc_free(w);
}

static void test_random_histories__are_what_a_plain_walk_finds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        world *w = world_new(seed);
        for (int i = 0; i < 60; i++) {
            one_step(w);
            if (pick(w, 3) == 0)
                check_world(w);
        }
        check_world(w);
        world_free(w);
    }
}

/* Each call takes so long that the stream yields the loop after it, within blocks too. */
static qn_status slowly(void *arg, uint64_t k, const char *interface, const char *method)
{
    const world *w = arg;
    (void)k;
    (void)interface;
    (void)method;
    qn_mock_sleep(w->m, 20);
    return QN_OK;
}

/* Killed after any number of callbacks, again and again, while the world goes on. */
static void test_random_kills__lose_nothing_and_tell_nothing_twice(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed < 108; seed++) {
        world *w = world_new(seed);
        qn_mock_on_call(w->m, seed % 2 ? slowly : NULL, w);
        for (int i = 0; i < 60; i++) {
            one_step(w);
            if (pick(w, 2)) {
                qn_mock_steps(w->m, pick(w, 8));
                (void)qn_mock_run(w->m);
                qn_mock_steps(w->m, UINT32_MAX);
            }
            if (pick(w, 3) == 0)
                restart(w);
            if (pick(w, 4) == 0)
                check_world(w);
        }
        check_world(w);
        world_free(w);
    }
}

/* ---- the gap limit ---- */

static void test_gap__two_beyond_it_in_one_block_are_found(void **state)
{
    (void)state;
    world *w = world_new(1);
    (void)qn_mock_pay(w->m, w->k->script[GAP + GAP + 1], w->k->len, 3000); /* found third */
    (void)qn_mock_pay(w->m, w->k->script[GAP + 2], w->k->len, 2000);
    (void)qn_mock_pay(w->m, w->k->script[GAP - 1], w->k->len, 1000);
    qn_mock_mine(w->m, 1);
    check_world(w);
    json_t *j = ask(w->m, "watch.list", "[\"w\"]");
    const json_t *d = json_array_get(json_object_get(j, "descriptors"), 0);
    assert_int_equal(number(d, "next"), 2 * GAP + 2);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(d, "range"), 1)),
                     3 * GAP + 1);
    json_decref(j);
    world_free(w);
}

static unsigned adds;

/* The grant is full: no script more. */
static qn_status full(void *arg, uint64_t k, const char *interface, const char *method)
{
    (void)arg;
    (void)k;
    bool add = strcmp(interface, "watch/1") == 0 && strcmp(method, "add") == 0;
    adds += add;
    return add ? QN_E_LIMIT : QN_OK;
}

static void test_full_grant__is_said_and_made_good(void **state)
{
    (void)state;
    for (int restarts = 0; restarts < 2; restarts++) {
        world *w = world_new(5);
        expect(w->m, "watch.status", "[]", "\"complete\":true");
        qn_mock_on_call(w->m, full, w);
        (void)qn_mock_pay(w->m, w->k->script[GAP - 1], w->k->len, 1000);
        qn_mock_mine(w->m, 1);
        (void)qn_mock_run(w->m);
        assert_null(qn_mock_failure(w->m));
        expect(w->m, "watch.status", "[]", "\"complete\":false,\"unwatched\":5");
        assert_non_null(strstr(qn_mock_log(w->m), "no room for more scripts"));
        (void)qn_mock_pay(w->m, w->k->script[GAP + 1], w->k->len, 2000); /* it is missed */
        (void)qn_mock_pay(w->m, w->k->script[0], w->k->len, 3000);
        qn_mock_mine(w->m, 1);
        (void)qn_mock_run(w->m);
        expect(w->m, "watch.balance", "[\"w\"]", "\"trusted\":0.00004000");
        expect(w->m, "watch.newaddress", "[\"w\"]", "error -4: No further address");
        expect(w->m, "watch.newaddress", "[\"w\"]", "error -4: No further address");
        if (restarts) { /* and less room than before */
            restart(w);
            (void)qn_mock_pay(w->m, w->k->script[1], w->k->len, 4000);
            qn_mock_mine(w->m, 2);
            (void)qn_mock_run(w->m);
            expect(w->m, "watch.status", "[]", "\"unwatched\":10");
            expect(w->m, "watch.balance", "[\"w\"]", "\"trusted\":0.00004000");
        }
        qn_mock_on_call(w->m, NULL, NULL);
        if (!restarts)
            qn_mock_mine(w->m, 1); /* there is room: the next block shows it */
        else
            restart(w);
        check_world(w);
        expect(w->m, "watch.status", "[]", "\"complete\":true");
        restart(w);
        expect(w->m, "watch.status", "[]", "\"complete\":true");
        check_world(w);
        world_free(w);
    }
}

/* One script is tried, and only when the node has caught up. */
static void test_full_grant__is_tried_again_with_one_script(void **state)
{
    (void)state;
    world *w = world_new(5);
    qn_mock_on_call(w->m, full, w);
    (void)qn_mock_pay(w->m, w->k->script[GAP - 1], w->k->len, 1000);
    qn_mock_mine(w->m, 1);
    (void)qn_mock_run(w->m);
    for (uint32_t n = 1; n < 8; n += 3) {
        adds = 0;
        qn_mock_mine(w->m, n);
        (void)qn_mock_run(w->m);
        assert_int_equal(adds, 1);
    }
    expect(w->m, "watch.status", "[]", "\"complete\":false,\"unwatched\":5");
    qn_mock_on_call(w->m, NULL, NULL);
    qn_mock_mine(w->m, 1);
    (void)qn_mock_run(w->m);
    expect(w->m, "watch.status", "[]", "\"complete\":true");
    check_world(w);
    world_free(w);
}

/* ---- what is gone ---- */

static uint64_t rows_of(qn_mock *m, uint8_t kind)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < qn_mock_store_count(m); i++) {
        const void *key, *v;
        uint32_t n_key, n_v;
        assert_true(qn_mock_store_row(m, i, &key, &n_key, &v, &n_v));
        n += *(const uint8_t *)key == kind;
    }
    return n;
}

static void test_gone__are_kept_up_to_a_number(void **state)
{
    (void)state;
    static const qn_hash none;
    world *w = world_new(9);
    assert_int_equal(qn_mock_stop(w->m), QN_OK);
    qn_mock_config(w->m, "max_gone", "3");
    assert_int_equal(qn_mock_start(w->m, &qn_plugin_entry), QN_OK);
    for (int i = 0; i < 12; i++) {
        random_pool_tx(w, false);
        (void)qn_mock_run(w->m);
        while (w->p.n && i % 3)
            leave_pool(w, 0, QN_MEMPOOL_GONE_EXPIRY, &none);
        (void)qn_mock_run(w->m);
        assert_true(rows_of(w->m, 'T') <= 3 + w->p.n);
    }
    assert_int_equal(rows_of(w->m, 'T'), 3);
    assert_int_equal(rows_of(w->m, 'R'), 3);
    check_world(w);
    /* The last three to go are kept, before and after a restart. */
    for (int i = 0; i < 2; i++) {
        json_t *j = ask(w->m, "watch.transactions", "[\"w\"]");
        const json_t *list = json_object_get(j, "transactions");
        assert_int_equal(json_array_size(list), 3);
        for (size_t k = 0; k < 3; k++) {
            const char *id = text(json_array_get(list, k), "txid");
            json_t *e = ask(w->m, "watch.waitevent", "[0,0,\"w\",100]");
            const json_t *events = json_object_get(e, "events");
            int newer = 0;
            for (size_t n = json_array_size(events); n-- > 0;) {
                const json_t *ev = json_array_get(events, n);
                if (strcmp(text(ev, "txid"), id) == 0)
                    break;
                newer += strcmp(text(ev, "event"), "gone") == 0;
            }
            assert_true(newer < 3); /* of those that were told to be gone */
            json_decref(e);
        }
        json_decref(j);
        restart(w);
    }
    check_world(w);
    world_free(w);
}

/* ---- the middle of a block ---- */

#define MANY 100u

/* A block with many payments; spending those of the transaction `from`. */
static void pay_many(world *w, const qn_hash *from)
{
    for (uint32_t i = 0; i < MANY; i++) {
        (void)qn_mock_pay(w->m, w->k->script[0], w->k->len, 1000);
        if (from)
            qn_mock_spend(w->m, from, i);
    }
    qn_mock_mine(w->m, 1);
    (void)qn_mock_run(w->m);
}

/* Of five rescans, for scripts that nobody pays, the last one has to wait; it is given up. */
static void cancel_one(qn_mock *m)
{
    char params[100];
    int64_t waits = 0;
    for (int i = 0; i < 5; i++) {
        snprintf(params, sizeof params, "[\"w\",[{\"script\":\"515%d\",\"birthday\":0}]]", i);
        expect(m, "watch.import", params, "true");
    }
    json_t *j = ask(m, "watch.status", "[]");
    const json_t *list = json_object_get(j, "rescans");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_is_false(json_object_get(json_array_get(list, i), "running")))
            waits = number(json_array_get(list, i), "rescan");
    json_decref(j);
    snprintf(params, sizeof params, "[null,%d]", (int)waits);
    expect(m, "watch.rescan", params, "true");
}

/* What a method has changed is stored at the next turn of the loop. When that comes while a block's
 * hits do, nothing of the block may be stored with it: here it is leaving, and back again when the
 * plugin starts after a kill. */
static void test_flush__stores_no_part_of_a_block(void **state)
{
    (void)state;
    for (unsigned steps = 0; steps < 6; steps++) {
        world *w = world_new(2);
        qn_hash from, tip;
        pay_many(w, NULL);
        const qn_block_view *v = qn_mock_block(w->m, qn_mock_height(w->m));
        memcpy(from.b, qn_view_tx(v, 1)->txid, 32);
        pay_many(w, &from); /* more hits than come at once */
        v = qn_mock_block(w->m, qn_mock_height(w->m));
        memcpy(tip.b, v->hash, 32);
        qn_mock_on_call(w->m, slowly, w);
        qn_mock_reorg(w->m, 3, 0);
        qn_mock_steps(w->m, 1);
        (void)qn_mock_run(w->m);
        qn_mock_steps(w->m, 0);
        qn_mock_on_call(w->m, NULL, NULL);
        cancel_one(w->m);
        qn_mock_on_call(w->m, slowly, w);
        qn_mock_steps(w->m, steps);
        (void)qn_mock_run(w->m);
        qn_mock_steps(w->m, UINT32_MAX);
        qn_mock_on_call(w->m, NULL, NULL);
        qn_mock_crash(w->m);
        assert_int_equal(qn_mock_activate(w->m, &tip), QN_OK);
        assert_int_equal(qn_mock_start(w->m, &qn_plugin_entry), QN_OK);
        check_world(w);
        world_free(w);
    }
}

#define TO "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"

/* After `steps` callbacks of a block that pays us, or of a rescan that finds what did. */
static void until(world *w, bool rescan, unsigned steps)
{
    keys *k = keys_of("wpkh(" XPUB "/1/*)");
    const keys *to = rescan ? k : w->k;
    (void)qn_mock_pay(w->m, to->script[0], to->len, 100000);
    for (uint32_t i = 0; i < MANY; i++)
        (void)qn_mock_pay(w->m, to->script[0], to->len, 1000);
    qn_mock_mine(w->m, 1);
    if (rescan) {
        (void)qn_mock_run(w->m);
        qn_mock_steps(w->m, 0);
        import(w->m, k->text, "\"birthday\":0", "true");
    }
    qn_mock_on_call(w->m, slowly, w);
    qn_mock_steps(w->m, steps);
    (void)qn_mock_run(w->m);
    qn_mock_steps(w->m, 0);
    qn_mock_on_call(w->m, NULL, NULL);
    qc_free(k);
}

/* Whatever of what was told is stored when the plugin is killed. */
static void test_psbt__its_locks_outlive_a_kill(void **state)
{
    (void)state;
    for (int rescan = 0; rescan < 2; rescan++) {
        size_t taken = 0, again = 0;
        for (unsigned steps = 0; steps < 24; steps++) {
            world *w = world_new(2);
            until(w, rescan, steps);
            char *got = qn_mock_rpc(w->m, "watch.psbt",
                                    "[\"w\",{\"" TO "\":0.0005},{\"fee_rate\":1,"
                                    "\"changeAddress\":\"" TO "\"}]");
            bool locked = strstr(got, "\"locked\":true") != NULL;
            if (!locked && !strstr(got, "Insufficient") && !strstr(got, "no answer"))
                fail_msg("%s", got);
            free(got);
            restart(w);
            (void)qn_mock_run(w->m);
            json_t *j = ask(w->m, "watch.listlockunspent", "[\"w\"]");
            assert_int_equal(json_array_size(j) > 0, locked);
            json_decref(j);
            j = ask(w->m, "watch.utxos", "[\"w\"]");
            assert_int_equal(json_array_size(j), MANY + 1);
            json_decref(j);
            taken += locked;
            again += !locked;
            world_free(w);
        }
        assert_true(taken > 0 && again > 0);
    }
}

static void test_rescan__is_stored_no_farther_than_what_it_found(void **state)
{
    (void)state;
    for (unsigned steps = 0; steps < 24; steps++) {
        world *w = world_new(2);
        until(w, true, steps);
        expect(w->m, "watch.create", "[\"v\"]", "{"); /* stores what was asked for */
        restart(w);
        (void)qn_mock_run(w->m);
        expect(w->m, "watch.balance", "[\"w\"]", "\"trusted\":0.00200000");
        expect(w->m, "watch.status", "[]", "\"rescans\":[]");
        world_free(w);
    }
}

static void test_remove__leaves_no_row_behind(void **state)
{
    (void)state;
    world *w = world_new(3);
    uint64_t rows = qn_mock_store_count(w->m);
    expect(w->m, "watch.create", "[\"v\"]", "{");
    char params[500];
    snprintf(params, sizeof params, "[\"v\",[{\"desc\":\"%s\",\"birthday\":0,\"range\":30}]]",
             w->k->text);
    expect(w->m, "watch.import", params, "true");
    (void)qn_mock_pay(w->m, w->k->script[20], w->k->len, 1000); /* v alone watches it */
    qn_mock_mine(w->m, 1);
    (void)qn_mock_run(w->m);
    expect(w->m, "watch.balance", "[\"v\"]", "\"trusted\":0.00001000");
    expect(w->m, "watch.balance", "[\"w\"]", "\"trusted\":0.00000000");
    expect(w->m, "watch.remove", "[\"v\"]", "null");
    /* Events that were told stay: of the rescan and of the payment. */
    assert_true(qn_mock_store_count(w->m) <= rows + 3);
    restart(w);
    expect(w->m, "watch.list", "[]", "[{\"wallet_name\":\"w\"");
    w->c.cursor = 0;
    world_free(w);
}

/* ---- whatever fails ---- */

/* Each table call fails once, in the middle of a life; what is there after a restart is right. */
static void test_failing_calls__lose_nothing(void **state)
{
    (void)state;
    for (uint64_t k = 1; k < 120; k += 3) {
        world *w = world_new(k);
        uint64_t before = qn_mock_calls(w->m);
        qn_mock_fail_call(w->m, k, k % 2 ? QN_E_IO : QN_E_NOMEM);
        for (int i = 0; i < 12; i++) {
            one_step(w);
            (void)qn_mock_run(w->m);
            if (qn_mock_failure(w->m))
                assert_int_equal(qn_mock_start(w->m, &qn_plugin_entry), QN_OK);
        }
        assert_true(qn_mock_calls(w->m) > before);
        qn_mock_fail_call(w->m, 0, QN_OK);
        restart(w);
        check_world(w);
        world_free(w);
    }
}

QC_TEST_MAIN(cmocka_unit_test(test_random_histories__are_what_a_plain_walk_finds),
             cmocka_unit_test(test_random_kills__lose_nothing_and_tell_nothing_twice),
             cmocka_unit_test(test_gap__two_beyond_it_in_one_block_are_found),
             cmocka_unit_test(test_full_grant__is_said_and_made_good),
             cmocka_unit_test(test_full_grant__is_tried_again_with_one_script),
             cmocka_unit_test(test_gone__are_kept_up_to_a_number),
             cmocka_unit_test(test_flush__stores_no_part_of_a_block),
             cmocka_unit_test(test_psbt__its_locks_outlive_a_kill),
             cmocka_unit_test(test_rescan__is_stored_no_farther_than_what_it_found),
             cmocka_unit_test(test_remove__leaves_no_row_behind),
             cmocka_unit_test(test_failing_calls__lose_nothing))
