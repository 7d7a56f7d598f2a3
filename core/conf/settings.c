/* The store: every value in the order it was read, with its source and section. Lookups walk the
 * list; there are tens of values. */
#include "core/conf/settings.h"

#include "core/base/alloc.h"
#include "core/conf/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

qc_settings *qc_settings_new(const qc_opt *const *tables)
{
    qc_settings *s = qc_alloc(sizeof *s);
    s->tables = tables;
    s->chain = "";
    return s;
}

static void free_list(char **list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        qc_free(list[i]);
    qc_free(list);
}

void qc_settings_free(qc_settings *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++) {
        qc_free(s->value[i].section);
        qc_free(s->value[i].text);
    }
    qc_free(s->value);
    free_list(s->unknown, s->n_unknown);
    free_list(s->warning, s->n_warning);
    for (size_t i = 0; i < s->n_section; i++) {
        qc_free(s->section[i].name);
        qc_free(s->section[i].where);
    }
    qc_free(s->section);
    qc_free(s->stray);
    qc_free(s);
}

const qc_opt *qc_store_find(const qc_settings *s, const char *name)
{
    for (const qc_opt *const *t = s->tables; *t; t++)
        for (const qc_opt *o = *t; o->name; o++)
            if (strcmp(o->name, name) == 0)
                return o;
    return NULL;
}

void qc_store_note(char ***list, size_t *n, QC_OWN char *text)
{
    *list = qc_try_realloc(*list, (*n + 1) * sizeof **list);
    QC_ASSERT(*list);
    (*list)[(*n)++] = text;
}

void qc_store_add(qc_settings *s, qc_source source, const char *section, const qc_opt *opt,
                  qc_value_kind kind, const char *text)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 32;
        s->value = qc_try_realloc(s->value, s->cap * sizeof *s->value);
        QC_ASSERT(s->value);
    }
    s->value[s->n++] = (qc_value){source, section ? qc_strdup(section) : NULL, opt, kind,
                                  text ? qc_strdup(text) : NULL};
}

/* ---- one source's values of one option (Core's SettingsSpan) ---- */
typedef struct span {
    const qc_settings *s;
    const qc_opt *opt;
    qc_source source;
    const char *section;
} span;

static const qc_value *next_in(const span *sp, const qc_value *after)
{
    const qc_value *end = sp->s->value + sp->s->n;
    for (const qc_value *v = after ? after + 1 : sp->s->value; v < end; v++)
        if (v->opt == sp->opt && v->source == sp->source &&
            (sp->source != QC_SOURCE_CONFIG || strcmp(v->section, sp->section) == 0))
            return v;
    return NULL;
}

typedef struct span_info {
    const qc_value *first, *last; /* after the last negation; NULL: none */
    bool any, last_negated;
    size_t negated; /* position behind the last negation */
    size_t n;
} span_info;

static span_info look(const span *sp)
{
    span_info i = {0};
    for (const qc_value *v = next_in(sp, NULL); v; v = next_in(sp, v)) {
        i.any = true;
        i.n++;
        i.last_negated = v->kind == QC_VALUE_FALSE;
        if (i.last_negated) {
            i.first = i.last = NULL;
            i.negated = i.n;
            continue;
        }
        if (!i.first)
            i.first = v;
        i.last = v;
    }
    return i;
}

/* The sources in order of precedence. */
static bool source_at(const qc_settings *s, const qc_opt *opt, unsigned i, span *out)
{
    static const qc_source ORDER[] = {QC_SOURCE_FORCED, QC_SOURCE_ARGS, QC_SOURCE_CONFIG,
                                      QC_SOURCE_CONFIG};
    if (i >= QC_COUNTOF(ORDER))
        return false;
    *out = (span){s, opt, ORDER[i], i == 2 ? s->chain : ""};
    return true;
}

static bool is_default_section(const span *sp)
{
    return sp->source == QC_SOURCE_CONFIG && sp->section[0] == 0;
}

/* Should `sp` be left out: the chain's section read twice, or the default one for options that are
 * taken from a section of their own? */
static bool ignores_default(const qc_settings *s, const qc_opt *opt)
{
    return opt->flags & QC_OPTF_NETWORK_ONLY && s->chain[0] && strcmp(s->chain, "main") != 0;
}

static const qc_value NEGATED = {.kind = QC_VALUE_FALSE};

const qc_value *qc_store_get(const qc_settings *s, const qc_opt *opt, bool chain_type)
{
    span sp;
    for (unsigned k = 0; source_at(s, opt, k, &sp); k++) {
        if (k == 2 && !s->chain[0])
            continue; /* no section chosen yet */
        span_info i = look(&sp);
        if (is_default_section(&sp) && !chain_type && ignores_default(s, opt) && !i.last_negated)
            continue;
        /* A negated chain option on the command line is ignored, as Core ignores it. */
        if (chain_type && i.last_negated)
            continue;
        /* Configuration files: the first value wins, but the last one for the chain. */
        bool first_wins = sp.source == QC_SOURCE_CONFIG && !chain_type;
        if (i.first)
            return first_wins ? i.first : i.last;
        if (i.last_negated)
            return &NEGATED;
    }
    return NULL;
}

const qc_value *qc_store_first(const qc_settings *s, const qc_opt *opt)
{
    span sp = {s, opt, QC_SOURCE_ARGS, ""};
    return look(&sp).first;
}

