#include "core/app/poolfees.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/mempool/fees.h"

#include <stdatomic.h>

#define FILE_NAME "fee_estimates.dat"
#define HOUR ((qc_mono)QC_FEES_FLUSH_SECONDS * 1000000000)

/* The pool tells of mined transactions before it tells of their block. */
struct qc_app_fees {
    qc_fees *fees;
    qc_hash *mined;
    size_t n, cap;
    qc_timer *timer;
    qc_mono due;           /* loop */
    _Atomic int64_t hurry; /* microseconds that it is due sooner, not taken off yet */
    char *path;
};

/* ---- events, on the chain thread ---- */

static void on_added(void *arg, const qc_mempool_added *a)
{
    struct qc_app_fees *f = arg;
    const qc_fees_tx tx = {.txid = qc_entry_txid(a->e),
                           .height = a->e->height,
                           .fee = a->e->fee,
                           .vsize = a->e->vsize,
                           .limits_bypassed = a->limits_bypassed,
                           .in_package = a->in_package,
                           .chain_behind = !a->chain_current,
                           .has_parents = !a->no_parents};
    qc_fees_added(f->fees, &tx);
}

static void on_removed(void *arg, const qc_mempool_removed *r)
{
    struct qc_app_fees *f = arg;
    if (r->why != QC_GONE_BLOCK) {
        qc_fees_removed(f->fees, qc_entry_txid(r->e));
        return;
    }
    if (f->n == f->cap) {
        size_t cap = f->cap * 2 + 256;
        qc_hash *more = qc_try_realloc(f->mined, cap * sizeof *more);
        if (!more)
            return; /* it counts as not mined: estimates survive that */
        f->mined = more;
        f->cap = cap;
    }
    f->mined[f->n++] = *qc_entry_txid(r->e);
}

static void on_block(void *arg, const qc_index *i)
{
    struct qc_app_fees *f = arg;
    qc_fees_block_begin(f->fees, i->height);
    for (size_t k = 0; k < f->n; k++)
        qc_fees_mined(f->fees, &f->mined[k]);
    qc_fees_block_end(f->fees);
    f->n = 0;
}

/* ---- the file ---- */

static void save_job(qc_chain *c, void *arg)
{
    const struct qc_app_fees *f = arg;
    (void)c;
    qc_fees_save(f->fees, f->path);
}

static void set_timer(struct qc_app_fees *f)
{
    qc_mono left = QC_MAX(f->due - qc_clock_mono(), 0);
    qc_timer_set(f->timer, left / 1000000);
}

static void on_hour(void *arg)
{
    qc_app *a = arg;
    struct qc_app_fees *f = a->fees;
    qc_chain_post(a->node.chain_thread, save_job, f);
    f->due = qc_clock_mono() + HOUR;
    set_timer(f);
}

static void take_off(void *arg)
{
    struct qc_app_fees *f = arg;
    f->due -= atomic_exchange(&f->hurry, 0) * 1000;
    if (f->timer)
        set_timer(f);
}

/* On the chain thread, while the loop runs. */
static void hurry(void *arg, int64_t us)
{
    qc_app *a = arg;
    atomic_fetch_add(&a->fees->hurry, us);
    qc_loop_post(a->loop, take_off, a->fees);
}

bool qc_app_fees_new(qc_app *a)
{
    uint64_t salt[2];
    if (qc_settings_bool(a->settings, "blocksonly", false))
        return true;
    struct qc_app_fees *f = a->fees = qc_alloc(sizeof *f);
    f->path = qc_conf_path_in(a->net_dir, FILE_NAME);
    qc_os_random(salt, sizeof salt);
    qc_err err = qc_fees_new(&f->fees, salt);
    if (!err)
        err = qc_timer_new(a->loop, on_hour, a, &f->timer);
    if (err)
        return qc_app_error(a, "Cannot start: %s", qc_err_text(err));
    qc_fees_load(f->fees, f->path, qc_clock_now(),
                 qc_settings_bool(a->settings, "acceptstalefeeestimates", false));
    const qc_mempool_events ev = {
        .arg = f, .added = on_added, .removed = on_removed, .block = on_block};
    qc_mempool_listen(a->node.pool, &ev);
    a->node.fees = f->fees;
    a->node.hurry = hurry;
    a->node.hurry_arg = a;
    f->due = qc_clock_mono() + HOUR;
    set_timer(f);
    return true;
}

void qc_app_fees_stop(qc_app *a)
{
    struct qc_app_fees *f = a->fees;
    if (!f || !f->fees)
        return;
    qc_timer_free(f->timer);
    f->timer = NULL;
    qc_fees_flush_unconfirmed(f->fees);
    qc_fees_save(f->fees, f->path);
}

void qc_app_fees_free(qc_app *a)
{
    struct qc_app_fees *f = a->fees;
    if (!f)
        return;
    qc_timer_free(f->timer);
    qc_fees_free(f->fees);
    qc_free(f->mined);
    qc_free(f->path);
    qc_free(f);
    a->fees = NULL;
    a->node.fees = NULL;
}
