#include "core/base/clean.h"

/* Out: *point. Returns its bytes, or 0: there is no character. */
static uint8_t utf8_at(qc_span s, uint32_t *point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t c = s.data[0];
    const uint8_t n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
    if (n == 0 || n > s.len)
        return 0;
    uint32_t v = n == 1 ? c : c & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if (s.data[i] >> 6 != 2)
            return 0;
        v = v << 6 | (s.data[i] & 63u);
    }
    if (v < least[n] || v > 0x10ffff || v >> 11 == 0x1b)
        return 0;
    *point = v;
    return n;
}

/* Beyond the controls of ASCII those of ISO 6429, which a terminal may take for ESC and a letter,
 * and what shows a line in another order than it is read in. */
static bool is_unfit(uint32_t v)
{
    return v < 0x20 || (v >= 0x7f && v <= 0x9f) || v == 0x61c || v == 0x200e || v == 0x200f ||
           (v >= 0x2028 && v <= 0x202e) || (v >= 0x2066 && v <= 0x2069);
}

qc_char qc_char_at(qc_span s)
{
    qc_char c = {.point = UINT32_MAX};
    c.len = utf8_at(s, &c.point);
    c.fit = c.len && !is_unfit(c.point);
    c.len = c.len ? c.len : 1;
    return c;
}

static void clean(char *s, bool lines)
{
    qc_span left = qc_span_str(s);
    char *out = s;
    while (left.len) {
        const qc_char c = qc_char_at(left);
        const bool stays = c.fit || (lines && (c.point == '\n' || c.point == '\t'));
        const size_t n = stays ? c.len : 1;
        memmove(out, stays ? (const char *)left.data : "?", n);
        out += n;
        left = qc_span_of(left.data + c.len, left.len - c.len);
    }
    *out = 0;
}

void qc_clean_text(char *s)
{
    clean(s, false);
}

void qc_clean_lines(char *s)
{
    clean(s, true);
}

bool qc_text_is_clean(const char *s)
{
    qc_span left = qc_span_str(s);
    qc_char c = {.fit = true};
    while (left.len && (c = qc_char_at(left)).fit)
        left = qc_span_of(left.data + c.len, left.len - c.len);
    return c.fit;
}
