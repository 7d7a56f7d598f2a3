/* http.serve/1 through a real server and raw requests: who may ask, what is handed over, what is
 * refused, and how a request ends. */
#include "tests/unit/host_rig.h"

#include "core/rpc/server.h"
#include "quoin/http_serve.h"

#include <arpa/inet.h>
#include <unistd.h>

#define AUTH "Authorization: Basic dTpw\r\n"   /* u:p */
#define LISTED "Authorization: Basic djpw\r\n" /* v:p, with a whitelist */

typedef struct plug {
    host_rig r;
    qc_rpc_auth *auth;
    qc_rpc_server *server;
    uint16_t port;
    const qn_http_serve_1 *t;
    qn_cap *cap;
    qn_http_route limits;
    const char *path, *type, *body;
    uint64_t body_len;
    uint32_t reply_status;
    qn_status status;
    /* what the handler saw */
    char seen[2048];
    uint64_t request;
    uint32_t body_seen;
    bool later;
    _Atomic int served;
} plug;

static void start_server(plug *p)
{
    char at[32];
    for (unsigned i = 0;; i++) {
        p->port = (uint16_t)(20000 + ((unsigned)getpid() * 31 + i * 97) % 40000);
        snprintf(at, sizeof at, "127.0.0.1:%u", p->port);
        const char *const bind[] = {at};
        const qc_rpc_server_options o = {
            .bind = bind, .n_bind = 1, .port = p->port, .timeout_s = 30, .mounts = p->r.mounts};
        if (!qc_rpc_server_start(&p->server, p->r.engine, p->auth, &o))
            return;
        assert_true(i < 50);
    }
}

static void begin(plug *p, const char *grant)
{
    memset(p, 0, sizeof *p);
    char *line = qc_asprintf("http.serve/1 = %s\n", grant);
    rig_services(&p->r, line);
    qc_free(line);
    p->auth = qc_rpc_auth_new();
    qc_rpc_auth_add_plain(p->auth, "u", "p");
    qc_rpc_auth_add_plain(p->auth, "v", "p");
    qc_rpc_auth_add_whitelist(p->auth, "v:getblockcount");
    start_server(p);
    p->t = rig_table(&p->r, QN_HTTP_SERVE_1_ID, &p->cap);
    p->limits = (qn_http_route){.size = sizeof p->limits};
    p->path = "/";
    p->reply_status = 200;
    p->type = "text/plain";
    p->body = "hello";
    p->body_len = 5;
}

static void end(plug *p)
{
    qc_host_stop(p->r.host);
    qc_rpc_server_stop(p->server);
    qc_rpc_auth_free(p->auth);
    rig_close(&p->r);
}

/* ---- the plugin's part ---- */

static void do_reply(void *arg)
{
    plug *p = arg;
    p->status = p->t->reply(p->cap, p->request, p->reply_status, p->type, p->body, p->body_len);
}

static void serve(void *arg, const qn_http_request *r, const void *data, uint32_t len)
{
    plug *p = arg;
    const char *d = data;
    QC_ASSERT(r->size == sizeof *r && r->body.off + r->body.len <= len);
    p->request = r->request;
    p->body_seen = r->body.len;
    snprintf(p->seen, sizeof p->seen, "%u|%.*s|%.*s|%.*s|%.*s|%.*s", r->method, (int)r->path.len,
             d + r->path.off, (int)r->query.len, d + r->query.off, (int)r->user.len,
             d + r->user.off, (int)(r->body.len < 200 ? r->body.len : 200), d + r->body.off,
             (int)r->headers.len, d + r->headers.off);
    if (!p->later)
        do_reply(p);
    atomic_fetch_add(&p->served, 1);
}

static void do_add(void *arg)
{
    plug *p = arg;
    p->status = p->t->add(p->cap, &p->limits, p->path, serve, p);
}

static void do_static(void *arg)
{
    plug *p = arg;
    p->status = p->t->add_static(p->cap, p->path, p->type, p->body, (uint32_t)p->body_len);
}

static void do_remove(void *arg)
{
    plug *p = arg;
    p->status = p->t->remove(p->cap, p->path);
}

