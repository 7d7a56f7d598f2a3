#include "core/methods/rate.h"

void qc_rate_init(qc_rate *r)
{
    *r = (qc_rate){.n = 0};
    pthread_mutex_init(&r->lock, NULL);
}

void qc_rate_clear(qc_rate *r)
{
    pthread_mutex_destroy(&r->lock);
}

static const qc_rate_sample *sample(const qc_rate *r, unsigned back)
{
    return &r->ring[(r->next + 2 * QC_RATE_SAMPLES - 1 - back) % QC_RATE_SAMPLES];
}

void qc_rate_add(qc_rate *r, const qc_rate_sample *s)
{
    pthread_mutex_lock(&r->lock);
    if (r->n && s->height < sample(r, 0)->height)
        r->n = 0;
    r->ring[r->next] = *s;
    r->next = (r->next + 1) % QC_RATE_SAMPLES;
    if (r->n < QC_RATE_SAMPLES)
        r->n++;
    pthread_mutex_unlock(&r->lock);
}

bool qc_rate_get(qc_rate *r, qc_rate_view *out)
{
    pthread_mutex_lock(&r->lock);
    unsigned n = r->n;
    qc_rate_sample last = *sample(r, 0), first = *sample(r, n ? n - 1 : 0);
    pthread_mutex_unlock(&r->lock);
    double s = (double)(last.at - first.at) / 1e9;
    if (n < 2 || s <= 0)
        return false;
    double done = last.share - first.share;
    out->blocks = (double)(last.height - first.height) / s;
    out->bytes = (double)(last.bytes - first.bytes) / s;
    out->left = last.share >= 1 ? 0 : done > 0 ? s * (1 - last.share) / done : -1;
    return true;
}
