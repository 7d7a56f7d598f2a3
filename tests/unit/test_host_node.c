/* node.read/1 and node.control/1 with a real chain: what is told, and that nothing is done that was
 * not granted. */
#include "tests/unit/host_rig.h"

#include "core/base/log.h"
#include "core/os/file.h"
#include "quoin/host.h"
#include "quoin/node_control.h"
#include "quoin/node_read.h"

typedef struct plug {
    host_rig r;
    const qn_node_read_1 *t;
    const qn_node_control_1 *c;
    qn_cap *cap, *control;
    qn_node_info info;
    qn_node_plugin plugin[4];
    qn_node_metric metric[64];
    char text[128];
    uint32_t n, max, pruned_to;
    qn_status status, pruned;
    const char *word;
    _Atomic int ends;
} plug;

static void begin(plug *p, const char *grants)
{
    memset(p, 0, sizeof *p);
    rig_services(&p->r, grants);
    if (strstr(grants, "node.read/1"))
        p->t = rig_table(&p->r, QN_NODE_READ_1_ID, &p->cap);
    if (strstr(grants, "node.control/1"))
        p->c = rig_table(&p->r, QN_NODE_CONTROL_1_ID, &p->control);
}

static void call(plug *p, void (*fn)(void *arg), qn_status want)
{
    rig_on_loop(&p->r, fn, p);
    if (p->status != want)
        fail_msg("it answered %d, wanted %d", p->status, want);
}

static void do_info(void *arg)
{
    plug *p = arg;
    p->status = p->t->info(p->cap, &p->info);
}

static void do_warnings(void *arg)
{
    plug *p = arg;
    p->status = p->t->warnings(p->cap, p->text, p->max, &p->n);
}

static void do_plugins(void *arg)
{
    plug *p = arg;
    p->status = p->t->plugins(p->cap, p->plugin, p->max, &p->n);
}

static void do_metrics(void *arg)
{
    plug *p = arg;
    p->status = p->t->metrics(p->cap, p->metric, p->max, &p->n);
}

static int64_t metric(plug *p, const char *name)
{
    p->max = 64;
    call(p, do_metrics, QN_OK);
    for (uint32_t i = 0; i < p->n; i++)
        if (strcmp(p->metric[i].name, name) == 0)
            return p->metric[i].value;
    fail_msg("no metric %s", name);
    return 0;
}

static void test_node_read__tells_of_the_node_in_few_calls(void **state)
{
    (void)state;
    plug p;
    begin(&p, "node.read/1 = yes\n");
    call(&p, do_info, QN_E_INVAL); /* size not set */
    p.info.size = sizeof p.info;
    call(&p, do_info, QN_OK);
    assert_int_equal(p.info.size, sizeof p.info);
    assert_int_equal(p.info.flags, QN_NODE_LOADED);
    assert_int_equal(p.info.version, 10000);
    assert_string_equal(p.info.network, "regtest");
    assert_string_equal(p.info.user_agent, "/Rig:1/");
    assert_true(p.info.uptime_s >= 100 && p.info.uptime_s < 200);
    assert_int_equal(p.info.n_warnings, 2);
    assert_int_equal(p.info.n_plugins, 1);
    assert_int_equal(p.info.mempool_tx, 0);
    p.info = (qn_node_info){.size = 12, .protocol_version = 77}; /* an older plugin's */
    call(&p, do_info, QN_OK);
    assert_int_equal(p.info.size, 12);
    assert_int_equal(p.info.protocol_version, 77);

    p.max = sizeof p.text;
    call(&p, do_warnings, QN_OK);
    assert_int_equal(p.n, 29);
    assert_memory_equal(p.text, "first warning\nsecond warning\n", 29);
    p.max = 28;
    call(&p, do_warnings, QN_E_SPACE);
    assert_int_equal(p.n, 29);
    rig_close(&p.r);
}

static void test_node_read__has_a_record_of_each_plugin(void **state)
{
    (void)state;
    plug p;
    begin(&p, "node.read/1 = yes\n");
    p.max = 0;
    call(&p, do_plugins, QN_E_SPACE);
    assert_int_equal(p.n, 1);
    p.max = 4;
    call(&p, do_plugins, QN_OK);
    assert_string_equal(p.plugin[0].id, RIG_ID);
    assert_string_equal(p.plugin[0].version, "1.2.3");
    assert_string_equal(p.plugin[0].reason, "");
    assert_int_equal(p.plugin[0].state, QN_PLUGIN_STATE_RUNNING);
    assert_int_equal(p.plugin[0].trusted, 1);
    uint64_t calls = p.plugin[0].calls;
    call(&p, do_plugins, QN_OK);
    assert_int_equal(p.plugin[0].calls, calls + 1);
    qc_plugin *plugin = rig_plugin_at(&p.r, 0);
    qc_plugin_set_state(plugin, QC_PLUGIN_RUNNING, "%0300d", 1);
    call(&p, do_plugins, QN_OK);
    assert_int_equal(strlen(p.plugin[0].reason), 255);
    rig_close(&p.r);
}

