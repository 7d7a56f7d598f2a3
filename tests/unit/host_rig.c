#include "tests/unit/host_rig.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/host/image.h"
#include "core/mempool/persist.h"
#include "core/methods/submit.h"
#include "core/os/file.h"

#include <sys/stat.h>
#include <time.h>

static void nap(void)
{
    const struct timespec t = {0, 2000000};
    nanosleep(&t, NULL);
}

static void open_chain(host_rig *r)
{
    char detail[512] = "", *dir = qc_asprintf("%s/regtest", r->dir);
    const qc_chain_options o = {.params = r->made->params,
                                .dir = dir,
                                .dbcache = 8u << 20,
                                .par = 1,
                                .blocksxor = true,
                                .prune_target = r->pruned ? 1 : 0,
                                .max_tip_age = r->max_tip_age ? r->max_tip_age : 1000000000,
                                .sigcache_bytes = 1u << 20,
                                .check_level = 1,
                                .check_blocks = 1};
    assert_int_equal(qc_os_mkdirs(dir), QC_OK);
    qc_err err = qc_chain_open(&r->chain, &o, NULL, detail, sizeof detail);
    if (err)
        fail_msg("chain: %s: %s", qc_err_text(err), detail);
    assert_int_equal(qc_chain_activate(r->chain), QC_OK);
    qc_free(dir);
}

void rig_open(host_rig *r, const char *dir)
{
    tb_chain *made = r->made;
    bool pruned = r->pruned;
    *r = (host_rig){.dir = dir ? dir : tmp_mkdir(),
                    .made = made,
                    .pruned = pruned,
                    .unread = r->unread,
                    .runner = r->runner,
                    .backoff_ms = r->backoff_ms,
                    .feed_events = r->feed_events,
                    .grace_ms = r->grace_ms,
                    .max_tip_age = r->max_tip_age};
    if (!r->made)
        r->made = tb_chain_new(QC_CHAIN_REGTEST, NULL);
    r->plugin_dir = qc_asprintf("%s/plugins", r->dir);
    r->grant_dir = qc_asprintf("%s/plugins.d", r->dir);
    r->data_dir = qc_asprintf("%s/data", r->dir);
    assert_int_equal(qc_os_mkdir(r->plugin_dir), QC_OK);
    assert_int_equal(qc_os_mkdir(r->grant_dir), QC_OK);
    r->registry = qc_rpc_registry_new();
    r->mounts = qc_http_mounts_new();
    assert_int_equal(qc_rpc_engine_new(&r->engine, r->registry, 2, 16), QC_OK);
    qc_rpc_engine_warmup(r->engine, NULL);
    open_chain(r);
}

static void on_shutdown(void *arg)
{
    host_rig *r = arg;
    atomic_fetch_add(&r->shutdowns, 1);
}

static void warn(void *arg, void (*fn)(void *fn_arg, const char *text), void *fn_arg)
{
    (void)arg;
    fn(fn_arg, "first warning");
    fn(fn_arg, "second\nwarning");
}

void rig_pool(host_rig *r, size_t max_bytes)
{
    qc_mempool_options o = qc_mempool_defaults(r->chain);
    o.policy.require_standard = false;
    o.max_bytes = max_bytes;
    o.cluster_vbytes = (int64_t)(max_bytes / 40);
    o.check_ratio = 1;
    o.seed = 7;
    assert_int_equal(qc_mempool_new(&r->node.pool, &o), QC_OK);
    if (!r->unread)
        qc_mempool_set_load_tried(r->node.pool);
}

void rig_miner(host_rig *r, size_t max_bytes)
{
    const qc_miner_options o = {
        .chain = r->chain, .template = qc_template_defaults(), .first_id = 1000};
    const qc_chain_events submit = qc_m_submit_events(&r->node);
    qc_chain_listen(r->chain, &submit);
    assert_int_equal(qc_miner_new(&r->node.miner, &o), QC_OK);
    rig_pool(r, max_bytes);
    qc_miner_use_mempool(r->node.miner, r->node.pool);
}

static void on_alert(void *arg, const char *text)
{
    host_rig *r = arg;
    assert_non_null(strstr(text, "Plugin "));
    atomic_fetch_add(&r->alerts, 1);
}

