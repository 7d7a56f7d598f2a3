/* createpsbt, converttopsbt, decodepsbt, combinepsbt, joinpsbts (Core rpc/rawtransaction.cpp). */
#include "core/methods/psbt.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/methods/common.h"
#include "core/methods/createtx.h"
#include "core/methods/hexarg.h"
#include "core/os/file.h"
#include "core/script/sign.h"
#include "lib/secp/curve.h"

#include <stdlib.h>

bool qc_m_psbt_arg(qc_rpc_req *r, const json_t *v, qn_psbt **out)
{
    const char *text = "";
    char *why = NULL;
    size_t len;
    if (!qc_rpc_v_str(r, v, &text))
        return false;
    uint8_t *raw = qn_base64_decode(text, json_string_length(v), &len);
    if (!raw)
        return qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR, "TX decode failed invalid base64");
    const qn_curve curve = qn_secp_curve(NULL);
    *out = qn_psbt_read(&curve, raw, len, &why);
    free(raw);
    if (*out)
        return true;
    bool ok = why ? qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR, "TX decode failed %s", why)
                  : qc_m_fail_memory(r);
    free(why);
    return ok;
}

bool qc_m_put_psbt(qc_rpc_req *r, const qn_psbt *p)
{
    uint8_t *raw = NULL;
    size_t len = 0;
    char *text = p && qn_psbt_write(p, &raw, &len) ? qn_base64_encode(raw, len) : NULL;
    free(raw);
    if (!text)
        return qc_m_fail_memory(r);
    qc_jw_str(qc_rpc_out(r), text);
    free(text);
    return true;
}

/* ---- creator ---- */

static bool version_arg(qc_rpc_req *r, size_t i, uint32_t *out)
{
    *out = 2;
    if (!qc_rpc_u32(r, i, out))
        return false;
    return *out == 0 || *out == 2 ||
           qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "The PSBT version can only be 2 or 0");
}

static void put_new(qc_rpc_req *r, uint32_t version, qc_span tx)
{
    qn_psbt *p = qn_psbt_new(version, tx.data, tx.len);
    (void)qc_m_put_psbt(r, p);
    qn_psbt_free(p);
}

static void createpsbt(qc_rpc_req *r, void *arg)
{
    qc_bytes tx = QC_BYTES_INIT;
    uint32_t version;
    if (qc_m_construct_tx(r, arg, &tx) && version_arg(r, 5, &version))
        put_new(r, version, qc_bytes_span(&tx));
    qc_bytes_free(&tx);
}

static bool is_bare(const qc_tx *tx)
{
    bool bare = true;
    for (uint32_t i = 0; i < tx->rec->n_in; i++) {
        qc_span w = qc_tx_witness(tx, i);
        bare = bare && !qc_tx_script_sig(tx, i).len && (!w.len || w.data[0] == 0);
    }
    return bare;
}

static bool write_bare(qc_rpc_req *r, const qc_tx *tx, qc_bytes *out)
{
    qc_unlock *none = qc_try_calloc(tx->rec->n_in + 1, sizeof *none);
    qc_err err = none ? qc_tx_write_unlocked(tx, none, out) : QC_ENOMEM;
    qc_free(none);
    return !err || qc_m_fail_err(r, err, "Cannot convert");
}

static void convert(qc_rpc_req *r, const qc_tx *tx, bool permit)
{
    qc_bytes bare = QC_BYTES_INIT;
    uint32_t version;
    if (!is_bare(tx) && !permit)
        qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR,
                    "Inputs must not have scriptSigs and scriptWitnesses");
    else if (version_arg(r, 3, &version) && write_bare(r, tx, &bare))
        put_new(r, version, qc_bytes_span(&bare));
    qc_bytes_free(&bare);
}