static void test_node_read__counts_what_the_node_does(void **state)
{
    (void)state;
    plug p;
    begin(&p, "node.read/1 = yes\n");
    int64_t calls = metric(&p, "rpc_requests_total"), errors = metric(&p, "rpc_errors_total");
    int64_t tips = metric(&p, "chain_tip_changes_total");
    free(rig_call(&p.r, "listplugins", "[]"));
    free(rig_call(&p.r, "nosuchmethod", "[]"));
    rig_grow(&p.r, 3);
    assert_int_equal(metric(&p, "rpc_requests_total"), calls + 2);
    assert_int_equal(metric(&p, "rpc_errors_total"), errors + 1);
    assert_int_equal(metric(&p, "rpc_active_requests"), 0);
    assert_int_equal(metric(&p, "chain_tip_changes_total"), tips + 3);
    assert_true(metric(&p, "coins_cache_coins") >= 3);
    assert_true(metric(&p, "process_threads") >= 3);
    assert_true(metric(&p, "process_open_fds") >= 3);
    assert_true(metric(&p, "process_resident_memory_bytes") > 1000000);
    p.max = 2;
    call(&p, do_metrics, QN_E_SPACE);
    assert_true(p.n > 2);
    rig_close(&p.r);
}

/* ---- node.control ---- */

static void do_stop(void *arg)
{
    plug *p = arg;
    p->status = p->c->stop(p->control);
}

static void on_pruned(void *arg, int32_t status, uint32_t pruned_to)
{
    plug *p = arg;
    p->pruned = status;
    p->pruned_to = pruned_to;
    atomic_fetch_add(&p->ends, 1);
}

static void do_prune(void *arg)
{
    plug *p = arg;
    p->status = p->c->prune(p->control, 5, on_pruned, p);
}

static void do_log(void *arg)
{
    plug *p = arg;
    p->status = p->c->log_level(p->control, p->word, p->n);
}

static void do_start_plugin(void *arg)
{
    plug *p = arg;
    p->status = p->c->plugin_start(p->control, p->word);
}

static void do_stop_plugin(void *arg)
{
    plug *p = arg;
    p->status = p->c->plugin_stop(p->control, p->word);
}

static void do_reload(void *arg)
{
    plug *p = arg;
    p->status = p->c->plugin_reload(p->control, p->word);
}

static char g_log[16384];

static void remember(void *arg, qc_log_level level, const char *area, const char *line, size_t len)
{
    size_t have = strlen(g_log);
    (void)arg;
    (void)level;
    (void)area;
    snprintf(g_log + have, sizeof g_log - have, "%.*s\n", (int)len, line);
}

static void expect_log(const char *text)
{
    if (!strstr(g_log, text))
        fail_msg("no '%s' in:\n%s", text, g_log);
}

static void test_node_control__a_plain_yes_grants_nothing(void **state)
{
    (void)state;
    plug p;
    begin(&p, "node.control/1 = yes\n");
    g_log[0] = 0;
    qc_log_set_sink(remember, NULL);
    p.word = "rpc";
    p.n = QN_LOG_DEBUG;
    call(&p, do_stop, QN_E_DENIED);
    call(&p, do_prune, QN_E_DENIED);
    call(&p, do_log, QN_E_DENIED);
    call(&p, do_start_plugin, QN_E_DENIED);
    call(&p, do_stop_plugin, QN_E_DENIED);
    call(&p, do_reload, QN_E_DENIED);
    qc_log_set_sink(NULL, NULL);
    expect_log(RIG_ID ": node.control: stop the node: refused");
    expect_log(RIG_ID ": node.control: prune up to block 5: refused");
    expect_log(RIG_ID ": node.control: debug lines on for rpc: refused");
    expect_log(RIG_ID ": node.control: reload plugin rpc: refused");
    assert_false(qc_log_enabled(QC_LOG_DEBUG, "rpc"));
    assert_int_equal(atomic_load(&p.r.shutdowns), 0);
    rig_close(&p.r);
}

