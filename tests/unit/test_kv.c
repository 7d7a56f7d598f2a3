/* Key-value engines: both behind the same tests. */
#include "core/kv/kv.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/os/file.h"

#include <leveldb/c.h>

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static qc_kv_engine g_engine;
static char g_root[64], g_path[96];
static char g_detail[512];

static void sink_none(void *arg, qc_log_level level, const char *area, const char *line, size_t len)
{
    (void)arg, (void)level, (void)area, (void)line, (void)len;
}

static int setup(void **state)
{
    (void)state;
    qc_log_set_sink(sink_none, NULL);
    snprintf(g_root, sizeof g_root, "/tmp/quoin-kv-XXXXXX");
    assert_non_null(mkdtemp(g_root));
    snprintf(g_path, sizeof g_path, "%s/a/db", g_root);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    qc_fault_arm(0);
    return qc_os_remove_tree(g_root) != QC_OK;
}

static qc_kv_options options(bool obfuscate)
{
    return (qc_kv_options){.engine = g_engine,
                           .cache_bytes = 1 << 20,
                           .create = true,
                           .obfuscate = obfuscate,
                           .paranoid = true};
}

static qc_kv *open_kv(bool obfuscate)
{
    qc_kv *kv;
    qc_kv_options o = options(obfuscate);
    assert_int_equal(qc_kv_open(&kv, g_path, &o, g_detail, sizeof g_detail), QC_OK);
    return kv;
}

static void put(qc_kv *kv, const char *key, const char *value)
{
    qc_kv_batch *b = qc_kv_batch_new(kv);
    qc_kv_batch_put(b, qc_span_str(key), qc_span_str(value));
    assert_int_equal(qc_kv_write(kv, b, true), QC_OK);
    qc_kv_batch_free(b);
}

static void expect(qc_kv *kv, const qc_kv_snapshot *s, const char *key, const char *value)
{
    qc_bytes v = QC_BYTES_INIT;
    qc_err err = qc_kv_get(kv, s, qc_span_str(key), &v);
    assert_int_equal(err, value ? QC_OK : QC_ENOENT);
    if (value)
        assert_true(qc_span_eq(qc_bytes_span(&v), qc_span_str(value)));
    qc_bytes_free(&v);
}

/* ---- children: a process of their own, since the engines' threads do not survive a fork ---- */

#define CHILD_SKIP 77

static int run_child(const char *what)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "test_kv", what, g_engine == QC_KV_LEVELDB ? "l" : "r", g_root,
              (char *)NULL);
        _exit(126);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int child_busy(void)
{
    qc_kv *kv;
    qc_kv_options o = options(false);
    qc_err err = qc_kv_open(&kv, g_path, &o, g_detail, sizeof g_detail);
    return err == QC_EBUSY && strstr(g_detail, "LOCK") ? 0 : 1;
}

/* Write values of half a megabyte, which do not compress, until one is refused. */
static qc_err write_until_refused(qc_kv *kv, const char *first)
{
    static uint8_t big[1 << 19];
    char key[16];
    qc_err err = QC_OK;
    uint64_t x = 88172645463325252u; /* xorshift64 */
    for (size_t i = 0; i < sizeof big; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        big[i] = (uint8_t)x;
    }
    snprintf(key, sizeof key, "%s", first);
    for (int i = 0; i < 20 && !err; i++) {
        qc_kv_batch *b = qc_kv_batch_new(kv);
        qc_kv_batch_put(b, qc_span_str(key), qc_span_of(big, sizeof big));
        err = qc_kv_write(kv, b, true);
        qc_kv_batch_free(b);
        snprintf(key, sizeof key, "%s%d", first, i);
    }
    return err;
}

/* No file may grow past a limit that the first value exceeds. */
static int child_limit(void)
{
    signal(SIGXFSZ, SIG_IGN);
    qc_kv *kv = open_kv(false);
    struct rlimit lim = {1 << 16, 1 << 16};
    setrlimit(RLIMIT_FSIZE, &lim);
    return write_until_refused(kv, "new") == QC_EIO ? 0 : 1;
}

