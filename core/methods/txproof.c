/* Proofs that a transaction is in a block (Core rpc/txoutproof.cpp). A proof is the block's header
 * and the part of its merkle tree that leads to the transactions. */
#include "core/base/alloc.h"
#include "core/btc/merkleproof.h"
#include "core/methods/common.h"

#include <stdlib.h>

#define OUTPUTS_MAX (4000000u / (4 * 9)) /* of a block: Core coins.cpp MAX_OUTPUTS_PER_BLOCK */
#define PROBES 2000u                     /* coins asked for in one go: others wait meanwhile */

typedef struct id_list {
    qc_hash *id; /* sorted */
    size_t n;
} id_list;

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(qc_hash));
}

static bool has_id(const id_list *l, const uint8_t *txid)
{
    return bsearch(txid, l->id, l->n, sizeof *l->id, by_bytes) != NULL;
}

static bool read_ids(qc_rpc_req *r, const json_t *list, id_list *out)
{
    size_t n = json_array_size(list);
    if (n == 0)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Parameter 'txids' cannot be empty");
    out->id = qc_try_calloc(n, sizeof *out->id);
    if (!out->id)
        return qc_rpc_fail(r, QC_RPC_OUT_OF_MEMORY, "Out of memory");
    for (; out->n < n; out->n++)
        if (!qc_rpc_v_hash(r, json_array_get(list, out->n), "txid", &out->id[out->n]))
            return false;
    qsort(out->id, n, sizeof *out->id, by_bytes);
    for (size_t i = 1; i < n; i++)
        if (qc_hash_eq(&out->id[i - 1], &out->id[i])) {
            char hex[QC_HASH_HEX_LEN + 1];
            qc_hash_hex(&out->id[i], hex);
            return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                               "Invalid parameter, duplicated txid: %s", hex);
        }
    return true;
}

/* ---- the block ---- */

typedef struct probe {
    const qc_hash *txid;
    uint32_t from;
    const qc_index *found;
    qc_err err;
} probe;

static void run_probe(qc_chain *c, void *arg)
{
    probe *p = arg;
    for (uint32_t n = p->from; n < p->from + PROBES && n < OUTPUTS_MAX; n++) {
        qc_outpoint o = {*p->txid, n};
        qc_coin coin;
        qc_err err = qc_chain_coin(c, &o, &coin);
        if (err == QC_ENOENT)
            continue;
        p->err = err;
        if (!err) {
            p->found = qc_chain_at(c, coin.height);
            qc_coin_clear(&coin);
        }
        return;
    }
}

/* Block of the first transaction that has an output left to spend. NULL: none has, or failed. */
static const qc_index *block_by_coins(qc_rpc_req *r, const qc_node *n, const id_list *ids)
{
    for (size_t i = 0; i < ids->n; i++) {
        probe p = {&ids->id[i], 0, NULL, QC_OK};
        for (; p.from < OUTPUTS_MAX && !p.found && !p.err; p.from += PROBES)
            qc_chain_call(n->chain_thread, run_probe, &p);
        if (p.err)
            qc_m_fail_err(r, p.err, "Cannot read the coins");
        if (p.found || p.err)
            return p.found;
    }
    return NULL;
}

static const qc_index *block_by_index(const qc_node *n, const qc_hash *txid)
{
    const qc_index *at = NULL;
    qc_bytes raw;
    qc_m_index_ready(n, qc_txindex_keeper(n->txindex));
    if (qc_txindex_find(n->txindex, txid, &at, &raw))
        return NULL;
    qc_bytes_free(&raw);
    return at;
}

static const qc_index *find_block(qc_rpc_req *r, const qc_node *n, const id_list *ids)
{
    if (qc_rpc_arg(r, 1))
        return qc_m_block_arg(r, n, 1, "blockhash");
    const qc_index *at = block_by_coins(r, n, ids);
    if (!at && n->txindex && !qc_rpc_failed(r))
        at = block_by_index(n, &ids->id[0]);
    if (!at)
        qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "Transaction not yet in block");
    return at;
}

/* ---- the proof ---- */

static qc_err write_proof(const qc_block *b, const id_list *ids, qc_bytes *out, size_t *found)
{
    uint32_t n = qc_block_n_tx(b);
    qc_hash *leaf = qc_try_calloc(n, sizeof *leaf);
    bool *match = qc_try_calloc(n, sizeof *match);
    *found = 0;
    for (uint32_t i = 0; i < n && leaf && match; i++) {
        const uint8_t *txid = qn_view_tx(qc_block_view(b), i)->txid;
        memcpy(leaf[i].b, txid, sizeof leaf[i].b);
        match[i] = has_id(ids, txid);
        *found += match[i];
    }
    qc_err err =
        leaf && match ? qc_bytes_append(out, qc_block_bytes(b).data, QC_HEADER_LEN) : QC_ENOMEM;
    if (!err)
        err = qc_merkle_proof_write(out, leaf, match, n);
    qc_free(leaf);
    qc_free(match);
    return err;
}

