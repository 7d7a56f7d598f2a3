/* stratum.status, stratum.workers, stratum.shares. */
#include "plugins/stratum/stratum.h"

#include <jansson.h>
#include <math.h>

#define LIMIT_MAX 10000u

static void put_real(qn_json *j, const char *key, double v)
{
    char text[40];
    snprintf(text, sizeof text, "%.17g", isfinite(v) ? v : 0);
    qn_json_key_(j, key);
    qn_json_raw(j, text, strlen(text));
}

static void put_counts(qn_json *j, const uint64_t count[ST_VERDICTS])
{
    qn_json_int(j, "accepted", (int64_t)count[ST_ACCEPTED]);
    qn_json_int(j, "stale", (int64_t)count[ST_STALE]);
    qn_json_int(j, "duplicate", (int64_t)count[ST_DUPLICATE]);
    qn_json_int(j, "low", (int64_t)count[ST_LOW]);
    qn_json_int(j, "invalid", (int64_t)count[ST_OTHER]);
}

static void send(const stratum *t, uint64_t request, qn_json *j)
{
    if (j->failed)
        (void)t->rpc->reply_error(t->rpc_cap, request, -7, "Out of memory", 13);
    else
        (void)t->rpc->reply(t->rpc_cap, request, j->data, j->len);
    qn_json_free(j);
}

static void put_job(qn_json *j, const stratum *t)
{
    char text[24];
    const st_job *job = st_job_newest(&t->pool.jobs);
    if (!job)
        return;
    qn_json_open(j, "job", '{');
    snprintf(text, sizeof text, "%llx", (unsigned long long)st_job_id(job->number, 0));
    qn_json_text(j, "id", text);
    snprintf(text, sizeof text, "%llu", (unsigned long long)job->v.id);
    qn_json_text(j, "template", text); /* as gbt.light says it */
    qn_json_int(j, "height", job->v.height);
    qn_json_hex(j, "previousblockhash", job->v.prev.b, 32, 1);
    qn_json_text(j, "kind", job->v.kind == QN_TEMPLATE_KIND_EMPTY ? "empty" : "full");
    qn_json_int(j, "transactions", job->v.n_tx);
    qn_json_int(j, "reward", job->v.reward);
    put_real(j, "difficulty", st_difficulty_of(job->v.target.b));
    qn_json_int(j, "time", (int64_t)job->made);
    qn_json_close(j, '}');
}

static void on_status(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    stratum *t = arg;
    qn_json j = {0};
    uint32_t mining = 0;
    double rate[2] = {0, 0};
    (void)params;
    (void)len;
    st_clock(t);
    const st_pool *p = &t->pool;
    for (uint32_t i = 0; i < t->n_conn; i++)
        mining += st_session_mines(&t->conn[i]->session);
    for (uint32_t i = 0; i < p->workers.n; i++)
        for (unsigned k = 0; k < 2; k++)
            rate[k] += st_worker_rate(p->workers.list[i], k, p->now_ms);
    qn_json_open(&j, NULL, '{');
    qn_json_text(&j, "listen", t->c.listen);
    qn_json_bool(&j, "solo", p->recipe.solo != 0);
    qn_json_int(&j, "uptime", (int64_t)((p->now_ms - t->started_ms) / 1000));
    qn_json_int(&j, "connections", t->n_conn);
    qn_json_int(&j, "connections_max", t->c.max_connections);
    qn_json_int(&j, "mining", mining);
    qn_json_int(&j, "connections_total", (int64_t)t->accepted_conns);
    qn_json_int(&j, "connections_refused", (int64_t)t->refused_conns);
    qn_json_int(&j, "users_refused", (int64_t)p->refused_users);
    qn_json_int(&j, "banned", st_ban_count(&t->bans, p->now_ms));
    qn_json_int(&j, "workers", p->workers.n);
    put_real(&j, "hashrate_1m", rate[0]);
    put_real(&j, "hashrate_1h", rate[1]);
    qn_json_open(&j, "shares", '{');
    put_counts(&j, p->count);
    qn_json_int(&j, "unauthorized", (int64_t)p->unauthorized);
    qn_json_close(&j, '}');
    qn_json_int(&j, "blocks", (int64_t)p->blocks);
    qn_json_int(&j, "blocks_refused", (int64_t)p->refused_blocks);
    if (*t->last_block)
        qn_json_text(&j, "last_block", t->last_block);
    put_job(&j, t);
    qn_json_open(&j, "told", '{'); /* at once, of the newest tip */
    qn_json_int(&j, "connections", t->n_told);
    qn_json_int(&j, "ms", (int64_t)t->told_ms);
    qn_json_close(&j, '}');
    qn_json_close(&j, '}');
    send(t, r->request, &j);
}

