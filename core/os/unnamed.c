/* Files that have lost their last name but still take room, since a process has them open or
 * mapped. No look into a folder shows them. */
#include "core/os/process.h"

#include "core/os/sys.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 1024u
#define SLOTS 2048u /* a power of two, well above FILES_MAX */

typedef struct unnamed_file {
    unsigned long long inode; /* 0: a free slot */
    uint64_t bytes;
    bool measured, unknown; /* by any way; by a map that we may not ask */
    bool inside;            /* it lay in the folder */
    bool runs;              /* code is mapped from it: elsewhere, a library that was replaced */
} unnamed_file;

typedef struct unnamed {
    const char *dir; /* as the kernel names it */
    size_t n;
    bool full;
    unnamed_file file[SLOTS];
} unnamed;

/* The entry of this inode, or a new one; NULL: there are too many. */
static unnamed_file *entry(unnamed *u, unsigned long long inode)
{
    size_t i = (size_t)((inode * 0x9e3779b97f4a7c15ULL) >> 32) % SLOTS;
    while (u->file[i].inode && u->file[i].inode != inode)
        i = (i + 1) % SLOTS;
    if (u->file[i].inode)
        return &u->file[i];
    if (u->n == FILES_MAX) {
        u->full = true;
        return NULL;
    }
    u->n++;
    u->file[i].inode = inode;
    return &u->file[i];
}

static bool is_inside(const unnamed *u, const char *path)
{
    size_t len = strlen(u->dir);
    return strncmp(path, u->dir, len) == 0 && path[len] == '/';
}

static bool is_memory(const char *path)
{
    static const char *const begin[] = {"/memfd:", "/dev/zero", "/SYSV", "/dev/shm/", "/[aio]"};
    for (size_t i = 0; i < QC_COUNTOF(begin); i++)
        if (strncmp(path, begin[i], strlen(begin[i])) == 0)
            return true;
    return false;
}

static void add_open(unnamed *u, int dir, const char *name)
{
    char target[4096] = "";
    struct stat st;
    if (readlinkat(dir, name, target, sizeof target - 1) < 0 ||
        (is_memory(target) && !is_inside(u, target)) || fstatat(dir, name, &st, 0) ||
        !S_ISREG(st.st_mode) || st.st_nlink)
        return;
    unnamed_file *f = entry(u, st.st_ino);
    if (!f)
        return;
    f->bytes = (uint64_t)st.st_blocks * 512;
    f->measured = true;
    f->inside |= is_inside(u, target);
}

static qc_err look_at_open(unnamed *u, pid_t pid)
{
    char path[64];
    struct dirent *e;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    if (!d)
        return errno == ENOENT ? QC_OK : qc_sys_err();
    while (!u->full && (e = readdir(d)))
        if (*e->d_name != '.')
            add_open(u, dirfd(d), e->d_name);
    closedir(d);
    return QC_OK;
}

/* "from-to rwxp offset major:minor inode    path (deleted)". */
static void add_mapped(unnamed *u, pid_t pid, const char *line)
{
    static const char deleted[] = " (deleted)\n";
    char file[96], may[5];
    unsigned long long from, to, inode;
    size_t len = strlen(line), tail = sizeof deleted - 1;
    const char *name = strchr(line, '/');
    struct stat st;
    if (len < tail || strcmp(line + len - tail, deleted) != 0 || !name ||
        (is_memory(name) && !is_inside(u, name)) ||
        sscanf(line, "%llx-%llx %4s %*x %*x:%*x %llu", &from, &to, may, &inode) != 4 || !inode)
        return;
    unnamed_file *f = entry(u, inode);
    if (!f)
        return;
    f->runs |= strchr(may, 'x') != NULL;
    f->inside |= is_inside(u, name);
    if (f->measured || f->bytes) /* by its descriptor, or another of its maps */
        return;
    snprintf(file, sizeof file, "/proc/%d/map_files/%llx-%llx", (int)pid, from, to);
    f->measured = stat(file, &st) == 0;
    f->bytes = f->measured ? (uint64_t)st.st_blocks * 512 : to - from;
    f->unknown = !f->measured && errno != ENOENT; /* that one has just gone */
}

static qc_err look_at_mapped(unnamed *u, pid_t pid)
{
    char path[64], *line = NULL;
    size_t cap = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return errno == ENOENT ? QC_OK : qc_sys_err();
    while (!u->full && getline(&line, &cap, f) > 0)
        add_mapped(u, pid, line);
    fclose(f);
    free(line);
    return QC_OK;
}

/* Of one that lay in the folder the size must be known: a page of it that is mapped says nothing. A
 * library that was replaced is no file of a store. */
static qc_err sum_up(const unnamed *u, uint64_t *bytes)
{
    uint64_t sum = 0;
    if (u->full)
        return QC_ERANGE;
    for (size_t i = 0; i < SLOTS; i++) {
        const unnamed_file *f = &u->file[i];
        if (f->inside && f->unknown && !f->measured)
            return QC_ERANGE;
        sum += f->runs && !f->inside ? 0 : f->bytes;
    }
    *bytes = sum;
    return QC_OK;
}

qc_err qc_os_process_unnamed(pid_t pid, const char *dir, uint64_t *bytes)
{
    unnamed *u = qc_try_calloc(1, sizeof *u);
    char *real = realpath(dir, NULL);
    qc_err err = !u ? QC_ENOMEM : !real ? qc_sys_err() : QC_OK;
    if (!err) {
        u->dir = real;
        err = look_at_open(u, pid);
    }
    if (!err)
        err = look_at_mapped(u, pid);
    if (!err) /* once more, for what was opened and mapped between the two */
        err = look_at_open(u, pid);
    if (!err)
        err = sum_up(u, bytes);
    free(real);
    qc_free(u);
    return err;
}
