/* Scripts and addresses as text. */
#include "core/methods/script_text.h"

#include "core/base/alloc.h"
#include "core/methods/descriptors.h"
#include "lib/address.h"
#include "lib/asm.h"
#include "lib/script.h"

const qn_chain_text *qc_m_chain(const qc_params *p)
{
    const qn_chain_text *c = qn_chain_by_name(p->name);
    QC_ASSERT(c);
    return c;
}

void qc_m_kasm(qc_jw *w, qc_span script, bool sighash)
{
    size_t len = qn_script_asm(script.data, script.len, sighash, NULL, 0);
    char *text = qc_alloc(len + 1);
    qn_script_asm(script.data, script.len, sighash, text, len + 1);
    qc_jw_key(w, "asm");
    qc_jw_strn(w, text, len);
    qc_free(text);
}

char *qc_m_inferred_descriptor(const qc_params *p, qc_span script)
{
    qn_curve curve = qc_m_curve(NULL);
    size_t cap = 2 * script.len + 121;
    char *text = qc_alloc(cap);
    qn_descriptor_infer(qc_m_chain(p), &curve, script.data, script.len, text, cap);
    return text;
}

char *qc_m_wrapped_descriptor(const qc_params *p, qc_span script, qc_span wrapped)
{
    qn_script_info info;
    if (qn_script_classify(script.data, script.len, &info) != QN_SCRIPT_MULTISIG)
        return qc_m_inferred_descriptor(p, wrapped);
    char *inner = qc_m_inferred_descriptor(p, script), sum[QN_DESC_CHECKSUM + 1];
    inner[strcspn(inner, "#")] = 0;
    char *bare = qc_asprintf("wsh(%s)", inner);
    char *text = NULL;
    /* Keys of hybrid form have no place in a descriptor: then the library says raw(). */
    if (strncmp(inner, "multi(", 6) == 0 && qn_descriptor_checksum(bare, strlen(bare), sum))
        text = qc_asprintf("%s#%s", bare, sum);
    qc_free(inner);
    qc_free(bare);
    return text ? text : qc_m_inferred_descriptor(p, wrapped);
}

void qc_m_kinferred_descriptor(qc_jw *w, const qc_params *p, qc_span script)
{
    char *text = qc_m_inferred_descriptor(p, script);
    qc_jw_kstr(w, "desc", text);
    qc_free(text);
}

void qc_m_kaddress_if_any(qc_jw *w, const qc_params *p, qc_span script)
{
    char address[QN_ADDRESS_MAX];
    if (qn_address_encode(qc_m_chain(p), script.data, script.len, address))
        qc_jw_kstr(w, "address", address);
}

const char *qc_m_script_type(qc_span script)
{
    qn_script_info info;
    return qn_script_type_name(qn_script_classify(script.data, script.len, &info));
}

bool qc_m_address_script(const qc_params *p, const char *address, qc_bytes *out)
{
    uint8_t script[QN_ADDRESS_SCRIPT_MAX];
    size_t len;
    if (!qn_address_decode(qc_m_chain(p), address, strlen(address), script, &len, NULL))
        return false;
    *out = (qc_bytes)QC_BYTES_INIT;
    return !qc_bytes_append(out, script, len);
}
