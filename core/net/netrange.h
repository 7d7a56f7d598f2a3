/* core/net/netrange.h: a set of addresses that can be banned: a subnet of IPv4 or IPv6, or one
 * address of another network (Core's CSubNet). Pure. Thread: any. */
#pragma once
#include "core/net/netaddr.h"

#define QC_NETRANGE_TEXT (QC_NETADDR_TEXT + 4u)

typedef struct qc_netrange {
    qc_netaddr base;  /* bits outside of the mask are 0 */
    uint8_t mask[16]; /* IPv4 and IPv6 only, else 0 */
} qc_netrange;

/** The range of one address. Returns: QC_OK; QC_EINVAL (an internal address). */
QC_MUST_CHECK qc_err qc_netrange_of(const qc_netaddr *a, qc_netrange *out);
/** "1.2.3.4", "1.2.3.0/24", "1.2.3.0/255.255.255.0", "fd00::/8", "...onion". cjdns_reachable: see
 *  qc_netaddr_flip_cjdns(). Returns: QC_OK; QC_EINVAL. */
QC_MUST_CHECK qc_err qc_netrange_parse(const char *text, bool cjdns_reachable, qc_netrange *out);
/** An address that is not valid is in no range. */
bool qc_netrange_has(const qc_netrange *r, const qc_netaddr *a);
/** <0, 0, >0 in Core's order: by address, then by mask. */
int qc_netrange_cmp(const qc_netrange *a, const qc_netrange *b);
/** "1.2.3.0/24"; only the address where there are no subnets. */
void qc_netrange_text(const qc_netrange *r, char out[static QC_NETRANGE_TEXT]);
