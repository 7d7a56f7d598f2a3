/* lib/elsewhere.h: to say of what is none of this chain where it would be one. Thread: any. */
#ifndef QUOIN_LIB_ELSEWHERE_H
#define QUOIN_LIB_ELSEWHERE_H
#include "lib/chain.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define QN_ELSEWHERE_MAX 160 /* characters, NUL included */

/** Out: "of main; this node is on regtest (addresses begin with bcrt1, m, n or 2)"; "" where it
 *  returns false. Returns: whether the text is an address of other chains, and none of this one. */
bool qn_address_elsewhere(const qn_chain_text *chain, const char *text, size_t len, char *out);
/** The same of an extended key (BIP32), public or secret; whether it is on the curve is not looked
 *  at. */
bool qn_ext_elsewhere(const qn_chain_text *chain, const char *text, size_t len, char *out);

#ifdef __cplusplus
}
#endif
#endif
