/* core/net/bans.h: addresses an operator has banned, for a time and over restarts (banlist.json in
 * Core's format), and addresses that misbehaved, which are discouraged until memory fades. Facts:
 * Core banman.cpp, addrdb.cpp. Thread: one at a time per object. */
#pragma once
#include "core/base/clock.h"
#include "core/net/bloom.h"
#include "core/net/netrange.h"

#define QC_BAN_SECONDS (24 * 60 * 60) /* -bantime */
#define QC_BANLIST_MAX (64u << 20)    /* bytes of a banlist.json that is read */

typedef struct qc_ban {
    qc_netrange range;
    qc_unixtime created, until;
} qc_ban;

typedef struct qc_bans {
    qc_ban *list; /* in the order of qc_netrange_cmp() */
    size_t n, cap;
    bool dirty; /* changed since it was written */
    int64_t seconds;
    qc_rolling_bloom discouraged;
} qc_bans;

/** seconds: how long a ban lasts when nobody says. tweak: random. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_bans_init(qc_bans *b, int64_t seconds, uint32_t tweak);
void qc_bans_clear(qc_bans *b);

/** Ban for `seconds`, or until then (absolute); <= 0: the default. A longer ban stays.
 *  Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_bans_add(qc_bans *b, const qc_netrange *r, int64_t seconds, bool absolute,
                                 qc_unixtime now);
/** As it stands, whatever stood there. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_bans_put(qc_bans *b, const qc_ban *ban);
/** False: it was not banned. */
bool qc_bans_remove(qc_bans *b, const qc_netrange *r);
void qc_bans_remove_all(qc_bans *b);
/** Drop what has expired. */
void qc_bans_sweep(qc_bans *b, qc_unixtime now);
/** Is the address in any banned range? */
bool qc_bans_has(const qc_bans *b, const qc_netaddr *a, qc_unixtime now);
/** Is this very range banned? */
bool qc_bans_has_range(const qc_bans *b, const qc_netrange *r, qc_unixtime now);

void qc_bans_discourage(qc_bans *b, const qc_netaddr *a);
bool qc_bans_is_discouraged(const qc_bans *b, const qc_netaddr *a);

/** Take over the bans of a file's bytes; entries that say nothing readable are left out with a line
 *  in the log. cjdns: see qc_netaddr_flip_cjdns().
 *  Returns: QC_OK; QC_ECORRUPT (not the form of a ban list; *b has none then); QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_bans_decode(qc_bans *b, qc_span json, bool cjdns);
/** Append the bytes of a file. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_bans_encode(const qc_bans *b, qc_bytes *out);
/** Read `path`; without one, or with one that cannot be read, an empty list is made (and logged).
 */
void qc_bans_load(qc_bans *b, const char *path, bool cjdns, qc_unixtime now);
/** The bytes of a file when something has changed since the last time, else nothing; what is
 *  handed out counts as written. Out: *out owned. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_bans_unsaved(qc_bans *b, qc_unixtime now, qc_bytes *out);
/** Write such bytes; they are freed in any case. n: bans, for the log. Returns: QC_OK; QC_EIO and
 * its kin. Blocks on disk. */
QC_MUST_CHECK qc_err qc_bans_write(const char *path, QC_OWN qc_bytes *bytes, size_t n);
/** Write what has changed. Returns: QC_OK; QC_ENOMEM; QC_EIO and its kin. */
QC_MUST_CHECK qc_err qc_bans_save(qc_bans *b, const char *path, qc_unixtime now);
