#include "core/rpc/auth.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/crypto/hashes.h"
#include "core/os/file.h"
#include "core/rpc/subnet.h"

#include <stdio.h>

#define HASH_HEX 64
#define SALT_LEN 16
#define COOKIE_USER "__cookie__"
#define COOKIE_LEN 32

typedef struct credential {
    char *user, *salt;
    char hash[HASH_HEX + 1]; /* hex of HMAC-SHA256(salt, password) */
} credential;

typedef struct whitelist {
    char *user;
    char **method;
    size_t n;
} whitelist;

struct qc_rpc_auth {
    credential *cred;
    size_t n_cred;
    whitelist *list;
    size_t n_list;
    bool deny_default;
    qc_subnet *subnet;
    size_t n_subnet;
    qc_rpc_access access;
};

/* Grow an array by one zeroed element. The arrays come from the operator's own options. */
#define GROW(array, n)                                                                             \
    do {                                                                                           \
        (array) = qc_try_realloc((array), ((n) + 1) * sizeof *(array));                            \
        QC_ASSERT(array);                                                                          \
        memset(&(array)[n], 0, sizeof *(array));                                                   \
    } while (0)

static void to_hex(const uint8_t *in, size_t n, char *out)
{
    static const char DIGIT[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = DIGIT[in[i] >> 4];
        out[2 * i + 1] = DIGIT[in[i] & 15];
    }
    out[2 * n] = 0;
}

static void password_hash(const char *salt, qc_span password, char out[HASH_HEX + 1])
{
    uint8_t mac[32];
    qc_hmac_sha256(qc_span_str(salt), password, mac);
    to_hex(mac, sizeof mac, out);
}

void qc_rpc_auth_add_plain(qc_rpc_auth *a, const char *user, const char *password)
{
    uint8_t raw[SALT_LEN];
    char salt[2 * SALT_LEN + 1];
    GROW(a->cred, a->n_cred);
    credential *c = &a->cred[a->n_cred++];
    qc_os_random(raw, sizeof raw);
    to_hex(raw, sizeof raw, salt);
    c->user = qc_strdup(user);
    c->salt = qc_strdup(salt);
    password_hash(salt, qc_span_str(password), c->hash);
}

qc_err qc_rpc_auth_add_hashed(qc_rpc_auth *a, const char *spec)
{
    const char *colon = strchr(spec, ':');
    const char *dollar = colon ? strchr(colon, '$') : NULL;
    if (!dollar || strchr(colon + 1, ':') || strchr(dollar + 1, '$'))
        return QC_EINVAL;
    GROW(a->cred, a->n_cred);
    credential *c = &a->cred[a->n_cred++];
    c->user = qc_asprintf("%.*s", (int)(colon - spec), spec);
    c->salt = qc_asprintf("%.*s", (int)(dollar - colon - 1), colon + 1);
    /* A hash of another length can never match: Core takes it as well. */
    snprintf(c->hash, sizeof c->hash, "%s", strlen(dollar + 1) == HASH_HEX ? dollar + 1 : "");
    return QC_OK;
}

/* ---- whitelists ---- */
static whitelist *list_of(const qc_rpc_auth *a, const char *user)
{
    for (size_t i = 0; i < a->n_list; i++)
        if (strcmp(a->list[i].user, user) == 0)
            return &a->list[i];
    return NULL;
}

static bool list_has(const whitelist *l, const char *method, size_t len)
{
    for (size_t i = 0; i < l->n; i++)
        if (strlen(l->method[i]) == len && memcmp(l->method[i], method, len) == 0)
            return true;
    return false;
}

static void list_add(whitelist *l, const char *method, size_t len)
{
    GROW(l->method, l->n);
    l->method[l->n++] = qc_asprintf("%.*s", (int)len, method);
}

static void list_clear(whitelist *l)
{
    for (size_t i = 0; i < l->n; i++)
        qc_free(l->method[i]);
    qc_free(l->method);
    l->method = NULL;
    l->n = 0;
}

void qc_rpc_auth_add_whitelist(qc_rpc_auth *a, const char *spec)
{
    size_t user_len = strcspn(spec, ":");
    char *user = qc_asprintf("%.*s", (int)user_len, spec);
    whitelist *l = list_of(a, user);
    bool again = l != NULL;
    whitelist fresh = {0};
    if (!l) {
        GROW(a->list, a->n_list);
        l = &a->list[a->n_list++];
        l->user = user;
    } else {
        qc_free(user);
    }
    if (spec[user_len] == 0)
        return; /* no list at all: an empty one, or the one already given */
    for (const char *p = spec + user_len + 1;; p++) {
        size_t len = strcspn(p, ", ");
        if (!again || list_has(l, p, len))
            list_add(&fresh, p, len);
        p += len;
        if (!*p)
            break;
    }
    list_clear(l);
    l->method = fresh.method;
    l->n = fresh.n;
}

void qc_rpc_auth_set_whitelist_default(qc_rpc_auth *a, bool deny)
{
    a->deny_default = deny;
}

static void access_user(void *arg, const char *user, bool *has_list, bool *dflt_deny)
{
    const qc_rpc_auth *a = arg;
    *has_list = list_of(a, user) != NULL;
    *dflt_deny = a->deny_default;
}

