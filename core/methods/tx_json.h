/* core/methods/tx_json.h: transactions, scripts and blocks as JSON (Core core_io.cpp TxToUniv,
 * ScriptToUniv; rpc/blockchain.cpp blockheaderToJSON). Thread: any. */
#pragma once
#include "core/btc/block.h"
#include "core/btc/params.h"
#include "core/chain/index.h"
#include "core/rpc/json_write.h"

/** Members asm, desc, hex, address, type of a scriptPubKey object that is open. */
void qc_m_script_members(qc_jw *w, const qc_params *p, qc_span script, bool hex, bool address);
/** What is known of the coins a transaction spends. */
typedef enum qc_tx_detail { QC_TX_PLAIN, QC_TX_FEE, QC_TX_PREVOUT } qc_tx_detail;
/** All members of a decoded transaction, into an open object. view: the block it came from with
 * part B, or NULL (detail is then QC_TX_PLAIN). */
void qc_m_tx_members(qc_jw *w, const qc_params *p, const qc_tx *tx, const qn_block_view *view,
                     qc_tx_detail detail, bool hex);
/** Members of getblockheader, into an open object. */
void qc_m_header_members(qc_jw *w, const qc_index *tip, const qc_index *i);
/** Items of a serialized witness stack as hex strings, into an open array. */
void qc_m_witness_items(qc_jw *w, qc_span witness);
