#include "core/net/transport.h"

#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "core/crypto/sha256.h"
#include "core/net/transport_impl.h"

#include <stdarg.h>
#include <stdio.h>

#define KEEP_CAPACITY (256u * 1024u) /* a buffer that grew larger is given back when empty */

const char *qc_transport_kind_text(qc_transport_kind k)
{
    switch (k) {
    case QC_TRANSPORT_DETECTING:
        return "detecting";
    case QC_TRANSPORT_V1:
        return "v1";
    case QC_TRANSPORT_V2:
        return "v2";
    }
    return "?";
}

qc_transport *qc_transport_new(const qc_transport_options *o)
{
    qc_transport *t = qc_alloc(sizeof *t);
    memcpy(t->magic, o->magic, sizeof t->magic);
    t->initiating = o->initiating;
    t->state = !o->signer ? QC_TS_V1 : o->initiating ? QC_TS_START : QC_TS_MAYBE_V1;
    if (o->signer) {
        QC_ASSERT(o->secrets->garbage_len <= QC_GARBAGE_MAX);
        t->signer = o->signer;
        t->secrets = qc_alloc(sizeof *t->secrets);
        *t->secrets = *o->secrets;
    }
    return t;
}

void qc_transport_free(qc_transport *t)
{
    if (!t)
        return;
    qc_v2_forget(t);
    qc_bytes_free(&t->in);
    qc_bytes_free(&t->out);
    qc_wipe(t, sizeof *t);
    qc_free(t);
}

void qc_transport_fail_with(qc_transport *t, qc_transport_fail f, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(t->why, sizeof t->why, fmt, args);
    va_end(args);
    t->fail = f;
    t->state = QC_TS_FAILED;
}

/* ---- version 1 ---- */

static void say_checksum(const qc_message *m, const uint8_t was[static 4], char *why, size_t cap)
{
    uint8_t h[32];
    qc_sha256d(m->payload, h);
    snprintf(why, cap, "Header error: Wrong checksum (%s, %zu bytes), expected %08x was %08x",
             m->name, m->payload.len, qc_read_be32(h), qc_read_be32(was));
}

static bool v1_step(qc_transport *t, qc_transport_event *e)
{
    qc_span rest = qc_transport_left(t);
    if (!t->ready_told) {
        t->ready_told = true;
        e->what = QC_TR_READY;
        return true;
    }
    e->what = QC_TR_DROPPED;
    switch (qc_message_read(rest, t->magic, &e->m)) {
    case QC_MSG_OK:
        e->what = QC_TR_MESSAGE;
        break;
    case QC_MSG_MORE:
        e->what = QC_TR_MORE;
        return true;
    case QC_MSG_MAGIC:
        qc_transport_fail_with(t, QC_TF_MAGIC, "Header error: Wrong MessageStart %08x received",
                               qc_read_be32(rest.data));
        return false;
    case QC_MSG_TOO_LARGE:
        qc_transport_fail_with(t, QC_TF_SIZE, "Header error: Size too large (%s, %zu bytes)",
                               e->m.name, e->m.total - QC_MSG_HEADER);
        return false;
    case QC_MSG_CHECKSUM:
        e->fail = QC_TF_CHECKSUM;
        say_checksum(&e->m, rest.data + 20, e->why, sizeof e->why);
        break;
    case QC_MSG_NAME_BAD:
        e->fail = QC_TF_NAME;
        snprintf(e->why, sizeof e->why, "Header error: Invalid message type (%s, %zu bytes)",
                 e->m.name, e->m.payload.len);
        break;
    }
    t->at += e->m.total;
    return true;
}

/* BIP324: a v1 peer is known by its first 16 bytes; as soon as one is another, it is none. */
static bool detect_step(qc_transport *t, qc_transport_event *e)
{
    uint8_t prefix[QC_V1_PREFIX] = {[4] = 'v', 'e', 'r', 's', 'i', 'o', 'n'};
    memcpy(prefix, t->magic, sizeof t->magic);
    size_t n = t->in.len < sizeof prefix ? t->in.len : sizeof prefix;
    if (n && memcmp(t->in.data, prefix, n) != 0) {
        t->state = QC_TS_START;
    } else if (n == sizeof prefix) {
        t->state = QC_TS_V1;
        qc_v2_forget(t);
    } else {
        e->what = QC_TR_MORE;
        return true;
    }
    return false;
}