static void call(plug *p, void (*fn)(void *arg), qn_status want)
{
    rig_on_loop(&p->r, fn, p);
    if (p->status != want)
        fail_msg("%s: it answered %d, wanted %d", p->path, p->status, want);
}

static void offer(plug *p, const char *path)
{
    p->path = path;
    call(p, do_add, QN_OK);
}

/* ---- a client's part ---- */

static int dial(const plug *p)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(p->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (void *)&a, sizeof a), 0);
    return fd;
}

static void put(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* refused before the end */
        text += n;
        len -= (size_t)n;
    }
}

/* Everything up to the end of the connection. Owned: free(). */
static char *get(int fd)
{
    char *text = NULL;
    size_t n = 0;
    for (ssize_t got = 1; got > 0; n += got > 0 ? (size_t)got : 0) {
        text = realloc(text, n + 65537);
        assert_non_null(text);
        got = recv(fd, text + n, 65536, 0);
    }
    text[n] = 0;
    close(fd);
    return text;
}

/* "GET /p/plugin/x" with headers; the connection is closed after it. */
static char *ask(const plug *p, const char *line, const char *headers, const char *body)
{
    int fd = dial(p);
    char length[48] = "";
    if (body)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(body));
    char *text = qc_asprintf("%s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n%s%s\r\n%s",
                             line, headers, length, body ? body : "");
    put(fd, text, strlen(text));
    qc_free(text);
    return get(fd);
}

static void expect(const plug *p, const char *line, const char *headers, const char *body,
                   int status, const char *part)
{
    char *text = ask(p, line, headers, body), want[32];
    snprintf(want, sizeof want, "HTTP/1.1 %d ", status);
    if (strncmp(text, want, strlen(want)) != 0 || (part && !strstr(text, part)))
        fail_msg("%s [%s]: got %.600s\nwanted %d and %s", line, headers, text, status,
                 part ? part : "-");
    free(text);
}

static void test_http_serve__hands_over_what_was_asked_and_sends_the_reply(void **state)
{
    (void)state;
    plug p;
    begin(&p, "yes");
    p.limits.set = QN_SET_HTTP_ROUTE_METHODS;
    p.limits.methods = QN_HTTP_GET | QN_HTTP_POST;
    offer(&p, "/api/");
    p.type = "application/json";
    expect(&p, "GET /p/plugin/api/a%20b?x=1&y=%41", AUTH "Accept: text/*\r\nCookie: no\r\n", NULL,
           200, "\r\n\r\nhello");
    assert_non_null(strstr(p.seen, "1|/api/a b|x=1&y=%41|u||accept: text/*\nhost: 127.0.0.1\n"));
    assert_null(strstr(p.seen, "ookie"));
    assert_null(strstr(p.seen, "uthorization"));
    expect(&p, "GET /p/plugin/api/", AUTH, NULL, 200, "Content-Type: application/json\r\n");
    expect(&p, "GET /p/plugin/api/", AUTH, NULL, 200, "X-Content-Type-Options: nosniff\r\n");
    expect(&p, "GET /p/plugin/api/", AUTH, NULL, 200,
           "Content-Security-Policy: default-src 'self'");
    expect(&p, "GET /p/plugin/api/", AUTH, NULL, 200, "Cache-Control: no-store\r\n");
    expect(&p, "POST /p/plugin/api/new", AUTH, "{\"a\":1}", 200, "hello");
    assert_non_null(strstr(p.seen, "2|/api/new||u|{\"a\":1}|"));
    expect(&p, "HEAD /p/plugin/api/", AUTH, NULL, 200, "Content-Length: 5\r\n");
    assert_non_null(strstr(p.seen, "1|/api/|"));
    p.reply_status = 418;
    p.body_len = 0;
    expect(&p, "GET /p/plugin/api/", AUTH, NULL, 418, "Content-Length: 0\r\n");
    end(&p);
}

