/* The handshake of BIP324 and its packets. What each side sends, in this order: its key as 64
 * bytes, garbage, once it has the other's key a terminator, then packets; the first that is no
 * decoy is its version packet, which today is empty and ignored, and the first of all proves the
 * garbage too. */
#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "core/net/transport_impl.h"

#include <stdio.h>

#define VERSION_NAME "version\0\0\0\0" /* 12 bytes with the literal's own zero */

void qc_v2_forget(qc_transport *t)
{
    if (t->secrets)
        qc_wipe(t->secrets, sizeof *t->secrets);
    qc_free(t->secrets);
    t->secrets = NULL;
}

static bool no_memory(qc_transport_event *e)
{
    e->what = QC_TR_NOMEM;
    return true;
}

static bool wait_for_more(qc_transport_event *e)
{
    e->what = QC_TR_MORE;
    return true;
}

/* There must be room. */
static void append(qc_bytes *b, const void *data, size_t len)
{
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
}

/* A packet of the last contents_len bytes of `out`, which begin QC_BIP324_HEAD after the packet. */
static void seal_last(qc_transport *t, size_t contents_len, qc_span aad)
{
    uint8_t *packet = t->out.data + t->out.len - contents_len - QC_BIP324_HEAD;
    qc_bip324_seal(&t->cipher, packet, contents_len, aad, false);
    t->out.len += QC_TAG_LEN;
}

static bool start(qc_transport *t, qc_transport_event *e)
{
    const qc_v2_secrets *s = t->secrets;
    if (qc_transport_room(t, QC_ELLSWIFT_LEN + s->garbage_len))
        return no_memory(e);
    /* It fails for one key in 2^128. */
    QC_ASSERT(qc_ellswift_create(t->signer, s->key, s->entropy, t->ours));
    append(&t->out, t->ours, sizeof t->ours);
    append(&t->out, s->garbage, s->garbage_len);
    t->state = QC_TS_KEY;
    return false;
}

/* As in Core: who accepted a v1 peer of another network says so rather than take it for a key. */
static bool is_foreign_v1(const qc_transport *t)
{
    return !t->initiating && t->in.len >= QC_V1_PREFIX &&
           memcmp(t->in.data + 4, VERSION_NAME, QC_V1_PREFIX - 4) == 0;
}

static bool take_key(qc_transport *t, qc_transport_event *e)
{
    const qc_v2_secrets *s = t->secrets;
    uint8_t secret[32];
    if (is_foreign_v1(t)) {
        qc_transport_fail_with(t, QC_TF_OTHER_NETWORK,
                               "V2 transport error: V1 peer with wrong MessageStart %08x",
                               qc_read_be32(t->in.data));
        return false;
    }
    if (t->in.len < QC_ELLSWIFT_LEN)
        return wait_for_more(e);
    if (qc_transport_room(t, QC_TERMINATOR_LEN + QC_BIP324_EXPANSION))
        return no_memory(e);
    QC_ASSERT(qc_ellswift_ecdh(s->key, t->ours, t->in.data, t->initiating, secret));
    qc_bip324_init(&t->cipher, secret, t->magic, t->initiating);
    qc_wipe(secret, sizeof secret);
    append(&t->out, t->cipher.send_terminator, QC_TERMINATOR_LEN);
    t->out.len += QC_BIP324_HEAD;
    seal_last(t, 0, qc_span_of(s->garbage, s->garbage_len));
    qc_v2_forget(t);
    t->at = QC_ELLSWIFT_LEN;
    t->state = QC_TS_GARBAGE;
    t->ready_told = true;
    e->what = QC_TR_READY;
    return true;
}

/* t->garbage: so many bytes cannot be where the terminator begins. */
static bool take_garbage(qc_transport *t, qc_transport_event *e)
{
    const uint8_t *p = t->in.data + t->at;
    size_t left = t->in.len - t->at;
    for (; t->garbage <= QC_GARBAGE_MAX; t->garbage++) {
        if (left < t->garbage + QC_TERMINATOR_LEN)
            return wait_for_more(e);
        if (memcmp(p + t->garbage, t->cipher.recv_terminator, QC_TERMINATOR_LEN) == 0) {
            t->garbage_kept = true;
            t->state = QC_TS_VERSION;
            return false;
        }
    }
    qc_transport_fail_with(t, QC_TF_TERMINATOR, "V2 transport error: missing garbage terminator");
    return false;
}

