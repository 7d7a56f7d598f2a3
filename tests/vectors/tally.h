/* tests/vectors/tally.h: counting cases, and reading vector files. A file that cannot be read or
 * does not have the promised shape ends the program with an error: it is never a passed case. */
#pragma once
#include "core/base/bytes.h"
#include "core/base/hash.h"

#include <jansson.h>

typedef struct tally {
    unsigned long passed, failed;
} tally;

/** Count one case; the text says which, and is printed if it failed. Returns ok. */
bool tally_case(tally *t, bool ok, const char *fmt, ...) QC_PRINTF(3, 4);
/** Say what is wrong with the vectors or the call, and exit with status 2. */
QC_NORETURN void bad_vectors(const char *fmt, ...) QC_PRINTF(1, 2);

/** Parse a file, which must hold an array or an object. Owned: json_decref(). */
json_t *load_json(const char *file);
/** Member or element; ends the program when it is absent. Borrowed. */
json_t *json_need(const json_t *object, const char *member);
json_t *json_at(const json_t *array, size_t i);
/** The string in a JSON value; ends the program when it is something else. Borrowed. */
const char *json_text(const json_t *v);
int64_t json_int(const json_t *v);

/** Bytes of a hex string. Owned: qc_bytes_free(). */
qc_bytes unhex(const char *hex);
/** Append, ending the program when memory is short. */
void put(qc_bytes *b, const void *data, size_t len);
void put_span(qc_bytes *b, qc_span s);
/** Append with a CompactSize length in front. */
void put_var(qc_bytes *b, qc_span s);
void put_compact(qc_bytes *b, uint64_t v);
void put_le32(qc_bytes *b, uint32_t v);
void put_le64(qc_bytes *b, uint64_t v);
/** Does `hex` (in the order of the bytes) spell these bytes? */
bool hex_is(const char *hex, const void *bytes, size_t len);
