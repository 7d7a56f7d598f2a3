#include "core/methods/psbt_known.h"

#include "core/base/alloc.h"
#include "core/btc/wire.h"
#include "core/crypto/hashes.h"
#include "core/methods/common.h"
#include "core/os/file.h"
#include "lib/hash.h"
#include "lib/secp/curve.h"

#include <stdlib.h>

#define DEFAULT_RANGE 1000u /* last index of a ranged descriptor */
#define TAPSCRIPT 0xc0u
#define CONTROL_MAX (33u + 32u * 128u)

typedef enum what { KEY, SCRIPT, OUTPUT } what;

/* Something that a hash (or an output key) names: in one of the derived. */
typedef struct entry {
    uint8_t name[32]; /* shorter ones end in zeros */
    what what;
    uint32_t derived, which;
} entry;

struct qc_m_known {
    qn_derived *derived;
    size_t n_derived, cap_derived;
    entry *entry;
    size_t n, cap;
    qc_keyring *ring;
    qc_err ring_err;
    qc_bytes origin; /* that was given last */
};

static bool fail_memory(qc_rpc_req *r)
{
    return qc_rpc_fail(r, QC_RPC_OUT_OF_MEMORY, "Out of memory");
}

void qc_m_known_free(qc_m_known *k)
{
    if (!k)
        return;
    for (size_t i = 0; i < k->n_derived; i++)
        qn_derived_clear(&k->derived[i]);
    qc_free(k->derived);
    qc_free(k->entry);
    qc_keyring_free(k->ring);
    qc_bytes_free(&k->origin);
    qc_free(k);
}

const qc_keyring *qc_m_known_ring(const qc_m_known *k)
{
    return k->ring;
}

/* ---- filling ---- */

static bool add(qc_m_known *k, what w, const uint8_t *name, size_t len, size_t which)
{
    if (k->n == k->cap) {
        size_t cap = k->cap ? 2 * k->cap : 64;
        entry *more = qc_try_realloc(k->entry, cap * sizeof *more);
        if (!more)
            return false;
        k->entry = more;
        k->cap = cap;
    }
    entry *e = &k->entry[k->n++];
    *e = (entry){.what = w, .derived = (uint32_t)(k->n_derived - 1), .which = (uint32_t)which};
    memcpy(e->name, name, len);
    return true;
}

static bool add_script(qc_m_known *k, qn_desc_bytes s, size_t which)
{
    uint8_t id[20];
    if (!s.data)
        return true;
    qn_hash160(s.data, s.len, id);
    return add(k, SCRIPT, id, 20, which);
}

/* By its own hash and, for leaves, by that of its 32 bytes. */
static bool add_key(qc_m_known *k, const qn_desc_key *key, size_t which)
{
    uint8_t id[20];
    qn_hash160(key->bytes, key->len, id);
    bool ok = add(k, KEY, id, 20, which);
    if (ok && key->len == 33) {
        qn_hash160(key->bytes + 1, 32, id);
        ok = add(k, KEY, id, 20, which) && add(k, KEY, key->bytes + 1, 32, which);
    }
    return ok;
}

static bool take(qc_m_known *k, const qn_derived *v)
{
    if (k->n_derived == k->cap_derived) {
        size_t cap = k->cap_derived ? 2 * k->cap_derived : 16;
        qn_derived *more = qc_try_realloc(k->derived, cap * sizeof *more);
        if (!more)
            return false;
        k->derived = more;
        k->cap_derived = cap;
    }
    k->derived[k->n_derived++] = *v;
    bool ok = true;
    for (size_t i = 0; i < v->n_scripts && ok; i++)
        ok = add_script(k, v->script[i].redeem, 2 * i) &&
             add_script(k, v->script[i].witness, 2 * i + 1);
    for (size_t i = 0; i < v->n_keys && ok; i++)
        ok = add_key(k, &v->key[i], i);
    if (ok && v->taproot)
        ok = add(k, OUTPUT, v->script[0].script.data + 2, 32, 0);
    return ok;
}

