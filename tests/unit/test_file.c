#include "core/os/file.h"
#include "tests/unit/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_open__says_what_is_wrong(void **state)
{
    (void)state;
    int fd = -7;
    assert_int_equal(qc_os_open_ro(&fd, tmp_path("absent")), QC_ENOENT);
    assert_int_equal(qc_os_open_rw(&fd, tmp_path("absent"), false), QC_ENOENT);
    assert_int_equal(fd, -7);
    assert_int_equal(qc_os_open_rw(&fd, tmp_path("made"), true), QC_OK);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0077, 0);
    qc_os_close(fd);
    qc_os_close(-1);
}

static void test_pread_full__wants_every_byte(void **state)
{
    (void)state;
    int fd;
    char buf[8] = "";
    assert_int_equal(qc_os_open_ro(&fd, tmp_write("abcdef", 6)), QC_OK);
    assert_int_equal(qc_os_pread_full(fd, buf, 4, 2), QC_OK);
    assert_string_equal(buf, "cdef");
    assert_int_equal(qc_os_pread_full(fd, buf, 4, 3), QC_ECORRUPT);
    assert_int_equal(qc_os_pread_full(fd, buf, 0, 99), QC_OK);
    assert_int_equal(qc_os_pread_full(fd, buf, 4, UINT64_MAX - 2), QC_ECORRUPT);
    assert_int_equal(qc_os_pread_full(fd, buf, 4, (uint64_t)INT64_MAX), QC_ECORRUPT);
    qc_os_close(fd);
}

static void test_pwrite_full__writes_there_and_grows(void **state)
{
    (void)state;
    int fd;
    uint64_t size;
    const char *path = tmp_path("grow");
    assert_int_equal(qc_os_open_rw(&fd, path, true), QC_OK);
    assert_int_equal(qc_os_pwrite_full(fd, "xyz", 3, 2), QC_OK);
    assert_int_equal(qc_os_pwrite_full(fd, "x", 1, INT64_MAX), QC_EINVAL);
    assert_int_equal(qc_os_sync(fd), QC_OK);
    assert_int_equal(qc_os_sync_dir_of(path), QC_OK);
    assert_int_equal(qc_os_size(fd, &size), QC_OK);
    assert_int_equal(size, 5);
    assert_int_equal(qc_os_preallocate(fd, 1, 9), QC_OK);
    assert_int_equal(qc_os_preallocate(fd, 0, 3), QC_OK);
    qc_bytes b = tmp_read(path);
    assert_int_equal(b.len, 10);
    assert_memory_equal(b.data, "\0\0xyz\0\0\0\0\0", 10);
    qc_bytes_free(&b);
    assert_int_equal(qc_os_truncate(fd, 4), QC_OK);
    assert_int_equal(qc_os_truncate(fd, UINT64_MAX), QC_EINVAL);
    assert_int_equal(qc_os_size(fd, &size), QC_OK);
    assert_int_equal(size, 4);
    qc_os_close(fd);
}

static void test_write__reports_a_full_disk(void **state)
{
    (void)state;
    int fd;
    if (qc_os_open_rw(&fd, "/dev/full", false))
        skip();
    assert_int_equal(qc_os_pwrite_full(fd, "x", 1, 0), QC_EFULL);
    assert_int_equal(errno, ENOSPC);
    qc_os_close(fd);
}

static void test_read_file__bounds_the_size(void **state)
{
    (void)state;
    qc_bytes b = QC_BYTES_INIT;
    const char *path = tmp_write("12345", 5);
    assert_int_equal(qc_os_read_file(path, 4, &b), QC_ERANGE);
    assert_null(b.data);
    assert_int_equal(qc_os_read_file(path, 5, &b), QC_OK);
    assert_int_equal(b.len, 5);
    assert_memory_equal(b.data, "12345", 5);
    qc_bytes_free(&b);
    assert_int_equal(qc_os_read_file(path, SIZE_MAX, &b), QC_OK);
    qc_bytes_free(&b);
    assert_int_equal(qc_os_read_file("/dev/zero", 100000, &b), QC_ERANGE);
    assert_int_equal(qc_os_read_file("/dev/null", 0, &b), QC_OK);
    assert_int_equal(b.len, 0);
    qc_bytes_free(&b);
    assert_int_equal(qc_os_read_file(tmp_mkdir(), 9, &b), QC_EIO);
    assert_int_equal(qc_os_read_file(tmp_path("absent"), 9, &b), QC_ENOENT);
}

