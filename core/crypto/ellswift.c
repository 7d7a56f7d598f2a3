/* The formulas are BIP324's, and so are their letters: u and t make up the encoding, g is u^3 + 7.
 */
#include "core/crypto/ellswift.h"

#include "core/base/endian.h"
#include "core/crypto/field.h"
#include "core/crypto/hashes.h"
#include "core/crypto/sha256.h"

/* The square root of -3 that is a square. */
static const uint8_t ROOT[32] = {0x0a, 0x2d, 0x2b, 0xa9, 0x35, 0x07, 0xf1, 0xdf, 0x23, 0x37, 0x70,
                                 0xc2, 0xa7, 0x97, 0x96, 0x2c, 0xc6, 0x1f, 0x6d, 0x15, 0xda, 0x14,
                                 0xec, 0xd4, 0x7d, 0x8d, 0x27, 0xae, 0x1c, 0xd5, 0xf8, 0x52};

/* x^3 + 7 */
static qc_fe curve(qc_fe x)
{
    return qc_fe_add(qc_fe_mul(qc_fe_sqr(x), x), qc_fe_small(7));
}

static bool is_x(qc_fe x)
{
    return qc_fe_is_square(curve(x));
}

/* With N = g - t^2 and S = g + t^2, BIP324's X is N / 2t and its Y is S / (2t * root * u): so one
 * inversion, of the product of both denominators, does for Y and X/Y. */
static qc_fe xswiftec(qc_fe u, qc_fe t)
{
    if (qc_fe_is_zero(u))
        u = qc_fe_small(1);
    if (qc_fe_is_zero(t))
        t = qc_fe_small(1);
    qc_fe g = curve(u), t2 = qc_fe_sqr(t);
    if (qc_fe_is_zero(qc_fe_add(g, t2))) {
        t = qc_fe_add(t, t);
        t2 = qc_fe_sqr(t);
    }
    qc_fe n = qc_fe_sub(g, t2), s = qc_fe_add(g, t2);
    qc_fe ru = qc_fe_mul(qc_fe_read(ROOT), u), d = qc_fe_mul(qc_fe_add(t, t), ru);
    qc_fe inv = qc_fe_inv(qc_fe_mul(d, s));
    qc_fe y = qc_fe_mul(qc_fe_sqr(s), inv);
    qc_fe x = qc_fe_add(u, qc_fe_mul(qc_fe_small(4), qc_fe_sqr(y)));
    if (is_x(x))
        return x;
    qc_fe x_by_y = qc_fe_mul(qc_fe_mul(n, ru), qc_fe_mul(d, inv));
    x = qc_fe_half(qc_fe_neg(qc_fe_add(x_by_y, u)));
    return is_x(x) ? x : qc_fe_half(qc_fe_sub(x_by_y, u));
}

void qc_ellswift_decode(const uint8_t in[static QC_ELLSWIFT_LEN], uint8_t x[static QC_XONLY_LEN])
{
    qc_fe_write(xswiftec(qc_fe_read(in), qc_fe_read(in + 32)), x);
}

/* Cases that map x = u + 4Y^2 (which & 2) and the other two. */
static bool solve_third(qc_fe x, qc_fe u, unsigned which, qc_fe *s, qc_fe *v)
{
    qc_fe r;
    *s = qc_fe_sub(x, u);
    if (qc_fe_is_zero(*s))
        return false;
    qc_fe q = qc_fe_add(qc_fe_mul(qc_fe_small(4), curve(u)),
                        qc_fe_mul(qc_fe_mul(qc_fe_small(3), *s), qc_fe_sqr(u)));
    if (!qc_fe_sqrt(qc_fe_mul(qc_fe_neg(*s), q), &r) || ((which & 1) && qc_fe_is_zero(r)))
        return false;
    *v = qc_fe_half(qc_fe_sub(qc_fe_mul(r, qc_fe_inv(*s)), u));
    return true;
}

