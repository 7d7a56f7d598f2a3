/* core/net/resolve.h: names to addresses on threads of their own. Internal to core/net. */
#pragma once
#include "core/net/dial.h"

#define QC_LOOKUP_MAX 32u

typedef struct qc_lookup qc_lookup;
/** n 0: no address. On the loop. The look-up is freed already. */
typedef void qc_lookup_fn(void *arg, const struct sockaddr_storage *addr, size_t n);
qc_lookup *qc_lookup_start(qc_resolver *r, qc_loop *l, const char *host, uint16_t port,
                           qc_lookup_fn *fn, void *arg);
/** fn is not called. Loop. */
void qc_lookup_cancel(QC_OWN qc_lookup *k);
/** Its threads, for other work that may block. */
qc_pool *qc_resolver_pool(qc_resolver *r);
