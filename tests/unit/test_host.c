/* The host with a real chain and real plugins: what is refused and why, what a good one gets, and
 * that the node goes on. */
#include "tests/unit/host_rig.h"

#include "core/host/loader.h"
#include "quoin/chain_read.h"
#include "core/os/file.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- one bad plugin each ---- */

typedef struct bad {
    const char *shape, *grants, *extra, *text;
    qc_plugin_state state;
} bad;

static const bad BAD[] = {
    {"NONOTE", RIG_ALL, NULL, "found 0 notes named QUOIN, wanted exactly one", QC_PLUGIN_REJECTED},
    {"TWONOTES", RIG_ALL, NULL, "found 2 notes named QUOIN, wanted exactly one",
     QC_PLUGIN_REJECTED},
    {"BIGNOTE", RIG_ALL, NULL, "found 17000 bytes, wanted 2 to 16384", QC_PLUGIN_REJECTED},
    {"BADJSON", RIG_ALL, NULL, "wanted one object without duplicate keys", QC_PLUGIN_REJECTED},
    {"DUPKEY", RIG_ALL, NULL, "duplicate", QC_PLUGIN_REJECTED},
    {"CRITICAL", RIG_ALL, NULL, "found member teleport", QC_PLUGIN_REJECTED},
    {"DEEP", RIG_ALL, NULL, "nesting: found more than 8 levels", QC_PLUGIN_REJECTED},
    {"EXTRA", RIG_ALL, NULL, "found symbol an_extra_symbol, wanted only qn_plugin_entry",
     QC_PLUGIN_REJECTED},
    {"NOENTRY", RIG_ALL, NULL, "found no qn_plugin_entry", QC_PLUGIN_REJECTED},
    {"EXECSTACK", RIG_ALL, NULL, "stack: found an executable one", QC_PLUGIN_REJECTED},
    {"RUNPATH", RIG_ALL, NULL, "/opt/elsewhere", QC_PLUGIN_REJECTED},
    {"OLDENTRY", RIG_ALL, NULL, "size and revision: found 0 and 0", QC_PLUGIN_REJECTED},
    {"WRONGVER", RIG_ALL, NULL, "version: found 1.2.4, wanted 1.2.3", QC_PLUGIN_REJECTED},
    {"WRONGID", RIG_ALL, NULL, "id: found org.quoin.test.other, wanted org.quoin.test.plugin",
     QC_PLUGIN_REJECTED},
    {"NEWER", "chain.follow/1 = yes\n", NULL, "found revision 1 in quoin", QC_PLUGIN_REJECTED},
    {"NEWER", "chain.follow/1 = yes\n", NULL, "no.such/1: found no such interface",
     QC_PLUGIN_REJECTED},
    {"UNSTABLE", "", NULL, "chain.follow.unstable/1: found no such interface", QC_PLUGIN_REJECTED},
    {"NETWORK", "chain.read/1 = yes\n", NULL, "network: found regtest, wanted one that",
     QC_PLUGIN_REJECTED},
    {"GOOD", "chain.read/1 = yes\n", NULL, "store.own/1: found no grant, wanted a line",
     QC_PLUGIN_NEEDS_GRANT},
    {"GOOD", "chain.read/1 = yes\n", NULL, "(keeps one row per block)", QC_PLUGIN_NEEDS_GRANT},
    {"SMALL", "chain.read/1 = window=3\n", NULL, "wanted yes or key=value", QC_PLUGIN_REJECTED},
    {"SMALL", "chain.read/1 = yes\nchain.raed/1 = yes\n", NULL,
     "grant: found chain.raed/1, wanted only what the manifest asks for (did you mean "
     "chain.read/1?)",
     QC_PLUGIN_REJECTED},
    {"SMALL", "chain.read/1 = yes\n", "[config]\nbatch = 101\n",
     "config batch: found 101, wanted a whole number from 1 to 100", QC_PLUGIN_REJECTED},
    {"SMALL", "chain.read/1 = yes\n", "[config]\nspeed = 1\n", "config: found speed",
     QC_PLUGIN_REJECTED},
    {"SMALL", "chain.read/1 = yes\nchain.read/1 = yes\n", NULL, "found chain.read/1 twice",
     QC_PLUGIN_REJECTED},
    {"SMALL", "chain.read/1 = yes\n", "[limits]\nspeed = 1\n",
     "found the unknown key speed = 1, wanted memory, threads, calls, log or cpu",
     QC_PLUGIN_REJECTED},
    {"INITFAIL", RIG_ALL, NULL, "", QC_PLUGIN_CRASHED},
};