/* A file system of its own that holds 4 MiB. */
static int child_full(void)
{
    if ((unshare(CLONE_NEWNS) && unshare(CLONE_NEWUSER | CLONE_NEWNS)) ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("none", g_root, "tmpfs", 0, "size=4m"))
        return CHILD_SKIP;
    qc_kv *kv;
    qc_kv_options o = options(false);
    if (qc_kv_open(&kv, g_path, &o, g_detail, sizeof g_detail))
        return 1;
    if (write_until_refused(kv, "k") != QC_EFULL)
        return 2;
    if (write_until_refused(kv, "again") == QC_OK)
        return 3;
    qc_kv_close(kv);
    qc_err err = qc_kv_open(&kv, g_path, &o, g_detail, sizeof g_detail); /* may fail, not die */
    qc_kv_close(kv);
    if (err && err != QC_EFULL)
        fprintf(stderr, "%d %s\n", err, g_detail);
    return err == QC_OK || err == QC_EFULL ? 0 : 4;
}

static int child(char **argv)
{
    static const struct {
        const char *name;
        int (*run)(void);
    } CHILD[] = {{"busy", child_busy}, {"limit", child_limit}, {"full", child_full}};
    g_engine = argv[2][0] == 'l' ? QC_KV_LEVELDB : QC_KV_ROCKSDB;
    snprintf(g_root, sizeof g_root, "%s", argv[3]);
    snprintf(g_path, sizeof g_path, "%s/a/db", g_root);
    qc_log_set_sink(sink_none, NULL);
    for (size_t i = 0; i < QC_COUNTOF(CHILD); i++)
        if (strcmp(CHILD[i].name, argv[1]) == 0)
            _exit(CHILD[i].run());
    return 125;
}

static void test_get__finds_what_a_batch_wrote_after_reopening(void **state)
{
    (void)state;
    qc_kv *kv = open_kv(false);
    put(kv, "gone", "x");
    qc_kv_batch *b = qc_kv_batch_new(kv);
    qc_kv_batch_put(b, qc_span_str("k1"), qc_span_str("v1"));
    qc_kv_batch_put(b, qc_span_str("empty"), qc_span_str(""));
    qc_kv_batch_put(b, qc_span_of("nul\0in", 6), qc_span_str("v2"));
    qc_kv_batch_delete(b, qc_span_str("gone"));
    assert_int_equal(qc_kv_write(kv, b, true), QC_OK);
    qc_kv_batch_free(b);
    qc_kv_close(kv);
    kv = open_kv(false);
    expect(kv, NULL, "k1", "v1");
    expect(kv, NULL, "empty", "");
    expect(kv, NULL, "nul", NULL);
    expect(kv, NULL, "gone", NULL);
    qc_bytes v = QC_BYTES_INIT;
    assert_int_equal(qc_kv_get(kv, NULL, qc_span_of("nul\0in", 6), &v), QC_OK);
    qc_bytes_free(&v);
    qc_kv_close(kv);
}

static void test_write__a_cleared_batch_writes_nothing(void **state)
{
    (void)state;
    qc_kv *kv = open_kv(false);
    assert_true(qc_kv_is_empty(kv));
    qc_kv_batch *b = qc_kv_batch_new(kv);
    size_t none = qc_kv_batch_size(b);
    assert_int_equal(none, 12);
    qc_kv_batch_put(b, qc_span_str("abc"), qc_span_str("defgh"));
    assert_int_equal(qc_kv_batch_size(b), 12 + 1 + 4 + 6);
    qc_kv_batch_delete(b, qc_span_str("abc"));
    assert_int_equal(qc_kv_batch_size(b), 12 + 1 + 4 + 6 + 1 + 4);
    qc_kv_batch_clear(b);
    assert_int_equal(qc_kv_batch_size(b), none);
    assert_int_equal(qc_kv_write(kv, b, true), QC_OK);
    assert_true(qc_kv_is_empty(kv));
    qc_kv_batch_free(b);
    qc_kv_close(kv);
}