void rig_host_start(host_rig *r)
{
    r->node.chain = r->chain;
    r->node.params = r->made->params;
    r->node.registry = r->registry;
    r->node.started = qc_clock_real_us() / 1000000 - 100;
    r->node.user_agent = "/Rig:1/";
    r->node.request_shutdown = on_shutdown;
    r->node.shutdown_arg = r;
    r->node.each_warning = warn;
    atomic_store(&r->node.loaded, true);
    const char *top = getenv("top_builddir");
    char *runner = qc_asprintf("%s/%s", top ? top : ".", r->runner ? r->runner : "quoin-runner");
    const qc_host_options o = {.chain = r->chain,
                               .registry = r->registry,
                               .mounts = r->mounts,
                               .node = &r->node,
                               .network = "regtest",
                               .plugin_dir = r->plugin_dir,
                               .grant_dir = r->grant_dir,
                               .data_dir = r->data_dir,
                               .runner = runner,
                               .uid_base = 61184,
                               .uid_count = 256,
                               .backoff_ms = r->backoff_ms ? r->backoff_ms : 10,
                               .lagging_ms = 20,
                               .feed_events = r->feed_events,
                               .grace_ms = r->grace_ms,
                               .alert = on_alert,
                               .alert_arg = r};
    r->host = qc_host_new(&o);
    qc_free(runner);
    qc_host_register_rpc(r->host);
    assert_int_equal(qc_chain_thread_start(&r->thread, r->chain), QC_OK);
    qc_host_start(r->host, r->thread);
    assert_true(qc_host_settle(r->host, 60000));
}

void rig_host_stop(host_rig *r)
{
    for (size_t i = 0; r->host && i < r->host->n_plugin; i++)
        assert_int_equal(atomic_load(&r->host->plugin[i]->awaited), 0);
    if (r->host)
        qc_host_stop(r->host);
    qc_rpc_engine_free(r->engine);
    r->engine = NULL;
    if (r->thread)
        qc_chain_thread_stop(r->thread);
    r->thread = NULL;
}

void rig_chain_close(host_rig *r)
{
    qc_chain_close(r->chain); /* it tells the host of its last sync */
    qc_miner_free(r->node.miner);
    r->node.miner = NULL;
    qc_mempool_free(r->node.pool);
    r->node.pool = NULL;
    qc_host_free(r->host);
    qc_rpc_registry_free(r->registry);
    qc_http_mounts_free(r->mounts);
    r->host = NULL;
}

void rig_close(host_rig *r)
{
    rig_host_stop(r);
    rig_chain_close(r);
    tb_chain_free(r->made);
    qc_free(r->plugin_dir);
    qc_free(r->grant_dir);
    qc_free(r->data_dir);
    *r = (host_rig){0};
}

void rig_plugin(host_rig *r, const char *shape, const char *file)
{
    const char *top = getenv("top_builddir");
    char *from = qc_asprintf("%s/tests/hostile/%s.so", top ? top : ".", shape);
    char *to = qc_asprintf("%s/%s", r->plugin_dir, file);
    qc_bytes b = tmp_read(from);
    assert_int_equal(qc_os_write_file_atomic(to, qc_bytes_span(&b), 0644), QC_OK);
    qc_bytes_free(&b);
    qc_free(from);
    qc_free(to);
}

/* Most tests want to see a plugin go down, not come back. */
#define STAY_DOWN "[failure]\nrestart = 0/10min\n"

/* As nobody else's work is to decide a test, plugins are of the normal class unless it says more.
 */
static char *with_class(const char *extra)
{
    const char *limits = strstr(extra, "[limits]\n");
    if (!limits)
        return qc_asprintf("%s[limits]\ncpu = normal\n", extra);
    if (strstr(limits, "\ncpu = "))
        return qc_asprintf("%s", extra);
    limits += strlen("[limits]\n");
    return qc_asprintf("%.*scpu = normal\n%s", (int)(limits - extra), extra, limits);
}

void rig_grant(host_rig *r, const char *id, const char *file, const char *grants, const char *extra)
{
    qc_image m;
    qc_problems p = {0};
    char *so = qc_asprintf("%s/%s", r->plugin_dir, file);
    (void)qc_image_open(so, NULL, &m, &p);
    const char *failure = extra && strstr(extra, "[failure]") ? "" : STAY_DOWN;
    char *more = with_class(extra ? extra : "");
    char *text =
        qc_asprintf("[plugin]\nfile = %s\nsha256 = %s\nmode = " RIG_MODE "\n[grant]\n%s%s%s", file,
                    m.sha256, grants, more, failure);
    qc_free(more);
    char *path = qc_asprintf("%s/%s.grant", r->grant_dir, id);
    assert_int_equal(qc_os_write_file_atomic(path, qc_span_str(text), 0600), QC_OK);
    qc_problems_clear(&p);
    qc_image_clear(&m);
    qc_free(so);
    qc_free(text);
    qc_free(path);
}

