/* core/host/scans.h: walks over all coins that plugins have open, each on a snapshot of the
 * database. The database keeps what a snapshot sees, and cannot be closed while there is one: so
 * that they are few, have an end, and are all gone when the host has stopped. Internal to
 * core/host. Thread: any. */
#pragma once
#include "core/base/clock.h"
#include "core/store/coinsdb.h"

#define QC_SCANS_MAX 8u                           /* of all plugins */
#define QC_SCAN_IDLE (INT64_C(60) * 1000000000)   /* ns without a read */
#define QC_SCAN_LIFE (INT64_C(3600) * 1000000000) /* ns in all */

typedef struct qc_scans qc_scans;
typedef struct qc_scan qc_scan;

qc_scans *qc_scans_new(void);
/** All are ended by now: qc_scans_end(). NULL is allowed. */
void qc_scans_free(qc_scans *s);
/** Close all walks, and let none begin; waits for who is reading. */
void qc_scans_end(qc_scans *s);
/** Close those whose time is over at `now`. Waits for nobody. */
void qc_scans_expire(qc_scans *s, qc_mono now);
/** How many have a snapshot. */
unsigned qc_scans_open(qc_scans *s);

/** The database stays open until qc_scans_leave(). False: it is closed, or will be. */
bool qc_scans_enter(qc_scans *s);
void qc_scans_leave(qc_scans *s);

/** Take a walk for a snapshot that is yet to be made; NULL: all are taken. Owned:
 *  qc_scan_close(). */
qc_scan *qc_scans_take(qc_scans *s);
/** Give it its snapshot. Between qc_scans_enter() and qc_scans_leave(). */
void qc_scan_begin(qc_scan *s, QC_OWN qc_coins_iter *it, qc_mono now);
void qc_scan_close(QC_OWN qc_scan *s);

/** Begin to read: nobody closes it until qc_scan_unlock(). NULL: its time was over, or the host
 *  stops; then there is nothing to unlock. Out: borrowed until qc_scan_unlock(). */
qc_coins_iter *qc_scan_lock(qc_scan *s, qc_mono now);
void qc_scan_unlock(qc_scan *s);
