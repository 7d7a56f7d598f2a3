/* quoin/sdk.h: inline helpers on top of the tables. Nothing here is needed to be a plugin, and
 * nothing here is known to the host.
 *
 *   block walk       QN_EACH_TX, QN_EACH_IN, QN_EACH_OUT and accessors for scripts
 *   configuration    qn_config_text, qn_config_u64
 *   qn_batch         builds what store.own's write() takes
 *   qn_follower      chain.follow as three functions: connect, disconnect, commit
 *   qn_pool_follower mempool.follow as functions (sdk_mempool.h)
 *   qn_watcher       watch as functions (sdk_watch.h)
 *   qn_json          writes a small JSON reply
 */
#ifndef QUOIN_SDK_H
#define QUOIN_SDK_H
#include "quoin/block.h"
#include "quoin/chain_follow.h"
#include "quoin/host.h"
#include "quoin/plugin.h"
#include "quoin/store_own.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- block walk ---- */

/** for (each transaction i of view v) with `tx` a const qn_tx_rec *. */
#define QN_EACH_TX(v, i, tx)                                                                       \
    for (uint32_t i = 0; i < (v)->tx.count; i++)                                                   \
        for (const qn_tx_rec *tx = qn_view_tx((v), i); tx; tx = NULL)
/** for (each input k, counted over the block, of transaction record t). */
#define QN_EACH_IN(v, t, k, in_)                                                                   \
    for (uint32_t k = (t)->in0; k < (t)->in0 + (t)->n_in; k++)                                     \
        for (const qn_in_rec *in_ = qn_view_in((v), k); in_; in_ = NULL)
#define QN_EACH_OUT(v, t, k, out_)                                                                 \
    for (uint32_t k = (t)->out0; k < (t)->out0 + (t)->n_out; k++)                                  \
        for (const qn_out_rec *out_ = qn_view_out((v), k); out_; out_ = NULL)

/** scriptPubKey of an output. */
static inline const uint8_t *qn_out_script(const qn_block_view *v, const qn_out_rec *o)
{
    return qn_view_raw(v) + o->script_off;
}
/** scriptSig of an input. */
static inline const uint8_t *qn_in_script(const qn_block_view *v, const qn_in_rec *in)
{
    return qn_view_raw(v) + in->script_off;
}

/* ---- configuration ---- */