/* ---- both ---- */

qc_err qc_transport_receive(qc_transport *t, qc_span bytes)
{
    if (t->state == QC_TS_FAILED)
        return QC_OK;
    if (t->at) {
        t->in.len -= t->at;
        memmove(t->in.data, t->in.data + t->at, t->in.len);
        t->at = 0;
    }
    if (t->in.len == 0 && t->in.cap > KEEP_CAPACITY)
        qc_bytes_free(&t->in);
    return qc_bytes_append(&t->in, bytes.data, bytes.len);
}

static bool step(qc_transport *t, qc_transport_event *e)
{
    switch (t->state) {
    case QC_TS_V1:
        return v1_step(t, e);
    case QC_TS_MAYBE_V1:
        return detect_step(t, e);
    case QC_TS_START:
    case QC_TS_KEY:
    case QC_TS_GARBAGE:
    case QC_TS_VERSION:
    case QC_TS_MESSAGES:
        return qc_v2_step(t, e);
    case QC_TS_FAILED:
        break;
    }
    e->what = QC_TR_FAILED;
    e->fail = t->fail;
    memcpy(e->why, t->why, sizeof e->why);
    return true;
}

qc_transport_what qc_transport_next(qc_transport *t, qc_transport_event *e)
{
    e->fail = QC_TF_NONE;
    e->why[0] = 0;
    while (!step(t, e))
        ;
    return e->what;
}

qc_err qc_transport_room(qc_transport *t, size_t n)
{
    if (t->out_at && t->out_at >= t->out.len / 2) { /* each byte is moved once at most */
        t->out.len -= t->out_at;
        memmove(t->out.data, t->out.data + t->out_at, t->out.len);
        t->out_at = 0;
    }
    return qc_bytes_reserve(&t->out, n);
}

qc_err qc_transport_send(qc_transport *t, const char *name, qc_span payload, size_t *wire)
{
    size_t before = t->out.len - t->out_at;
    QC_ASSERT(t->ready_told && payload.len <= QC_MSG_SEND_MAX);
    if (t->state == QC_TS_FAILED) {
        *wire = 0;
        return QC_OK;
    }
    qc_err err = qc_transport_room(t, QC_MSG_HEADER + payload.len);
    if (!err)
        err = t->state == QC_TS_V1 ? qc_message_write(&t->out, t->magic, name, payload)
                                   : qc_v2_send(t, name, payload);
    if (!err)
        *wire = t->out.len - t->out_at - before;
    return err;
}

qc_span qc_transport_pending(const qc_transport *t)
{
    return t->out.data ? qc_span_of(t->out.data + t->out_at, t->out.len - t->out_at)
                       : qc_span_of("", 0);
}

void qc_transport_sent(qc_transport *t, size_t n)
{
    QC_ASSERT(n <= t->out.len - t->out_at);
    t->out_at += n;
    t->sent += n;
    if (t->out_at < t->out.len)
        return;
    t->out.len = t->out_at = 0;
    if (t->out.cap > KEEP_CAPACITY)
        qc_bytes_free(&t->out);
}

qc_transport_kind qc_transport_get_kind(const qc_transport *t)
{
    return t->state == QC_TS_V1         ? QC_TRANSPORT_V1
           : t->state == QC_TS_MESSAGES ? QC_TRANSPORT_V2
                                        : QC_TRANSPORT_DETECTING;
}

const uint8_t *qc_transport_session_id(const qc_transport *t)
{
    return t->state == QC_TS_MESSAGES ? t->cipher.session_id : NULL;
}

/* Core V2Transport::ShouldReconnectV1: a v1 peer needs a whole header to see that it is foreign. */
bool qc_transport_should_try_v1(const qc_transport *t)
{
    return t->initiating && t->state == QC_TS_KEY && t->in.len == 0 && t->sent >= QC_MSG_HEADER;
}
