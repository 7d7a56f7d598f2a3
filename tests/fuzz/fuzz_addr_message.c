/* Payloads of "addr" (first byte even) and "addrv2": what is read can be written and read again. */
#include "core/base/alloc.h"
#include "core/net/netgroup.h"
#include "core/net/netrange.h"
#include "core/net/peeraddr.h"
#include "tests/fuzz/fuzz.h"

static void judge(const qc_peer_addr *a)
{
    static const qc_netgroups NO_MAP;
    char text[QC_PEER_ADDR_TEXT], host[QC_NETADDR_TEXT];
    qc_netaddr back;
    qc_peer_addr_text(a, text);
    qc_netaddr_text(&a->addr, host);
    QC_ASSERT(!qc_netaddr_is_routable(&a->addr) || qc_netaddr_is_valid(&a->addr));
    QC_ASSERT(qc_netgroups_of(&NO_MAP, &a->addr).len > 0);
    /* Of an internal address there is text, but none to read; nor can text say what is CJDNS, or
     * IPv4 that came as IPv6. */
    if (a->addr.net == QC_NETWORK_INTERNAL || a->addr.net == QC_NETWORK_CJDNS)
        return;
    QC_ASSERT(qc_netaddr_parse(host, &back) == QC_OK);
    QC_ASSERT(qc_netaddr_eq(&back, &a->addr));
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    static qc_peer_addr list[QC_ADDR_MESSAGE_MAX], again[QC_ADDR_MESSAGE_MAX];
    qc_addr_fault why;
    size_t n, m;
    if (len == 0)
        return -1;
    bool v2 = data[0] & 1;
    if (qc_addr_message_read(qc_span_of(data + 1, len - 1), v2, list, &n, &why))
        return 0;
    for (size_t i = 0; i < n; i++)
        judge(&list[i]);
    qc_bytes b = QC_BYTES_INIT;
    QC_ASSERT(qc_addr_message_write(&b, v2, list, n) == QC_OK);
    QC_ASSERT(qc_addr_message_read(qc_bytes_span(&b), v2, again, &m, &why) == QC_ADDR_MESSAGE_OK);
    QC_ASSERT(m == n);
    for (size_t i = 0; i < n; i++)
        QC_ASSERT(qc_peer_addr_same(&list[i], &again[i]) && list[i].services == again[i].services);
    qc_bytes_free(&b);
    return 0;
}
