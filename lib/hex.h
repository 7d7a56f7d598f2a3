/* lib/hex.h: bytes as hex digits. Thread: any. */
#ifndef QUOIN_LIB_HEX_H
#define QUOIN_LIB_HEX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Value of one hex digit in either case, or -1. */
int qn_hex_digit(char c);
/** Out: 2 * len lower-case digits and a NUL. */
void qn_hex_encode(const void *data, size_t len, char *out);
/** As qn_hex_encode(), last byte first: how transaction and block ids are shown. */
void qn_hex_encode_reversed(const void *data, size_t len, char *out);
/** Decode `hex_len` digits. Out: hex_len / 2 bytes in out, which has room for `cap`.
 *  Returns: false (out may be partly written) for an odd length, a character that is no hex digit,
 *  or more bytes than fit. */
bool qn_hex_decode(const char *hex, size_t hex_len, uint8_t *out, size_t cap);
/** As qn_hex_decode() of exactly 2 * len digits, last byte first. */
bool qn_hex_decode_reversed(const char *hex, size_t hex_len, uint8_t *out, size_t len);

#ifdef __cplusplus
}
#endif
#endif
