/* lib/search.h: looking for a nonce. With the SHA extensions of x86 where the processor has them,
 * two headers at a time; elsewhere with nettle. Thread: any. */
#ifndef QUOIN_LIB_SEARCH_H
#define QUOIN_LIB_SEARCH_H
#include "lib/mining.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Try `count` nonces from `first` on, which wrap around. target: 32 bytes in wire order.
 *  Out: *nonce, the first that makes the header's hash meet the target; else untouched.
 *  Returns: whether there is one. */
bool qn_nonce_search(const uint8_t header[QN_HEADER_LEN], const uint8_t target[32], uint32_t first,
                     uint32_t count, uint32_t *nonce);
/** The code in use: "x86_shani(2way)" or "nettle". */
const char *qn_nonce_search_impl(void);
/** The same without the processor's extensions, for tests. */
bool qn_nonce_search_plain(const uint8_t header[QN_HEADER_LEN], const uint8_t target[32],
                           uint32_t first, uint32_t count, uint32_t *nonce);

#ifdef __cplusplus
}
#endif
#endif