/* The first parameter, a number of rows. 0: an error was answered. */
static uint32_t limit_of(const stratum *t, uint64_t request, const char *params, uint32_t len)
{
    static const char wrong[] = "limit must be a whole number from 1 to 10000";
    json_t *a = json_loadb(params, len, 0, NULL);
    const json_t *v = json_array_get(a, 0);
    json_int_t n = 0;
    if (!v || json_is_null(v)) {
        n = 1000;
    } else if (json_is_integer(v)) {
        n = json_integer_value(v);
    } else if (json_is_string(v)) { /* a command line client that does not know the method */
        double d;
        n = st_number(json_string_value(v), &d) && d <= LIMIT_MAX && floor(d) == d ? (json_int_t)d
                                                                                   : 0;
    }
    json_decref(a);
    if (n >= 1 && n <= (json_int_t)LIMIT_MAX)
        return (uint32_t)n;
    (void)t->rpc->reply_error(t->rpc_cap, request, -8, wrong, sizeof wrong - 1);
    return 0;
}

/* All at once: a look through the connections for each worker would take seconds. */
static void note_difficulties(const stratum *t)
{
    for (uint32_t i = 0; i < t->n_conn; i++)
        for (uint32_t k = 0; k < t->conn[i]->session.n_workers; k++)
            t->conn[i]->session.worker[k]->difficulty = st_session_difficulty(&t->conn[i]->session);
}

static void put_worker(qn_json *j, const stratum *t, const st_worker *w)
{
    const uint64_t now = t->pool.now_ms;
    qn_json_open(j, NULL, '{');
    qn_json_text(j, "name", w->name);
    qn_json_int(j, "connections", w->connections);
    put_real(j, "hashrate_1m", st_worker_rate(w, 0, now));
    put_real(j, "hashrate_1h", st_worker_rate(w, 1, now));
    if (w->connections)
        put_real(j, "difficulty", w->difficulty);
    put_counts(j, w->count);
    qn_json_int(j, "blocks", (int64_t)w->blocks);
    put_real(j, "work", w->work);
    put_real(j, "best", w->best);
    if (w->last_ms)
        qn_json_int(j, "last_share_s", (int64_t)((now - w->last_ms) / 1000));
    qn_json_close(j, '}');
}

static void on_workers(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    stratum *t = arg;
    qn_json j = {0};
    uint32_t limit = limit_of(t, r->request, params, len);
    if (!limit)
        return;
    st_clock(t);
    note_difficulties(t);
    st_worker **list = st_workers_by_work(&t->pool.workers);
    j.failed = !list;
    qn_json_open(&j, NULL, '[');
    for (uint32_t i = 0; list && i < t->pool.workers.n && i < limit; i++)
        put_worker(&j, t, list[i]);
    qn_json_close(&j, ']');
    free(list);
    send(t, r->request, &j);
}

static void on_shares(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    stratum *t = arg;
    qn_json j = {0};
    uint32_t limit = limit_of(t, r->request, params, len);
    if (!limit)
        return;
    if (st_store_shares(t, limit, &j) == QN_OK) {
        send(t, r->request, &j);
        return;
    }
    (void)t->rpc->reply_error(t->rpc_cap, r->request, -1, "The share log cannot be read", 28);
    qn_json_free(&j);
}

qn_status st_methods_add(stratum *t)
{
    const struct {
        const char *name, *args, *help;
        qn_rpc_handler_fn *fn;
    } list[] = {
        {"stratum.status", "",
         "stratum.status\nConnections, hash rate, shares, blocks, and what is being mined.",
         on_status},
        {"stratum.workers", "limit",
         "stratum.workers ( limit )\nWho mines here, the most work first: hash rate, shares, "
         "blocks, "
         "difficulty.",
         on_workers},
        {"stratum.shares", "limit",
         "stratum.shares ( limit )\nThe newest shares of the log, the newest first.", on_shares},
    };
    qn_status st = QN_OK;
    for (size_t i = 0; st == QN_OK && i < sizeof list / sizeof *list; i++)
        st = t->rpc->add(t->rpc_cap, NULL, list[i].name, list[i].args, list[i].help, list[i].fn, t);
    return st;
}
