/* The plugin: its configuration, what it needs, its life. */
#include "plugins/stratum/stratum.h"

#include "plugins/stratum/manifest.h"

#include <sys/resource.h>

#define VERSION "0.1.0"
#define BESIDE 512u /* descriptors that are no connections */

void st_clock(stratum *t)
{
    int64_t now = t->host->time(t->cap);
    t->pool.now_ms = t->host->now_ms(t->cap);
    t->pool.time = now > 0 ? (uint64_t)now : 0;
}

/* ---- configuration ---- */

static qn_status bad(const stratum *t, const char *why)
{
    qn_logf(t->host, t->cap, QN_LOG_ERROR, "%s", why);
    return QN_E_INVAL;
}

static bool flag(const qn_config *c, const char *name)
{
    const char *v = qn_config_text(c, name);
    return !v || (strcmp(v, "true") == 0 || strcmp(v, "yes") == 0 || strcmp(v, "1") == 0);
}

static const char *text(const qn_config *c, const char *name, const char *otherwise)
{
    const char *v = qn_config_text(c, name);
    return v ? v : otherwise;
}

static qn_status read_pool(stratum *t, const qn_config *c)
{
    st_pool *p = &t->pool;
    const char *tag = text(c, "tag", "/Quoin/");
    if (strlen(tag) > ST_TAG_MAX)
        return bad(t, "tag: more than 40 bytes");
    memcpy(p->recipe.tag, tag, strlen(tag));
    p->recipe.tag_len = (uint32_t)strlen(tag);
    p->recipe.solo = flag(c, "solo");
    if (!st_number(text(c, "start_difficulty", "16384"), &p->start_difficulty) ||
        !st_number(text(c, "min_difficulty", "0.001"), &p->min_difficulty))
        return bad(t, "start_difficulty and min_difficulty must be numbers above 0");
    char *end;
    unsigned long mask = strtoul(text(c, "version_mask", "1fffe000"), &end, 16);
    if (*end || mask > UINT32_MAX || mask & ~0x1fffffe0ul)
        return bad(t, "version_mask: bits of 1fffffe0 as hex digits");
    p->mask = (uint32_t)mask;
    p->per_minute = (uint32_t)qn_config_u64(c, "shares_per_minute", 18);
    return QN_OK;
}

static qn_status read_config(stratum *t, const qn_config *c)
{
    if (strlen(text(c, "listen", "127.0.0.1:3333")) >= sizeof t->c.listen ||
        strlen(text(c, "payout", "none")) >= sizeof t->c.payout)
        return bad(t, "listen or payout is too long");
    snprintf(t->c.listen, sizeof t->c.listen, "%s", text(c, "listen", "127.0.0.1:3333"));
    snprintf(t->c.payout, sizeof t->c.payout, "%s", text(c, "payout", "none"));
    t->c.refresh_s = (uint32_t)qn_config_u64(c, "refresh_s", 30);
    t->c.max_connections = (uint32_t)qn_config_u64(c, "max_connections", 1000);
    t->c.per_address = (uint32_t)qn_config_u64(c, "per_address", 1000);
    t->c.ban_seconds = (uint32_t)qn_config_u64(c, "ban_seconds", 600);
    t->c.share_log = (uint32_t)qn_config_u64(c, "share_log", 100000);
    return read_pool(t, c);
}

/* Room in each block for the heaviest of our coinbases, where the operator reserves less. */
static void reserve(stratum *t, const qn_mining_info *i)
{
    qn_mining_options *o = &t->options;
    uint32_t weight, sigops;
    st_recipe_needs(&t->pool.recipe, &weight, &sigops);
    *o = (qn_mining_options){.size = sizeof *o,
                             .set = QN_SET_MINING_OPTIONS_RESERVED_WEIGHT |
                                    QN_SET_MINING_OPTIONS_RESERVED_SIGOPS};
    o->reserved_weight = weight > i->reserved_weight ? weight : i->reserved_weight;
    o->reserved_sigops = sigops > i->reserved_sigops ? sigops : i->reserved_sigops;
    if (i->max_weight && o->reserved_weight > i->max_weight) /* then there is but the coinbase */
        o->reserved_weight = i->max_weight;
}

/* Which chain it is decides how addresses are written; the test networks and signets write them
 * alike. */
