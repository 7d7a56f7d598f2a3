#include "core/script/taproot.h"

#include "core/crypto/secp.h"
#include "core/script/sighash_parts.h"

bool qc_taproot_control_size_ok(size_t len)
{
    size_t max = QC_TAPROOT_CONTROL_BASE + QC_TAPROOT_CONTROL_NODE * QC_TAPROOT_CONTROL_MAX_NODES;
    return len >= QC_TAPROOT_CONTROL_BASE && len <= max &&
           (len - QC_TAPROOT_CONTROL_BASE) % QC_TAPROOT_CONTROL_NODE == 0;
}

void qc_taproot_leaf_hash(uint8_t leaf_version, qc_span script, qc_hash *out)
{
    qc_sha256_ctx c;
    qc_sha256_init_tag(&c, QC_TAG_TAPLEAF);
    qc_sha256_update(&c, &leaf_version, 1);
    qc_hash_compact(&c, script.len);
    qc_hash_bytes(&c, script);
    qc_sha256_final(&c, out->b);
}

void qc_taproot_branch_hash(const qc_hash *a, const qc_hash *b, qc_hash *out)
{
    bool in_order = memcmp(a->b, b->b, sizeof a->b) < 0;
    qc_sha256_ctx c;
    qc_sha256_init_tag(&c, QC_TAG_TAPBRANCH);
    qc_hash_hash(&c, in_order ? a : b);
    qc_hash_hash(&c, in_order ? b : a);
    qc_sha256_final(&c, out->b);
}

void qc_taproot_merkle_root(qc_span control, const qc_hash *leaf, qc_hash *out)
{
    *out = *leaf;
    for (size_t at = QC_TAPROOT_CONTROL_BASE; at < control.len; at += QC_TAPROOT_CONTROL_NODE) {
        qc_hash node;
        memcpy(node.b, control.data + at, sizeof node.b);
        qc_taproot_branch_hash(out, &node, out);
    }
}

bool qc_taproot_commits(qc_span control, const uint8_t program[static 32], const qc_hash *leaf)
{
    qc_hash root;
    qc_taproot_merkle_root(control, leaf, &root);
    return qc_tap_check(program, control.data[0] & 1, control.data + 1, root.b);
}
