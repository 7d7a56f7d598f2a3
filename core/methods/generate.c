/* Making blocks on demand (Core rpc/mining.cpp generate*). */
#include "core/base/alloc.h"
#include "core/methods/common.h"
#include "core/methods/descriptors.h"
#include "core/methods/hexarg.h"
#include "core/methods/script_text.h"
#include "core/methods/submit.h"
#include "core/mining/assemble.h"

#define DEFAULT_MAX_TRIES 1000000

typedef enum made { MADE, MADE_NOTHING, GAVE_UP, FAILED } made;

typedef struct make_job {
    qc_node *n;
    qc_span script;
    qc_bytes block;
    qc_err err;
    qc_verdict v;
} make_job;

static void run_make(qc_chain *c, void *arg)
{
    make_job *j = arg;
    const qc_template *t;
    j->err = qc_miner_template(j->n->miner, NULL, QC_TEMPLATE_REQUEST, qc_clock_now(), &t);
    if (j->err)
        return;
    if (qc_template_check(c, t, &j->v))
        j->err = qc_template_simple(t, j->script, &j->block);
    qc_template_unref(t);
}

/* A block of the best transactions that pays `script`. */
static bool make_block(qc_rpc_req *r, qc_node *n, qc_span script, qc_bytes *out)
{
    make_job j = {.n = n, .script = script, .block = QC_BYTES_INIT};
    char text[512];
    qc_chain_call(n->chain_thread, run_make, &j);
    *out = j.block;
    if (j.err)
        return qc_m_fail_err(r, j.err, "Cannot assemble a block");
    return qc_verdict_ok(&j.v) || qc_rpc_fail(r, QC_RPC_MISC_ERROR, "TestBlockValidity failed: %s",
                                              qc_verdict_text(&j.v, text, sizeof text));
}

/* Assemble, solve, process one block. */
static made make_one(qc_rpc_req *r, qc_node *n, qc_span script, uint64_t *tries, qc_hash *hash)
{
    qc_bytes bytes;
    if (!make_block(r, n, script, &bytes))
        return FAILED;
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

static void generatetodescriptor(qc_rpc_req *r, void *arg)
{
    qc_node *n = arg;
    int32_t count = 0;
    uint64_t tries;
    const char *desc = "";
    char error[QC_M_DESC_ERROR] = "";
    int code;
    if (!qc_rpc_i32(r, 0, &count) || !tries_arg(r, &tries) || !qc_rpc_str(r, 1, &desc))
        return;
    qc_bytes script = QC_BYTES_INIT;
    if (qc_m_desc_one_script(n->params, desc, &script, &code, error, sizeof error))
        make_blocks(r, n, qc_bytes_span(&script), count, tries);
    else
        qc_rpc_fail(r, code ? code : QC_RPC_INVALID_ADDRESS_OR_KEY, "%s", error);
    qc_bytes_free(&script);
}

/* ---- generateblock ---- */

/* Of each transaction either buf or entry holds the memory. */
typedef struct tx_list {
    qc_txbuf *buf;
    const qc_mempool_entry **entry;
    qc_tx *tx;
    size_t n;
} tx_list;

static void tx_list_free(tx_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        qc_txbuf_clear(&l->buf[i]);
        qc_mempool_entry_unref(l->entry[i]);
    }
    qc_free(l->buf);
    qc_free(l->entry);
    qc_free(l->tx);
}

typedef struct find_job {
    const qc_mempool *pool;
    qc_hash txid;
    const qc_mempool_entry *found; /* with a reference */
} find_job;

static void run_find(qc_chain *c, void *arg)
{
    find_job *j = arg;
    (void)c;
    j->found = qc_mempool_find(j->pool, &j->txid);
    if (j->found)
        qc_mempool_entry_ref(j->found);
}

static bool tx_list_find(qc_rpc_req *r, qc_node *n, tx_list *l, const char *hex,
                         const qc_hash *txid)
{
    find_job j = {n->pool, *txid, NULL};
    if (n->pool)
        qc_chain_call(n->chain_thread, run_find, &j);
    if (!j.found)
        return qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "Transaction %s not in mempool.", hex);
    l->entry[l->n] = j.found;
    l->tx[l->n++] = j.found->tx;
    return true;
}

