/* The UTXO set (Core rpc/blockchain.cpp gettxout, gettxoutsetinfo, scantxoutset). Scans flush the
 * cache first, then walk a snapshot of the database on the rpc thread. */
#include "core/base/alloc.h"
#include "core/methods/common.h"
#include "core/methods/tx_json.h"

typedef struct coin_job {
    qc_outpoint o;
    const qc_mempool *pool; /* NULL: the chain alone is asked */
    qc_bytes script;        /* owned */
    qc_amount value;
    uint32_t height;
    bool coinbase;
    const qc_index *tip;
    qc_err err;
} coin_job;

static qc_err keep_coin(coin_job *j, qc_amount value, uint32_t height, bool coinbase,
                        qc_span script)
{
    j->value = value;
    j->height = height;
    j->coinbase = coinbase;
    return qc_bytes_append(&j->script, script.data, script.len);
}

static void run_coin(qc_chain *c, void *arg)
{
    coin_job *j = arg;
    qc_coin coin;
    j->tip = qc_chain_tip(c);
    const qc_mempool_entry *e = j->pool ? qc_mempool_find(j->pool, &j->o.txid) : NULL;
    if (j->pool && qc_mempool_spender(j->pool, &j->o)) {
        j->err = QC_ENOENT;
    } else if (e) {
        j->err = j->o.n < e->tx.rec->n_out
                     ? keep_coin(j, e->tx.out[j->o.n].value, QC_MEMPOOL_HEIGHT, false,
                                 qc_tx_script(&e->tx, j->o.n))
                     : QC_ENOENT;
    } else if (!(j->err = qc_chain_coin(c, &j->o, &coin))) {
        j->err = keep_coin(j, coin.value, coin.height, coin.coinbase,
                           qc_span_of(coin.script, coin.script_len));
        qc_coin_clear(&coin);
    }
}

static void put_coin(qc_jw *w, const qc_node *n, const coin_job *j)
{
    qc_jw_obj(w);
    qc_jw_khash(w, "bestblock", &j->tip->hash);
    qc_jw_kint(w, "confirmations",
               j->height == QC_MEMPOOL_HEIGHT ? 0 : (int64_t)j->tip->height - j->height + 1);
    qc_jw_kamount(w, "value", j->value);
    qc_jw_kobj(w, "scriptPubKey");
    qc_m_script_members(w, n->params, qc_bytes_span(&j->script), true, true);
    qc_jw_obj_end(w);
    qc_jw_kbool(w, "coinbase", j->coinbase);
    qc_jw_obj_end(w);
}

static void gettxout(qc_rpc_req *r, void *arg)
{
    qc_node *n = arg;
    coin_job j = {.err = QC_OK};
    bool include_mempool = true;
    if (!qc_rpc_hash(r, 0, "txid", &j.o.txid) || !qc_rpc_u32(r, 1, &j.o.n) ||
        !qc_rpc_bool(r, 2, &include_mempool))
        return;
    j.pool = include_mempool ? n->pool : NULL;
    qc_chain_call(n->chain_thread, run_coin, &j);
    if (j.err == QC_ENOENT)
        return; /* null */
    if (j.err)
        qc_m_fail_err(r, j.err, "Cannot read the coin");
    else
        put_coin(qc_rpc_out(r), n, &j);
    qc_bytes_free(&j.script);
}

typedef struct flush_job {
    qc_coinsdb *db;
    qc_err err;
} flush_job;

static void run_flush(qc_chain *c, void *arg)
{
    flush_job *j = arg;
    j->err = qc_chain_flush(c);
    j->db = qc_chain_coinsdb(c);
}

static bool flushed_db(qc_rpc_req *r, qc_node *n, qc_coinsdb **db)
{
    flush_job j = {NULL, QC_OK};
    qc_chain_call(n->chain_thread, run_flush, &j);
    *db = j.db;
    return !j.err || qc_m_fail_err(r, j.err, "Cannot flush the coins cache");
}