static void test_http_serve__the_exact_route_wins_then_the_longest(void **state)
{
    (void)state;
    plug p;
    begin(&p, "name=shop, public=yes");
    offer(&p, "/");
    offer(&p, "/a/");
    p.path = "/a/b";
    p.type = "text/css";
    p.body = "static";
    p.body_len = 6;
    call(&p, do_static, QN_OK);
    call(&p, do_static, QN_E_EXISTS);
    call(&p, do_add, QN_E_EXISTS);
    p.body = "called";
    expect(&p, "GET /p/shop/a/b", "", NULL, 200, "static");
    expect(&p, "GET /p/shop/a/b", "", NULL, 200, "Content-Type: text/css\r\n");
    expect(&p, "POST /p/shop/a/b", "", "x", 405, "Method not allowed");
    assert_int_equal(atomic_load(&p.served), 0);
    expect(&p, "GET /p/shop/a/bc", "", NULL, 200, "called");
    assert_non_null(strstr(p.seen, "1|/a/bc|||"));
    expect(&p, "GET /p/shop/zz", "", NULL, 200, "called");
    expect(&p, "GET /p/shop", "", NULL, 301, "Location: /p/shop/\r\n");
    p.path = "/";
    call(&p, do_remove, QN_OK);
    call(&p, do_remove, QN_E_NOTFOUND);
    expect(&p, "GET /p/shop/zz", "", NULL, 404, "Not found");
    expect(&p, "GET /p/plugin/", AUTH, NULL, 404, NULL);
    end(&p);
}

static void test_http_serve__asks_for_the_password_of_the_rpc_unless_public(void **state)
{
    (void)state;
    plug p;
    begin(&p, "public=no");
    offer(&p, "/x");
    expect(&p, "GET /p/plugin/x", "", NULL, 401, "WWW-Authenticate: Basic");
    expect(&p, "GET /p/plugin/none", "", NULL, 401, NULL); /* not even which routes there are */
    expect(&p, "GET /p/nobody/x", "", NULL, 401, NULL);
    expect(&p, "GET /p/plugin/x", "Authorization: Basic dTpx\r\n", NULL, 401, NULL);
    expect(&p, "GET /p/plugin/x", LISTED, NULL, 403, NULL);
    assert_int_equal(atomic_load(&p.served), 0);
    expect(&p, "GET /p/plugin/x", AUTH, NULL, 200, "hello");
    end(&p);

    begin(&p, "yes");
    qc_rpc_auth_add_whitelist(p.auth, "u:getblockcount,/p/plugin");
    offer(&p, "/x");
    expect(&p, "GET /p/plugin/x", AUTH, NULL, 200, "hello");
    end(&p);
}

/* Paths that different readers could take for different things, and sizes beyond the bounds. */
static void test_http_serve__hostile_requests_are_refused_before_the_plugin(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "/p/plugin/../x", "/p/plugin/%2e%2e/x",  "/p/plugin/./x",          "/p/plugin/a/..",
        "/p/plugin//x",   "/p/plugin/a%2fb",     "/p/plugin/a%5cb",        "/p/plugin/a\\b",
        "/p/plugin/%00",  "/p/plugin/x%00.html", "/p/plugin/%0d%0aX:%20y", "/p/plugin/%7f",
        "/p/plugin/%",    "/p/plugin/%4",        "/p/plugin/%zz",          "/p/plugin/?a#b",
        "/p/plugin/\x80"};
    plug p;
    begin(&p, "public=yes");
    offer(&p, "/");
    for (size_t i = 0; i < QC_COUNTOF(bad); i++) {
        char *line = qc_asprintf("GET %s", bad[i]);
        expect(&p, line, "", NULL, 400, NULL);
        qc_free(line);
    }
    static const char *const none[] = {"/p/PLUGIN/x", "/p//x", "/p/pl_ugin/x", "/p/plugi%6e%20/x"};
    for (size_t i = 0; i < QC_COUNTOF(none); i++) {
        char *line = qc_asprintf("GET %s", none[i]), *got = ask(&p, line, AUTH, NULL);
        assert_true(strncmp(got, "HTTP/1.1 404", 12) == 0 || strncmp(got, "HTTP/1.1 400", 12) == 0);
        free(got);
        qc_free(line);
    }
    char *longest = qc_alloc(6000), *line;
    memset(longest, 'a', 5999);
    line = qc_asprintf("GET /p/plugin/%.1100s", longest);
    expect(&p, line, "", NULL, 400, NULL);
    qc_free(line);
    line = qc_asprintf("GET /p/plugin/?%.4200s", longest);
    expect(&p, line, "", NULL, 400, NULL);
    qc_free(line);
    qc_free(longest);
    expect(&p, "PUT /p/plugin/x", "", NULL, 405, NULL);
    expect(&p, "DELETE /p/plugin/x", "", NULL, 405, NULL);
    expect(&p, "POST /p/plugin/x", "", "x", 405, NULL);
    assert_int_equal(atomic_load(&p.served), 0);
    expect(&p, "GET /p/plugin/fine", "", NULL, 200, "hello");
    end(&p);
}

