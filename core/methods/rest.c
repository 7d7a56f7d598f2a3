/* Routes of REST, and the answers that are one object. */
#include "core/methods/rest_impl.h"

#include "core/base/alloc.h"
#include "core/methods/common.h"
#include "core/methods/findtx.h"
#include "core/methods/mempool.h"
#include "core/methods/tx_json.h"
#include "lib/hex.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- ends ---- */

bool qc_rest_fail(qc_rest_call *c, int status, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        n = 0;
    char *text = qc_alloc((size_t)n + 3);
    vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    memcpy(text + n, "\r\n", 3);
    qc_bytes_free(&c->out->body);
    *c->out = (qc_rest_reply){.status = status, .content_type = "text/plain"};
    if (qc_bytes_append(&c->out->body, text, (size_t)n + 2))
        c->out->status = 500;
    qc_free(text);
    return false;
}

void qc_rest_no_memory(qc_rest_call *c)
{
    qc_rest_fail(c, 500, "Out of memory");
}

void qc_rest_no_format(qc_rest_call *c)
{
    qc_rest_fail(c, 404, "output format not found (available: .bin, .hex, .json)");
}

static void no_other_format(qc_rest_call *c)
{
    qc_rest_fail(c, 404, "output format not found (available: json)");
}

static void end(qc_rest_call *c, const char *content_type, bool immutable, qc_bytes body)
{
    *c->out = (qc_rest_reply){200, content_type, immutable, body};
}

void qc_rest_bytes(qc_rest_call *c, qc_bytes b, bool immutable)
{
    qc_bytes hex;
    if (c->format == QC_REST_BIN) {
        end(c, "application/octet-stream", immutable, b);
        return;
    }
    if (c->format != QC_REST_HEX) {
        qc_rest_no_format(c);
    } else if (qc_bytes_alloc(&hex, 2 * b.len + 1)) {
        qc_rest_no_memory(c);
    } else {
        qn_hex_encode(b.data, b.len, (char *)hex.data);
        hex.data[hex.len - 1] = '\n'; /* in the place of the NUL */
        end(c, "text/plain", immutable, hex);
    }
    qc_bytes_free(&b);
}

void qc_rest_json(qc_rest_call *c, qc_jw *w, bool immutable)
{
    qc_bytes b = QC_BYTES_INIT;
    if (!qc_jw_ok(w) || qc_bytes_append(&w->out, "\n", 1)) {
        qc_rest_no_memory(c);
    } else {
        b = w->out;
        w->out = (qc_bytes)QC_BYTES_INIT;
        end(c, "application/json", immutable, b);
    }
    qc_jw_clear(w);
}

/* ---- what was sent ---- */

/* Percent escapes of `len` characters; one that is none stays as it is. */
static char *decoded(const char *text, size_t len)
{
    char *out = qc_alloc(len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        int hi = text[i] == '%' && i + 2 < len ? qn_hex_digit(text[i + 1]) : -1;
        int lo = hi >= 0 ? qn_hex_digit(text[i + 2]) : -1;
        out[n++] = lo >= 0 ? (char)(hi << 4 | lo) : text[i];
        i += lo >= 0 ? 2 : 0;
    }
    out[n] = 0;
    return out;
}

char *qc_rest_query(const qc_rest_call *c, const char *key)
{
    const char *end = c->q->query + strcspn(c->q->query, "#");
    for (const char *p = c->q->query; p < end;) {
        size_t len = strcspn(p, "&#"), name = strcspn(p, "=&#");
        char *found = decoded(p, name);
        bool hit = strcmp(found, key) == 0;
        qc_free(found);
        if (hit)
            return name < len ? decoded(p + name + 1, len - name - 1) : qc_strdup("");
        p += len + 1;
    }
    return NULL;
}

bool qc_rest_number(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    if (!*text)
        return false;
    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p > '9' || v > (max - (uint64_t)(*p - '0')) / 10)
            return false;
        v = 10 * v + (uint64_t)(*p - '0');
    }
    *out = v;
    return true;
}

bool qc_rest_hash(qc_rest_call *c, const char *text, qc_hash *out)
{
    return strlen(text) == QC_HASH_HEX_LEN && !qc_hash_parse(text, out)
               ? true
               : qc_rest_fail(c, 400, "Invalid hash: %s", text);
}

static void split_format(qc_rest_call *c)
{
    static const struct {
        const char *suffix;
        qc_rest_format format;
    } FORMATS[] = {{"bin", QC_REST_BIN}, {"hex", QC_REST_HEX}, {"json", QC_REST_JSON}};
    char *dot = strrchr(c->param, '.');
    for (size_t i = 0; dot && i < QC_COUNTOF(FORMATS); i++)
        if (strcmp(dot + 1, FORMATS[i].suffix) == 0) {
            c->format = FORMATS[i].format;
            *dot = 0;
            return;
        }
}

static void split_parts(qc_rest_call *c)
{
    char *p = c->copy = qc_strdup(c->param);
    for (;;) {
        char *slash = strchr(p, '/');
        if (slash)
            *slash = 0;
        if (c->n_parts < QC_REST_PARTS)
            c->part[c->n_parts] = p;
        c->n_parts++;
        if (!slash)
            return;
        p = slash + 1;
    }
}

/* ---- one object ---- */