static void test_node_control__each_flag_allows_its_own_and_no_more(void **state)
{
    (void)state;
    static const char *const flag[] = {"stop", "prune", "log", "plugins"};
    for (size_t i = 0; i < QC_COUNTOF(flag); i++) {
        plug p;
        char *line = qc_asprintf("node.control/1 = %s=yes\n", flag[i]);
        begin(&p, line);
        p.word = "nobody";
        p.n = QN_LOG_DEBUG;
        call(&p, do_stop, i == 0 ? QN_OK : QN_E_DENIED);
        call(&p, do_prune, i == 1 ? QN_OK : QN_E_DENIED);
        call(&p, do_log, i == 2 ? QN_E_NOTFOUND : QN_E_DENIED);
        call(&p, do_reload, i == 3 ? QN_E_NOTFOUND : QN_E_DENIED);
        if (i == 1)
            rig_until(&p.ends, 1);
        assert_int_equal(atomic_load(&p.r.shutdowns), i == 0);
        rig_close(&p.r);
        qc_free(line);
    }
}

static void test_node_control__acts_and_says_so_in_the_log(void **state)
{
    (void)state;
    plug p;
    begin(&p, "node.control/1 = stop=yes, prune=yes, log=yes, plugins=yes\n");
    g_log[0] = 0;
    qc_log_set_sink(remember, NULL);
    call(&p, do_stop, QN_OK);
    assert_int_equal(atomic_load(&p.r.shutdowns), 1);
    rig_grow(&p.r, 2);
    call(&p, do_prune, QN_OK);
    rig_until(&p.ends, 1);
    assert_int_equal(p.pruned, QN_OK);
    call(&p, do_prune, QN_OK); /* the one before has ended */
    rig_until(&p.ends, 2);
    p.word = "rpc";
    p.n = QN_LOG_DEBUG;
    call(&p, do_log, QN_OK);
    assert_true(qc_log_enabled(QC_LOG_DEBUG, "rpc"));
    p.n = QN_LOG_INFO;
    call(&p, do_log, QN_OK);
    assert_false(qc_log_enabled(QC_LOG_DEBUG, "rpc"));
    p.n = 99;
    call(&p, do_log, QN_E_INVAL);
    p.word = RIG_ID;
    call(&p, do_stop_plugin, QN_E_INVAL); /* itself */
    p.word = "org.example.none";
    call(&p, do_stop_plugin, QN_E_NOTFOUND);
    qc_log_set_sink(NULL, NULL);
    expect_log(RIG_ID ": node.control: stop the node\n");
    expect_log(RIG_ID ": node.control: prune up to block 5\n");
    expect_log(RIG_ID ": node.control: debug lines on for rpc\n");
    expect_log(RIG_ID ": node.control: stop plugin org.example.none\n");
    rig_close(&p.r);
}

static void test_node_control__a_node_that_does_not_prune_says_so(void **state)
{
    (void)state;
    plug p;
    begin(&p, "node.control/1 = stop=no, prune= yes\n"); /* the rig looks for prune=yes */
    call(&p, do_prune, QN_E_UNSUPPORTED);
    rig_close(&p.r);
}

static void test_node_control__another_plugin_can_be_stopped(void **state)
{
    (void)state;
    host_rig r = {0};
    rig_open(&r, NULL);
    rig_plugin(&r, "SERVICES", "p.so");
    rig_plugin(&r, "OTHER", "q.so");
    rig_grant(&r, RIG_ID, "p.so", "chain.read/1 = yes\nnode.control/1 = plugins=yes\n", NULL);
    rig_grant(&r, RIG_ID "2", "q.so", "chain.read/1 = yes\n", NULL);
    rig_host_start(&r);
    plug p = {.word = RIG_ID "2"};
    p.r = r;
    p.c = rig_table(&p.r, QN_NODE_CONTROL_1_ID, &p.control);
    assert_int_equal(qc_plugin_get_state(rig_plugin_at(&p.r, 1)), QC_PLUGIN_RUNNING);
    call(&p, do_start_plugin, QN_E_BUSY);
    call(&p, do_reload, QN_E_UNSUPPORTED); /* a trusted one is loaded once */
    call(&p, do_stop_plugin, QN_OK);
    assert_true(qc_plugin_join(rig_plugin_at(&p.r, 1)));
    assert_int_equal(qc_plugin_get_state(rig_plugin_at(&p.r, 1)), QC_PLUGIN_STOPPED);
    call(&p, do_stop_plugin, QN_E_BUSY);
    call(&p, do_start_plugin, QN_E_UNSUPPORTED);
    rig_close(&p.r);
}

