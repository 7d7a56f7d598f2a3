/* lib/text_impl.h: pieces of text that is parsed, and text that is made. */
#ifndef QUOIN_LIB_TEXT_IMPL_H
#define QUOIN_LIB_TEXT_IMPL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A piece of the text. */
typedef struct qn_text {
    const char *p;
    size_t len;
} qn_text;

/** Room that "%.*s" of a hostile text may take in an error. */
#define QN_SHOWN(t) (int)((t).len < 800 ? (t).len : 800), (t).p

/** Split off the text before the first `c`; *rest starts behind it, or has p NULL without one. */
qn_text qn_text_split(qn_text t, char c, qn_text *rest);
/** Take `c`, if the text starts with it. */
bool qn_text_take(qn_text *t, char c);
/** The text starts with `word`. */
bool qn_text_starts(qn_text t, const char *word);
/** "name(...)" as a whole: leaves what is between the brackets. */
bool qn_text_function(qn_text *t, const char *name);
/** Take the text up to a comma or closing bracket that belongs to the level above. */
qn_text qn_text_expression(qn_text *t);
/** A decimal number of digits alone, at most `max`. */
bool qn_text_number(qn_text t, uint64_t max, uint64_t *out);
/** An even number (not 0) of hex digits. */
bool qn_text_is_hex(qn_text t);

/** Text that grows in a fixed room, counting what does not fit. */
typedef struct qn_out {
    char *out;
    size_t cap, len;
} qn_out;
void qn_out_put(qn_out *o, const char *text, size_t len);
void qn_out_str(qn_out *o, const char *text);
void qn_out_hex(qn_out *o, const void *data, size_t len);
void qn_out_number(qn_out *o, uint64_t v);
/** Set the NUL. */
void qn_out_end(qn_out *o);
#endif