static void test_write_file_atomic__replaces_or_leaves(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir();
    char *path = qc_asprintf("%s/cookie", dir);
    unsigned runs;
    assert_int_equal(qc_os_write_file_atomic(path, qc_span_str("old"), 0600), QC_OK);
    FOR_EACH_FAULT (runs) {
        qc_err err = qc_os_write_file_atomic(path, qc_span_str("new one"), 0640);
        bool hit = fault_was_hit();
        uint64_t left = qc_fault_left();
        fault_arm(0);
        qc_bytes b = tmp_read(path);
        qc_os_list l;
        assert_int_equal(qc_os_list_dir(dir, &l), QC_OK);
        assert_int_equal(l.n, 1); /* no temporary file stays behind */
        qc_os_list_free(&l);
        assert_int_equal(err, hit ? QC_EIO : QC_OK);
        /* Once renamed, only the sync of the folder can still fail. */
        assert_string_equal(b.data, runs < 5 ? "old" : "new one");
        qc_bytes_free(&b);
        fault_arm(left);
    }
    assert_int_equal(runs, 6); /* open, write, sync, rename, sync of the folder; then none */
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    qc_free(path);
}

static void test_mtime__is_that_of_the_contents(void **state)
{
    (void)state;
    int64_t t = 7;
    const char *path = tmp_write("x", 1);
    struct timespec set[2] = {{.tv_sec = 100}, {.tv_sec = 1234567890, .tv_nsec = 999999999}};
    assert_int_equal(utimensat(AT_FDCWD, path, set, 0), 0);
    assert_int_equal(qc_os_mtime(tmp_path("none"), &t), QC_ENOENT);
    fault_arm(1);
    assert_int_equal(qc_os_mtime(path, &t), QC_EIO);
    assert_int_equal(t, 7);
    assert_int_equal(qc_os_mtime(path, &t), QC_OK);
    assert_int_equal(t, 1234567890);
}

static void test_mkdirs__makes_parents(void **state)
{
    (void)state;
    const char *path = tmp_path("a/b//c/");
    assert_int_equal(qc_os_mkdir(tmp_path("a/b")), QC_ENOENT);
    assert_int_equal(qc_os_mkdirs(path), QC_OK);
    assert_int_equal(qc_os_mkdirs(path), QC_OK);
    assert_int_equal(qc_os_mkdir(path), QC_OK);
    assert_true(qc_os_exists(tmp_path("a/b/c")));
    char *under_file = qc_asprintf("%s/x", tmp_write("", 0));
    assert_int_equal(qc_os_mkdirs(under_file), QC_ENOENT);
    qc_free(under_file);
    assert_int_equal(qc_os_mkdirs(tmp_write("", 0)), QC_EEXIST);
    assert_int_equal(qc_os_mkdirs("/"), QC_OK);
}

static void test_list_dir__is_sorted(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir();
    static const char *const names[] = {"b", "a", "d", ".x", "c"};
    for (size_t i = 0; i < QC_COUNTOF(names); i++) {
        char *path = qc_asprintf("%s/%s", dir, names[i]);
        assert_int_equal(qc_os_write_file_atomic(path, qc_span_str(""), 0600), QC_OK);
        qc_free(path);
    }
    unsigned runs;
    qc_os_list l;
    FOR_EACH_FAULT (runs)
        if (!qc_os_list_dir(dir, &l)) {
            assert_int_equal(l.n, 5);
            assert_string_equal(l.name[0], ".x");
            assert_string_equal(l.name[4], "d");
            qc_os_list_free(&l);
        }
    assert_in_range(runs, 3, 10);
    assert_int_equal(qc_os_list_dir(tmp_mkdir(), &l), QC_OK);
    assert_int_equal(l.n, 0);
    qc_os_list_free(&l);
    assert_int_equal(qc_os_list_dir(tmp_path("absent"), &l), QC_ENOENT);
}