static void test_snapshot__does_not_see_later_writes(void **state)
{
    (void)state;
    qc_kv *kv = open_kv(true);
    put(kv, "a", "1");
    qc_kv_snapshot *s = qc_kv_snapshot_new(kv);
    put(kv, "a", "2");
    put(kv, "b", "3");
    expect(kv, s, "a", "1");
    expect(kv, s, "b", NULL);
    expect(kv, NULL, "a", "2");
    qc_kv_iter *it = qc_kv_iter_new(kv, s);
    qc_kv_iter_seek(it, qc_span_str("a"));
    assert_true(qc_kv_iter_valid(it));
    assert_true(qc_span_eq(qc_kv_iter_value(it), qc_span_str("1")));
    qc_kv_iter_next(it);
    assert_false(qc_kv_iter_valid(it));
    assert_int_equal(qc_kv_iter_status(it), QC_OK);
    qc_kv_iter_free(it);
    qc_kv_snapshot_free(kv, s);
    qc_kv_close(kv);
}

static void test_iter__walks_in_key_order_both_ways(void **state)
{
    (void)state;
    qc_kv *kv = open_kv(true);
    char key[8], seen[64] = "";
    size_t n = 0;
    for (int i = 9; i >= 0; i--) {
        snprintf(key, sizeof key, "k%d", i);
        put(kv, key, key);
    }
    qc_kv_iter *it = qc_kv_iter_new(kv, NULL);
    for (qc_kv_iter_seek(it, qc_span_str("k35")); qc_kv_iter_valid(it); qc_kv_iter_next(it)) {
        assert_true(qc_span_eq(qc_kv_iter_key(it), qc_kv_iter_value(it)));
        seen[n++] = (char)qc_kv_iter_key(it).data[1];
    }
    assert_string_equal(seen, "456789");
    assert_int_equal(qc_kv_iter_status(it), QC_OK);
    qc_kv_iter_seek_last(it);
    assert_true(qc_span_eq(qc_kv_iter_key(it), qc_span_str("k9")));
    qc_kv_iter_prev(it);
    assert_true(qc_span_eq(qc_kv_iter_key(it), qc_span_str("k8")));
    qc_kv_iter_free(it);
    qc_kv_close(kv);
}

/* The record must be the one Core writes and reads: read it back in the clear, and check that a
 * second open takes it over. */
static void test_open__obfuscates_values_with_the_record_of_core(void **state)
{
    (void)state;
    if (g_engine != QC_KV_LEVELDB)
        skip();
    qc_kv *kv = open_kv(true);
    assert_false(qc_kv_is_empty(kv));
    put(kv, "plain", "some value of twenty");
    qc_kv_close(kv);
    leveldb_options_t *lo = leveldb_options_create();
    leveldb_readoptions_t *ro = leveldb_readoptions_create();
    char *msg = NULL;
    leveldb_t *db = leveldb_open(lo, g_path, &msg);
    assert_null(msg);
    size_t n, m;
    char *key = leveldb_get(db, ro, "\x0e\0obfuscate_key", 15, &n, &msg);
    char *raw = leveldb_get(db, ro, "plain", 5, &m, &msg);
    assert_non_null(key);
    assert_int_equal(n, 9);
    assert_int_equal(key[0], 8);
    assert_int_equal(m, 20);
    for (size_t i = 0; i < m; i++)
        assert_int_equal(raw[i] ^ key[1 + i % 8], "some value of twenty"[i]);
    leveldb_free(key);
    leveldb_free(raw);
    leveldb_close(db);
    leveldb_options_destroy(lo);
    leveldb_readoptions_destroy(ro);
    kv = open_kv(false); /* an existing key counts whatever is asked for */
    expect(kv, NULL, "plain", "some value of twenty");
    qc_kv_close(kv);
}