static void test_host__each_bad_plugin_is_refused_with_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(BAD); i++) {
        host_rig r = {0};
        rig_open(&r, NULL);
        rig_plugin(&r, BAD[i].shape, "p.so");
        rig_grant(&r, RIG_ID, "p.so", BAD[i].grants, BAD[i].extra);
        rig_host_start(&r);
        if (*BAD[i].text)
            rig_refused(&r, 0, BAD[i].state, BAD[i].text);
        else
            assert_int_equal(qc_plugin_get_state(rig_plugin_at(&r, 0)), BAD[i].state);
        rig_grow(&r, 1); /* the node goes on */
        assert_int_equal(qc_chain_tip(r.chain)->height, 1);
        rig_close(&r);
    }
}

static void test_host__nothing_of_a_refused_file_runs(void **state)
{
    (void)state;
    host_rig r = {0};
    rig_open(&r, NULL);
    (void)remove("hostile-constructor-ran");
    rig_plugin(&r, "CTOR", "p.so");
    rig_grant(&r, RIG_ID, "p.so", "chain.read/1 = yes\n", NULL);
    rig_host_start(&r);
    rig_refused(&r, 0, QC_PLUGIN_NEEDS_GRANT, "found no grant");
    assert_false(qc_os_exists("hostile-constructor-ran"));
    rig_close(&r);
}

/* Each answers to nobody else's name. */
static void absent_is(host_rig *r, const char *method, const char *text)
{
    char *answer = rig_call(r, method, "[]");
    if (!strstr(answer, "-32601") || !strstr(answer, text) ||
        (!*text && strstr(answer, "not found:")))
        fail_msg("%s: %s, wanted '%s'", method, answer, text);
    free(answer);
}

static void test_absent__a_plugin_that_is_not_enabled_says_how(void **state)
{
    (void)state;
    host_rig r = {0};
    rig_open(&r, NULL);
    rig_plugin(&r, "GOOD", "p.so");
    rig_plugin(&r, "OTHER", "q.so"); /* asks for no names */
    rig_host_start(&r);
    absent_is(&r, "plugin.any",
              "Method not found: " RIG_ID ", which would have the name, is not enabled: "
              "'quoin-plugin enable " RIG_ID "', then 'plugin start " RIG_ID "'");
    absent_is(&r, "plugin.", "");
    absent_is(&r, "plugins.any", "");
    absent_is(&r, "plugin2.any", "");
    rig_close(&r);
}

static void test_absent__one_without_the_grant_of_names_shows_the_line(void **state)
{
    (void)state;
    host_rig r = {0};
    rig_open(&r, NULL);
    rig_plugin(&r, "GOOD", "p.so");
    rig_grant(&r, RIG_ID, "p.so", "chain.read/1 = yes\n", NULL);
    rig_host_start(&r);
    absent_is(&r, "plugin.any",
              "is NEEDS-GRANT without rpc.serve/1: put the line "
              "'rpc.serve/1 = prefix=plugin.' below [grant] in ");
    absent_is(&r, "good.any", "");
    rig_close(&r);
}

static void test_absent__one_that_is_refused_says_why_to_the_end(void **state)
{
    (void)state;
    host_rig r = {0};
    rig_open(&r, NULL);
    rig_plugin(&r, "GOOD", "p.so");
    rig_grant(&r, RIG_ID, "p.so", RIG_ALL, NULL);
    rig_plugin(&r, "SMALL", "p.so"); /* the file is not the pinned one */
    rig_log_keep();
    rig_host_start(&r);
    absent_is(&r, "good.any",
              RIG_ID
              ", which has the name, is REJECTED (mend what is named, then 'plugin start " RIG_ID
              "'): pin: sha256: found ");
    absent_is(&r, "good.any", "(after an update: quoin-plugin pin " RIG_ID "); it is that of /");
    char *list = rig_call(&r, "listplugins", "[]");
    assert_non_null(
        strstr(list, "(after an update: quoin-plugin pin " RIG_ID "); it is that of /"));
    assert_non_null(strstr(list, "/p.so\""));
    free(list);
    assert_true(rig_logged("REJECTED: pin: sha256: found"));
    absent_is(&r, "plugin.any", "");
    rig_close(&r);
}

