/* core/conf/settings.h: settings from the command line and configuration files, with Core's rules
 * of precedence (common/settings.cpp), negation and sections. Built on one thread, then read by
 * any. */
#pragma once
#include "core/base/bytes.h"
#include "core/conf/options.h"

typedef struct qc_settings qc_settings;

/** `tables`: array of option tables that ends with NULL; borrowed for the life of the settings. */
qc_settings *qc_settings_new(const qc_opt *const *tables);
void qc_settings_free(QC_OWN qc_settings *s);

/** Read the command line. `words`: words that do not begin with a dash end the options and are left
 *  to the caller (quoin-cli); else they are kept back for qc_settings_stray().
 *  Out: *error on failure, owned, qc_free(); *first (if not NULL) index of the first word, or argc.
 *  Returns: QC_OK; QC_EINVAL. */
QC_MUST_CHECK qc_err qc_settings_args(qc_settings *s, int argc, char *const argv[], bool words,
                                      int *first, char **error);
/** First word that is no option, or NULL. */
const char *qc_settings_stray(const qc_settings *s);

/** Read the text of one configuration file. Unknown keys are kept for qc_settings_each_unknown().
 *  Out: *error on failure, owned. Returns: QC_OK; QC_EINVAL. */
QC_MUST_CHECK qc_err qc_settings_config(qc_settings *s, qc_span text, const char *file,
                                        char **error);
/** Values of `includeconf` in a section ("": default) beyond the first `skip`, unless negated
 * later: calls fn for each. Returns how many values the section holds. */
size_t qc_settings_includes(const qc_settings *s, const char *section, size_t skip,
                            void (*fn)(void *arg, const char *file), void *arg);

/** The chain whose section counts ("main", "test", ...). Borrowed string must be static. */
void qc_settings_select_chain(qc_settings *s, const char *chain);
/** The chain asked for by -chain, -regtest and the like. Out: *name borrowed; may be no known
 * chain. *error owned. Returns: QC_OK; QC_EINVAL (several). */
QC_MUST_CHECK qc_err qc_settings_chain(const qc_settings *s, const char **name, char **error);

/** Set unless anything set it already; beats everything afterwards. True when it did. */
bool qc_settings_soft_set(qc_settings *s, const char *name, const char *value);

/** Set whatever set it before. */
void qc_settings_force(qc_settings *s, const char *name, const char *value);

/* Reading. Names without dash; asking for an option that no table has is a caller bug. */
bool qc_settings_is_set(const qc_settings *s, const char *name);
bool qc_settings_is_negated(const qc_settings *s, const char *name);
/** Set on the command line. */
bool qc_settings_on_command_line(const qc_settings *s, const char *name);
/** Negated: "0". Borrowed. */
const char *qc_settings_str(const qc_settings *s, const char *name, const char *dflt);
/** Text that is no number counts as 0; out of range saturates (Core LocaleIndependentAtoi). */
int64_t qc_settings_int(const qc_settings *s, const char *name, int64_t dflt);
/** Empty counts as true, otherwise the number decides. */
bool qc_settings_bool(const qc_settings *s, const char *name, bool dflt);
/** All values in order of precedence. Out: NULL-terminated array of borrowed strings, owned itself,
 *  qc_free(). *n may be NULL. */
const char **qc_settings_list(const qc_settings *s, const char *name, size_t *n);

/* What to tell the operator. fn is called for each. */
typedef void qc_settings_note(void *arg, const char *text);
/** Core's sentence for each network-only option that stands in the default section only. */
void qc_settings_each_unsuitable(const qc_settings *s, qc_settings_note *fn, void *arg);
/** "file:line Section [x] is not recognized." */
void qc_settings_each_unknown_section(const qc_settings *s, qc_settings_note *fn, void *arg);
/** Unknown configuration keys, as they stand. */
void qc_settings_each_unknown(const qc_settings *s, qc_settings_note *fn, void *arg);
/** "Config file arg: [regtest] port=1", "Command-line arg: ..."; sensitive values hidden. */
void qc_settings_each_arg(const qc_settings *s, qc_settings_note *fn, void *arg);
/** Options of kind NO_EFFECT that are set: a sentence each. */
void qc_settings_each_without_effect(const qc_settings *s, qc_settings_note *fn, void *arg);
/** Double negatives and the like seen while reading. */
void qc_settings_each_warning(const qc_settings *s, qc_settings_note *fn, void *arg);
/** The first option of kind REFUSED that is switched on, as an error text. Owned; NULL: none. */
char *qc_settings_refused(const qc_settings *s);

/** Number as Core reads one: whitespace, sign, digits; else 0. */
int64_t qc_atoi64(const char *text);
