/* chain.follow/1 for a plugin in a process of its own. Events are sent ahead of the plugin, so that
 * its next() costs no round trip: up to its window, up to a number and an amount of bytes that it
 * has not looked at yet, and one per turn of the loop, so that its other calls come between. */
#include "core/host/internal.h"
#include "core/host/isolated.h"

#include "core/base/alloc.h"
#include "core/frame/wire.h"
#include "quoin/chain_follow.h"

enum { OPEN, NEXT, ACK, CLOSE, GO_ON, RELEASE }; /* casts and calls of the runner */
enum { EVENT, IDLE, STATUS };                    /* callbacks to it */

#define FOLLOWS_MAX QC_PLUGIN_FOLLOWS
#define WINDOW_MAX 4096u
#define AHEAD_EVENTS 8u
#define AHEAD_BYTES ((uint64_t)32 << 20)

typedef struct served {
    qc_isolated *iso;
    qn_cap *cap;
    uint64_t id; /* 0: free */
    bool posted; /* a turn of pump() is on its way */
    bool held;   /* by a failure that the plugin has not seen yet */
    bool idle;   /* IDLE was sent, and nothing since */
    uint32_t ahead;
    uint64_t ahead_bytes;
    struct {
        uint64_t bytes, seq;
        qn_block_ref ref;
    } sent[AHEAD_EVENTS]; /* the events ahead, oldest first */
    uint64_t taken;       /* seq of the last event that the plugin took */
} served;

typedef struct follows {
    served f[FOLLOWS_MAX];
    uint32_t posts; /* turns on their way: the memory must stay */
    bool closed;
} follows;

static served *by_id(const qc_isolated *iso, const qn_cap *cap, uint64_t id)
{
    follows *s = iso->follows;
    for (uint32_t i = 0; s && id && i < FOLLOWS_MAX; i++)
        if (s->f[i].id == id && s->f[i].cap == cap)
            return &s->f[i];
    return NULL;
}

static size_t slot_of(const served *f)
{
    const follows *s = f->iso->follows;
    return (size_t)(f - s->f);
}

static void tell(served *f, uint16_t what, qc_pack *out)
{
    qc_isolated_send(f->iso, QC_FRAME_CALLBACK, what, (uint32_t)f->id,
                     qc_isolated_cap_number(f->cap), out, NULL, 0);
}

/* ---- sending ahead ---- */

static void pump(void *arg);

static void pump_soon(served *f)
{
    follows *s = f->iso->follows;
    if (f->posted || f->held)
        return;
    f->posted = true;
    s->posts++;
    qc_loop_post(f->iso->plugin->loop, pump, f);
}

static bool may_send(const served *f)
{
    const qn_cap *cap = f->cap;
    return f->id && !f->held && !f->iso->dead && !atomic_load(&cap->revoked) &&
           f->ahead < AHEAD_EVENTS && !qc_isolated_is_full(f->iso) &&
           (f->ahead == 0 || f->ahead_bytes < AHEAD_BYTES);
}

static uint64_t window_granted(const qn_cap *cap)
{
    uint64_t most = qc_cap_number(cap, "window", 16);
    return most < WINDOW_MAX ? most : WINDOW_MAX;
}

/* As many as it may retain, and for each subscription one that it looks at and those ahead. */
static uint64_t most_views(const qn_cap *cap)
{
    return window_granted(cap) + (uint64_t)FOLLOWS_MAX * (1 + AHEAD_EVENTS);
}

static void send_event(served *f, const qn_follow_event *ev, const qn_block_view *view)
{
    qc_pack out = QC_PACK_INIT;
    int fd;
    uint64_t bytes = view ? view->total : 0;
    qc_pack_raw(&out, ev, sizeof *ev);
    if (view && qc_isolated_views(f->iso, f->cap) > most_views(f->cap)) {
        qc_pack_clear(&out);
        qc_isolated_violation(f->iso, "it retains more views than its window of chain.follow/1");
        return;
    }
    if (!qc_isolated_lend(f->iso, f->cap, view, &out, &fd)) {
        /* The event is taken already: the plugin could not go on from here. */
        qc_pack_clear(&out);
        qc_isolated_violation(f->iso, "it holds %u views of %llu MB in all", f->iso->n_view,
                              (unsigned long long)(f->iso->view_bytes / 1000000));
        return;
    }
    f->sent[f->ahead].bytes = bytes;
    f->sent[f->ahead].seq = ev->seq;
    f->sent[f->ahead++].ref = ev->ref;
    f->ahead_bytes += bytes;
    f->idle = false;
    qc_isolated_send(f->iso, QC_FRAME_CALLBACK, EVENT, (uint32_t)f->id,
                     qc_isolated_cap_number(f->cap), &out, &fd, fd >= 0);
}

