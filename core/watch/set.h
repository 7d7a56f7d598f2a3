/* core/watch/set.h: what is watched, by all watchers: one table of scripts and outpoints. Hashed
 * under a secret key, so that nobody can choose scripts that collide. It is cut into shards with a
 * lock each: a look-up never waits for more than the growth of one shard.
 * Thread: any, but for each watcher one at a time. */
#pragma once
#include "core/base/bytes.h"
#include "core/watch/sieve.h"

#define QC_WATCH_SCRIPT_MAX 10000u /* bytes: a longer one can never be spent */
#define QC_WATCH_OUTPOINT_LEN 36u
#define QC_WATCH_OWNERS 8192u

typedef struct qc_watchset qc_watchset;

typedef enum qc_watch_kind { QC_WATCH_SCRIPT, QC_WATCH_OUTPOINT } qc_watch_kind;

/** One watcher. Filled in by qc_watchset_enter(); the counts by the set. */
typedef struct qc_watch_owner {
    uint16_t id;       /* > 0 */
    uint64_t count[2]; /* by kind */
    uint64_t bytes;    /* of memory, shares of what is common included */
} qc_watch_owner;

/** A thing to be watched. */
typedef struct qc_watch_key {
    qc_watch_kind kind;
    qc_span bytes; /* a script, or an outpoint as in qc_outpoint */
    uint64_t cookie;
} qc_watch_key;

/** Somebody watches what was looked up. */
typedef struct qc_watch_found {
    uint64_t cookie;
    uint32_t gen; /* of the call that added it, or gave it its cookie */
    uint16_t owner;
} qc_watch_found;

/** `salt`: secret, random. Owned: qc_watchset_free(). Aborts when memory runs out. */
qc_watchset *qc_watchset_new(const qc_siphash_key *salt);
/** After all watchers have left. NULL is allowed. */
void qc_watchset_free(QC_OWN qc_watchset *s);

/** One more watcher. Returns: QC_OK; QC_ERANGE (QC_WATCH_OWNERS are there). */
QC_MUST_CHECK qc_err qc_watchset_enter(qc_watchset *s, qc_watch_owner *o);
/** It goes, with all it watches. */
void qc_watchset_leave(qc_watchset *s, qc_watch_owner *o);

/** Watch n things, added by call `gen`; what is watched already by this watcher takes the new
 * cookie, and if that is another one the new gen. Lengths are within their limits. Returns: QC_OK;
 *  QC_ENOMEM: nothing has changed. */
QC_MUST_CHECK qc_err qc_watchset_add(qc_watchset *s, qc_watch_owner *o, const qc_watch_key *key,
                                     size_t n, uint32_t gen);
/** Watch it no more. False: it was not. */
bool qc_watchset_remove(qc_watchset *s, qc_watch_owner *o, const qc_watch_key *key);
/** Most bytes that adding these can take. */
uint64_t qc_watchset_cost(const qc_watch_key *key, size_t n);

/** Goes up with every change. A pass over a block is good for a watcher that has changed nothing
 *  since the pass began. */
uint64_t qc_watchset_version(const qc_watchset *s);
/** What tells at once, without a lock, that nobody watches something: nothing passes unseen that
 * was added at the version of the set before this call. Kinds are qc_watch_kind. Out: shared,
 *  qc_sieve_unref(). */
qc_sieve *qc_watchset_sieve(qc_watchset *s);
/** Who watches this: calls fn for each. fn must not call the set. Returns how many. */
size_t qc_watchset_find(qc_watchset *s, qc_watch_kind kind, qc_span bytes,
                        void (*fn)(void *arg, const qc_watch_found *f), void *arg);
/** The same for who looks at much: of nearly all that nobody watches the sieve says so, without a
 *  lock. A script that is empty or too long is watched by nobody. */
static inline void qc_watchset_sift(qc_watchset *s, const qc_sieve *sieve, qc_watch_kind kind,
                                    qc_span bytes, void (*fn)(void *arg, const qc_watch_found *f),
                                    void *arg)
{
    if (bytes.len && bytes.len <= QC_WATCH_SCRIPT_MAX && qc_sieve_may(sieve, kind, bytes))
        (void)qc_watchset_find(s, kind, bytes, fn, arg);
}
/** All that one watcher watches: calls fn for each, with its gen. The bytes are borrowed for the
 *  call, and fn must not call the set. */
void qc_watchset_each(qc_watchset *s, const qc_watch_owner *o,
                      void (*fn)(void *arg, const qc_watch_key *key, uint32_t gen), void *arg);
/** Memory of all of it. */
uint64_t qc_watchset_bytes(qc_watchset *s);