static void test_open__a_database_with_records_gets_no_key(void **state)
{
    (void)state;
    qc_kv *kv = open_kv(false);
    put(kv, "a", "1");
    qc_kv_close(kv);
    kv = open_kv(true);
    qc_bytes v = QC_BYTES_INIT;
    assert_int_equal(qc_kv_get(kv, NULL, qc_span_of("\x0e\0obfuscate_key", 15), &v), QC_ENOENT);
    expect(kv, NULL, "a", "1");
    qc_kv_close(kv);
}

static void test_open__a_malformed_key_record_is_corrupt(void **state)
{
    (void)state;
    if (g_engine != QC_KV_LEVELDB)
        skip();
    qc_kv *kv = open_kv(false);
    qc_kv_batch *b = qc_kv_batch_new(kv);
    qc_kv_batch_put(b, qc_span_of("\x0e\0obfuscate_key", 15), qc_span_of("\x07zzzzzzz", 8));
    assert_int_equal(qc_kv_write(kv, b, true), QC_OK);
    qc_kv_batch_free(b);
    qc_kv_close(kv);
    qc_kv_options o = options(true);
    assert_int_equal(qc_kv_open(&kv, g_path, &o, g_detail, sizeof g_detail), QC_ECORRUPT);
    assert_null(kv);
    assert_non_null(strstr(g_detail, g_path));
    assert_non_null(strstr(g_detail, "8 bytes where 9 are wanted"));
}

static void test_open__a_held_folder_is_busy(void **state)
{
    (void)state;
    qc_kv *kv = open_kv(false);
    assert_int_equal(run_child("busy"), 0);
    qc_kv_close(kv);
}

static void test_open__absent_without_create_is_enoent_and_makes_nothing(void **state)
{
    (void)state;
    qc_kv *kv;
    qc_kv_options o = options(false);
    o.create = false;
    assert_int_equal(qc_kv_open(&kv, g_path, &o, g_detail, sizeof g_detail), QC_ENOENT);
    assert_null(kv);
    assert_false(qc_os_exists(g_path));
}

static void test_open__wipe_forgets_everything(void **state)
{
    (void)state;
    qc_kv *kv = open_kv(false);
    put(kv, "a", "1");
    qc_kv_close(kv);
    qc_kv_options o = options(false);
    o.wipe = true;
    assert_int_equal(qc_kv_open(&kv, g_path, &o, g_detail, sizeof g_detail), QC_OK);
    assert_true(qc_kv_is_empty(kv));
    qc_kv_close(kv);
}

/* Flip a byte in the middle of every file whose name ends so. */
static int damage(const char *suffix)
{
    qc_os_list l;
    int hit = 0;
    assert_int_equal(qc_os_list_dir(g_path, &l), QC_OK);
    for (size_t i = 0; i < l.n; i++) {
        size_t n = strlen(l.name[i]), m = strlen(suffix);
        if (n < m || strcmp(l.name[i] + n - m, suffix) != 0)
            continue;
        char *file = qc_asprintf("%s/%s", g_path, l.name[i]);
        int fd = open(file, O_RDWR);
        assert_true(fd >= 0);
        off_t at = lseek(fd, 0, SEEK_END) / 2;
        uint8_t c;
        if (at > 0 && pread(fd, &c, 1, at) == 1) {
            c ^= 0x55;
            assert_int_equal(pwrite(fd, &c, 1, at), 1);
            hit++;
        }
        close(fd);
        qc_free(file);
    }
    qc_os_list_free(&l);
    return hit;
}

