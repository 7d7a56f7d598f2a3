/* The shim proves itself: each of its modes on a small program whose every state is known, and on
 * both key-value engines. The disk that lies about syncs must be caught. */
#include "core/os/file.h"
#include "tests/unit/harness.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLED 137

typedef struct run {
    int status;
    char out[8192];
} run;

/* Run the writer with these FAULTFS_ variables ("NAME=value ...", may be empty: no shim). */
static run writer(const char *mode, const char *dir, const char *vars)
{
    const char *build = getenv("top_builddir") ? getenv("top_builddir") : ".";
    char *shim = *vars ? qc_asprintf("LD_PRELOAD=%s/tests/faultfs.so FAULTFS_PROGRAM=writer "
                                     "ASAN_OPTIONS=verify_asan_link_order=0 FAULTFS_ROOT=%s %s",
                                     build, dir, vars)
                       : qc_strdup("");
    char *line = qc_asprintf("env %s %s/tests/faultfs/writer %s %s", shim, build, mode, dir);
    qc_free(shim);
    run r = {0};
    FILE *p = popen(line, "r");
    assert_non_null(p);
    size_t n = fread(r.out, 1, sizeof r.out - 1, p);
    r.out[n] = 0;
    int status = pclose(p);
    assert_true(WIFEXITED(status));
    r.status = WEXITSTATUS(status);
    if (r.status != 0 && r.status != 3 && r.status != KILLED)
        fail_msg("%s: status %d, %s", line, r.status, r.out);
    qc_free(line);
    return r;
}

static run writer_at(const char *mode, const char *dir, const char *var, unsigned n)
{
    char vars[128];
    snprintf(vars, sizeof vars, "%s=%u", var, n);
    return writer(mode, dir, vars);
}

/* The number after the last "<word> " line; -1: none. */
static int last_said(const run *r, const char *word)
{
    int n = -1;
    size_t len = strlen(word);
    for (const char *p = r->out; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
        if (strncmp(p, word, len) == 0 && p[len] == ' ')
            n = (int)strtol(p + len, NULL, 10);
    return n;
}

/* Length of a file; -1: there is none. */
static long length_of(const char *dir, const char *name)
{
    char *path = qc_asprintf("%s/%s", dir, name);
    long n = -1;
    qc_bytes b;
    if (!qc_os_read_file(path, 1 << 20, &b)) {
        n = (long)b.len;
        qc_bytes_free(&b);
    }
    qc_free(path);
    return n;
}

static unsigned count_calls(const char *mode)
{
    const char *path = tmp_path("count");
    char *vars = qc_asprintf("FAULTFS_COUNT=%s", path);
    run r = writer(mode, tmp_mkdir(), vars);
    assert_int_equal(r.status, 0);
    qc_bytes b = tmp_read(path);
    unsigned n = (unsigned)strtoul((char *)b.data, NULL, 10);
    qc_bytes_free(&b);
    qc_free(vars);
    return n;
}

static void no_scraps(const char *dir)
{
    char *parent = qc_strdup(dir), *base = strrchr(parent, '/');
    *base++ = 0;
    qc_os_list l;
    assert_int_equal(qc_os_list_dir(parent, &l), QC_OK);
    for (size_t i = 0; i < l.n; i++)
        assert_null(strstr(l.name[i], ".faultfs"));
    qc_os_list_free(&l);
    qc_free(parent);
}

static void test_count__is_of_every_call(void **state)
{
    (void)state;
    assert_int_equal(count_calls("log"), 1 + 15 + 10);
    assert_int_equal(count_calls("replace"), 5 * 5);
}

static void test_fail_at__fails_that_call_with_that_error(void **state)
{
    (void)state;
    run r = writer("log", tmp_mkdir(), "FAULTFS_FAIL_AT=3");
    assert_int_equal(r.status, 3);
    assert_string_equal(r.out, "error fdatasync: Input/output error\n");
    r = writer("log", tmp_mkdir(), "FAULTFS_FAIL_AT=4 FAULTFS_ERRNO=ENOSPC");
    assert_string_equal(r.out, "synced 1\nerror write: No space left on device\n");
    r = writer("log", tmp_mkdir(), "FAULTFS_FAIL_AT=27");
    assert_int_equal(r.status, 0);
    r = writer("log", tmp_mkdir(), "FAULTFS_FAIL_AT=1 FAULTFS_MATCH=elsewhere");
    assert_int_equal(r.status, 0);
    for (unsigned n = 1; n <= 25; n++)
        assert_int_equal(writer_at("replace", tmp_mkdir(), "FAULTFS_FAIL_AT", n).status, 3);
}

static void test_stop_at__keeps_what_was_written(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 26; n++) {
        const char *dir = tmp_mkdir();
        run r = writer_at("log", dir, "FAULTFS_STOP_AT", n);
        assert_int_equal(r.status, KILLED);
        long writes = n == 1 ? -1 : n <= 21 ? (long)(n - 1) / 2 : (long)n - 12;
        assert_int_equal(length_of(dir, "log"), writes < 0 ? -1 : writes * 100);
    }
}

static void test_crash_at__keeps_what_was_synced_only(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 26; n++) {
        const char *dir = tmp_mkdir();
        run r = writer_at("log", dir, "FAULTFS_CRASH_AT", n);
        int synced = last_said(&r, "synced");
        assert_int_equal(r.status, KILLED);
        assert_int_equal(length_of(dir, "log"), synced < 0 ? -1 : synced * 100);
        no_scraps(dir);
    }
}

