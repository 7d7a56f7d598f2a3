/* core/methods/submit.h: blocks that come in by RPC. Thread: rpc. */
#pragma once
#include "core/methods/context.h"

/** Is a block with this entry known to be valid or not, and how does BIP22 say so? */
const char *qc_m_known_as(const qc_index *i);

/** What became of a submitted block (Core's BlockChecked catcher in rpc/mining.cpp). */
typedef struct qc_submit_result {
    qc_err err;    /* the node failed (disk ...); the rest is then unset */
    bool accepted; /* passed the checks before activation */
    bool is_new;   /* its body was not had before */
    bool checked;  /* a verdict was reached in this call */
    qc_verdict verdict;
} qc_submit_result;

/** Hex of a block, and whatever follows, to a parsed block. NULL: not a block. Out: shared,
 *  qc_block_unref(). */
qc_block *qc_m_parse_block(const char *hex);
/** The same; a commitment without its reserved value gets the zero one
 *  (Core UpdateUncommittedBlockStructures). NULL: not a block. Out: shared, qc_block_unref(). */
qc_block *qc_m_decode_block(const qc_node *n, const char *hex);
bool qc_m_decode_header(const char *hex, qc_header *out);
/** A commitment without its reserved value gets the zero one; else `b` itself. `b` is taken. Out:
 *  shared, qc_block_unref(). */
qc_block *qc_m_with_reserved_value(const qc_node *n, QC_OWN qc_block *b);
/** Process `b`. Thread: chain. */
void qc_m_submit_here(qc_node *n, qc_chain *c, qc_block *b, qc_submit_result *out);
/** Process `b` on the chain thread and wait. */
void qc_m_submit(qc_node *n, qc_block *b, qc_submit_result *out);
/** The listener that catches verdicts: app registers it with qc_chain_listen() before the chain
 *  thread runs. */
qc_chain_events qc_m_submit_events(qc_node *n);
