/* What a server sends to quoin-cli: of valid JSON, the pretty text is the same value. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/cli/text.h"

#include <jansson.h>

#define FLAGS (JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL)

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qc_bytes in = QC_BYTES_INIT, out = QC_BYTES_INIT, plain = QC_BYTES_INIT;
    qc_text_add(&in, (const char *)data, len); /* an allocation of its own */
    qc_span text = qc_bytes_span(&in);
    if (len == 0 || !qc_text_is_json(text)) {
        qc_bytes_free(&in);
        return -1;
    }
    json_t *v = json_loadb((const char *)text.data, text.len, FLAGS, NULL);
    qc_text_pretty(&out, text);
    json_t *again = json_loadb((const char *)out.data, out.len, FLAGS, NULL);
    QC_ASSERT(again && json_equal(v, again));
    qc_span member = qc_text_member(text, "result");
    QC_ASSERT((member.len > 0) == (json_object_get(v, "result") != NULL));
    QC_ASSERT(member.len == 0 || qc_text_is_json(member));
    qc_span element = qc_text_element(text, 1);
    QC_ASSERT((element.len > 0) == (json_array_size(v) > 1));
    qc_text_plain(&plain, text);
    json_decref(v);
    json_decref(again);
    qc_bytes_free(&in);
    qc_bytes_free(&out);
    qc_bytes_free(&plain);
    return 0;
}
