/* core/net/torcontrol.h: asks a Tor daemon, over its control port, for an onion service that leads
 * to us and for the proxy through which onion services are reached, and keeps at it (Core
 * torcontrol.cpp). Never blocks but for small files. Thread: that of the loop given. */
#pragma once
#include "core/net/dial.h"
#include "core/net/netaddr.h"

#define QC_TOR_CONTROL_PORT 9051u

typedef struct qc_torcontrol qc_torcontrol;

typedef struct qc_torcontrol_options {
    qc_loop *loop;
    const char *host; /* of the control port: a number or a name. Copied, as all texts */
    uint16_t control_port;
    bool dns;              /* a name may be looked up */
    const char *password;  /* -torpassword; "": none */
    const char *key_path;  /* the service's key is kept here */
    const char *target;    /* "127.0.0.1:8334": where Tor connects for its visitors */
    uint16_t port;         /* of the service */
    bool want_socks;       /* ask for the proxy */
    bool loud;             /* the operator asked for Tor: that it is not there is a warning */
    int64_t first_wait_ms; /* before the second try; 0: Core's second */
    /** The proxy for onion services. */
    void (*socks)(void *arg, const qc_proxy *proxy);
    /** The service is there, or has gone. */
    void (*service)(void *arg, const qc_netaddr *address, bool there);
    void *arg;
} qc_torcontrol_options;

/** Begins to connect. Out: owned, qc_torcontrol_free(). Returns: QC_OK; QC_EIO. */
QC_MUST_CHECK qc_err qc_torcontrol_new(qc_torcontrol **out, const qc_torcontrol_options *o);
/** Hang up, which ends the service, and free. NULL is allowed. */
void qc_torcontrol_free(QC_OWN qc_torcontrol *t);
