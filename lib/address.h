/* lib/address.h: addresses and what they stand for. Thread: any. */
#ifndef QUOIN_LIB_ADDRESS_H
#define QUOIN_LIB_ADDRESS_H
#include "lib/bech32.h"
#include "lib/chain.h"

#ifdef __cplusplus
extern "C" {
#endif

#define QN_ADDRESS_MAX 91        /* characters, NUL included */
#define QN_ADDRESS_SCRIPT_MAX 42 /* bytes */

/** Why a text is no address of the chain: Core's sentence, and for bech32 the places. */
typedef struct qn_address_error {
    char text[192];
    qn_bech32_error where; /* n == 0: no place is known */
} qn_address_error;

/** The scriptPubKey of an address: P2PKH, P2SH, P2WPKH, P2WSH, P2TR, P2A, and witness versions not
 *  yet in use. Out: script (room for QN_ADDRESS_SCRIPT_MAX), *script_len; *err (may be NULL) on
 *  failure. Returns: false when it is no address of this chain. */
bool qn_address_decode(const qn_chain_text *chain, const char *text, size_t len, uint8_t *script,
                       size_t *script_len, qn_address_error *err);
/** The address of a scriptPubKey. Out: text and a NUL (room for QN_ADDRESS_MAX).
 *  Returns: its length, or 0 when the script has no address (bare keys and multisig have none). */
size_t qn_address_encode(const qn_chain_text *chain, const uint8_t *script, size_t script_len,
                         char *out);

/* Scripts from their parts. Out: the script (room for QN_ADDRESS_SCRIPT_MAX). Returns: its length.
 */
size_t qn_script_p2pkh(const uint8_t hash[20], uint8_t *out);
size_t qn_script_p2sh(const uint8_t hash[20], uint8_t *out);
/** version 0 to 16, len 2 to 40. */
size_t qn_script_witness(unsigned version, const uint8_t *program, size_t len, uint8_t *out);

/** Secret key in wallet import format. Out: key (32 bytes), *compressed. Returns: false when it is
 *  none of this chain. The key's range is not checked. */
bool qn_wif_decode(const qn_chain_text *chain, const char *text, size_t len, uint8_t *key,
                   bool *compressed);
/** Out: text and a NUL (room for QN_ADDRESS_MAX). Returns: its length. */
size_t qn_wif_encode(const qn_chain_text *chain, const uint8_t *key, bool compressed, char *out);

#ifdef __cplusplus
}
#endif
#endif
