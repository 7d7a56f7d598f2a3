/* core/crypto/hashes.h: the hash functions beside SHA-256, through nettle. Thread: any. */
#pragma once
#include "core/base/bytes.h"

#define QC_HASH160_LEN 20
#define QC_SHA512_LEN 64

void qc_ripemd160(qc_span data, uint8_t out[static QC_HASH160_LEN]);
/** RIPEMD-160 of SHA-256. */
void qc_hash160(qc_span data, uint8_t out[static QC_HASH160_LEN]);
void qc_sha1(qc_span data, uint8_t out[static 20]);
/** SHA3-256 (FIPS 202): the checksum of onion names. */
void qc_sha3_256(qc_span data, uint8_t out[static 32]);
void qc_sha512(qc_span data, uint8_t out[static QC_SHA512_LEN]);
/** HMAC (RFC 2104) of `data` under `key`, of any length. */
void qc_hmac_sha256(qc_span key, qc_span data, uint8_t out[static 32]);
void qc_hmac_sha512(qc_span key, qc_span data, uint8_t out[static QC_SHA512_LEN]);
/** The first `len` bytes of the ChaCha20 stream for `key`, nonce 0, counter 0. */
void qc_chacha20_stream(const uint8_t key[static 32], uint8_t *out, size_t len);
/** True when equal; the time taken depends on the lengths only. */
bool qc_equal_const_time(qc_span a, qc_span b);
