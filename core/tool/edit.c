/* One line of a grant file changed, and nothing else of the operator's text: read by the same rules
 * as core/host/grant.c has. */
#include "core/tool/tool.h"

#include "core/base/alloc.h"

typedef struct line {
    qc_span text; /* what is no comment, without the blanks around it */
    size_t end;   /* in the file, behind its '\n' */
    bool blank;   /* not even a comment */
} line;

/* Where in a file the line is, or could be. */
typedef struct spot {
    bool section, found;
    size_t begin;            /* found: of the line */
    size_t value, value_end; /* found: of what stands behind '=' */
    size_t last_key, last;   /* behind the last line of the section with a key, and the last one */
} spot;

static qc_span trimmed(const uint8_t *p, size_t n)
{
    for (; n && strchr(" \t", *p); n--)
        p++;
    while (n && strchr(" \t\r", p[n - 1]))
        n--;
    return (qc_span){p, n};
}

static line line_at(qc_span text, size_t at)
{
    const uint8_t *p = text.data + at, *nl = memchr(p, '\n', text.len - at);
    size_t n = nl ? (size_t)(nl - p) : text.len - at;
    const uint8_t *hash = memchr(p, '#', n);
    return (line){.text = trimmed(p, hash ? (size_t)(hash - p) : n),
                  .end = at + n + (nl != NULL),
                  .blank = trimmed(p, n).len == 0};
}

static bool is(qc_span s, const char *word)
{
    return qc_span_eq(s, qc_span_str(word));
}

static void look_at(qc_span text, size_t at, const line *l, const char *key, spot *s)
{
    const uint8_t *eq = memchr(l->text.data, '=', l->text.len);
    if (!eq || !is(trimmed(l->text.data, (size_t)(eq - l->text.data)), key))
        return;
    const size_t rest = (size_t)(l->text.data + l->text.len - eq) - 1;
    const qc_span value = trimmed(eq + 1, rest);
    s->found = true;
    s->begin = at;
    s->value = (size_t)(value.data - text.data);
    s->value_end = s->value + value.len;
}

static spot find(qc_span text, const char *section, const char *key)
{
    spot s = {.found = false};
    bool here = false;
    for (size_t at = 0; at < text.len;) {
        const line l = line_at(text, at);
        const size_t n = l.text.len;
        const bool head = n && l.text.data[0] == '[' && l.text.data[n - 1] == ']';
        if (head)
            here = is((qc_span){l.text.data + 1, n - 2}, section);
        s.section |= here;
        if (here && !head && n)
            look_at(text, at, &l, key, &s);
        if (here && !l.blank)
            s.last = l.end;
        if (here && !head && n)
            s.last_key = l.end;
        at = l.end;
    }
    return s;
}

static void put(qc_bytes *out, qc_span text, size_t from, size_t to)
{
    qc_err err = qc_bytes_append(out, text.data + from, to - from);
    QC_ASSERT(err == QC_OK);
}

static void add_line(qc_span text, const spot *s, const qc_grant_edit *e, qc_bytes *out)
{
    size_t at = s->last_key ? s->last_key : s->section ? s->last : text.len;
    put(out, text, 0, at);
    if (out->len && out->data[out->len - 1] != '\n')
        qc_tool_add(out, "\n");
    if (!s->section)
        qc_tool_add(out, "\n[%s]\n", e->section);
    if (e->lets)
        qc_tool_add(out, "# lets it %s\n", e->lets);
    qc_tool_add(out, "%s = %s\n", e->key, e->value);
    put(out, text, at, text.len);
}

void qc_tool_edit_grant(qc_span text, const qc_grant_edit *e, qc_bytes *out)
{
    const spot s = find(text, e->section, e->key);
    if (!s.found && e->value) {
        add_line(text, &s, e, out);
        return;
    }
    const size_t at = !s.found ? text.len : e->value ? s.value : s.begin;
    put(out, text, 0, at);
    if (s.found && e->value)
        qc_tool_add(out, "%s%s", text.data[at - 1] == '=' ? " " : "", e->value);
    else if (s.found)
        qc_tool_add(out, "# ");
    put(out, text, s.found && e->value ? s.value_end : at, text.len);
}
