/* The plugin: templates in, blocks out, miner.start, miner.stop, miner.status. */
#include "plugins/miner/miner.h"

#include "lib/address.h"
#include "lib/hex.h"
#include "lib/search.h"
#include "plugins/miner/manifest.h"

#include <jansson.h>
#include <unistd.h>

#define VERSION "0.1.0"
#define RETRY_MS 1000u /* after a refusal */

/* ---- who is paid ---- */

typedef struct pay_script {
    uint8_t b[QN_ADDRESS_SCRIPT_MAX > MN_SCRIPT ? QN_ADDRESS_SCRIPT_MAX : MN_SCRIPT];
    size_t len;
} pay_script;

static bool read_payto(const mn *m, const char *text, pay_script *out)
{
    size_t len = strlen(text);
    out->len = 0;
    if (len >= sizeof m->payto)
        return false;
    if (qn_address_decode(m->chain, text, len, out->b, &out->len, NULL))
        return true;
    out->len = len / 2;
    return out->len && qn_hex_decode(text, len, out->b, MN_SCRIPT);
}

static bool set_payto(mn *m, const char *text)
{
    pay_script s;
    size_t len = strlen(text);
    if (!read_payto(m, text, &s))
        return false;
    memcpy(m->script, s.b, s.len);
    m->script_len = s.len;
    memcpy(m->payto, text, len + 1);
    return true;
}

/* Which chain it is decides how addresses are written; the test networks write them alike. */
static qn_status read_chain(mn *m)
{
    qn_mining_info i = {.size = sizeof i};
    qn_status st = m->mining->info(m->mining_cap, &i);
    if (st == QN_OK)
        m->chain = qn_chain_by_name(i.flags & QN_MINING_INFO_ON_DEMAND ? "regtest" : "test");
    return st;
}

/* A signet whose blocks need a signature is not for a miner without keys. */
static const char *unfit(const mn *m)
{
    uint8_t script[10000];
    uint32_t n = 0;
    qn_status st = m->mining->challenge(m->mining_cap, script, sizeof script, &n);
    if (st == QN_E_NOTFOUND || (st == QN_OK && n == 1 && script[0] == 0x51))
        return NULL;
    return st == QN_OK
               ? "Blocks of this signet need a signature: only one whose challenge is OP_TRUE "
                 "(51) can be mined here"
               : "The node does not answer";
}

/* ---- work ---- */

static void on_found(void *arg);
static bool collect(mn *m);
static void on_slice(void *arg);

/* From any thread. */
static void tell(void *arg)
{
    mn *m = arg;
    (void)m->host->post(m->cap, on_found, m);
}

static bool make_work(const mn *m, const qn_template_view *v, mn_work *w)
{
    const qn_coinbase_out out = {v->reward, m->script, m->script_len};
    const qn_coinbase c = {.version = v->coinbase_version,
                           .sequence = v->coinbase_sequence,
                           .locktime = v->coinbase_locktime,
                           .prefix = v->coinbase_prefix,
                           .prefix_len = v->coinbase_prefix_len,
                           .space = MN_SPACE,
                           .out = &out,
                           .n_out = 1,
                           .last = v->coinbase_outputs,
                           .last_len = v->coinbase_outputs_len,
                           .n_last = v->n_coinbase_outputs};
    *w = (mn_work){.template = v->id,
                   .prev = v->prev,
                   .target = v->target,
                   .n_path = v->n_path,
                   .height = v->height,
                   .time = v->cur_time,
                   .bits = v->bits,
                   .version = v->version,
                   .witness = (v->flags & QN_TEMPLATE_WITNESS) != 0};
    memcpy(w->path, v->path, sizeof w->path);
    memcpy(w->coinbase_witness, v->coinbase_witness, 32);
    w->len = qn_coinbase_write(&c, w->coinbase, sizeof w->coinbase, &w->space);
    uint32_t time, bits;
    if (m->mining->now(m->mining_cap, v->id, &time, &bits) == QN_OK &&
        qn_target_of_bits(bits, w->target.b)) {
        w->time = time;
        w->bits = bits;
    }
    return w->len != 0;
}

static void hash_on_loop(mn *m)
{
    if (!m->n_threads && !m->posted)
        m->posted = m->host->post(m->cap, on_slice, m) == QN_OK;
}

static void on_slice(void *arg)
{
    mn *m = arg;
    m->posted = false;
    if (m->running && mn_crew_slice(&m->crew))
        hash_on_loop(m);
}

