/* Single blocks (Core rpc/blockchain.cpp getblock, getblockheader, getblockhash, getblockstats). */
#include "core/base/alloc.h"
#include "core/consensus/check.h"
#include "core/methods/blockstats.h"
#include "core/methods/common.h"
#include "core/methods/tx_json.h"

static void getblockhash(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    int32_t height = 0;
    if (!qc_rpc_i32(r, 0, &height))
        return;
    const qc_index *i = height < 0 ? NULL : qc_chain_at(n->chain, (uint32_t)height);
    if (i)
        qc_jw_hash(qc_rpc_out(r), &i->hash);
    else
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Block height out of range");
}

static void getblockheader(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    bool verbose = true;
    const qc_index *i = qc_m_block_arg(r, n, 0, "hash");
    if (!i || !qc_rpc_bool(r, 1, &verbose))
        return;
    qc_jw *w = qc_rpc_out(r);
    if (!verbose) {
        uint8_t raw[QC_HEADER_LEN];
        qc_header_write(&i->header, raw);
        qc_jw_hex(w, qc_span_of(raw, sizeof raw));
        return;
    }
    qc_jw_obj(w);
    qc_m_header_members(w, qc_chain_tip(n->chain), i);
    qc_jw_obj_end(w);
}

static void put_coinbase_tx(qc_jw *w, const qc_block *b)
{
    qc_tx cb = qc_block_tx(b, 0);
    qc_jw_kobj(w, "coinbase_tx");
    qc_jw_kuint(w, "version", cb.rec->version);
    qc_jw_kuint(w, "locktime", cb.rec->locktime);
    qc_jw_kuint(w, "sequence", cb.in[0].sequence);
    qc_jw_khex(w, "coinbase", qc_tx_script_sig(&cb, 0));
    qc_span witness = qc_tx_witness(&cb, 0);
    if (witness.len > 0 && witness.data[0] != 0) {
        qc_reader r = qc_reader_of(witness);
        qc_r_compact(&r);
        qc_jw_khex(w, "witness", qc_r_var(&r));
    }
    qc_jw_obj_end(w);
}

static void put_txs(qc_jw *w, const qc_node *n, const qc_block *b, int32_t verbosity)
{
    const qn_block_view *v = qc_block_view(b);
    qc_tx_detail detail = verbosity >= 3 ? QC_TX_PREVOUT : QC_TX_FEE;
    if (!(v->flags & QN_VIEW_SPENT))
        detail = QC_TX_PLAIN;
    qc_jw_karr(w, "tx");
    for (uint32_t i = 0; i < qc_block_n_tx(b); i++) {
        qc_tx tx = qc_block_tx(b, i);
        if (verbosity == 1) {
            qc_hash id;
            memcpy(id.b, tx.rec->txid, sizeof id.b);
            qc_jw_hash(w, &id);
            continue;
        }
        qc_jw_obj(w);
        qc_m_tx_members(w, n->params, &tx, v, detail, true);
        qc_jw_obj_end(w);
    }
    qc_jw_arr_end(w);
}

static void put_raw(qc_rpc_req *r, const qc_block *b)
{
    qc_jw_hex(qc_rpc_out(r), qc_block_bytes(b));
}

void qc_m_put_block(qc_jw *w, const qc_node *n, const qc_index *i, const qc_block *b,
                    int32_t verbosity)
{
    qc_jw_obj(w);
    qc_m_header_members(w, qc_chain_tip(n->chain), i);
    qc_jw_kuint(w, "strippedsize", qc_block_stripped_size(b));
    qc_jw_kuint(w, "size", qc_block_bytes(b).len);
    qc_jw_kuint(w, "weight", qc_block_weight(b));
    put_coinbase_tx(w, b);
    put_txs(w, n, b, verbosity);
    qc_jw_obj_end(w);
}

static void getblock(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    int32_t verbosity = 1;
    const qc_index *i = qc_m_block_arg(r, n, 0, "blockhash");
    if (!i || !qc_rpc_verbosity(r, 1, true, &verbosity))
        return;
    bool spent = verbosity >= 2 && (atomic_load(&i->status) & QC_BLOCK_HAVE_UNDO);
    qc_block *b = qc_m_read_block_to_show(r, n, i, spent);
    if (!b)
        return;
    if (verbosity <= 0) {
        put_raw(r, b);
        qc_block_unref(b);
        return;
    }
    qc_m_put_block(qc_rpc_out(r), n, i, b, verbosity);
    qc_block_unref(b);
}

