#include "core/methods/descriptors.h"

#include "core/base/alloc.h"
#include "core/methods/common.h"
#include "core/methods/script_text.h"
#include "core/os/file.h"
#include "lib/secp/curve.h"

#include <stdio.h>

#define DEFAULT_RANGE 1000u /* last index of a ranged descriptor */

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

/* ---- scan objects ---- */

static bool read_object(qc_rpc_req *r, const json_t *o, qc_m_scan_object *out)
{
    out->low = 0;
    out->high = DEFAULT_RANGE;
    if (json_is_string(o)) {
        out->text = json_string_value(o);
        return true;
    }
    if (!json_is_object(o))
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                           "Scan object needs to be either a string or an object");
    const json_t *text = json_object_get(o, "desc"), *range = json_object_get(o, "range");
    if (!text || json_is_null(text))
        return qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                           "Descriptor needs to be provided in scan object");
    return qc_rpc_v_str(r, text, &out->text) &&
           (!range || json_is_null(range) || qc_m_desc_range(r, range, &out->low, &out->high));
}

bool qc_m_scan_object_open(qc_rpc_req *r, const qc_params *p, const json_t *o,
                           qc_m_scan_object *out)
{
    char error[QC_M_DESC_ERROR] = "";
    if (!read_object(r, o, out))
        return false;
    if (!qc_m_desc_open(p, out->text, false, &out->desc, error, sizeof error))
        return qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY, "%s", error);
    if (!qn_descriptor_is_range(out->desc.d))
        out->low = out->high = 0;
    return true;
}

bool qc_m_scan_object_each(qc_rpc_req *r, const qc_m_scan_object *o, qc_m_derived_fn *fn, void *arg)
{
    for (uint64_t i = o->low; i <= o->high; i++) {
        for (size_t b = 0; b < qn_descriptor_branches(o->desc.d); b++) {
            qn_derived v;
            qn_derive_result res = qn_descriptor_derive(o->desc.d, b, (uint32_t)i, &v);
            if (res == QN_DERIVE_NO_MEMORY)
                return qc_m_fail_memory(r);
            if (res)
                return qc_rpc_fail(r, QC_RPC_INVALID_ADDRESS_OR_KEY,
                                   "Cannot derive script without private keys: '%s'", o->text);
            qc_m_step step = fn(arg, o, b, (uint32_t)i, &v);
            if (step)
                return step == QC_M_STOP || qc_m_fail_memory(r);
        }
    }
    return true;
}

const qc_rpc_param QC_M_SCAN_OBJECTS[] = {
    {"descriptor", QC_T_STR,
     .help =
         "A descriptor, or an object with one as \"desc\" and, where it is ranged, a \"range\": "
         "the last index, or [first, last]; 1000 without",
     .skip_type_check = true, .type_text = "string or object"},
    {.names = NULL}};

/* ---- one script ---- */

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
