/* The journal of what is not durable: old bytes per file, and one list of name changes. System
 * calls are made by number, so that the shim's own functions are never entered from here. */
#include "tests/faultfs/model.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BUCKETS 1024

/* What a change of a file overwrote. */
typedef struct undo undo;
struct undo {
    undo *prev;
    off_t off, old_size;
    size_t len;
    uint8_t old[];
};

typedef struct file file;
struct file {
    file *next;
    dev_t dev;
    ino_t ino;
    int fd; /* our own, while there is something to undo; else -1 */
    undo *last;
};

enum kind { MADE, RENAMED, REMOVED };

typedef struct change change;
struct change {
    change *next;
    enum kind kind;
    bool is_dir;
    mode_t mode;     /* of a folder that was removed */
    ino_t ino;       /* of what the name means */
    ino_t parent[2]; /* folders whose entries changed */
    char *from, *to; /* MADE: to; REMOVED: from */
    char *kept;      /* a second name of the file that was removed or replaced, or NULL */
};

static char g_root[PATH_MAX], g_keep[PATH_MAX];
static size_t g_root_len;
static file *g_file[BUCKETS];
static change *g_first, **g_last = &g_first;
static unsigned g_kept;

static void die(const char *what, const char *path)
{
    fprintf(stderr, "faultfs: %s %s: %s\n", what, path, strerror(errno));
    syscall(SYS_exit_group, 99);
    abort();
}

static void *get(size_t size)
{
    void *p = calloc(1, size);
    if (!p)
        die("no memory", "");
    return p;
}

static char *copy(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(get(n), s, n);
}

bool model_resolve(int dirfd, const char *path, char out[static 4096])
{
    char full[2 * PATH_MAX], base[NAME_MAX + 1];
    int n;
    if (*path == '/' || dirfd == AT_FDCWD)
        n = snprintf(full, sizeof full, "%s%s", *path == '/' ? "" : "./", path);
    else
        n = snprintf(full, sizeof full, "/proc/self/fd/%d/%s", dirfd, path);
    if (n < 0 || n >= (int)sizeof full)
        return false;
    while (n > 1 && full[n - 1] == '/')
        full[--n] = 0;
    char *slash = strrchr(full, '/');
    if (!slash || strlen(slash + 1) > NAME_MAX)
        return false;
    snprintf(base, sizeof base, "%s", slash + 1);
    if (!*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
        return realpath(full, out) != NULL;
    slash[slash == full] = 0;
    if (!realpath(full, out))
        return false;
    size_t len = strlen(out);
    if (len + 1 + strlen(base) >= PATH_MAX)
        return false;
    snprintf(out + len, PATH_MAX - len, "%s%s", len > 1 ? "/" : "", base);
    return true;
}

void model_init(const char *root)
{
    if (!model_resolve(AT_FDCWD, root, g_root))
        die("no such folder", root);
    char real[PATH_MAX];
    if (realpath(g_root, real))
        snprintf(g_root, sizeof g_root, "%s", real);
    g_root_len = strlen(g_root);
    int n = snprintf(g_keep, sizeof g_keep, "%.4000s.faultfs-%ld", g_root, (long)getpid());
    if (n < 0 || n >= (int)sizeof g_keep)
        die("too long", root);
}

bool model_watches(const char *path)
{
    return g_root_len && strncmp(path, g_root, g_root_len) == 0 && path[g_root_len] == '/';
}

static file **find(dev_t dev, ino_t ino)
{
    file **at = &g_file[ino % BUCKETS];
    while (*at && ((*at)->ino != ino || (*at)->dev != dev))
        at = &(*at)->next;
    return at;
}

bool model_watches_fd(int fd, struct stat *st)
{
    return fstat(fd, st) == 0 && S_ISREG(st->st_mode) && *find(st->st_dev, st->st_ino);
}

static bool path_of_fd(int fd, char out[static PATH_MAX])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, out, PATH_MAX - 1);
    if (n < 0)
        return false;
    out[n] = 0;
    return true;
}