static void test_host__two_files_of_one_id_are_one_too_many(void **state)
{
    (void)state;
    host_rig r = {0};
    rig_open(&r, NULL);
    rig_plugin(&r, "SMALL", "a.so");
    rig_plugin(&r, "SMALL", "b.so");
    rig_grant(&r, RIG_ID, "a.so", "chain.read/1 = yes\n", NULL);
    rig_grant(&r, "zz.twin", "b.so", "chain.read/1 = yes\n", NULL);
    rig_host_start(&r);
    assert_int_equal(qc_plugin_get_state(rig_plugin_at(&r, 0)), QC_PLUGIN_RUNNING);
    rig_refused(&r, 1, QC_PLUGIN_REJECTED, "wanted one plugin of it");
    rig_close(&r);
}

static void change_grant(host_rig *r, const char *from, const char *to)
{
    char *path = qc_asprintf("%s/" RIG_ID ".grant", r->grant_dir);
    qc_bytes text = tmp_read(path);
    char *at = strstr((char *)text.data, from);
    assert_non_null(at);
    char *now = qc_asprintf("%.*s%s%s", (int)(at - (char *)text.data), (char *)text.data, to,
                            at + strlen(from));
    assert_int_equal(qc_os_write_file_atomic(path, qc_span_str(now), 0600), QC_OK);
    qc_bytes_free(&text);
    qc_free(now);
    qc_free(path);
}

static void with_small(host_rig *r)
{
    *r = (host_rig){0};
    rig_open(r, NULL);
    rig_plugin(r, "SMALL", "p.so");
    rig_grant(r, RIG_ID, "p.so", "chain.read/1 = yes\n", NULL);
}

static void test_host__only_a_trusted_plugin_needs_a_pin(void **state)
{
    (void)state;
    host_rig r;
    with_small(&r);
    change_grant(&r, "sha256", "#");
    rig_host_start(&r);
    if (RIG_TRUSTED)
        rig_refused(&r, 0, QC_PLUGIN_REJECTED, "sha256: found none, wanted one");
    else
        assert_int_equal(qc_plugin_get_state(rig_plugin_at(&r, 0)), QC_PLUGIN_RUNNING);
    rig_close(&r);
}

static void test_host__a_file_that_differs_from_its_pin_is_refused(void **state)
{
    (void)state;
    host_rig r;
    with_small(&r);
    rig_plugin(&r, "GREEDY", "p.so");
    rig_host_start(&r);
    rig_refused(&r, 0, QC_PLUGIN_REJECTED, "as the grant says");
    rig_close(&r);
}

static void test_host__links_and_files_others_may_write_are_refused(void **state)
{
    (void)state;
    host_rig r;
    char *path;
    with_small(&r);
    path = qc_asprintf("%s/" RIG_ID ".grant", r.grant_dir);
    assert_int_equal(chmod(path, 0620), 0);
    qc_free(path);
    rig_host_start(&r);
    rig_refused(&r, 0, QC_PLUGIN_REJECTED, "found mode 0620");
    rig_close(&r);

    with_small(&r);
    assert_int_equal(chmod(r.grant_dir, 0777), 0);
    rig_host_start(&r);
    rig_refused(&r, 0, QC_PLUGIN_REJECTED, "folder");
    rig_close(&r);

    with_small(&r);
    path = qc_asprintf("%s/p.so", r.plugin_dir);
    char *real = qc_asprintf("%s/real.bin", r.plugin_dir);
    assert_int_equal(rename(path, real), 0);
    assert_int_equal(symlink(real, path), 0);
    qc_free(real);
    qc_free(path);
    rig_host_start(&r);
    rig_refused(&r, 0, QC_PLUGIN_REJECTED, "found a symbolic link");
    rig_close(&r);
}

static void test_loader__a_file_swapped_after_the_check_changes_nothing(void **state)
{
    (void)state;
    host_rig r;
    qc_image m;
    qc_problems p = {0};
    void *lib;
    const qn_plugin_1 *entry;
    with_small(&r);
    char *path = qc_asprintf("%s/p.so", r.plugin_dir);
    assert_true(qc_image_open(path, NULL, &m, &p));
    /* In place, as the nastiest swap would be: same inode, other bytes. */
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    for (int i = 0; i < 20000; i++)
        fputc(0xcc, f);
    fclose(f);
    assert_true(qc_loader_open(&m, &lib, &entry, &p));
    assert_string_equal(entry->id, RIG_ID);
    qc_image_clear(&m);
    qc_problems_clear(&p);
    qc_free(path);
    rig_close(&r);
}