static void answer_proof(qc_rpc_req *r, const qc_node *n, const qc_index *at, const id_list *ids)
{
    qc_bytes proof = QC_BYTES_INIT;
    size_t found;
    qc_block *b = qc_m_read_block(r, n, at, false);
    if (!b)
        return;
    qc_err err = write_proof(b, ids, &proof, &found);
    qc_block_unref(b);
    if (err)
        qc_m_fail_err(r, err, "Cannot write the proof");
    else if (found != ids->n)
        qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY,
                    "Not all transactions found in specified or retrieved block");
    else
        qc_jw_hex(qc_rpc_out(r), qc_bytes_span(&proof));
    qc_bytes_free(&proof);
}

static void gettxoutproof(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    id_list ids = {NULL, 0};
    if (read_ids(r, qc_rpc_arg(r, 0), &ids)) {
        const qc_index *at = find_block(r, n, &ids);
        if (at)
            answer_proof(r, n, at, &ids);
    }
    qc_free(ids.id);
}

/* ---- and back ---- */

static void fail_bytes(qc_rpc_req *r, qc_wire_fail fail)
{
    qc_rpc_fail(r, fail == QC_WIRE_NOMEM ? QC_RPC_OUT_OF_MEMORY : QC_RPC_MISC_ERROR,
                "%s%s: unspecified iostream_category error",
                fail == QC_WIRE_END ? "SpanReader::read(): " : "", qc_wire_text(fail));
}

static void answer_matches(qc_rpc_req *r, const qc_node *n, const qc_header *h,
                           const qc_merkle_proof *p)
{
    qc_jw *w = qc_rpc_out(r);
    if (p->holds && qc_hash_eq(&p->root, &h->merkle_root)) {
        qc_hash hash;
        qc_header_hash(h, &hash);
        const qc_index *at = qc_chain_find(n->chain, &hash);
        uint32_t n_tx = at ? atomic_load(&at->n_tx) : 0;
        if (!at || !qc_chain_contains(n->chain, at) || n_tx == 0) {
            qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "Block not found in chain");
            return;
        }
        qc_jw_arr(w);
        /* A proof about another number of leaves may pass an inner node off as a leaf. */
        for (size_t i = 0; i < p->n_match && n_tx == p->n; i++)
            qc_jw_hash(w, &p->match[i]);
    } else {
        qc_jw_arr(w);
    }
    qc_jw_arr_end(w);
}

static void verifytxoutproof(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    qc_bytes b = QC_BYTES_INIT;
    qc_header h;
    qc_merkle_proof p;
    if (!qc_rpc_hex(r, 0, "proof", &b))
        return;
    qc_reader rd = qc_reader_of(qc_bytes_span(&b));
    qc_span raw = qc_r_span(&rd, QC_HEADER_LEN);
    qc_merkle_proof_read(&rd, &p);
    if (rd.fail) {
        fail_bytes(r, rd.fail);
    } else {
        qc_header_read(raw.data, &h);
        answer_matches(r, n, &h, &p);
    }
    qc_merkle_proof_clear(&p);
    qc_bytes_free(&b);
}

static const qc_rpc_param P_IDS[] = {{"txid", QC_T_HEX, .help = "A transaction id"},
                                     {.names = NULL}};
static const qc_rpc_param P_GET[] = {
    {"txids", QC_T_ARR, true, .help = "Transactions, all of one block", .inner = P_IDS},
    {"blockhash", QC_T_HEX,
     .help = "The block. Without it one of them must have an unspent output, or -txindex be on"},
    {.names = NULL}};
static const qc_rpc_param P_VERIFY[] = {
    {"proof", QC_T_HEX, true, .help = "What gettxoutproof has given"}, {.names = NULL}};

const qc_rpc_method QC_METHODS_TXPROOF[] = {
    {"blockchain", "gettxoutproof", "A proof that transactions are in a block.", P_GET,
     .result = "\"hex\"", .examples = "gettxoutproof '[\"mytxid\"]' \"blockhash\"",
     .fn = gettxoutproof},
    {"blockchain", "verifytxoutproof",
     "The transactions that a proof is about; fails unless its block is in the active chain.",
     P_VERIFY, .result = "[ \"txid\", ... ] (empty: the proof does not hold)",
     .examples = "verifytxoutproof \"proof\"", .fn = verifytxoutproof},
    {.name = NULL}};