static void keep_secret(void *arg, const uint8_t secret[32], bool compressed)
{
    qc_m_known *k = arg;
    qc_err err = qc_keyring_add_key(k->ring, secret, compressed);
    if (err && err != QC_EINVAL)
        k->ring_err = err;
}

static bool add_index(qc_rpc_req *r, qc_m_known *k, qn_descriptor *d, uint32_t index)
{
    for (size_t b = 0; b < qn_descriptor_branches(d); b++) {
        qn_derived v;
        qn_derive_result res = qn_descriptor_derive(d, b, index, &v);
        if (res == QN_DERIVE_NO_MEMORY)
            return fail_memory(r);
        if (res)
            return qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY,
                               "Cannot derive script without private keys");
        size_t before = k->n_derived;
        if (!take(k, &v)) {
            if (k->n_derived == before)
                qn_derived_clear(&v);
            return fail_memory(r);
        }
        if (k->ring)
            qn_descriptor_secrets(d, b, index, keep_secret, k);
    }
    return !k->ring_err || qc_m_fail_err(r, k->ring_err, "Cannot keep the keys");
}

static bool read_object(qc_rpc_req *r, const json_t *o, const char **desc, uint32_t *low,
                        uint32_t *high)
{
    *low = 0;
    *high = DEFAULT_RANGE;
    if (json_is_string(o)) {
        *desc = json_string_value(o);
        return true;
    }
    if (!json_is_object(o))
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                           "Scan object needs to be either a string or an object");
    const json_t *text = json_object_get(o, "desc"), *range = json_object_get(o, "range");
    if (!text || json_is_null(text))
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                           "Descriptor needs to be provided in scan object");
    return qc_rpc_v_str(r, text, desc) &&
           (!range || json_is_null(range) || qc_m_desc_range(r, range, low, high));
}

static bool add_object(qc_rpc_req *r, const qc_params *params, const json_t *o, qc_m_known *k)
{
    const char *desc;
    char error[QC_M_DESC_ERROR] = "";
    uint32_t low, high;
    qc_m_desc m;
    if (!read_object(r, o, &desc, &low, &high))
        return false;
    if (!qc_m_desc_open(params, desc, false, &m, error, sizeof error))
        return qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "%s", error);
    if (!qn_descriptor_is_range(m.d))
        low = high = 0;
    bool ok = true;
    for (uint64_t i = low; i <= high && ok; i++)
        ok = add_index(r, k, m.d, (uint32_t)i);
    qc_m_desc_close(&m);
    return ok;
}

static int by_name(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return x->what != y->what ? (x->what < y->what ? -1 : 1) : memcmp(x->name, y->name, 32);
}

bool qc_m_known_new(qc_rpc_req *r, const qc_params *params, const json_t *list, bool secrets,
                    qc_m_known **out)
{
    qc_m_known *k = qc_alloc(sizeof *k);
    bool ok = true;
    uint8_t seed[32];
    *k = (qc_m_known){.ring = NULL};
    if (secrets) {
        qc_os_random(seed, sizeof seed);
        k->ring = qc_keyring_new(seed);
        qc_wipe(seed, sizeof seed);
    }
    for (size_t i = 0; i < json_array_size(list) && ok; i++)
        ok = add_object(r, params, json_array_get(list, i), k);
    if (k->n > 1)
        qsort(k->entry, k->n, sizeof *k->entry, by_name);
    *out = ok ? k : NULL;
    if (!ok)
        qc_m_known_free(k);
    return ok;
}

/* ---- asking ---- */

static const entry *find(const qc_m_known *k, what w, const uint8_t *name, size_t len)
{
    entry key = {.what = w};
    memcpy(key.name, name, len);
    return k->n ? bsearch(&key, k->entry, k->n, sizeof key, by_name) : NULL;
}

