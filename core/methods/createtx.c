/* createrawtransaction (Core rpc/rawtransaction.cpp, rpc/rawtransaction_util.cpp). */
#include "core/methods/createtx.h"

#include "core/base/alloc.h"
#include "core/methods/common.h"
#include "core/methods/script_text.h"
#include "core/script/pattern.h"

#include <stdlib.h>

#define VERSION_MIN 1 /* Core TX_MIN_STANDARD_VERSION */
#define VERSION_MAX 3 /* Core TX_MAX_STANDARD_VERSION */
#define FINAL UINT32_MAX
#define NONFINAL (UINT32_MAX - 1)    /* the lock time counts */
#define REPLACEABLE (UINT32_MAX - 2) /* BIP125 */

typedef struct draft {
    uint32_t version, locktime;
    uint32_t sequence; /* of inputs that do not say */
    bool signals;      /* some input is replaceable */
    bool has_data;
    size_t n_in, n_out;
    qc_bytes in, out; /* serialized */
} draft;

/* ---- inputs ---- */

static bool read_sequence(qc_rpc_req *r, const json_t *v, uint32_t *out)
{
    int64_t wide = *out;
    if (json_is_number(v) && !qc_rpc_v_i64(r, v, &wide))
        return false;
    if (wide < 0 || wide > FINAL)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                           "Invalid parameter, sequence number is out of range");
    *out = (uint32_t)wide;
    return true;
}

static bool add_input(qc_rpc_req *r, draft *d, const json_t *o)
{
    qc_hash txid = {{0}};
    int32_t n = 0;
    uint32_t sequence = d->sequence;
    if (!qc_rpc_v_type(r, o, JSON_OBJECT) ||
        !qc_rpc_v_hash(r, json_object_get(o, "txid"), "txid", &txid))
        return false;
    const json_t *vout = json_object_get(o, "vout");
    if (!json_is_number(vout))
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Invalid parameter, missing vout key");
    if (!qc_rpc_v_i32(r, vout, &n))
        return false;
    if (n < 0)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                           "Invalid parameter, vout cannot be negative");
    if (!read_sequence(r, json_object_get(o, "sequence"), &sequence))
        return false;
    d->n_in++;
    d->signals |= sequence <= REPLACEABLE;
    qc_err err = qc_bytes_append(&d->in, txid.b, sizeof txid.b);
    if (!err)
        err = qc_w_le32(&d->in, (uint32_t)n);
    if (!err)
        err = qc_w_compact(&d->in, 0); /* no scriptSig yet */
    if (!err)
        err = qc_w_le32(&d->in, sequence);
    return !err || qc_m_fail_memory(r);
}

static bool add_inputs(qc_rpc_req *r, draft *d, const json_t *list)
{
    size_t i;
    json_t *o;
    json_array_foreach(list, i, o)
    {
        if (!add_input(r, d, o))
            return false;
    }
    return true;
}

/* ---- outputs ---- */

/* One output that pays to an address. Kept to find addresses that are named twice. */
typedef struct payee {
    const char *address;
    qc_bytes script;
} payee;

typedef struct payees {
    payee *item;
    size_t n, cap;
} payees;

static payee *new_payee(payees *p)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 8;
        payee *more = qc_try_realloc(p->item, cap * sizeof *more);
        if (!more)
            return NULL;
        p->item = more;
        p->cap = cap;
    }
    p->item[p->n] = (payee){NULL, QC_BYTES_INIT};
    return &p->item[p->n++];
}

static void payees_free(payees *p)
{
    for (size_t i = 0; i < p->n; i++)
        qc_bytes_free(&p->item[i].script);
    qc_free(p->item);
}

static int by_script(const void *a, const void *b)
{
    const payee *x = a, *y = b;
    size_t n = x->script.len < y->script.len ? x->script.len : y->script.len;
    int diff = memcmp(x->script.data, y->script.data, n);
    return diff ? diff : (x->script.len > y->script.len) - (x->script.len < y->script.len);
}

static bool fail_twice(qc_rpc_req *r, const char *address)
{
    return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Invalid parameter, duplicated address: %s",
                       address);
}

static bool all_differ(qc_rpc_req *r, payees *p)
{
    if (p->n > 1)
        qsort(p->item, p->n, sizeof *p->item, by_script);
    for (size_t i = 1; i < p->n; i++)
        if (by_script(&p->item[i - 1], &p->item[i]) == 0)
            return fail_twice(r, p->item[i].address);
    return true;
}

static bool write_output(qc_rpc_req *r, draft *d, int64_t value, qc_span script)
{
    d->n_out++;
    qc_err err = qc_w_le64(&d->out, (uint64_t)value);
    return (!err && !qc_w_var(&d->out, script)) || qc_m_fail_memory(r);
}

static bool add_data(qc_rpc_req *r, draft *d, const json_t *v)
{
    qc_bytes data = QC_BYTES_INIT, script = QC_BYTES_INIT;
    uint8_t head[5];
    if (d->has_data)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Invalid parameter, duplicate key: data");
    d->has_data = true;
    if (!qc_rpc_v_hex(r, v, "Data", &data))
        return false;
    qc_err err = qc_w_u8(&script, QC_OP_RETURN);
    if (!err)
        err = qc_bytes_append(&script, head, qc_push_header(data.len, head));
    if (!err)
        err = qc_bytes_append(&script, data.data, data.len);
    bool ok = err ? qc_m_fail_memory(r) : write_output(r, d, 0, qc_bytes_span(&script));
    qc_bytes_free(&data);
    qc_bytes_free(&script);
    return ok;
}