static void test_http_serve__bodies_are_bounded_by_route_and_grant(void **state)
{
    (void)state;
    plug p;
    begin(&p, "public=yes, body=1000");
    p.path = "/x";
    p.limits.set = QN_SET_HTTP_ROUTE_METHODS | QN_SET_HTTP_ROUTE_MAX_BODY;
    p.limits.methods = QN_HTTP_POST;
    p.limits.max_body = 1001;
    call(&p, do_add, QN_E_INVAL);
    p.limits.max_body = 10;
    call(&p, do_add, QN_OK);
    expect(&p, "POST /p/plugin/x", "", "0123456789", 200, "hello");
    assert_int_equal(p.body_seen, 10);
    expect(&p, "POST /p/plugin/x", "", "0123456789a", 413, NULL);
    int fd = dial(&p);
    static const char chunked[] = "POST /p/plugin/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n"
                                  "8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n";
    put(fd, chunked, sizeof chunked - 1);
    char *text = get(fd);
    assert_memory_equal(text, "HTTP/1.1 413", 12);
    free(text);
    assert_int_equal(atomic_load(&p.served), 1);
    end(&p);
}

static void test_http_serve__replies_cannot_break_the_response(void **state)
{
    (void)state;
    static const struct {
        uint32_t status;
        const char *type, *body;
        uint64_t len;
    } bad[] = {{200, "text/html\r\nX: y", "a", 1},
               {200, "text/html\n", "a", 1},
               {200, "", "a", 1},
               {200, "html", "a", 1},
               {200, "text/\xe4", "a", 1},
               {199, "a/b", "a", 1},
               {600, "a/b", "a", 1},
               {302, "a/b", "a", 1},
               {204, "a/b", "a", 1},
               {304, "a/b", "a", 1},
               {200, "a/b", NULL, 1},
               {200, NULL, "a", 1},
               {200, "a/b", "a", ((uint64_t)64 << 20) + 1}};
    plug p;
    begin(&p, "public=yes");
    offer(&p, "/");
    p.later = true;
    int fd = dial(&p);
    static const char get_x[] = "GET /p/plugin/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    put(fd, get_x, sizeof get_x - 1);
    rig_until(&p.served, 1);
    for (size_t i = 0; i < QC_COUNTOF(bad); i++) {
        p.reply_status = bad[i].status;
        p.type = bad[i].type;
        p.body = bad[i].body;
        p.body_len = bad[i].len;
        call(&p, do_reply, QN_E_INVAL);
    }
    p.reply_status = 200;
    p.type = "text/plain";
    p.body = "fine";
    p.body_len = 4;
    call(&p, do_reply, QN_OK);
    call(&p, do_reply, QN_E_CLOSED);
    char *text = get(fd);
    assert_non_null(strstr(text, "\r\n\r\nfine"));
    free(text);
    end(&p);
}

static void test_http_serve__a_late_plugin_gets_504_and_a_busy_one_503(void **state)
{
    (void)state;
    plug p;
    begin(&p, "public=yes");
    p.limits.set = QN_SET_HTTP_ROUTE_TIMEOUT_MS | QN_SET_HTTP_ROUTE_MAX_PENDING;
    p.limits.timeout_ms = 300;
    p.limits.max_pending = 1;
    offer(&p, "/");
    p.later = true;
    int fd = dial(&p);
    static const char get_x[] = "GET /p/plugin/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    put(fd, get_x, sizeof get_x - 1);
    rig_until(&p.served, 1);
    expect(&p, "GET /p/plugin/y", "", NULL, 503, "busy");
    char *text = get(fd);
    assert_memory_equal(text, "HTTP/1.1 504", 12);
    free(text);
    call(&p, do_reply, QN_E_CLOSED);
    p.later = false;
    expect(&p, "GET /p/plugin/z", "", NULL, 200, "hello"); /* the place is free again */
    qc_plugin *busy = rig_plugin_at(&p.r, 0);
    atomic_fetch_add(&busy->queued, QC_PLUGIN_ASKED_ALL + 1); /* it has not read so much yet */
    expect(&p, "GET /p/plugin/z", "", NULL, 503, "busy");
    atomic_fetch_sub(&busy->queued, QC_PLUGIN_ASKED_ALL + 1);
    expect(&p, "GET /p/plugin/z", "", NULL, 200, "hello");
    assert_int_equal(atomic_load(&busy->asked), 0);
    end(&p);
}

