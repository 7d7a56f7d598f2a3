/* core/frame/frame.h: the messages between the node and a quoin-runner. Both are of one build, so
 * this is no interface: nothing of it is promised.
 *
 * A message is a head and a payload, and perhaps descriptors. It travels as one packet of a
 * SOCK_SEQPACKET pair, or, when it is longer, as PART packets and a last one. Integers are
 * little-endian. The node takes nothing of what a runner sends on trust: packets are bounded, and
 * whoever reads a payload uses the sticky reader of pack.h. */
#pragma once
#include "core/base/bytes.h"
#include "core/frame/spin.h"

#define QC_PACKET_MAX (64u << 10)                               /* head and payload of one packet */
#define QC_MESSAGE_MAX (((size_t)64 << 20) + ((size_t)2 << 20)) /* payload of one message */
#define QC_FRAME_HEAD 16u
#define QC_FRAME_FDS 16u

/** Kinds of message. N: the node sends it; R: the runner. */
typedef enum qc_frame_kind {
    QC_FRAME_PART = 1, /* N R: a piece of a longer message */
    QC_FRAME_HELLO,    /* N: who you are, what you may */
    QC_FRAME_READY,    /* R: locked down and loaded */
    QC_FRAME_PROBLEM,  /* R: not loaded; step and sentence */
    QC_FRAME_LIFE,     /* N: method QC_LIFE_*; the runner answers DONE when it has run */
    QC_FRAME_DONE,     /* R: method QC_LIFE_*; its status */
    QC_FRAME_CALL,     /* R: method of cap, answered by one REPLY with its seq */
    QC_FRAME_REPLY,    /* N */
    QC_FRAME_CAST,     /* R: method of cap, without an answer */
    QC_FRAME_CALLBACK, /* N: method is the callback's number, cap its interface, seq its id */
    QC_FRAME_PING,     /* N */
    QC_FRAME_PONG,     /* R: seq of the ping */
    QC_FRAME_WARM,     /* N: before HELLO: wait for it; load the store's module, if it is here */
    QC_FRAME_KIND_END
} qc_frame_kind;

/** What LIFE asks for. */
typedef enum qc_life {
    QC_LIFE_INIT = 1,
    QC_LIFE_START,
    QC_LIFE_RECONFIGURE,
    QC_LIFE_STOP, /* stop() and fini(); the runner ends after its DONE */
    QC_LIFE_END
} qc_life;

/** A cast of host/1 that is no method of its table: so many lines were dropped by the runner. */
#define QC_CAST_LOG_DROPPED 0xfff0u

/** A message that has arrived. Payload and descriptors are borrowed until the next receive; a
 *  descriptor that is kept is taken out (set to -1). */
typedef struct qc_frame {
    uint16_t kind, method;
    uint32_t seq, cap;
    qc_span payload;
    int fd[QC_FRAME_FDS];
    uint32_t n_fd;
} qc_frame;

/** One end. Receiving and sending may be on different threads; each is one at a time. */
typedef struct qc_chan {
    int fd;
    size_t message_max; /* longest payload that is received */
    uint8_t *packet;
    qc_bytes parts;
    qc_frame frame;
} qc_chan;

/** Takes `fd`. message_max: longest payload to receive. Out: qc_chan_clear(). */
void qc_chan_init(qc_chan *c, QC_OWN int fd, size_t message_max);
void qc_chan_clear(qc_chan *c);
/** Take one packet. Out: *out when a message is whole, borrowed until the next call.
 *  Returns: QC_OK; QC_EBUSY (nothing more now); QC_ECANCELED (a part; call again); QC_ENOENT (the
 *  other end has gone); QC_ECORRUPT (no packet of ours, or longer than allowed); QC_ENOMEM; QC_EIO.
 *  Blocks when the descriptor does. */
QC_MUST_CHECK qc_err qc_chan_recv(qc_chan *c, const qc_frame **out);
/** The same without ever blocking, but while `s` says that a message is expected soon it is looked
 *  for before QC_EBUSY. What comes is told to `s`. */
QC_MUST_CHECK qc_err qc_chan_recv_soon(qc_chan *c, qc_spin *s, const qc_frame **out);

/** A message on its way: packets that have not been taken by the other end yet. */
typedef struct qc_outgoing {
    uint8_t head[QC_FRAME_HEAD];
    qc_span payload;
    const int *fd;
    uint32_t n_fd;
    size_t sent; /* bytes of the payload */
    bool done;
} qc_outgoing;

/** payload (at most QC_MESSAGE_MAX) and descriptors (at most QC_FRAME_FDS) are borrowed until it is
 *  done. */
qc_outgoing qc_outgoing_of(qc_frame_kind kind, uint16_t method, uint32_t seq, uint32_t cap,
                           qc_span payload);
/** Send as much as fits. Returns: QC_OK (o->done); QC_EBUSY (the descriptor is non-blocking and
 *  full); QC_ENOENT (the other end has gone); QC_EIO. */
QC_MUST_CHECK qc_err qc_chan_send(qc_chan *c, qc_outgoing *o);
