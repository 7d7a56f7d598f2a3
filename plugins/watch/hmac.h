/* plugins/watch/hmac.h: signatures of deliveries. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** HMAC-SHA256 (RFC 2104). Out: 32 bytes. Returns: false when memory is short. */
bool wt_hmac(const void *key, size_t key_len, const void *data, size_t len, uint8_t out[32]);
