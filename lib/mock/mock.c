/* The mock's life, loop and host/1. */
#include "lib/mock/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RUN_MS 60000u    /* of the mock's time, so that a periodic timer has an end */
#define RUN_CALLS 10000u /* after them, descriptors that are always ready are passed over */

void *qn_mk_grow(void *p, size_t size)
{
    void *q = realloc(p, size ? size : 1);
    if (!q)
        abort();
    return q;
}

char *qn_mk_text(const char *text, size_t len)
{
    char *s = qn_mk_grow(NULL, len + 1);
    if (len)
        memcpy(s, text, len);
    s[len] = 0;
    return s;
}

qn_status qn_mk_enter(qn_cap *cap)
{
    return cap->mock->running ? QN_OK : QN_E_REVOKED;
}

void qn_mk_post(qn_mock *m, uint64_t id, uint64_t delay_ms, qn_task_fn *fn, void *arg)
{
    qn_mk_task *t = qn_mk_grow(NULL, sizeof *t), **at = &m->tasks;
    *t = (qn_mk_task){id, m->now_ms + delay_ms, fn, arg, NULL};
    while (*at && (*at)->due <= t->due)
        at = &(*at)->next;
    t->next = *at;
    *at = t;
}

/* ---- host/1 ---- */

static qn_status denied(const qn_mock *m, const char *id)
{
    for (unsigned i = 0; i < m->n_denied; i++)
        if (strcmp(m->denied[i].id, id) == 0)
            return m->denied[i].with;
    return QN_OK;
}

static qn_status host_get(qn_cap *host, const char *id, uint32_t min, const void **table,
                          qn_cap **handle)
{
    qn_mock *m = host->mock;
    qn_status st = qn_mk_enter(host);
    if (st != QN_OK)
        return st;
    for (unsigned i = 0; i < sizeof m->cap / sizeof m->cap[0]; i++) {
        if (strcmp(m->cap[i].id, id) != 0)
            continue;
        if (((const qn_head *)m->cap[i].table)->revision < min)
            return QN_E_OLDHOST;
        if ((st = denied(m, id)) != QN_OK)
            return st;
        *table = qn_mk_handed_out(id);
        *handle = &m->cap[i];
        return QN_OK;
    }
    return QN_E_NOSUCH;
}

void qn_mk_logf(qn_mock *m, const char *who, const char *what, const char *on)
{
    size_t have = strlen(m->log), more = strlen(who) + strlen(what) + strlen(on) + 8;
    m->log = qn_mk_grow(m->log, have + more);
    snprintf(m->log + have, more, "%s: %s%s%s\n", who, what, *on ? " " : "", on);
}

static void host_log(qn_cap *host, uint32_t level, const char *message, uint32_t len)
{
    static const char *const name[] = {"?", "error", "warn", "info", "debug"};
    qn_mock *m = host->mock;
    size_t have = strlen(m->log);
    m->log = qn_mk_grow(m->log, have + len + 16);
    snprintf(m->log + have, len + 16, "%s: %.*s\n", name[level < 5 ? level : 0], (int)len, message);
}

static void host_fail(qn_cap *host, qn_status why, const char *message, uint32_t len)
{
    qn_mock *m = host->mock;
    if (m->failure)
        return;
    m->failure = qn_mk_grow(NULL, (size_t)len + 32);
    snprintf(m->failure, (size_t)len + 32, "%.*s (status %d)", (int)len, message, (int)why);
}

static qn_status host_post(qn_cap *host, qn_task_fn *task, void *arg)
{
    qn_status st = qn_mk_enter(host);
    if (st == QN_OK)
        qn_mk_post(host->mock, 0, 0, task, arg);
    return st;
}

static qn_status host_timer_set(qn_cap *host, uint32_t delay_ms, qn_task_fn *task, void *arg,
                                uint64_t *timer)
{
    qn_status st = qn_mk_enter(host);
    if (st != QN_OK)
        return st;
    *timer = ++host->mock->next_id;
    qn_mk_post(host->mock, *timer, delay_ms, task, arg);
    return QN_OK;
}

static qn_status host_timer_cancel(qn_cap *host, uint64_t timer)
{
    qn_status st = qn_mk_enter(host);
    if (st != QN_OK)
        return st;
    for (qn_mk_task **at = &host->mock->tasks; *at; at = &(*at)->next)
        if (timer && (*at)->id == timer) {
            qn_mk_task *t = *at;
            *at = t->next;
            free(t);
            return QN_OK;
        }
    return QN_E_NOTFOUND;
}

static void host_progress(qn_cap *host, uint32_t permille, const char *what, uint32_t len)
{
    (void)host;
    (void)permille;
    (void)what;
    (void)len;
}

static uint64_t host_now_ms(qn_cap *host)
{
    return host->mock->now_ms;
}

static int64_t host_time(qn_cap *host)
{
    return 1700000000 + (int64_t)(host->mock->now_ms / 1000);
}

