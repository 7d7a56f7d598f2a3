/* Plugin files that were compiled against the headers of a release, kept as data: they must run
 * unmodified for ever, in the node's host and in the mock. */
#include "core/host/plugin.h"
#include "tests/unit/harness.h"
#include "tests/unit/host_rig.h"

#include "core/os/file.h"
#include "quoin/mock.h"

#include <dlfcn.h>

#if defined(__x86_64__)
#define FIRST "x86_64"
#else
#define FIRST "no"
#endif

/* Path of the file in a folder; the test is skipped on a machine that none was made for. Owned. */
static char *kept(const char *folder)
{
    const char *top = getenv("top_srcdir");
    char *path = qc_asprintf("%s/tests/abi/%s/" FIRST ".so", top ? top : ".", folder);
    if (!qc_os_exists(path)) {
        print_message("no plugin file was kept for this machine\n");
        qc_free(path);
        skip();
    }
    return path;
}

static char *first(void)
{
    return kept("first");
}

static void copy_plugin(host_rig *r, const char *path)
{
    char *to = qc_asprintf("%s/p.so", r->plugin_dir);
    qc_bytes b = tmp_read(path);
    assert_int_equal(qc_os_write_file_atomic(to, qc_bytes_span(&b), 0644), QC_OK);
    qc_bytes_free(&b);
    qc_free(to);
}

static void test_first__it_runs_in_the_nodes_host(void **state)
{
    (void)state;
    host_rig r = {0};
    char *path = first();
    rig_open(&r, NULL);
    copy_plugin(&r, path);
    rig_grant(&r, RIG_ID, "p.so", RIG_ALL, NULL);
    rig_grow(&r, 5);
    rig_host_start(&r);
    rig_grow(&r, 20);
    rig_caught_up(&r);
    rig_rows_equal(&r);
    rig_reorg(&r, 4, 7, 9);
    rig_caught_up(&r);
    rig_rows_equal(&r);
    char *answer = rig_call(&r, "good.api", "[]");
    if (!strstr(answer, "\"result\":\"ok\""))
        fail_msg("found %s, wanted every method of every table to work", answer);
    free(answer);
    rig_close(&r);
    qc_free(path);
}

static void test_services__it_runs_in_the_nodes_host(void **state)
{
    (void)state;
    host_rig r = {0};
    char *path = kept("services");
    rig_open(&r, NULL);
    copy_plugin(&r, path);
    rig_grant(&r, RIG_ID, "p.so",
              "rpc.serve/1 = prefix=services.\nnode.read/1 = yes\nnode.control/1 = yes\n"
              "peers.read/1 = yes\npeers.control/1 = yes\n",
              NULL);
    rig_host_start(&r);
    char *answer = rig_call(&r, "services.api", "[]");
    if (!strstr(answer, "\"result\":\"ok\""))
        fail_msg("found %s, wanted every method of every table to work", answer);
    assert_int_equal(atomic_load(&r.shutdowns), 0); /* nothing was granted to act with */
    free(answer);
    rig_close(&r);
    qc_free(path);
}

static void test_services__it_runs_in_the_mock(void **state)
{
    (void)state;
    char *path = kept("services");
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        fail_msg("%s", dlerror());
    qn_mock *m = qn_mock_new();
    assert_int_equal(qn_mock_start(m, dlsym(library, "qn_plugin_entry")), QN_OK);
    char *answer = qn_mock_rpc(m, "services.api", "[]");
    assert_string_equal(answer, "\"ok\"");
    free(answer);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    dlclose(library);
    qc_free(path);
}

static void test_first__it_runs_in_the_mock(void **state)
{
    (void)state;
    char *path = first();
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        fail_msg("%s", dlerror());
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "greeting", "hi");
    qn_mock_config(m, "batch", "7");
    assert_int_equal(qn_mock_start(m, dlsym(library, "qn_plugin_entry")), QN_OK);
    qn_mock_mine(m, 20);
    qn_mock_run(m);
    qn_mock_crash(m);
    qn_mock_reorg(m, 4, 7);
    assert_int_equal(qn_mock_start(m, dlsym(library, "qn_plugin_entry")), QN_OK);
    char *rows = qn_mock_rpc(m, "good.rows", "[]");
    assert_int_equal(strlen(rows), 2 + 67 * (qn_mock_height(m) + 1) - 1);
    assert_null(qn_mock_failure(m));
    free(rows);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    dlclose(library);
    qc_free(path);
}

QC_TEST_MAIN(cmocka_unit_test(test_first__it_runs_in_the_nodes_host),
             cmocka_unit_test(test_first__it_runs_in_the_mock),
             cmocka_unit_test(test_services__it_runs_in_the_nodes_host),
             cmocka_unit_test(test_services__it_runs_in_the_mock))
