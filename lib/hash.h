/* lib/hash.h: the hashes that addresses, scripts and transactions need. Thread: any. */
#ifndef QUOIN_LIB_HASH_H
#define QUOIN_LIB_HASH_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** SHA-256 of `len` bytes; `data` may be NULL when len is 0. Out: 32 bytes. */
void qn_sha256(const void *data, size_t len, uint8_t *out);
/** SHA-256 twice: ids and checksums. Out: 32 bytes. */
void qn_sha256d(const void *data, size_t len, uint8_t *out);
/** Out: 20 bytes. */
void qn_ripemd160(const void *data, size_t len, uint8_t *out);
/** RIPEMD-160 of SHA-256. Out: 20 bytes. */
void qn_hash160(const void *data, size_t len, uint8_t *out);
/** A script's name in the Electrum protocol: SHA-256 of the scriptPubKey. Out: 32 bytes, to be
 * shown with qn_hex_encode_reversed(). */
void qn_script_hash(const void *script, size_t len, uint8_t *out);

#ifdef __cplusplus
}
#endif
#endif