/* The same in every run, so that tests repeat. */
static qn_status host_random(qn_cap *host, void *buffer, uint32_t len)
{
    static uint64_t seed = 1;
    qn_status st = qn_mk_enter(host);
    for (uint32_t i = 0; st == QN_OK && i < len; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)buffer)[i] = (uint8_t)(seed >> 56);
    }
    return st;
}

static const qn_host_1 HOST = {.h = {sizeof(qn_host_1), QN_HOST_1_REVISION},
                               .get = host_get,
                               .log = host_log,
                               .fail = host_fail,
                               .post = host_post,
                               .timer_set = host_timer_set,
                               .timer_cancel = host_timer_cancel,
                               .progress = host_progress,
                               .now_ms = host_now_ms,
                               .time = host_time,
                               .random = host_random};

/* ---- making and unmaking ---- */

qn_mock *qn_mock_new(void)
{
    qn_mock *m = qn_mk_grow(NULL, sizeof *m);
    memset(m, 0, sizeof *m);
    const qn_cap caps[] = {{m, QN_HOST_1_ID, &HOST},
                           {m, QN_CHAIN_READ_1_ID, &QN_MK_CHAIN_READ},
                           {m, QN_CHAIN_FOLLOW_1_ID, &QN_MK_CHAIN_FOLLOW},
                           {m, QN_BLOCK_READ_1_ID, &QN_MK_BLOCK_READ},
                           {m, QN_COINS_READ_1_ID, &QN_MK_COINS_READ},
                           {m, QN_STORE_OWN_1_ID, &QN_MK_STORE_OWN},
                           {m, QN_RPC_SERVE_1_ID, &QN_MK_RPC_SERVE},
                           {m, QN_NET_LISTEN_1_ID, &QN_MK_NET_LISTEN},
                           {m, QN_NET_CONNECT_1_ID, &QN_MK_NET_CONNECT},
                           {m, QN_HTTP_SERVE_1_ID, &QN_MK_HTTP_SERVE},
                           {m, QN_NODE_READ_1_ID, &QN_MK_NODE_READ},
                           {m, QN_NODE_CONTROL_1_ID, &QN_MK_NODE_CONTROL},
                           {m, QN_PEERS_READ_1_ID, &QN_MK_PEERS_READ},
                           {m, QN_PEERS_CONTROL_1_ID, &QN_MK_PEERS_CONTROL},
                           {m, QN_MEMPOOL_READ_1_ID, &QN_MK_MEMPOOL_READ},
                           {m, QN_MEMPOOL_FOLLOW_1_ID, &QN_MK_MEMPOOL_FOLLOW},
                           {m, QN_TX_SUBMIT_1_ID, &QN_MK_TX_SUBMIT},
                           {m, QN_FEES_ESTIMATE_1_ID, &QN_MK_FEES_ESTIMATE},
                           {m, QN_MINING_TEMPLATE_1_ID, &QN_MK_MINING_TEMPLATE},
                           {m, QN_MINING_SUBMIT_1_ID, &QN_MK_MINING_SUBMIT},
                           {m, QN_MINING_CHECK_1_ID, &QN_MK_MINING_CHECK},
                           {m, QN_WATCH_1_ID, &QN_MK_WATCH}};
    memcpy(m->cap, caps, sizeof caps);
    m->log = qn_mk_text("", 0);
    m->window = 16;
    m->now_ms = 1000;
    m->steps = UINT32_MAX;
    m->folder = -1;
    m->thread = pthread_self();
    pthread_mutex_init(&m->lock, NULL);
    qn_mk_chain_init(m);
    qn_mk_node_init(m);
    qn_mk_peers_init(m);
    qn_mk_pool_init(m);
    qn_mk_mining_init(m);
    qn_mk_watch_init(m);
    return m;
}

/* The plugin is gone: what it asked for goes too. */
static void drop_plugin(qn_mock *m, bool crash)
{
    m->running = false;
    m->entry = NULL;
    m->self = NULL;
    while (m->tasks) {
        qn_mk_task *t = m->tasks;
        m->tasks = t->next;
        free(t);
    }
    qn_mk_chain_drop(m);
    qn_mk_coins_drop(m);
    qn_mk_pool_drop(m);
    qn_mk_mining_drop(m);
    qn_mk_watch_drop(m);
    qn_mk_store_drop(m, crash);
    qn_mk_folder_end(m, crash);
    qn_mk_rpc_drop(m);
    qn_mk_net_drop(m);
    qn_mk_http_drop(m);
}

void qn_mock_free(qn_mock *m)
{
    if (!m)
        return;
    if (m->entry)
        (void)qn_mock_stop(m);
    drop_plugin(m, false);
    if (m->folder >= 0)
        close(m->folder);
    pthread_mutex_destroy(&m->lock);
    qn_mk_watch_free(m);
    qn_mk_chain_free(m);
    qn_mk_pool_free(m);
    qn_mk_mining_free(m);
    qn_mk_rows_free(&m->rows);
    qn_mk_rows_free(&m->synced);
    free(m->failure);
    free(m->log);
    free(m->reply);
    free(m);
}