static const qc_opt *must_find(const qc_settings *s, const char *name)
{
    const qc_opt *o = qc_store_find(s, name);
    QC_ASSERT(o != NULL);
    return o;
}

static const qc_value *get(const qc_settings *s, const char *name)
{
    return qc_store_get(s, must_find(s, name), false);
}

/* ---- values ---- */
int64_t qc_atoi64(const char *text)
{
    char *end;
    const char *p = text + strspn(text, " \f\n\r\t\v");
    if (p[0] == '+' && p[1] == '-')
        return 0;
    errno = 0;
    long long v = strtoll(p, &end, 10);
    return end == p ? 0 : v; /* strtoll saturates */
}

bool qc_store_true(const qc_value *v)
{
    if (v->kind != QC_VALUE_TEXT)
        return v->kind == QC_VALUE_TRUE;
    if (v->text[0] == 0)
        return true;
    int64_t n = qc_atoi64(v->text);
    return n != 0;
}

const char *qc_store_text(const qc_value *v)
{
    return v->kind == QC_VALUE_TEXT ? v->text : v->kind == QC_VALUE_TRUE ? "1" : "0";
}

void qc_settings_select_chain(qc_settings *s, const char *chain)
{
    s->chain = chain;
}

bool qc_settings_is_set(const qc_settings *s, const char *name)
{
    return get(s, name) != NULL;
}

bool qc_settings_is_negated(const qc_settings *s, const char *name)
{
    const qc_value *v = get(s, name);
    return v && v->kind == QC_VALUE_FALSE;
}

bool qc_settings_on_command_line(const qc_settings *s, const char *name)
{
    span sp = {s, must_find(s, name), QC_SOURCE_ARGS, ""};
    return look(&sp).any;
}

const char *qc_settings_str(const qc_settings *s, const char *name, const char *dflt)
{
    const qc_value *v = get(s, name);
    return v ? qc_store_text(v) : dflt;
}

int64_t qc_settings_int(const qc_settings *s, const char *name, int64_t dflt)
{
    const qc_value *v = get(s, name);
    return v ? qc_atoi64(qc_store_text(v)) : dflt;
}

bool qc_settings_bool(const qc_settings *s, const char *name, bool dflt)
{
    const qc_value *v = get(s, name);
    return v ? qc_store_true(v) : dflt;
}

/* Core GetSettingsList: sources add up, until one of them begins with a negation. Values of the
 * configuration file come back when a negated list on the command line got new values behind it. */
const char **qc_settings_list(const qc_settings *s, const char *name, size_t *n)
{
    const qc_opt *opt = must_find(s, name);
    const char **list = qc_alloc((s->n + 1) * sizeof *list);
    size_t count = 0;
    bool done = false, negated_empty = false;
    span sp;
    for (unsigned k = 0; source_at(s, opt, k, &sp); k++) {
        if ((k == 2 && !s->chain[0]) || (is_default_section(&sp) && ignores_default(s, opt)))
            continue;
        span_info i = look(&sp);
        bool zombie = sp.source == QC_SOURCE_CONFIG && !negated_empty;
        if (!done || zombie)
            for (const qc_value *v = i.first; v; v = next_in(&sp, v))
                list[count++] = qc_store_text(v);
        done |= i.negated > 0 || (sp.source == QC_SOURCE_FORCED && i.any);
        negated_empty |= i.last_negated && count == 0;
    }
    if (n)
        *n = count;
    return list;
}

void qc_settings_force(qc_settings *s, const char *name, const char *value)
{
    qc_store_add(s, QC_SOURCE_FORCED, NULL, must_find(s, name), QC_VALUE_TEXT, value);
}

bool qc_settings_soft_set(qc_settings *s, const char *name, const char *value)
{
    if (get(s, name))
        return false;
    qc_settings_force(s, name, value);
    return true;
}

static bool chain_switch(const qc_settings *s, const char *name)
{
    const qc_value *v = qc_store_get(s, must_find(s, name), true);
    return v && qc_store_true(v);
}

qc_err qc_settings_chain(const qc_settings *s, const char **name, char **error)
{
    static const struct {
        const char *opt, *chain;
    } SWITCH[] = {{"regtest", "regtest"},
                  {"signet", "signet"},
                  {"testnet", "test"},
                  {"testnet4", "testnet4"}};
    const qc_value *chosen = get(s, "chain");
    unsigned n = chosen != NULL;
    *name = chosen ? qc_store_text(chosen) : "main";
    for (size_t i = 0; i < QC_COUNTOF(SWITCH); i++) {
        if (!chain_switch(s, SWITCH[i].opt))
            continue;
        n++;
        *name = SWITCH[i].chain;
    }
    if (n <= 1)
        return QC_OK;
    *error = qc_strdup("Invalid combination of -regtest, -signet, -testnet, -testnet4 and -chain. "
                       "Can use at most one.");
    return QC_EINVAL;
}

size_t qc_settings_includes(const qc_settings *s, const char *section, size_t skip,
                            void (*fn)(void *arg, const char *file), void *arg)
{
    span sp = {s, must_find(s, "includeconf"), QC_SOURCE_CONFIG, section};
    span_info i = look(&sp);
    size_t at = 0, from = skip > i.negated ? skip : i.negated;
    for (const qc_value *v = next_in(&sp, NULL); v; v = next_in(&sp, v))
        if (at++ >= from)
            fn(arg, qc_store_text(v));
    return i.n;
}