static void converttopsbt(qc_rpc_req *r, void *arg)
{
    const char *hex = "";
    bool permit = false, witness = false, given = qc_rpc_arg(r, 2) != NULL;
    qc_txbuf t;
    (void)arg;
    if (!qc_rpc_bool(r, 1, &permit) || !qc_rpc_bool(r, 2, &witness) || !qc_rpc_str(r, 0, &hex))
        return;
    if (!qc_m_decode_tx(hex, !given || !witness, !given || witness, &t)) {
        qc_rpc_fail(r, QC_RPC_DESERIALIZATION_ERROR, "TX decode failed");
        return;
    }
    convert(r, &t.tx, permit);
    qc_txbuf_clear(&t);
}

/* ---- lists of them ---- */

typedef struct psbts {
    qn_psbt **item;
    size_t n;
} psbts;

static void psbts_clear(psbts *l)
{
    for (size_t i = 0; i < l->n; i++)
        qn_psbt_free(l->item[i]);
    qc_free((void *)l->item);
}

static bool read_next(qc_rpc_req *r, const json_t *v, psbts *l)
{
    if (!qc_m_psbt_arg(r, v, &l->item[l->n]))
        return false;
    l->n++;
    return true;
}

static bool psbts_new(qc_rpc_req *r, psbts *l, size_t n)
{
    *l = (psbts){.item = (qn_psbt **)qc_try_calloc(n + 1, sizeof(qn_psbt *))};
    return l->item || qc_m_fail_memory(r);
}

static void combinepsbt(qc_rpc_req *r, void *arg)
{
    const json_t *list = qc_rpc_arg(r, 0);
    size_t n = json_array_size(list);
    psbts l;
    (void)arg;
    if (!n) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Parameter 'txs' cannot be empty");
        return;
    }
    bool ok = psbts_new(r, &l, n);
    for (size_t i = 0; ok && i < n; i++)
        ok = read_next(r, json_array_get(list, i), &l);
    for (size_t i = 1; ok && i < n; i++) {
        qn_psbt_result res = qn_psbt_combine(l.item[0], l.item[i]);
        if (res == QN_PSBT_NO_MEMORY)
            ok = qc_m_fail_memory(r);
        else if (res)
            ok = qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                             "PSBTs not compatible (different transactions)");
    }
    if (ok)
        (void)qc_m_put_psbt(r, l.item[0]);
    psbts_clear(&l);
}

/* ---- join ---- */

typedef struct join {
    qn_psbt_in *in;
    qn_psbt_out *out;
    size_t n_in, n_out;
    uint32_t version, locktime;
} join;

/* By outpoint, and of the same as they came. */
static int by_outpoint(const void *a, const void *b)
{
    const qn_psbt_in *const *x = a, *const *y = b;
    int c = memcmp((*x)->txid, (*y)->txid, 32);
    c = c ? c : ((*x)->vout > (*y)->vout) - ((*x)->vout < (*y)->vout);
    return c ? c : (*x > *y) - (*x < *y);
}

static bool no_input_twice(qc_rpc_req *r, const join *j)
{
    const qn_psbt_in **v = (const qn_psbt_in **)qc_try_calloc(j->n_in + 1, sizeof *v),
                     *again = NULL;
    qc_hash id;
    char hex[QC_HASH_HEX_LEN + 1];
    if (!v)
        return qc_m_fail_memory(r);
    for (size_t i = 0; i < j->n_in; i++)
        v[i] = &j->in[i];
    qsort((void *)v, j->n_in, sizeof *v, by_outpoint);
    for (size_t i = 1; i < j->n_in; i++)
        if (v[i]->vout == v[i - 1]->vout && memcmp(v[i]->txid, v[i - 1]->txid, 32) == 0 &&
            (!again || v[i] < again))
            again = v[i];
    qc_free((void *)v);
    if (!again)
        return true;
    memcpy(id.b, again->txid, 32);
    qc_hash_hex(&id, hex);
    return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Input %s:%d exists in multiple PSBTs", hex,
                       (int)again->vout);
}

