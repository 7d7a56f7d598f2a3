#include "lib/secp/curve.h"

#include "lib/arena_impl.h"

#include <secp256k1.h>

#include <stdlib.h>
#include <string.h>

/* The static context serves all that needs no secret. */
#define PUBLIC secp256k1_context_static

struct qn_secp {
    secp256k1_context *ctx;
};

static bool pubkey_valid(void *arg, const uint8_t *key, size_t len)
{
    secp256k1_pubkey p;
    (void)arg;
    return key[0] <= 4 && secp256k1_ec_pubkey_parse(PUBLIC, &p, key, len) == 1;
}

static void put(const secp256k1_pubkey *p, bool compressed, uint8_t *out)
{
    size_t len = compressed ? 33 : 65;
    secp256k1_ec_pubkey_serialize(PUBLIC, out, &len, p,
                                  compressed ? SECP256K1_EC_COMPRESSED : SECP256K1_EC_UNCOMPRESSED);
}

static bool pubkey_of(void *arg, const uint8_t *secret, bool compressed, uint8_t *out)
{
    qn_secp *s = arg;
    secp256k1_pubkey p;
    if (!s || !secp256k1_ec_pubkey_create(s->ctx, &p, secret))
        return false;
    put(&p, compressed, out);
    return true;
}

static bool pubkey_add(void *arg, const uint8_t *key, const uint8_t *tweak, uint8_t *out)
{
    secp256k1_pubkey p;
    (void)arg;
    if (!secp256k1_ec_pubkey_parse(PUBLIC, &p, key, 33) ||
        !secp256k1_ec_pubkey_tweak_add(PUBLIC, &p, tweak))
        return false;
    put(&p, true, out);
    return true;
}

static bool secret_add(void *arg, const uint8_t *secret, const uint8_t *tweak, uint8_t *out)
{
    uint8_t sum[32];
    (void)arg;
    memcpy(sum, secret, sizeof sum);
    bool ok = secp256k1_ec_seckey_tweak_add(PUBLIC, sum, tweak) == 1;
    if (ok)
        memcpy(out, sum, sizeof sum);
    qn_wipe(sum, sizeof sum);
    return ok;
}

static bool pubkey_sum(void *arg, const uint8_t (*key)[33], const uint8_t (*factor)[32], size_t n,
                       uint8_t *out)
{
    (void)arg;
    secp256k1_pubkey *p = malloc(n * sizeof *p), sum;
    const secp256k1_pubkey **each = malloc(n * sizeof *each);
    bool ok = p && each && n > 0;
    for (size_t i = 0; ok && i < n; i++) {
        each[i] = &p[i];
        ok = secp256k1_ec_pubkey_parse(PUBLIC, &p[i], key[i], 33) &&
             secp256k1_ec_pubkey_tweak_mul(PUBLIC, &p[i], factor[i]);
    }
    ok = ok && secp256k1_ec_pubkey_combine(PUBLIC, &sum, each, n);
    if (ok)
        put(&sum, true, out);
    free(p);
    free(each);
    return ok;
}

qn_secp *qn_secp_new(const uint8_t seed[32])
{
    qn_secp *s = malloc(sizeof *s);
    if (!s)
        return NULL;
    s->ctx = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    if (!s->ctx || !secp256k1_context_randomize(s->ctx, seed)) {
        qn_secp_free(s);
        return NULL;
    }
    return s;
}

void qn_secp_free(qn_secp *s)
{
    if (s && s->ctx)
        secp256k1_context_destroy(s->ctx);
    free(s);
}

qn_curve qn_secp_curve(qn_secp *s)
{
    return (qn_curve){s, pubkey_valid, pubkey_of, pubkey_add, secret_add, pubkey_sum};
}
