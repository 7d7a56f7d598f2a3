/* tests/fuzz/fuzz.h: a fuzz target is a file tests/fuzz/fuzz_<name>.c that defines qc_fuzz_one().
 *
 * Built with --enable-fuzz (clang) it is a libFuzzer program. Built otherwise it replays
 * tests/fuzz/corpus/<name>/ and then tries a fixed number of mutations of it, the same in every
 * run; that is how `make check` runs it. A finding is an abort: QC_ASSERT what must always hold. */
#pragma once
#include "core/base/arith.h"
#include "core/base/err.h"

#include <string.h>

/** Feed one input to the code under test. Must not keep state between calls, nor leak.
 *  Returns: 0; -1 when the input is not worth keeping in a corpus. */
int qc_fuzz_one(const uint8_t *data, size_t len);

/** Takes typed values off the front of an input; zeros once it is used up. */
typedef struct qc_fuzz_in {
    const uint8_t *p;
    size_t left;
} qc_fuzz_in;

static inline void qc_fuzz_take(qc_fuzz_in *in, void *out, size_t len)
{
    size_t n = QC_MIN(len, in->left);
    memset(out, 0, len);
    if (n)
        memcpy(out, in->p, n);
    in->p += n;
    in->left -= n;
}
static inline uint8_t qc_fuzz_u8(qc_fuzz_in *in)
{
    uint8_t v;
    qc_fuzz_take(in, &v, sizeof v);
    return v;
}
static inline uint32_t qc_fuzz_u32(qc_fuzz_in *in)
{
    uint32_t v;
    qc_fuzz_take(in, &v, sizeof v);
    return v;
}
static inline uint64_t qc_fuzz_u64(qc_fuzz_in *in)
{
    uint64_t v;
    qc_fuzz_take(in, &v, sizeof v);
    return v;
}
