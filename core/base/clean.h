/* core/base/clean.h: foreign text made fit for a log line or a terminal. Thread: any. */
#pragma once
#include "core/base/bytes.h"

/** A character of UTF-8, or one byte that belongs to none. */
typedef struct qc_char {
    uint32_t point; /* UINT32_MAX: it is none */
    uint8_t len;    /* bytes */
    bool fit;       /* for a line on a terminal */
} qc_char;
/** At the head of `s`, which is not empty. Unfit is what a terminal may take for an order: control
 *  characters (also U+0080 to U+009F), what turns the direction of text, other ends of lines
 *  (U+2028, U+2029), and what is no character. */
qc_char qc_char_at(qc_span s);
/** What is unfit becomes '?'. In place; it never grows. What is left is one line of UTF-8. */
void qc_clean_text(char *s);
/** The same, but ends of lines ('\n') and tabs stay. */
void qc_clean_lines(char *s);
/** Would qc_clean_text() leave it as it is? */
bool qc_text_is_clean(const char *s);
