#include "core/host/scans.h"

#include "core/base/alloc.h"

#include <pthread.h>
#include <stdatomic.h>

struct qc_scan {
    _Atomic bool taken;
    pthread_mutex_t lock; /* what follows */
    qc_coins_iter *it;    /* NULL: not begun, or closed */
    qc_mono began, used;
};

/* Who reads holds `open` for reading. */
struct qc_scans {
    pthread_rwlock_t open;
    bool ended;
    qc_scan scan[QC_SCANS_MAX];
};

qc_scans *qc_scans_new(void)
{
    qc_scans *s = qc_alloc(sizeof *s);
    pthread_rwlock_init(&s->open, NULL);
    for (size_t i = 0; i < QC_SCANS_MAX; i++)
        pthread_mutex_init(&s->scan[i].lock, NULL);
    return s;
}

void qc_scans_free(qc_scans *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < QC_SCANS_MAX; i++)
        pthread_mutex_destroy(&s->scan[i].lock);
    pthread_rwlock_destroy(&s->open);
    qc_free(s);
}

/* Under its lock. */
static void drop(qc_scan *s)
{
    qc_coins_iter_free(s->it);
    s->it = NULL;
}

void qc_scans_end(qc_scans *s)
{
    pthread_rwlock_wrlock(&s->open);
    s->ended = true;
    for (size_t i = 0; i < QC_SCANS_MAX; i++) {
        pthread_mutex_lock(&s->scan[i].lock);
        drop(&s->scan[i]);
        pthread_mutex_unlock(&s->scan[i].lock);
    }
    pthread_rwlock_unlock(&s->open);
}

void qc_scans_expire(qc_scans *s, qc_mono now)
{
    for (size_t i = 0; i < QC_SCANS_MAX; i++) {
        qc_scan *one = &s->scan[i];
        if (pthread_mutex_trylock(&one->lock)) /* it is being read: next time */
            continue;
        if (one->it && (now - one->used >= QC_SCAN_IDLE || now - one->began >= QC_SCAN_LIFE))
            drop(one);
        pthread_mutex_unlock(&one->lock);
    }
}

unsigned qc_scans_open(qc_scans *s)
{
    unsigned n = 0;
    for (size_t i = 0; i < QC_SCANS_MAX; i++) {
        pthread_mutex_lock(&s->scan[i].lock);
        n += s->scan[i].it != NULL;
        pthread_mutex_unlock(&s->scan[i].lock);
    }
    return n;
}

bool qc_scans_enter(qc_scans *s)
{
    pthread_rwlock_rdlock(&s->open);
    if (!s->ended)
        return true;
    pthread_rwlock_unlock(&s->open);
    return false;
}

void qc_scans_leave(qc_scans *s)
{
    pthread_rwlock_unlock(&s->open);
}

qc_scan *qc_scans_take(qc_scans *s)
{
    for (size_t i = 0; i < QC_SCANS_MAX; i++)
        if (!atomic_exchange(&s->scan[i].taken, true))
            return &s->scan[i];
    return NULL;
}

void qc_scan_begin(qc_scan *s, qc_coins_iter *it, qc_mono now)
{
    pthread_mutex_lock(&s->lock);
    s->it = it;
    s->began = s->used = now;
    pthread_mutex_unlock(&s->lock);
}

void qc_scan_close(qc_scan *s)
{
    pthread_mutex_lock(&s->lock);
    drop(s);
    pthread_mutex_unlock(&s->lock);
    atomic_store(&s->taken, false);
}

qc_coins_iter *qc_scan_lock(qc_scan *s, qc_mono now)
{
    pthread_mutex_lock(&s->lock);
    if (!s->it) {
        pthread_mutex_unlock(&s->lock);
        return NULL;
    }
    s->used = now;
    return s->it;
}

void qc_scan_unlock(qc_scan *s)
{
    pthread_mutex_unlock(&s->lock);
}
