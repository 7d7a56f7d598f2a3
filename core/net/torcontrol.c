#include "core/net/torcontrol.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/crypto/hashes.h"
#include "core/net/torreply.h"
#include "core/os/file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_MS 5000
#define WAIT_FIRST_MS 1000
#define WAIT_MAX_MS 600000
#define COOKIE_LEN 32u
#define NONCE_LEN 32u
#define KEY_MAX 1024u /* bytes of a service's key; an Ed25519 one has 99 */
#define OK 250
#define UNRECOGNIZED 510
#define SYNTAX_ERROR 512
#define IN_FLIGHT 4

typedef struct qc_torcontrol tor;
typedef void answer_fn(tor *t, const qc_tor_reply *r);

struct qc_torcontrol {
    qc_torcontrol_options o;
    char *password, *key_path, *target, *host, *where;
    qc_resolver *resolver; /* for a name; made when it is first needed */
    char *key;             /* "ED25519-V3:...", NULL: Tor is to make one */
    qc_timer *retry;
    int64_t wait_ms;
    qc_dial *dial;
    int fd;
    qc_watch *watch;
    qc_tor_reader reader;
    answer_fn *awaited[IN_FLIGHT]; /* replies come in the order of the commands */
    size_t n_awaited;
    uint8_t cookie[COOKIE_LEN], nonce[NONCE_LEN];
    qc_netaddr service;
    bool has_service, closing;
};

/* ---- words ---- */

static void QC_PRINTF(2, 3) warn(const tor *t, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    qc_log(t->o.loud ? QC_LOG_WARN : QC_LOG_DEBUG, "tor", "tor: %s", text);
}

static void hex(const uint8_t *b, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++)
        snprintf(out + 2 * i, 3, "%02x", b[i]);
}

static bool unhex(const char *text, uint8_t *out, size_t len)
{
    if (strlen(text) != 2 * len || strspn(text, "0123456789abcdefABCDEF") != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned v;
        if (sscanf(text + 2 * i, "%2x", &v) != 1)
            return false;
        out[i] = (uint8_t)v;
    }
    return true;
}

/* What may stand in a command between spaces. */
static bool is_word(const char *text)
{
    for (const char *p = text; *p; p++)
        if (*p <= ' ' || *p > '~')
            return false;
    return *text != 0;
}

static bool find(const qc_tor_reply *r, const char *line, const char *key, char *out, size_t cap)
{
    bool found = false;
    for (size_t i = 0; i < r->n; i++) {
        const char *args = *line ? qc_tor_after(r->line[i], line) : r->line[i];
        found = (args && qc_tor_value(args, key, out, cap)) || found;
    }
    return found;
}

/* ---- commands ---- */

static void QC_PRINTF(3, 4) command(tor *t, answer_fn *then, const char *fmt, ...)
{
    char text[KEY_MAX + 1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text - 2, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof text - 2 || t->n_awaited == IN_FLIGHT) {
        t->closing = true;
        return;
    }
    memcpy(text + n, "\r\n", 2);
    /* A few hundred bytes on an idle connection fit its buffer. */
    if (send(t->fd, text, (size_t)n + 2, MSG_NOSIGNAL) != n + 2) {
        warn(t, "Error sending command: %s", qc_err_text(qc_err_from_errno(errno)));
        t->closing = true;
    } else {
        t->awaited[t->n_awaited++] = then;
    }
    qc_wipe(text, sizeof text);
}

/* ---- the service ---- */

static void read_key(tor *t)
{
    qc_bytes b;
    if (qc_os_read_file(t->key_path, KEY_MAX, &b))
        return;
    char *text = qc_alloc(b.len + 1);
    memcpy(text, b.data, b.len);
    qc_bytes_free(&b);
    qc_log(QC_LOG_DEBUG, "tor", "Reading cached private key from %s", t->key_path);
    if (is_word(text)) {
        t->key = text;
        return;
    }
    qc_free(text);
    qc_log(QC_LOG_WARN, "tor", "tor: %s is no key of an onion service, and is not used",
           t->key_path);
}

static void keep_key(tor *t, const char *key)
{
    if (!is_word(key) || (t->key && strcmp(key, t->key) == 0))
        return;
    qc_free(t->key);
    t->key = qc_strdup(key);
    if (qc_os_write_file_atomic(t->key_path, qc_span_str(key), 0600))
        qc_log(QC_LOG_WARN, "tor", "tor: Error writing service private key to %s", t->key_path);
    else
        qc_log(QC_LOG_DEBUG, "tor", "Cached service private key to %s", t->key_path);
}

static void lose_service(tor *t)
{
    if (t->has_service)
        t->o.service(t->o.arg, &t->service, false);
    t->has_service = false;
}

