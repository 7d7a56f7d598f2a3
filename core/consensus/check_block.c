/* Rules of one block: Core validation.cpp CheckBlock(), ContextualCheckBlock(), IsBlockMutated();
 * BIP34, BIP113, BIP141. */
#include "core/consensus/check.h"
#include "core/crypto/sha256.h"

#include <stdio.h>

#define MAX_STRIPPED (QC_MAX_BLOCK_WEIGHT / QC_WITNESS_SCALE)
#define MAX_LEGACY_SIGOPS (QC_MAX_BLOCK_SIGOPS_COST / QC_WITNESS_SCALE)
#define COMMITMENT_LEN 38u /* OP_RETURN, push of 36: four bytes and the hash */
#define COMMITMENT_HASH_AT 6
#define NODE_LEN 64u /* an inner node of a merkle tree */

static bool check_merkle_root(const qc_block *b, qc_verdict *v)
{
    bool mutated;
    const qc_hash *root = qc_block_merkle_root(b, &mutated);
    if (!qc_hash_eq(root, &qc_block_header(b)->merkle_root))
        return qc_verdict_fail(v, QC_V_MUTATED, "bad-txnmrklroot", "hashMerkleRoot mismatch");
    if (mutated) /* CVE-2012-2459 */
        return qc_verdict_fail(v, QC_V_MUTATED, "bad-txns-duplicate", "duplicate transaction");
    return true;
}

static bool starts_with_coinbase(const qc_block *b)
{
    if (qc_block_n_tx(b) == 0)
        return false;
    qc_tx first = qc_block_tx(b, 0);
    return qc_tx_is_coinbase(&first);
}

static bool check_coinbase_place(const qc_block *b, qc_verdict *v)
{
    if (!starts_with_coinbase(b))
        return qc_verdict_fail(v, QC_V_CONSENSUS, "bad-cb-missing", "first tx is not coinbase");
    for (uint32_t i = 1; i < qc_block_n_tx(b); i++) {
        qc_tx tx = qc_block_tx(b, i);
        if (qc_tx_is_coinbase(&tx))
            return qc_verdict_fail(v, QC_V_CONSENSUS, "bad-cb-multiple", "more than one coinbase");
    }
    return true;
}

static bool check_transactions(const qc_block *b, qc_verdict *v)
{
    for (uint32_t i = 0; i < qc_block_n_tx(b); i++) {
        qc_tx tx = qc_block_tx(b, i);
        if (qc_check_tx(&tx, v))
            continue;
        qc_hash id;
        char hex[QC_HASH_HEX_LEN + 1];
        memcpy(id.b, tx.rec->txid, sizeof id.b);
        qc_hash_hex(&id, hex);
        snprintf(v->debug, sizeof v->debug, "Transaction check failed (tx hash %s) ", hex);
        return false;
    }
    return true;
}

bool qc_check_block(const qc_params *p, const qc_block *b, bool check_pow, bool check_merkle,
                    qc_verdict *v)
{
    if (check_pow && !qc_check_header(p, qc_block_header(b), qc_block_hash(b), v))
        return false;
    if (check_pow && p->id == QC_CHAIN_SIGNET && !qc_check_signet(p, b))
        return qc_verdict_fail(v, QC_V_CONSENSUS, "bad-signet-blksig",
                               "signet block signature validation failure");
    /* Everything that could be damage in transit comes before the rules: later failures mark the
     * hash as invalid for good. */
    if (check_merkle && !check_merkle_root(b, v))
        return false;
    uint32_t n = qc_block_n_tx(b);
    if (n == 0 || n > MAX_STRIPPED || qc_block_stripped_size(b) > MAX_STRIPPED)
        return qc_verdict_fail(v, QC_V_CONSENSUS, "bad-blk-length", "size limits failed");
    if (!check_coinbase_place(b, v) || !check_transactions(b, v))
        return false;
    uint64_t sigops = 0;
    for (uint32_t i = 0; i < n; i++)
        sigops += qc_block_legacy_sigops(b, i);
    if (sigops > MAX_LEGACY_SIGOPS)
        return qc_verdict_fail(v, QC_V_CONSENSUS, "bad-blk-sigops", "out-of-bounds SigOpCount");
    return true;
}

int qc_witness_commitment_index(const qc_block *b)
{
    static const uint8_t head[COMMITMENT_HASH_AT] = {0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed};
    int at = -1; /* the last one counts */
    if (qc_block_n_tx(b) == 0)
        return at;
    qc_tx tx = qc_block_tx(b, 0);
    for (uint32_t i = 0; i < tx.rec->n_out; i++) {
        qc_span s = qc_tx_script(&tx, i);
        if (s.len >= COMMITMENT_LEN && memcmp(s.data, head, sizeof head) == 0)
            at = (int)i;
    }
    return at;
}