bool model_watches_dir(int fd, char out[static 4096])
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && path_of_fd(fd, out) &&
           (model_watches(out) || strcmp(out, g_root) == 0);
}

static void drop_undo(file *f)
{
    while (f->last) {
        undo *u = f->last;
        f->last = u->prev;
        free(u);
    }
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

static file *remember(const struct stat *st)
{
    file **at = find(st->st_dev, st->st_ino);
    if (!*at) {
        *at = get(sizeof **at);
        (*at)->dev = st->st_dev;
        (*at)->ino = st->st_ino;
        (*at)->fd = -1;
    }
    return *at;
}

void model_opened(int fd, bool watched)
{
    struct stat st;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        return;
    if (watched) {
        remember(&st);
        return;
    }
    /* The number of a file that is gone may come back for one outside of the root. */
    file **at = find(st.st_dev, st.st_ino), *f = *at;
    if (f) {
        drop_undo(f);
        *at = f->next;
        free(f);
    }
}

static void save(file *f, off_t off, size_t len, off_t size)
{
    size_t have = off >= size ? 0 : (size_t)(size - off) < len ? (size_t)(size - off) : len;
    undo *u = get(sizeof *u + have);
    u->off = off;
    u->len = have;
    u->old_size = size;
    for (size_t done = 0; done < have;) {
        ssize_t n = pread(f->fd, u->old + done, have - done, off + (off_t)done);
        if (n <= 0)
            die("cannot read what will be overwritten", "");
        done += (size_t)n;
    }
    u->prev = f->last;
    f->last = u;
}

static int open_rw(const char *path)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
}

void model_will_change(int fd, const struct stat *st, off_t off, size_t len)
{
    file *f = remember(st);
    if (f->fd < 0) {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd); /* works for removed files too */
        f->fd = open_rw(link);
        if (f->fd < 0)
            die("cannot open again", link);
    }
    save(f, off, len, st->st_size);
}

void model_will_clear(const char *path)
{
    struct stat st;
    if (stat(path, &st) || !S_ISREG(st.st_mode))
        return;
    file *f = remember(&st);
    if (f->fd < 0)
        f->fd = open_rw(path);
    if (f->fd >= 0)
        save(f, 0, (size_t)st.st_size, st.st_size);
}

static ino_t ino_of(const char *path)
{
    struct stat st;
    return lstat(path, &st) ? 0 : st.st_ino;
}

static ino_t ino_of_parent(const char *path)
{
    char dir[PATH_MAX];
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = 0;
    return ino_of(dir);
}

/* A second name for a file that loses its own, so that a crash can give it back. */
static char *keep(const char *path)
{
    char name[PATH_MAX + 32];
    if (syscall(SYS_mkdirat, AT_FDCWD, g_keep, 0700) && errno != EEXIST)
        die("cannot make", g_keep);
    snprintf(name, sizeof name, "%s/%u", g_keep, g_kept++);
    if (syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, name, 0))
        die("cannot keep", path);
    return copy(name);
}

static change *new_change(enum kind kind, bool is_dir, const char *from, const char *to)
{
    change *c = get(sizeof *c);
    c->kind = kind;
    c->is_dir = is_dir;
    c->from = from ? copy(from) : NULL;
    c->to = to ? copy(to) : NULL;
    c->ino = ino_of(from ? from : to);
    c->parent[0] = from ? ino_of_parent(from) : 0;
    c->parent[1] = to ? ino_of_parent(to) : 0;
    return c;
}

static void add_change(change *c)
{
    *g_last = c;
    g_last = &c->next;
}

static void free_change(change *c)
{
    if (c->kept)
        syscall(SYS_unlinkat, AT_FDCWD, c->kept, 0);
    free(c->kept);
    free(c->from);
    free(c->to);
    free(c);
}

void model_created(const char *path, bool is_dir)
{
    add_change(new_change(MADE, is_dir, NULL, path));
}

