/* core/net/transport_impl.h: shared by transport.c and transport_v2.c. */
#pragma once
#include "core/crypto/bip324.h"
#include "core/crypto/ellswift.h"
#include "core/net/transport.h"

typedef enum qc_transport_state {
    QC_TS_V1,
    QC_TS_MAYBE_V1, /* accepted: the first bytes decide */
    QC_TS_START,    /* v2: our key is to be sent */
    QC_TS_KEY,      /* v2: the peer's key is to come */
    QC_TS_GARBAGE,  /* v2: its terminator */
    QC_TS_VERSION,  /* v2: its version packet */
    QC_TS_MESSAGES, /* v2: messages */
    QC_TS_FAILED
} qc_transport_state;

#define QC_V1_PREFIX 16u /* magic, then "version" padded with zeros: how each v1 peer begins */

struct qc_transport {
    qc_transport_state state;
    uint8_t magic[4];
    bool initiating, ready_told;
    qc_bytes in, out;
    size_t at;     /* of `in`: taken so far */
    size_t out_at; /* of `out`: sent so far */
    uint64_t sent; /* in all; stops at 2^64 - 1 */
    qc_transport_fail fail;
    char why[128];
    /* version 2 */
    const qc_signer *signer;
    qc_v2_secrets *secrets; /* until our version packet is made */
    uint8_t ours[QC_ELLSWIFT_LEN];
    qc_bip324 cipher;
    size_t garbage; /* received; it stays in `in` until the first packet has proved it */
    bool garbage_kept;
    bool length_known;
    uint32_t contents; /* of the packet that is coming */
};

/** What has come and has not been taken. Never NULL. */
static inline qc_span qc_transport_left(const qc_transport *t)
{
    return t->in.data ? qc_span_of(t->in.data + t->at, t->in.len - t->at) : qc_span_of("", 0);
}
/** Reserve room for `n` bytes more of output. */
QC_MUST_CHECK qc_err qc_transport_room(qc_transport *t, size_t n);
/** Enter QC_TS_FAILED. */
void qc_transport_fail_with(qc_transport *t, qc_transport_fail f, const char *fmt, ...)
    QC_PRINTF(3, 4);

/* transport_v2.c. One step of the state machine: true when *e says something, false to go on. */
bool qc_v2_step(qc_transport *t, qc_transport_event *e);
QC_MUST_CHECK qc_err qc_v2_send(qc_transport *t, const char *name, qc_span payload);
/** The secrets are no longer needed. */
void qc_v2_forget(qc_transport *t);