/* Every statistic by name, in the order of the full answer. */
typedef struct stat_row {
    const char *name;
    size_t offset;
} stat_row;
#define STAT(field)                                                                                \
    {                                                                                              \
#field, offsetof(qc_blockstats, field)                                                     \
    }
static const stat_row STATS_1[] = {STAT(avgfee), STAT(avgfeerate), STAT(avgtxsize)};
static const stat_row STATS_2[] = {STAT(ins), STAT(maxfee), STAT(maxfeerate), STAT(maxtxsize),
                                   STAT(medianfee)};
static const stat_row STATS_3[] = {STAT(mediantxsize), STAT(minfee), STAT(minfeerate),
                                   STAT(mintxsize), STAT(outs)};
static const stat_row STATS_4[] = {STAT(swtotal_size), STAT(swtotal_weight), STAT(swtxs)};
static const stat_row STATS_5[] = {STAT(total_out),
                                   STAT(total_size),
                                   STAT(total_weight),
                                   STAT(totalfee),
                                   STAT(txs),
                                   STAT(utxo_increase),
                                   STAT(utxo_size_inc),
                                   STAT(utxo_increase_actual),
                                   STAT(utxo_size_inc_actual)};

/* What was asked for: NULL means everything. */
typedef struct stat_want {
    const json_t *list;
    bool *seen; /* per list entry */
} stat_want;

static bool wanted(stat_want *s, const char *name)
{
    size_t i, n = json_array_size(s->list);
    bool hit = n == 0;
    for (i = 0; i < n; i++)
        if (strcmp(json_string_value(json_array_get(s->list, i)), name) == 0)
            hit = s->seen[i] = true;
    return hit;
}

static void put_rows(qc_jw *w, stat_want *s, const qc_blockstats *st, const stat_row *row, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t v;
        memcpy(&v, (const char *)st + row[i].offset, sizeof v);
        if (wanted(s, row[i].name))
            qc_jw_kint(w, row[i].name, v);
    }
}

static void put_stats(qc_jw *w, stat_want *s, const qc_node *n, const qc_index *i,
                      const qc_blockstats *st)
{
    qc_jw_obj(w);
    put_rows(w, s, st, STATS_1, QC_COUNTOF(STATS_1));
    if (wanted(s, "blockhash"))
        qc_jw_khash(w, "blockhash", &i->hash);
    if (wanted(s, "feerate_percentiles")) {
        qc_jw_karr(w, "feerate_percentiles");
        for (int k = 0; k < QC_FEERATE_PERCENTILES; k++)
            qc_jw_int(w, st->feerate_percentiles[k]);
        qc_jw_arr_end(w);
    }
    if (wanted(s, "height"))
        qc_jw_kuint(w, "height", i->height);
    put_rows(w, s, st, STATS_2, QC_COUNTOF(STATS_2));
    if (wanted(s, "mediantime"))
        qc_jw_kuint(w, "mediantime", qc_index_mtp(i));
    put_rows(w, s, st, STATS_3, QC_COUNTOF(STATS_3));
    if (wanted(s, "subsidy"))
        qc_jw_kint(w, "subsidy", qc_subsidy(n->params, i->height));
    put_rows(w, s, st, STATS_4, QC_COUNTOF(STATS_4));
    if (wanted(s, "time"))
        qc_jw_kuint(w, "time", i->header.time);
    put_rows(w, s, st, STATS_5, QC_COUNTOF(STATS_5));
    qc_jw_obj_end(w);
}

static bool check_stat_names(qc_rpc_req *r, const json_t *list)
{
    if (list && !qc_rpc_v_type(r, list, JSON_ARRAY))
        return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *s;
        if (!qc_rpc_v_str(r, json_array_get(list, i), &s))
            return false;
    }
    return true;
}

