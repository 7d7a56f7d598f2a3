/* What test_faultfs runs under the shim: writer MODE FOLDER. Each mode is a small program of file
 * calls; it prints a line for what it then believes durable. */
#include "core/base/alloc.h"
#include "core/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <leveldb/c.h>
#include <rocksdb/c.h>

#define N_KEYS 40

static char *g_dir;

static char *in_dir(const char *name)
{
    return qc_asprintf("%s/%s", g_dir, name);
}

static void say(const char *what, int n)
{
    printf("%s %d\n", what, n);
    fflush(stdout);
}

static void must(int ok, const char *what)
{
    if (ok)
        return;
    printf("error %s: %s\n", what, strerror(errno));
    fflush(stdout);
    exit(3);
}

static int open_named(const char *name, int flags)
{
    char *path = in_dir(name);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    must(fd >= 0, "open");
    qc_free(path);
    return fd;
}

/* Ten blocks, each written and synced; then five that are not. */
static void mode_log(void)
{
    char block[100];
    int fd = open_named("log", O_WRONLY | O_CREAT);
    for (int i = 0; i < 15; i++) {
        memset(block, 'a' + i, sizeof block);
        must(write(fd, block, sizeof block) == (ssize_t)sizeof block, "write");
        if (i < 10) {
            must(fdatasync(fd) == 0, "fdatasync");
            say("synced", i + 1);
        }
    }
    close(fd);
}

/* Every way to change bytes, after a sync, on a file of known contents. */
static void mode_bytes(void)
{
    int fd = open_named("bytes", O_RDWR | O_CREAT);
    must(write(fd, "0123456789", 10) == 10, "write");
    must(fsync(fd) == 0, "fsync");
    must(pwrite(fd, "XX", 2, 3) == 2, "pwrite");
    must(ftruncate(fd, 5) == 0, "ftruncate");
    must(ftruncate(fd, 50) == 0, "ftruncate");
    must(posix_fallocate(fd, 40, 60) == 0, "posix_fallocate");
    must(lseek(fd, 2, SEEK_SET) == 2, "lseek");
    must(write(fd, "YY", 2) == 2, "write");
    close(fd);
    fd = open_named("bytes", O_WRONLY | O_APPEND);
    must(write(fd, "end", 3) == 3, "append");
    close(fd);
    fd = open_named("bytes", O_WRONLY | O_TRUNC);
    must(write(fd, "new", 3) == 3, "write");
    close(fd);
    char *path = in_dir("bytes");
    must(truncate(path, 1) == 0, "truncate");
    must(unlink(path) == 0, "unlink");
    qc_free(path);
    say("done", 0);
    close(open_named("last", O_WRONLY | O_CREAT));
}

/* Replace a file, rightly: every state a crash may leave is the old or the new one. */
static void mode_replace(void)
{
    char *path = in_dir("value");
    for (int i = 1; i <= 5; i++) {
        char text[16];
        snprintf(text, sizeof text, "value %d", i);
        must(!qc_os_write_file_atomic(path, qc_span_str(text), 0600), "replace");
        say("synced", i);
    }
    qc_free(path);
}

/* Names that change without a sync of their folder; then one sync of a file made late. */
static void mode_names(void)
{
    int other = open_named("other", O_WRONLY | O_CREAT);
    must(fsync(other) == 0, "fsync");
    char *sub = in_dir("sub"), *a = in_dir("sub/a"), *b = in_dir("sub/b");
    must(mkdir(sub, 0700) == 0, "mkdir");
    int fd = open_named("sub/a", O_WRONLY | O_CREAT);
    must(write(fd, "a", 1) == 1, "write");
    must(fsync(fd) == 0, "fsync");
    close(fd);
    say("a", 0);
    must(rename(a, b) == 0, "rename");
    /* A sync of a file whose own names are settled carries no other name to the disk. */
    must(write(other, "x", 1) == 1 && fsync(other) == 0, "other");
    close(other);
    fd = open_named("sub/a", O_WRONLY | O_CREAT);
    must(write(fd, "c", 1) == 1, "write");
    must(fsync(fd) == 0, "fsync");
    close(fd);
    say("ab", 0);
    must(unlink(a) == 0 && unlink(b) == 0 && rmdir(sub) == 0, "remove");
    must(!qc_os_sync_dir_of(sub), "sync of the folder");
    say("none", 0);
    close(open_named("last", O_WRONLY | O_CREAT));
    qc_free(sub);
    qc_free(a);
    qc_free(b);
}

static void db_error(char *error)
{
    if (!error)
        return;
    printf("error %s\n", error);
    fflush(stdout);
    exit(3);
}

/* Puts with sync, each said when it is acknowledged; or reads of all, said the same way. */
static void mode_leveldb(bool reading)
{
    char *error = NULL, *path = in_dir("leveldb");
    leveldb_options_t *o = leveldb_options_create();
    leveldb_options_set_create_if_missing(o, 1);
    leveldb_options_set_write_buffer_size(o, 64 << 10);
    leveldb_options_set_compression(o, leveldb_no_compression);
    leveldb_writeoptions_t *w = leveldb_writeoptions_create();
    leveldb_writeoptions_set_sync(w, 1);
    leveldb_readoptions_t *r = leveldb_readoptions_create();
    leveldb_t *db = leveldb_open(o, path, &error);
    db_error(error);
    char *value = qc_alloc(5000);
    for (int i = 1; i <= N_KEYS; i++) {
        size_t len = 0;
        if (reading) {
            char *got = leveldb_get(db, r, (char *)&i, sizeof i, &len, &error);
            free(got);
        } else {
            leveldb_put(db, w, (char *)&i, sizeof i, value, 5000, &error);
        }
        db_error(error);
        if (!reading || len == 5000)
            say("synced", i);
    }
    leveldb_close(db);
    leveldb_options_destroy(o);
    leveldb_writeoptions_destroy(w);
    leveldb_readoptions_destroy(r);
    qc_free(value);
    qc_free(path);
}

static void mode_rocksdb(bool reading)
{
    char *error = NULL, *path = in_dir("rocksdb");
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(o, 1);
    rocksdb_options_set_write_buffer_size(o, 64 << 10);
    rocksdb_writeoptions_t *w = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(w, 1);
    rocksdb_readoptions_t *r = rocksdb_readoptions_create();
    rocksdb_t *db = rocksdb_open(o, path, &error);
    db_error(error);
    char *value = qc_alloc(5000);
    for (int i = 1; i <= N_KEYS; i++) {
        size_t len = 0;
        if (reading) {
            char *got = rocksdb_get(db, r, (char *)&i, sizeof i, &len, &error);
            free(got);
        } else {
            rocksdb_put(db, w, (char *)&i, sizeof i, value, 5000, &error);
        }
        db_error(error);
        if (!reading || len == 5000)
            say("synced", i);
    }
    rocksdb_close(db);
    rocksdb_options_destroy(o);
    rocksdb_writeoptions_destroy(w);
    rocksdb_readoptions_destroy(r);
    qc_free(value);
    qc_free(path);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    g_dir = argv[2];
    const char *mode = argv[1];
    if (strcmp(mode, "log") == 0)
        mode_log();
    else if (strcmp(mode, "bytes") == 0)
        mode_bytes();
    else if (strcmp(mode, "replace") == 0)
        mode_replace();
    else if (strcmp(mode, "names") == 0)
        mode_names();
    else if (strncmp(mode, "leveldb", 7) == 0)
        mode_leveldb(mode[7] != 0);
    else if (strncmp(mode, "rocksdb", 7) == 0)
        mode_rocksdb(mode[7] != 0);
    else
        return 2;
    return 0;
}