static void test_host__what_is_not_granted_is_not_given(void **state)
{
    (void)state;
    host_rig r = {0};
    rig_open(&r, NULL);
    rig_plugin(&r, "GREEDY", "p.so");
    rig_grant(&r, RIG_ID, "p.so", "chain.read/1 = yes\n", NULL);
    rig_host_start(&r);
    assert_int_equal(qc_plugin_get_state(rig_plugin_at(&r, 0)), QC_PLUGIN_RUNNING);
    assert_false(qc_os_exists(r.data_dir)); /* no store, no folder */
    rig_close(&r);
}

static void test_host__a_plugin_that_gives_up_is_down_alone(void **state)
{
    (void)state;
    host_rig r = {0};
    rig_open(&r, NULL);
    rig_plugin(&r, "FAILER", "p.so");
    rig_grant(&r, RIG_ID, "p.so", RIG_ALL, NULL);
    rig_host_start(&r);
    qc_plugin *p = rig_plugin_at(&r, 0);
    assert_true(qc_plugin_join(p));
    assert_int_equal(p->state, QC_PLUGIN_CRASHED);
    assert_non_null(strstr(p->reason, "on purpose"));
    rig_grow(&r, 2);
    assert_int_equal(qc_chain_tip(r.chain)->height, 2);
    rig_close(&r);
}

/* In a process of its own, for its thread never ends. What the node does on its way out, with that
 * thread in the middle of anything. */
static void wedge(const char *dir)
{
    host_rig r = {0};
    qn_chain_info info = {.size = sizeof info};
    rig_open(&r, dir);
    rig_plugin(&r, "WEDGE", "p.so");
    rig_grant(&r, RIG_ID, "p.so", RIG_ALL,
              "[failure]\nrestart = 0/10min\nstop = 1s\n[limits]\nlog = 1/s\n");
    rig_host_start(&r);
    rig_grow(&r, 3);
    rig_caught_up(&r);
    if (!RIG_TRUSTED) { /* a process can be killed, a thread cannot */
        assert_true(qc_host_stop(r.host));
        assert_int_equal(qc_plugin_get_state(rig_plugin_at(&r, 0)), QC_PLUGIN_CRASHED);
        _exit(qc_chain_tip(r.chain)->height == 3 ? 77 : 1);
    }
    assert_false(qc_host_stop(r.host));
    qc_plugin *p = rig_plugin_at(&r, 0);
    assert_int_equal(qc_plugin_get_state(p), QC_PLUGIN_WEDGED);
    qc_plugin_here = p; /* its own thread gets nothing any more */
    for (size_t i = 0; i < p->n_cap; i++)
        assert_true(p->cap[i].revoked);
    assert_int_equal(((const qn_chain_read_1 *)p->cap[0].adapter->table)->info(&p->cap[0], &info),
                     QN_E_REVOKED);
    qc_plugin_here = NULL;
    qc_rpc_engine_free(r.engine);
    qc_chain_thread_end(r.thread);
    qc_chain_post(r.thread, NULL, NULL); /* late, and never run */
    qc_chain_close_databases(r.chain);
    usleep(20000);
    _exit(qc_chain_tip(r.chain)->height == 3 ? 77 : 1);
}

#define WEDGES 4

static void test_host__a_plugin_that_does_not_stop_is_left_behind(void **state)
{
    (void)state;
    const char *dir[WEDGES];
    pid_t child[WEDGES];
    for (size_t i = 0; i < WEDGES; i++) {
        dir[i] = tmp_mkdir(); /* made here, so that it goes away with us */
        child[i] = fork();
        if (child[i] == 0)
            wedge(dir[i]);
    }
    for (size_t i = 0; i < WEDGES; i++) {
        int status = 0;
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 77);
        /* All of it was on disk, and nobody holds it. */
        host_rig r = {0};
        rig_open(&r, dir[i]);
        assert_int_equal(qc_chain_tip(r.chain)->height, 3);
        rig_close(&r);
    }
}

/* ---- a good plugin ---- */

static void with_good(host_rig *r)
{
    *r = (host_rig){0};
    rig_open(r, NULL);
    rig_plugin(r, "GOOD", "p.so");
    rig_grant(r, RIG_ID, "p.so", RIG_ALL, "[config]\ngreeting = hi there\n");
}

static void expect_call(host_rig *r, const char *method, const char *params, const char *part)
{
    char *text = rig_call(r, method, params);
    if (!strstr(text, part))
        fail_msg("%s %s: found %s, wanted %s", method, params, text, part);
    free(text);
}