static void on_service(tor *t, const qc_tor_reply *r)
{
    char id[128] = "", key[KEY_MAX] = "", name[136];
    if (!find(r, "", "ServiceID", id, sizeof id)) {
        warn(t, "Error parsing ADD_ONION parameters");
        return;
    }
    if (find(r, "", "PrivateKey", key, sizeof key))
        keep_key(t, key);
    qc_wipe(key, sizeof key);
    snprintf(name, sizeof name, "%s.onion", id);
    lose_service(t);
    if (!is_word(id) || qc_netaddr_parse(name, &t->service) || t->service.net != QC_NETWORK_ONION) {
        warn(t, "the name of the service is none of Tor version 3");
        return;
    }
    t->has_service = true;
    qc_log(QC_LOG_INFO, "tor", "Got tor service ID %s, advertising service %s:%u", id, name,
           t->o.port);
    t->o.service(t->o.arg, &t->service, true);
}

/* Tor before 0.4.8 knows no proof of work. */
static void on_add_plain(tor *t, const qc_tor_reply *r)
{
    if (r->code == OK)
        on_service(t, r);
    else if (r->code == UNRECOGNIZED)
        warn(t, "Add onion failed with unrecognized command (You probably need to upgrade Tor)");
    else
        warn(t, "Add onion failed; error code %d", r->code);
}

static void on_add(tor *t, const qc_tor_reply *r);

/* The service's own port is always the default one, which tells nobody from others. */
static void add_onion(tor *t, bool work)
{
    command(t, work ? on_add : on_add_plain, "ADD_ONION %s%s Port=%u,%s",
            t->key ? t->key : "NEW:ED25519-V3", work ? " PoWDefensesEnabled=1" : "", t->o.port,
            t->target);
}

static void on_add(tor *t, const qc_tor_reply *r)
{
    if (r->code == SYNTAX_ERROR) {
        qc_log(QC_LOG_DEBUG, "tor", "ADD_ONION failed with PoW defenses, retrying without");
        add_onion(t, false);
    } else {
        on_add_plain(t, r);
    }
}

/* ---- the proxy ---- */

static void on_socks(tor *t, const qc_tor_reply *r)
{
    char text[256], at[QC_PROXY_TEXT];
    bool found = false;
    for (size_t i = 0; r->code == OK && i < r->n; i++)
        found = qc_tor_socks(r->line[i], text, sizeof text) || found;
    qc_proxy p;
    if (r->code != OK)
        warn(t, "Get SOCKS port command failed; error code %d", r->code);
    else if (!found)
        warn(t, "Get SOCKS port command returned nothing");
    /* Where Tor has it when nobody says otherwise. */
    if ((!found || qc_proxy_parse(text, QC_PROXY_PORT, &p)) &&
        qc_proxy_parse("127.0.0.1", QC_PROXY_PORT, &p))
        return;
    p.randomize = true; /* each connection gets a circuit of its own */
    qc_proxy_text(&p, at);
    qc_log(QC_LOG_DEBUG, "tor", "Configuring onion proxy for %s", at);
    t->o.socks(t->o.arg, &p);
}

/* ---- authentication ---- */

static void on_authenticated(tor *t, const qc_tor_reply *r)
{
    if (r->code != OK) {
        warn(t, "Authentication failed");
        return;
    }
    qc_log(QC_LOG_DEBUG, "tor", "Authentication successful");
    t->wait_ms = t->o.first_wait_ms;
    if (t->o.want_socks)
        command(t, on_socks, "GETINFO net/listeners/socks");
    add_onion(t, true);
}

/* HMAC-SHA256 over cookie and both nonces. */
static void respond(const tor *t, const char *key, const uint8_t theirs[NONCE_LEN], uint8_t out[32])
{
    uint8_t all[COOKIE_LEN + 2 * NONCE_LEN];
    memcpy(all, t->cookie, COOKIE_LEN);
    memcpy(all + COOKIE_LEN, t->nonce, NONCE_LEN);
    memcpy(all + COOKIE_LEN + NONCE_LEN, theirs, NONCE_LEN);
    qc_hmac_sha256(qc_span_str(key), qc_span_of(all, sizeof all), out);
    qc_wipe(all, sizeof all);
}

static bool same(const uint8_t a[32], const uint8_t b[32])
{
    unsigned diff = 0;
    for (size_t i = 0; i < 32; i++)
        diff |= a[i] ^ b[i];
    return diff == 0;
}

