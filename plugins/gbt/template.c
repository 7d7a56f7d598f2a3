/* The last template, fetched once, and what is written of it. */
#include "plugins/gbt/gbt.h"

#include "lib/hex.h"
#include "lib/mining.h"

#define CHUNK (1u << 20) /* bytes that are fetched at once */

void gb_template_clear(gb *g)
{
    gb_template *t = &g->t;
    if (t->have)
        (void)g->mining->release(g->mining_cap, t->v.id);
    free(t->tx);
    free(t->place);
    free(t->bytes);
    free(t->rule);
    *t = (gb_template){.have = false};
}

/* ---- fetching ---- */

static void *room(uint32_t n, size_t size)
{
    return calloc((size_t)n + 1, size);
}

static qn_status fetch_bytes(const gb *g, gb_template *t)
{
    for (uint32_t off = 0; off < t->v.tx_bytes;) {
        uint32_t len = t->v.tx_bytes - off < CHUNK ? t->v.tx_bytes - off : CHUNK, n = 0;
        qn_status st = g->mining->bytes(g->mining_cap, t->v.id, off, len, t->bytes + off, len, &n);
        if (st != QN_OK)
            return st;
        off += len;
    }
    return QN_OK;
}

/* Everything is asked of the template itself, so that it fits together whatever happens meanwhile.
 */
static qn_status fetch(const gb *g, gb_template *t)
{
    uint32_t n = 0;
    const uint64_t id = t->v.id;
    t->tx = room(t->v.n_tx, sizeof *t->tx);
    t->place = room(t->v.n_depends, sizeof *t->place);
    t->bytes = room(t->v.tx_bytes, 1);
    t->rule = room(t->v.n_rules, sizeof *t->rule);
    if (!t->tx || !t->place || !t->bytes || !t->rule)
        return QN_E_NOMEM;
    qn_status st = g->mining->transactions(g->mining_cap, id, t->tx, t->v.n_tx, &n);
    if (st == QN_OK)
        st = g->mining->depends(g->mining_cap, id, t->place, t->v.n_depends, &n);
    if (st == QN_OK)
        st = g->mining->rules(g->mining_cap, id, t->rule, t->v.n_rules, &n);
    return st == QN_OK ? fetch_bytes(g, t) : st;
}

static bool reusable(const gb *g, const qn_mining_info *now)
{
    const gb_template *t = &g->t;
    if (!t->have || memcmp(t->v.prev.b, now->tip.hash.b, 32) != 0)
        return false;
    int64_t age = g->host->time(g->cap) - t->made;
    return t->v.updates == now->updates || (age >= 0 && age <= (int64_t)g->reuse_s);
}

qn_status gb_template_get(gb *g)
{
    gb_template *t = &g->t;
    qn_mining_info now = {.size = sizeof now};
    qn_status st = g->mining->info(g->mining_cap, &now);
    if (st != QN_OK || reusable(g, &now))
        return st;
    gb_template_clear(g);
    t->v = (qn_template_view){.size = sizeof t->v};
    st = g->mining->create(g->mining_cap, NULL, &t->v);
    if (st != QN_OK)
        return st;
    t->have = true;
    t->made = g->host->time(g->cap);
    st = fetch(g, t);
    if (st != QN_OK)
        gb_template_clear(g);
    return st;
}

/* ---- writing ---- */

static void view_tx(const void *arg, uint32_t i, qn_gbt_tx *out)
{
    const gb_template *t = arg;
    const qn_template_tx *x = &t->tx[i];
    *out = (qn_gbt_tx){.txid = x->txid.b,
                       .wtxid = x->wtxid.b,
                       .fee = x->fee,
                       .weight = x->weight,
                       .sigops = x->sigops,
                       .depends = (const uint32_t *)(const void *)(t->place + x->depend),
                       .n_depends = x->n_depends,
                       .raw = t->bytes + x->off,
                       .raw_len = x->len};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const qn_gbt_rule *)a)->name, ((const qn_gbt_rule *)b)->name);
}

/* Out: owned, free(). */
static qn_gbt_rule *rules_of(const gb_template *t)
{
    qn_gbt_rule *rule = room(t->v.n_rules, sizeof *rule);
    for (uint32_t i = 0; rule && i < t->v.n_rules; i++)
        rule[i] = (qn_gbt_rule){.name = t->rule[i].name,
                                .bit = (uint8_t)t->rule[i].bit,
                                .active = (t->rule[i].flags & QN_TEMPLATE_RULE_ACTIVE) != 0,
                                .optional = (t->rule[i].flags & QN_TEMPLATE_RULE_OPTIONAL) != 0};
    if (rule)
        qsort(rule, t->v.n_rules, sizeof *rule, by_name);
    return rule;
}