static bool gather(qc_rpc_req *r, join *j, const psbts *l)
{
    for (size_t i = 0; i < l->n; i++) {
        j->n_in += l->item[i]->n_in;
        j->n_out += l->item[i]->n_out;
    }
    j->in = qc_try_calloc(j->n_in + 1, sizeof *j->in);
    j->out = qc_try_calloc(j->n_out + 1, sizeof *j->out);
    j->n_in = j->n_out = 0;
    if (!j->in || !j->out)
        return qc_m_fail_memory(r);
    for (size_t i = 0; i < l->n; i++) {
        for (size_t k = 0; k < l->item[i]->n_in; k++)
            j->in[j->n_in++] = l->item[i]->in[k];
        for (size_t k = 0; k < l->item[i]->n_out; k++)
            j->out[j->n_out++] = l->item[i]->out[k];
    }
    return no_input_twice(r, j);
}

/* Fisher and Yates. */
static void shuffle(void *list, size_t n, size_t size)
{
    uint8_t *b = list, *spare = qc_alloc(size);
    for (size_t i = n; i > 1; i--) {
        uint64_t x;
        qc_os_random(&x, sizeof x);
        size_t k = (size_t)(x % i);
        memcpy(spare, b + k * size, size);
        memmove(b + k * size, b + (i - 1) * size, size);
        memcpy(b + (i - 1) * size, spare, size);
    }
    qc_free(spare);
}

static bool fill_joined(qn_psbt *p, const join *j, const psbts *l)
{
    bool ok = true;
    for (size_t i = 0; ok && i < j->n_in; i++) {
        qn_psbt_map *m = &p->in[i].map;
        ok = qn_psbt_merge(p, m, &j->in[i].map);
        qn_psbt_drop(m, QN_PSBT_IN_SIG);
        qn_psbt_drop(m, QN_PSBT_IN_FINAL_SIG);
        qn_psbt_drop(m, QN_PSBT_IN_FINAL_WITNESS);
    }
    for (size_t i = 0; ok && i < j->n_out; i++)
        ok = qn_psbt_merge(p, &p->out[i].map, &j->out[i].map);
    for (size_t i = 0; ok && i < l->n; i++) { /* of the whole what is not known, as in Core */
        qn_psbt_map *m = &l->item[i]->map;
        for (unsigned t = 0; t <= QN_PSBT_PROPRIETARY; t++)
            qn_psbt_drop(m, t);
        ok = qn_psbt_merge(p, &p->map, m);
    }
    return ok;
}

static void put_joined(qc_rpc_req *r, const psbts *l, uint32_t version, uint32_t locktime)
{
    join j = {.version = version, .locktime = locktime};
    if (gather(r, &j, l)) {
        shuffle(j.in, j.n_in, sizeof *j.in);
        shuffle(j.out, j.n_out, sizeof *j.out);
        qn_psbt *p = qn_psbt_new_of(0, j.version, j.locktime, j.in, j.n_in, j.out, j.n_out);
        if (!p || !fill_joined(p, &j, l))
            qc_m_fail_memory(r);
        else
            (void)qc_m_put_psbt(r, p);
        qn_psbt_free(p);
    }
    qc_free(j.in);
    qc_free(j.out);
}

static void joinpsbts(qc_rpc_req *r, void *arg)
{
    const json_t *list = qc_rpc_arg(r, 0);
    size_t n = json_array_size(list);
    uint32_t version = 1, locktime = UINT32_MAX;
    psbts l;
    (void)arg;
    if (n <= 1) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "At least two PSBTs are required to join PSBTs.");
        return;
    }
    bool ok = psbts_new(r, &l, n);
    for (size_t i = 0; ok && i < n; i++) {
        ok = read_next(r, json_array_get(list, i), &l);
        if (ok && l.item[i]->version != 0)
            ok = qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                             "joinpsbts only operates on version 0 PSBTs");
        if (ok) { /* the highest version, the lowest lock time */
            version = QC_MAX(version, l.item[i]->tx_version);
            locktime = QC_MIN(locktime, l.item[i]->locktime);
        }
    }
    if (ok)
        put_joined(r, &l, version, locktime);
    psbts_clear(&l);
}

