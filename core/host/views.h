/* core/host/views.h: the views that a plugin holds, by address, with their blocks. Internal to
 * core/host. Thread: any. */
#pragma once
#include "core/btc/block.h"

#include <pthread.h>

typedef struct qc_held_view {
    qc_block *block;
    uint32_t count;
} qc_held_view;

typedef struct qc_views {
    pthread_mutex_t lock;
    qc_held_view *held;
    size_t n, max;
} qc_views;

/** Room for `max` different views. */
void qc_views_init(qc_views *v, size_t max);
/** Lets go of every view. */
void qc_views_clear(qc_views *v);
/** Hold one more reference. `block` is taken in any case. False: no room. */
bool qc_views_hold(qc_views *v, QC_OWN qc_block *block);
/** Let one reference go. False: not held. */
bool qc_views_release(qc_views *v, const qn_block_view *view);
