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

#define FILES_MAX 4096u /* more than a process that we limit can have open */

typedef struct unnamed {
    struct {
        unsigned long long inode;
        uint64_t bytes;
        bool runs; /* code is mapped from it: a library that was replaced, no file of a store */
    } file[FILES_MAX];
    size_t n;
    bool full;
} unnamed;

/* The entry of this inode, or a new one; NULL: there are too many. */
static size_t entry(unnamed *u, unsigned long long inode)
{
    size_t i = 0;
    while (i < u->n && u->file[i].inode != inode)
        i++;
    if (i == FILES_MAX) {
        u->full = true;
        return i;
    }
    if (i == u->n) {
        memset(&u->file[i], 0, sizeof u->file[i]);
        u->file[i].inode = inode;
        u->n++;
    }
    return i;
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
    char target[32] = "";
    struct stat st;
    if (readlinkat(dir, name, target, sizeof target - 1) < 0 || is_memory(target) ||
        fstatat(dir, name, &st, 0) || !S_ISREG(st.st_mode) || st.st_nlink)
        return;
    size_t i = entry(u, st.st_ino);
    if (i < FILES_MAX)
        u->file[i].bytes = (uint64_t)st.st_blocks * 512;
}

static qc_err look_at_open(unnamed *u, pid_t pid)
{
    char path[64];
    struct dirent *e;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    if (!d)
        return errno == ENOENT ? QC_OK : qc_sys_err();
    while ((e = readdir(d)))
        if (*e->d_name != '.')
            add_open(u, dirfd(d), e->d_name);
    closedir(d);
    return QC_OK;
}

/* "from-to rwxp offset major:minor inode    path (deleted)". Whoever may not ask for the size of
 * what is mapped counts what of it is mapped. */
static void add_mapped(unnamed *u, pid_t pid, const char *line)
{
    static const char deleted[] = " (deleted)\n";
    char file[96], may[5];
    unsigned long long from, to, inode;
    size_t len = strlen(line), tail = sizeof deleted - 1;
    const char *name = strchr(line, '/');
    struct stat st;
    if (len < tail || strcmp(line + len - tail, deleted) != 0 || !name || is_memory(name) ||
        sscanf(line, "%llx-%llx %4s %*x %*x:%*x %llu", &from, &to, may, &inode) != 4 || !inode)
        return;
    size_t known = u->n, i = entry(u, inode);
    if (i == FILES_MAX)
        return;
    u->file[i].runs |= strchr(may, 'x') != NULL;
    if (i < known) /* by its descriptor, or another of its maps */
        return;
    snprintf(file, sizeof file, "/proc/%d/map_files/%llx-%llx", (int)pid, from, to);
    u->file[i].bytes = stat(file, &st) ? to - from : (uint64_t)st.st_blocks * 512;
}

static qc_err look_at_mapped(unnamed *u, pid_t pid)
{
    char path[64], *line = NULL;
    size_t cap = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return errno == ENOENT ? QC_OK : qc_sys_err();
    while (getline(&line, &cap, f) > 0)
        add_mapped(u, pid, line);
    fclose(f);
    free(line);
    return QC_OK;
}

qc_err qc_os_process_unnamed(pid_t pid, uint64_t *bytes)
{
    unnamed *u = qc_try_calloc(1, sizeof *u);
    if (!u)
        return QC_ENOMEM;
    uint64_t sum = 0;
    qc_err err = look_at_open(u, pid);
    if (!err)
        err = look_at_mapped(u, pid);
    for (size_t i = 0; i < u->n; i++)
        sum += u->file[i].runs ? 0 : u->file[i].bytes;
    if (!err && u->full)
        err = QC_ERANGE;
    if (!err)
        *bytes = sum;
    qc_free(u);
    return err;
}