static bool hash_kind(qc_rpc_req *r, qc_utxo_hash *out)
{
    const char *name = "hash_serialized_3";
    if (!qc_rpc_str(r, 0, &name))
        return false;
    if (strcmp(name, "hash_serialized_3") == 0)
        *out = QC_UTXO_HASH3;
    else if (strcmp(name, "muhash") == 0)
        *out = QC_UTXO_MUHASH;
    else if (strcmp(name, "none") == 0)
        *out = QC_UTXO_NONE;
    else
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "'%s' is not a valid hash_type", name);
    return true;
}

static void put_set_info(qc_jw *w, const qc_node *n, const qc_utxo_stats *s, qc_utxo_hash kind)
{
    const qc_index *at = qc_chain_find(n->chain, &s->best);
    qc_jw_obj(w);
    qc_jw_kuint(w, "height", at ? at->height : 0);
    qc_jw_khash(w, "bestblock", &s->best);
    qc_jw_kuint(w, "txouts", s->txouts);
    qc_jw_kuint(w, "bogosize", s->bogosize);
    if (kind != QC_UTXO_NONE)
        qc_jw_khash(w, kind == QC_UTXO_MUHASH ? "muhash" : "hash_serialized_3", &s->hash);
    qc_jw_kamount(w, "total_amount", s->total);
    qc_jw_kuint(w, "transactions", s->transactions);
    qc_jw_kuint(w, "disk_size", s->disk_size);
    qc_jw_obj_end(w);
}

/* ---- from the index ---- */

static int64_t unspendable(const qc_coinstats *s)
{
    return s->unspendable_genesis + s->unspendable_bip30 + s->unspendable_scripts +
           s->unspendable_unclaimed;
}

/* What one block has added; it fits 64 bits. */
static int64_t added(const qc_u256 *now, const qc_u256 *before)
{
    qc_u256 diff = *now;
    qc_u256_sub(&diff, before);
    return (int64_t)diff.w[0];
}

static void put_block_info(qc_jw *w, const qc_coinstats *s, const qc_coinstats *p)
{
    qc_jw_kobj(w, "block_info");
    qc_jw_kamount(w, "prevout_spent", added(&s->prevout_spent, &p->prevout_spent));
    qc_jw_kamount(w, "coinbase", added(&s->coinbase, &p->coinbase));
    qc_jw_kamount(w, "new_outputs_ex_coinbase",
                  added(&s->new_outputs_ex_coinbase, &p->new_outputs_ex_coinbase));
    qc_jw_kamount(w, "unspendable", unspendable(s) - unspendable(p));
    qc_jw_kobj(w, "unspendables");
    qc_jw_kamount(w, "genesis_block", s->unspendable_genesis - p->unspendable_genesis);
    qc_jw_kamount(w, "bip30", s->unspendable_bip30 - p->unspendable_bip30);
    qc_jw_kamount(w, "scripts", s->unspendable_scripts - p->unspendable_scripts);
    qc_jw_kamount(w, "unclaimed_rewards", s->unspendable_unclaimed - p->unspendable_unclaimed);
    qc_jw_obj_end(w);
    qc_jw_obj_end(w);
}

static void put_indexed(qc_rpc_req *r, const qc_node *n, const qc_index *at, qc_utxo_hash kind)
{
    qc_coinstats s, p = {.txouts = 0};
    if (qc_coinstatsindex_get(n->coinstats, at, &s) ||
        (at->parent && qc_coinstatsindex_get(n->coinstats, at->parent, &p))) {
        qc_rpc_fail(r, QC_RPC_INTERNAL_ERROR, "Unable to read UTXO set");
        return;
    }
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_kuint(w, "height", at->height);
    qc_jw_khash(w, "bestblock", &at->hash);
    qc_jw_kuint(w, "txouts", s.txouts);
    qc_jw_kuint(w, "bogosize", s.bogosize);
    if (kind == QC_UTXO_MUHASH)
        qc_jw_khash(w, "muhash", &s.muhash);
    qc_jw_kamount(w, "total_amount", s.total_amount);
    qc_jw_kamount(w, "total_unspendable_amount", unspendable(&s));
    put_block_info(w, &s, &p);
    qc_jw_obj_end(w);
}

