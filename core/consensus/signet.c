/* Signed blocks of signets, BIP325: the coinbase's witness commitment carries a solution, a
 * scriptSig and witness stack for the network's challenge, that signs the rest of the block. */
#include "core/base/alloc.h"
#include "core/consensus/check.h"
#include "core/crypto/sha256.h"
#include "core/script/pattern.h"
#include "core/script/verify.h"

#define SIGNET_FLAGS (QC_SCRIPT_P2SH | QC_SCRIPT_WITNESS | QC_SCRIPT_DERSIG | QC_SCRIPT_NULLDUMMY)

static const uint8_t g_marker[4] = {0xec, 0xc7, 0xda, 0xa2};

/* A verdict has no word for "no memory", and saying "invalid" would condemn a good block. What is
 * allocated here is smaller than the block that is in memory already. */
static void must(qc_err err)
{
    QC_ASSERT(!err);
}

/* Append the shortest push of `data`, as CScript's << makes it. */
static void push(qc_bytes *script, qc_span data)
{
    uint8_t head[5];
    must(qc_bytes_append(script, head, qc_push_header(data.len, head)));
    must(qc_bytes_append(script, data.data, data.len));
}

/* Find the push that starts with the marker and has more. Out: *solution is what follows the
 * marker; `cleared` is the script with that push cut down to the marker. */
static bool take_solution(qc_span script, qc_span *solution, qc_bytes *cleared)
{
    bool found = false;
    uint8_t op;
    qc_span data;
    const uint8_t *pc = script.data, *end = pc + script.len;
    while (qc_op_read(&pc, end, &op, &data)) {
        if (data.len == 0) {
            must(qc_bytes_append(cleared, &op, 1));
            continue;
        }
        if (!found && data.len > sizeof g_marker &&
            memcmp(data.data, g_marker, sizeof g_marker) == 0) {
            *solution = (qc_span){data.data + sizeof g_marker, data.len - sizeof g_marker};
            data.len = sizeof g_marker;
            found = true;
        }
        push(cleared, data);
    }
    return found;
}

/* Id of the coinbase with the script of output `at` replaced. */
static void cleared_txid(const qc_tx *tx, uint32_t at, qc_span script, qc_hash *out)
{
    qc_bytes stripped = QC_BYTES_INIT, b = QC_BYTES_INIT;
    qc_span old = qc_tx_script(tx, at);
    must(qc_tx_write_stripped(tx, &stripped));
    /* Marker and flag, which lie before the script, are gone from the stripped form. */
    size_t from = (size_t)(old.data - tx->raw) - tx->rec->off - (qc_tx_has_witness(tx) ? 2 : 0);
    size_t end = from + old.len;
    must(qc_bytes_append(&b, stripped.data, from - qc_compact_size(old.len)));
    must(qc_w_var(&b, script));
    must(qc_bytes_append(&b, stripped.data + end, stripped.len - end));
    qc_sha256d(qc_bytes_span(&b), out->b);
    qc_bytes_free(&stripped);
    qc_bytes_free(&b);
}

/* The block's merkle root with another id for the coinbase. */
static qc_hash root_with_coinbase(const qc_block *b, const qc_hash *coinbase)
{
    uint32_t n = qc_block_n_tx(b);
    qc_hash *leaf = qc_try_calloc(n, sizeof *leaf);
    QC_ASSERT(leaf);
    leaf[0] = *coinbase;
    for (uint32_t i = 1; i < n; i++)
        memcpy(leaf[i].b, qn_view_tx(qc_block_view(b), i)->txid, sizeof leaf[i].b);
    qc_hash root = qc_merkle_root(leaf, n, NULL);
    qc_free(leaf);
    return root;
}

/* A transaction of one input and one output, version, sequence, lock time and value zero. */
static void write_tx(qc_bytes *b, const qc_outpoint *prev, qc_span sig, qc_span script,
                     qc_span witness)
{
    static const uint8_t marker_flag[2] = {0, 1};
    must(qc_w_le32(b, 0));
    if (witness.len)
        must(qc_bytes_append(b, marker_flag, sizeof marker_flag));
    must(qc_w_compact(b, 1));
    must(qc_bytes_append(b, prev->txid.b, sizeof prev->txid.b));
    must(qc_w_le32(b, prev->n));
    must(qc_w_var(b, sig));
    must(qc_w_le32(b, 0));
    must(qc_w_compact(b, 1));
    must(qc_w_le64(b, 0));
    must(qc_w_var(b, script));
    must(qc_bytes_append(b, witness.data, witness.len));
    must(qc_w_le32(b, 0));
}

