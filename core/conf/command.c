#include "core/conf/load.h"

#include "core/base/alloc.h"

#include <string.h>

char *qc_conf_command(const qc_settings *s, const char *program, const char *datadir,
                      const char *chain)
{
    static const char *const option[] = {"conf", "plugindir", "plugingrants"};
    size_t n = strcmp(program, "quoin-cli") == 0 ? 1 : QC_COUNTOF(option);
    bool main_chain = strcmp(chain, "main") == 0;
    char *text = datadir ? qc_asprintf("%s -datadir=%s", program, datadir) : qc_strdup(program);
    for (size_t i = 0; i < n; i++) {
        const char *value = qc_settings_str(s, option[i], "");
        if (!*value || !qc_settings_on_command_line(s, option[i]))
            continue;
        char *longer = qc_asprintf("%s -%s=%s", text, option[i], value);
        qc_free(text);
        text = longer;
    }
    char *all = qc_asprintf("%s%s%s", text, main_chain ? "" : " -chain=", main_chain ? "" : chain);
    qc_free(text);
    return all;
}