static void chain_info(qc_rest_call *c)
{
    qc_jw w = QC_JW_INIT;
    if (c->format != QC_REST_JSON) {
        no_other_format(c);
        return;
    }
    qc_m_put_chain_info(&w, c->n);
    qc_rest_json(c, &w, false);
}

static void deployment_info(qc_rest_call *c)
{
    qc_jw w = QC_JW_INIT;
    qc_hash hash;
    const qc_index *at = qc_chain_tip(c->n->chain);
    if (c->format != QC_REST_JSON) {
        no_other_format(c);
        return;
    }
    if (*c->param) {
        if (!qc_rest_hash(c, c->param, &hash))
            return;
        at = qc_chain_find(c->n->chain, &hash);
        if (!at) {
            qc_rest_fail(c, 400, "Block not found");
            return;
        }
    }
    qc_m_put_deployment_info(&w, c->n, at);
    qc_rest_json(c, &w, *c->param != 0);
}

/* "true" or "false". */
static bool flag_of(qc_rest_call *c, const char *key, bool *out)
{
    char *text = qc_rest_query(c, key);
    bool ok = true;
    if (text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        ok = qc_rest_fail(c, 400,
                          "The \"%s\" query parameter must be either \"true\" or \"false\".", key);
    else if (text)
        *out = text[0] == 't';
    qc_free(text);
    return ok;
}

static void mempool(qc_rest_call *c)
{
    qc_jw w = QC_JW_INIT;
    bool contents = strcmp(c->param, "contents") == 0, verbose = true, sequence = false;
    if (!contents && strcmp(c->param, "info") != 0) {
        qc_rest_fail(c, 400, "Invalid URI format. Expected /rest/mempool/<info|contents>.json");
    } else if (c->format != QC_REST_JSON) {
        no_other_format(c);
    } else if (!contents) {
        qc_m_mempool_info(&w, c->n);
        qc_rest_json(c, &w, false);
    } else if (flag_of(c, "verbose", &verbose) && flag_of(c, "mempool_sequence", &sequence)) {
        if (verbose && sequence) {
            qc_rest_fail(c, 400,
                         "Verbose results cannot contain mempool sequence values. (hint: set "
                         "\"verbose=false\")");
            return;
        }
        if (qc_m_mempool_contents(&w, c->n, verbose, sequence))
            qc_rest_no_memory(c);
        else
            qc_rest_json(c, &w, false);
    }
}

static void put_tx(qc_rest_call *c, qc_span raw, const qc_index *at)
{
    qc_jw w = QC_JW_INIT;
    qc_txbuf t;
    if (qc_tx_parse(raw, true, &t)) {
        qc_rest_no_memory(c);
        return;
    }
    qc_jw_obj(&w);
    qc_m_tx_members(&w, c->n->params, &t.tx, NULL, QC_TX_PLAIN, true);
    if (at)
        qc_jw_khash(&w, "blockhash", &at->hash);
    qc_jw_obj_end(&w);
    qc_rest_json(c, &w, false);
    qc_txbuf_clear(&t);
}

void qc_rest_tx(qc_rest_call *c)
{
    qc_hash txid;
    qc_bytes raw;
    const qc_index *at;
    if (!qc_rest_hash(c, c->param, &txid))
        return;
    if (qc_m_find_tx(c->n, &txid, &raw, &at)) {
        qc_rest_fail(c, 404, "%s not found", c->param);
    } else if (c->format != QC_REST_JSON) {
        qc_rest_bytes(c, raw, false);
    } else {
        put_tx(c, qc_bytes_span(&raw), at);
        qc_bytes_free(&raw);
    }
}

/* ---- routes ---- */

void qc_m_rest_serve(void *node, const qc_rest_request *q, qc_rest_reply *out)
{
    /* The first that fits. */
    static const struct {
        const char *prefix;
        void (*serve)(qc_rest_call *c);
    } ROUTES[] = {{"/rest/tx/", qc_rest_tx},
                  {"/rest/block/notxdetails/", qc_rest_block_notxdetails},
                  {"/rest/block/", qc_rest_block},
                  {"/rest/blockpart/", qc_rest_block_part},
                  {"/rest/blockfilter/", qc_rest_filter},
                  {"/rest/blockfilterheaders/", qc_rest_filter_headers},
                  {"/rest/chaininfo", chain_info},
                  {"/rest/mempool/", mempool},
                  {"/rest/headers/", qc_rest_headers},
                  {"/rest/getutxos", qc_rest_getutxos},
                  {"/rest/deploymentinfo/", deployment_info},
                  {"/rest/deploymentinfo", deployment_info},
                  {"/rest/blockhashbyheight/", qc_rest_blockhash},
                  {"/rest/spenttxouts/", qc_rest_spent_txouts}};
    for (size_t i = 0; i < QC_COUNTOF(ROUTES); i++) {
        size_t len = strlen(ROUTES[i].prefix);
        if (strncmp(q->path, ROUTES[i].prefix, len) != 0)
            continue;
        qc_rest_call c = {.n = node, .q = q, .out = out, .param = qc_strdup(q->path + len)};
        split_format(&c);
        split_parts(&c);
        ROUTES[i].serve(&c);
        qc_free(c.copy);
        qc_free(c.param);
        return;
    }
}
