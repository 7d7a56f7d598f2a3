/* core/conf/options.h: what an option is. Each module of a program keeps a const table of its own;
 * the parser, -help and the manual follow from the tables. */
#pragma once
#include "core/base/err.h"

/** What becomes of an option. */
typedef enum qc_opt_kind {
    QC_OPT_USED,      /* does what it says */
    QC_OPT_NO_EFFECT, /* accepted so that existing set-ups start; warned about once when set */
    QC_OPT_REFUSED    /* an error when switched on; `note` says what to do instead */
} qc_opt_kind;

/** Groups of -help, in Core's order and words. */
typedef enum qc_opt_group {
    QC_OPTS_OPTIONS,
    QC_OPTS_CONNECTION,
    QC_OPTS_WALLET,
    QC_OPTS_ZMQ,
    QC_OPTS_DEBUG,
    QC_OPTS_CHAIN,
    QC_OPTS_RELAY,
    QC_OPTS_MINING,
    QC_OPTS_RPC,
    QC_OPTS_PLUGIN,
    QC_OPTS_CLI,
    QC_OPTS_HIDDEN /* never listed */
} qc_opt_group;

#define QC_OPTF_NETWORK_ONLY 1u  /* outside main it counts only in the chain's own section */
#define QC_OPTF_NO_NEGATION 2u   /* -nofoo is an error */
#define QC_OPTF_NO_ELISION 4u    /* -foo without a value is an error */
#define QC_OPTF_SENSITIVE 8u     /* the value is not logged */
#define QC_OPTF_DEBUG_ONLY 16u   /* listed by -help-debug only */
#define QC_OPTF_DISABLE_FILE 32u /* a path that -nofoo switches off */

/** One option. A table ends with a NULL name. */
typedef struct qc_opt {
    const char *name; /* without the dash */
    const char *arg;  /* "=<n>" as shown, or "" */
    qc_opt_group group;
    qc_opt_kind kind;
    unsigned flags;
    const char *help; /* NULL: not listed */
    const char *note; /* NO_EFFECT: why; REFUSED: what to do instead */
} qc_opt;

/** Text of -help. `debug`: with the options for debugging. Out: owned, qc_free(). Thread: any. */
char *qc_opt_help(const qc_opt *const *tables, bool debug);
