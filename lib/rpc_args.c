#include "lib/rpc_args.h"

#include <stdbool.h>
#include <string.h>

/* The next word of a line. Returns: its length; 0: there is no more. */
static size_t next_word(const char **p, const char **word)
{
    *p += strspn(*p, " ");
    *word = *p;
    const size_t len = strcspn(*p, " \n");
    *p += len;
    return len;
}

/* "a|b" has the name. */
static bool has_name(const char *names, size_t n, const char *name, size_t len)
{
    for (size_t i = 0; i <= n;) {
        const char *bar = memchr(names + i, '|', n - i);
        const size_t one = bar ? (size_t)(bar - names) - i : n - i;
        if (one == len && memcmp(names + i, name, len) == 0)
            return true;
        i += one + 1;
    }
    return false;
}

int qn_rpc_arg_at(const char *arg_names, const char *name, size_t len)
{
    const char *word;
    int at = 0;
    for (size_t n; (n = next_word(&arg_names, &word)); at++)
        if (has_name(word, n, name, len))
            return at;
    return -1;
}

static size_t count(const char *arg_names)
{
    const char *word;
    size_t n = 0;
    while (next_word(&arg_names, &word))
        n++;
    return n;
}

static size_t least(const char *name, const char *arg_names, const char *help)
{
    const char *word;
    size_t n = next_word(&help, &word);
    if (n != strlen(name) || memcmp(word, name, n) != 0)
        return 0;
    for (size_t at = 0;; at++) {
        n = next_word(&help, &word);
        if (!n || *word == '(')
            return at;
        if (n > 2 && word[0] == '"' && word[n - 1] == '"') {
            word++;
            n -= 2;
        }
        if (qn_rpc_arg_at(arg_names, word, n) != (int)at)
            return 0;
    }
}

qn_rpc_range qn_rpc_args(const char *name, const char *arg_names, const char *help)
{
    return (qn_rpc_range){least(name, arg_names, help), count(arg_names)};
}