static void test_host__follows_through_growth_reorganisation_and_restart(void **state)
{
    (void)state;
    host_rig r;
    with_good(&r);
    rig_grow(&r, 40); /* before the host: catch-up */
    rig_host_start(&r);
    rig_caught_up(&r);
    rig_rows_equal(&r);
    rig_grow(&r, 5);
    rig_caught_up(&r);
    rig_reorg(&r, 4, 7, 1);
    rig_caught_up(&r);
    rig_rows_equal(&r);
    expect_call(&r, "good.status", "[]", "\"disconnects\":4");
    expect_call(&r, "good.status", "[]", "\"greeting\":\"hi there\"");

    const char *dir = r.dir;
    rig_host_stop(&r);
    rig_reorg(&r, 3, 9, 2); /* while the plugin is away */
    rig_chain_close(&r);
    qc_free(r.plugin_dir);
    qc_free(r.grant_dir);
    qc_free(r.data_dir);
    rig_open(&r, dir);
    rig_host_start(&r);
    rig_caught_up(&r);
    rig_rows_equal(&r);
    expect_call(&r, "good.status", "[]", "\"disconnects\":3");
    rig_close(&r);
}

static void invalidate_tip(qc_chain *c, void *arg)
{
    const qc_index *tip = qc_chain_tip(c);
    for (unsigned n = *(unsigned *)arg; n > 1; n--)
        tip = tip->parent;
    assert_int_equal(qc_chain_invalidate(c, tip), QC_OK);
}

static void test_host__an_invalidated_tip_is_disconnected(void **state)
{
    (void)state;
    host_rig r;
    unsigned n = 2;
    with_good(&r);
    rig_host_start(&r);
    rig_grow(&r, 5);
    rig_caught_up(&r);
    qc_chain_call(r.thread, invalidate_tip, &n);
    tb_chain_cut(r.made, 3);
    rig_caught_up(&r);
    rig_rows_equal(&r);
    rig_close(&r);
}

static void test_host__rpc_methods_answer_at_once_later_and_never(void **state)
{
    (void)state;
    host_rig r;
    with_good(&r);
    rig_host_start(&r);
    expect_call(&r, "good.echo", "[1,\"a\"]", "\"result\":[1,\"a\"]");
    expect_call(&r, "good.echo", "{\"second\":2,\"first\":1}", "\"result\":[1,2]");
    expect_call(&r, "good.echo", "{\"zweites\":2}", "\"result\":[null,2]");
    expect_call(&r, "good.echo", "{\"third\":3}", "Unknown named parameter third");
    expect_call(&r, "good.echo", "{\"second\":2,\"args\":[1]}", "\"result\":[1,2]");
    /* Not so many as it takes: refused as the node's own methods do, without asking it. */
    expect_call(&r, "good.echo", "[]",
                "\"code\":-1,\"message\":\"good.echo \\\"first\\\" ( second )\\nWhat it got.\"");
    expect_call(&r, "good.echo", "[1,2,3]", "\"code\":-1,\"message\":\"good.echo ");
    expect_call(&r, "good.echo", "{\"args\":[1,2,3]}", "\"code\":-1,\"message\":\"good.echo ");
    expect_call(&r, "good.echo", "{}", "\"code\":-1,\"message\":\"good.echo ");
    /* Of a key that is there twice one value is lost: it is no call that the plugin could refuse.
     */
    expect_call(&r, "good.echo", "[{\"a\":1,\"b\":2}]", "\"result\":[{\"a\":1,\"b\":2}]");
    expect_call(&r, "good.echo", "[{\"a\":1,\"a\":2}]",
                "\"code\":-8,\"message\":\"Invalid parameter, duplicated key: a\"");
    expect_call(&r, "good.echo", "[1,[[],[{\"b\":{\"a\":1,\"a\":2}}]]]", "duplicated key: a\"");
    expect_call(&r, "good.echo", "[{\"a\":1,\"\\u0061\":2}]", "duplicated key\"");
    expect_call(&r, "good.echo", "{\"first\":1,\"first\":2}",
                "\"code\":-8,\"message\":\"Parameter first specified multiple times\"");
    /* One beside the parameters, by what is put in for the name, is none of theirs. */
    expect_call(&r, "good.echo\",\"id\":\"7", "[{\"a\":1}]", "\"result\":[{\"a\":1}]");
    expect_call(&r, "good.status", "[1]", "\"code\":-1,\"message\":\"for tests\"");
    expect_call(&r, "good.echo", "{\"args\":5,\"first\":1}", "\"result\":[1]");
    expect_call(&r, "good.echo", "{\"args\":[null],\"first\":1}",
                "Parameter first specified twice both as positional and named argument");
    expect_call(&r, "good.later", "[]", "\"result\":\"later\"");
    expect_call(&r, "good.never", "[]", "did not answer good.never in 50 ms");
    expect_call(&r, "good.bad", "[]", "{\"code\":-8,\"message\":\"refused?[2J?\\n?2J, \xc3\xa9\"}");
    expect_call(&r, "listplugins", "[]", "\"state\":\"RUNNING\"");
    expect_call(&r, "getplugininfo", "[\"plugin\"]", "\"id\":\"chain.follow/1\"");
    expect_call(&r, "getplugininfo", "[\"nobody\"]", "Plugin not found");
    expect_call(&r, "good.fail", "[]", "has stopped");
    assert_true(qc_plugin_join(rig_plugin_at(&r, 0)));
    expect_call(&r, "good.echo", "[]", "Method not found");
    expect_call(&r, "listplugins", "[]", "it gave up: as asked: QN_");
    rig_close(&r);
}