static void test_crash_at__undoes_every_kind_of_change(void **state)
{
    (void)state;
    unsigned calls = count_calls("bytes");
    for (unsigned n = 4; n <= calls; n++) {
        const char *dir = tmp_mkdir();
        assert_int_equal(writer_at("bytes", dir, "FAULTFS_CRASH_AT", n).status, KILLED);
        char *path = qc_asprintf("%s/bytes", dir);
        qc_bytes b = tmp_read(path);
        assert_int_equal(b.len, 10);
        assert_memory_equal(b.data, "0123456789", 10);
        qc_bytes_free(&b);
        qc_free(path);
        no_scraps(dir);
    }
}

static void test_crash_at__makes_names_durable_in_order(void **state)
{
    (void)state;
    unsigned calls = count_calls("names");
    for (unsigned n = 1; n <= calls; n++) {
        const char *dir = tmp_mkdir();
        run r = writer_at("names", dir, "FAULTFS_CRASH_AT", n);
        assert_int_equal(r.status, KILLED);
        long a = length_of(dir, "sub/a"), b = length_of(dir, "sub/b");
        if (last_said(&r, "none") == 0)
            assert_true(a < 0 && b < 0 && length_of(dir, "sub") < 0);
        else if (last_said(&r, "ab") == 0)
            assert_true(a == 1 && b == 1);
        else if (last_said(&r, "a") == 0) /* the rename has not been synced */
            assert_true(a == 1 && b < 0);
        else
            assert_true(a < 0 && b < 0);
        no_scraps(dir);
    }
}

static void test_crash_at__leaves_an_atomic_replacement_whole(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 25; n++) {
        const char *dir = tmp_mkdir();
        run r = writer_at("replace", dir, "FAULTFS_CRASH_AT", n);
        int said = last_said(&r, "synced");
        char *path = qc_asprintf("%s/value", dir);
        if (said < 0) {
            assert_false(qc_os_exists(path));
        } else {
            char want[32];
            snprintf(want, sizeof want, "value %d", said);
            qc_bytes b = tmp_read(path);
            assert_string_equal(b.data, want);
            qc_bytes_free(&b);
        }
        qc_free(path);
    }
}

/* After a crash at many points, is every acknowledged key still there? */
static unsigned lost_keys(const char *mode, const char *vars, unsigned points)
{
    char *reader = qc_asprintf("%s-read", mode);
    unsigned lost = 0, calls = count_calls(mode);
    assert_in_range(calls, 80, 5000);
    for (unsigned i = 0; i < points; i++) {
        const char *dir = tmp_mkdir();
        char *all = qc_asprintf("%s FAULTFS_CRASH_AT=%u", vars, 1 + i * calls / points);
        run wrote = writer(mode, dir, all);
        /* Background work varies: a run may have fewer calls than the one that was counted. */
        run found = writer(reader, dir, "FAULTFS_CRASH_AT=0"); /* the shim spares real syncs */
        int said = last_said(&wrote, "synced"), have = last_said(&found, "synced");
        lost += found.status != 0 || have < said;
        qc_free(all);
        no_scraps(dir);
    }
    qc_free(reader);
    return lost;
}

static void test_leveldb__keeps_acknowledged_keys_unless_the_disk_lies(void **state)
{
    (void)state;
    assert_int_equal(lost_keys("leveldb", "", 40), 0);
    assert_in_range(lost_keys("leveldb", "FAULTFS_LIE_SYNC=1", 10), 5, 10);
}

static void test_rocksdb__keeps_acknowledged_keys_unless_the_disk_lies(void **state)
{
    (void)state;
    assert_int_equal(lost_keys("rocksdb", "", 20), 0);
    assert_in_range(lost_keys("rocksdb", "FAULTFS_LIE_SYNC=1", 6), 3, 6);
}

static void test_lie_sync__loses_what_the_honest_disk_keeps(void **state)
{
    (void)state;
    const char *honest = tmp_mkdir(), *liar = tmp_mkdir();
    run a = writer("log", honest, "FAULTFS_CRASH_AT=26");
    run b = writer("log", liar, "FAULTFS_CRASH_AT=26 FAULTFS_LIE_SYNC=1");
    assert_string_equal(a.out, b.out);
    assert_int_equal(length_of(honest, "log"), 1000);
    assert_int_equal(length_of(liar, "log"), -1);
}

QC_TEST_MAIN(cmocka_unit_test(test_count__is_of_every_call),
             cmocka_unit_test(test_fail_at__fails_that_call_with_that_error),
             cmocka_unit_test(test_stop_at__keeps_what_was_written),
             cmocka_unit_test(test_crash_at__keeps_what_was_synced_only),
             cmocka_unit_test(test_crash_at__undoes_every_kind_of_change),
             cmocka_unit_test(test_crash_at__makes_names_durable_in_order),
             cmocka_unit_test(test_crash_at__leaves_an_atomic_replacement_whole),
             cmocka_unit_test(test_lie_sync__loses_what_the_honest_disk_keeps),
             cmocka_unit_test(test_leveldb__keeps_acknowledged_keys_unless_the_disk_lies),
             cmocka_unit_test(test_rocksdb__keeps_acknowledged_keys_unless_the_disk_lies))
