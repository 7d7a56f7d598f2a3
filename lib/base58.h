/* lib/base58.h: Bitcoin's base 58, bare and with its four checksum bytes. Thread: any. */
#ifndef QUOIN_LIB_BASE58_H
#define QUOIN_LIB_BASE58_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Most bytes that one call encodes or decodes; the work grows with the square of the length. */
#define QN_BASE58_MAX 256
/** Characters that QN_BASE58_MAX bytes need, NUL included. */
#define QN_BASE58_TEXT_MAX 352

/** Out: text and a NUL in out, which has room for `cap` characters.
 *  Returns: its length, or 0 when `len` is above QN_BASE58_MAX or it does not fit (len 0 gives an
 *  empty text and 0). */
size_t qn_base58_encode(const void *data, size_t len, char *out, size_t cap);
/** The same with the checksum appended first. len at most QN_BASE58_MAX - 4. */
size_t qn_base58check_encode(const void *data, size_t len, char *out, size_t cap);
/** Decode `text_len` characters; white space around them is passed over, as Core does.
 *  Out: bytes in out, which has room for `cap`; *len their number.
 *  Returns: false for a foreign character or more than `cap` (or QN_BASE58_MAX) bytes. */
bool qn_base58_decode(const char *text, size_t text_len, uint8_t *out, size_t cap, size_t *len);
/** The same, and the checksum is checked and taken off. */
bool qn_base58check_decode(const char *text, size_t text_len, uint8_t *out, size_t cap,
                           size_t *len);

#ifdef __cplusplus
}
#endif
#endif
