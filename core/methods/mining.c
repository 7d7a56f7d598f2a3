/* Mining methods (Core rpc/mining.cpp): making blocks on demand, and the numbers of mining. */
#include "core/mining/assemble.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/methods/common.h"
#include "core/methods/descriptors.h"
#include "core/methods/hexarg.h"
#include "core/methods/script_text.h"
#include "core/methods/submit.h"

#define DEFAULT_MAX_TRIES 1000000
#define BLOCK_MIN_TX_FEE 1 /* satoshis per 1,000 vbytes, Core policy.h DEFAULT_BLOCK_MIN_TX_FEE */

static qc_assemble request_for(const qc_node *n, qc_span script)
{
    return (qc_assemble){.coinbase_script = script,
                         .now = qc_clock_now(),
                         .has_version = n->has_block_version && n->params->mine_on_demand,
                         .version = n->block_version};
}

typedef enum made { MADE, MADE_NOTHING, GAVE_UP, FAILED } made;

/* Assemble, solve, process one block. */
static made make_one(qc_rpc_req *r, qc_node *n, qc_span script, uint64_t *tries, qc_hash *hash)
{
    qc_bytes bytes;
    qc_assemble req = request_for(n, script);
    qc_err err = qc_mining_assemble(n->params, qc_chain_tip(n->chain), &req, &bytes);
    if (err) {
        qc_m_fail_err(r, err, "Cannot assemble a block");
        return FAILED;
    }
    qc_solve s = qc_mining_solve(n->params, bytes.data, tries, &n->stopping);
    qc_block *b = NULL;
    bool parsed = s == QC_SOLVE_FOUND && !qc_block_parse(qc_bytes_span(&bytes), &b);
    qc_bytes_free(&bytes);
    if (!parsed)
        return s == QC_SOLVE_NONCES_USED ? MADE_NOTHING : GAVE_UP;
    qc_submit_result res;
    qc_m_submit(n, b, &res);
    *hash = *qc_block_hash(b);
    qc_block_unref(b);
    if (!res.err && res.accepted)
        return MADE;
    qc_rpc_fail(r, QC_RPC_INTERNAL_ERROR, "ProcessNewBlock, block not accepted");
    return FAILED;
}

static void make_blocks(qc_rpc_req *r, qc_node *n, qc_span script, int32_t count, uint64_t tries)
{
    qc_jw *w = qc_rpc_out(r);
    qc_jw_arr(w);
    while (count > 0 && !n->stopping) {
        qc_hash hash;
        made m = make_one(r, n, script, &tries, &hash);
        if (m == FAILED)
            return;
        if (m == GAVE_UP)
            break;
        if (m == MADE) {
            qc_jw_hash(w, &hash);
            count--;
        }
    }
    qc_jw_arr_end(w);
}

static bool tries_arg(qc_rpc_req *r, uint64_t *tries)
{
    int64_t v = DEFAULT_MAX_TRIES;
    if (!qc_rpc_i64(r, 2, &v))
        return false;
    *tries = v > 0 ? (uint64_t)v : 0;
    return true;
}

static void generatetoaddress(qc_rpc_req *r, void *arg)
{
    qc_node *n = arg;
    int32_t count = 0;
    uint64_t tries;
    const char *address = "";
    if (!qc_rpc_i32(r, 0, &count) || !tries_arg(r, &tries) || !qc_rpc_str(r, 1, &address))
        return;
    qc_bytes script;
    if (!qc_m_address_script(n->params, address, &script)) {
        qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "Error: Invalid address");
        return;
    }
    make_blocks(r, n, qc_bytes_span(&script), count, tries);
    qc_bytes_free(&script);
}

/* Of the scripts a combo() descriptor stands for, Core mines to the third of four, else the second.
 */
static bool mining_script(const qc_params *p, const char *desc, qc_bytes *out, char *error,
                          size_t cap)
{
    qc_script_list l;
    if (!qc_m_descriptor_scripts(p, desc, false, &l, error, cap))
        return false;
    size_t pick = l.n == 1 ? 0 : l.n == 4 ? 2 : 1;
    bool ok = !qc_bytes_append(out, l.item[pick].script.data, l.item[pick].script.len);
    qc_script_list_free(&l);
    return ok;
}

