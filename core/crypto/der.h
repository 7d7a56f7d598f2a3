/* core/crypto/der.h: ECDSA signatures as the chain holds them. Thread: any. */
#pragma once
#include "core/base/bytes.h"

/** Read a DER signature as loosely as the chain before BIP66 needs: negative, over-padded and
 *  oversized integers, wrong outer lengths and trailing bytes pass (Core pubkey.cpp,
 *  ecdsa_signature_parse_der_lax). What no loose reading explains is refused.
 *  Out:     rs: R and S, 32 bytes each; both zero when either has more than 256 bits.
 *  Returns: false (rs untouched) when it is no such structure. */
bool qc_der_parse_lax(qc_span sig, uint8_t rs[static 64]);
