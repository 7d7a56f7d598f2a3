/* core/net/proxies.h: through which proxy each network is reached (-proxy, -onion, -i2psam), and
 * names of hosts. Tor's control port may set one while the node runs. Thread: any. */
#pragma once
#include "core/net/dial.h"
#include "core/net/netaddr.h"

typedef struct qc_proxies qc_proxies;

/** None for any network. Out: owned, qc_proxies_free(). */
qc_proxies *qc_proxies_new(void);
/** NULL is allowed. */
void qc_proxies_free(QC_OWN qc_proxies *p);
/** For I2P it is the router's SAM port. A proxy without an address: none from now on. */
void qc_proxies_set(qc_proxies *p, qc_network net, const qc_proxy *proxy);
/** False: none, and *out is untouched. */
bool qc_proxies_get(qc_proxies *p, qc_network net, qc_proxy *out);
/** Of names that are not looked up here. */
void qc_proxies_set_names(qc_proxies *p, const qc_proxy *proxy);
bool qc_proxies_get_names(qc_proxies *p, qc_proxy *out);
