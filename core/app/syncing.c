/* What the log says while blocks come from peers: a line now and then with height, share done,
 * rates, time left and peers; one when nobody is there; one at the end. */
#include "core/app/app.h"
#include "core/base/log.h"
#include "core/methods/peers.h"

#include <stdio.h>

#define SAMPLE_MS 5000
#define LONELY_EVERY 12u /* samples between two lines about having no peers */

void qc_syncing_line(const qc_syncing *s, const qc_rate_view *v, char *line, size_t cap)
{
    char date[16], left[48] = "";
    time_t t = (time_t)s->time;
    struct tm tm = {0};
    gmtime_r(&t, &tm);
    strftime(date, sizeof date, "%Y-%m-%d", &tm);
    if (v->left >= 0) {
        char text[32];
        qc_progress_duration(v->left, text, sizeof text);
        snprintf(left, sizeof left, ", about %s left", text);
    }
    snprintf(line, cap,
             "Syncing: height %u (%s) of %u, %.2f %% done, %.0f blocks/s, %.1f MB/s%s, %u peer%s",
             s->height, date, s->headers, s->share * 100, v->blocks, v->bytes / 1e6, left, s->peers,
             s->peers == 1 ? "" : "s");
}

static void at_end(qc_app *a)
{
    char took[32];
    qc_progress_duration((double)(qc_clock_mono() - a->sync_began) / 1e9, took, sizeof took);
    qc_log(QC_LOG_INFO, "validation", "Initial block download is over: height %u, after %s",
           qc_chain_tip(a->node.chain)->height, took);
}

static void lonely(qc_app *a, const qc_m_totals *t)
{
    if (t->in + t->out || a->params->id == QC_CHAIN_REGTEST) {
        a->lonely = 0;
        return;
    }
    if (a->lonely++ % LONELY_EVERY == 3) /* the first after 20 seconds */
        qc_log(QC_LOG_INFO, "net",
               t->active
                   ? "No peers yet: nothing to sync from; is this machine connected to the "
                     "Internet?"
                   : "No peers: the network is turned off (setnetworkactive, -networkactive)");
}

static void say(qc_app *a, const qc_index *tip, double share, const qc_m_totals *t)
{
    char line[240];
    qc_rate_view v;
    uint32_t headers = qc_chain_best_header(a->node.chain)->height;
    if (tip->height == a->sync_told || headers <= tip->height || !qc_rate_get(&a->node.rate, &v))
        return;
    const qc_syncing s = {tip->height, headers, tip->header.time, share, t->in + t->out};
    qc_syncing_line(&s, &v, line, sizeof line);
    qc_log(QC_LOG_INFO, "validation", "%s", line);
    a->sync_told = tip->height;
}

static void on_sample(void *arg)
{
    qc_app *a = arg;
    const qc_index *tip = qc_chain_tip(a->node.chain);
    bool initial = qc_chain_initial_download(a->node.chain);
    qc_m_totals t;
    qc_timer_set(a->sync_timer, SAMPLE_MS);
    if (!tip || !atomic_load(&a->node.loaded) || qc_m_peer_totals(&a->node, &t))
        return;
    if (a->sync_began && !initial)
        at_end(a);
    if (!initial)
        a->sync_began = 0;
    else if (!a->sync_began)
        a->sync_began = qc_clock_mono();
    const qc_rate_sample s = {qc_clock_mono(), tip->height, qc_chain_progress(a->node.chain, tip),
                              t.received};
    qc_rate_add(&a->node.rate, &s);
    if (!initial)
        return;
    lonely(a, &t);
    say(a, tip, s.share, &t);
}

bool qc_app_syncing_start(qc_app *a)
{
    qc_err err = qc_timer_new(a->loop, on_sample, a, &a->sync_timer);
    if (err)
        return qc_app_error(a, "Cannot start: %s", qc_err_text(err));
    qc_timer_set(a->sync_timer, SAMPLE_MS);
    return true;
}

void qc_app_syncing_stop(qc_app *a)
{
    qc_timer_free(a->sync_timer);
    a->sync_timer = NULL;
}