static bool add_output(qc_rpc_req *r, const qc_node *n, draft *d, payees *p, const char *key,
                       const json_t *v)
{
    int64_t value = 0;
    if (strcmp(key, "data") == 0)
        return add_data(r, d, v);
    if (!qc_rpc_v_amount(r, v, &value))
        return false;
    payee *who = new_payee(p);
    if (!who)
        return qc_m_fail_memory(r);
    who->address = key;
    if (!qc_m_address_script(n->params, key, &who->script)) {
        p->n--;
        return qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "Invalid Bitcoin address: %s", key);
    }
    return write_output(r, d, value, qc_bytes_span(&who->script));
}

/* Members of one object. A key that came twice is there once only: the parser tells. */
static bool add_members(qc_rpc_req *r, const qc_node *n, draft *d, payees *p, const json_t *o)
{
    const char *key, *twice = qc_rpc_dup_key(r);
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)o, key, v)
    {
        if (!add_output(r, n, d, p, key, v))
            return false;
    }
    if (!twice || !json_object_get(o, twice))
        return true;
    return strcmp(twice, "data") == 0
               ? qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Invalid parameter, duplicate key: data")
               : fail_twice(r, twice);
}

static bool check_pairs(qc_rpc_req *r, const json_t *list)
{
    size_t i;
    json_t *o;
    json_array_foreach(list, i, o)
    {
        if (!json_is_object(o))
            return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                               "Invalid parameter, key-value pair not an object as expected");
        if (json_object_size(o) != 1)
            return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                               "Invalid parameter, key-value pair must contain exactly one key");
    }
    return true;
}

static bool add_outputs(qc_rpc_req *r, const qc_node *n, draft *d, const json_t *outputs)
{
    payees p = {NULL, 0, 0};
    size_t i;
    json_t *o;
    bool ok = true;
    if (!outputs)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                           "Invalid parameter, output argument must be non-null");
    if (json_is_object(outputs)) {
        ok = add_members(r, n, d, &p, outputs);
    } else {
        ok = qc_rpc_v_type(r, outputs, JSON_ARRAY) && check_pairs(r, outputs);
        json_array_foreach(outputs, i, o)
        {
            if (ok)
                ok = add_members(r, n, d, &p, o);
        }
    }
    ok = ok && all_differ(r, &p);
    payees_free(&p);
    return ok;
}

/* ---- the whole ---- */

static bool read_numbers(qc_rpc_req *r, draft *d)
{
    int64_t locktime = 0;
    if (!qc_rpc_i64(r, 2, &locktime))
        return false;
    if (locktime < 0 || locktime > UINT32_MAX)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Invalid parameter, locktime out of range");
    d->locktime = (uint32_t)locktime;
    if (!qc_rpc_u32(r, 4, &d->version))
        return false;
    if (d->version < VERSION_MIN || d->version > VERSION_MAX)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                           "Invalid parameter, version out of range(%d~%d)", VERSION_MIN,
                           VERSION_MAX);
    return true;
}

static bool write_tx(qc_rpc_req *r, const draft *d, qc_bytes *b)
{
    qc_err err = qc_w_le32(b, d->version);
    if (!err)
        err = qc_w_compact(b, d->n_in);
    if (!err && d->in.len)
        err = qc_bytes_append(b, d->in.data, d->in.len);
    if (!err)
        err = qc_w_compact(b, d->n_out);
    if (!err && d->out.len)
        err = qc_bytes_append(b, d->out.data, d->out.len);
    if (!err)
        err = qc_w_le32(b, d->locktime);
    return !err || qc_m_fail_memory(r);
}

bool qc_m_construct_tx(qc_rpc_req *r, const qc_node *n, qc_bytes *out)
{
    draft d = {.version = 2};
    bool replaceable = true, wanted = qc_rpc_arg(r, 3) != NULL;
    if (!qc_rpc_bool(r, 3, &replaceable) || !read_numbers(r, &d))
        return false;
    d.sequence = replaceable ? REPLACEABLE : d.locktime ? NONFINAL : FINAL;
    bool ok = add_inputs(r, &d, qc_rpc_arg(r, 0)) && add_outputs(r, n, &d, qc_rpc_arg(r, 1));
    if (ok && wanted && replaceable && d.n_in && !d.signals)
        ok = qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                         "Invalid parameter combination: Sequence number(s) contradict replaceable "
                         "option");
    ok = ok && write_tx(r, &d, out);
    qc_bytes_free(&d.in);
    qc_bytes_free(&d.out);
    return ok;
}

static void createrawtransaction(qc_rpc_req *r, void *arg)
{
    qc_bytes b = QC_BYTES_INIT;
    if (qc_m_construct_tx(r, arg, &b))
        qc_jw_hex(qc_rpc_out(r), qc_bytes_span(&b));
    qc_bytes_free(&b);
}

static const qc_rpc_param P_INPUT[] = {
    {"txid", QC_T_HEX, true, .help = "The transaction that made the coin"},
    {"vout", QC_T_NUM, true, .help = "Which of its outputs"},
    {"sequence", QC_T_NUM, .dflt = "by replaceable and locktime", .help = "Sequence number"},
    {.names = NULL}};
const qc_rpc_param QC_M_CREATE_INPUTS[] = {{"", QC_T_OBJ, .inner = P_INPUT}, {.names = NULL}};
static const qc_rpc_param P_CREATE[] = {QC_M_CREATE_PARAMS, {.names = NULL}};

const qc_rpc_method QC_METHODS_CREATETX[] = {
    {"rawtransactions", "createrawtransaction",
     "A transaction that spends these coins to these outputs, not signed and not sent.", P_CREATE,
     .result = "\"hex\"",
     .examples = "createrawtransaction \"[{\\\"txid\\\":\\\"myid\\\",\\\"vout\\\":0}]\" "
                 "\"[{\\\"address\\\":0.01}]\"",
     .fn = createrawtransaction},
    {.name = NULL}};
