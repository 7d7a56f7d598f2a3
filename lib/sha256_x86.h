/* lib/sha256_x86.h: compression with the x86 SHA extensions. Private to lib and core/crypto. Call
 * only when qn_sha256_x86_usable() says so. Thread: any. */
#ifndef QUOIN_LIB_SHA256_X86_H
#define QUOIN_LIB_SHA256_X86_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define QN_SHA256_X86 1
/** The processor has SHA, SSE4.1 and SSSE3. Slow (cpuid): keep the answer. */
bool qn_sha256_x86_usable(void);
/** Take `n` 64-byte blocks into `state`. */
void qn_sha256_x86_compress(uint32_t state[8], const uint8_t *data, size_t n);
/** Double SHA-256 of two consecutive 64-byte blocks, interleaved. out: 64 bytes; may be `in`. */
void qn_sha256_x86_d64_2way(uint8_t *out, const uint8_t *in);
/** Double SHA-256 of messages of 80 bytes that differ in their last four, which count up as a
 *  little-endian number from `first`: `pairs` times two of them. mid: the state after the first 64
 *  bytes; tail: the three words that follow, as big-endian numbers. Returns: the index of the first
 *  whose last four bytes, as a little-endian number, are at most `top`; 2 * pairs when none is. */
uint32_t qn_sha256_x86_scan80(const uint32_t mid[8], const uint32_t tail[3], uint32_t first,
                              uint32_t pairs, uint32_t top);

/** The processor, and the system, have AVX-512 (F and BW). Slow, too. */
bool qn_sha256_x86_wide(void);
/** Double SHA-256 of sixteen consecutive 64-byte blocks, for whom qn_sha256_x86_wide() said so.
 *  out: 512 bytes; may be `in`. */
void qn_sha256_x86_d64_16way(uint8_t *out, const uint8_t *in);

/* The round constants; with the schedule of the block that pads 64 bytes; the state at first. */
extern const uint32_t qn_sha256_x86_k[64], qn_sha256_x86_kw_pad64[64], qn_sha256_x86_iv[8];
#endif
#endif