static void fill(qc_kv *kv, unsigned n)
{
    qc_kv_batch *b = qc_kv_batch_new(kv);
    for (unsigned i = 0; i < n; i++) {
        char key[32], value[128];
        snprintf(key, sizeof key, "key%08u", i);
        snprintf(value, sizeof value, "%0100u", i * 2654435761u);
        qc_kv_batch_put(b, qc_span_str(key), qc_span_str(value));
    }
    assert_int_equal(qc_kv_write(kv, b, true), QC_OK);
    qc_kv_batch_free(b);
}

static void test_read__a_damaged_table_is_corrupt(void **state)
{
    (void)state;
    qc_kv *kv = open_kv(false);
    fill(kv, 20000);
    qc_kv_compact(kv);
    qc_kv_close(kv);
    assert_true(damage(g_engine == QC_KV_LEVELDB ? ".ldb" : ".sst") > 0);
    qc_kv_options o = options(false);
    qc_err err = qc_kv_open(&kv, g_path, &o, g_detail, sizeof g_detail);
    if (!err) {
        qc_kv_iter *it = qc_kv_iter_new(kv, NULL);
        qc_kv_iter_seek(it, qc_span_str(""));
        while (qc_kv_iter_valid(it))
            qc_kv_iter_next(it);
        err = qc_kv_iter_status(it);
        qc_kv_iter_free(it);
        qc_bytes v = QC_BYTES_INIT;
        unsigned bad = 0;
        for (unsigned i = 0; i < 20000; i++) {
            char key[32];
            snprintf(key, sizeof key, "key%08u", i);
            qc_err e = qc_kv_get(kv, NULL, qc_span_str(key), &v);
            bad += e == QC_ECORRUPT;
            assert_true(e == QC_OK || e == QC_ECORRUPT);
            qc_bytes_free(&v);
        }
        assert_true(bad > 0);
        qc_kv_close(kv);
    }
    assert_int_equal(err, QC_ECORRUPT);
}

static void test_open__a_damaged_manifest_is_corrupt_with_the_engines_words(void **state)
{
    (void)state;
    qc_kv *kv = open_kv(false);
    fill(kv, 100);
    qc_kv_close(kv);
    char *current = qc_asprintf("%s/CURRENT", g_path);
    qc_bytes was;
    assert_int_equal(qc_os_read_file(current, 100, &was), QC_OK);
    assert_int_equal(qc_os_write_file_atomic(current, qc_span_str("MANIFEST-999999\n"), 0600),
                     QC_OK);
    qc_kv_options o = options(false);
    qc_err err = qc_kv_open(&kv, g_path, &o, g_detail, sizeof g_detail);
    assert_true(err == QC_ECORRUPT || err == QC_EIO);
    assert_non_null(strstr(g_detail, "MANIFEST-999999"));
    qc_bytes_free(&was);
    qc_free(current);
}

static void test_open__compressed_tables_are_refused_by_name(void **state)
{
    (void)state;
    if (g_engine != QC_KV_LEVELDB)
        skip();
    assert_int_equal(qc_os_mkdirs(g_path), QC_OK);
    leveldb_options_t *lo = leveldb_options_create();
    leveldb_options_set_create_if_missing(lo, 1);
    leveldb_options_set_compression(lo, leveldb_snappy_compression);
    leveldb_writeoptions_t *wo = leveldb_writeoptions_create();
    char *msg = NULL, value[1000] = {0};
    leveldb_t *db = leveldb_open(lo, g_path, &msg);
    for (char k = 'a'; k <= 'z'; k++)
        leveldb_put(db, wo, &k, 1, value, sizeof value, &msg);
    leveldb_compact_range(db, NULL, 0, NULL, 0);
    assert_null(msg);
    leveldb_close(db);
    leveldb_options_destroy(lo);
    leveldb_writeoptions_destroy(wo);
    qc_kv *kv;
    qc_kv_options o = options(true);
    assert_int_equal(qc_kv_open(&kv, g_path, &o, g_detail, sizeof g_detail), QC_EUNSUPPORTED);
    assert_non_null(strstr(g_detail, ".ldb"));
    assert_non_null(strstr(g_detail, "compressed"));
}

