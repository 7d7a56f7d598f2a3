/* -getinfo: two calls in one batch, shown as bitcoin-cli shows them. */
#include "core/base/alloc.h"
#include "core/cli/cli.h"
#include "core/cli/text.h"

#include <stdlib.h>

static const char *const COLOR[] = {"\x1b[0m", "\x1b[34m", "\x1b[32m", "\x1b[33m"};
enum { RESET, BLUE, GREEN, YELLOW };

static void add_member(qc_bytes *out, const char *title, qc_span obj, const char *key)
{
    qc_text_add(out, title, strlen(title));
    qc_text_shown(out, qc_text_member(obj, key));
}

static void add_bar(qc_bytes *out, double share)
{
    if (share < 0 || share >= 0.99)
        return;
    for (int i = 0; i < share / 0.05; i++)
        qc_text_add(out, "\xe2\x96\x92", 3);
    for (int i = 0; i < (1 - share) / 0.05; i++)
        qc_text_add(out, "\xe2\x96\x91", 3);
    qc_text_add(out, " ", 1);
}

/* "127.0.0.1:9050 (ipv4, ipv6)": each proxy once, with its networks. */
static void add_proxies(qc_bytes *out, qc_span networks)
{
    size_t shown = 0;
    qc_span a, b;
    qc_text_add(out, "Proxies: ", 9);
    for (size_t i = 0; (a = qc_text_element(networks, i)).len; i++) {
        qc_span proxy = qc_text_member(a, "proxy");
        bool seen = proxy.len <= 2; /* "" */
        for (size_t k = 0; k < i && !seen; k++)
            seen = qc_span_eq(qc_text_member(qc_text_element(networks, k), "proxy"), proxy);
        if (seen)
            continue;
        qc_text_add(out, ", ", shown++ ? 2 : 0);
        qc_text_shown(out, proxy);
        size_t names = 0;
        for (size_t k = i; (b = qc_text_element(networks, k)).len; k++) {
            if (!qc_span_eq(qc_text_member(b, "proxy"), proxy))
                continue;
            qc_text_add(out, names++ ? ", " : " (", 2);
            qc_text_shown(out, qc_text_member(b, "name"));
        }
        qc_text_add(out, ")", 1);
    }
    qc_text_add(out, shown ? "\n" : "n/a\n", shown ? 1 : 4);
}

static void add_warnings(qc_bytes *out, qc_span w)
{
    size_t n = 0;
    qc_span one;
    if (w.len && w.data[0] == '"') {
        qc_text_shown(out, w);
        n = w.len > 2;
    }
    for (; (one = qc_text_element(w, n)).len; n++) {
        if (n)
            qc_text_add(out, "; ", 2);
        qc_text_shown(out, one);
    }
    if (n == 0)
        qc_text_add(out, "(none)", 6);
}

/* The reply to request `id` of a batch. */
static qc_span reply_of(qc_span batch, char id)
{
    qc_span one;
    for (size_t i = 0; (one = qc_text_element(batch, i)).len; i++) {
        qc_span got = qc_text_member(one, "id");
        if (got.len == 1 && got.data[0] == (uint8_t)id)
            return one;
    }
    return (qc_span){NULL, 0};
}

qc_err qc_cli_result(qc_span batch, char id, qc_span *out, char **error)
{
    qc_span reply = reply_of(batch, id), e = qc_text_member(reply, "error");
    qc_bytes text = QC_BYTES_INIT;
    *out = qc_text_member(reply, "result");
    if (qc_text_is_null(e) && !qc_text_is_null(*out))
        return QC_OK;
    qc_cli_error_text(e, &text);
    *error = qc_asprintf("%.*s", (int)text.len, text.len ? (const char *)text.data : "");
    qc_bytes_free(&text);
    return QC_EINVAL;
}

qc_err qc_cli_info(qc_span batch, bool color, qc_bytes *out, char **error)
{
    qc_span net, chain;
    qc_err err = qc_cli_result(batch, '0', &net, error);
    if (!err)
        err = qc_cli_result(batch, '1', &chain, error);
    if (err)
        return err;
#define PAINT(c) (color ? COLOR[c] : "")
    qc_span progress = qc_text_member(chain, "verificationprogress");
    double share = progress.len ? strtod((const char *)progress.data, NULL) : 0;
    add_member(out, PAINT(BLUE), (qc_span){NULL, 0}, "");
    add_member(out, "Chain: ", chain, "chain");
    qc_text_addf(out, "%s\n", PAINT(RESET));
    add_member(out, "Blocks: ", chain, "blocks");
    add_member(out, "\nHeaders: ", chain, "headers");
    qc_text_addf(out, "\nVerification progress: ");
    add_bar(out, share);
    qc_text_addf(out, "%.4f%%", share * 100);
    add_member(out, "\nDifficulty: ", chain, "difficulty");
    qc_text_addf(out, "\n\n%s", PAINT(GREEN));
    add_member(out, "Network: in ", net, "connections_in");
    add_member(out, ", out ", net, "connections_out");
    add_member(out, ", total ", net, "connections");
    qc_text_addf(out, "%s\n", PAINT(RESET));
    add_member(out, "Version: ", net, "version");
    add_member(out, "\nTime offset (s): ", net, "timeoffset");
    qc_text_add(out, "\n", 1);
    add_proxies(out, qc_text_member(net, "networks"));
    add_member(out, "Min tx relay fee rate (BTC/kvB): ", net, "relayfee");
    qc_text_addf(out, "\n\n%sWarnings:%s ", PAINT(YELLOW), PAINT(RESET));
    add_warnings(out, qc_text_member(net, "warnings"));
#undef PAINT
    return QC_OK;
}
