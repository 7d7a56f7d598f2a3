/* core/host/book.h: which templates each plugin was given: what it holds, and what it may still
 * hand in. Kept by the plugin's id, so that a plugin that died between a notice to its miners and
 * their solution finds its template again. Locked inside: all functions are Thread: any but the
 * chain's. Internal to core/host. */
#pragma once
#include "core/base/clock.h"
#include "core/mining/template.h"
#include "quoin/types.h"

typedef struct qc_book qc_book;

/** How long a template can be handed in after it was held last. */
#define QC_BOOK_KEPT ((qc_mono)600 * 1000000000)
/** So many that are not held are kept for a plugin, the newest. */
#define QC_BOOK_IDLE 1024u

/** Of the grant. */
typedef struct qc_book_limits {
    uint32_t held;
    uint64_t bytes; /* of transactions and lists */
} qc_book_limits;

typedef struct qc_book_usage {
    uint32_t held, kept; /* templates; held ones are kept too */
    uint64_t bytes;      /* alive because of them, each transaction once, and qc_book_charge() */
} qc_book_usage;

/** now: qc_clock_mono(), or a test's. */
qc_book *qc_book_new(qc_mono (*now)(void));
void qc_book_free(QC_OWN qc_book *b);

/** `plugin` holds it once more, and can hand it in from now on; the book takes a reference of its
 *  own. Returns: QN_OK; QN_E_LIMIT (it holds too much). Its bytes are not known until
 *  qc_book_settle(). */
qn_status qc_book_give(qc_book *b, const char *plugin, const qc_book_limits *l,
                       const qc_template *t);
/** Count what was given since, and let go what may be and is too old or too much. Takes a fraction
 * of a millisecond for each template. */
void qc_book_settle(qc_book *b, const char *plugin, const qc_book_limits *l);
/** Keep `bytes` of something else alive. Returns: QN_OK; QN_E_LIMIT (that is too much). */
qn_status qc_book_charge(qc_book *b, const char *plugin, const qc_book_limits *l, uint64_t bytes);
void qc_book_uncharge(qc_book *b, const char *plugin, uint64_t bytes);
/** From time to time: what is too old goes, also where nothing is given any more. */
void qc_book_sweep(qc_book *b);
/** Hold it no more. Of those that are not held the first released goes first. Returns: QN_OK;
 * QN_E_CLOSED (it is not held). */
qn_status qc_book_release(qc_book *b, const char *plugin, uint64_t id);
/** One that is held, or any that can be handed in. Out: shared, qc_template_unref(). NULL: none. */
const qc_template *qc_book_find(qc_book *b, const char *plugin, uint64_t id, bool held);
qc_book_usage qc_book_usage_of(qc_book *b, const char *plugin);
