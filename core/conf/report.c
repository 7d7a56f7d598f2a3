/* What there is to say about settings. */
#include "core/base/alloc.h"
#include "core/conf/store.h"

#include <stdio.h>

static void say(qc_settings_note *fn, void *arg, QC_OWN char *text)
{
    fn(arg, text);
    qc_free(text);
}

static bool in_section(const qc_settings *s, const qc_opt *opt, bool dflt)
{
    for (size_t i = 0; i < s->n; i++) {
        const qc_value *v = &s->value[i];
        bool is_default = v->source == QC_SOURCE_CONFIG && v->section[0] == 0;
        bool counts =
            v->source != QC_SOURCE_CONFIG || is_default || strcmp(v->section, s->chain) == 0;
        if (v->opt == opt && v->kind != QC_VALUE_FALSE && counts && is_default == dflt)
            return true;
    }
    return false;
}

void qc_settings_each_unsuitable(const qc_settings *s, qc_settings_note *fn, void *arg)
{
    if (!s->chain[0] || strcmp(s->chain, "main") == 0)
        return;
    for (const qc_opt *const *t = s->tables; *t; t++)
        for (const qc_opt *o = *t; o->name; o++)
            if (o->flags & QC_OPTF_NETWORK_ONLY && in_section(s, o, true) &&
                !in_section(s, o, false))
                say(fn, arg,
                    qc_asprintf("Config setting for -%s only applied on %s network when in [%s] "
                                "section.",
                                o->name, s->chain, s->chain));
}

void qc_settings_each_unknown_section(const qc_settings *s, qc_settings_note *fn, void *arg)
{
    static const char *const KNOWN[] = {"regtest", "signet", "test", "testnet4", "main"};
    for (size_t i = 0; i < s->n_section; i++) {
        bool known = false;
        for (size_t k = 0; k < QC_COUNTOF(KNOWN); k++)
            known |= strcmp(s->section[i].name, KNOWN[k]) == 0;
        if (!known)
            say(fn, arg,
                qc_asprintf("%s Section [%s] is not recognized.", s->section[i].where,
                            s->section[i].name));
    }
}

void qc_settings_each_unknown(const qc_settings *s, qc_settings_note *fn, void *arg)
{
    for (size_t i = 0; i < s->n_unknown; i++)
        fn(arg, s->unknown[i]);
}

void qc_settings_each_warning(const qc_settings *s, qc_settings_note *fn, void *arg)
{
    for (size_t i = 0; i < s->n_warning; i++)
        fn(arg, s->warning[i]);
}

static void each_of(const qc_settings *s, qc_source source, const char *prefix,
                    qc_settings_note *fn, void *arg)
{
    for (size_t i = 0; i < s->n; i++) {
        const qc_value *v = &s->value[i];
        if (v->source != source)
            continue;
        bool named = source == QC_SOURCE_CONFIG && v->section[0];
        bool quoted = v->kind == QC_VALUE_TEXT && !(v->opt->flags & QC_OPTF_SENSITIVE);
        const char *text = v->opt->flags & QC_OPTF_SENSITIVE ? "****"
                           : v->kind == QC_VALUE_TEXT        ? v->text
                           : v->kind == QC_VALUE_TRUE        ? "true"
                                                             : "false";
        say(fn, arg,
            qc_asprintf("%s %s%s%s%s=%s%s%s", prefix, named ? "[" : "", named ? v->section : "",
                        named ? "] " : "", v->opt->name, quoted ? "\"" : "", text,
                        quoted ? "\"" : ""));
    }
}

void qc_settings_each_arg(const qc_settings *s, qc_settings_note *fn, void *arg)
{
    each_of(s, QC_SOURCE_CONFIG, "Config file arg:", fn, arg);
    each_of(s, QC_SOURCE_ARGS, "Command-line arg:", fn, arg);
}

void qc_settings_each_without_effect(const qc_settings *s, qc_settings_note *fn, void *arg)
{
    for (const qc_opt *const *t = s->tables; *t; t++)
        for (const qc_opt *o = *t; o->name; o++)
            if (o->kind == QC_OPT_NO_EFFECT && qc_store_get(s, o, false))
                say(fn, arg,
                    qc_asprintf("Option -%s is accepted but has no effect: %s", o->name, o->note));
}

char *qc_settings_refused(const qc_settings *s)
{
    for (const qc_opt *const *t = s->tables; *t; t++)
        for (const qc_opt *o = *t; o->name; o++) {
            const qc_value *v = qc_store_get(s, o, false);
            if (o->kind != QC_OPT_REFUSED || !v || strcmp(qc_store_text(v), "0") == 0)
                continue;
            return qc_asprintf("-%s is not supported. %s", o->name, o->note);
        }
    return NULL;
}