static void test_write__a_refused_write_is_reported_and_loses_nothing_old(void **state)
{
    (void)state;
    qc_kv *kv = open_kv(false);
    put(kv, "old", "kept");
    qc_kv_close(kv);
    assert_int_equal(run_child("limit"), 0);
    kv = open_kv(false);
    expect(kv, NULL, "old", "kept");
    expect(kv, NULL, "new", NULL);
    qc_kv_close(kv);
}

static void test_write__a_full_disk_is_told_apart(void **state)
{
    (void)state;
    int got = run_child("full");
    if (got == CHILD_SKIP)
        skip();
    assert_int_equal(got, 0);
}

/* One open, write, read and walk. */
static qc_err use_once(void)
{
    qc_kv *kv;
    qc_kv_options o = options(true);
    qc_err err = qc_kv_open(&kv, g_path, &o, g_detail, sizeof g_detail);
    if (err)
        return err;
    qc_kv_batch *b = qc_kv_batch_new(kv);
    qc_kv_batch_put(b, qc_span_str("a"), qc_span_str("1"));
    err = qc_kv_write(kv, b, true);
    qc_kv_batch_free(b);
    qc_bytes v = QC_BYTES_INIT;
    if (!err)
        err = qc_kv_get(kv, NULL, qc_span_str("a"), &v);
    qc_bytes_free(&v);
    qc_kv_iter *it = qc_kv_iter_new(kv, NULL);
    if (!err) {
        for (qc_kv_iter_seek(it, qc_span_str("a")); qc_kv_iter_valid(it); qc_kv_iter_next(it))
            (void)qc_kv_iter_value(it);
        err = qc_kv_iter_status(it);
    }
    qc_kv_iter_free(it);
    qc_kv_close(kv);
    return err;
}

static void test_use__survives_each_single_fault(void **state)
{
    (void)state;
    uint64_t n = 0;
    qc_err err = QC_EIO;
    while (err && n < 100) {
        qc_fault_arm(++n);
        err = use_once();
        qc_fault_arm(0);
        assert_true(!err || err == QC_EIO || err == QC_ENOMEM);
        assert_true(!err || n < 6 || g_detail[0] == 0 || strstr(g_detail, g_path));
    }
    assert_true(n > 8 && n < 100);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
static const struct CMUnitTest TESTS[] = {
    T(test_get__finds_what_a_batch_wrote_after_reopening),
    T(test_write__a_cleared_batch_writes_nothing),
    T(test_snapshot__does_not_see_later_writes),
    T(test_iter__walks_in_key_order_both_ways),
    T(test_open__obfuscates_values_with_the_record_of_core),
    T(test_open__a_database_with_records_gets_no_key),
    T(test_open__a_malformed_key_record_is_corrupt),
    T(test_open__a_held_folder_is_busy),
    T(test_open__absent_without_create_is_enoent_and_makes_nothing),
    T(test_open__wipe_forgets_everything),
    T(test_read__a_damaged_table_is_corrupt),
    T(test_open__a_damaged_manifest_is_corrupt_with_the_engines_words),
    T(test_open__compressed_tables_are_refused_by_name),
    T(test_write__a_refused_write_is_reported_and_loses_nothing_old),
    T(test_write__a_full_disk_is_told_apart),
    T(test_use__survives_each_single_fault),
};

int main(int argc, char **argv)
{
    if (argc == 4)
        return child(argv);
    int failed = 0;
    g_engine = QC_KV_LEVELDB;
    failed += cmocka_run_group_tests_name("leveldb", TESTS, NULL, NULL);
    g_engine = QC_KV_ROCKSDB;
    failed += cmocka_run_group_tests_name("rocksdb", TESTS, NULL, NULL);
    return failed != 0;
}
