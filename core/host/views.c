#include "core/host/views.h"

#include "core/base/alloc.h"

void qc_views_init(qc_views *v, size_t max)
{
    pthread_mutex_init(&v->lock, NULL);
    v->held = qc_alloc(max * sizeof *v->held);
    v->n = 0;
    v->max = max;
}

void qc_views_clear(qc_views *v)
{
    for (size_t i = 0; i < v->n; i++)
        for (; v->held[i].count; v->held[i].count--)
            qc_block_unref(v->held[i].block);
    qc_free(v->held);
    pthread_mutex_destroy(&v->lock);
    v->held = NULL;
    v->n = 0;
}

static qc_held_view *find(qc_views *v, const qn_block_view *view)
{
    for (size_t i = 0; i < v->n; i++)
        if (qc_block_view(v->held[i].block) == view)
            return &v->held[i];
    return NULL;
}

bool qc_views_hold(qc_views *v, qc_block *block)
{
    pthread_mutex_lock(&v->lock);
    qc_held_view *h = find(v, qc_block_view(block));
    if (!h && v->n < v->max) {
        h = &v->held[v->n++];
        *h = (qc_held_view){block, 0};
    }
    if (h)
        h->count++;
    pthread_mutex_unlock(&v->lock);
    if (!h)
        qc_block_unref(block);
    return h != NULL;
}

bool qc_views_release(qc_views *v, const qn_block_view *view)
{
    qc_block *block = NULL;
    pthread_mutex_lock(&v->lock);
    qc_held_view *h = view ? find(v, view) : NULL;
    if (h) {
        block = h->block;
        if (--h->count == 0)
            *h = v->held[--v->n];
    }
    pthread_mutex_unlock(&v->lock);
    qc_block_unref(block);
    return block != NULL;
}
