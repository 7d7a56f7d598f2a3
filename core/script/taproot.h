/* core/script/taproot.h: the taproot commitment (BIP341). Thread: any. */
#pragma once
#include "core/base/bytes.h"
#include "core/base/hash.h"

#define QC_TAPROOT_LEAF_MASK 0xfe
#define QC_TAPROOT_LEAF_TAPSCRIPT 0xc0
#define QC_TAPROOT_CONTROL_BASE 33u
#define QC_TAPROOT_CONTROL_NODE 32u
#define QC_TAPROOT_CONTROL_MAX_NODES 128u

/** 33 + 32 k bytes, k <= 128. */
bool qc_taproot_control_size_ok(size_t len);
void qc_taproot_leaf_hash(uint8_t leaf_version, qc_span script, qc_hash *out);
/** Hash of a branch; the order of `a` and `b` does not matter. */
void qc_taproot_branch_hash(const qc_hash *a, const qc_hash *b, qc_hash *out);
/** Root that `leaf` and the path of a control block of legal size lead to. */
void qc_taproot_merkle_root(qc_span control, const qc_hash *leaf, qc_hash *out);
/** Does the output key `program` commit to `leaf` by this control block of legal size? */
bool qc_taproot_commits(qc_span control, const uint8_t program[static 32], const qc_hash *leaf);
