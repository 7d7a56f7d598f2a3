/* Scratch files, vectors, faults, and the run of a test program. */
#include "tests/unit/harness.h"

#include "core/os/file.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_TESTS 512
#define MAX_RUNS 100000 /* a loop over faults that goes on longer makes no headway */

static char *g_dir;
static char **g_path; /* every path handed out */
static size_t g_paths;
static pid_t g_owner;

static void tmp_clean(void)
{
    if (g_owner != getpid()) /* a forked child that exits leaves its parent's files alone */
        return;
    qc_fault_arm(0);
    if (g_dir && qc_os_remove_tree(g_dir))
        fprintf(stderr, "cannot remove %s\n", g_dir);
    for (size_t i = 0; i < g_paths; i++)
        free(g_path[i]);
    free(g_path);
    free(g_dir);
}

const char *tmp_dir(void)
{
    if (g_dir)
        return g_dir;
    const char *root = getenv("TMPDIR");
    g_dir = qc_asprintf("%s/quoin-test.XXXXXX", root && *root ? root : "/tmp");
    if (!mkdtemp(g_dir)) {
        perror(g_dir);
        exit(1);
    }
    g_owner = getpid();
    atexit(tmp_clean);
    return g_dir;
}

static const char *keep(char *path)
{
    char **more = realloc(g_path, (g_paths + 1) * sizeof *more);
    if (!more)
        abort();
    g_path = more;
    return g_path[g_paths++] = path;
}

const char *tmp_path(const char *name)
{
    return keep(qc_asprintf("%s/%s", tmp_dir(), name));
}

const char *tmp_write(const void *data, size_t len)
{
    const char *path = keep(qc_asprintf("%s/file-%zu", tmp_dir(), g_paths));
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    return path;
}

const char *tmp_mkdir(void)
{
    const char *path = keep(qc_asprintf("%s/dir-%zu", tmp_dir(), g_paths));
    assert_int_equal(mkdir(path, 0700), 0);
    return path;
}

qc_bytes tmp_read(const char *path)
{
    qc_bytes b = QC_BYTES_INIT;
    if (qc_os_read_file(path, SIZE_MAX / 4, &b) || qc_bytes_append(&b, "", 1))
        fail_msg("cannot read %s: %s", path, strerror(errno));
    b.len--;
    return b;
}

qc_bytes hex_bytes(const char *hex)
{
    qc_bytes b;
    size_t n = strlen(hex);
    assert_int_equal(n % 2, 0);
    assert_int_equal(qc_bytes_alloc(&b, n / 2), QC_OK);
    for (size_t i = 0; i < n / 2; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], 0}, *end;
        b.data[i] = (uint8_t)strtoul(two, &end, 16);
        assert_ptr_equal(end, two + 2);
    }
    return b;
}

const char *qc_test_vectors_dir(void)
{
    const char *dir = getenv("QUOIN_VECTORS");
    if (!dir || !*dir)
        dir = QC_TOP_SRCDIR "/../shared/vectors";
    return access(dir, R_OK | X_OK) ? NULL : dir;
}

const char *vectors_path(const char *name)
{
    const char *dir = qc_test_vectors_dir();
    char *path = qc_asprintf("%s/%s", dir ? dir : "", name);
    bool there = dir && access(path, R_OK) == 0;
    keep(path);
    if (!there) {
        print_message("no test vector %s: set QUOIN_VECTORS to the folder that holds it\n", name);
        skip();
    }
    return path;
}

bool fault_next(unsigned *runs)
{
    if (*runs && !fault_was_hit()) {
        qc_fault_arm(0);
        return false;
    }
    if (++*runs > MAX_RUNS)
        fail_msg("still failing after %d faults", MAX_RUNS);
    qc_fault_arm(*runs);
    return true;
}

uint64_t test_rand(uint64_t *seed)
{
    /* splitmix64: every seed is good, the sequence is the same everywhere. */
    uint64_t z = *seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static int open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    if (!d)
        return 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static int g_open_before;

static int before_each(void **state)
{
    (void)state;
    tmp_dir();
    g_open_before = open_files();
    return 0;
}

static int after_each(void **state)
{
    (void)state;
    qc_fault_arm(0);
    int now = open_files();
    if (now > g_open_before) /* fewer: of an earlier test something was closed late */
        print_error("%d files open before this test, %d after\n", g_open_before, now);
    return now > g_open_before ? -1 : 0;
}

int qc_test_run(const char *name, const struct CMUnitTest *tests, size_t n,
                CMFixtureFunction group_setup, CMFixtureFunction group_teardown)
{
    struct CMUnitTest each[MAX_TESTS];
    if (n > MAX_TESTS)
        abort();
    memcpy(each, tests, n * sizeof *tests);
    for (size_t i = 0; i < n; i++) {
        if (each[i].setup_func || each[i].teardown_func)
            continue;
        each[i].setup_func = before_each;
        each[i].teardown_func = after_each;
    }
    return _cmocka_run_group_tests(name, each, n, group_setup, group_teardown) != 0;
}
