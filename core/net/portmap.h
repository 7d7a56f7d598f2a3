/* core/net/portmap.h: asks the routers in front of this machine to forward our port, by PCP and,
 * where that is not known, NAT-PMP, and asks again before they forget (-natpmp; Core mapport.cpp,
 * common/pcp.cpp). Never blocks. Thread: that of the loop given. */
#pragma once
#include "core/loop/loop.h"
#include "core/net/peeraddr.h"

typedef struct qc_portmap qc_portmap;

#define QC_PORTMAP_OWN 16u /* addresses of ours that are asked for at most */

/* Core's numbers: a mapping is asked for twice as long as until it is asked for again. */
#define QC_PORTMAP_LIFETIME (2u * 20 * 60)
#define QC_PORTMAP_LIFETIME_MIN                                                                    \
    30u                           /* seconds; a router that gives less is not asked again soon     \
                                   */
#define QC_PORTMAP_RETRY (5 * 60) /* seconds after a round that mapped nothing */

/** What is asked of the system; a test has its own. */
typedef struct qc_portmap_system {
    /** The router of one kind; false: none. */
    bool (*gateway)(void *arg, bool v6, qc_netaddr *out);
    /** Our own routable IPv6 addresses. */
    size_t (*own_v6)(void *arg, qc_netaddr *out, size_t cap);
    uint16_t port;     /* of routers */
    int64_t try_ms;    /* for an answer, of three tries */
    int64_t second_ms; /* how long a second is between rounds: a test's clock runs faster */
    void *arg;
} qc_portmap_system;

typedef struct qc_portmap_options {
    qc_loop *loop;
    uint16_t port;                   /* ours */
    const qc_portmap_system *system; /* NULL: the real one. Copied */
    /** We can be reached there. */
    void (*mapped)(void *arg, const qc_peer_addr *external);
    void *arg;
} qc_portmap_options;

/** Begins. Out: owned, qc_portmap_free(). Returns: QC_OK; QC_EIO. */
QC_MUST_CHECK qc_err qc_portmap_new(qc_portmap **out, const qc_portmap_options *o);
/** Mappings are left to expire, as Core leaves them. NULL is allowed. */
void qc_portmap_free(QC_OWN qc_portmap *m);
/** When a mapping is to be renewed, in milliseconds: from half of its life to five eighths, by
 *  chance (RFC 6887 11.2.1). */
int64_t qc_portmap_renew_ms(uint32_t lifetime, uint32_t chance);
