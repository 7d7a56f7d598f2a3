#include "core/net/proxies.h"

#include "core/base/alloc.h"
#include "core/os/thread.h"

#define NAMES QC_NETWORK_COUNT

struct qc_proxies {
    pthread_mutex_t lock;
    qc_proxy of[QC_NETWORK_COUNT + 1]; /* by qc_network, then NAMES */
};

qc_proxies *qc_proxies_new(void)
{
    qc_proxies *p = qc_alloc(sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void qc_proxies_free(qc_proxies *p)
{
    if (!p)
        return;
    pthread_mutex_destroy(&p->lock);
    qc_free(p);
}

static void set(qc_proxies *p, size_t i, const qc_proxy *proxy)
{
    pthread_mutex_lock(&p->lock);
    p->of[i] = *proxy;
    pthread_mutex_unlock(&p->lock);
}

static bool get(qc_proxies *p, size_t i, qc_proxy *out)
{
    pthread_mutex_lock(&p->lock);
    bool is = p->of[i].len > 0;
    if (is)
        *out = p->of[i];
    pthread_mutex_unlock(&p->lock);
    return is;
}

void qc_proxies_set(qc_proxies *p, qc_network net, const qc_proxy *proxy)
{
    QC_ASSERT(net < QC_NETWORK_COUNT);
    set(p, net, proxy);
}

bool qc_proxies_get(qc_proxies *p, qc_network net, qc_proxy *out)
{
    QC_ASSERT(net < QC_NETWORK_COUNT);
    return get(p, net, out);
}

void qc_proxies_set_names(qc_proxies *p, const qc_proxy *proxy)
{
    set(p, NAMES, proxy);
}

bool qc_proxies_get_names(qc_proxies *p, qc_proxy *out)
{
    return get(p, NAMES, out);
}
