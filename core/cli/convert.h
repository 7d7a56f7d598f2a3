/* core/cli/convert.h: words of the command line turned into JSON parameters. Which parameters are
 * no text is known from a table made of the server's own method tables. Thread: any. */
#pragma once
#include "core/base/bytes.h"

typedef enum qc_convert_kind {
    QC_CONVERT_JSON,        /* parsed; what does not parse is an error */
    QC_CONVERT_JSON_OR_TEXT /* parsed; what does not parse is text ("hash or height") */
} qc_convert_kind;

typedef struct qc_convert {
    const char *method;
    unsigned pos;
    const char *name;
    qc_convert_kind kind;
} qc_convert;

/** Rows of all parameters that are not plain text, ended by a NULL method. */
extern const qc_convert QC_CONVERT[];

/** Append the parameters as a JSON array. A word that begins as an array or object and is sent as
 * text, since it is no JSON, is warned of on stderr. Out: *error owned on failure. Returns: QC_OK;
 * QC_EINVAL.
 */
QC_MUST_CHECK qc_err qc_convert_positional(const char *method, char *const *word, size_t n,
                                           qc_bytes *out, char **error);
/** The same with name=value words: a JSON object, words without a name under "args". */
QC_MUST_CHECK qc_err qc_convert_named(const char *method, char *const *word, size_t n,
                                      qc_bytes *out, char **error);