static void test_http_serve__those_that_wait_get_503_when_it_stops(void **state)
{
    (void)state;
    plug p;
    begin(&p, "public=yes");
    offer(&p, "/");
    p.later = true;
    int fd = dial(&p);
    static const char get_x[] = "GET /p/plugin/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    put(fd, get_x, sizeof get_x - 1);
    rig_until(&p.served, 1);
    qc_plugin *plugin = rig_plugin_at(&p.r, 0);
    qc_plugin_stop(plugin, NULL);
    assert_true(qc_plugin_join(plugin));
    char *text = get(fd);
    assert_memory_equal(text, "HTTP/1.1 503", 12);
    free(text);
    expect(&p, "GET /p/plugin/x", AUTH, NULL, 404, NULL);
    end(&p);
}

/* The server's own end, while a plugin does not come back. */
static void test_http_serve__a_plugin_that_hangs_does_not_hold_the_server(void **state)
{
    (void)state;
    plug p;
    begin(&p, "public=yes");
    offer(&p, "/");
    p.later = true;
    int fd = dial(&p);
    static const char get_x[] = "GET /p/plugin/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    put(fd, get_x, sizeof get_x - 1);
    rig_until(&p.served, 1);
    qc_rpc_server_stop(p.server);
    p.server = NULL;
    char *text = get(fd);
    assert_memory_equal(text, "HTTP/1.1 503", 12);
    free(text);
    call(&p, do_reply, QN_E_CLOSED);
    end(&p);
}

/* A browser sends the RPC's password along, whoever made the page. */
static void test_http_serve__pages_cannot_borrow_the_password(void **state)
{
    (void)state;
    plug p;
    begin(&p, "yes");
    p.limits.set = QN_SET_HTTP_ROUTE_METHODS;
    p.limits.methods = QN_HTTP_POST;
    offer(&p, "/x");
    expect(&p, "POST /p/plugin/x", AUTH "Origin: http://evil.example\r\n", "a", 403, NULL);
    expect(&p, "POST /p/plugin/x", AUTH "Origin: null\r\n", "a", 403, NULL);
    assert_int_equal(atomic_load(&p.served), 0);
    expect(&p, "POST /p/plugin/x", AUTH "Origin: http://127.0.0.1\r\n", "a", 200, NULL);
    static const char count[] = "{\"method\":\"listplugins\"}";
    expect(&p, "POST /", AUTH, count, 200, "\"result\"");
    expect(&p, "POST /", AUTH "Origin: http://wallet.example\r\n", count, 200, NULL);
    expect(&p, "POST /", AUTH "Origin: http://127.0.0.1\r\n", count, 403, NULL);
    expect(&p, "POST /", AUTH "Origin: null\r\n", count, 403, NULL);
    expect(&p, "POST /", AUTH "Sec-Fetch-Site: same-origin\r\n", count, 403, NULL);
    end(&p);
}

static const struct {
    const char *path;
    uint32_t methods, timeout, pending;
} BAD_ROUTE[] = {{"", 1, 1, 1},        {"x", 1, 1, 1},   {"//", 1, 1, 1},   {"/a//b", 1, 1, 1},
                 {"/..", 1, 1, 1},     {"/./", 1, 1, 1}, {"/a b", 1, 1, 1}, {"/%41", 1, 1, 1},
                 {"/a?b", 1, 1, 1},    {"/x", 4, 1, 1},  {"/x", 0, 1, 1},   {"/x", 1, 0, 1},
                 {"/x", 1, 600001, 1}, {"/x", 1, 1, 0},  {"/x", 1, 1, 257}};