static bool tx_list_add(qc_rpc_req *r, qc_node *n, tx_list *l, const json_t *v)
{
    const char *hex;
    qc_hash txid;
    if (!qc_rpc_v_str(r, v, &hex))
        return false;
    if (!qc_hash_parse(hex, &txid))
        return tx_list_find(r, n, l, hex, &txid);
    if (!qc_m_decode_tx(hex, false, true, &l->buf[l->n]))
        return qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR,
                           "Transaction decode failed for %s. Make sure the tx has at least one "
                           "input.",
                           hex);
    l->tx[l->n] = l->buf[l->n].tx;
    l->n++;
    return true;
}

static bool tx_list_read(qc_rpc_req *r, qc_node *n, const json_t *list, tx_list *l)
{
    size_t count = json_array_size(list);
    *l = (tx_list){
        .buf = qc_alloc((count + 1) * sizeof *l->buf),
        .entry = qc_alloc((count + 1) * sizeof *l->entry),
        .tx = qc_alloc((count + 1) * sizeof *l->tx),
    };
    for (size_t i = 0; i < count; i++)
        if (!tx_list_add(r, n, l, json_array_get(list, i))) {
            tx_list_free(l);
            return false;
        }
    return true;
}

typedef struct exact_job {
    qc_node *n;
    qc_assemble req;
    qc_bytes block;
    qc_err err;
    qc_verdict v;
} exact_job;

/* In one job, so that the tip is the same for both halves. */
static void run_exact(qc_chain *c, void *arg)
{
    exact_job *j = arg;
    qc_block *b = NULL;
    j->err = qc_mining_assemble(j->n->params, qc_chain_tip(c), &j->req, &j->block);
    if (j->err)
        return;
    qc_miner_made(j->n->miner, QC_TEMPLATE_RESERVED_WEIGHT, 0);
    if (qc_block_parse(qc_bytes_span(&j->block), &b)) {
        j->err = QC_ENOMEM;
        return;
    }
    qc_chain_test_block(c, b, false, false, &j->v);
    qc_block_unref(b);
}

static bool exact_block(qc_rpc_req *r, qc_node *n, qc_span script, const tx_list *l, qc_bytes *out)
{
    exact_job j = {.n = n, .block = QC_BYTES_INIT};
    char text[512];
    j.req = (qc_assemble){
        .coinbase_script = script,
        .tx = l->tx,
        .n_tx = l->n,
        .now = qc_clock_now(),
        .has_version = n->has_block_version && n->params->mine_on_demand,
        .version = n->block_version,
    };
    qc_chain_call(n->chain_thread, run_exact, &j);
    *out = j.block;
    if (j.err)
        return qc_m_fail_err(r, j.err, "Cannot assemble a block");
    return qc_verdict_ok(&j.v) ||
           qc_rpc_fail(r, QC_RPC_VERIFY_ERROR, "TestBlockValidity failed: %s",
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
    qc_bytes bytes;
    uint64_t tries = DEFAULT_MAX_TRIES;
    if (exact_block(r, n, script, l, &bytes)) {
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
    char error[QC_M_DESC_ERROR];
    int code;
    tx_list l;
    if (!qc_rpc_str(r, 0, &output) || !qc_rpc_bool(r, 2, &submit))
        return;
    qc_bytes script = QC_BYTES_INIT;
    if (!qc_m_desc_one_script(n->params, output, &script, &code, error, sizeof error) &&
        (code || !qc_m_address_script(n->params, output, &script))) {
        qc_rpc_fail(r, code ? code : QC_RPC_INVALID_ADDRESS_OR_KEY, "%s",
                    code ? error : "Error: Invalid address or descriptor");
        return;
    }
    if (tx_list_read(r, n, qc_rpc_arg(r, 1), &l)) {
        generate_with(r, n, qc_bytes_span(&script), &l, submit);
        tx_list_free(&l);
    }
    qc_bytes_free(&script);
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
    {"rawtx/txid", QC_T_HEX, .help = "A transaction in hex, or the id of one in the mempool"},
    {.names = NULL}};
static const qc_rpc_param P_GENBLOCK[] = {
    {"output", QC_T_STR, true, .help = "Address or descriptor that gets the reward"},
    {"transactions", QC_T_ARR, true,
     .help = "The block's transactions in order, each after those it depends on",
     .inner = P_GENBLOCK_TX},
    {"submit", QC_T_BOOL, .dflt = "true", .help = "false: give the block back in hex instead"},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_GENERATE[] = {
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
     P_GENBLOCK, .result = "{ hash, hex }",
     .examples = "generateblock \"myaddress\" '[\"rawtx\", \"mempool_txid\"]'",
     .fn = generateblock},
    {.name = NULL}};