static void put_to_work(mn *m)
{
    qn_template_view v = {.size = sizeof v};
    mn_work w;
    /* Before anything takes its place: whoever should have told of it may not have come through. */
    if (!m->running || collect(m) || !m->held ||
        m->mining->view(m->mining_cap, m->held, &v) != QN_OK || !make_work(m, &v, &w))
        return;
    w.number = ++m->works;
    mn_crew_set(&m->crew, &w);
    hash_on_loop(m);
}

static void on_timer(void *arg)
{
    mn *m = arg;
    m->timer = 0;
    put_to_work(m);
}

/* Now, or when the next block is due. */
static void work_when_due(mn *m)
{
    uint64_t now = m->host->now_ms(m->cap);
    if (m->timer)
        (void)m->host->timer_cancel(m->cap, m->timer);
    m->timer = 0;
    if (now >= m->due_ms)
        put_to_work(m);
    else
        (void)m->host->timer_set(m->cap, (uint32_t)(m->due_ms - now), on_timer, m, &m->timer);
}

static void hold(mn *m, uint64_t id)
{
    if (m->held)
        (void)m->mining->release(m->mining_cap, m->held);
    m->held = id;
}

static void on_ready(void *arg, uint64_t subscription, int32_t status)
{
    mn *m = arg;
    qn_template_view v = {.size = sizeof v};
    qn_status st = status;
    bool any = false;
    while (st == QN_OK && (st = m->mining->next(m->mining_cap, subscription, &v)) == QN_OK) {
        hold(m, v.id);
        any = true;
    }
    if (st != QN_E_AGAIN && st != QN_E_NOTREADY && st != QN_E_REVOKED)
        m->host->fail(m->cap, st, "cannot get templates", 20);
    else if (any)
        work_when_due(m);
}

/* ---- begin and end ---- */

static void end(mn *m)
{
    if (m->timer)
        (void)m->host->timer_cancel(m->cap, m->timer);
    if (m->subscription)
        (void)m->mining->close(m->mining_cap, m->subscription);
    m->timer = m->subscription = 0;
    m->running = false;
    mn_crew_stop(&m->crew);
    hold(m, 0);
}

static uint32_t processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > (long)MN_THREADS ? MN_THREADS : (uint32_t)n;
}

static qn_status begin(mn *m)
{
    const qn_mining_throttle how = {.size = sizeof how,
                                    .set = QN_SET_MINING_THROTTLE_FLAGS,
                                    .flags = QN_MINING_THROTTLE_NO_EMPTY};
    m->count = m->refused = 0;
    m->due_ms = 0;
    m->started_ms = m->host->now_ms(m->cap);
    atomic_store(&m->crew.hashes, 0);
    qn_status st = m->mining->open(m->mining_cap, NULL, &how, on_ready, m, &m->subscription);
    if (st != QN_OK)
        return st;
    m->running = true;
    m->n_threads = mn_crew_start(&m->crew, m->threads ? m->threads : processors());
    if (m->n_threads)
        qn_logf(m->host, m->cap, QN_LOG_INFO, "mining to %s: %u threads, %s", m->payto,
                m->n_threads, qn_nonce_search_impl());
    else
        qn_logf(m->host, m->cap, QN_LOG_INFO,
                "mining to %s: on its one loop ([limits] threads in its "
                "grant gives it more), %s",
                m->payto, qn_nonce_search_impl());
    return QN_OK;
}

/* ---- blocks ---- */

static qn_status hand_in(const mn *m, const mn_found *f, qn_mining_result *r)
{
    uint8_t data[MN_COINBASE + 64];
    const mn_work *w = &f->work;
    size_t len = w->len;
    if (w->witness)
        len = qn_coinbase_add_witness(w->coinbase, w->len, w->coinbase_witness, data, sizeof data);
    else
        memcpy(data, w->coinbase, w->len);
    const qn_mining_solution s = {
        .size = sizeof s, .version = w->version, .time = w->time, .nonce = f->nonce};
    return m->submit->solution_by_id(m->submit_cap, w->template, &s, data, (uint32_t)len, r);
}

static void accepted(mn *m, const mn_found *f, const qn_mining_result *r)
{
    qn_hex_encode_reversed(r->hash.b, 32, m->last);
    m->count++;
    qn_logf(m->host, m->cap, QN_LOG_INFO, "found block %u: %s", f->work.height, m->last);
    m->due_ms = m->host->now_ms(m->cap) + m->interval_ms;
    if (m->blocks && m->count >= m->blocks)
        end(m);
}

