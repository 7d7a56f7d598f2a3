/* core/cli/text.h: JSON as text: what the server sent is shown as it was sent, numbers digit by
 * digit. Nothing here builds a tree. Thread: any. */
#pragma once
#include "core/base/bytes.h"

/** Is this one whole JSON value? */
bool qc_text_is_json(qc_span text);
/** Where and why it is none: "at character 12: ...". NULL: it is one. Owned: qc_free(). */
char *qc_text_json_error(qc_span text);
/** The value of a member of the object `text` (valid JSON), or an empty span. Borrowed. */
qc_span qc_text_member(qc_span text, const char *key);
/** Element i of the array `text`, or an empty span. Walks there: qc_text_next() is for all of them.
 *  Borrowed. */
qc_span qc_text_element(qc_span text, size_t i);
/** The next element of the array `text` (valid JSON), or an empty span behind the last one; *at: 0
 *  for the first, then as it was left. Borrowed. */
qc_span qc_text_next(qc_span text, size_t *at);
/** Is it absent or null? */
bool qc_text_is_null(qc_span value);
/** Append valid JSON, spread over lines with two blanks of indentation, as bitcoin-cli prints it.
 */
void qc_text_pretty(qc_bytes *out, qc_span value);
/** Append a string's contents decoded, any other value as it stands. */
void qc_text_plain(qc_bytes *out, qc_span value);
/** Append text that a terminal takes no orders from, whoever wrote it: of what is unfit for one
 *  (core/base/clean.h) only ends of lines and tabs stay. In JSON it becomes its escape (text of the
 *  same meaning), else '?'. */
void qc_text_tame(qc_bytes *out, qc_span text, bool json);
/** The contents of a string as qc_text_plain() and qc_text_tame() make them. */
void qc_text_shown(qc_bytes *out, qc_span value);
/** Append `s` quoted and escaped. */
void qc_text_quote(qc_bytes *out, const char *s, size_t n);
/** Append formatted text. */
void qc_text_addf(qc_bytes *out, const char *fmt, ...) QC_PRINTF(2, 3);
void qc_text_add(qc_bytes *out, const char *s, size_t n);