static void on_challenge(tor *t, const qc_tor_reply *r)
{
    static const char SERVER[] = "Tor safe cookie authentication server-to-controller hash",
                      CLIENT[] = "Tor safe cookie authentication controller-to-server hash";
    char hash[65], nonce[65];
    uint8_t theirs[NONCE_LEN], told[32], own[32];
    if (r->code != OK) {
        warn(t, "SAFECOOKIE authentication challenge failed");
        return;
    }
    if (!find(r, "AUTHCHALLENGE", "SERVERHASH", hash, sizeof hash) ||
        !find(r, "AUTHCHALLENGE", "SERVERNONCE", nonce, sizeof nonce) ||
        !unhex(nonce, theirs, NONCE_LEN) || !unhex(hash, told, sizeof told)) {
        warn(t, "Error parsing AUTHCHALLENGE parameters");
        return;
    }
    respond(t, SERVER, theirs, own);
    if (!same(own, told)) {
        warn(t, "ServerHash does not match: whoever answers does not know the cookie");
        return;
    }
    respond(t, CLIENT, theirs, own);
    hex(own, sizeof own, hash);
    command(t, on_authenticated, "AUTHENTICATE %s", hash);
}

/* "\"" and "\\" inside a quoted string (control-spec 2.1.1). */
static void with_password(tor *t)
{
    char quoted[512];
    size_t n = 0;
    for (const char *p = t->password; *p; p++) {
        if (n + 3 >= sizeof quoted) {
            warn(t, "-torpassword is too long");
            return;
        }
        if (*p == '"' || *p == '\\')
            quoted[n++] = '\\';
        quoted[n++] = *p;
    }
    quoted[n] = 0;
    qc_log(QC_LOG_DEBUG, "tor", "Using HASHEDPASSWORD authentication");
    command(t, on_authenticated, "AUTHENTICATE \"%s\"", quoted);
    qc_wipe(quoted, sizeof quoted);
}

static void with_cookie(tor *t, const char *path, bool safe)
{
    qc_bytes b;
    char text[2 * COOKIE_LEN + 1];
    qc_log(QC_LOG_DEBUG, "tor", "Using %s authentication, reading cookie authentication from %s",
           safe ? "SAFECOOKIE" : "COOKIE", path);
    qc_err err = qc_os_read_regular(path, COOKIE_LEN, &b);
    if (err == QC_ERANGE || (!err && b.len != COOKIE_LEN)) {
        warn(t, "Authentication cookie %s is not exactly %u bytes, as is required by the spec",
             path, COOKIE_LEN);
        if (!err)
            qc_bytes_free(&b);
        return;
    }
    if (err) {
        warn(t, "Authentication cookie %s could not be opened (check permissions)", path);
        return;
    }
    memcpy(t->cookie, b.data, COOKIE_LEN);
    qc_bytes_free(&b);
    qc_os_random(t->nonce, sizeof t->nonce);
    hex(safe ? t->nonce : t->cookie, COOKIE_LEN, text);
    if (safe)
        command(t, on_challenge, "AUTHCHALLENGE SAFECOOKIE %s", text);
    else
        command(t, on_authenticated, "AUTHENTICATE %s", text);
    qc_wipe(text, sizeof text);
}

/* The plain way, for a Tor too old for the other, hands the file's bytes to whoever listens on the
 * control port: only of a file that has the name of a cookie. */
static bool is_cookie_name(const char *path)
{
    static const char *const NAME[] = {"control_auth_cookie", "control.authcookie"};
    const char *slash = strrchr(path, '/');
    for (size_t i = 0; slash && i < QC_COUNTOF(NAME); i++)
        if (strcmp(slash + 1, NAME[i]) == 0)
            return true;
    return false;
}

static void on_info(tor *t, const qc_tor_reply *r)
{
    char methods[256] = "", path[1024] = "", version[64];
    if (r->code != OK) {
        warn(t, "Requesting protocol info failed");
        return;
    }
    bool has_path = find(r, "AUTH", "COOKIEFILE", path, sizeof path);
    (void)find(r, "AUTH", "METHODS", methods, sizeof methods);
    if (find(r, "VERSION", "Tor", version, sizeof version))
        qc_log(QC_LOG_DEBUG, "tor", "Connected to Tor version %s", version);
    if (*t->password && qc_tor_has(methods, "HASHEDPASSWORD"))
        with_password(t);
    else if (*t->password)
        warn(t, "Password provided with -torpassword, but HASHEDPASSWORD authentication is not "
                "available");
    else if (qc_tor_has(methods, "NULL"))
        command(t, on_authenticated, "AUTHENTICATE");
    else if (has_path && qc_tor_has(methods, "SAFECOOKIE"))
        with_cookie(t, path, true);
    else if (has_path && is_cookie_name(path) && qc_tor_has(methods, "COOKIE"))
        with_cookie(t, path, false);
    else if (qc_tor_has(methods, "HASHEDPASSWORD"))
        warn(t, "The only supported authentication mechanism left is password, but no password "
                "provided with -torpassword");
    else
        warn(t, "No supported authentication method");
}

/* ---- the connection ---- */