static void generatetodescriptor(qc_rpc_req *r, void *arg)
{
    qc_node *n = arg;
    int32_t count = 0;
    uint64_t tries;
    const char *desc = "";
    char error[256] = "";
    if (!qc_rpc_i32(r, 0, &count) || !tries_arg(r, &tries) || !qc_rpc_str(r, 1, &desc))
        return;
    qc_bytes script = QC_BYTES_INIT;
    if (mining_script(n->params, desc, &script, error, sizeof error))
        make_blocks(r, n, qc_bytes_span(&script), count, tries);
    else
        qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "%s", error);
    qc_bytes_free(&script);
}

/* ---- generateblock ---- */

typedef struct tx_list {
    qc_txbuf *buf;
    qc_tx *tx;
    size_t n;
} tx_list;

static void tx_list_free(tx_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        qc_txbuf_clear(&l->buf[i]);
    qc_free(l->buf);
    qc_free(l->tx);
}

static bool tx_list_add(qc_rpc_req *r, tx_list *l, const json_t *v)
{
    const char *hex;
    qc_hash txid;
    if (!qc_rpc_v_str(r, v, &hex))
        return false;
    if (!qc_hash_parse(hex, &txid))
        return qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "Transaction %s not in mempool.", hex);
    if (!qc_m_decode_tx(hex, false, true, &l->buf[l->n]))
        return qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR,
                           "Transaction decode failed for %s. Make sure the tx has at least one "
                           "input.",
                           hex);
    l->tx[l->n] = l->buf[l->n].tx;
    l->n++;
    return true;
}

static bool tx_list_read(qc_rpc_req *r, const json_t *list, tx_list *l)
{
    size_t n = json_array_size(list);
    *l = (tx_list){qc_alloc((n + 1) * sizeof *l->buf), qc_alloc((n + 1) * sizeof *l->tx), 0};
    for (size_t i = 0; i < n; i++)
        if (!tx_list_add(r, l, json_array_get(list, i))) {
            tx_list_free(l);
            return false;
        }
    return true;
}

typedef struct test_job {
    qc_block *b;
    bool ok;
    qc_verdict v;
} test_job;

static void run_test(qc_chain *c, void *arg)
{
    test_job *j = arg;
    j->ok = qc_chain_test_block(c, j->b, false, false, &j->v);
}

static bool test_block(qc_rpc_req *r, qc_node *n, qc_span bytes)
{
    test_job j = {.ok = false};
    if (qc_block_parse(bytes, &j.b))
        return qc_rpc_fail(r, QC_RPC_OUT_OF_MEMORY, "Out of memory");
    qc_chain_call(n->chain_thread, run_test, &j);
    qc_block_unref(j.b);
    char text[320];
    return j.ok || qc_rpc_fail(r, QC_RPC_VERIFY_ERROR, "TestBlockValidity failed: %s",
                               qc_verdict_text(&j.v, text, sizeof text));
}

static void answer_generated(qc_rpc_req *r, qc_node *n, const qc_bytes *bytes, bool submit)
{
    qc_block *b = NULL;
    if (qc_block_parse(qc_bytes_span(bytes), &b)) {
        qc_rpc_fail(r, QC_RPC_MISC_ERROR, "Failed to make block.");
        return;
    }
    qc_submit_result res = {.accepted = true};
    if (submit)
        qc_m_submit(n, b, &res);
    if (res.err || !res.accepted) {
        qc_rpc_fail(r, QC_RPC_INTERNAL_ERROR, "ProcessNewBlock, block not accepted");
    } else {
        qc_jw *w = qc_rpc_out(r);
        qc_jw_obj(w);
        qc_jw_khash(w, "hash", qc_block_hash(b));
        if (!submit)
            qc_jw_khex(w, "hex", qc_bytes_span(bytes));
        qc_jw_obj_end(w);
    }
    qc_block_unref(b);
}

