#include "core/methods/common.h"

#include "core/base/alloc.h"

#include <math.h>

void qc_m_kbits(qc_jw *w, uint32_t bits)
{
    qc_jw_key(w, "bits");
    qc_jw_strf(w, "%08x", bits);
}

void qc_m_ku256(qc_jw *w, const char *key, const qc_u256 *v)
{
    qc_hash h;
    qc_u256_to_hash(v, &h);
    qc_jw_khash(w, key, &h);
}

void qc_m_ktarget(qc_jw *w, uint32_t bits)
{
    qc_u256 target;
    bool negative, overflow;
    qc_compact_decode(bits, &target, &negative, &overflow);
    qc_m_ku256(w, "target", &target);
}

double qc_m_difficulty(uint32_t bits)
{
    int shift = (int)(bits >> 24 & 0xff);
    double d = (double)0x0000ffff / (double)(bits & 0x00ffffff);
    return ldexp(d, 8 * (29 - shift));
}

typedef struct warning_out {
    qc_jw *w;
    bool as_string;
    char latest[512];
} warning_out;

static void one_warning(void *arg, const char *text)
{
    warning_out *o = arg;
    if (!o->as_string)
        qc_jw_str(o->w, text);
    else
        snprintf(o->latest, sizeof o->latest, "%s", text);
}

void qc_m_kwarnings(qc_jw *w, const qc_node *n)
{
    warning_out o = {w, n->deprecated_warnings, ""};
    qc_jw_key(w, "warnings");
    if (!o.as_string)
        qc_jw_arr(w);
    if (n->each_warning)
        n->each_warning(n->warning_arg, one_warning, &o);
    if (o.as_string)
        qc_jw_str(w, o.latest);
    else
        qc_jw_arr_end(w);
}

/* Core protocol.cpp, serviceFlagsToStr. */
void qc_m_kservices(qc_jw *w, const char *key, uint64_t services)
{
    static const char *const name[64] = {
        [0] = "NETWORK",          [2] = "BLOOM",  [3] = "WITNESS", [6] = "COMPACT_FILTERS",
        [10] = "NETWORK_LIMITED", [11] = "P2P_V2"};
    qc_jw_karr(w, key);
    for (unsigned bit = 0; bit < QC_COUNTOF(name); bit++) {
        if (!(services >> bit & 1))
            continue;
        if (name[bit])
            qc_jw_str(w, name[bit]);
        else
            qc_jw_strf(w, "UNKNOWN[2^%u]", bit);
    }
    qc_jw_arr_end(w);
}

bool qc_m_need_net(qc_rpc_req *r, const qc_node *n)
{
    return n->net || qc_rpc_fail(r, QC_RPC_CLIENT_P2P_DISABLED,
                                 "Error: Peer-to-peer functionality missing or disabled");
}

bool qc_m_need_pool(qc_rpc_req *r, const qc_node *n)
{
    return n->pool ||
           qc_rpc_fail(r, QC_RPC_CLIENT_MEMPOOL_DISABLED, "Mempool disabled or instance not found");
}

void qc_m_fail_help(qc_rpc_req *r, int code)
{
    char *help = qc_rpc_help(qc_rpc_registry_of(r), qc_rpc_name(r));
    qc_rpc_fail(r, code, "%s", help);
    qc_free(help);
}

const qc_index *qc_m_block_arg(qc_rpc_req *r, const qc_node *n, size_t i, const char *name)
{
    qc_hash hash = {{0}};
    if (!qc_rpc_hash(r, i, name, &hash))
        return NULL;
    const qc_index *found = qc_chain_find(n->chain, &hash);
    if (!found)
        qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "Block not found");
    return found;
}

const qc_index *qc_m_hash_or_height(qc_rpc_req *r, const qc_node *n, size_t i, const char *name)
{
    if (!json_is_number(qc_rpc_arg(r, i)))
        return qc_m_block_arg(r, n, i, name);
    int32_t height = 0;
    if (!qc_rpc_i32(r, i, &height))
        return NULL;
    if (height < 0) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Target block height %d is negative", height);
        return NULL;
    }
    const qc_index *found = qc_chain_at(n->chain, (uint32_t)height);
    if (!found)
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Target block height %d after current tip %u",
                    height, qc_chain_tip(n->chain)->height);
    return found;
}

/* Core rpc/blockchain.cpp CheckBlockDataAvailability. */
static bool check_available(qc_rpc_req *r, const qc_node *n, const qc_index *i, bool undo)
{
    uint32_t status = atomic_load(&i->status);
    if (status & (undo ? QC_BLOCK_HAVE_UNDO : QC_BLOCK_HAVE_DATA))
        return true;
    const char *what = undo ? "Undo data" : "Block";
    if (atomic_load(&i->n_tx) > 0 && !(status & QC_BLOCK_HAVE_DATA) &&
        qc_chain_is_pruned_mode(n->chain, NULL))
        return qc_rpc_fail(r, QC_RPC_MISC_ERROR, "%s not available (pruned data)", what);
    if (undo)
        return qc_rpc_fail(r, QC_RPC_MISC_ERROR, "Undo data not available");
    return qc_rpc_fail(r, QC_RPC_MISC_ERROR, "Block not available (not fully downloaded)");
}

static qc_block *read_block(qc_rpc_req *r, const qc_node *n, const qc_index *i, bool spent,
                            int code, const char *no_undo)
{
    /* Genesis has no undo data, and needs none. */
    if (!check_available(r, n, i, false) ||
        (spent && i->height > 0 && !check_available(r, n, i, true)))
        return NULL;
    qc_block *b = NULL;
    qc_err err =
        spent ? qc_chain_read_block_spent(n->chain, i, &b) : qc_chain_read_block(n->chain, i, &b);
    if (!err)
        return b;
    /* Core reads the body first: say which of the two is missing. */
    bool body = spent && qc_chain_read_block(n->chain, i, &b) == QC_OK;
    if (body)
        qc_block_unref(b);
    qc_rpc_fail(r, body ? code : QC_RPC_MISC_ERROR, "%s",
                body ? no_undo : "Block not found on disk");
    return NULL;
}

qc_block *qc_m_read_block(qc_rpc_req *r, const qc_node *n, const qc_index *i, bool spent)
{
    return read_block(r, n, i, spent, QC_RPC_MISC_ERROR, "Can't read undo data from disk");
}

qc_block *qc_m_read_block_to_show(qc_rpc_req *r, const qc_node *n, const qc_index *i, bool spent)
{
    return read_block(r, n, i, spent, QC_RPC_INTERNAL_ERROR,
                      "Undo data expected but can't be read. This could be due to disk corruption "
                      "or a conflict with a pruning event.");
}

int64_t qc_m_confirmations(const qc_index *tip, const qc_index *i, const qc_index **next)
{
    const qc_index *child = qc_index_ancestor(tip, i->height + 1);
    *next = child && child->parent == i ? child : NULL;
    if (*next)
        return (int64_t)tip->height - i->height + 1;
    return i == tip ? 1 : -1;
}

bool qc_m_fail_memory(qc_rpc_req *r)
{
    return qc_rpc_fail(r, QC_RPC_OUT_OF_MEMORY, "Out of memory");
}

bool qc_m_fail_err(qc_rpc_req *r, qc_err err, const char *what)
{
    return qc_rpc_fail(r, err == QC_ENOMEM ? QC_RPC_OUT_OF_MEMORY : QC_RPC_INTERNAL_ERROR, "%s: %s",
                       what, qc_err_text(err));
}
