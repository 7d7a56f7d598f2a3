#include "core/cli/convert.h"

#include "core/base/alloc.h"
#include "core/cli/text.h"

#include <stdio.h>

#define J QC_CONVERT_JSON
#define JT QC_CONVERT_JSON_OR_TEXT
const qc_convert QC_CONVERT[] = {
#include "core/cli/convert.def"
    {NULL, 0, NULL, J}};

static const qc_convert *by_position(const char *method, size_t pos)
{
    for (const qc_convert *c = QC_CONVERT; c->method; c++)
        if (c->pos == pos && strcmp(c->method, method) == 0)
            return c;
    return NULL;
}

static const qc_convert *by_name(const char *method, const char *name, size_t len)
{
    for (const qc_convert *c = QC_CONVERT; c->method; c++)
        if (strlen(c->name) == len && memcmp(c->name, name, len) == 0 &&
            strcmp(c->method, method) == 0)
            return c;
    return NULL;
}

/* Methods of plugins ("indexer.history") have no rows: what looks like a number, a truth value, an
 * array or an object is one, and so is a text in quotes: one that looks like something else.
 * Hashes and addresses are too long for numbers. */
static bool looks_like_json(const char *word)
{
    size_t n = strlen(word);
    if (word[0] == '{' || word[0] == '[' || (n > 1 && word[0] == '"' && word[n - 1] == '"'))
        return true;
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0 || strcmp(word, "null") == 0)
        return true;
    return n <= 15 && (word[0] == '-' || (word[0] >= '0' && word[0] <= '9'));
}

/* What begins as JSON does and is none was meant as JSON: at the node it would fail for being text,
 * if at all. */
static char *slip_of(const char *word)
{
    return word[0] == '{' || word[0] == '[' ? qc_text_json_error(qc_span_str(word)) : NULL;
}

static void warn_of_slip(const char *word)
{
    char *slip = slip_of(word);
    if (slip)
        fprintf(stderr, "Warning: %s: this is no JSON, and is sent as text (%s)\n", word, slip);
    qc_free(slip);
}

static qc_err add_value(const char *method, const qc_convert *c, const char *word, qc_bytes *out,
                        char **error)
{
    bool guess = !c && strchr(method, '.') && looks_like_json(word);
    if ((c || guess) && qc_text_is_json(qc_span_str(word))) {
        qc_text_add(out, word, strlen(word));
        return QC_OK;
    }
    if (c && c->kind == QC_CONVERT_JSON) {
        char *slip = slip_of(word);
        *error = qc_asprintf("Error parsing JSON: %s%s%s%s", word, slip ? " (" : "",
                             slip ? slip : "", slip ? ")" : "");
        qc_free(slip);
        return QC_EINVAL;
    }
    warn_of_slip(word);
    qc_text_quote(out, word, strlen(word));
    return QC_OK;
}

qc_err qc_convert_positional(const char *method, char *const *word, size_t n, qc_bytes *out,
                             char **error)
{
    qc_text_add(out, "[", 1);
    for (size_t i = 0; i < n; i++) {
        if (i)
            qc_text_add(out, ",", 1);
        qc_err err = add_value(method, by_position(method, i), word[i], out, error);
        if (err)
            return err;
    }
    qc_text_add(out, "]", 1);
    return QC_OK;
}

/* A word with "=" whose left side is no known name is a position after all when it is JSON there.
 */
static bool is_positional(const char *method, const char *word, const char *eq, size_t pos)
{
    if (!eq)
        return true;
    if (by_name(method, word, (size_t)(eq - word)))
        return false;
    const qc_convert *c = by_position(method, pos);
    return c && c->kind == QC_CONVERT_JSON && qc_text_is_json(qc_span_str(word));
}

/* A name given again: the later value counts. */
static bool given_later(char *const *word, size_t n, size_t i, size_t name_len)
{
    for (size_t k = i + 1; k < n; k++)
        if (strncmp(word[k], word[i], name_len + 1) == 0)
            return true;
    return false;
}

qc_err qc_convert_named(const char *method, char *const *word, size_t n, qc_bytes *out,
                        char **error)
{
    qc_bytes args = QC_BYTES_INIT;
    size_t pos = 0, members = 0;
    qc_err err = QC_OK;
    qc_text_add(out, "{", 1);
    for (size_t i = 0; i < n && !err; i++) {
        const char *eq = strchr(word[i], '=');
        if (is_positional(method, word[i], eq, pos)) {
            if (pos)
                qc_text_add(&args, ",", 1);
            err = add_value(method, by_position(method, pos), word[i], &args, error);
            pos++;
            continue;
        }
        size_t len = (size_t)(eq - word[i]);
        if (given_later(word, n, i, len))
            continue;
        if (members++)
            qc_text_add(out, ",", 1);
        qc_text_quote(out, word[i], len);
        qc_text_add(out, ":", 1);
        err = add_value(method, by_name(method, word[i], len), eq + 1, out, error);
    }
    if (pos) {
        qc_text_addf(out, "%s\"args\":[", members ? "," : "");
        qc_text_add(out, (const char *)args.data, args.len);
        qc_text_add(out, "]", 1);
    }
    qc_text_add(out, "}", 1);
    qc_bytes_free(&args);
    return err;
}