static void pump(void *arg)
{
    served *f = arg;
    follows *s = f->iso->follows;
    const qn_chain_follow_1 *t = f->cap ? f->cap->adapter->table : NULL;
    const qn_follow_event *ev;
    const qn_block_view *view;
    f->posted = false;
    s->posts--;
    if (!may_send(f))
        return;
    qn_status st = t->next(f->cap, f->id, &ev, &view);
    if (st == QN_OK) {
        send_event(f, ev, view);
        pump_soon(f);
    } else if (st == QN_E_AGAIN && !f->idle) {
        f->idle = true;
        tell(f, IDLE, NULL);
    } else if (st != QN_E_AGAIN && st != QN_E_LIMIT && st != QN_E_REVOKED) {
        qc_pack out = QC_PACK_INIT;
        qc_pack_u32(&out, (uint32_t)st);
        f->held = true;
        tell(f, STATUS, &out);
    }
}

static void on_ready(void *arg, uint64_t id)
{
    (void)id;
    pump_soon(arg);
}

/* ---- calls ---- */

static served *free_one(qc_isolated *iso)
{
    follows *s = iso->follows;
    if (!s)
        s = iso->follows = qc_alloc(sizeof *s);
    for (uint32_t i = 0; i < FOLLOWS_MAX; i++)
        if (!s->f[i].id && !s->f[i].posted)
            return &s->f[i];
    return NULL;
}

static uint32_t window_of(const qn_cap *cap, const qn_follow_options *o)
{
    uint64_t most = window_granted(cap);
    bool given = o && o->size >= 8 && o->set & QN_SET_FOLLOW_OPTIONS_WINDOW;
    return given && o->window < most ? o->window : (uint32_t)most;
}

static bool open_one(qc_stub_call *c)
{
    const qn_chain_follow_1 *t = c->cap->adapter->table;
    qn_follow_options o_at, *o = qc_wire_get_sized(c->in, &o_at, sizeof o_at);
    uint32_t n;
    qn_hash *locator = qc_wire_get_array(c->in, &n, sizeof *locator);
    qn_block_ref start_at, *start = qc_wire_get_fixed(c->in, &start_at, sizeof start_at);
    bool ok = qc_unpack_end(c->in) && !c->cast && start;
    served *f = ok ? free_one(c->iso) : NULL;
    uint64_t id = 0;
    if (ok && !f)
        c->status = QN_E_LIMIT;
    if (f) {
        *f = (served){.iso = c->iso, .cap = c->cap};
        c->status = t->open(c->cap, o, locator, n, on_ready, f, &id, start);
    }
    if (ok) {
        qc_pack_u64(c->out, id);
        qc_pack_u32(c->out, window_of(c->cap, o));
        qc_wire_reply_fixed(c->out, start, sizeof *start);
    }
    if (f && c->status == QN_OK) {
        f->id = id;
        pump_soon(f); /* after the reply: a turn of the loop later */
    }
    qc_free(locator);
    return ok;
}

static bool close_one(qc_stub_call *c)
{
    const qn_chain_follow_1 *t = c->cap->adapter->table;
    served *f = by_id(c->iso, c->cap, qc_unpack_u32(c->in));
    if (!qc_unpack_end(c->in) || c->cast || !f)
        return false;
    c->status = t->close(c->cap, f->id);
    f->id = 0;
    atomic_store(&c->iso->plugin->handed[slot_of(f)].given, false);
    return true;
}

/* ---- casts ---- */

static bool took_one(served *f)
{
    if (f->ahead == 0)
        return false;
    qc_plugin *p = f->iso->plugin;
    f->ahead_bytes -= f->sent[0].bytes;
    f->taken = f->sent[0].seq;
    p->handed[slot_of(f)].ref = f->sent[0].ref; /* if it dies now, it may be of this block */
    atomic_store(&p->handed[slot_of(f)].given, true);
    f->ahead--;
    memmove(f->sent, f->sent + 1, f->ahead * sizeof f->sent[0]);
    pump_soon(f);
    return true;
}

bool qc_serve_follow(qc_stub_call *c, uint16_t method)
{
    const qn_chain_follow_1 *t = c->cap->adapter->table;
    if (method == OPEN)
        return open_one(c);
    if (method == CLOSE)
        return close_one(c);
    uint32_t id = qc_unpack_u32(c->in);
    uint64_t seq = method == ACK ? qc_unpack_u64(c->in) : 0;
    if (!c->cast || !qc_unpack_end(c->in))
        return false;
    if (method == RELEASE)
        return qc_isolated_unlend(c->iso, c->cap, id);
    served *f = by_id(c->iso, c->cap, id);
    /* Revoked meanwhile: what was on its way is no fault of the plugin. */
    if (!f || atomic_load(&c->cap->revoked))
        return f != NULL || atomic_load(&c->cap->revoked);
    if (method == NEXT)
        return took_one(f);
    if (method == GO_ON) {
        bool was = f->held;
        f->held = false;
        pump_soon(f);
        return was;
    }
    if (method != ACK || t->ack(c->cap, f->id, seq) != QN_OK)
        return false;
    if (seq >= f->taken)
        atomic_store(&f->iso->plugin->handed[slot_of(f)].given, false);
    pump_soon(f);
    return true;
}

void qc_serve_follow_wake(qc_isolated *iso)
{
    follows *s = iso->follows;
    for (uint32_t i = 0; s && i < FOLLOWS_MAX; i++)
        if (s->f[i].id)
            pump_soon(&s->f[i]);
}

void qc_serve_follow_clear(qc_isolated *iso)
{
    qc_free(iso->follows);
    iso->follows = NULL;
}