static void decodepsbt(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    qn_psbt *p = NULL;
    if (!qc_m_psbt_arg(r, qc_rpc_arg(r, 0), &p))
        return;
    qc_jw_obj(qc_rpc_out(r));
    if (qc_m_psbt_members(r, n->params, p))
        qc_jw_obj_end(qc_rpc_out(r));
    qn_psbt_free(p);
}

/* ---- help ---- */

#define P_VERSION                                                                                  \
    {                                                                                              \
        "psbt_version", QC_T_NUM, .dflt = "2", .help = "Version of the PSBT: 2 or 0"               \
    }
static const qc_rpc_param P_CREATE[] = {QC_M_CREATE_PARAMS, P_VERSION, {.names = NULL}};
static const qc_rpc_param P_CONVERT[] = {
    {"hexstring", QC_T_HEX, true, .help = "The transaction in hex"},
    {"permitsigdata", QC_T_BOOL, .dflt = "false",
     .help = "Leave out the signatures that it has (true), or fail when there are some"},
    {"iswitness", QC_T_BOOL, .dflt = "whichever reads better",
     .help = "Read it with (true) or without (false) witness data only"},
    P_VERSION,
    {.names = NULL}};
static const qc_rpc_param P_PSBT[] = {{"psbt", QC_T_STR, true, .help = "In Base64"},
                                      {.names = NULL}};
static const qc_rpc_param P_ITEMS[] = {{"psbt", QC_T_STR, .help = "A PSBT in Base64"},
                                       {.names = NULL}};
static const qc_rpc_param P_LIST[] = {
    {"txs", QC_T_ARR, true, .help = "The PSBTs in Base64", .inner = P_ITEMS}, {.names = NULL}};

const qc_rpc_method QC_METHODS_PSBT[] = {
    {"rawtransactions", "createpsbt",
     "A PSBT that spends these coins to these outputs, without signatures.", P_CREATE,
     .result = "\"psbt\"",
     .examples = "createpsbt \"[{\\\"txid\\\":\\\"myid\\\",\\\"vout\\\":0}]\" "
                 "\"[{\\\"address\\\":0.01}]\"",
     .fn = createpsbt},
    {"rawtransactions", "converttopsbt",
     "A PSBT of a transaction that createrawtransaction has made.", P_CONVERT, .result = "\"psbt\"",
     .examples = "converttopsbt \"rawtransaction\"", .fn = converttopsbt},
    {"rawtransactions", "decodepsbt", "Read a PSBT.", P_PSBT,
     .result = "{ tx, global_xpubs: [...], tx_version, fallback_locktime, input_count, "
               "output_count,\n  inputs_modifiable, outputs_modifiable, has_sighash_single, "
               "psbt_version, proprietary: [...],\n  unknown: {...}, inputs: [...], outputs: "
               "[...], fee }",
     .examples = "decodepsbt \"psbt\"", .fn = decodepsbt},
    {"rawtransactions", "combinepsbt", "Put what several copies of a PSBT hold together into one.",
     P_LIST, .result = "\"psbt\"",
     .examples = "combinepsbt '[\"mybase64_1\", \"mybase64_2\", \"mybase64_3\"]'",
     .fn = combinepsbt},
    {"rawtransactions", "joinpsbts",
     "One PSBT with the inputs and outputs of all of these, of version 0, in any order. No input "
     "may "
     "be in two of them.",
     P_LIST, .result = "\"psbt\"", .examples = "joinpsbts \"psbt\"", .fn = joinpsbts},
    {.name = NULL}};