/* The two mainnet blocks whose coinbase repeats an earlier one (Core IsBIP30Repeat). */
static bool bip30_repeat(const qc_node *n, const qc_index *i)
{
    return n->params->id == QC_CHAIN_MAIN && (i->height == 91842 || i->height == 91880);
}

static void answer_stats(qc_rpc_req *r, const qc_node *n, const qc_index *i, const qc_block *b)
{
    qc_blockstats st;
    qc_err err = qc_blockstats_compute(b, i->height == 0, bip30_repeat(n, i), &st);
    if (err) {
        qc_m_fail_err(r, err, "Cannot compute the statistics");
        return;
    }
    stat_want s = {qc_rpc_arg(r, 1), NULL};
    size_t count = json_array_size(s.list);
    s.seen = qc_alloc(count ? count * sizeof *s.seen : 1);
    put_stats(qc_rpc_out(r), &s, n, i, &st);
    for (size_t k = 0; k < count; k++)
        if (!s.seen[k]) {
            qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Invalid selected statistic '%s'",
                        json_string_value(json_array_get(s.list, k)));
            break;
        }
    qc_free(s.seen);
}

static void getblockstats(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const qc_index *i = qc_m_hash_or_height(r, n, 0, "hash_or_height");
    if (!i || !check_stat_names(r, qc_rpc_arg(r, 1)))
        return;
    qc_block *b = qc_m_read_block(r, n, i, true);
    if (!b)
        return;
    answer_stats(r, n, i, b);
    qc_block_unref(b);
}

static const qc_rpc_param P_HASH_AT[] = {
    {"height", QC_T_NUM, true, .help = "0 is the genesis block"}, {.names = NULL}};
static const qc_rpc_param P_HEADER[] = {
    {"blockhash", QC_T_HEX, true, .help = "Any block whose header is known"},
    {"verbose", QC_T_BOOL, .dflt = "true", .help = "false: the 80 bytes in hex"},
    {.names = NULL}};
static const qc_rpc_param P_BLOCK[] = {
    {"blockhash", QC_T_HEX, true, .help = "Any block whose body is here"},
    {"verbosity|verbose", QC_T_NUM, .dflt = "1",
     .help = "0: the bytes in hex; 1: transaction ids; 2: whole transactions with fees; 3: and the "
             "coins they spend",
     .skip_type_check = true},
    {.names = NULL}};
static const qc_rpc_param P_STATS[] = {
    {"hash_or_height", QC_T_NUM, true, .help = "Which block", .skip_type_check = true,
     .type_text = "string or numeric"},
    {"stats", QC_T_ARR, .dflt = "all of them", .help = "Names of the numbers wanted"},
    {.names = NULL}};

#define SOME_BLOCK "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"

const qc_rpc_method QC_METHODS_BLOCK[] = {
    {"blockchain", "getblockhash", "Hash of the active chain's block at a height.", P_HASH_AT,
     .result = "\"hex\"    (string)", .examples = "getblockhash 1000", .fn = getblockhash},
    {"blockchain", "getblockheader", "A header and its place in the chain.", P_HEADER,
     .result = "{ hash, confirmations, height, version, versionHex, merkleroot, time, mediantime, "
               "nonce,\n"
               "  bits, target, difficulty, chainwork, nTx, previousblockhash, nextblockhash }",
     .examples = "getblockheader \"" SOME_BLOCK "\"", .fn = getblockheader},
    {"blockchain", "getblock",
     "A block: its bytes, or its header and transactions. Fees and spent "
     "coins come from undo data and are left out where that is gone.",
     P_BLOCK,
     .result = "{ (members of getblockheader), strippedsize, size, weight, coinbase_tx: {...},\n"
               "  tx: [ \"txid\" | {...}, ... ] }",
     .examples = "getblock \"" SOME_BLOCK "\"", .fn = getblock},
    {"blockchain", "getblockstats",
     "Numbers about one block; amounts are in satoshis. Needs the "
     "block's body and undo data, so not for pruned blocks.",
     P_STATS,
     .result = "{ avgfee, avgfeerate, avgtxsize, blockhash, feerate_percentiles, height, ins, "
               "maxfee, ... }",
     .examples = "getblockstats 1000 '[\"minfeerate\",\"avgfeerate\"]'", .fn = getblockstats},
    {.name = NULL}};
