/* What all isolated plugins share: the program they run in, the arena, the page, the users. */
#include "core/host/arena.h"
#include "core/host/internal.h"
#include "core/host/spare.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/os/file.h"
#include "core/os/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES 4096u
#define MODULE_MAX ((uint64_t)64 << 20)
#define ARENA_BYTES ((size_t)256 << 20) /* of address space; memory as it is needed */

/* Beside the runner, where it is installed; in a build tree libtool keeps it a folder deeper. A
 * sealed copy, as of a plugin: no upgrade changes it under running plugins. */
static int open_module(const char *runner)
{
    static const char *const place[] = {"quoin-store.so", ".libs/quoin-store.so"};
    const char *slash = strrchr(runner, '/');
    int fd = -1, copy = -1;
    for (size_t i = 0; i < QC_COUNTOF(place) && fd < 0; i++) {
        char *path = qc_asprintf("%.*s/%s", slash ? (int)(slash - runner) : 1, slash ? runner : ".",
                                 place[i]);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        qc_free(path);
    }
    if (fd < 0 || qc_os_sealed_copy(fd, "quoin-store", MODULE_MAX, &copy))
        qc_log(QC_LOG_WARN, "plugin",
               "quoin-store.so is not beside %s: isolated plugins cannot have store.own", runner);
    if (fd >= 0)
        close(fd);
    return copy;
}

static void open_page(qc_host *h)
{
    h->page_fd = memfd_create("quoin-page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (h->page_fd < 0 || ftruncate(h->page_fd, PAGE_BYTES))
        return;
    void *p = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, h->page_fd, 0);
    const int seals = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
    if (p == MAP_FAILED)
        return;
    h->page = p;
    if (fcntl(h->page_fd, F_ADD_SEALS, seals))
        qc_log(QC_LOG_WARN, "plugin", "the page of the runners cannot be sealed: %s",
               strerror(errno));
    qc_clock_share_mock(&((qc_host_page *)p)->mock_time);
}

void qc_host_runner_open(qc_host *h)
{
    h->runner_fd = h->page_fd = h->store_fd = -1;
    if (!h->o.runner)
        return;
    h->runner = qc_strdup(h->o.runner);
    h->store_fd = open_module(h->runner);
    h->runner_fd = open(h->runner, O_RDONLY | O_CLOEXEC);
    if (h->runner_fd < 0) {
        qc_log(QC_LOG_WARN, "plugin", "%s: %s: isolated plugins cannot run", h->runner,
               strerror(errno));
        return;
    }
    h->spare = qc_spare_new(h->runner_fd, h->store_fd);
    open_page(h);
    if (!h->page || qc_arena_new(ARENA_BYTES, &h->arena))
        qc_log(QC_LOG_WARN, "plugin", "no shared memory for isolated plugins: %s", strerror(errno));
}

void qc_host_runner_close(qc_host *h)
{
    qc_spare_free(h->spare);
    h->spare = NULL;
    if (h->page) {
        qc_clock_share_mock(NULL);
        munmap(h->page, PAGE_BYTES);
    }
    if (h->page_fd >= 0)
        close(h->page_fd);
    if (h->runner_fd >= 0)
        close(h->runner_fd);
    if (h->store_fd >= 0)
        close(h->store_fd);
    qc_arena_free(h->arena);
    qc_free(h->runner);
    h->arena = NULL;
    h->page = NULL;
    h->page_fd = h->runner_fd = h->store_fd = -1;
}

/* Owner of a folder of ours; 0: there is none, or it is nobody of the range. */
static uint32_t owner_of(const qc_host *h, const char *id)
{
    struct stat st;
    char *dir = qc_asprintf("%s/%s", h->data_dir, id);
    bool in_range = !lstat(dir, &st) && S_ISDIR(st.st_mode) && st.st_uid >= h->o.uid_base &&
                    st.st_uid - h->o.uid_base < h->o.uid_count;
    qc_free(dir);
    return in_range ? (uint32_t)st.st_uid : 0;
}

/* Does another plugin run as this user, or own a folder as it? */
static bool is_taken(const qc_host *h, const qc_plugin *p, uint32_t uid, const qc_os_list *folders)
{
    const char *id = p->image.manifest.id;
    for (size_t i = 0; i < h->n_plugin; i++) {
        const char *other = h->plugin[i]->image.manifest.id;
        if (h->plugin[i]->uid == uid && (!other || strcmp(other, id) != 0))
            return true;
    }
    for (size_t i = 0; i < folders->n; i++)
        if (strcmp(folders->name[i], id) != 0 && owner_of(h, folders->name[i]) == uid)
            return true;
    return false;
}

uint32_t qc_host_plugin_uid(qc_plugin *p)
{
    qc_host *h = p->host;
    qc_os_list folders = {0};
    uint32_t uid = 0, start = 2166136261u; /* FNV-1a: spread, so that few meet */
    if (geteuid() != 0 || !h->o.uid_count)
        return 0;
    for (const char *c = p->image.manifest.id; *c; c++)
        start = (start ^ (uint8_t)*c) * 16777619u;
    if (qc_os_list_dir(h->data_dir, &folders))
        folders = (qc_os_list){0}; /* no plugin has a folder yet */
    pthread_mutex_lock(&h->list_lock);
    uint32_t own = owner_of(h, p->image.manifest.id);
    if (own && !is_taken(h, p, own, &folders))
        uid = own;
    for (uint32_t i = 0; !uid && i < h->o.uid_count; i++) {
        uint32_t next = h->o.uid_base + (start % h->o.uid_count + i) % h->o.uid_count;
        if (!is_taken(h, p, next, &folders))
            uid = next;
    }
    p->uid = uid;
    pthread_mutex_unlock(&h->list_lock);
    qc_os_list_free(&folders);
    return uid;
}
