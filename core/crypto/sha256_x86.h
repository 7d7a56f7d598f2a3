/* core/crypto/sha256_x86.h: compression with the x86 SHA extensions. Private to core/crypto. Call
 * only when qc_sha256_x86_usable() says so. Thread: any. */
#pragma once
#include "core/base/err.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define QC_SHA256_X86 1
/** The processor has SHA, SSE4.1 and SSSE3. Slow (cpuid): keep the answer. */
bool qc_sha256_x86_usable(void);
/** Take `n` 64-byte blocks into `state`. */
void qc_sha256_x86_compress(uint32_t state[static 8], const uint8_t *data, size_t n);
/** Double SHA-256 of two consecutive 64-byte blocks, interleaved. out: 64 bytes; may be `in`. */
void qc_sha256_x86_d64_2way(uint8_t *out, const uint8_t *in);
#endif
