/* Addresses and parameters of grants: what is taken has one written form, which parses to itself.
 */
#include "tests/fuzz/fuzz.h"

#include "core/host/endpoint.h"
#include "core/host/interfaces.h"

static void check(const qc_endpoint *e)
{
    char text[300];
    qc_endpoint again;
    struct sockaddr_storage sa;
    socklen_t len = 0;
    QC_ASSERT(e->port != 0 && *e->host && strlen(e->host) < sizeof e->host);
    QC_ASSERT(strpbrk(e->host, " \t\r\n/@[]ABCDEFGHIJKLMNOPQRSTUVWXYZ") == NULL);
    qc_endpoint_text(e, text, sizeof text);
    QC_ASSERT(qc_endpoint_parse(text, strlen(text), &again));
    QC_ASSERT(qc_endpoint_eq(e, &again) && e->numeric == again.numeric);
    if (e->numeric)
        qc_endpoint_sockaddr(e, &sa, &len);
    QC_ASSERT(!e->numeric || len > 0);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    char text[2048], value[1024];
    qc_endpoint e, list[QC_ENDPOINT_MAX];
    size_t n = 0;
    if (qc_endpoint_parse((const char *)data, len, &e))
        check(&e);
    len = len < sizeof text ? len : sizeof text - 1;
    memcpy(text, data, len);
    text[len] = 0;
    if (qc_endpoint_list(text, false, list, QC_ENDPOINT_MAX, &n))
        for (size_t i = 0; i < n; i++)
            check(&list[i]);
    for (size_t i = 0; qc_interface_at(i); i++) {
        const qc_interface *f = qc_interface_at(i);
        const char *bad = qc_interface_misfit(f, text);
        QC_ASSERT(!bad || *bad);
        for (size_t k = 0; !bad && qc_interface_key(f, k); k++)
            (void)qc_interface_param(f, text, qc_interface_key(f, k)->key, value, sizeof value);
    }
    return 0;
}