/* Another tip came first, or the time is too far ahead: once more, a little later. */
static void refused(mn *m, const mn_found *f, qn_status st, const qn_mining_result *r)
{
    m->refused++;
    snprintf(m->why, sizeof m->why, "%s (status %d)", r->reason, (int)st);
    qn_logf(m->host, m->cap, QN_LOG_WARN, "block %u was not accepted: %s", f->work.height, m->why);
    m->due_ms = m->host->now_ms(m->cap) + RETRY_MS;
    work_when_due(m);
}

/* Hand in what was found. Returns: whether anything was. */
static bool collect(mn *m)
{
    mn_found f;
    qn_mining_result r = {.size = sizeof r};
    if (!mn_crew_take(&m->crew, &f))
        return false;
    qn_status st = hand_in(m, &f, &r);
    if (st == QN_OK && r.is == QN_BLOCK_IS_ACCEPTED)
        accepted(m, &f, &r); /* the next template comes by itself */
    else
        refused(m, &f, st, &r);
    return true;
}

static void on_found(void *arg)
{
    mn *m = arg;
    if (m->running)
        (void)collect(m);
}

/* ---- RPC ---- */

static void fail(const mn *m, uint64_t request, int32_t code, const char *text)
{
    (void)m->rpc->reply_error(m->rpc_cap, request, code, text, (uint32_t)strlen(text));
}

static void reply_status(const mn *m, uint64_t request)
{
    qn_json j = {0};
    uint64_t hashes = atomic_load(&m->crew.hashes),
             ms = m->running ? m->host->now_ms(m->cap) - m->started_ms : 0;
    qn_json_open(&j, NULL, '{');
    qn_json_bool(&j, "running", m->running);
    qn_json_text(&j, "payto", m->payto);
    qn_json_int(&j, "threads", m->running ? m->n_threads : 0);
    qn_json_text(&j, "code", qn_nonce_search_impl());
    qn_json_int(&j, "interval_ms", m->interval_ms);
    qn_json_int(&j, "blocks", (int64_t)m->count);
    qn_json_int(&j, "refused", (int64_t)m->refused);
    qn_json_int(&j, "hashes", (int64_t)hashes);
    qn_json_int(&j, "hashrate", ms ? (int64_t)(hashes * 1000 / ms) : 0);
    if (*m->last)
        qn_json_text(&j, "last_block", m->last);
    if (*m->why)
        qn_json_text(&j, "last_refusal", m->why);
    qn_json_close(&j, '}');
    if (j.failed)
        fail(m, request, -7, "Out of memory");
    else
        (void)m->rpc->reply(m->rpc_cap, request, j.data, j.len);
    qn_json_free(&j);
}

static void on_status(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    (void)params;
    (void)len;
    reply_status(arg, r->request);
}

/* What was found before is handed in: none of its threads finds more once they have ended. */
static void collect_and_end(mn *m)
{
    if (m->running) {
        mn_crew_stop(&m->crew);
        (void)collect(m);
    }
    end(m);
}

static void on_stop(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    mn *m = arg;
    (void)params;
    (void)len;
    collect_and_end(m);
    reply_status(m, r->request);
}

/* A whole number, or the digits of one from a command line. */
static bool number_arg(const json_t *a, size_t i, uint32_t max, uint32_t *out)
{
    const json_t *v = json_array_get(a, i);
    json_int_t n = json_integer_value(v);
    char *rest = NULL;
    if (!v || json_is_null(v))
        return true;
    if (json_is_string(v)) {
        n = strtol(json_string_value(v), &rest, 10);
        if (*rest || !*json_string_value(v))
            return false;
    } else if (!json_is_integer(v)) {
        return false;
    }
    if (n < 0 || n > (json_int_t)max)
        return false;
    *out = (uint32_t)n;
    return true;
}

/* What is not given is as configured, whatever was asked for last time; nothing changes where
 * anything is wrong. */
static const char *read_start(mn *m, const json_t *a)
{
    const json_t *payto = json_array_get(a, 0);
    const char *to = payto && !json_is_null(payto) ? json_string_value(payto) : m->usual_payto;
    uint32_t n[3] = {m->usual[0], m->usual[1], m->usual[2]};
    const char *why = NULL;
    pay_script s;
    if (payto && json_is_number(payto))
        return "payto must be a text, and of digits alone it is one only in quotes of its own: "
               "quoin-cli miner.start '\"51\"'";
    if (!to || (*to && !read_payto(m, to, &s)))
        return "payto must be an address of this chain, or a script as hex digits";
    if (!*to)
        return "Who is to be paid? payto is missing";
    if (!number_arg(a, 1, 1000000000, &n[0]))
        return "blocks must be a whole number";
    if (!number_arg(a, 2, 86400000, &n[1]))
        return "interval_ms must be a whole number up to 86400000";
    if (!number_arg(a, 3, MN_THREADS, &n[2]))
        return "threads must be a whole number up to 256";
    if ((why = unfit(m)))
        return why;
    m->blocks = n[0];
    m->interval_ms = n[1];
    m->threads = n[2];
    return set_payto(m, to) ? NULL : "Who is to be paid?";
}

