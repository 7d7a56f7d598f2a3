#include "core/net/asmap.h"

#include "core/crypto/sha256.h"

#define IP_BITS 128u
#define INVALID UINT32_MAX

/* RETURN gives a number; JUMP tests one bit and goes on here or further on; MATCH tests up to eight
 * bits and gives the default if they differ; DEFAULT sets that. */
typedef enum instruction { RETURN, JUMP, MATCH, DEFAULT, BROKEN } instruction;

typedef struct cursor {
    qc_span map;
    uint64_t at, end; /* bits */
} cursor;

static cursor cursor_of(qc_span map)
{
    return (cursor){map, 0, 8 * (uint64_t)map.len};
}

static unsigned next_bit(cursor *c)
{
    unsigned bit = c->map.data[c->at / 8] >> c->at % 8 & 1;
    c->at++;
    return bit;
}

/* Numbers come in classes of growing width: as many ones as the class has number, a zero except
 * for the last class, then the distance from the first number of the class, high bit first. */
static uint32_t number(cursor *c, uint32_t least, const uint8_t *width, unsigned classes)
{
    uint32_t v = least;
    for (unsigned k = 0; k < classes; k++) {
        if (k + 1 < classes) {
            if (c->at >= c->end)
                return INVALID;
            if (next_bit(c)) {
                v += 1u << width[k];
                continue;
            }
        }
        uint32_t in_class = 0;
        for (unsigned b = 0; b < width[k]; b++) {
            if (c->at >= c->end)
                return INVALID;
            in_class = in_class << 1 | next_bit(c);
        }
        return v + in_class;
    }
    return INVALID;
}

static instruction next_instruction(cursor *c)
{
    static const uint8_t WIDTH[] = {0, 0, 1};
    uint32_t v = number(c, 0, WIDTH, sizeof WIDTH);
    return v == INVALID ? BROKEN : (instruction)v;
}

static uint32_t next_asn(cursor *c)
{
    static const uint8_t WIDTH[] = {15, 16, 17, 18, 19, 20, 21, 22, 23, 24};
    return number(c, 1, WIDTH, sizeof WIDTH);
}

/* The highest bit set says how many bits below it are to match. */
static uint32_t next_match(cursor *c, unsigned *len)
{
    static const uint8_t WIDTH[] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint32_t v = number(c, 2, WIDTH, sizeof WIDTH);
    *len = 0;
    for (uint32_t rest = v >> 1; rest && v != INVALID; rest >>= 1)
        ++*len;
    return v;
}

static uint32_t next_jump(cursor *c)
{
    static const uint8_t WIDTH[] = {5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17,
                                    18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30};
    return number(c, 17, WIDTH, sizeof WIDTH);
}

/* ---- looking up ---- */

static unsigned ip_bit(const uint8_t *ip, unsigned i)
{
    return ip[i / 8] >> (7 - i % 8) & 1;
}

uint32_t qc_asmap_lookup(qc_span map, const uint8_t ip[static 16])
{
    cursor c = cursor_of(map);
    unsigned used = 0, len;
    uint32_t otherwise = 0, v;
    while (c.at < c.end) {
        switch (next_instruction(&c)) {
        case RETURN:
            v = next_asn(&c);
            return v == INVALID ? 0 : v;
        case JUMP:
            v = next_jump(&c);
            if (v == INVALID || used == IP_BITS || v >= c.end - c.at)
                return 0;
            if (ip_bit(ip, used++))
                c.at += v;
            break;
        case MATCH:
            v = next_match(&c, &len);
            if (v == INVALID || IP_BITS - used < len)
                return 0;
            while (len-- > 0)
                if (ip_bit(ip, used++) != (v >> len & 1))
                    return otherwise;
            break;
        case DEFAULT:
            otherwise = next_asn(&c);
            if (otherwise == INVALID)
                return 0;
            break;
        case BROKEN:
            return 0;
        }
    }
    return 0;
}

/* ---- checking ---- */

/* Every jump leaves one place to come back to; they nest, at most one per bit of address. */
typedef struct check {
    cursor c;
    struct {
        uint64_t at;
        unsigned bits;
    } jump[IP_BITS];
    unsigned jumps, bits; /* bits: of the address, left on this path */
    instruction before;
    bool short_match; /* in this run of matches one was not of eight bits */
    bool done;        /* the last path ended */
} check;

static bool only_padding(cursor *c)
{
    if (c->end - c->at > 7)
        return false;
    while (c->at < c->end)
        if (next_bit(c))
            return false;
    return true;
}

static bool check_return(check *k)
{
    if (k->before == DEFAULT || next_asn(&k->c) == INVALID)
        return false;
    if (k->jumps == 0) {
        k->done = true;
        return only_padding(&k->c);
    }
    k->jumps--;
    if (k->c.at != k->jump[k->jumps].at)
        return false; /* nothing leads here */
    k->bits = k->jump[k->jumps].bits;
    k->before = JUMP;
    return true;
}

static bool check_jump(check *k)
{
    uint32_t by = next_jump(&k->c);
    if (by == INVALID || by > k->c.end - k->c.at || k->bits == 0)
        return false;
    uint64_t to = k->c.at + by;
    if (k->jumps > 0 && to >= k->jump[k->jumps - 1].at)
        return false;
    k->bits--;
    k->jump[k->jumps].at = to;
    k->jump[k->jumps++].bits = k->bits;
    k->before = JUMP;
    return true;
}

static bool check_match(check *k)
{
    unsigned len;
    if (next_match(&k->c, &len) == INVALID)
        return false;
    if (k->before != MATCH)
        k->short_match = false;
    if (len < 8 && k->short_match)
        return false;
    k->short_match = len < 8;
    if (k->bits < len)
        return false;
    k->bits -= len;
    k->before = MATCH;
    return true;
}

static bool check_default(check *k)
{
    if (k->before == DEFAULT || next_asn(&k->c) == INVALID)
        return false;
    k->before = DEFAULT;
    return true;
}

bool qc_asmap_is_sane(qc_span map)
{
    check k = {.c = cursor_of(map), .bits = IP_BITS, .before = JUMP};
    while (k.c.at < k.c.end) {
        bool ok = false;
        if (k.jumps > 0 && k.c.at >= k.jump[k.jumps - 1].at)
            return false; /* a jump led into the middle of an instruction */
        switch (next_instruction(&k.c)) {
        case RETURN:
            ok = check_return(&k);
            break;
        case JUMP:
            ok = check_jump(&k);
            break;
        case MATCH:
            ok = check_match(&k);
            break;
        case DEFAULT:
            ok = check_default(&k);
            break;
        case BROKEN:
            break;
        }
        if (!ok || k.done)
            return ok;
    }
    return false;
}

qc_hash qc_asmap_version(qc_span map)
{
    qc_hash h = {{0}};
    if (map.len)
        qc_sha256d(map, h.b);
    return h;
}
