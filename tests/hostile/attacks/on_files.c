/* Files of the machine, the node, other plugins; the arena; one's own store. */
#include "tests/hostile/attacks/attack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int attack_open(const char *path, int flags)
{
    int fd = open(path, flags, 0600);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

const char *attack_path(const attack_params *p, const char *name)
{
    static char path[4][256];
    static unsigned n;
    char *out = path[n++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", p->home, name);
    return out;
}

static int read_passwd(const attack_params *p)
{
    (void)p;
    return attack_open("/etc/passwd", O_RDONLY);
}

static int read_library(const attack_params *p)
{
    (void)p;
    return attack_open("/lib64/ld-linux-x86-64.so.2", O_RDONLY);
}

static int list_home(const attack_params *p)
{
    return attack_open(p->home, O_RDONLY | O_DIRECTORY);
}

static int read_home(const attack_params *p)
{
    return attack_open(attack_path(p, "secret"), O_RDONLY);
}

static int read_other_store(const attack_params *p)
{
    return attack_open(attack_path(p, "other/secret"), O_RDONLY);
}

static int write_other_store(const attack_params *p)
{
    return attack_open(attack_path(p, "other/secret"), O_WRONLY);
}

static int climb(const attack_params *p)
{
    (void)p;
    return attack_open("../other/secret", O_RDONLY);
}

static int make_temporary(const attack_params *p)
{
    (void)p;
    int e = attack_open("/tmp/quoin-attack", O_RDWR | O_CREAT);
    if (!e)
        unlink("/tmp/quoin-attack");
    return e;
}

static int make_unnamed(const attack_params *p)
{
    (void)p;
    return attack_open("/tmp", O_RDWR | O_TMPFILE);
}

static int remove_home(const attack_params *p)
{
    return GOT(unlink(attack_path(p, "victim")));
}

static int rename_home(const attack_params *p)
{
    return GOT(rename(attack_path(p, "secret"), attack_path(p, "secret")));
}

static int move_in(const attack_params *p)
{
    return GOT(rename(attack_path(p, "other/secret"), "stolen"));
}

static int link_in(const attack_params *p)
{
    return GOT(link(attack_path(p, "other/secret"), "stolen"));
}

static int symlink_out(const attack_params *p)
{
    if (symlink(attack_path(p, "secret"), "way-out"))
        return errno;
    return attack_open("way-out", O_RDONLY);
}

static int truncate_home(const attack_params *p)
{
    return GOT(truncate(attack_path(p, "secret"), 8));
}

static int open_truncating(const attack_params *p)
{
    return attack_open(attack_path(p, "secret"), O_RDONLY | O_TRUNC);
}

static int chmod_home(const attack_params *p)
{
    return GOT(chmod(attack_path(p, "secret"), 0644));
}

static int touch_home(const attack_params *p)
{
    return GOT(utimensat(AT_FDCWD, attack_path(p, "secret"), NULL, 0));
}

static int stat_home(const attack_params *p)
{
    struct stat st;
    return GOT(stat(attack_path(p, "secret"), &st));
}

static int stat_node(const attack_params *p)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/exe", p->host);
    return GOT(lstat(path, &st));
}

static int watch_home(const attack_params *p)
{
    int fd = inotify_init1(0);
    return fd < 0 ? errno : GOT(inotify_add_watch(fd, p->home, IN_ALL_EVENTS));
}

static int change_folder(const attack_params *p)
{
    return GOT(chdir(p->home));
}

static int change_root(const attack_params *p)
{
    (void)p;
    return GOT(chroot("/"));
}

static int file_handle(const attack_params *p)
{
    uint64_t handle[20] = {64};
    int mount;
    return GOT(
        syscall(SYS_name_to_handle_at, AT_FDCWD, attack_path(p, "secret"), handle, &mount, 0));
}

static int make_fifo(const attack_params *p)
{
    (void)p;
    return GOT(mkfifo("fifo", 0600));
}

static int own_descriptors(const attack_params *p)
{
    char path[64];
    (void)p;
    snprintf(path, sizeof path, "/proc/self/fd/%d", FD_ARENA);
    int fd = open(path, O_RDWR);
    if (fd < 0)
        return errno;
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? errno : 0;
}

static int proc_self_mem(const attack_params *p)
{
    (void)p;
    return attack_open("/proc/self/mem", O_RDWR);
}

static int arena_map(const attack_params *p)
{
    (void)p;
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, FD_ARENA, 0);
    return at == MAP_FAILED ? errno : 0;
}

static int arena_protect(const attack_params *p)
{
    (void)p;
    void *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, FD_ARENA, 0);
    return at == MAP_FAILED ? ENODATA : GOT(mprotect(at, 4096, PROT_READ | PROT_WRITE));
}

