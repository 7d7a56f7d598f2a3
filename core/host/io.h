/* core/host/io.h: descriptors of a plugin that are watched on its loop, for io_watch() and
 * io_unwatch() of any interface that hands descriptors over. Thread: the plugin's. */
#pragma once
#include "core/host/plugin.h"
#include "quoin/io.h"

#define QC_IO_WATCHES 16384u

typedef struct qc_io_set {
    struct qc_io_entry **by_fd; /* NULL where nothing is watched */
    size_t cap, n;
} qc_io_set;

/** Watch, or replace what is watched on fd. Returns: QN_OK; QN_E_INVAL; QN_E_LIMIT. */
qn_status qc_io_set_watch(qc_io_set *s, qc_plugin *p, int32_t fd, uint32_t events, qn_io_fn *fn,
                          void *arg);
/** Returns: QN_OK; QN_E_NOTFOUND. */
qn_status qc_io_set_unwatch(qc_io_set *s, int32_t fd);
/** Unwatch all and free. */
void qc_io_set_clear(qc_io_set *s);