/* ---- blocks ---- */

static void process(qc_chain *c, void *arg)
{
    qc_block *b = arg;
    bool is_new;
    qc_verdict v;
    assert_int_equal(qc_chain_process_block(c, b, true, true, &is_new, &v), QC_OK);
    assert_true(is_new);
    qc_block_unref(b);
}

void rig_grow(host_rig *r, uint32_t n)
{
    for (; n; n--) {
        tb_block *b = tb_chain_next(r->made, 0);
        tb_block_finish(b, r->made->params);
        if (r->thread)
            qc_chain_call(r->thread, process, tb_block_parse(b));
        else
            process(r->chain, tb_block_parse(b));
        tb_chain_push(r->made, b);
        tb_block_free(b);
    }
}

void rig_reorg(host_rig *r, uint32_t back, uint32_t n, uint32_t salt)
{
    tb_chain_cut(r->made, r->made->tip - back);
    r->made->salt = salt;
    rig_grow(r, n);
}

/* ---- calls ---- */

typedef struct answer {
    pthread_mutex_t lock;
    pthread_cond_t got;
    char *text;
} answer;

static void on_done(void *arg, int status, qc_bytes reply)
{
    answer *a = arg;
    (void)status;
    pthread_mutex_lock(&a->lock);
    a->text = calloc(1, reply.len + 1);
    memcpy(a->text, reply.len ? (const void *)reply.data : "", reply.len);
    pthread_cond_signal(&a->got);
    pthread_mutex_unlock(&a->lock);
    qc_bytes_free(&reply);
}

char *rig_call(host_rig *r, const char *method, const char *params)
{
    answer a = {.text = NULL};
    char *body = qc_asprintf("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}",
                             method, params);
    const qc_rpc_call c = {
        .body = body, .len = strlen(body), .user = "u", .peer = "p", .done = on_done, .arg = &a};
    pthread_mutex_init(&a.lock, NULL);
    pthread_cond_init(&a.got, NULL);
    assert_true(qc_rpc_engine_submit(r->engine, &c));
    pthread_mutex_lock(&a.lock);
    while (!a.text)
        pthread_cond_wait(&a.got, &a.lock);
    pthread_mutex_unlock(&a.lock);
    pthread_mutex_destroy(&a.lock);
    pthread_cond_destroy(&a.got);
    qc_free(body);
    return a.text;
}

void rig_caught_up(host_rig *r)
{
    char hex[QC_HASH_HEX_LEN + 1], *text = NULL;
    qc_hash_hex(&r->made->hash[r->made->tip], hex);
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    do {
        free(text);
        text = rig_call(r, "good.status", "[]");
        if (strstr(text, hex) && strstr(text, "\"acked\":true")) {
            free(text);
            return;
        }
        nap();
    } while (qc_clock_mono() < until);
    fail_msg("the plugin does not come to height %u: %s", r->made->tip, text);
}

void rig_rows_equal(host_rig *r)
{
    char *text = rig_call(r, "good.rows", "[]"), *at = strchr(text, '[');
    for (uint32_t h = 0; h <= r->made->tip; h++) {
        char hex[QC_HASH_HEX_LEN + 1];
        qc_hash_hex(&r->made->hash[h], hex);
        assert_non_null(at);
        if (strncmp(at + 2, hex, QC_HASH_HEX_LEN) != 0)
            fail_msg("row %u is not of the active chain", h);
        at += 3 + QC_HASH_HEX_LEN;
    }
    assert_int_equal(*at, ']');
    free(text);
}

/* ---- events ---- */

#define PATIENCE_S 30

uint64_t rig_events(host_rig *r)
{
    pthread_mutex_lock(&r->host->event_lock);
    uint64_t n = r->host->n_event;
    pthread_mutex_unlock(&r->host->event_lock);
    return n;
}

static uint64_t find_event(host_rig *r, uint64_t since, qc_plugin_state state, const char *text)
{
    qc_host *h = r->host;
    uint64_t found = 0;
    pthread_mutex_lock(&h->event_lock);
    for (uint64_t i = since + 1; i <= h->n_event && !found; i++) {
        const qc_plugin_event *e = &h->event[i % QC_HOST_EVENTS];
        if (e->seq == i && e->state == state && strstr(e->reason, text))
            found = i;
    }
    pthread_mutex_unlock(&h->event_lock);
    return found;
}