/** The value of `name`, or NULL when the schema has no such member. */
static inline const char *qn_config_text(const qn_config *c, const char *name)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (strcmp(c->item[i].name, name) == 0)
            return c->item[i].value;
    return NULL;
}
/** A number; the host has checked it against the schema. */
static inline uint64_t qn_config_u64(const qn_config *c, const char *name, uint64_t otherwise)
{
    const char *text = qn_config_text(c, name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

/** Log with a format; cut at 500 bytes. */
__attribute__((format(printf, 4, 5))) static inline void qn_logf(const qn_host_1 *host, qn_cap *cap,
                                                                 uint32_t level, const char *fmt,
                                                                 ...)
{
    char line[500];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (n > 0)
        host->log(cap, level, line, (uint32_t)(n < (int)sizeof line ? n : (int)sizeof line - 1));
}

/* ---- batches for store.own ---- */

/** A batch under construction. Zero-initialised is empty. `failed` sticks: check it, or let
 *  qn_batch_write() say QN_E_NOMEM. */
typedef struct qn_batch {
    uint8_t *data;
    size_t len, cap;
    uint32_t n;      /* steps */
    uint32_t failed; /* 1: memory ran out */
} qn_batch;

static inline uint8_t *qn_batch_room_(qn_batch *b, size_t need)
{
    if (b->cap - b->len < need) {
        size_t cap = b->cap * 2 > b->len + need ? b->cap * 2 : b->len + need + 4096;
        uint8_t *data = (uint8_t *)realloc(b->data, cap);
        if (!data) {
            b->failed = 1;
            return NULL;
        }
        b->data = data;
        b->cap = cap;
    }
    uint8_t *at = b->data + b->len;
    b->len += need;
    b->n++;
    return at;
}
static inline void qn_batch_step_(qn_batch *b, uint32_t op, const void *key, uint32_t key_len,
                                  const void *value, uint32_t value_len)
{
    qn_store_op head = {op, key_len, value_len};
    uint8_t *p = qn_batch_room_(b, sizeof head + key_len + value_len);
    if (!p)
        return;
    memcpy(p, &head, sizeof head);
    memcpy(p + sizeof head, key, key_len);
    if (value_len)
        memcpy(p + sizeof head + key_len, value, value_len);
}
static inline void qn_batch_put(qn_batch *b, const void *key, uint32_t key_len, const void *value,
                                uint32_t value_len)
{
    qn_batch_step_(b, QN_STORE_OP_PUT, key, key_len, value, value_len);
}
static inline void qn_batch_delete(qn_batch *b, const void *key, uint32_t key_len)
{
    qn_batch_step_(b, QN_STORE_OP_DELETE, key, key_len, NULL, 0);
}
/** Empty it, keep its memory. */
static inline void qn_batch_clear(qn_batch *b)
{
    b->len = 0;
    b->n = b->failed = 0;
}
static inline void qn_batch_free(qn_batch *b)
{
    free(b->data);
    memset(b, 0, sizeof *b);
}
/** Write it; emptied when that worked, kept for another try when not. */
static inline qn_status qn_batch_write(qn_batch *b, const qn_store_own_1 *t, qn_cap *cap,
                                       uint32_t flags)
{
    if (b->failed)
        return QN_E_NOMEM;
    qn_status st = t->write(cap, b->data, b->len, flags);
    if (st == QN_OK)
        qn_batch_clear(b);
    return st;
}

/* ---- chain.follow as callbacks ---- */

/** What a follower calls, on the plugin's loop. Any failure ends it: host->fail() is called with
 *  the status. on_gap NULL: a gap is a failure. */
typedef struct qn_follow_handlers {
    qn_status (*on_connect)(void *arg, const qn_follow_event *ev, const qn_block_view *view);
    qn_status (*on_disconnect)(void *arg, const qn_follow_event *ev, const qn_block_view *view);
    qn_status (*on_gap)(void *arg, const qn_follow_event *ev);
    /** Make everything up to `at` durable, the locator in the same batch. Called at the tip, when
     *  the window is full and when want_commit is set. Acknowledged when it returns QN_OK.
     *  `at` is the block the rows now stand on; height 0xffffffff: before genesis. */
    qn_status (*commit)(void *arg, const qn_block_ref *at);
    void *arg;
} qn_follow_handlers;

/** One subscription with its handlers. Fill in the first five, then qn_follow_start(). */
typedef struct qn_follower {
    const qn_host_1 *host;
    qn_cap *host_cap;
    const qn_chain_follow_1 *table;
    qn_cap *cap;
    qn_follow_handlers on;

    uint64_t follow;      /* 0: closed */
    uint64_t seq;         /* newest delivered */
    uint64_t acked;       /* newest acknowledged */
    qn_block_ref at;      /* where the rows stand */
    uint64_t chain_seq;   /* of the newest event flagged TIP; 0: none yet */
    uint32_t lag;         /* blocks still to come */
    uint32_t want_commit; /* a handler sets it when its batch is big enough */
    uint32_t posted;      /* a continuation is queued */
} qn_follower;

#define QN_FOLLOW_SLICE_MS 10 /* then other callbacks get their turn */

static inline void qn_follow_end(qn_follower *f)
{
    if (f->follow)
        (void)f->table->close(f->cap, f->follow);
    f->follow = 0;
}
static inline void qn_follow_fail_(qn_follower *f, qn_status st, const char *what)
{
    qn_follow_end(f);
    f->host->fail(f->host_cap, st, what, (uint32_t)strlen(what));
}
static inline qn_status qn_follow_commit(qn_follower *f)
{
    f->want_commit = 0;
    if (f->acked == f->seq)
        return QN_OK;
    qn_status st = f->on.commit(f->on.arg, &f->at);
    if (st == QN_OK)
        st = f->table->ack(f->cap, f->follow, f->seq);
    if (st == QN_OK)
        f->acked = f->seq;
    return st;
}
static inline qn_status qn_follow_step_(qn_follower *f, const qn_follow_event *ev,
                                        const qn_block_view *view)
{
    qn_status st = QN_E_UNSUPPORTED;
    if (ev->type == QN_EV_CONNECT)
        st = f->on.on_connect(f->on.arg, ev, view);
    else if (ev->type == QN_EV_DISCONNECT)
        st = f->on.on_disconnect(f->on.arg, ev, view);
    else if (ev->type == QN_EV_GAP && f->on.on_gap)
        st = f->on.on_gap(f->on.arg, ev);
    if (st != QN_OK)
        return st;
    f->seq = ev->seq;
    f->lag = ev->lag;
    if (ev->flags & QN_EVF_TIP)
        f->chain_seq = ev->chain_seq;
    f->at = ev->type == QN_EV_CONNECT ? ev->ref : ev->prev;
    if ((ev->flags & QN_EVF_TIP) || f->want_commit)
        st = qn_follow_commit(f);
    return st;
}
static inline void qn_follow_run(qn_follower *f);
static inline void qn_follow_again_(void *arg)
{
    qn_follower *f = (qn_follower *)arg;
    f->posted = 0;
    qn_follow_run(f);
}
/* Go on from the loop. */
static inline qn_status qn_follow_later_(qn_follower *f)
{
    if (f->posted)
        return QN_OK;
    qn_status st = f->host->post(f->host_cap, qn_follow_again_, f);
    f->posted = st == QN_OK;
    return st;
}
/** Take steps until there is nothing more, but yield the loop after QN_FOLLOW_SLICE_MS, so that
 *  a plugin in catch-up still answers its RPC. */
static inline void qn_follow_run(qn_follower *f)
{
    uint64_t end = f->host->now_ms(f->host_cap) + QN_FOLLOW_SLICE_MS;
    while (f->follow) {
        const qn_follow_event *ev = NULL;
        const qn_block_view *view = NULL;
        qn_status st = f->table->next(f->cap, f->follow, &ev, &view);
        if (st == QN_E_LIMIT)
            st = qn_follow_commit(f);
        else if (st == QN_OK)
            st = qn_follow_step_(f, ev, view);
        else if (st == QN_E_AGAIN || st == QN_E_REVOKED || st == QN_E_CLOSED)
            return;
        if (st != QN_OK) {
            qn_follow_fail_(f, st, "following the chain failed");
            return;
        }
        if (f->host->now_ms(f->host_cap) >= end) {
            if ((st = qn_follow_later_(f)) != QN_OK)
                qn_follow_fail_(f, st, "the loop takes no task to go on with");
            return;
        }
    }
}
static inline void qn_follow_ready_(void *arg, uint64_t follow)
{
    (void)follow;
    qn_follow_run((qn_follower *)arg);
}
/** Open and begin. QN_E_UNKNOWN_TIP: f->at says where the chain and the locator meet; nothing is
 *  open. Other failures as chain.follow's open(). */
static inline qn_status qn_follow_start(qn_follower *f, const qn_follow_options *o,
                                        const qn_hash *locator, uint32_t n_locator)
{
    qn_status st =
        f->table->open(f->cap, o, locator, n_locator, qn_follow_ready_, f, &f->follow, &f->at);
    if (st != QN_OK)
        return st;
    f->seq = f->acked = f->chain_seq = 0;
    f->want_commit = f->posted = 0;
    st = qn_follow_later_(f);
    if (st != QN_OK)
        qn_follow_end(f);
    return st;
}

/* ---- JSON replies ---- */

/** A JSON text under construction. Zero-initialised is empty; `failed` sticks. */
typedef struct qn_json {
    char *data;
    size_t len, cap;
    uint32_t failed;
    uint32_t comma; /* a value stands before the place of writing */
} qn_json;

/* Room for more, and a zero behind it; its length counts at once. NULL: none. */
static inline char *qn_json_room_(qn_json *j, size_t len)
{
    if (j->cap - j->len < len + 1) {
        size_t cap = j->cap * 2 > j->len + len ? j->cap * 2 + 1 : j->len + len + 256;
        char *data = (char *)realloc(j->data, cap);
        if (!data) {
            j->failed = 1;
            return NULL;
        }
        j->data = data;
        j->cap = cap;
    }
    char *at = j->data + j->len;
    j->len += len;
    at[len] = 0;
    return at;
}
static inline void qn_json_raw(qn_json *j, const char *text, size_t len)
{
    char *at = qn_json_room_(j, len);
    if (at && len)
        memcpy(at, text, len);
}
static inline void qn_json_text_(qn_json *j, const char *s, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    size_t from = 0; /* what is before it stands already */
    qn_json_raw(j, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        char esc[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        if (c >= 0x20)
            esc[1] = (char)c;
        qn_json_raw(j, s + from, i - from);
        qn_json_raw(j, esc, c < 0x20 ? 6 : 2);
        from = i + 1;
    }
    qn_json_raw(j, s + from, len - from);
    qn_json_raw(j, "\"", 1);
}
/** Start a value; key NULL inside an array or at the top. */
static inline void qn_json_key_(qn_json *j, const char *key)
{
    if (j->comma)
        qn_json_raw(j, ",", 1);
    j->comma = 1;
    if (key) {
        qn_json_text_(j, key, strlen(key));
        qn_json_raw(j, ":", 1);
    }
}
/** Open with '{' or '[', close with '}' or ']'. */
static inline void qn_json_open(qn_json *j, const char *key, char bracket)
{
    qn_json_key_(j, key);
    qn_json_raw(j, &bracket, 1);
    j->comma = 0;
}
static inline void qn_json_close(qn_json *j, char bracket)
{
    qn_json_raw(j, &bracket, 1);
    j->comma = 1;
}
static inline void qn_json_text(qn_json *j, const char *key, const char *value)
{
    qn_json_key_(j, key);
    qn_json_text_(j, value, strlen(value));
}
/* Decimal, at least `least` digits. */
static inline void qn_json_digits_(qn_json *j, uint64_t v, int least)
{
    char text[20];
    int at = 20;
    for (; v || least > 0; v /= 10, least--)
        text[--at] = (char)('0' + v % 10);
    qn_json_raw(j, text + at, (size_t)(20 - at));
}
static inline void qn_json_int(qn_json *j, const char *key, int64_t value)
{
    qn_json_key_(j, key);
    if (value < 0)
        qn_json_raw(j, "-", 1);
    qn_json_digits_(j, value < 0 ? 0u - (uint64_t)value : (uint64_t)value, 1);
}
static inline void qn_json_bool(qn_json *j, const char *key, int value)
{
    qn_json_key_(j, key);
    qn_json_raw(j, value ? "true" : "false", value ? 4 : 5);
}
/** Satoshis as a decimal number of coins with eight places, as bitcoind writes amounts. */
static inline void qn_json_amount(qn_json *j, const char *key, int64_t sat)
{
    uint64_t a = sat < 0 ? 0u - (uint64_t)sat : (uint64_t)sat;
    qn_json_key_(j, key);
    if (sat < 0)
        qn_json_raw(j, "-", 1);
    qn_json_digits_(j, a / 100000000u, 1);
    qn_json_raw(j, ".", 1);
    qn_json_digits_(j, a % 100000000u, 8);
}
/** Bytes as hex; reversed: as txids and block hashes are shown. */
static inline void qn_json_hex(qn_json *j, const char *key, const void *bytes, size_t len,
                               int reversed)
{
    static const char digit[] = "0123456789abcdef";
    const uint8_t *b = (const uint8_t *)bytes;
    qn_json_key_(j, key);
    char *at = qn_json_room_(j, 2 * len + 2);
    if (!at)
        return;
    *at++ = '"';
    for (size_t i = 0; i < len; i++) {
        uint8_t x = b[reversed ? len - 1 - i : i];
        *at++ = digit[x >> 4];
        *at++ = digit[x & 15];
    }
    *at = '"';
}
static inline void qn_json_free(qn_json *j)
{
    free(j->data);
    memset(j, 0, sizeof *j);
}

#ifdef __cplusplus
}
#endif
#include "quoin/sdk_mempool.h"
#include "quoin/sdk_watch.h"
#endif
