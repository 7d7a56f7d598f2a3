/* mining.check/1: would a block be valid? Judges the one that its configuration names, before
 * anybody spends work on it. It could not hand it in. */
#include <quoin/mining_check.h>
#include <quoin/sdk.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.judge\", \"version\": \"1.0.0\","
                   " \"requires\": [\"mining.check/1\"],"
                   " \"why\": {\"mining.check/1\": \"judges the block of its configuration\"},"
                   " \"config\": [{\"name\": \"block\", \"type\": \"text\", \"min\": 0,"
                   " \"max\": 4000, \"default\": \"\", \"help\": \"hex\"}]}");

typedef struct state {
    const qn_host_1 *host;
    const qn_mining_check_1 *check;
    qn_cap *cap, *check_cap;
    uint8_t block[2000];
    uint32_t len;
} state;

static void judge(void *arg)
{
    state *s = arg;
    qn_mining_result r = {.size = sizeof r};
    /* Not solved yet: only what does not need work is asked. */
    qn_status st = s->check->block(s->check_cap, s->block, s->len, QN_CHECK_NO_POW, &r);
    if (st != QN_OK)
        qn_logf(s->host, s->cap, QN_LOG_WARN, "not judged: status %d", (int)st);
    else
        qn_logf(s->host, s->cap, QN_LOG_INFO, "%s %s",
                r.is == QN_BLOCK_IS_ACCEPTED ? "good" : r.reason, r.debug);
}

static uint32_t bytes_of_hex(const char *hex, uint8_t *out, uint32_t max)
{
    uint32_t n = 0;
    unsigned x;
    for (; n < max && sscanf(hex, "%2x", &x) == 1 && hex[1]; hex += 2)
        out[n++] = (uint8_t)x;
    return n;
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *table;
    state *s = calloc(1, sizeof *s);
    if (!s)
        return QN_E_NOMEM;
    s->host = host;
    s->cap = cap;
    s->len = bytes_of_hex(qn_config_text(config, "block"), s->block, sizeof s->block);
    qn_status st = host->get(cap, QN_MINING_CHECK_1_ID, 1, &table, &s->check_cap);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->check = table;
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    return s->len ? s->host->post(s->cap, judge, s) : QN_OK;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.judge",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