/* What a plugin can write in its own store is no grant, however it is named. */
static void test_node_control__no_grant_is_found_outside_the_folder_of_grants(void **state)
{
    (void)state;
    plug p;
    begin(&p, "node.control/1 = plugins=yes\n");
    rig_plugin(&p.r, "OTHER", "q.so");
    rig_grant(&p.r, RIG_ID "2", "q.so", "chain.read/1 = yes\n", NULL);
    char *from = qc_asprintf("%s/" RIG_ID "2.grant", p.r.grant_dir);
    char *to = qc_asprintf("%s/" RIG_ID "2.grant", p.r.data_dir);
    char *word = qc_asprintf("../%s/" RIG_ID "2", strrchr(p.r.data_dir, '/') + 1);
    assert_int_equal(qc_os_mkdirs(p.r.data_dir), QC_OK);
    assert_int_equal(rename(from, to), 0);
    p.word = word;
    call(&p, do_start_plugin, QN_E_NOTFOUND);
    char *params = qc_asprintf("[\"start\",\"%s\"]", word);
    char *answer = rig_call(&p.r, "plugin", params);
    assert_non_null(strstr(answer, "found no plugin and no grant of that name"));
    assert_int_equal(p.r.host->n_plugin, 2);
    assert_null(p.r.host->plugin[1]->grant_path); /* its file is found, and that is all */
    free(answer);
    qc_free(params);
    qc_free(word);
    qc_free(from);
    qc_free(to);
    rig_close(&p.r);
}

static void refused_often(void *arg)
{
    plug *p = arg;
    for (int i = 0; i < 5000; i++)
        (void)p->c->stop(p->control);
}

static void test_node_control__what_is_refused_does_not_fill_the_log(void **state)
{
    (void)state;
    plug p;
    begin(&p, "node.control/1 = yes\n");
    rig_on_loop(&p.r, refused_often, &p);
    const qc_plugin *it = rig_plugin_at(&p.r, 0);
    assert_true(it->log_lines >= 50 && it->log_lines < 2000);
    assert_true(it->log_dropped > 3000);
    rig_close(&p.r);
}

static void bad_arguments(void *arg)
{
    plug *p = arg;
    QC_ASSERT(p->t->info(p->cap, NULL) == QN_E_INVAL);
    QC_ASSERT(p->t->warnings(p->cap, NULL, 1, &p->n) == QN_E_INVAL);
    QC_ASSERT(p->t->warnings(p->cap, NULL, 0, NULL) == QN_E_INVAL);
    QC_ASSERT(p->t->plugins(p->cap, NULL, 1, &p->n) == QN_E_INVAL);
    QC_ASSERT(p->t->metrics(p->cap, p->metric, 1, NULL) == QN_E_INVAL);
    QC_ASSERT(p->c->prune(p->control, 1, NULL, p) == QN_E_INVAL);
    QC_ASSERT(p->c->log_level(p->control, NULL, QN_LOG_DEBUG) == QN_E_INVAL);
    QC_ASSERT(p->c->plugin_stop(p->control, NULL) == QN_E_INVAL);
}

static void test_node__bad_arguments_threads_and_grants_are_refused(void **state)
{
    (void)state;
    plug p;
    host_rig r;
    begin(&p, "node.read/1 = yes\nnode.control/1 = prune=yes, log=yes, plugins=yes\n");
    rig_on_loop(&p.r, bad_arguments, &p);
    do_stop(&p);
    assert_int_equal(p.status, QN_E_THREAD);
    p.info.size = sizeof p.info;
    do_info(&p);
    assert_int_equal(p.status, QN_E_THREAD);
    rig_close(&p.r);
    rig_services(&r, "node.control/1 = shutdown=yes\n");
    rig_refused(&r, 0, QC_PLUGIN_REJECTED, "with a key of this interface");
    rig_close(&r);
}

QC_TEST_MAIN(cmocka_unit_test(test_node_read__tells_of_the_node_in_few_calls),
             cmocka_unit_test(test_node_read__has_a_record_of_each_plugin),
             cmocka_unit_test(test_node_read__counts_what_the_node_does),
             cmocka_unit_test(test_node_control__a_plain_yes_grants_nothing),
             cmocka_unit_test(test_node_control__each_flag_allows_its_own_and_no_more),
             cmocka_unit_test(test_node_control__acts_and_says_so_in_the_log),
             cmocka_unit_test(test_node_control__a_node_that_does_not_prune_says_so),
             cmocka_unit_test(test_node_control__another_plugin_can_be_stopped),
             cmocka_unit_test(test_node_control__what_is_refused_does_not_fill_the_log),
             cmocka_unit_test(test_node_control__no_grant_is_found_outside_the_folder_of_grants),
             cmocka_unit_test(test_node__bad_arguments_threads_and_grants_are_refused))
