#include "plugins/stratum/line.h"

#include <stdlib.h>
#include <string.h>

void st_line_clear(st_line *l)
{
    free(l->data);
    *l = (st_line){.data = NULL};
}

static bool give(char *line, size_t len, st_line_fn *fn, void *arg)
{
    if (len && line[len - 1] == '\r')
        len--;
    line[len] = 0;
    return fn(arg, line, len);
}

static bool keep(st_line *l, const char *data, size_t n)
{
    if (n > ST_LINE_MAX || l->len > ST_LINE_MAX - n) {
        l->too_long = true;
        return false;
    }
    if (!n)
        return true;
    if (!l->data)
        l->data = malloc(ST_LINE_MAX + 1);
    if (!l->data)
        return false;
    memcpy(l->data + l->len, data, n);
    l->len += n;
    return true;
}

bool st_line_feed(st_line *l, char *data, size_t n, st_line_fn *fn, void *arg)
{
    while (n) {
        char *end = memchr(data, '\n', n);
        if (!end)
            return keep(l, data, n);
        size_t len = (size_t)(end - data);
        bool ok;
        if (l->len) {
            ok = keep(l, data, len) && give(l->data, l->len, fn, arg);
            bool too_long = l->too_long;
            st_line_clear(l);
            l->too_long = too_long;
        } else {
            l->too_long = len > ST_LINE_MAX;
            ok = !l->too_long && give(data, len, fn, arg);
        }
        if (!ok)
            return false;
        data = end + 1;
        n -= len + 1;
    }
    return true;
}
