/* host/1 and block.read/1 for a plugin in a process of its own: what is not made by rule. */
#include "core/host/internal.h"
#include "core/host/isolated.h"

#include "core/base/alloc.h"
#include "core/frame/wire.h"
#include "quoin/block_read.h"

#include <unistd.h>

/* Slots of host/1; the others are served in the runner. */
enum { LOG = 1, FAIL = 2, PROGRESS = 6 };

bool qc_serve_host(qc_stub_call *c, uint16_t method)
{
    uint32_t number = qc_unpack_u32(c->in);
    qc_span text = qc_unpack_bytes(c->in);
    if (!c->cast || !qc_unpack_end(c->in))
        return false;
    const char *s = (const char *)text.data;
    if (method == LOG)
        QC_HOST_TABLE.log(c->cap, number, s, (uint32_t)text.len);
    else if (method == FAIL)
        QC_HOST_TABLE.fail(c->cap, (qn_status)number, s, (uint32_t)text.len);
    else if (method == QC_CAST_LOG_DROPPED)
        qc_plugin_log_dropped(c->cap->plugin, number);
    else if (method == PROGRESS)
        QC_HOST_TABLE.progress(c->cap, number, s, (uint32_t)text.len);
    else
        return false;
    return true;
}

/* ---- block.read/1 ---- */

enum { VIEWS, VIEWS_AT, RELEASE };
#define VIEWS_AT_ONCE 64u

/* The adapter lends its own reference; the plugin gets the bytes, and the reference goes back. */
static void lend_all(qc_stub_call *c, const qn_block_view **view, uint32_t n)
{
    const qn_block_read_1 *t = c->cap->adapter->table;
    qc_pack places = QC_PACK_INIT;
    uint32_t lent = 0;
    bool ok = true;
    for (uint32_t i = 0; i < n; i++) {
        int fd;
        ok = ok && c->n_fd < QC_FRAME_FDS && !qc_isolated_is_full(c->iso) &&
             qc_isolated_lend(c->iso, c->cap, view[i], &places, &fd);
        lent += ok;
        if (ok && fd >= 0)
            c->fd[c->n_fd++] = fd;
        (void)t->release(c->cap, view[i]);
    }
    if (n && !lent)
        c->status = QN_E_NOMEM;
    qc_pack_u32(c->out, lent);
    qc_pack_raw(c->out, places.out.data, places.out.len);
    c->out->failed |= places.failed;
    qc_pack_clear(&places);
}

/* The grant's window bounds what is out at once, counted here: the adapter's own count goes back
 * to nothing after each call. */
static uint32_t room(const qc_stub_call *c, uint32_t max)
{
    uint64_t window = qc_cap_number(c->cap, "window", 16);
    uint32_t out = qc_isolated_views(c->iso, c->cap);
    uint32_t left = window > out ? (uint32_t)(window - out) : 0;
    max = max < left ? max : left;
    return max < VIEWS_AT_ONCE ? max : VIEWS_AT_ONCE;
}

static bool serve_views(qc_stub_call *c, uint16_t method)
{
    const qn_block_read_1 *t = c->cap->adapter->table;
    const qn_block_view *view[VIEWS_AT_ONCE];
    uint32_t n_hashes = 0, n = 0, from = 0;
    qn_hash *hashes = NULL;
    if (method == VIEWS)
        hashes = qc_wire_get_array(c->in, &n_hashes, sizeof *hashes);
    else
        from = qc_unpack_u32(c->in);
    uint32_t flags = qc_unpack_u32(c->in), asked = qc_unpack_u32(c->in), max = room(c, asked);
    bool ok = qc_unpack_end(c->in) && !c->cast;
    if (ok) {
        c->status = method == VIEWS ? t->views(c->cap, hashes, n_hashes, flags, view, max, &n)
                                    : t->views_at(c->cap, from, flags, view, max, &n);
        if (c->status == QN_OK && n == 0 && asked > 0 && max == 0)
            c->status = QN_E_LIMIT;
        lend_all(c, view, c->status == QN_OK ? n : 0);
    }
    qc_free(hashes);
    return ok;
}

bool qc_serve_block_read(qc_stub_call *c, uint16_t method)
{
    if (method == VIEWS || method == VIEWS_AT)
        return serve_views(c, method);
    if (method != RELEASE || !c->cast)
        return false;
    uint32_t id = qc_unpack_u32(c->in);
    return qc_unpack_end(c->in) && qc_isolated_unlend(c->iso, c->cap, id);
}