/* The block asked for. NULL: the tip is meant, or the request has failed. */
static const qc_index *set_block_arg(qc_rpc_req *r, const qc_node *n, qc_utxo_hash kind,
                                     bool use_index)
{
    if (!qc_rpc_arg(r, 1))
        return NULL;
    const char *why = !n->coinstats ? "Querying specific block heights requires coinstatsindex"
                      : kind == QC_UTXO_HASH3
                          ? "hash_serialized_3 hash type cannot be queried for a specific block"
                      : !use_index
                          ? "Cannot set use_index to false when querying for a specific block"
                          : NULL;
    if (why) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "%s", why);
        return NULL;
    }
    return qc_m_hash_or_height(r, n, 1, "hash_or_height");
}

static void from_index(qc_rpc_req *r, const qc_node *n, const qc_index *at, qc_utxo_hash kind)
{
    qc_keeper *f = qc_coinstatsindex_keeper(n->coinstats);
    bool synced;
    if (!qc_m_index_ready(n, f)) {
        int64_t height = qc_keeper_height(f, &synced);
        if (at && (int64_t)at->height > height) {
            qc_rpc_fail(r, QC_RPC_INTERNAL_ERROR,
                        "Unable to get data because coinstatsindex is still syncing. Current "
                        "height: %lld",
                        height < 0 ? 0LL : (long long)height);
            return;
        }
    }
    put_indexed(r, n, at ? at : qc_chain_tip(n->chain), kind);
}

static void gettxoutsetinfo(qc_rpc_req *r, void *arg)
{
    qc_node *n = arg;
    qc_utxo_hash kind = QC_UTXO_HASH3;
    bool use_index = true;
    if (!hash_kind(r, &kind) || !qc_rpc_bool(r, 2, &use_index))
        return;
    const qc_index *at = set_block_arg(r, n, kind, use_index);
    if (qc_rpc_failed(r))
        return;
    if (use_index && n->coinstats && kind != QC_UTXO_HASH3) {
        from_index(r, n, at, kind);
        return;
    }
    qc_coinsdb *db;
    qc_utxo_stats s;
    if (!flushed_db(r, n, &db))
        return;
    qc_err err = qc_utxo_stats_compute(db, kind, &n->stopping, &s);
    if (err)
        qc_rpc_fail(r, QC_RPC_INTERNAL_ERROR, "Unable to read UTXO set");
    else
        put_set_info(qc_rpc_out(r), n, &s, kind);
}

static const qc_rpc_param P_TXOUT[] = {
    {"txid", QC_T_STR, true, .help = "The transaction that made it"},
    {"n", QC_T_NUM, true, .help = "Which of its outputs"},
    {"include_mempool", QC_T_BOOL, .dflt = "true",
     .help = "Also outputs of the mempool, and none that it spends"},
    {.names = NULL}};
static const qc_rpc_param P_SETINFO[] = {
    {"hash_type", QC_T_STR, .dflt = "hash_serialized_3",
     .help = "hash_serialized_3, muhash or none"},
    {"hash_or_height", QC_T_NUM, .dflt = "the tip",
     .help = "The block; another one than the tip needs -coinstatsindex", .skip_type_check = true,
     .type_text = "string or numeric"},
    {"use_index", QC_T_BOOL, .dflt = "true", .help = "Answer from -coinstatsindex when it is on"},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_UTXO[] = {
    {"blockchain", "gettxout", "An unspent output, or null.", P_TXOUT,
     .result = "null, or { bestblock, confirmations, value, scriptPubKey: {...}, coinbase }",
     .examples = "gettxout \"txid\" 1", .fn = gettxout},
    {"blockchain", "gettxoutsetinfo",
     "Count, sum and hash of all unspent outputs. Reads the whole "
     "set: minutes on a large chain.",
     P_SETINFO,
     .result = "{ height, bestblock, txouts, bogosize, hash_serialized_3 | muhash, total_amount,\n"
               "  transactions, disk_size }; from the index total_unspendable_amount, block_info "
               "instead of the\n  last two",
     .examples = "gettxoutsetinfo\ngettxoutsetinfo \"muhash\"\ngettxoutsetinfo \"none\" 1000",
     .fn = gettxoutsetinfo},
    {.name = NULL}};