static void bad_routes(void *arg)
{
    plug *p = arg;
    for (size_t i = 0; i < QC_COUNTOF(BAD_ROUTE); i++) {
        const qn_http_route o = {.size = sizeof o,
                                 .set = QN_SET_HTTP_ROUTE_METHODS | QN_SET_HTTP_ROUTE_TIMEOUT_MS |
                                        QN_SET_HTTP_ROUTE_MAX_PENDING,
                                 .methods = BAD_ROUTE[i].methods,
                                 .timeout_ms = BAD_ROUTE[i].timeout,
                                 .max_pending = BAD_ROUTE[i].pending};
        QC_ASSERT(p->t->add(p->cap, &o, BAD_ROUTE[i].path, serve, p) == QN_E_INVAL);
    }
    QC_ASSERT(p->t->add(p->cap, NULL, NULL, serve, p) == QN_E_INVAL);
    QC_ASSERT(p->t->add(p->cap, NULL, "/x", NULL, p) == QN_E_INVAL);
    QC_ASSERT(p->t->add_static(p->cap, "/x/", "a/b", "", 0) == QN_E_INVAL);
    QC_ASSERT(p->t->add_static(p->cap, "/x", "a/b\r\n", "", 0) == QN_E_INVAL);
    QC_ASSERT(p->t->add_static(p->cap, "/x", "a/b", "123456", 6) == QN_E_FULL);
    QC_ASSERT(p->t->add_static(p->cap, "/x", "a/b", "12345", 5) == QN_OK);
    QC_ASSERT(p->t->add_static(p->cap, "/y", "a/b", "1", 1) == QN_E_FULL);
    QC_ASSERT(p->t->remove(p->cap, "/x") == QN_OK);
    QC_ASSERT(p->t->add_static(p->cap, "/y", "a/b", "1", 1) == QN_OK);
    QC_ASSERT(p->t->reply(p->cap, 99, 200, "a/b", "", 0) == QN_E_CLOSED);
    for (int i = 0; i < 300; i++) {
        char path[16];
        snprintf(path, sizeof path, "/n/%d", i);
        QC_ASSERT(p->t->add(p->cap, NULL, path, serve, p) == (i < 255 ? QN_OK : QN_E_LIMIT));
    }
}

static void test_http_serve__bad_arguments_threads_and_grants_are_refused(void **state)
{
    (void)state;
    plug p;
    begin(&p, "content=5");
    rig_on_loop(&p.r, bad_routes, &p);
    do_add(&p);
    assert_int_equal(p.status, QN_E_THREAD);
    do_reply(&p);
    assert_int_equal(p.status, QN_E_THREAD);
    end(&p);

    static const char *const bad[][2] = {{"public=maybe", "wanted public to be yes or no"},
                                         {"name=No Good", "a name is 1 to 64"},
                                         {"name=a/b", "a name is 1 to 64"}};
    for (size_t i = 0; i < QC_COUNTOF(bad); i++) {
        host_rig r;
        char *line = qc_asprintf("http.serve/1 = %s\n", bad[i][0]);
        rig_services(&r, line);
        rig_refused(&r, 0, QC_PLUGIN_REJECTED, bad[i][1]);
        rig_close(&r);
        qc_free(line);
    }
}

QC_TEST_MAIN(cmocka_unit_test(test_http_serve__hands_over_what_was_asked_and_sends_the_reply),
             cmocka_unit_test(test_http_serve__the_exact_route_wins_then_the_longest),
             cmocka_unit_test(test_http_serve__asks_for_the_password_of_the_rpc_unless_public),
             cmocka_unit_test(test_http_serve__hostile_requests_are_refused_before_the_plugin),
             cmocka_unit_test(test_http_serve__bodies_are_bounded_by_route_and_grant),
             cmocka_unit_test(test_http_serve__replies_cannot_break_the_response),
             cmocka_unit_test(test_http_serve__a_late_plugin_gets_504_and_a_busy_one_503),
             cmocka_unit_test(test_http_serve__those_that_wait_get_503_when_it_stops),
             cmocka_unit_test(test_http_serve__a_plugin_that_hangs_does_not_hold_the_server),
             cmocka_unit_test(test_http_serve__pages_cannot_borrow_the_password),
             cmocka_unit_test(test_http_serve__bad_arguments_threads_and_grants_are_refused))
