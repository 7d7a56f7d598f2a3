/* lib/descriptor_impl.h: shared by the descriptor sources. */
#ifndef QUOIN_LIB_DESCRIPTOR_IMPL_H
#define QUOIN_LIB_DESCRIPTOR_IMPL_H
#include "lib/descriptor.h"

/** A piece of the text. */
typedef struct qn_text {
    const char *p;
    size_t len;
} qn_text;

/** Where an expression stands (BIP380): what it may hold depends on it. */
typedef enum qn_desc_context {
    QN_CTX_TOP,
    QN_CTX_SH,
    QN_CTX_WSH,
    QN_CTX_WPKH,
    QN_CTX_TR,
} qn_desc_context;

typedef struct qn_desc_parser {
    const qn_chain_text *chain;
    const qn_curve *curve;
    qn_descriptor *d;
    char *err;
    size_t err_cap;
} qn_desc_parser;

/** Set the error; returns false. */
__attribute__((format(printf, 2, 3))) bool qn_desc_fail(qn_desc_parser *ps, const char *fmt, ...);
/** The same, in front of the error that is there. */
bool qn_desc_prefix(qn_desc_parser *ps, const char *prefix);
/** Parse one key expression into the next free key of ps->d. */
bool qn_desc_parse_key(qn_desc_parser *ps, qn_text t, qn_desc_context ctx);
/** Read one element of a key path: a number below 2^31, with h or ' when hardened. */
bool qn_desc_path_element(qn_text t, uint32_t *number, char *mark);
/** Split off the text before the first `c`; *rest starts behind it, or has p NULL without one. */
qn_text qn_text_split(qn_text t, char c, qn_text *rest);
/** Room that "%.*s" of a hostile text may take in an error. */
#define QN_SHOWN(t) (int)((t).len < 160 ? (t).len : 160), (t).p

/** Text that grows in a fixed room, counting what does not fit. */
typedef struct qn_out {
    char *out;
    size_t cap, len;
} qn_out;
void qn_out_put(qn_out *o, const char *text, size_t len);
void qn_out_str(qn_out *o, const char *text);
void qn_out_hex(qn_out *o, const void *data, size_t len);
void qn_out_end(qn_out *o);
#endif
