/* Configuration files. The first byte chooses the chain. What was read can be asked for in every
 * way; the answers of the several ways agree. */
#include "tests/fuzz/fuzz.h"

#include "core/app/options.h"
#include "core/base/alloc.h"
#include "core/conf/settings.h"

static void hear(void *arg, const char *text)
{
    *(size_t *)arg += strlen(text);
}

static void ask(const qc_settings *s, const char *name)
{
    size_t n;
    const char **list = qc_settings_list(s, name, &n);
    QC_ASSERT(list[n] == NULL);
    const char *one = qc_settings_str(s, name, NULL);
    QC_ASSERT((one != NULL) == qc_settings_is_set(s, name));
    if (qc_settings_is_negated(s, name)) {
        QC_ASSERT(!qc_settings_bool(s, name, true) && qc_settings_int(s, name, 7) == 0);
        QC_ASSERT(strcmp(one, "0") == 0);
    }
    qc_free(list);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    static const char *const CHAIN[] = {"main", "test", "testnet4", "signet", "regtest", ""};
    char *error = NULL;
    const char *chain;
    size_t heard = 0;
    if (len == 0)
        return -1;
    qc_settings *s = qc_settings_new(QC_OPTIONS);
    qc_err err = qc_settings_config(s, qc_span_of(data + 1, len - 1), "fuzz.conf", &error);
    QC_ASSERT((err == QC_OK) == (error == NULL));
    qc_free(error);
    error = NULL;
    qc_settings_select_chain(s, CHAIN[data[0] % QC_COUNTOF(CHAIN)]);
    for (const qc_opt *const *t = QC_OPTIONS; *t; t++)
        for (const qc_opt *o = *t; o->name; o++)
            ask(s, o->name);
    if (qc_settings_chain(s, &chain, &error))
        QC_ASSERT(error != NULL);
    qc_free(error);
    qc_settings_each_unsuitable(s, hear, &heard);
    qc_settings_each_unknown_section(s, hear, &heard);
    qc_settings_each_unknown(s, hear, &heard);
    qc_settings_each_arg(s, hear, &heard);
    qc_settings_each_without_effect(s, hear, &heard);
    qc_settings_each_warning(s, hear, &heard);
    qc_free(qc_settings_refused(s));
    qc_settings_free(s);
    return 0;
}
