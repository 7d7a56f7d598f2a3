/* core/net/upnp.h: asks the router in front of this machine to forward our port by UPnP (IGD), and
 * asks again before it forgets (-upnp). What routers say is read by quoin-upnp, a process of its
 * own, which is started for each round and killed when it takes too long. Never blocks, but for
 * taking the mapping back at the end. Thread: that of the loop given. */
#pragma once
#include "core/loop/loop.h"
#include "core/net/peeraddr.h"

typedef struct qc_upnp qc_upnp;

/** How the helper is had; a test plays it. */
typedef struct qc_upnp_system {
    /** Out: a non-blocking SOCK_SEQPACKET socket to one, borrowed until end(). */
    qc_err (*start)(void *arg, int *socket);
    /** It is not needed any more. Returns the signal that ended it, 0: none. */
    int (*end)(void *arg);
    int64_t round_ms;  /* a round may take */
    int64_t remove_ms; /* to take a mapping back, at the end */
    int64_t second_ms; /* how long a second is between rounds: a test's clock runs faster */
    void *arg;
} qc_upnp_system;

typedef struct qc_upnp_options {
    qc_loop *loop;
    uint16_t port;                /* ours */
    const char *program;          /* quoin-upnp; opened now. Not looked at with `system` */
    const char *url;              /* of a gateway's description, no search; NULL: search. Copied */
    const qc_upnp_system *system; /* NULL: the real one. Copied */
    /** We can be reached there. */
    void (*mapped)(void *arg, const qc_peer_addr *external);
    void *arg;
} qc_upnp_options;

/** Begins. Out: owned, qc_upnp_free(). Returns: QC_OK; QC_ENOENT, QC_EPERM (the program); QC_EIO.
 */
QC_MUST_CHECK qc_err qc_upnp_new(qc_upnp **out, const qc_upnp_options *o);
/** A search is given up at once. A mapping that stands, or that may since no answer came, is taken
 *  back, for which two seconds are waited at most; one whose lease has run out is not, nor one that
 *  the router has said to be another machine's. NULL is allowed. */
void qc_upnp_free(QC_OWN qc_upnp *u);
