#include "core/methods/psbt_known.h"

#include "core/base/alloc.h"
#include "core/methods/common.h"
#include "core/os/file.h"

struct qc_m_known {
    qn_psbt_known *known;
    qc_keyring *ring;
    qc_err ring_err;
};

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

static qc_m_step take(void *arg, const qc_m_scan_object *o, size_t branch, uint32_t index,
                      qn_derived *v)
{
    qc_m_known *k = arg;
    if (!qn_psbt_known_add(k->known, v))
        return QC_M_NO_MEMORY;
    if (k->ring)
        qn_descriptor_secrets(o->desc.d, branch, index, keep_secret, k);
    return k->ring_err ? QC_M_STOP : QC_M_GO_ON;
}

static bool add_object(qc_rpc_req *r, const qc_params *params, const json_t *o, qc_m_known *k)
{
    qc_m_scan_object m;
    if (!qc_m_scan_object_open(r, params, o, &m))
        return false;
    bool ok = qc_m_scan_object_each(r, &m, take, k);
    qc_m_desc_close(&m.desc);
    if (ok && k->ring_err)
        ok = qc_m_fail_err(r, k->ring_err, "Cannot keep the keys");
    return ok;
}

bool qc_m_known_new(qc_rpc_req *r, const qc_params *params, const json_t *list, bool secrets,
                    qc_m_known **out)
{
    qc_m_known *k = qc_alloc(sizeof *k);
    uint8_t seed[32];
    *k = (qc_m_known){.known = qn_psbt_known_new()};
    bool ok = k->known || qc_m_fail_memory(r);
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