static bool solve_first(qc_fe x, qc_fe u, qc_fe *s, qc_fe *v)
{
    if (is_x(qc_fe_neg(qc_fe_add(x, u))))
        return false;
    qc_fe d = qc_fe_add(qc_fe_add(qc_fe_sqr(u), qc_fe_mul(u, x)), qc_fe_sqr(x));
    /* d is (u^3 - x^3) / (u - x), and were it 0, u^3 + 7 would be x^3 + 7 and -x-u a coordinate. */
    *s = qc_fe_neg(qc_fe_mul(curve(u), qc_fe_inv(d)));
    *v = x;
    return true;
}

static bool xswiftec_inv(qc_fe x, qc_fe u, unsigned which, qc_fe *t)
{
    qc_fe s, v, w;
    if (!(which & 2 ? solve_third(x, u, which, &s, &v) : solve_first(x, u, &s, &v)) ||
        !qc_fe_sqrt(s, &w))
        return false;
    qc_fe root = qc_fe_read(ROOT), one = qc_fe_small(1);
    qc_fe c = which & 1 ? qc_fe_add(one, root) : qc_fe_sub(one, root);
    qc_fe r = qc_fe_mul(w, qc_fe_add(qc_fe_half(qc_fe_mul(u, c)), v));
    *t = (which & 5) == 0 || (which & 5) == 5 ? qc_fe_neg(r) : r;
    return true;
}

bool qc_xswiftec_inv(const uint8_t x[static QC_XONLY_LEN], const uint8_t u[static 32],
                     unsigned which, uint8_t t[static 32])
{
    qc_fe fe;
    if (!xswiftec_inv(qc_fe_read(x), qc_fe_read(u), which, &fe))
        return false;
    qc_fe_write(fe, t);
    return true;
}

bool qc_ellswift_create(const qc_signer *s, const uint8_t key[static QC_SECKEY_LEN],
                        const uint8_t entropy[static 32], uint8_t out[static QC_ELLSWIFT_LEN])
{
    uint8_t pub[QC_PUBKEY_UNCOMPRESSED], seed[32], draw[QC_SHA512_LEN], count[4];
    if (!qc_seckey_pubkey(s, key, true, pub))
        return false;
    /* The key is in the seed so that weak entropy alone does not give the choice away. */
    qc_hmac_sha256(qc_span_of(key, QC_SECKEY_LEN), qc_span_of(entropy, 32), seed);
    qc_fe x = qc_fe_read(pub + 1), u, t;
    uint32_t i = 0;
    do {
        qc_write_le32(count, i++);
        qc_hmac_sha512(qc_span_of(seed, sizeof seed), qc_span_of(count, sizeof count), draw);
        u = qc_fe_read(draw);
    } while (qc_fe_is_zero(u) || !xswiftec_inv(x, u, draw[32] & 7u, &t));
    qc_fe_write(u, out);
    qc_fe_write(t, out + 32);
    qc_wipe(seed, sizeof seed);
    qc_wipe(draw, sizeof draw);
    return true;
}

bool qc_ellswift_ecdh(const uint8_t key[static QC_SECKEY_LEN],
                      const uint8_t ours[static QC_ELLSWIFT_LEN],
                      const uint8_t theirs[static QC_ELLSWIFT_LEN], bool initiating,
                      uint8_t secret[static 32])
{
    uint8_t x[QC_XONLY_LEN], shared[QC_XONLY_LEN];
    qc_sha256_ctx c;
    qc_ellswift_decode(theirs, x);
    if (!qc_seckey_ecdh(key, x, shared))
        return false;
    qc_sha256_init_tag_str(&c, "bip324_ellswift_xonly_ecdh");
    qc_sha256_update(&c, initiating ? ours : theirs, QC_ELLSWIFT_LEN);
    qc_sha256_update(&c, initiating ? theirs : ours, QC_ELLSWIFT_LEN);
    qc_sha256_update(&c, shared, sizeof shared);
    qc_sha256_final(&c, secret);
    qc_wipe(shared, sizeof shared);
    qc_wipe(&c, sizeof c);
    return true;
}
