/* core/methods/hexarg.h: hex text to bytes, and transactions from hex (Core core_io.cpp). Thread:
 * any. */
#pragma once
#include "core/btc/block.h"

/** False: odd length or a character that is no hex digit. Out: owned, qc_bytes_free(). */
bool qc_m_hex_decode(const char *hex, qc_bytes *out);

/** Every operation is known and complete, and no push is too large (Core CScript::HasValidOps). */
bool qc_m_has_valid_ops(qc_span s);

/** A transaction from hex, with Core's rules for bytes that read both with and without witness
 *  data (core_io.cpp DecodeTx). Out: owned, qc_txbuf_clear(). */
bool qc_m_decode_tx(const char *hex, bool try_no_witness, bool try_witness, qc_txbuf *out);
