/* Words of neighbours: Tor's control port, an I2P router, the router in front and who asks it by
 * UPnP, routing tables. The first byte chooses whose they are. What is read stays in its bounds,
 * and what can be written reads as it was. */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/net/gateway.h"
#include "core/net/pcp.h"
#include "core/net/sam.h"
#include "core/net/torreply.h"
#include "core/net/upnptalk.h"
#include "tests/fuzz/fuzz.h"

static void values(const char *line)
{
    static const char *const KEY[] = {"METHODS", "COOKIEFILE", "ServiceID", "A"};
    char out[64];
    for (size_t i = 0; i < QC_COUNTOF(KEY); i++)
        if (qc_tor_value(line, KEY[i], out, sizeof out))
            QC_ASSERT(memchr(out, 0, sizeof out));
    (void)qc_tor_after(line, "AUTH");
    (void)qc_tor_has(line, "NULL");
    if (qc_tor_socks(line, out, sizeof out))
        QC_ASSERT(*out && memchr(out, 0, sizeof out));
}

/* Given in two parts it is the same as at once. */
static size_t replies(qc_span in, size_t cut)
{
    qc_tor_reader r = {.at = 0};
    const qc_tor_reply *got;
    size_t lines = 0;
    qc_tor_result what = QC_TOR_MORE;
    for (int half = 0; half < 2 && what != QC_TOR_BAD; half++) {
        qc_span part = half ? qc_span_of(in.data + cut, in.len - cut) : qc_span_of(in.data, cut);
        QC_ASSERT(qc_tor_feed(&r, part) == QC_OK);
        while ((what = qc_tor_next(&r, &got)) == QC_TOR_REPLY) {
            QC_ASSERT(got->n >= 1 && got->n <= QC_TOR_LINES_MAX && got->code <= 999);
            for (size_t i = 0; i < got->n; i++)
                values(got->line[i]);
            lines += got->n;
        }
    }
    qc_tor_reader_clear(&r);
    return what == QC_TOR_BAD ? SIZE_MAX : lines;
}

static void sam(const char *line)
{
    qc_span v, dest;
    qc_bytes b;
    (void)qc_sam_result_is(line, "OK");
    if (!qc_sam_value(line, "VALUE", &v) || qc_i2p_decode(v, &b))
        return;
    QC_ASSERT(b.len <= QC_SAM_KEY_MAX);
    char *again = qc_i2p_encode(qc_bytes_span(&b));
    QC_ASSERT(qc_span_eq(v, qc_span_str(again)));
    qc_free(again);
    if (qc_i2p_destination(qc_bytes_span(&b), &dest))
        QC_ASSERT(dest.len <= b.len);
    qc_bytes_free(&b);
}

static void router(qc_span p)
{
    qc_pcp_ask a = {.port = 0x0101};
    qc_pcp_answer got;
    memset(a.nonce, 1, sizeof a.nonce);
    (void)qc_pcp_read(p, &a, &got);
    (void)qc_natpmp_read_address(p, &got);
    (void)qc_natpmp_read(p, &a, &got);
}

static void upnp(qc_span p)
{
    qc_upnp_reply got;
    qc_upnp_word w = qc_upnp_read(p, &got);
    if (w == QC_UPNP_FOUND)
        QC_ASSERT(memchr(got.place, 0, sizeof got.place) && strchr(got.place, ' ') &&
                  got.external.net == QC_NETWORK_IPV4 && got.lan.net == QC_NETWORK_IPV4);
    if (w == QC_UPNP_FAILED)
        QC_ASSERT(*got.why && memchr(got.why, 0, sizeof got.why) && got.code <= UINT16_MAX);
}

static void routes(const char *text)
{
    qc_netaddr a;
    char interface[16];
    (void)qc_gateway_parse_v4(text, &a);
    if (qc_gateway_parse_v6(text, &a, interface))
        QC_ASSERT(memchr(interface, 0, sizeof interface));
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    if (len < 2)
        return 0;
    qc_span in = qc_span_of(data + 2, len - 2);
    char *text = qc_alloc(in.len + 1);
    memcpy(text, in.data, in.len);
    switch (data[0] % 4) {
    case 0:
        QC_ASSERT(replies(in, 0) == replies(in, QC_MIN(data[1], in.len)));
        values(text);
        break;
    case 1:
        sam(text);
        break;
    case 2:
        router(in);
        upnp(in);
        break;
    default:
        routes(text);
    }
    qc_free(text);
    return 0;
}
