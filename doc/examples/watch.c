/* watch/1: events for the scripts I named. A purse: hands out one script after the other, and knows
 * which coins they got, in blocks and in the mempool. It is told of nothing else. */
#include <quoin/sdk.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.purse\", \"version\": \"1.0.0\","
                   " \"requires\": [\"watch/1\"]}");

#define GAP 5 /* scripts beyond the last one that was paid */
#define COINS 1024

typedef struct coin {
    qn_mempool_outpoint at;
    qn_hash txid, spent_by;
    int64_t value;
    uint32_t height; /* 0: not in a block */
    int spent;
} coin;

typedef struct state {
    const qn_host_1 *host;
    qn_cap *cap;
    qn_watcher watcher;
    uint32_t watched; /* scripts 0 to watched - 1 are */
    coin coins[COINS];
    uint32_t n;
    int64_t said;
} state;

/* A wallet derives a key here; we are content with a number. */
static void script_of(uint32_t i, uint8_t out[22])
{
    memset(out, 0, 22);
    out[1] = 20;
    memcpy(out + 2, &i, sizeof i);
}

/* Scripts up to `upto`, in one call. */
static qn_status watch_up_to(state *s, uint32_t upto)
{
    uint8_t bytes[GAP * 22];
    qn_watch_script list[GAP];
    uint32_t n = 0;
    for (; s->watched < upto && n < GAP; s->watched++, n++) {
        script_of(s->watched, bytes + n * 22);
        list[n] = (qn_watch_script){.cookie = s->watched, .len = 22};
    }
    if (!n)
        return QN_OK;
    const qn_watcher *w = &s->watcher;
    return w->table->add(w->cap, w->watch, list, n, bytes, n * 22, 0, NULL);
}

static coin *find(state *s, const qn_mempool_outpoint *at)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (memcmp(&s->coins[i].at, at, sizeof *at) == 0)
            return &s->coins[i];
    return NULL;
}

/* A coin of ours is made or spent. Whatever the script's number, GAP more are watched from here on:
 * the node looks through this very block again for them. */
static qn_status on_hit(void *arg, const qn_watch_event *ev, const uint8_t *tx,
                        const uint8_t *script)
{
    state *s = arg;
    coin *c = find(s, &ev->coin);
    (void)tx; /* ev->tx_len bytes */
    (void)script;
    if (!c && s->n < COINS)
        c = &s->coins[s->n++];
    if (!c)
        return QN_E_FULL;
    if (ev->flags & QN_WATCH_EVF_SPENT) {
        c->spent = 1;
        c->spent_by = ev->txid;
    } else {
        c->at = ev->coin;
        c->txid = ev->txid;
        c->value = ev->value;
        c->height = ev->type == QN_WATCH_EV_CONFIRMED ? ev->ref.height : 0;
    }
    return watch_up_to(s, (uint32_t)ev->cookie + 1 + GAP);
}

/* A transaction that was not in a block will not come: ev->reason says why, ev->by for whom. */
static qn_status on_gone(void *arg, const qn_watch_event *ev)
{
    state *s = arg;
    for (uint32_t i = s->n; i-- > 0;) {
        coin *c = &s->coins[i];
        if (c->spent && memcmp(&c->spent_by, &ev->txid, sizeof ev->txid) == 0)
            c->spent = 0;
        if (memcmp(&c->txid, &ev->txid, sizeof ev->txid) == 0)
            *c = s->coins[--s->n];
    }
    if (ev->reason == QN_WATCH_GONE_REPLACED)
        qn_logf(s->host, s->cap, QN_LOG_INFO, "a payment was replaced");
    return QN_OK;
}

/* All hits of a block were told before this. A purse with a store commits here, with
 * qn_watch_at(ev) as the locator of its next start. */
static qn_status on_block(void *arg, const qn_watch_event *ev)
{
    state *s = arg;
    int64_t sum = 0, sure = 0;
    (void)ev;
    for (uint32_t i = 0; i < s->n; i++)
        if (!s->coins[i].spent) {
            sum += s->coins[i].value;
            sure += s->coins[i].height ? s->coins[i].value : 0;
        }
    if (sum != s->said)
        qn_logf(s->host, s->cap, QN_LOG_INFO, "%lld sat, %lld of them confirmed", (long long)sum,
                (long long)sure);
    s->said = sum;
    return QN_OK;
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *table;
    state *s = calloc(1, sizeof *s);
    (void)config;
    if (!s)
        return QN_E_NOMEM;
    s->host = s->watcher.host = host;
    s->cap = s->watcher.host_cap = cap;
    qn_status st = host->get(cap, QN_WATCH_1_ID, 1, &table, &s->watcher.cap);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->watcher.table = table;
    s->watcher.on = (qn_watch_handlers){.on_hit = on_hit,
                                        .on_gone = on_gone,
                                        .on_block = on_block,
                                        .on_synced = on_block,
                                        .arg = s};
    *self = s;
    return QN_OK;
}

/* Nothing is handled before this returns: the set is there from the first event on. */
static qn_status start(void *self)
{
    state *s = self;
    qn_status st = qn_watch_start(&s->watcher, NULL, NULL, 0, NULL);
    return st == QN_OK ? watch_up_to(s, GAP) : st;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    state *s = self;
    (void)deadline_ms;
    qn_watch_end(&s->watcher);
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.purse",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
