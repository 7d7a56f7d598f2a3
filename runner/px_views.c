/* Views that the node lends: in the arena, or in a mapping of their own. And block.read/1, which
 * lends them. */
#include "runner/proxies.h"
#include "runner/rt.h"

#include "core/base/alloc.h"
#include "core/frame/wire.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { VIEWS, VIEWS_AT, RELEASE }; /* slots of block.read/1 */
#define HASHES_MAX 4096u
enum { NO_VIEW, IN_ARENA, OWN_FILE };

static const void *place(qc_rt *rt, uint8_t kind, uint64_t off, uint64_t total, int *fd)
{
    if (kind == IN_ARENA)
        return rt->arena && off <= rt->arena_size && total <= rt->arena_size - off ? rt->arena + off
                                                                                   : NULL;
    if (kind != OWN_FILE || *fd < 0)
        return NULL;
    void *p = mmap(NULL, (size_t)total, PROT_READ, MAP_SHARED, *fd, 0);
    close(*fd);
    *fd = -1;
    return p == MAP_FAILED ? NULL : p;
}

qc_rt_view *qc_rt_view_read(qn_cap *cap, qc_unpack *in, int *fd)
{
    uint8_t kind = qc_unpack_u8(in);
    if (kind == NO_VIEW)
        return NULL;
    qc_rt_view *v = qc_alloc(sizeof *v);
    v->id = qc_unpack_u32(in);
    uint64_t off = qc_unpack_u64(in), total = qc_unpack_u64(in);
    v->view = in->failed ? NULL : place(cap->rt, kind, off, total, fd);
    if (!v->view)
        abort(); /* no memory left to map it in: the plugin is beyond its limit */
    v->mapped = kind == OWN_FILE ? (size_t)total : 0;
    v->cap = cap;
    v->refs = 1;
    pthread_mutex_lock(&cap->rt->lock);
    v->next = cap->rt->views;
    cap->rt->views = v;
    pthread_mutex_unlock(&cap->rt->lock);
    return v;
}

qc_rt_view *qc_rt_view_find(qn_cap *cap, const qn_block_view *view)
{
    qc_rt *rt = cap->rt;
    pthread_mutex_lock(&rt->lock);
    qc_rt_view *v = rt->views;
    while (v && (v->view != view || v->cap != cap))
        v = v->next;
    pthread_mutex_unlock(&rt->lock);
    return view ? v : NULL;
}

void qc_rt_view_unref(qn_cap *cap, qc_rt_view *v, uint16_t method)
{
    qc_rt *rt = cap->rt;
    pthread_mutex_lock(&rt->lock);
    bool last = --v->refs == 0;
    if (last) {
        qc_rt_view **at = &rt->views;
        while (*at != v)
            at = &(*at)->next;
        *at = v->next;
    }
    pthread_mutex_unlock(&rt->lock);
    if (!last)
        return;
    qc_pack out = QC_PACK_INIT;
    qc_pack_u32(&out, v->id);
    qc_rt_cast(cap, method, &out);
    if (v->mapped)
        munmap((void *)(uintptr_t)v->view, v->mapped);
    qc_free(v);
}

/* ---- block.read/1 ---- */

static qn_status lent(qn_cap *cap, uint16_t method, qc_pack *in, const qn_block_view **views,
                      uint32_t max, uint32_t *n_views)
{
    qc_unpack out;
    qn_status st = qc_rt_call(cap, method, in, &out);
    qc_frame *f = qc_rt_reply_frame(cap->rt);
    uint32_t n = qc_unpack_u32(&out), fd = 0;
    for (uint32_t i = 0; i < n && i < max; i++) {
        int none = -1, *at = fd < f->n_fd ? &f->fd[fd] : &none;
        qc_rt_view *v = qc_rt_view_read(cap, &out, at);
        fd += v && v->mapped;
        views[i] = v ? v->view : NULL;
    }
    if (n_views && (st == QN_OK || st != QN_E_INVAL))
        *n_views = n;
    return qc_rt_end(cap, st, &out);
}

qn_status qc_px_block_read_1_views(qn_cap *cap, const qn_hash *hashes, uint32_t n_hashes,
                                   uint32_t flags, const qn_block_view **views, uint32_t max_views,
                                   uint32_t *n_views)
{
    qn_status st = qc_rt_enter(cap, 0);
    qc_pack in = QC_PACK_INIT;
    if (st != QN_OK)
        return st;
    if (!n_views || (n_hashes && (!hashes || !views)) || n_hashes > HASHES_MAX)
        return QN_E_INVAL;
    qc_wire_put_array(&in, hashes, n_hashes, sizeof *hashes);
    qc_pack_u32(&in, flags);
    qc_pack_u32(&in, max_views);
    return lent(cap, VIEWS, &in, views, max_views, n_views);
}

qn_status qc_px_block_read_1_views_at(qn_cap *cap, uint32_t from, uint32_t flags,
                                      const qn_block_view **views, uint32_t max_views,
                                      uint32_t *n_views)
{
    qn_status st = qc_rt_enter(cap, 0);
    qc_pack in = QC_PACK_INIT;
    if (st != QN_OK)
        return st;
    if (!n_views || (max_views && !views))
        return QN_E_INVAL;
    qc_pack_u32(&in, from);
    qc_pack_u32(&in, flags);
    qc_pack_u32(&in, max_views);
    return lent(cap, VIEWS_AT, &in, views, max_views, n_views);
}

qn_status qc_px_block_read_1_release(qn_cap *cap, const qn_block_view *view)
{
    qc_rt_view *v = qc_rt_view_find(cap, view);
    if (!v)
        return QN_E_INVAL;
    qc_rt_view_unref(cap, v, RELEASE);
    return QN_OK;
}
