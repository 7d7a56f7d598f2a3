/* Names whose plugin is being exchanged, or is still on its way after the node's start: whoever
 * calls in between waits a moment and is served, instead of being told that there is no such
 * method. */
#include "core/rpc/registry.h"
#include "core/rpc/request.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"

#define PATIENCE_MS 30000

static void resume(qc_rpc_req *r, void *arg, qc_rpc_why why);

/* Milliseconds that it may still wait. */
static int64_t patience(const qc_rpc_req *r)
{
    return PATIENCE_MS - (qc_clock_mono() - r->started) / 1000000;
}

static void without_entry(qc_rpc_req *r, qc_rpc_registry *g, int64_t left)
{
    char why[1024] = "";
    qc_rpc_absent is = qc_rpc_absent_of(g, qc_rpc_name(r), why, sizeof why);
    if (is == QC_RPC_COMES && left > 0)
        qc_rpc_park(r, left, resume, g);
    else if (is == QC_RPC_NOBODYS)
        (void)qc_rpc_fail(r, QC_RPC_METHOD_NOT_FOUND, "Method not found");
    else
        (void)qc_rpc_fail(r, QC_RPC_METHOD_NOT_FOUND, "Method not found: %s", why);
}

/* The name may be one of the node's own by now, which checks what it is given. */
static void serve(qc_rpc_req *r, QC_OWN qc_rpc_entry *e)
{
    qc_rpc_entry_unref(r->entry);
    r->entry = e;
    if (qc_rpc_prepare(r))
        e->m.fn(r, e->arg);
}

/* left: 0 and less: it has waited long enough. */
static void go_on(qc_rpc_req *r, qc_rpc_registry *g, int64_t left)
{
    qc_rpc_waitlist_join(qc_rpc_registry_moves(g), r);
    qc_rpc_entry *e = qc_rpc_entry_get(g, qc_rpc_name(r));
    if (!e) {
        without_entry(r, g, left);
    } else if (!e->held_by) {
        serve(r, e);
    } else {
        qc_rpc_entry_unref(e);
        if (left > 0)
            qc_rpc_park(r, left, resume, g);
        else
            (void)qc_rpc_fail(r, QC_RPC_MISC_ERROR, "The plugin that serves it is being reloaded");
    }
}

static void held_call(qc_rpc_req *r, void *arg)
{
    go_on(r, arg, patience(r));
}

static void resume(qc_rpc_req *r, void *arg, qc_rpc_why why)
{
    if (why == QC_RPC_SHUTDOWN)
        (void)qc_rpc_fail(r, QC_RPC_MISC_ERROR, "Shutting down");
    else
        go_on(r, arg, why == QC_RPC_TIMEOUT ? 0 : patience(r));
}

void qc_rpc_again(qc_rpc_req *r, qc_rpc_registry *g)
{
    held_call(r, g);
}

qc_err qc_rpc_hold(qc_rpc_registry *g, const char *name, const char *owner)
{
    qc_rpc_entry *old = qc_rpc_entry_get(g, name);
    if (!old || !old->dynamic_help) {
        qc_rpc_entry_unref(old);
        return QC_ENOENT;
    }
    const char *text[4] = {old->m.category, name, old->dynamic_help, owner};
    size_t len[4], all = 0, at = 0;
    for (size_t i = 0; i < 4; i++)
        all += len[i] = strlen(text[i]) + 1;
    qc_rpc_entry *e = qc_alloc(sizeof *e);
    e->owned_text = qc_alloc(all);
    const char *copy[4];
    for (size_t i = 0; i < 4; i++) {
        copy[i] = memcpy(e->owned_text + at, text[i], len[i]);
        at += len[i];
    }
    qc_rpc_entry_unref(old);
    e->m =
        (qc_rpc_method){.category = copy[0], .name = copy[1], .fn = held_call, .raw_params = true};
    e->dynamic_help = copy[2];
    e->held_by = copy[3];
    e->arg = g;
    atomic_init(&e->refs, 1);
    qc_err err = qc_rpc_swap_held(g, e);
    if (err)
        qc_rpc_entry_unref(e);
    return err;
}