static void test_host__every_table_answers_as_its_contract_says(void **state)
{
    (void)state;
    host_rig r;
    with_good(&r);
    rig_host_start(&r);
    rig_grow(&r, 6);
    rig_caught_up(&r);
    expect_call(&r, "good.api", "[]", "\"result\":\"ok\"");
    rig_close(&r);
}

static void test_host__tables_answer_only_on_the_plugins_own_thread(void **state)
{
    (void)state;
    host_rig r;
    with_good(&r);
    rig_host_start(&r);
    qc_plugin *p = rig_plugin_at(&r, 0);
    qn_chain_info info = {.size = sizeof info};
    const qn_chain_read_1 *t = p->cap[0].adapter->table;
    assert_string_equal(p->cap[0].adapter->id, "chain.read/1");
    assert_int_equal(t->info(&p->cap[0], &info), QN_E_THREAD);
    rig_close(&r);
}

static void test_host__a_file_that_is_no_plugin_is_named(void **state)
{
    (void)state;
    host_rig r = {0};
    rig_open(&r, NULL);
    rig_plugin(&r, "SMALL", "other.so");
    char *path = qc_asprintf("%s/lib.so", r.plugin_dir);
    assert_int_equal(qc_os_write_file_atomic(path, (qc_span){(const uint8_t *)"none", 4}, 0644),
                     QC_OK);
    qc_free(path);
    rig_log_keep();
    rig_host_start(&r);
    assert_true(rig_logged("/lib.so: passed over, it is no plugin: "));
    assert_true(rig_logged("/other.so: found without a grant (quoin-plugin enable "));
    assert_false(rig_logged("/other.so: passed"));
    rig_close(&r);
}

/* The one that forks comes first: a store's background threads never end. */
QC_TEST_MAIN(cmocka_unit_test(test_host__a_plugin_that_does_not_stop_is_left_behind),
             cmocka_unit_test(test_host__each_bad_plugin_is_refused_with_its_reason),
             cmocka_unit_test(test_host__nothing_of_a_refused_file_runs),
             cmocka_unit_test(test_host__two_files_of_one_id_are_one_too_many),
             cmocka_unit_test(test_absent__a_plugin_that_is_not_enabled_says_how),
             cmocka_unit_test(test_absent__one_without_the_grant_of_names_shows_the_line),
             cmocka_unit_test(test_absent__one_that_is_refused_says_why_to_the_end),
             cmocka_unit_test(test_host__only_a_trusted_plugin_needs_a_pin),
             cmocka_unit_test(test_host__a_file_that_differs_from_its_pin_is_refused),
             cmocka_unit_test(test_host__links_and_files_others_may_write_are_refused),
             cmocka_unit_test(test_loader__a_file_swapped_after_the_check_changes_nothing),
             cmocka_unit_test(test_host__what_is_not_granted_is_not_given),
             cmocka_unit_test(test_host__a_plugin_that_gives_up_is_down_alone),
             cmocka_unit_test(test_host__follows_through_growth_reorganisation_and_restart),
             cmocka_unit_test(test_host__an_invalidated_tip_is_disconnected),
             cmocka_unit_test(test_host__rpc_methods_answer_at_once_later_and_never),
             cmocka_unit_test(test_host__every_table_answers_as_its_contract_says),
             cmocka_unit_test(test_host__a_file_that_is_no_plugin_is_named),
             cmocka_unit_test(test_host__tables_answer_only_on_the_plugins_own_thread))
