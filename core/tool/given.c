/* Values of options, judged before anything runs: what is none is an error, not a default. */
#include "core/tool/tool.h"

#include <errno.h>
#include <jansson.h>

bool qc_tool_number(const qc_tool *t, const char *name, uint64_t min, uint64_t max, uint64_t *v)
{
    const char *text = qc_settings_str(t->settings, name, NULL);
    if (!text)
        return true;
    size_t digits = strspn(text, "0123456789");
    errno = 0;
    unsigned long long n = strtoull(text, NULL, 10);
    if (digits && !text[digits] && !errno && n >= min && n <= max) {
        *v = n;
        return true;
    }
    fprintf(stderr, "Error: -%s: found %s, wanted a whole number from %llu to %llu\n", name,
            qc_printable(text), (unsigned long long)min, (unsigned long long)max);
    return false;
}

const char *qc_tool_call_params(const char *call)
{
    size_t n = strcspn(call, " ");
    const char *params = call + n + strspn(call + n, " ");
    return *params ? params : "[]";
}

/* What a node hands to a plugin is an array or an object, always. */
static bool call_ok(const char *call)
{
    json_error_t e = {.text = ""};
    const char *params = qc_tool_call_params(call);
    json_t *j = json_loads(params, 0, &e);
    bool ok = j && *call && *call != ' ';
    if (!j)
        fprintf(stderr,
                "Error: -rpc: found %s after the method (%s), wanted a JSON array like [1, \"a\"] "
                "or an object\n",
                qc_printable(params), qc_printable(e.text));
    else if (!ok)
        fprintf(stderr, "Error: -rpc: found no method, wanted 'METHOD [PARAMETERS]'\n");
    json_decref(j);
    return ok;
}

bool qc_tool_calls_ok(const char *const *call)
{
    bool ok = true;
    for (size_t i = 0; call && call[i]; i++)
        ok &= call_ok(call[i]);
    return ok;
}