static void hang_up(tor *t)
{
    lose_service(t);
    qc_unwatch(t->watch);
    t->watch = NULL;
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
    t->n_awaited = 0;
    t->closing = false;
    qc_tor_reader_clear(&t->reader);
}

static void again(tor *t)
{
    hang_up(t);
    qc_log(QC_LOG_DEBUG, "tor", "Not connected to Tor control port %s, will retry in %lld ms",
           t->where, (long long)t->wait_ms);
    qc_timer_set(t->retry, t->wait_ms);
    t->wait_ms = QC_MIN(t->wait_ms * 3 / 2, WAIT_MAX_MS);
}

static void on_reply(tor *t, const qc_tor_reply *r)
{
    if (r->code >= 600) { /* events, which nobody asked for */
        qc_log(QC_LOG_DEBUG, "tor", "Received async notification %d", r->code);
        return;
    }
    if (t->n_awaited == 0) {
        qc_log(QC_LOG_DEBUG, "tor", "Received unexpected sync reply %d", r->code);
        return;
    }
    answer_fn *fn = t->awaited[0];
    t->n_awaited--;
    memmove(t->awaited, t->awaited + 1, t->n_awaited * sizeof t->awaited[0]);
    fn(t, r);
}

static void on_read(void *arg, int fd, unsigned events)
{
    tor *t = arg;
    char buf[4096];
    const qc_tor_reply *r;
    qc_tor_result what = QC_TOR_MORE;
    (void)events;
    ssize_t n = recv(fd, buf, sizeof buf, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || qc_tor_feed(&t->reader, qc_span_of(buf, (size_t)n))) {
        qc_log(QC_LOG_DEBUG, "tor", "Lost connection to Tor control port");
        again(t);
        return;
    }
    while (!t->closing && (what = qc_tor_next(&t->reader, &r)) == QC_TOR_REPLY)
        on_reply(t, r);
    if (what == QC_TOR_BAD)
        warn(t, "Control port reply exceeded its limits, disconnecting");
    if (t->closing || what == QC_TOR_BAD)
        again(t);
}

static void on_dialed(void *arg, qc_dial_end end, int fd)
{
    tor *t = arg;
    t->dial = NULL;
    if (end != QC_DIAL_OK) {
        warn(t, "Initiating connection to Tor control port %s failed", t->where);
        again(t);
        return;
    }
    t->fd = fd;
    qc_log(QC_LOG_DEBUG, "tor", "Successfully connected to Tor control port");
    if (qc_io_watch(t->o.loop, fd, QC_IO_READ, on_read, t, &t->watch)) {
        again(t);
        return;
    }
    command(t, on_info, "PROTOCOLINFO 1");
    if (t->closing)
        again(t);
}

static void on_retry(void *arg)
{
    tor *t = arg;
    qc_dial_options d = {.host = t->host, .port = t->o.control_port, .timeout_ms = CONNECT_MS};
    struct sockaddr_storage a;
    if (t->o.dns && !t->resolver && !qc_sockaddr_numeric(t->host, 1, &a) &&
        qc_resolver_new(&t->resolver))
        t->resolver = NULL;
    d.resolver = t->resolver;
    qc_log(QC_LOG_DEBUG, "tor", "Attempting to connect to Tor control port %s", t->where);
    t->dial = qc_dial_start(t->o.loop, &d, on_dialed, t);
    if (!t->dial)
        again(t);
}

qc_err qc_torcontrol_new(qc_torcontrol **out, const qc_torcontrol_options *o)
{
    tor *t = qc_alloc(sizeof *t);
    *t = (tor){.o = *o, .fd = -1};
    qc_err err = qc_timer_new(o->loop, on_retry, t, &t->retry);
    if (err) {
        qc_free(t);
        return err;
    }
    if (t->o.first_wait_ms <= 0)
        t->o.first_wait_ms = WAIT_FIRST_MS;
    t->wait_ms = t->o.first_wait_ms;
    t->password = qc_strdup(o->password);
    t->key_path = qc_strdup(o->key_path);
    t->target = qc_strdup(o->target);
    t->host = qc_strdup(o->host);
    t->where = qc_asprintf("%s:%u", o->host, o->control_port);
    read_key(t);
    qc_timer_set(t->retry, 0);
    *out = t;
    return QC_OK;
}

void qc_torcontrol_free(qc_torcontrol *t)
{
    if (!t)
        return;
    hang_up(t);
    qc_dial_cancel(t->dial);
    qc_timer_free(t->retry);
    qc_wipe(t->password, strlen(t->password));
    qc_free(t->password);
    if (t->key)
        qc_wipe(t->key, strlen(t->key));
    qc_free(t->key);
    qc_free(t->key_path);
    qc_free(t->target);
    qc_free(t->host);
    qc_free(t->where);
    qc_resolver_free(t->resolver);
    qc_wipe(t->cookie, sizeof t->cookie);
    qc_free(t);
}