static void on_start(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    mn *m = arg;
    json_t *a = json_loadb(params, len, 0, NULL);
    const char *why = m->running ? "It is mining already: miner.stop first" : read_start(m, a);
    json_decref(a);
    if (why)
        fail(m, r->request, -8, why);
    else if (begin(m) != QN_OK)
        fail(m, r->request, -1, "Cannot begin");
    else
        reply_status(m, r->request);
}

static qn_status add_methods(mn *m)
{
    qn_status st =
        m->rpc->add(m->rpc_cap, NULL, "miner.start", "payto blocks interval_ms threads",
                    "miner.start ( \"payto\" blocks interval_ms threads )\n"
                    "Mine: to an address or a script in hex digits; so many blocks (0: go "
                    "on), so far apart.",
                    on_start, m);
    if (st == QN_OK)
        st = m->rpc->add(m->rpc_cap, NULL, "miner.stop", "", "miner.stop\nMine no more.", on_stop,
                         m);
    if (st == QN_OK)
        st = m->rpc->add(m->rpc_cap, NULL, "miner.status", "",
                         "miner.status\nWhat was found, and how fast it hashes.", on_status, m);
    return st;
}

/* ---- life ---- */

static bool flag(const qn_config *c, const char *name)
{
    const char *v = qn_config_text(c, name);
    return v && (strcmp(v, "true") == 0 || strcmp(v, "yes") == 0 || strcmp(v, "1") == 0);
}

static void fini(void *self)
{
    mn *m = self;
    mn_crew_clear(&m->crew);
    free(m);
}

static qn_status get_tables(mn *m)
{
    const void *table = NULL;
    qn_status st = m->host->get(m->cap, QN_MINING_TEMPLATE_1_ID, 1, &table, &m->mining_cap);
    m->mining = table;
    if (st == QN_OK)
        st = m->host->get(m->cap, QN_MINING_SUBMIT_1_ID, 1, &table, &m->submit_cap);
    m->submit = table;
    if (st == QN_OK && m->host->get(m->cap, QN_RPC_SERVE_1_ID, 1, &table, &m->rpc_cap) == QN_OK)
        m->rpc = table;
    return st;
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    mn *m = calloc(1, sizeof *m);
    if (!m)
        return QN_E_NOMEM;
    m->host = host;
    m->cap = cap;
    mn_crew_init(&m->crew, tell, m);
    m->threads = (uint32_t)qn_config_u64(config, "threads", 0);
    m->interval_ms = (uint32_t)qn_config_u64(config, "interval_ms", 0);
    m->blocks = (uint32_t)qn_config_u64(config, "blocks", 0);
    m->usual[0] = m->blocks;
    m->usual[1] = m->interval_ms;
    m->usual[2] = m->threads;
    m->autostart = flag(config, "autostart");
    const char *payto = qn_config_text(config, "payto");
    snprintf(m->payto, sizeof m->payto, "%s", payto ? payto : "none");
    if (strcmp(m->payto, "none") != 0)
        memcpy(m->usual_payto, m->payto, sizeof m->payto);
    qn_status st = get_tables(m);
    if (st != QN_OK) {
        fini(m);
        return st;
    }
    *self = m;
    return QN_OK;
}

static qn_status start(void *self)
{
    mn *m = self;
    char payto[sizeof m->payto];
    qn_status st = read_chain(m);
    memcpy(payto, m->payto, sizeof payto);
    if (st == QN_OK && strcmp(payto, "none") != 0 && !set_payto(m, payto)) {
        qn_logf(m->host, m->cap, QN_LOG_ERROR, "payto is neither an address of this chain nor hex");
        return QN_E_INVAL;
    }
    if (st == QN_OK && m->rpc)
        st = add_methods(m);
    if (st != QN_OK || !m->autostart)
        return st;
    const char *why = m->script_len ? unfit(m) : "autostart needs payto";
    if (why) {
        qn_logf(m->host, m->cap, QN_LOG_ERROR, "%s", why);
        return QN_E_INVAL;
    }
    return begin(m);
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)deadline_ms;
    collect_and_end(self);
    return QN_OK;
}

QN_EXPORT const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                               .id = "org.quoin.miner",
                                               .version = VERSION,
                                               .init = init,
                                               .start = start,
                                               .stop = stop,
                                               .fini = fini};
