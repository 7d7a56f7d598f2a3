/* Where the node is, how to get in, and trying again while it starts. */
#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/hostport.h"
#include "core/cli/cli.h"
#include "core/cli/http.h"
#include "core/cli/text.h"
#include "core/os/file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define IN_WARMUP (-28)

typedef enum cookie_state { COOKIE_UNUSED, COOKIE_OK, COOKIE_DISABLED, COOKIE_ERROR } cookie_state;

typedef struct target {
    char host[256];
    uint16_t port;
    char *path;
    char *credentials;
    cookie_state cookie;
} target;

static void target_clear(target *t)
{
    qc_free(t->path);
    qc_free(t->credentials);
}

static qc_err find_host(const qc_cli *c, target *t, char **error)
{
    const char *connect = qc_settings_str(c->settings, "rpcconnect", "127.0.0.1");
    const char *port = qc_settings_str(c->settings, "rpcport", NULL);
    uint16_t given = 0;
    if (qc_split_host_port(connect, t->host, sizeof t->host, &given)) {
        *error = qc_asprintf("Invalid port provided in -rpcconnect: %s", connect);
        return QC_EINVAL;
    }
    t->port = given ? given : c->default_port;
    if (!port)
        return QC_OK;
    int64_t v = *port && strspn(port, "0123456789") == strlen(port) ? qc_atoi64(port) : 0;
    if (v < 1 || v > 65535) {
        *error = qc_asprintf("Invalid port provided in -rpcport: %s", port);
        return QC_EINVAL;
    }
    t->port = (uint16_t)v;
    if (given)
        fprintf(stderr,
                "Warning: Port specified in both -rpcconnect and -rpcport. Using -rpcport %u\n",
                t->port);
    return QC_OK;
}

/* The cookie is read for every try: a node that just started has a new one. */
static void find_credentials(const qc_cli *c, target *t)
{
    const char *password = qc_settings_str(c->settings, "rpcpassword", "");
    qc_bytes b = QC_BYTES_INIT;
    qc_free(t->credentials);
    t->credentials = NULL;
    t->cookie = COOKIE_UNUSED;
    if (password[0]) {
        t->credentials =
            qc_asprintf("%s:%s", qc_settings_str(c->settings, "rpcuser", ""), password);
    } else if (!c->cookie_path) {
        t->cookie = COOKIE_DISABLED;
    } else if (qc_os_read_file(c->cookie_path, 4096, &b)) {
        t->cookie = COOKIE_ERROR;
    } else {
        t->cookie = COOKIE_OK;
        const uint8_t *eol = b.len ? memchr(b.data, '\n', b.len) : NULL;
        t->credentials = qc_asprintf("%.*s", (int)(eol ? (size_t)(eol - b.data) : b.len),
                                     b.len ? (const char *)b.data : "");
        qc_bytes_free(&b);
    }
    if (!t->credentials)
        t->credentials = qc_strdup("");
}

static char *wallet_path(const qc_settings *s)
{
    qc_bytes b = QC_BYTES_INIT;
    if (!qc_settings_is_set(s, "rpcwallet") || qc_settings_is_negated(s, "rpcwallet"))
        return qc_strdup("/");
    qc_text_add(&b, "/wallet/", 8);
    for (const char *p = qc_settings_str(s, "rpcwallet", ""); *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || strchr("-._~", *p);
        qc_text_addf(&b, plain ? "%c" : "%%%02X", (unsigned char)*p);
    }
    qc_text_add(&b, "", 1);
    return (char *)b.data;
}

static char *auth_failure(const qc_cli *c, const target *t)
{
    static const char *const WHY[] = {
        [COOKIE_UNUSED] = "Incorrect rpcuser or rpcpassword were specified.",
        [COOKIE_OK] = "Cookie file credentials were invalid and no rpcpassword was specified.",
        [COOKIE_DISABLED] =
            "Cookie file was disabled via -norpccookiefile and no rpcpassword was specified.",
        [COOKIE_ERROR] = "Failed to read cookie file and no rpcpassword was specified."};
    return qc_asprintf("Authorization failed: %s Configuration file: (%s)", WHY[t->cookie],
                       c->paths.conf ? c->paths.conf : "");
}

static int64_t seconds_of_try(const qc_cli *c)
{
    int64_t set = qc_settings_int(c->settings, "rpcclienttimeout", 900);
    return c->at_most_s && (set == 0 || set > c->at_most_s) ? c->at_most_s : set;
}

