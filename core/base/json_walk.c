#include "core/base/json_walk.h"

size_t qc_json_skip_space(qc_span t, size_t i)
{
    while (i < t.len && strchr(" \t\r\n", t.data[i]))
        i++;
    return i;
}

size_t qc_json_skip_string(qc_span t, size_t i)
{
    for (i++; i < t.len && t.data[i] != '"'; i++)
        if (t.data[i] == '\\')
            i++;
    return i < t.len ? i + 1 : t.len;
}

size_t qc_json_skip_value(qc_span t, size_t i)
{
    size_t depth = 0;
    while (i < t.len) {
        uint8_t c = t.data[i];
        if (c == '"') {
            i = qc_json_skip_string(t, i);
        } else if (c == '{' || c == '[') {
            depth++;
            i++;
            continue;
        } else if (c == '}' || c == ']') {
            depth--;
            i++;
        } else if (depth == 0) {
            while (i < t.len && !strchr(",]} \t\r\n", t.data[i]))
                i++;
        } else {
            i++;
            continue;
        }
        if (depth == 0)
            break;
    }
    return i;
}