/* A time of now, and what the block must prove then. */
static qn_status view_of(const gb *g, const qn_gbt_rule *rule, qn_gbt_view *out)
{
    const gb_template *t = &g->t;
    const qn_template_view *v = &t->v;
    *out = (qn_gbt_view){.height = (int32_t)v->height,
                         .version = v->version,
                         .min_time = v->min_time,
                         .updates = v->updates,
                         .reward = v->reward,
                         .outputs = v->coinbase_outputs,
                         .outputs_len = v->coinbase_outputs_len,
                         .n_outputs = v->n_coinbase_outputs,
                         .segwit = (v->flags & QN_TEMPLATE_SEGWIT) != 0,
                         .challenge = g->signet ? g->challenge : NULL,
                         .challenge_len = g->challenge_len,
                         .rule = rule,
                         .n_rules = v->n_rules,
                         .n_tx = v->n_tx,
                         .tx = view_tx,
                         .arg = t};
    memcpy(out->prev, v->prev.b, 32);
    qn_status st = g->mining->now(g->mining_cap, v->id, &out->cur_time, &out->bits);
    if (st != QN_OK)
        return st;
    return qn_target_of_bits(out->bits, out->target) ? QN_OK : QN_E_INTERNAL;
}

/* What a miner needs who does not look at the transactions. */
static void put_light(const gb *g, const qn_gbt_view *v, qn_json *j)
{
    const qn_template_view *t = &g->t.v;
    char text[QN_GBT_LONGPOLLID];
    qn_json_open(j, NULL, '{');
    snprintf(text, sizeof text, "%llu", (unsigned long long)t->id);
    qn_json_text(j, "template", text);
    qn_json_int(j, "version", v->version);
    qn_json_hex(j, "previousblockhash", v->prev, 32, 1);
    qn_json_int(j, "height", v->height);
    qn_json_int(j, "coinbasevalue", v->reward);
    qn_json_int(j, "transactions", v->n_tx);
    qn_json_int(j, "fees", t->fees);
    qn_json_open(j, "merklepath", '[');
    for (uint32_t i = 0; i < t->n_path; i++)
        qn_json_hex(j, NULL, t->path[i].b, 32, 0);
    qn_json_close(j, ']');
    qn_json_open(j, "coinbase", '{');
    qn_json_int(j, "version", t->coinbase_version);
    qn_json_hex(j, "prefix", t->coinbase_prefix, t->coinbase_prefix_len, 0);
    qn_json_int(j, "sequence", t->coinbase_sequence);
    qn_json_int(j, "locktime", t->coinbase_locktime);
    qn_json_int(j, "nlastoutputs", t->n_coinbase_outputs);
    qn_json_hex(j, "lastoutputs", t->coinbase_outputs, t->coinbase_outputs_len, 0);
    qn_json_close(j, '}');
    qn_gbt_longpollid(v->prev, v->updates, text);
    qn_json_text(j, "longpollid", text);
    qn_json_hex(j, "target", v->target, 32, 1);
    qn_json_int(j, "mintime", v->min_time);
    qn_json_int(j, "curtime", v->cur_time);
    snprintf(text, sizeof text, "%08x", v->bits);
    qn_json_text(j, "bits", text);
    if (v->challenge)
        qn_json_hex(j, "signet_challenge", v->challenge, v->challenge_len, 0);
    qn_json_close(j, '}');
}

static void put_full(const qn_gbt_view *v, const qn_gbt_client *client, qn_json *j)
{
    size_t n = qn_gbt_json(v, client, NULL, 0);
    j->data = malloc(n + 1);
    j->failed = !j->data;
    if (j->data)
        j->len = qn_gbt_json(v, client, j->data, n);
}

static void write_view(gb *g, uint64_t request, const qn_gbt_view *v, const qn_gbt_client *client,
                       bool light)
{
    char why[200];
    qn_json j = {0};
    if (qn_gbt_refuse_view(v, client, why, sizeof why)) {
        gb_fail(g, request, GB_PARAMETER, "%s", why);
        return;
    }
    if (light)
        put_light(g, v, &j);
    else
        put_full(v, client, &j);
    gb_send(g, request, &j);
}

void gb_answer(gb *g, uint64_t request, const qn_gbt_client *client, bool light)
{
    qn_gbt_view v;
    char why[200];
    if (qn_gbt_refuse(g->signet, client, why, sizeof why)) {
        gb_fail(g, request, GB_PARAMETER, "%s", why);
        return;
    }
    qn_status st = gb_template_get(g);
    qn_gbt_rule *rule = st == QN_OK ? rules_of(&g->t) : NULL;
    if (st == QN_OK)
        st = rule ? view_of(g, rule, &v) : QN_E_NOMEM;
    if (st != QN_OK)
        gb_fail_status(g, request, st, "Cannot make a template");
    else
        write_view(g, request, &v, client, light);
    free(rule);
}