/* The block commits to its witness data in output `at` of the coinbase. */
static bool check_commitment(const qc_block *b, uint32_t at, qc_verdict *v)
{
    qc_tx tx = qc_block_tx(b, 0);
    QC_ASSERT(tx.rec->n_in > 0);
    qc_span stack = qc_tx_witness(&tx, 0);
    /* One item of 32 bytes. */
    if (stack.len != 34 || stack.data[0] != 1 || stack.data[1] != 32)
        return qc_verdict_fail(v, QC_V_MUTATED, "bad-witness-nonce-size",
                               "CheckWitnessMalleation : invalid witness reserved value size");
    uint8_t pair[NODE_LEN], want[32];
    memcpy(pair, qc_block_witness_root(b)->b, 32);
    memcpy(pair + 32, stack.data + 2, 32);
    qc_sha256d(qc_span_of(pair, sizeof pair), want);
    if (memcmp(want, qc_tx_script(&tx, at).data + COMMITMENT_HASH_AT, sizeof want) != 0)
        return qc_verdict_fail(v, QC_V_MUTATED, "bad-witness-merkle-match",
                               "CheckWitnessMalleation : witness merkle commitment mismatch");
    return true;
}

static bool check_witness_malleation(const qc_block *b, bool expect_commitment, qc_verdict *v)
{
    int at = expect_commitment ? qc_witness_commitment_index(b) : -1;
    if (at >= 0)
        return check_commitment(b, (uint32_t)at, v);
    if (qc_block_view(b)->flags & QN_VIEW_WITNESS)
        return qc_verdict_fail(v, QC_V_MUTATED, "unexpected-witness",
                               "CheckWitnessMalleation : unexpected witness data found");
    return true;
}

/* BIP34: the coinbase script starts with the height, pushed as a script pushes a number. */
static bool coinbase_has_height(const qc_block *b, uint32_t height)
{
    uint8_t want[6];
    size_t len = 0;
    if (height == 0) {
        want[len++] = 0;
    } else if (height <= 16) {
        want[len++] = (uint8_t)(0x50 + height);
    } else {
        for (uint32_t rest = height; rest; rest >>= 8)
            want[++len] = (uint8_t)rest;
        if (want[len] & 0x80) /* the sign bit stays clear */
            want[++len] = 0;
        want[0] = (uint8_t)len++;
    }
    qc_tx tx = qc_block_tx(b, 0);
    qc_span sig = qc_tx_script_sig(&tx, 0);
    return sig.len >= len && memcmp(sig.data, want, len) == 0;
}

bool qc_check_block_context(const qc_params *p, const qc_block *b, uint32_t height,
                            uint32_t mtp_prev, qc_verdict *v)
{
    int64_t cutoff = qc_deployment_active(p, QC_DEP_CSV, height) ? mtp_prev /* BIP113 */
                                                                 : qc_block_header(b)->time;
    for (uint32_t i = 0; i < qc_block_n_tx(b); i++) {
        qc_tx tx = qc_block_tx(b, i);
        if (!qc_tx_is_final(&tx, height, cutoff))
            return qc_verdict_fail(v, QC_V_CONSENSUS, "bad-txns-nonfinal", "non-final transaction");
    }
    if (qc_deployment_active(p, QC_DEP_BIP34, height) && !coinbase_has_height(b, height))
        return qc_verdict_fail(v, QC_V_CONSENSUS, "bad-cb-height",
                               "block height mismatch in coinbase");
    if (!check_witness_malleation(b, qc_deployment_active(p, QC_DEP_SEGWIT, height), v))
        return false;
    /* Not earlier: until the commitment has been checked, somebody on the way may have filled up
     * the coinbase witness, which the hash does not cover. */
    if (qc_block_weight(b) > QC_MAX_BLOCK_WEIGHT)
        return qc_verdict_fail(v, QC_V_CONSENSUS, "bad-blk-weight",
                               "ContextualCheckBlock : weight limit failed");
    return true;
}

/* A transaction of 64 bytes can pass for an inner node of the tree, and the other way round. Only
 * blocks that have no coinbase, and so are invalid anyhow, are looked at. */
static bool has_node_sized_tx(const qc_block *b)
{
    for (uint32_t i = 0; i < qc_block_n_tx(b); i++)
        if (qc_block_tx(b, i).rec->stripped == NODE_LEN)
            return true;
    return false;
}

bool qc_block_is_mutated(const qc_block *b, bool check_witness_root, qc_verdict *v)
{
    if (!check_merkle_root(b, v))
        return true;
    if (!starts_with_coinbase(b)) {
        if (!has_node_sized_tx(b))
            return false;
        (void)qc_verdict_fail(v, QC_V_MUTATED, "bad-txns-64-bytes",
                              "transaction of 64 bytes in a block without coinbase");
        return true;
    }
    return !check_witness_malleation(b, check_witness_root, v);
}
