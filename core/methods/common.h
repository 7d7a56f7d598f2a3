/* core/methods/common.h: what several groups of methods share: looking up blocks, printing their
 * numbers, running work on the chain thread. Thread: rpc. */
#pragma once
#include "core/methods/context.h"

/** "%08x" of the bits. */
void qc_m_kbits(qc_jw *w, uint32_t bits);
/** The full target as 64 hex digits. */
void qc_m_ktarget(qc_jw *w, uint32_t bits);
/** 256-bit number as 64 hex digits, most significant first. */
void qc_m_ku256(qc_jw *w, const char *key, const qc_u256 *v);
/** Multiple of the smallest possible difficulty (display). */
double qc_m_difficulty(uint32_t bits);
/** "warnings": array, or one string with -deprecatedrpc=warnings. */
void qc_m_kwarnings(qc_jw *w, const qc_node *n);

/** Names of service bits, as an array. */
void qc_m_kservices(qc_jw *w, const char *key, uint64_t services);
/** Is there a peer layer? False: failed as Core does. */
bool qc_m_need_net(qc_rpc_req *r, const qc_node *n);
/** Is there a mempool? False: failed as Core does. */
bool qc_m_need_pool(qc_rpc_req *r, const qc_node *n);
/** Can a transaction be sent in private, where it is to be? False: no, and the request has failed.
 */
bool qc_m_private_may(qc_rpc_req *r, const qc_node *n);

/** Parameter i as the hash of a known block. NULL: failed with -5 "Block not found" or a type
 * error. */
const qc_index *qc_m_block_arg(qc_rpc_req *r, const qc_node *n, size_t i, const char *name);
/** Parameter i as a height of the active chain or the hash of a known block (getblockstats). */
const qc_index *qc_m_hash_or_height(qc_rpc_req *r, const qc_node *n, size_t i, const char *name);
/** Body (and spent coins) of i. NULL: failed as Core does for pruned and missing data.
 *  Out: shared, qc_block_unref(). */
qc_block *qc_m_read_block(qc_rpc_req *r, const qc_node *n, const qc_index *i, bool spent);
/** The same for the methods that show its transactions: their words for spent coins that are not
 *  readable. */
qc_block *qc_m_read_block_to_show(qc_rpc_req *r, const qc_node *n, const qc_index *i, bool spent);
/** Confirmations of i as seen from tip: -1 off the active chain. *next: its active child or NULL.
 */
int64_t qc_m_confirmations(const qc_index *tip, const qc_index *i, const qc_index **next);
/** The objects of getblockchaininfo, getdeploymentinfo and getblock (verbosity 1 to 3). There is a
 *  tip. */
void qc_m_put_chain_info(qc_jw *w, const qc_node *n);
void qc_m_put_deployment_info(qc_jw *w, const qc_node *n, const qc_index *at);
void qc_m_put_block(qc_jw *w, const qc_node *n, const qc_index *i, const qc_block *b,
                    int32_t verbosity);
/** Fail with this method's own help text, as Core does for a word that it does not know. */
void qc_m_fail_help(qc_rpc_req *r, int code);
/** Fail the request for an ordinary failure (disk, memory). Always false. */
bool qc_m_fail_err(qc_rpc_req *r, qc_err err, const char *what);
/** Fail it because memory is short. Always false. */
bool qc_m_fail_memory(qc_rpc_req *r);
/** Wait until an index has reached the tip, but not while blocks are still being downloaded. True:
 *  it has. */
bool qc_m_index_ready(const qc_node *n, qc_keeper *f);
