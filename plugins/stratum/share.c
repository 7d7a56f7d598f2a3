#include "plugins/stratum/share.h"

#include "lib/hash.h"
#include "lib/mining.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- difficulty ---- */

#define WIDE 80 /* bytes of a dividend */

/* (0xffff << 208) / d, with d = m * 2^e and m an integer of 53 bits: the dividend is shifted by -e
 * and divided by m, byte by byte, so nothing is rounded but the last bit. */
void st_target_of(double d, uint8_t out[32])
{
    uint8_t wide[WIDE] = {0}; /* big-endian */
    int e;
    uint64_t m = (uint64_t)ldexp(frexp(d, &e), 53), left = 0;
    int shift = 208 - (e - 53);
    memset(out, 0xff, 32);
    if (shift > 8 * WIDE - 24)
        return;
    memset(out, 0, 32);
    if (!m || shift < 0)
        return;
    uint32_t word = UINT32_C(0xffff) << (shift % 8);
    for (int at = WIDE - 1 - shift / 8; word && at >= 0; word >>= 8)
        wide[at--] = (uint8_t)word;
    for (int i = 0; i < WIDE; i++) {
        uint64_t part = left << 8 | wide[i];
        wide[i] = (uint8_t)(part / m);
        left = part % m;
    }
    for (int i = 0; i < WIDE - 32; i++)
        if (wide[i]) {
            memset(out, 0xff, 32);
            return;
        }
    for (int i = 0; i < 32; i++)
        out[i] = wide[WIDE - 1 - i];
}

double st_difficulty_of(const uint8_t hash[32])
{
    double v = 0;
    for (int i = 31; i >= 0; i--)
        v = v * 256 + hash[i];
    return v > 0 ? ldexp(65535, 208) / v : 1e18;
}

/* ---- the header ---- */

bool st_share_hash(st_share *s, const st_payout *user, st_coinbase *cb, uint8_t hash[32])
{
    const qn_template_view *v = &s->job->v;
    uint8_t root[32];
    if (!st_coinbase_make(s->job, user, s->variant, cb))
        return false;
    st_coinbase_mark(cb, s->secret, s->en1);
    st_coinbase_fill(cb, s->en1, s->en2);
    qn_sha256d(cb->data, cb->len, root);
    qn_merkle_fold(root, v->path[0].b, v->n_path);
    const qn_header_parts h = {.version = (int32_t)s->version,
                               .prev = v->prev.b,
                               .root = root,
                               .time = s->time,
                               .bits = v->bits,
                               .nonce = s->nonce};
    qn_header_write(&h, s->header);
    qn_sha256d(s->header, sizeof s->header, hash);
    return true;
}

/* ---- the set ---- */

/* The low end of a hash: its high end is all alike. Never 0, which is a free slot. */
static uint64_t key_of(const uint8_t hash[32])
{
    uint64_t k;
    memcpy(&k, hash, sizeof k);
    return k ? k : 1;
}

static uint32_t find(const st_set *s, uint64_t k)
{
    uint32_t i = (uint32_t)(k >> 32) & (s->cap - 1);
    while (s->slot[i] && s->slot[i] != k)
        i = (i + 1) & (s->cap - 1);
    return i;
}

static bool in_set(const st_set *s, uint64_t k)
{
    return s->cap && s->slot[find(s, k)];
}

static bool grow(st_set *s)
{
    st_set more = {.cap = s->cap ? s->cap * 2 : 1024, .n = s->n, .job = s->job};
    more.slot = calloc(more.cap, sizeof *more.slot);
    if (!more.slot)
        return false;
    for (uint32_t i = 0; i < s->cap; i++)
        if (s->slot[i])
            more.slot[find(&more, s->slot[i])] = s->slot[i];
    free(s->slot);
    *s = more;
    return true;
}

bool st_seen_has(const st_seen *s, const uint8_t hash[32])
{
    return in_set(&s->young, key_of(hash)) || in_set(&s->old, key_of(hash));
}

/* What is in the older generation came before the younger began, for jobs that were there then. */
static void next_generation(st_seen *s, uint64_t job)
{
    if (s->old.n)
        s->gone = s->young.job;
    free(s->old.slot);
    s->old = s->young;
    s->young = (st_set){.job = job};
}

bool st_seen_add(st_seen *s, const uint8_t hash[32], uint64_t job)
{
    const uint64_t k = key_of(hash);
    if (st_seen_has(s, hash))
        return true;
    if (s->young.n >= ST_SEEN_MAX)
        next_generation(s, job);
    st_set *to = &s->young;
    if (to->n * 2 >= to->cap && !grow(to) && to->n + 1 >= to->cap)
        return false;
    to->slot[find(to, k)] = k;
    to->n++;
    return false;
}

void st_seen_clear(st_seen *s)
{
    free(s->young.slot);
    free(s->old.slot);
    *s = (st_seen){.gone = 0};
}