static bool access_allows(void *arg, const char *user, const char *method)
{
    const whitelist *l = list_of(arg, user);
    return l && list_has(l, method, strlen(method));
}

const qc_rpc_access *qc_rpc_auth_access(const qc_rpc_auth *a)
{
    return &a->access;
}

/* ---- addresses ---- */
qc_err qc_rpc_auth_allow(qc_rpc_auth *a, const char *text)
{
    qc_subnet s;
    qc_err err = qc_subnet_parse(text, &s);
    if (err)
        return err;
    GROW(a->subnet, a->n_subnet);
    a->subnet[a->n_subnet++] = s;
    return QC_OK;
}

bool qc_rpc_auth_allows_peer(const qc_rpc_auth *a, const struct sockaddr *sa)
{
    for (size_t i = 0; i < a->n_subnet; i++)
        if (qc_subnet_has(&a->subnet[i], sa))
            return true;
    return false;
}

/* ---- life ---- */
qc_rpc_auth *qc_rpc_auth_new(void)
{
    qc_rpc_auth *a = qc_alloc(sizeof *a);
    a->access = (qc_rpc_access){a, access_user, access_allows};
    qc_err err = qc_rpc_auth_allow(a, "127.0.0.0/8");
    if (!err)
        err = qc_rpc_auth_allow(a, "::1");
    QC_ASSERT(err == QC_OK);
    return a;
}

void qc_rpc_auth_free(qc_rpc_auth *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->n_cred; i++) {
        qc_free(a->cred[i].user);
        qc_free(a->cred[i].salt);
    }
    for (size_t i = 0; i < a->n_list; i++) {
        list_clear(&a->list[i]);
        qc_free(a->list[i].user);
    }
    qc_free(a->cred);
    qc_free(a->list);
    qc_free(a->subnet);
    qc_free(a);
}

/* ---- the header ---- */
static int base64_value(char c)
{
    static const char ALPHABET[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = c ? strchr(ALPHABET, c) : NULL;
    return p ? (int)(p - ALPHABET) : -1;
}

/* RFC 4648 with padding, nothing else. Returns the length or -1. `out` has room for n/4*3. */
static long base64_decode(const char *in, size_t n, uint8_t *out)
{
    size_t pad = 0, len = 0;
    if (n % 4)
        return -1;
    while (pad < 2 && pad < n && in[n - 1 - pad] == '=')
        pad++;
    uint32_t acc = 0;
    for (size_t i = 0; i < n - pad; i++) {
        int v = base64_value(in[i]);
        if (v < 0)
            return -1;
        acc = acc << 6 | (uint32_t)v;
        if (i % 4 == 0)
            continue;
        unsigned spare = 6 - 2 * (unsigned)(i % 4); /* bits of acc that belong to the next byte */
        out[len++] = (uint8_t)(acc >> spare);
        acc &= (1u << spare) - 1;
    }
    return acc == 0 ? (long)len : -1; /* left-over bits must be zero */
}

/* Every credential is tried, so that the time tells little about which users exist. */
static bool credentials_match(const qc_rpc_auth *a, const char *user, size_t ul, qc_span password)
{
    bool ok = false;
    for (size_t i = 0; i < a->n_cred; i++) {
        const credential *c = &a->cred[i];
        char hash[HASH_HEX + 1];
        if (!qc_equal_const_time(qc_span_of(user, ul), qc_span_str(c->user)))
            continue;
        password_hash(c->salt, password, hash);
        ok |= qc_equal_const_time(qc_span_str(hash), qc_span_str(c->hash));
    }
    return ok;
}

bool qc_rpc_auth_check(const qc_rpc_auth *a, const char *header, char **user)
{
    if (strncmp(header, "Basic ", 6) != 0)
        return false;
    const char *p = header + 6 + strspn(header + 6, " \t");
    size_t n = strlen(p);
    while (n && (p[n - 1] == ' ' || p[n - 1] == '\t'))
        n--;
    char *plain = qc_try_malloc(n + 1);
    long len = plain ? base64_decode(p, n, (uint8_t *)plain) : -1;
    bool ok = false;
    if (len >= 0) {
        char *colon = memchr(plain, ':', (size_t)len);
        size_t ul = colon ? (size_t)(colon - plain) : 0;
        ok = colon && credentials_match(a, plain, ul, qc_span_of(colon + 1, (size_t)len - ul - 1));
        if (ok)
            *user = qc_asprintf("%.*s", (int)ul, plain);
    }
    qc_free(plain);
    return ok;
}

/* ---- cookie ---- */
qc_err qc_rpc_auth_make_cookie(qc_rpc_auth *a, const char *path, unsigned mode)
{
    uint8_t raw[COOKIE_LEN];
    char secret[2 * COOKIE_LEN + 1];
    qc_os_random(raw, sizeof raw);
    to_hex(raw, sizeof raw, secret);
    char *text = qc_asprintf(COOKIE_USER ":%s", secret);
    qc_err err = qc_os_write_file_atomic(path, qc_span_str(text), mode);
    if (!err)
        qc_rpc_auth_add_plain(a, COOKIE_USER, secret);
    qc_free(text);
    return err;
}
