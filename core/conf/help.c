#include "core/base/alloc.h"
#include "core/base/bytes.h"
#include "core/conf/options.h"

#include <stdarg.h>
#include <stdio.h>

#define WIDTH 79
#define INDENT 7

static void add(qc_bytes *b, const char *text, size_t n)
{
    qc_err err = qc_bytes_append(b, text, n);
    QC_ASSERT(err == QC_OK);
}

/* A paragraph broken at blanks, every line indented. */
static void add_paragraph(qc_bytes *b, const char *text)
{
    size_t col = 0;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, " ");
        if (col && col + 1 + n > WIDTH - INDENT) {
            add(b, "\n", 1);
            col = 0;
        }
        add(b, col ? " " : "       ", col ? 1 : INDENT);
        add(b, p, n);
        col += n + (col != 0);
        p += n;
        p += strspn(p, " ");
    }
    add(b, "\n\n", 2);
}

static void add_option(qc_bytes *b, const qc_opt *o)
{
    char *head = qc_asprintf("  -%s%s\n", o->name, o->arg);
    char *text =
        qc_asprintf("%s%s", o->help, o->kind == QC_OPT_NO_EFFECT ? " (no effect here)" : "");
    add(b, head, strlen(head));
    add_paragraph(b, text);
    qc_free(head);
    qc_free(text);
}

static bool listed(const qc_opt *o, qc_opt_group g, bool debug)
{
    return o->group == g && o->help && o->kind != QC_OPT_REFUSED &&
           (debug || !(o->flags & QC_OPTF_DEBUG_ONLY));
}

/* The next option of a group in alphabetical order, after `prev`. */
static const qc_opt *next(const qc_opt *const *tables, qc_opt_group g, bool debug,
                          const qc_opt *prev)
{
    const qc_opt *best = NULL;
    for (const qc_opt *const *t = tables; *t; t++)
        for (const qc_opt *o = *t; o->name; o++)
            if (listed(o, g, debug) && (!prev || strcmp(o->name, prev->name) > 0) &&
                (!best || strcmp(o->name, best->name) < 0))
                best = o;
    return best;
}

char *qc_opt_help(const qc_opt *const *tables, bool debug)
{
    static const char *const TITLE[] = {
        [QC_OPTS_OPTIONS] = "Options:",
        [QC_OPTS_CONNECTION] = "Connection options:",
        [QC_OPTS_WALLET] = "Wallet options:",
        [QC_OPTS_ZMQ] = "ZeroMQ notification options:",
        [QC_OPTS_DEBUG] = "Debugging/Testing options:",
        [QC_OPTS_CHAIN] = "Chain selection options:",
        [QC_OPTS_RELAY] = "Node relay options:",
        [QC_OPTS_MINING] = "Block creation options:",
        [QC_OPTS_RPC] = "RPC server options:",
        [QC_OPTS_PLUGIN] = "Plugin options:",
        [QC_OPTS_CLI] = "CLI Commands:",
    };
    qc_bytes b = QC_BYTES_INIT;
    for (unsigned g = 0; g < QC_COUNTOF(TITLE); g++) {
        const qc_opt *o = next(tables, (qc_opt_group)g, debug, NULL);
        if (!o)
            continue;
        add(&b, TITLE[g], strlen(TITLE[g]));
        add(&b, "\n\n", 2);
        for (; o; o = next(tables, (qc_opt_group)g, debug, o))
            add_option(&b, o);
    }
    add(&b, "", 1);
    return (char *)b.data;
}