bool qc_m_known_script(const qc_m_known *k, const uint8_t *hash, qn_psbt_bytes *out)
{
    const entry *e = find(k, SCRIPT, hash, 20);
    if (!e)
        return false;
    const qn_desc_script *s = &k->derived[e->derived].script[e->which / 2];
    qn_desc_bytes b = e->which % 2 ? s->witness : s->redeem;
    *out = (qn_psbt_bytes){b.data, b.len};
    return true;
}

bool qc_m_known_key(const qc_m_known *k, const uint8_t *hash, qn_psbt_bytes *out)
{
    const entry *e = find(k, KEY, hash, 20);
    if (!e)
        return false;
    const qn_desc_key *key = &k->derived[e->derived].key[e->which];
    *out = (qn_psbt_bytes){key->bytes, key->len};
    return true;
}

bool qc_m_known_origin(qc_m_known *k, qn_psbt_bytes key, qn_psbt_bytes *out)
{
    uint8_t id[20];
    qn_hash160(key.data, key.len, id);
    const entry *e = key.len == 32 ? find(k, KEY, key.data, 32) : find(k, KEY, id, 20);
    if (!e)
        return false;
    const qn_desc_key *d = &k->derived[e->derived].key[e->which];
    qc_bytes_free(&k->origin);
    qc_err err = qc_bytes_append(&k->origin, d->fingerprint, 4);
    for (size_t i = 0; i < d->n_path && !err; i++)
        err = qc_w_le32(&k->origin, d->path[i]);
    *out = (qn_psbt_bytes){k->origin.data, k->origin.len};
    return !err;
}

void qc_m_known_taproot(const qc_m_known *k, const uint8_t *output, qc_m_known_put *put, void *arg)
{
    static const qn_psbt_bytes none = {NULL, 0};
    const entry *e = find(k, OUTPUT, output, 32);
    if (!e)
        return;
    const qn_derived *v = &k->derived[e->derived];
    put(arg, QN_PSBT_IN_TAP_KEY, none, (qn_psbt_bytes){v->internal, 32});
    if (!v->has_tree)
        return;
    put(arg, QN_PSBT_IN_TAP_ROOT, none, (qn_psbt_bytes){v->root, 32});
    for (size_t i = 0; i < v->n_leaves; i++) {
        uint8_t control[CONTROL_MAX];
        size_t len = qn_derived_control(v, i, control, sizeof control);
        uint8_t *script = qc_try_alloc(v->leaf[i].script.len + 1);
        if (!script)
            return;
        memcpy(script, v->leaf[i].script.data, v->leaf[i].script.len);
        script[v->leaf[i].script.len] = TAPSCRIPT;
        put(arg, QN_PSBT_IN_TAP_LEAF, (qn_psbt_bytes){control, len},
            (qn_psbt_bytes){script, v->leaf[i].script.len + 1});
        qc_free(script);
    }
}

void qc_m_known_tree(const qc_m_known *k, const uint8_t *output, qc_m_known_put *put, void *arg)
{
    const entry *e = find(k, OUTPUT, output, 32);
    qc_bytes b = QC_BYTES_INIT;
    qc_err err = QC_OK;
    if (!e || !k->derived[e->derived].has_tree)
        return;
    const qn_derived *v = &k->derived[e->derived];
    /* The right side of each branch comes first, as Core has it: the order is no part of the tree.
     */
    for (size_t i = v->n_leaves; i-- > 0 && !err;) {
        err = qc_w_u8(&b, (uint8_t)v->leaf[i].depth);
        if (!err)
            err = qc_w_u8(&b, TAPSCRIPT);
        if (!err)
            err = qc_w_var(&b, qc_span_of(v->leaf[i].script.data, v->leaf[i].script.len));
    }
    if (!err)
        put(arg, QN_PSBT_OUT_TAP_TREE, (qn_psbt_bytes){NULL, 0}, (qn_psbt_bytes){b.data, b.len});
    qc_bytes_free(&b);
}