static void generate_with(qc_rpc_req *r, qc_node *n, qc_span script, const tx_list *l, bool submit)
{
    qc_assemble req = request_for(n, script);
    req.tx = l->tx;
    req.n_tx = l->n;
    qc_bytes bytes;
    qc_err err = qc_mining_assemble(n->params, qc_chain_tip(n->chain), &req, &bytes);
    if (err) {
        qc_m_fail_err(r, err, "Cannot assemble a block");
        return;
    }
    uint64_t tries = DEFAULT_MAX_TRIES;
    if (test_block(r, n, qc_bytes_span(&bytes))) {
        if (qc_mining_solve(n->params, bytes.data, &tries, &n->stopping) == QC_SOLVE_FOUND)
            answer_generated(r, n, &bytes, submit);
        else
            qc_rpc_fail(r, QC_RPC_MISC_ERROR, "Failed to make block.");
    }
    qc_bytes_free(&bytes);
}

static void generateblock(qc_rpc_req *r, void *arg)
{
    qc_node *n = arg;
    const char *output = "";
    bool submit = true;
    char error[256];
    tx_list l;
    if (!qc_rpc_str(r, 0, &output) || !qc_rpc_bool(r, 2, &submit))
        return;
    qc_bytes script = QC_BYTES_INIT;
    if (!mining_script(n->params, output, &script, error, sizeof error) &&
        !qc_m_address_script(n->params, output, &script)) {
        qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "Error: Invalid address or descriptor");
        return;
    }
    if (tx_list_read(r, qc_rpc_arg(r, 1), &l)) {
        generate_with(r, n, qc_bytes_span(&script), &l, submit);
        tx_list_free(&l);
    }
    qc_bytes_free(&script);
}

/* ---- the numbers of mining ---- */

static bool hash_rate(qc_rpc_req *r, const qc_node *n, int32_t lookup, int32_t height, double *out)
{
    const qc_index *tip = qc_chain_tip(n->chain);
    if (lookup < -1 || lookup == 0)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                           "Invalid nblocks. Must be a positive number or -1.");
    if (height < -1 || height > (int64_t)tip->height)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Block does not exist at specified height");
    const qc_index *last = height >= 0 ? qc_chain_at(n->chain, (uint32_t)height) : tip;
    *out = 0;
    if (!last || last->height == 0)
        return true;
    uint32_t interval = n->params->pow_timespan / n->params->pow_spacing;
    uint32_t blocks = lookup == -1 ? last->height % interval + 1 : (uint32_t)lookup;
    blocks = QC_MIN(blocks, last->height);
    const qc_index *i = last;
    int64_t lo = i->header.time, hi = lo;
    for (uint32_t k = 0; k < blocks; k++) {
        i = i->parent;
        lo = QC_MIN(lo, (int64_t)i->header.time);
        hi = QC_MAX(hi, (int64_t)i->header.time);
    }
    qc_u256 work = last->chain_work;
    qc_u256_sub(&work, &i->chain_work);
    if (hi != lo)
        *out = qc_u256_double(&work) / (double)(hi - lo);
    return true;
}

static void getnetworkhashps(qc_rpc_req *r, void *arg)
{
    int32_t lookup = 120, height = -1;
    double rate;
    if (qc_rpc_i32(r, 0, &lookup) && qc_rpc_i32(r, 1, &height) &&
        hash_rate(r, arg, lookup, height, &rate))
        qc_jw_double(qc_rpc_out(r), rate);
}

static void put_next(qc_jw *w, const qc_node *n, const qc_index *tip)
{
    int64_t time = QC_MAX(qc_mining_min_time(n->params, tip), qc_clock_now());
    uint32_t bits = qc_mining_bits(n->params, tip, (uint32_t)time);
    qc_jw_kobj(w, "next");
    qc_jw_kuint(w, "height", tip->height + 1);
    qc_m_kbits(w, bits);
    qc_jw_kdouble(w, "difficulty", qc_m_difficulty(bits));
    qc_m_ktarget(w, bits);
    qc_jw_obj_end(w);
}