static void test_remove_tree__takes_all_and_follows_no_link(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir(), *other = tmp_mkdir();
    char *deep = qc_asprintf("%s/a/b/c", dir), *link = qc_asprintf("%s/a/link", dir);
    char *kept = qc_asprintf("%s/kept", other);
    assert_int_equal(qc_os_mkdirs(deep), QC_OK);
    assert_int_equal(qc_os_write_file_atomic(kept, qc_span_str("k"), 0600), QC_OK);
    assert_int_equal(symlink(other, link), 0);
    assert_int_equal(qc_os_remove_tree(dir), QC_OK);
    assert_false(qc_os_exists(dir));
    assert_true(qc_os_exists(kept));
    assert_int_equal(qc_os_remove_tree(dir), QC_OK);
    qc_free(deep);
    qc_free(link);
    qc_free(kept);
}

static void test_rename_unlink__report_absence(void **state)
{
    (void)state;
    const char *from = tmp_write("1", 1), *to = tmp_path("renamed");
    assert_int_equal(qc_os_rename(from, to), QC_OK);
    assert_int_equal(qc_os_rename(from, to), QC_ENOENT);
    assert_int_equal(qc_os_unlink(to), QC_OK);
    assert_int_equal(qc_os_unlink(to), QC_ENOENT);
}

static void test_free_space__is_of_that_disk(void **state)
{
    (void)state;
    uint64_t n = UINT64_MAX;
    assert_int_equal(qc_os_free_space(tmp_dir(), &n), QC_OK);
    assert_true(n < UINT64_MAX);
    assert_int_equal(qc_os_free_space(tmp_path("absent"), &n), QC_ENOENT);
}

/* Take the lock as another process would: 'c' the way Bitcoin Core does, 'o' our way. */
static qc_err lock_in_child(const char *dir, char how)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        qc_dirlock *l;
        struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (how == 'o')
            _exit((int)qc_dirlock_take(dir, &l));
        char *path = qc_asprintf("%s/.lock", dir);
        int fd = open(path, O_RDWR | O_CREAT, 0600);
        _exit(fcntl(fd, F_SETLK, &fl) ? QC_EBUSY : QC_OK);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return (qc_err)WEXITSTATUS(status);
}

static void test_dirlock__keeps_others_out_until_freed(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir();
    qc_dirlock *l, *second;
    assert_int_equal(qc_dirlock_take(dir, &l), QC_OK);
    assert_int_equal(qc_dirlock_take(dir, &second), QC_EBUSY);
    assert_int_equal(lock_in_child(dir, 'o'), QC_EBUSY);
    assert_int_equal(lock_in_child(dir, 'c'), QC_EBUSY);
    qc_dirlock_free(l);
    assert_int_equal(lock_in_child(dir, 'c'), QC_OK);
    assert_int_equal(lock_in_child(dir, 'o'), QC_OK);
    assert_int_equal(qc_dirlock_take(tmp_path("absent"), &l), QC_ENOENT);
    qc_dirlock_free(NULL);
}

static void test_random__differs_and_fills(void **state)
{
    (void)state;
    uint8_t a[64] = {0}, b[64] = {0};
    qc_os_random(a, sizeof a);
    qc_os_random(b, sizeof b);
    assert_memory_not_equal(a, b, 32);
    assert_memory_not_equal(a + 32, b + 32, 32);
}

QC_TEST_MAIN(cmocka_unit_test(test_open__says_what_is_wrong),
             cmocka_unit_test(test_pread_full__wants_every_byte),
             cmocka_unit_test(test_pwrite_full__writes_there_and_grows),
             cmocka_unit_test(test_write__reports_a_full_disk),
             cmocka_unit_test(test_read_file__bounds_the_size),
             cmocka_unit_test(test_write_file_atomic__replaces_or_leaves),
             cmocka_unit_test(test_mtime__is_that_of_the_contents),
             cmocka_unit_test(test_mkdirs__makes_parents),
             cmocka_unit_test(test_list_dir__is_sorted),
             cmocka_unit_test(test_remove_tree__takes_all_and_follows_no_link),
             cmocka_unit_test(test_rename_unlink__report_absence),
             cmocka_unit_test(test_free_space__is_of_that_disk),
             cmocka_unit_test(test_dirlock__keeps_others_out_until_freed),
             cmocka_unit_test(test_random__differs_and_fills))
