#include "core/methods/psbt_known.h"

#include "core/base/alloc.h"
#include "core/methods/common.h"
#include "core/os/file.h"
#include "lib/secp/curve.h"

#include <stdlib.h>

#define DEFAULT_RANGE 1000u /* last index of a ranged descriptor */

struct qc_m_known {
    qn_psbt_known *known;
    qc_keyring *ring;
    qc_err ring_err;
};

static bool fail_memory(qc_rpc_req *r)
{
    return qc_rpc_fail(r, QC_RPC_OUT_OF_MEMORY, "Out of memory");
}

void qc_m_known_free(qc_m_known *k)
{
    if (!k)
        return;
    qn_psbt_known_free(k->known);
    qc_keyring_free(k->ring);
    qc_free(k);
}

const qc_keyring *qc_m_known_ring(const qc_m_known *k)
{
    return k->ring;
}

qn_psbt_known *qc_m_known_of(const qc_m_known *k)
{
    return k->known;
}

/* ---- filling ---- */

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
        if (!qn_psbt_known_add(k->known, &v))
            return fail_memory(r);
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

bool qc_m_known_new(qc_rpc_req *r, const qc_params *params, const json_t *list, bool secrets,
                    qc_m_known **out)
{
    qc_m_known *k = qc_alloc(sizeof *k);
    uint8_t seed[32];
    *k = (qc_m_known){.known = qn_psbt_known_new()};
    bool ok = k->known || fail_memory(r);
    if (secrets) {
        qc_os_random(seed, sizeof seed);
        k->ring = qc_keyring_new(seed);
        qc_wipe(seed, sizeof seed);
    }
    for (size_t i = 0; i < json_array_size(list) && ok; i++)
        ok = add_object(r, params, json_array_get(list, i), k);
    *out = ok ? k : NULL;
    if (!ok)
        qc_m_known_free(k);
    return ok;
}