void qn_mock_refuse(qn_mock *m, const char *id, qn_status with)
{
    if (m->n_denied == MOCK_ITEMS)
        abort();
    m->denied[m->n_denied].id = id;
    m->denied[m->n_denied++].with = with;
}

void qn_mock_deny(qn_mock *m, const char *id)
{
    qn_mock_refuse(m, id, QN_E_DENIED);
}

void qn_mock_config(qn_mock *m, const char *name, const char *value)
{
    if (m->n_config < MOCK_ITEMS)
        m->config[m->n_config++] = (qn_config_item){name, value};
}

void qn_mock_window(qn_mock *m, uint32_t window)
{
    m->window = window;
}

/* ---- life ---- */

qn_status qn_mock_start(qn_mock *m, const qn_plugin_1 *entry)
{
    const qn_config config = {sizeof config, m->n_config, m->config};
    free(m->failure);
    m->failure = NULL;
    m->running = true;
    m->thread = pthread_self();
    qn_mk_note(m, "-- init()");
    qn_status st = entry->init(&m->cap[0], qn_mk_handed_out(QN_HOST_1_ID), &config, &m->self);
    qn_mk_note(m, "-- init() answered %s", qn_mock_status_name(st));
    if (st != QN_OK) {
        drop_plugin(m, false);
        return st;
    }
    m->entry = entry;
    qn_mk_note(m, "-- start()");
    st = entry->start(m->self);
    qn_mk_note(m, "-- start() answered %s", qn_mock_status_name(st));
    if (st != QN_OK) {
        m->running = false;
        entry->fini(m->self);
        drop_plugin(m, false);
        return st;
    }
    (void)qn_mock_run(m);
    return QN_OK;
}

qn_status qn_mock_stop(qn_mock *m)
{
    const qn_plugin_1 *e = m->entry;
    if (!e)
        return QN_E_CLOSED;
    m->entry = NULL; /* whatever it calls now, it is not stopped twice */
    qn_mk_note(m, "-- stop()");
    qn_status st = e->stop(m->self, 10000);
    qn_mk_note(m, "-- stop() answered %s", qn_mock_status_name(st));
    m->running = false;
    e->fini(m->self);
    drop_plugin(m, false);
    return st;
}

void qn_mock_crash(qn_mock *m)
{
    m->running = false;
    if (m->entry)
        m->entry->fini(m->self);
    drop_plugin(m, true);
}

/* The next task that is due before `end`, taken off the list. Other threads may post. */
static qn_mk_task *take_task(qn_mock *m, uint64_t end)
{
    pthread_mutex_lock(&m->lock);
    qn_mk_task *t = m->tasks;
    if (t && t->due <= end)
        m->tasks = t->next;
    else
        t = NULL;
    pthread_mutex_unlock(&m->lock);
    return t;
}

unsigned qn_mock_run(qn_mock *m)
{
    unsigned n = 0;
    const uint64_t end = m->now_ms + RUN_MS;
    while (m->entry && !m->failure && m->steps) {
        qn_mk_task *t;
        qn_mk_wake(m);
        qn_mk_pool_wake(m);
        qn_mk_mining_wake(m);
        qn_mk_watch_wake(m);
        unsigned io = n < RUN_CALLS ? qn_mk_io_poll(m) : 0;
        n += io;
        if (io)
            continue;
        if (!m->steps || m->failure || !(t = take_task(m, end)))
            break;
        m->steps--;
        if (t->due > m->now_ms)
            m->now_ms = t->due;
        qn_mk_note(m, t->id ? "-- timer %llu" : "-- posted task", (unsigned long long)t->id);
        t->fn(t->arg);
        free(t);
        n++;
    }
    if (m->failure && m->entry)
        (void)qn_mock_stop(m);
    return n;
}

unsigned qn_mock_wait(qn_mock *m, uint32_t ms)
{
    const struct timespec nap = {0, 1000000};
    unsigned n = 0;
    for (uint32_t i = 0; i < ms && !(n = qn_mock_run(m)); i++)
        nanosleep(&nap, NULL);
    return n;
}

void qn_mock_steps(qn_mock *m, unsigned n)
{
    m->steps = n;
}

uint64_t qn_mock_now(const qn_mock *m)
{
    return m->now_ms;
}

void qn_mock_sleep(qn_mock *m, uint32_t ms)
{
    m->now_ms += ms;
}

const char *qn_mock_failure(const qn_mock *m)
{
    return m->failure;
}

const char *qn_mock_log(const qn_mock *m)
{
    return m->log;
}

void qn_mock_fail_call(qn_mock *m, uint64_t k, qn_status st)
{
    m->fail_at = k;
    m->fail_with = st;
}

uint64_t qn_mock_calls(const qn_mock *m)
{
    return m->calls;
}
