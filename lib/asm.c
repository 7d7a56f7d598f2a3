#include "lib/asm.h"

#include "lib/hex.h"
#include "lib/script.h"

#include <stdio.h>
#include <string.h>

typedef struct sink {
    char *out;
    size_t cap, len;
} sink;

static void put(sink *s, const char *text, size_t n)
{
    if (s->len < s->cap) {
        size_t room = s->cap - 1 - s->len;
        memcpy(s->out + s->len, text, n < room ? n : room);
    }
    s->len += n;
}

static void put_str(sink *s, const char *text)
{
    put(s, text, strlen(text));
}

static void put_hex(sink *s, const uint8_t *p, size_t n)
{
    char two[3];
    for (size_t i = 0; i < n; i++) {
        qn_hex_encode(p + i, 1, two);
        put(s, two, 2);
    }
}

/* A script number: little-endian, sign in the top bit (Core script.h CScriptNum). */
static void put_number(sink *s, const uint8_t *p, size_t n)
{
    int64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (int64_t)p[i] << 8 * i;
    if (n && p[n - 1] & 0x80)
        v = -(v & ~((int64_t)0x80 << 8 * (n - 1)));
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)v);
    put_str(s, text);
}

/* An integer of a strict DER signature: positive, not padded. */
static bool der_integer(const uint8_t *p, size_t len)
{
    if (len == 0 || p[0] & 0x80)
        return false;
    return len == 1 || p[0] != 0 || p[1] & 0x80;
}

/* BIP66, with a hash type byte of a defined kind after it: what is shown as a signature. */
static bool looks_signed(const uint8_t *p, size_t len)
{
    if (len < 9 || len > 73 || p[0] != 0x30 || p[1] != len - 3 || p[2] != 2)
        return false;
    size_t r = p[3];
    if (5 + r >= len || p[4 + r] != 2)
        return false;
    size_t s = p[5 + r];
    if (r + s + 7 != len || !der_integer(p + 4, r) || !der_integer(p + 6 + r, s))
        return false;
    uint8_t type = p[len - 1] & 0x7f;
    return type >= 1 && type <= 3;
}

static void put_sighash(sink *s, uint8_t type)
{
    static const char *const name[] = {"", "ALL", "NONE", "SINGLE"};
    put_str(s, "[");
    put_str(s, name[type & 3]);
    put_str(s, type & 0x80 ? "|ANYONECANPAY]" : "]");
}

static void put_push(sink *s, const qn_script_op *op, bool sighash)
{
    if (op->data_len <= 4) {
        put_number(s, op->data, op->data_len);
    } else if (sighash && looks_signed(op->data, op->data_len)) {
        put_hex(s, op->data, op->data_len - 1);
        put_sighash(s, op->data[op->data_len - 1]);
    } else {
        put_hex(s, op->data, op->data_len);
    }
}

size_t qn_script_asm(const uint8_t *script, size_t len, bool sighash, char *out, size_t cap)
{
    sink s = {out, cap, 0};
    qn_script_op op;
    /* Data after OP_RETURN may look like a signature and is none. */
    sighash = sighash && !qn_script_unspendable(script, len);
    for (size_t pos = 0; pos < len;) {
        if (pos)
            put_str(&s, " ");
        if (!qn_script_next(script, len, &pos, &op)) {
            put_str(&s, "[error]");
            break;
        }
        if (op.code <= QN_OP_PUSHDATA4)
            put_push(&s, &op, sighash);
        else
            put_str(&s, qn_opcode_name(op.code));
    }
    if (cap)
        out[s.len < cap ? s.len : cap - 1] = '\0';
    return s.len;
}
