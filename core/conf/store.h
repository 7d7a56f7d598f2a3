/* core/conf/store.h: how settings are kept. Internal to core/conf. */
#pragma once
#include "core/conf/settings.h"

typedef enum qc_source { QC_SOURCE_FORCED, QC_SOURCE_ARGS, QC_SOURCE_CONFIG } qc_source;
typedef enum qc_value_kind {
    QC_VALUE_TEXT,
    QC_VALUE_FALSE, /* negated */
    QC_VALUE_TRUE   /* a double negative */
} qc_value_kind;

typedef struct qc_value {
    qc_source source;
    char *section; /* configuration: "" is the default one */
    const qc_opt *opt;
    qc_value_kind kind;
    char *text;
} qc_value;

struct qc_settings {
    const qc_opt *const *tables;
    const char *chain; /* "": not chosen yet */
    qc_value *value;
    size_t n, cap;
    char **unknown;
    size_t n_unknown;
    char **warning;
    size_t n_warning;
    struct qc_seen_section {
        char *name, *where;
    } * section;
    size_t n_section;
    char *stray;
};

const qc_opt *qc_store_find(const qc_settings *s, const char *name);
void qc_store_add(qc_settings *s, qc_source source, const char *section, const qc_opt *opt,
                  qc_value_kind kind, const char *text);
/** Append a text to one of the lists above. */
void qc_store_note(char ***list, size_t *n, QC_OWN char *text);
/** The value that counts, or NULL. `chain_type`: by the rules for -regtest and the like. */
const qc_value *qc_store_get(const qc_settings *s, const qc_opt *opt, bool chain_type);
/** The first value on the command line behind the last negation, or NULL. */
const qc_value *qc_store_first(const qc_settings *s, const qc_opt *opt);
const char *qc_store_text(const qc_value *v);
bool qc_store_true(const qc_value *v);
