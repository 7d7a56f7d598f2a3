/* core/net/transport.h: a connection to a peer as bytes in, bytes out, and messages. Version 1
 * sends them plain behind a header of 24 bytes, version 2 encrypted (BIP324). A connection that we
 * accept finds out by the first bytes which one the peer speaks. No sockets, no clock, no log.
 * Thread: any, one at a time per object. */
#pragma once
#include "core/crypto/secp.h"
#include "core/net/message.h"

#define QC_GARBAGE_MAX 4095u /* bytes of a v2 handshake that mean nothing */
#define QC_V2_CONTENTS_MAX (1u + QC_MSG_NAME + QC_MSG_MAX)
#define QC_SESSION_ID_LEN 32u

typedef enum qc_transport_kind {
    QC_TRANSPORT_DETECTING, /* also: v2, but the peer has not proved yet that it has the keys */
    QC_TRANSPORT_V1,
    QC_TRANSPORT_V2
} qc_transport_kind;
/** "detecting", "v1", "v2". */
const char *qc_transport_kind_text(qc_transport_kind k);

/** For one connection of version 2; all of it random. The first garbage_len bytes are sent. */
typedef struct qc_v2_secrets {
    uint8_t key[QC_SECKEY_LEN], entropy[32];
    uint16_t garbage_len;
    uint8_t garbage[QC_GARBAGE_MAX];
} qc_v2_secrets;

typedef struct qc_transport_options {
    uint8_t magic[4];
    bool initiating;
    const qc_signer *signer;      /* NULL: version 1 only. Outlives the transport */
    const qc_v2_secrets *secrets; /* with a signer; copied, and wiped when no longer needed */
} qc_transport_options;

/** What is wrong with what a peer sent. */
typedef enum qc_transport_fail {
    QC_TF_NONE,
    QC_TF_MAGIC,         /* v1: message start of another network, or no message at all */
    QC_TF_SIZE,          /* v1: message too long */
    QC_TF_CHECKSUM,      /* v1: dropped */
    QC_TF_NAME,          /* both: dropped */
    QC_TF_OTHER_NETWORK, /* v2: a v1 peer of another network */
    QC_TF_TERMINATOR,    /* v2: too much garbage */
    QC_TF_PACKET_SIZE,   /* v2: packet too long */
    QC_TF_PACKET         /* v2: packet not authentic */
} qc_transport_fail;

typedef enum qc_transport_what {
    QC_TR_MORE,    /* nothing until the peer has sent more */
    QC_TR_READY,   /* once, before any message: qc_transport_send() can be used */
    QC_TR_MESSAGE, /* m */
    QC_TR_DROPPED, /* a message that is none: m.total, fail, why. The connection goes on */
    QC_TR_FAILED,  /* to be closed: fail, why. The same again ever after */
    QC_TR_NOMEM    /* to be closed, but not for anything the peer did */
} qc_transport_what;

typedef struct qc_transport_event {
    qc_transport_what what;
    qc_message m; /* payload borrowed until the next qc_transport_receive() */
    qc_transport_fail fail;
    char why[128]; /* a line for the log, in Core's words; printable */
} qc_transport_event;

typedef struct qc_transport qc_transport;

/** Owned: qc_transport_free(). */
qc_transport *qc_transport_new(const qc_transport_options *o);
void qc_transport_free(QC_OWN qc_transport *t);

/** Bytes from the peer. Then qc_transport_next() until QC_TR_MORE, before any more. What waits
 *  inside is never longer than one message and these. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_transport_receive(qc_transport *t, qc_span bytes);
/** What is next. Also to be called once at the start, when nothing has come: the side that connects
 *  speaks first. May add to what qc_transport_pending() gives. */
qc_transport_what qc_transport_next(qc_transport *t, qc_transport_event *e);

/** Queue a message (QC_MSG_SEND_MAX at most). Not before QC_TR_READY. Out: *wire, bytes it takes.
 *  Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_transport_send(qc_transport *t, const char *name, qc_span payload,
                                       size_t *wire);
/** Bytes to be sent. Borrowed until the next call. */
qc_span qc_transport_pending(const qc_transport *t);
/** The first n of them have been sent. */
void qc_transport_sent(qc_transport *t, size_t n);

qc_transport_kind qc_transport_get_kind(const qc_transport *t);
/** QC_SESSION_ID_LEN bytes that both sides of a v2 connection share, else NULL. Borrowed. */
const uint8_t *qc_transport_session_id(const qc_transport *t);
/** We spoke v2 to a peer that closed without a word, once it could have noticed: it may be one that
 *  knows v1 only. */
bool qc_transport_should_try_v1(const qc_transport *t);