static int arena_write(const attack_params *p)
{
    (void)p;
    return GOT(pwrite(FD_ARENA, "x", 1, 0));
}

static int arena_resize(const attack_params *p)
{
    (void)p;
    return GOT(ftruncate(FD_ARENA, 1 << 20));
}

static int arena_punch(const attack_params *p)
{
    (void)p;
    return GOT(fallocate(FD_ARENA, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
}

static int arena_read(const attack_params *p)
{
    (void)p;
    void *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, FD_ARENA, 0);
    return at == MAP_FAILED ? errno : memcmp(at, "arena", 5) != 0 ? EINVAL : 0;
}

static int image_write(const attack_params *p)
{
    (void)p;
    return GOT(pwrite(FD_IMAGE, "x", 1, 0));
}

/* What a store is there for. */
static int store_use(const attack_params *p)
{
    struct stat st;
    (void)p;
    int fd = open("name", O_RDWR | O_CREAT, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1 || fdatasync(fd) || ftruncate(fd, 0) || fstat(fd, &st))
        return errno;
    close(fd);
    DIR *d = opendir(".");
    int seen = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        seen += strcmp(e->d_name, "name") == 0;
    if (!d || closedir(d) || seen != 1)
        return ENODATA;
    if (mkdir("folder", 0700) || rename("name", "folder/other") || unlink("folder/other"))
        return errno;
    return GOT(rmdir("folder"));
}

static int store_fill(const attack_params *p)
{
    static const char block[65536];
    (void)p;
    int fd = open("big", O_RDWR | O_CREAT, 0600);
    if (fd < 0)
        return errno;
    for (int i = 0; i < 256; i++)
        if (write(fd, block, sizeof block) != sizeof block)
            return errno;
    close(fd);
    return GOT(unlink("big"));
}

/* Room that nobody sees who looks into the folder. */
static int store_unnamed(const attack_params *p)
{
    (void)p;
    return attack_open(".", O_RDWR | O_TMPFILE);
}

static int store_code(const attack_params *p)
{
    (void)p;
    int fd = open("code", O_RDWR | O_CREAT, 0700);
    if (fd < 0 || write(fd, "\xc3", 1) != 1)
        return errno;
    return mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? errno : 0;
}

const attack ATTACKS_ON_FILES[] = {{"read-passwd", read_passwd, 0, 0},
                                   {"read-library", read_library, 0, 0},
                                   {"read-library-store", read_library, 1, 0},
                                   {"list-home", list_home, 0, 0},
                                   {"read-home", read_home, 0, 0},
                                   {"read-home-store", read_home, 1, 0},
                                   {"read-other-store", read_other_store, 1, 0},
                                   {"write-other-store", write_other_store, 1, 0},
                                   {"climb", climb, 1, 0},
                                   {"temporary", make_temporary, 0, 0},
                                   {"temporary-store", make_temporary, 1, 0},
                                   {"temporary-unnamed", make_unnamed, 1, 0},
                                   {"remove-home", remove_home, 1, 0},
                                   {"rename-home", rename_home, 1, 0},
                                   {"move-in", move_in, 1, 0},
                                   {"link-in", link_in, 1, 0},
                                   {"symlink-out", symlink_out, 1, 0},
                                   {"truncate-home", truncate_home, 1, 0},
                                   {"open-truncating", open_truncating, 1, 0},
                                   {"chmod-home", chmod_home, 1, 0},
                                   {"touch-home", touch_home, 1, 0},
                                   {"stat-home", stat_home, 0, 0},
                                   {"stat-home-store", stat_home, 1, 0},
                                   {"stat-node", stat_node, 0, 0},
                                   {"watch-home", watch_home, 0, 0},
                                   {"change-folder", change_folder, 0, 0},
                                   {"change-root", change_root, 0, 0},
                                   {"file-handle", file_handle, 0, 0},
                                   {"fifo", make_fifo, 1, 0},
                                   {"own-descriptors", own_descriptors, 1, 0},
                                   {"own-memory", proc_self_mem, 1, 0},
                                   {"arena-map", arena_map, 0, 0},
                                   {"arena-protect", arena_protect, 0, 0},
                                   {"arena-write", arena_write, 1, 0},
                                   {"arena-resize", arena_resize, 1, 0},
                                   {"arena-punch", arena_punch, 1, 0},
                                   {"arena-read", arena_read, 0, 0},
                                   {"image-write", image_write, 1, 0},
                                   {"store-use", store_use, 1, 0},
                                   {"store-fill", store_fill, 1, 0},
                                   {"store-unnamed", store_unnamed, 1, 0},
                                   {"store-code", store_code, 1, 0},
                                   {NULL, NULL, 0, 0}};