/* QC_EBUSY: worth trying again. */
static qc_err try_once(const qc_cli *c, target *t, qc_span request, qc_bytes *reply, char **error)
{
    qc_http_reply r;
    char *why = NULL;
    find_credentials(c, t);
    if (qc_http_post(t->host, t->port, t->path, t->credentials, request, seconds_of_try(c), &r,
                     &why)) {
        *error =
            qc_asprintf("Error while attempting to communicate with server %s:%u (%s)\n\nMake sure "
                        "the quoind server is running and that you are connecting to the correct "
                        "RPC port.\nUse \"quoin-cli -help\" for more info.",
                        t->host, t->port, why);
        qc_free(why);
        return QC_EBUSY;
    }
    qc_span body = qc_bytes_span(&r.body);
    if (r.status == 401)
        *error = auth_failure(c, t);
    else if (r.status == 503 && !body.len)
        *error = qc_strdup("the server is shutting down (HTTP status 503)");
    else if (r.status == 503)
        *error = qc_asprintf("Server response: %.*s", (int)body.len, (const char *)body.data);
    else if (r.status >= 400 && r.status != 400 && r.status != 404 && r.status != 500)
        *error = qc_asprintf("server returned HTTP error %d", r.status);
    else if (body.len == 0)
        *error = qc_strdup("no response from server");
    else if (!qc_text_is_json(body))
        *error = qc_strdup("couldn't parse reply from server");
    if (*error) {
        qc_bytes_free(&r.body);
        return QC_EIO;
    }
    *reply = r.body;
    return QC_OK;
}

static bool in_warmup(qc_span reply)
{
    qc_span code = qc_text_member(qc_text_member(reply, "error"), "code");
    return code.len && strtol((const char *)code.data, NULL, 10) == IN_WARMUP;
}

qc_err qc_cli_send(const qc_cli *c, qc_span request, qc_bytes *reply, char **error)
{
    target t = {.path = NULL};
    bool wait = !c->at_most_s && qc_settings_bool(c->settings, "rpcwait", false);
    int64_t limit = qc_settings_int(c->settings, "rpcwaittimeout", 0);
    qc_mono deadline = limit > 0 ? qc_clock_mono() + limit * INT64_C(1000000000) : 0;
    qc_err err = find_host(c, &t, error);
    if (err)
        return err;
    t.path = wallet_path(c->settings);
    for (;;) {
        err = try_once(c, &t, request, reply, error);
        if (!err && wait && in_warmup(qc_bytes_span(reply))) {
            qc_bytes_free(reply);
            *error = qc_strdup("server in warmup");
            err = QC_EBUSY;
        }
        if (err != QC_EBUSY || !wait)
            break;
        if (deadline && qc_clock_mono() >= deadline) {
            char *last = *error;
            *error = qc_asprintf("timeout on transient error: %s", last);
            qc_free(last);
            break;
        }
        qc_free(*error);
        *error = NULL;
        nanosleep(&(struct timespec){.tv_nsec = 250000000}, NULL);
    }
    target_clear(&t);
    return err == QC_EBUSY ? QC_EIO : err;
}

void qc_cli_request(qc_bytes *out, const char *method, qc_span params, const char *id)
{
    qc_text_add(out, "{\"method\":", 10);
    qc_text_quote(out, method, strlen(method));
    qc_text_add(out, ",\"params\":", 10);
    qc_text_add(out, (const char *)params.data, params.len);
    qc_text_addf(out, ",\"id\":%s,\"jsonrpc\":\"2.0\"}", id);
}

static int exit_code(qc_span code)
{
    long v = code.len ? strtol((const char *)code.data, NULL, 10) : 0;
    return (v & 255) == 0 || v < -INT_MAX || v > INT_MAX ? EXIT_FAILURE : abs((int)v);
}

int qc_cli_error_text(qc_span error, qc_bytes *out)
{
    qc_span code = qc_text_member(error, "code"), message = qc_text_member(error, "message");
    if (error.len && error.data[0] != '{') {
        qc_text_add(out, "error: ", 7);
        qc_text_add(out, (const char *)error.data, error.len);
    }
    if (!qc_text_is_null(code)) {
        qc_text_add(out, "error code: ", 12);
        qc_text_add(out, (const char *)code.data, code.len);
        qc_text_add(out, "\n", 1);
    }
    if (message.len && message.data[0] == '"') {
        qc_text_add(out, "error message:\n", 15);
        qc_text_plain(out, message);
    }
    return exit_code(code);
}
