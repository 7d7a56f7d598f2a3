#include "lib/text_impl.h"

#include "lib/hex.h"

#include <stdio.h>
#include <string.h>

qn_text qn_text_split(qn_text t, char c, qn_text *rest)
{
    const char *at = t.len ? memchr(t.p, c, t.len) : NULL;
    if (!at) {
        *rest = (qn_text){NULL, 0};
        return t;
    }
    size_t n = (size_t)(at - t.p);
    *rest = (qn_text){at + 1, t.len - n - 1};
    return (qn_text){t.p, n};
}

bool qn_text_take(qn_text *t, char c)
{
    if (t->len == 0 || t->p[0] != c)
        return false;
    t->p++;
    t->len--;
    return true;
}

bool qn_text_starts(qn_text t, const char *word)
{
    size_t n = strlen(word);
    return t.len >= n && memcmp(t.p, word, n) == 0;
}

bool qn_text_function(qn_text *t, const char *name)
{
    size_t n = strlen(name);
    if (t->len < n + 2 || memcmp(t->p, name, n) != 0 || t->p[n] != '(' || t->p[t->len - 1] != ')')
        return false;
    t->p += n + 1;
    t->len -= n + 2;
    return true;
}

qn_text qn_text_expression(qn_text *t)
{
    size_t level = 0, i = 0;
    for (; i < t->len; i++) {
        char c = t->p[i];
        if (c == '(' || c == '{') {
            level++;
        } else if (c == ')' || c == '}') {
            if (level == 0)
                break;
            level--;
        } else if (c == ',' && level == 0) {
            break;
        }
    }
    qn_text e = {t->p, i};
    t->p += i;
    t->len -= i;
    return e;
}

bool qn_text_number(qn_text t, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    for (size_t i = 0; i < t.len; i++) {
        if (t.p[i] < '0' || t.p[i] > '9' || v > UINT64_MAX / 16)
            return false;
        v = v * 10 + (unsigned)(t.p[i] - '0');
    }
    if (t.len == 0 || v > max)
        return false;
    *out = v;
    return true;
}

bool qn_text_is_hex(qn_text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (qn_hex_digit(t.p[i]) < 0)
            return false;
    return t.len > 0 && t.len % 2 == 0;
}

void qn_out_put(qn_out *o, const char *text, size_t len)
{
    if (o->len < o->cap) {
        size_t room = o->cap - o->len;
        memcpy(o->out + o->len, text, len < room ? len : room);
    }
    o->len += len;
}

void qn_out_str(qn_out *o, const char *text)
{
    qn_out_put(o, text, strlen(text));
}

void qn_out_hex(qn_out *o, const void *data, size_t len)
{
    char two[3];
    for (size_t i = 0; i < len; i++) {
        qn_hex_encode((const uint8_t *)data + i, 1, two);
        qn_out_put(o, two, 2);
    }
}

void qn_out_number(qn_out *o, uint64_t v)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)v);
    qn_out_str(o, text);
}

void qn_out_end(qn_out *o)
{
    if (o->cap)
        o->out[o->len < o->cap ? o->len : o->cap - 1] = '\0';
}