uint64_t rig_await(host_rig *r, uint64_t since, qc_plugin_state state, const char *text)
{
    qc_mono until = qc_clock_mono() + PATIENCE_S * INT64_C(1000000000);
    uint64_t seen = since, found;
    char params[64];
    while (!(found = find_event(r, since, state, text)) && qc_clock_mono() < until) {
        snprintf(params, sizeof params, "[%llu,1000]", (unsigned long long)seen);
        free(rig_call(r, "waitforpluginevent", params));
        seen = rig_events(r);
    }
    if (found)
        return found;
    snprintf(params, sizeof params, "[%llu]", (unsigned long long)since);
    char *all = rig_call(r, "pluginevents", params);
    print_message("    %s\n", all);
    free(all);
    fail_msg("no change to %s because of '%s' has come", qc_plugin_state_name(state), text);
    return 0;
}

qc_plugin *rig_plugin_at(host_rig *r, size_t i)
{
    assert_true(i < r->host->n_plugin);
    return r->host->plugin[i];
}

void rig_refused(host_rig *r, size_t i, qc_plugin_state state, const char *text)
{
    qc_plugin *p = rig_plugin_at(r, i);
    bool found = false;
    for (size_t k = 0; k < p->problems.n; k++)
        found |= strstr(p->problems.line[k], text) != NULL;
    if (!found || p->state != state) {
        for (size_t k = 0; k < p->problems.n; k++)
            print_message("    %s\n", p->problems.line[k]);
        fail_msg("%s is %s, wanted %s because of '%s'", p->label, qc_plugin_state_name(p->state),
                 qc_plugin_state_name(state), text);
    }
}

void rig_services(host_rig *r, const char *grants)
{
    char *lines = qc_asprintf("chain.read/1 = yes\n%s", grants);
    *r = (host_rig){.pruned = strstr(grants, "prune=yes") != NULL};
    rig_open(r, NULL);
    rig_plugin(r, "SERVICES", "p.so");
    rig_grant(r, RIG_ID, "p.so", lines, NULL);
    rig_host_start(r);
    qc_free(lines);
}

void rig_on_loop(host_rig *r, void (*fn)(void *arg), void *arg)
{
    qc_loop_call(rig_plugin_at(r, 0)->loop, fn, arg);
}

const void *rig_table(host_rig *r, const char *id, qn_cap **cap)
{
    qc_plugin *p = rig_plugin_at(r, 0);
    for (size_t i = 0; i < p->n_cap; i++)
        if (strcmp(p->cap[i].adapter->id, id) == 0) {
            *cap = &p->cap[i];
            return p->cap[i].adapter->table;
        }
    fail_msg("%s is not granted: the plugin is %s (%s)", id, qc_plugin_state_name(p->state),
             p->problems.n ? p->problems.line[0] : "-");
    return NULL;
}

void rig_until(const _Atomic int *flag, int value)
{
    qc_mono until = qc_clock_mono() + INT64_C(10000000000);
    while (atomic_load(flag) != value) {
        if (qc_clock_mono() > until)
            fail_msg("it is %d, wanted %d", atomic_load(flag), value);
        nap();
    }
}

static struct {
    pthread_mutex_t lock;
    char text[65536];
    size_t len;
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void keep(void *arg, qc_log_level level, const char *area, const char *line, size_t len)
{
    (void)arg;
    (void)level;
    (void)area;
    pthread_mutex_lock(&kept.lock);
    size_t n = len < sizeof kept.text - 1 - kept.len ? len : sizeof kept.text - 1 - kept.len;
    memcpy(kept.text + kept.len, line, n);
    kept.len += n;
    pthread_mutex_unlock(&kept.lock);
}

void rig_log_keep(void)
{
    pthread_mutex_lock(&kept.lock);
    memset(kept.text, 0, sizeof kept.text);
    kept.len = 0;
    pthread_mutex_unlock(&kept.lock);
    qc_log_set_sink(keep, NULL);
}

bool rig_logged(const char *text)
{
    pthread_mutex_lock(&kept.lock);
    bool found = strstr(kept.text, text) != NULL;
    pthread_mutex_unlock(&kept.lock);
    return found;
}
