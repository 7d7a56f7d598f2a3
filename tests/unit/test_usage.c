/* What the kernel says of plugins' processes is asked while no lock is held: it may take its time.
 */
#include "tests/unit/host_rig.h"

#include "core/os/process.h"
#include "quoin/node_read.h"

#include <unistd.h>

static host_rig g_rig;
static _Atomic unsigned g_asked, g_locked;

/* A lock that is held by another thread for a moment is no matter: the caller's would stay. */
static bool is_free(pthread_mutex_t *m)
{
    for (int i = 0; i < 2000; i++) {
        if (pthread_mutex_trylock(m) == 0) {
            pthread_mutex_unlock(m);
            return true;
        }
        usleep(1000);
    }
    return false;
}

bool __wrap_qc_os_process_usage(pid_t pid, uint64_t *cpu_ms, uint64_t *rss_bytes);
bool __wrap_qc_os_process_usage(pid_t pid, uint64_t *cpu_ms, uint64_t *rss_bytes)
{
    qc_plugin *p = g_rig.host->plugin[0];
    assert_int_equal(pid, atomic_load(&p->pid));
    atomic_fetch_add(&g_asked, 1);
    if (!is_free(&g_rig.host->list_lock) || !is_free(&p->lock))
        atomic_fetch_add(&g_locked, 1);
    *cpu_ms = 12;
    *rss_bytes = 345678;
    return true;
}

static void ask_node(void *arg)
{
    qn_cap *cap;
    const qn_node_read_1 *t = rig_table(&g_rig, QN_NODE_READ_1_ID, &cap);
    qn_node_plugin *out = arg;
    uint32_t n = 0;
    assert_int_equal(t->plugins(cap, out, 1, &n), QN_OK);
    assert_int_equal(n, 1);
}

static void test_usage__is_asked_without_a_lock(void **state)
{
    (void)state;
    qn_node_plugin out;
    rig_services(&g_rig, "node.read/1 = yes\n");
    (void)rig_await(&g_rig, 0, QC_PLUGIN_RUNNING, "");
    char *text = rig_call(&g_rig, "getplugininfo", "[\"plugin\"]");
    assert_non_null(strstr(text, "\"cpu_ms\":12,\"rss_bytes\":345678"));
    free(text);
    rig_on_loop(&g_rig, ask_node, &out);
    assert_int_equal(out.cpu_us, 12000);
    assert_int_equal(out.memory, 345678);
    assert_int_equal(g_asked, 2);
    assert_int_equal(g_locked, 0);
    rig_close(&g_rig);
}

QC_TEST_MAIN(cmocka_unit_test(test_usage__is_asked_without_a_lock))