static void getmininginfo(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const qc_index *tip = qc_chain_tip(n->chain);
    double rate;
    if (!hash_rate(r, n, 120, -1, &rate))
        return;
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_kuint(w, "blocks", tip->height);
    qc_m_kbits(w, tip->header.bits);
    qc_jw_kdouble(w, "difficulty", qc_m_difficulty(tip->header.bits));
    qc_m_ktarget(w, tip->header.bits);
    qc_jw_kdouble(w, "networkhashps", rate);
    qc_jw_kint(w, "pooledtx", 0);
    qc_jw_kamount(w, "blockmintxfee", BLOCK_MIN_TX_FEE);
    qc_jw_kstr(w, "chain", n->params->name);
    put_next(w, n, tip);
    if (n->params->signet_challenge.len)
        qc_jw_khex(w, "signet_challenge", qc_bytes_span(&n->params->signet_challenge));
    qc_m_kwarnings(w, n);
    qc_jw_obj_end(w);
}

#define MAXTRIES_PARAM                                                                             \
    {                                                                                              \
        "maxtries", QC_T_NUM, .dflt = "1000000", .help = "Hashes to try before giving up"          \
    }

static const qc_rpc_param P_TOADDRESS[] = {
    {"nblocks", QC_T_NUM, true, .help = "How many blocks to make"},
    {"address", QC_T_STR, true, .help = "Who gets the rewards"},
    MAXTRIES_PARAM,
    {.names = NULL}};
/* A name that Core once had: who asks for it is told what to do instead. */
static void generate(qc_rpc_req *r, void *arg)
{
    (void)arg;
    qc_m_fail_help(r, QC_RPC_METHOD_NOT_FOUND);
}

static const qc_rpc_param P_TODESCRIPTOR[] = {
    {"num_blocks", QC_T_NUM, true, .help = "How many blocks to make"},
    {"descriptor", QC_T_STR, true, .help = "Who gets the rewards"},
    MAXTRIES_PARAM,
    {.names = NULL}};
static const qc_rpc_param P_GENBLOCK_TX[] = {
    {"rawtx/txid", QC_T_HEX, .help = "A transaction in hex"}, {.names = NULL}};
static const qc_rpc_param P_GENBLOCK[] = {
    {"output", QC_T_STR, true, .help = "Address or descriptor that gets the reward"},
    {"transactions", QC_T_ARR, true,
     .help = "The block's transactions in order. Ids would name mempool transactions, of which "
             "there are none in this version",
     .inner = P_GENBLOCK_TX},
    {"submit", QC_T_BOOL, .dflt = "true", .help = "false: give the block back in hex instead"},
    {.names = NULL}};
static const qc_rpc_param P_HASHPS[] = {
    {"nblocks", QC_T_NUM, .dflt = "120", .help = "Blocks to look at; -1: since the last retarget"},
    {"height", QC_T_NUM, .dflt = "-1", .help = "Look back from here; -1: from the tip"},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_MINING[] = {
    {"hidden", "generatetoaddress", "Make blocks, now, for an address. For test networks.",
     P_TOADDRESS, .result = "[ \"blockhash\", ... ]",
     .examples = "generatetoaddress 11 \"myaddress\"", .fn = generatetoaddress},
    {"hidden", "generatetodescriptor",
     "Make blocks, now, for a descriptor's script. For test networks.", P_TODESCRIPTOR,
     .result = "[ \"blockhash\", ... ]", .examples = "generatetodescriptor 11 \"mydesc\"",
     .fn = generatetodescriptor},
    {"hidden", "generate",
     "has been replaced by the -generate cli option. Refer to -help for more information.",
     .fn = generate},
    {"hidden", "generateblock", "Make one block of just these transactions. Their fees are lost.",
     P_GENBLOCK, .result = "{ hash, hex }", .examples = "generateblock \"myaddress\" '[\"rawtx\"]'",
     .fn = generateblock},
    {"mining", "getnetworkhashps",
     "Hashes per second that all miners together seem to make, from "
     "the work and times of a stretch of blocks.",
     P_HASHPS, .result = "n    (numeric)", .examples = "getnetworkhashps", .fn = getnetworkhashps},
    {"mining", "getmininginfo", "What a miner wants to know of the tip and of the block after it.",
     .result =
         "{ blocks, bits, difficulty, target, networkhashps, pooledtx, blockmintxfee, chain,\n"
         "  next: { height, bits, difficulty, target }, signet_challenge, warnings }",
     .examples = "getmininginfo", .fn = getmininginfo},
    {.name = NULL}};