static qn_status read_chain(stratum *t)
{
    char why[256];
    qn_mining_info i = {.size = sizeof i};
    qn_status st = t->mining->info(t->mining_cap, &i);
    if (st != QN_OK)
        return st;
    const char *name = i.flags & QN_MINING_INFO_ON_DEMAND    ? "regtest"
                       : i.flags & QN_MINING_INFO_TEST_CHAIN ? "test"
                                                             : "main";
    t->pool.chain = qn_chain_by_name(name);
    if (!st_payouts_read(&t->pool.recipe, t->pool.chain, t->c.payout, why, sizeof why))
        return bad(t, why);
    if (!t->pool.recipe.solo && !st_recipe_complete(&t->pool.recipe))
        return bad(t, "payout must name who gets the rest of the reward, or solo must be on");
    reserve(t, &i);
    return QN_OK;
}

/* Where max_conns of the grant are out nobody is accepted any more, and no idler could make way:
 * one place stays free. A process of its own may have so many descriptors, and those beside; any
 * other needs them for more than this. */
static void bound_connections(stratum *t)
{
    struct rlimit l;
    uint32_t *max = &t->c.max_connections;
    if (getrlimit(RLIMIT_NOFILE, &l) || l.rlim_cur == RLIM_INFINITY ||
        l.rlim_cur > (rlim_t)*max + BESIDE)
        return;
    uint32_t room = l.rlim_cur > BESIDE ? (uint32_t)(l.rlim_cur - BESIDE) : 0;
    if (room < *max)
        qn_logf(t->host, t->cap, QN_LOG_WARN,
                "max_connections is %u, but there is room for %u: raise max_conns in the grant of "
                "net.listen/1",
                *max, room);
    *max = room > 1 ? room - 1 : 1;
}

/* ---- life ---- */

static qn_status get_tables(stratum *t)
{
    const void *table = NULL;
    qn_status s = t->host->get(t->cap, QN_MINING_TEMPLATE_1_ID, 1, &table, &t->mining_cap);
    t->mining = table;
    if (s == QN_OK)
        s = t->host->get(t->cap, QN_MINING_SUBMIT_1_ID, 1, &table, &t->submit_cap);
    t->submit = table;
    if (s == QN_OK)
        s = t->host->get(t->cap, QN_NET_LISTEN_1_ID, 1, &table, &t->net_cap);
    t->net = table;
    if (s == QN_OK)
        s = t->host->get(t->cap, QN_STORE_OWN_1_ID, 1, &table, &t->store_cap);
    t->store = table;
    if (s == QN_OK && t->host->get(t->cap, QN_RPC_SERVE_1_ID, 1, &table, &t->rpc_cap) == QN_OK)
        t->rpc = table;
    return s;
}

static void fini(void *self)
{
    stratum *t = self;
    st_server_close(t); /* what is left where stop() was not called */
    while (t->n_found)
        free(t->found[--t->n_found]);
    st_pool_clear(&t->pool);
    qn_batch_free(&t->batch);
    st_rows_clear(&t->rows);
    free(t);
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    stratum *t = calloc(1, sizeof *t);
    if (!t)
        return QN_E_NOMEM;
    t->host = host;
    t->cap = cap;
    t->pool.hooks = (st_hooks){.arg = t,
                               .solve = st_solve,
                               .displace = st_server_displace,
                               .log = st_store_share,
                               .keep = st_store_keep,
                               .recall = st_store_recall,
                               .refused = st_server_refused,
                               .lost = st_server_lost};
    qn_status s = read_config(t, config);
    if (s == QN_OK)
        s = get_tables(t);
    if (s != QN_OK) {
        fini(t);
        return s;
    }
    *self = t;
    return QN_OK;
}

static qn_status start(void *self)
{
    stratum *t = self;
    st_clock(t);
    t->started_ms = t->pool.now_ms;
    bound_connections(t);
    qn_status s = read_chain(t);
    if (s == QN_OK)
        s = st_store_open(t);
    if (s == QN_OK)
        s = st_templates_open(t);
    if (s == QN_OK && t->rpc)
        s = st_methods_add(t);
    return s == QN_OK ? st_server_open(t) : s;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    stratum *t = self;
    st_clock(t);
    st_server_close(t);
    st_store_sync(t); /* one call for a block may last longer than we are let live */
    st_blocks_close(t, deadline_ms / 2);
    st_templates_close(t);
    st_store_sync(t);
    return QN_OK;
}

QN_EXPORT const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                               .id = "org.quoin.stratum",
                                               .version = VERSION,
                                               .init = init,
                                               .start = start,
                                               .stop = stop,
                                               .fini = fini};