/* Id of the transaction that carries what is signed and is locked with the challenge. */
static qc_hash to_spend_txid(const qc_header *h, const qc_hash *root, qc_span challenge)
{
    uint8_t data[72];
    qc_bytes sig = QC_BYTES_INIT, tx = QC_BYTES_INIT;
    static const uint8_t op_0 = QC_OP_0;
    qc_write_le32(data, (uint32_t)h->version);
    memcpy(data + 4, h->prev.b, 32);
    memcpy(data + 36, root->b, 32);
    qc_write_le32(data + 68, h->time);
    must(qc_bytes_append(&sig, &op_0, 1));
    push(&sig, qc_span_of(data, sizeof data));
    write_tx(&tx, &(qc_outpoint){.n = UINT32_MAX}, qc_bytes_span(&sig), challenge,
             (qc_span){NULL, 0});
    qc_hash id;
    qc_sha256d(qc_bytes_span(&tx), id.b);
    qc_bytes_free(&sig);
    qc_bytes_free(&tx);
    return id;
}

/* scriptSig and witness stack of a solution; nothing may be left over. */
static bool split_solution(qc_span solution, qc_span *sig, qc_span *witness)
{
    qc_reader r = qc_reader_of(solution);
    *sig = qc_r_var(&r);
    const uint8_t *from = r.p;
    uint64_t n = qc_r_compact(&r);
    for (uint64_t i = 0; i < n && !r.fail; i++)
        (void)qc_r_var(&r);
    *witness = (qc_span){from, n ? (size_t)(r.p - from) : 0};
    return !r.fail && qc_reader_left(&r) == 0;
}

static bool solves(qc_span challenge, const qc_hash *spend, qc_span sig, qc_span witness)
{
    static const uint8_t op_return = QC_OP_RETURN;
    qc_bytes raw = QC_BYTES_INIT;
    qc_txbuf tx;
    write_tx(&raw, &(qc_outpoint){.txid = *spend}, sig, qc_span_of(&op_return, 1), witness);
    qc_wire_fail f = qc_tx_parse(qc_bytes_span(&raw), true, &tx);
    qc_bytes_free(&raw);
    QC_ASSERT(!f);
    qc_spent spent = {.script = challenge};
    qc_sighash_cache hashes;
    qc_sighash_cache_init(&hashes, &tx.tx, &spent);
    qc_script_check check = {
        .tx = &tx.tx, .spent = &spent, .hashes = &hashes, .flags = SIGNET_FLAGS};
    bool ok = qc_script_verify_input(&check) == QC_SE_OK;
    qc_txbuf_clear(&tx);
    return ok;
}

bool qc_check_signet(const qc_params *p, const qc_block *b)
{
    if (qc_hash_eq(qc_block_hash(b), &p->genesis_hash))
        return true;
    int at = qc_witness_commitment_index(b);
    if (at < 0)
        return false;
    qc_tx coinbase = qc_block_tx(b, 0);
    qc_span solution = {NULL, 0}, sig = {NULL, 0}, witness = {NULL, 0};
    qc_span script = qc_tx_script(&coinbase, (uint32_t)at);
    qc_bytes cleared = QC_BYTES_INIT;
    /* No solution at all is fine for a challenge that anybody meets. */
    bool found = take_solution(script, &solution, &cleared);
    qc_hash id;
    cleared_txid(&coinbase, (uint32_t)at, found ? qc_bytes_span(&cleared) : script, &id);
    qc_bytes_free(&cleared);
    if (found && !split_solution(solution, &sig, &witness))
        return false;
    qc_span challenge = qc_bytes_span(&p->signet_challenge);
    qc_hash root = root_with_coinbase(b, &id);
    qc_hash spend = to_spend_txid(qc_block_header(b), &root, challenge);
    return solves(challenge, &spend, sig, witness);
}
