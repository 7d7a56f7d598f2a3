/* Telling the listeners, stopping, and the small texts that log lines share. */
#include "core/chain/internal.h"

#include "core/base/clock.h"
#include "core/base/log.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define EACH(c, member, ...)                                                                       \
    do {                                                                                           \
        for (unsigned l_ = 0; l_ < (c)->n_listener; l_++)                                          \
            if ((c)->listener[l_].member)                                                          \
                (c)->listener[l_].member((c)->listener[l_].arg, __VA_ARGS__);                      \
    } while (0)

void qc_chain_listen(qc_chain *c, const qc_chain_events *ev)
{
    QC_ASSERT(c->n_listener < QC_MAX_LISTENERS);
    c->listener[c->n_listener++] = *ev;
}

void qc_tell_tip(qc_chain *c, const qc_index *tip, const qc_index *fork)
{
    EACH(c, tip, tip, fork, qc_chain_initial_download(c));
}

void qc_tell_connected(qc_chain *c, const qc_index *i, const qc_block *b)
{
    EACH(c, connected, i, b);
}

void qc_tell_disconnected(qc_chain *c, const qc_index *i, const qc_block *b)
{
    EACH(c, disconnected, i, b);
}

void qc_tell_settled(qc_chain *c, bool give_back)
{
    EACH(c, settled, qc_active_tip(&c->active), give_back);
}

void qc_tell_told(qc_chain *c)
{
    for (unsigned l = 0; l < c->n_listener; l++)
        if (c->listener[l].told)
            c->listener[l].told(c->listener[l].arg);
}

void qc_tell_pow_valid(qc_chain *c, const qc_index *i, const qc_block *b)
{
    EACH(c, pow_valid, i, b);
}

void qc_tell_durable(qc_chain *c, const qc_index *tip)
{
    if (atomic_load(&c->pub.durable) == tip)
        return;
    atomic_store(&c->pub.durable, tip);
    EACH(c, durable, tip);
}

void qc_tell_checked(qc_chain *c, const qc_hash *hash, const qc_verdict *v)
{
    EACH(c, checked, hash, v);
}

void qc_tell_header_tip(qc_chain *c)
{
    const qc_index *best = c->best_header;
    if (best == c->header_told)
        return;
    c->header_told = best;
    atomic_store(&c->pub.best_header, best);
    EACH(c, header_tip, best);
}

void qc_tell_progress(qc_chain *c, const char *what, const qc_index *at, double share)
{
    EACH(c, progress, what, at, share);
}

qc_err qc_chain_fatal(qc_chain *c, qc_err err, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    qc_log(QC_LOG_ERROR, "validation", "*** %s", text);
    EACH(c, fatal, text);
    return err;
}

bool qc_chain_stopping(const qc_chain *c)
{
    return atomic_load_explicit(&c->interrupt, memory_order_relaxed) || (c->stop && *c->stop) ||
           (c->open_stop && c->open_stop(c->open_stop_arg));
}

void qc_chain_interrupt(qc_chain *c)
{
    atomic_store(&c->interrupt, true);
}

void qc_chain_set_yield(qc_chain *c, void (*fn)(void *arg), void *arg)
{
    c->yield = fn;
    c->yield_arg = arg;
}

void qc_chain_yield(qc_chain *c)
{
    if (!c->yield || c->in_yield)
        return;
    c->in_yield = true;
    c->yield(c->yield_arg);
    c->in_yield = false;
}

const char *qc_iso_time(int64_t t, char out[static QC_ISO_TIME_LEN])
{
    struct tm tm;
    time_t tt = (time_t)t;
    if (!gmtime_r(&tt, &tm) || !strftime(out, QC_ISO_TIME_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm))
        out[0] = 0;
    return out;
}

/* For log lines only. */
double qc_log2_work(const qc_u256 *work)
{
    return log(qc_u256_double(work)) / log(2.0);
}
