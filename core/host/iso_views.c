/* What an isolated plugin may read of blocks, and when it has given it back. */
#include "core/host/internal.h"
#include "core/host/isolated.h"

#include "core/base/alloc.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NO_VIEW, IN_ARENA, OWN_FILE };

static qc_iso_view *new_view(qc_isolated *iso)
{
    if (iso->n_view == QC_ISO_VIEWS)
        return NULL;
    if (iso->n_view == iso->cap_view) {
        uint32_t cap = iso->cap_view ? 2 * iso->cap_view : 32;
        qc_iso_view *more = qc_try_realloc(iso->view, cap * sizeof *more);
        if (!more)
            return NULL;
        iso->view = more;
        iso->cap_view = cap;
    }
    qc_iso_view *v = &iso->view[iso->n_view++];
    *v = (qc_iso_view){.id = ++iso->next_view, .fd = -1};
    return v;
}

/* The way for a view that the arena has no room for: slower by the faults of fresh pages. It can
 * still be cut short, which is how it is taken back: nobody here reads it. */
static int own_file(const qn_block_view *v)
{
    int fd = memfd_create("quoin-block", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    const uint8_t *p = (const uint8_t *)v;
    uint64_t done = 0;
    while (fd >= 0 && done < v->total) {
        ssize_t n = write(fd, p + done, (size_t)(v->total - done));
        if (n <= 0)
            break;
        done += (uint64_t)n;
    }
    const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SEAL;
    if (fd >= 0 && (done < v->total || fcntl(fd, F_ADD_SEALS, seals))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* `*fd` for the plugin; one more is kept, to take the bytes back with. */
static bool lend_file(qc_iso_view *v, const qn_block_view *view, int *fd)
{
    v->fd = own_file(view);
    *fd = v->fd < 0 ? -1 : fcntl(v->fd, F_DUPFD_CLOEXEC, 0);
    if (*fd < 0 && v->fd >= 0)
        close(v->fd);
    return *fd >= 0;
}

/* The arena is the node's; a file of its own is there for this plugin alone, and counts as memory
 * that it was granted. */
static void account(qc_isolated *iso, bool in_arena, uint64_t bytes, int sign)
{
    uint64_t delta = sign > 0 ? bytes : 0 - bytes;
    iso->view_bytes += delta;
    iso->own_bytes += in_arena ? 0 : delta;
    iso->n_own += in_arena ? 0u : sign > 0 ? 1u : 0u - 1u;
    atomic_store(&iso->plugin->own_view_bytes, iso->own_bytes);
}

bool qc_isolated_is_full(const qc_isolated *iso)
{
    return iso->n_own && (iso->own_bytes >= iso->own_max || iso->n_own >= QC_ISO_OWN_FILES);
}

bool qc_isolated_lend(qc_isolated *iso, const qn_cap *cap, const qn_block_view *view, qc_pack *out,
                      int *fd)
{
    qc_arena_ref ref = {.total = view ? view->total : 0};
    *fd = -1;
    if (!view) {
        qc_pack_u8(out, NO_VIEW);
        return true;
    }
    qc_iso_view *v = ref.total <= QC_ISO_VIEW_BYTES - iso->view_bytes ? new_view(iso) : NULL;
    if (!v)
        return false;
    v->cap = cap;
    v->bytes = ref.total;
    qc_arena *arena = iso->plugin->host->arena;
    v->in_arena = arena && qc_arena_lend(arena, view, &ref);
    v->slot = ref.slot;
    if (!v->in_arena && !lend_file(v, view, fd)) {
        iso->n_view--;
        return false;
    }
    account(iso, v->in_arena, v->bytes, 1);
    qc_pack_u8(out, v->in_arena ? IN_ARENA : OWN_FILE);
    qc_pack_u32(out, v->id);
    qc_pack_u64(out, ref.off);
    qc_pack_u64(out, ref.total);
    return true;
}

/* What it says it gives back may still be mapped or open there: the bytes go all the same. */
static void drop(qc_isolated *iso, qc_iso_view *v)
{
    if (v->fd >= 0) {
        QC_ASSERT(ftruncate(v->fd, 0) == 0); /* a file in memory that may be cut short */
        close(v->fd);
    }
    if (v->in_arena)
        qc_arena_return(iso->plugin->host->arena, v->slot);
    account(iso, v->in_arena, v->bytes, -1);
    *v = iso->view[--iso->n_view];
}

bool qc_isolated_unlend(qc_isolated *iso, const qn_cap *cap, uint32_t id)
{
    for (uint32_t i = 0; i < iso->n_view; i++)
        if (iso->view[i].id == id && iso->view[i].cap == cap) {
            bool full = qc_isolated_is_full(iso);
            drop(iso, &iso->view[i]);
            if (full && !qc_isolated_is_full(iso))
                qc_serve_follow_wake(iso);
            return true;
        }
    return false;
}

uint32_t qc_isolated_views(const qc_isolated *iso, const qn_cap *cap)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < iso->n_view; i++)
        n += iso->view[i].cap == cap;
    return n;
}

void qc_iso_views_clear(qc_isolated *iso)
{
    while (iso->n_view)
        drop(iso, &iso->view[iso->n_view - 1]);
    qc_free(iso->view);
    iso->view = NULL;
    iso->cap_view = 0;
}