void *model_will_rename(const char *from, const char *to)
{
    struct stat a, b;
    if (lstat(from, &a))
        return NULL;
    change *c = new_change(RENAMED, S_ISDIR(a.st_mode), from, to);
    bool replaces = lstat(to, &b) == 0 && !S_ISDIR(b.st_mode) && b.st_ino != a.st_ino;
    c->kept = replaces ? keep(to) : NULL;
    return c;
}

void *model_will_remove(const char *path, bool is_dir)
{
    struct stat st;
    if (lstat(path, &st) || S_ISDIR(st.st_mode) != is_dir)
        return NULL;
    change *c = new_change(REMOVED, is_dir, path, NULL);
    c->mode = st.st_mode & 07777;
    c->kept = is_dir ? NULL : keep(path);
    return c;
}

void model_did(void *p, bool done)
{
    if (p && done)
        add_change(p);
    else if (p)
        free_change(p);
}

/* Changes up to and with `last` are durable. */
static void commit(const change *last)
{
    for (bool end = !last; !end;) {
        change *c = g_first;
        end = c == last;
        g_first = c->next;
        free_change(c);
    }
    if (!g_first)
        g_last = &g_first;
}

/* Is this number the file's, or (its being made) one of the folders above it? */
static bool concerns(const change *c, ino_t self, const char *path, bool is_dir)
{
    if (c->ino == self || (is_dir && (c->parent[0] == self || c->parent[1] == self)))
        return true;
    size_t n = c->is_dir && c->to ? strlen(c->to) : 0;
    return n && strncmp(path, c->to, n) == 0 && path[n] == '/';
}

void model_synced_fd(int fd)
{
    struct stat st;
    char path[PATH_MAX];
    if (fstat(fd, &st) || !path_of_fd(fd, path))
        return;
    bool is_dir = S_ISDIR(st.st_mode);
    file *f = is_dir ? NULL : *find(st.st_dev, st.st_ino);
    if (f)
        drop_undo(f);
    const change *last = NULL;
    for (const change *c = g_first; c; c = c->next)
        if (concerns(c, st.st_ino, path, is_dir))
            last = c;
    commit(last);
}

void model_synced_all(void)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (file *f = g_file[i]; f; f = f->next)
            drop_undo(f);
    while (g_first)
        commit(g_first);
}

static void undo_file(file *f)
{
    for (const undo *u = f->last; u; u = u->prev) {
        if (syscall(SYS_ftruncate, f->fd, u->old_size))
            die("cannot undo", "a length");
        if (u->len && syscall(SYS_pwrite64, f->fd, u->old, u->len, u->off) != (long)u->len)
            die("cannot undo", "a write");
    }
}

static void undo_change(const change *c)
{
    long bad = 0;
    switch (c->kind) {
    case MADE:
        bad = syscall(SYS_unlinkat, AT_FDCWD, c->to, c->is_dir ? AT_REMOVEDIR : 0);
        break;
    case RENAMED:
        bad = syscall(SYS_renameat2, AT_FDCWD, c->to, AT_FDCWD, c->from, 0);
        if (c->kept)
            bad |= syscall(SYS_renameat2, AT_FDCWD, c->kept, AT_FDCWD, c->to, 0);
        break;
    case REMOVED:
        bad = c->is_dir ? syscall(SYS_mkdirat, AT_FDCWD, c->from, c->mode)
                        : syscall(SYS_renameat2, AT_FDCWD, c->kept, AT_FDCWD, c->from, 0);
        break;
    }
    if (bad)
        die("cannot undo a change of", c->to ? c->to : c->from);
}

void model_crash(void)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (file *f = g_file[i]; f; f = f->next)
            undo_file(f);
    change *back = NULL;
    while (g_first) {
        change *c = g_first;
        g_first = c->next;
        c->next = back;
        back = c;
    }
    for (change *c = back; c; c = c->next)
        undo_change(c);
    syscall(SYS_unlinkat, AT_FDCWD, g_keep, AT_REMOVEDIR);
}

void model_end(void)
{
    model_synced_all();
    if (g_kept)
        syscall(SYS_unlinkat, AT_FDCWD, g_keep, AT_REMOVEDIR);
}
