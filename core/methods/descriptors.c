#include "core/methods/descriptors.h"

#include "core/base/alloc.h"
#include "core/methods/script_text.h"
#include "core/os/file.h"
#include "lib/secp/curve.h"

#include <stdio.h>

bool qc_m_desc_open(const qc_params *p, const char *text, bool need_checksum, qc_m_desc *out,
                    char *error, size_t cap)
{
    uint8_t seed[32];
    qc_os_random(seed, sizeof seed);
    out->d = NULL;
    out->secp = qn_secp_new(seed);
    qc_wipe(seed, sizeof seed);
    if (out->secp) {
        qn_curve curve = qn_secp_curve(out->secp);
        out->d = qn_descriptor_parse(qc_m_chain(p), &curve, text, strlen(text),
                                     QN_DESC_SECRETS | (need_checksum ? QN_DESC_NEED_CHECKSUM : 0),
                                     error, cap);
    } else {
        snprintf(error, cap, "Out of memory");
    }
    if (!out->d)
        qc_m_desc_close(out);
    return out->d != NULL;
}

void qc_m_desc_close(qc_m_desc *m)
{
    qn_descriptor_free(m->d);
    qn_secp_free(m->secp);
    *m = (qc_m_desc){NULL, NULL};
}

char *qc_m_desc_text(const qc_m_desc *m, size_t branch)
{
    size_t len = qn_descriptor_print(m->d, branch, NULL, 0);
    char *text = qc_alloc(len + 1);
    text[0] = 0;
    qn_descriptor_print(m->d, branch, text, len + 1);
    return text;
}

static bool read_range(const json_t *v, int64_t *low, int64_t *high)
{
    if (json_is_integer(v)) {
        *low = 0;
        *high = json_integer_value(v);
        return true;
    }
    const json_t *begin = json_array_get(v, 0), *end = json_array_get(v, 1);
    if (json_array_size(v) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return false;
    *low = json_integer_value(begin);
    *high = json_integer_value(end);
    return true;
}

bool qc_m_desc_range(qc_rpc_req *r, const json_t *v, uint32_t *low, uint32_t *high)
{
    int64_t from, to;
    if (!read_range(v, &from, &to))
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                           "Range must be specified as end or as [begin,end]");
    if (json_is_array(v) && from > to)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                           "Range specified as [begin,end] must not have begin after end");
    if (from < 0)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Range should be greater or equal than 0");
    if (to < 0 || to > QN_DESC_MAX_INDEX)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "End of range is too high");
    if (to - from >= QC_M_DESC_RANGE)
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Range is too large");
    *low = (uint32_t)from;
    *high = (uint32_t)to;
    return true;
}

static bool take_script(qc_m_desc *m, qc_bytes *out, char *error, size_t cap)
{
    qn_derived v;
    if (qn_descriptor_derive(m->d, 0, 0, &v) != QN_DERIVE_OK) {
        snprintf(error, cap, "Cannot derive script without private keys");
        return false;
    }
    size_t pick = v.n_scripts == 4 ? 2 : v.n_scripts == 2 ? 1 : 0;
    bool ok = v.n_scripts > 0 &&
              !qc_bytes_append(out, v.script[pick].script.data, v.script[pick].script.len);
    if (!ok)
        snprintf(error, cap, "Descriptor has no script");
    qn_derived_clear(&v);
    return ok;
}

bool qc_m_desc_one_script(const qc_params *p, const char *text, qc_bytes *out, int *code,
                          char *error, size_t cap)
{
    qc_m_desc m;
    bool ok = false;
    *code = 0;
    if (!qc_m_desc_open(p, text, false, &m, error, cap))
        return false;
    *code = QC_RPC_INVALID_PARAMETER;
    if (qn_descriptor_branches(m.d) > 1) {
        snprintf(error, cap, "Multipath descriptor not accepted");
    } else if (qn_descriptor_is_range(m.d)) {
        snprintf(error, cap,
                 "Ranged descriptor not accepted. Maybe pass through deriveaddresses first?");
    } else {
        *code = QC_RPC_INVALID_ADDRESS_OR_KEY;
        ok = take_script(&m, out, error, cap);
    }
    qc_m_desc_close(&m);
    return ok;
}