/* Contents: one byte of short id, or zero and twelve bytes of name; then the payload. */
static bool parse_contents(qc_span c, qc_message *m)
{
    const char *name = c.len ? qc_message_of_id(c.data[0]) : NULL;
    size_t head = 1;
    memset(m->name, 0, sizeof m->name);
    if (name) {
        memcpy(m->name, name, strlen(name));
    } else {
        head += QC_MSG_NAME;
        if (c.len < head || c.data[0] != 0 || !qc_message_name(c.data + 1, m->name))
            return false;
    }
    m->payload = qc_span_of(c.data + head, c.len - head);
    return true;
}

static void say_message(qc_span contents, qc_transport_event *e)
{
    e->what = QC_TR_MESSAGE;
    e->m.total = contents.len + QC_BIP324_EXPANSION;
    if (parse_contents(contents, &e->m))
        return;
    e->what = QC_TR_DROPPED;
    e->fail = QC_TF_NAME;
    e->m.payload = qc_span_of(NULL, 0);
    snprintf(e->why, sizeof e->why, "V2 transport error: invalid message type (%zu bytes contents)",
             contents.len);
}

static bool take_packet(qc_transport *t, qc_transport_event *e)
{
    size_t skip = t->garbage_kept ? t->garbage + QC_TERMINATOR_LEN : 0;
    uint8_t *p = t->in.data + t->at + skip;
    size_t left = t->in.len - t->at - skip;
    bool decoy;
    if (!t->length_known) {
        if (left < QC_LENGTH_LEN)
            return wait_for_more(e);
        t->contents = qc_bip324_length(&t->cipher, p);
        t->length_known = true;
    }
    if (t->contents > QC_V2_CONTENTS_MAX) {
        qc_transport_fail_with(t, QC_TF_PACKET_SIZE,
                               "V2 transport error: packet too large (%u bytes)", t->contents);
        return false;
    }
    if (left < t->contents + QC_BIP324_EXPANSION)
        return wait_for_more(e);
    qc_span aad = qc_span_of(t->in.data + t->at, t->garbage_kept ? t->garbage : 0);
    if (!qc_bip324_open(&t->cipher, p, t->contents, aad, &decoy)) {
        qc_transport_fail_with(t, QC_TF_PACKET,
                               "V2 transport error: packet decryption failure (%u bytes)",
                               t->contents);
        return false;
    }
    t->at += skip + t->contents + QC_BIP324_EXPANSION;
    t->garbage_kept = t->length_known = false;
    if (decoy)
        return false;
    if (t->state == QC_TS_VERSION) {
        t->state = QC_TS_MESSAGES;
        return false;
    }
    say_message(qc_span_of(p + QC_BIP324_HEAD, t->contents), e);
    return true;
}

bool qc_v2_step(qc_transport *t, qc_transport_event *e)
{
    switch (t->state) {
    case QC_TS_START:
        return start(t, e);
    case QC_TS_KEY:
        return take_key(t, e);
    case QC_TS_GARBAGE:
        return take_garbage(t, e);
    case QC_TS_VERSION:
    case QC_TS_MESSAGES:
        return take_packet(t, e);
    case QC_TS_V1:
    case QC_TS_MAYBE_V1:
    case QC_TS_FAILED:
        break;
    }
    QC_ASSERT(t->state == QC_TS_START); /* not called in the others */
    return false;
}

qc_err qc_v2_send(qc_transport *t, const char *name, qc_span payload)
{
    uint8_t id = qc_message_id(name), long_name[QC_MSG_NAME] = {0};
    size_t len = strlen(name), head = id ? 1 : 1 + QC_MSG_NAME;
    QC_ASSERT(len <= QC_MSG_NAME);
    memcpy(long_name, name, len);
    qc_err err = qc_transport_room(t, head + payload.len + QC_BIP324_EXPANSION);
    if (err)
        return err;
    t->out.len += QC_BIP324_HEAD;
    append(&t->out, &id, 1);
    append(&t->out, long_name, head - 1);
    append(&t->out, payload.data, payload.len);
    seal_last(t, head + payload.len, qc_span_of(NULL, 0));
    return QC_OK;
}
