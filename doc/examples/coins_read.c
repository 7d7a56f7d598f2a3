/* coins.read/1: what there is. Walks over all coins in small steps and says how many they are; when
 * its walk is closed by the node it goes on behind the last coin it has seen. */
#include <quoin/coins_read.h>
#include <quoin/sdk.h>

#define ROWS 512

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.supply\", \"version\": \"1.0.0\","
                   " \"requires\": [\"coins.read/1\"]}");

typedef struct state {
    const qn_host_1 *host;
    const qn_coins_read_1 *coins;
    qn_cap *cap, *coins_cap;
    uint64_t scan; /* 0: none is open */
    qn_mempool_outpoint last;
    int has_last;
    uint64_t count;
    int64_t value;
    qn_coin_row row[ROWS];
    uint8_t script[ROWS * 64];
} state;

static void step(void *arg);

static qn_status again(state *s, uint32_t ms)
{
    uint64_t timer;
    return s->host->timer_set(s->cap, ms, step, s, &timer);
}

static qn_status begin(state *s)
{
    qn_coins_at at;
    qn_status st = s->coins->scan_open(s->coins_cap, s->has_last ? &s->last : NULL, &s->scan, &at);
    if (st == QN_E_NOTREADY || st == QN_E_BUSY || st == QN_E_TIMEOUT)
        return again(s, 10000);
    if (st != QN_OK)
        return st;
    if (s->has_last) /* what was counted before was so at another tip */
        qn_logf(s->host, s->cap, QN_LOG_INFO, "going on at height %u", at.height);
    return again(s, 0);
}

static qn_status finish(state *s)
{
    uint64_t moved = 0;
    qn_status st = s->coins->scan_tip(s->coins_cap, s->scan, NULL, &moved);
    qn_logf(s->host, s->cap, QN_LOG_INFO, "%llu coins, %lld satoshis; the tip moved %llu times",
            (unsigned long long)s->count, (long long)s->value, (unsigned long long)moved);
    return st == QN_OK ? s->coins->scan_close(s->coins_cap, s->scan) : st;
}

/* One step, after which others of the plugin's callbacks have their turn. */
static qn_status count(state *s)
{
    uint32_t rows = 0, bytes = 0;
    qn_status st = s->coins->scan_next(s->coins_cap, s->scan, s->row, ROWS, &rows, s->script,
                                       sizeof s->script, &bytes);
    if (st == QN_E_CLOSED) {
        s->scan = 0;
        return begin(s);
    }
    if (st == QN_E_END)
        return finish(s);
    if (st != QN_OK)
        return st;
    for (uint32_t i = 0; i < rows; i++)
        s->value += s->row[i].value;
    s->count += rows;
    s->last = s->row[rows - 1].outpoint;
    s->has_last = 1;
    return again(s, 0);
}

static void step(void *arg)
{
    state *s = arg;
    qn_status st = s->scan ? count(s) : begin(s);
    if (st != QN_OK)
        s->host->fail(s->cap, st, "cannot count", 12);
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *table;
    state *s = calloc(1, sizeof *s);
    (void)config;
    if (!s)
        return QN_E_NOMEM;
    s->host = host;
    s->cap = cap;
    qn_status st = host->get(cap, QN_COINS_READ_1_ID, 1, &table, &s->coins_cap);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->coins = table;
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    return s->host->post(s->cap, step, s);
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.supply",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
