/* core/net/i2p.h: peers over I2P by a router's SAM bridge (Core i2p.cpp): sessions, connecting,
 * accepting. With a lasting session the node has one address that is kept on disk; without, each
 * connection has a session and thus an address of its own. Thread: that of the loop given. */
#pragma once
#include "core/net/peeraddr.h"
#include "core/net/sam.h"

typedef struct qc_i2p qc_i2p;
typedef struct qc_i2p_session qc_i2p_session;
typedef struct qc_i2p_dial qc_i2p_dial;

typedef struct qc_i2p_options {
    qc_loop *loop;
    qc_proxy sam;          /* where the router is */
    bool lasting;          /* one session for all, and accept peers */
    const char *key_path;  /* of the lasting session; copied */
    qc_pool *pool;         /* writes the key; used with `lasting` only */
    int64_t first_wait_ms; /* before accepting is tried again; 0: Core's second */
    /** A peer has come; fd is the receiver's. */
    void (*accepted)(void *arg, QC_OWN int fd, const qc_netaddr *from, const qc_netaddr *me);
    /** Peers can reach us at `me`, or no longer. */
    void (*listening)(void *arg, const qc_netaddr *me, bool on);
    void *arg;
} qc_i2p_options;

/** With `lasting`: reads the key and begins to accept. Out: owned, qc_i2p_free(). Returns: QC_OK;
 *  QC_EIO (no timer, or the key's file cannot be read). */
QC_MUST_CHECK qc_err qc_i2p_new(qc_i2p **out, const qc_i2p_options *o);
/** No dial may be open, and every session has been released. NULL is allowed. */
void qc_i2p_free(QC_OWN qc_i2p *i);

/** Called once, never inside qc_i2p_connect(). With QC_DIAL_OK fd is the receiver's, `me` is our
 *  address there, and *hold (it may be NULL) is to be released when the connection ends. The dial
 * is freed already. */
typedef void qc_i2p_fn(void *arg, qc_dial_end end, int fd, const qc_netaddr *me,
                       qc_i2p_session *hold);
/** `to` has port 0, the only one that SAM 3.1 can reach. alone: never by the lasting session: not
 * as whom others know us. */
qc_i2p_dial *qc_i2p_connect(qc_i2p *i, const qc_peer_addr *to, bool alone, qc_i2p_fn *fn,
                            void *arg);
/** fn is not called. NULL is allowed. */
void qc_i2p_cancel(QC_OWN qc_i2p_dial *d);
/** The connection that a session was made for has ended. NULL is allowed. */
void qc_i2p_release(QC_OWN qc_i2p_session *s);
