/* Scripts and addresses as text. */
#include "core/methods/script_text.h"

#include "core/base/alloc.h"
#include "lib/address.h"
#include "lib/asm.h"
#include "lib/descriptor.h"
#include "lib/script.h"
#include "lib/secp/curve.h"

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

/* `known` NULL: nothing beside the script is; the text is then seldom longer than its hex. */
static char *inferred(const qc_params *p, qc_span script, const qn_derived *known)
{
    const qn_curve curve = qn_secp_curve(NULL);
    const qn_chain_text *chain = qc_m_chain(p);
    size_t cap = 2 * script.len + 128;
    char *text = qc_alloc(cap);
    text[0] = 0;
    size_t len = qn_descriptor_infer(chain, &curve, script.data, script.len, known, text, cap);
    if (len >= cap) {
        qc_free(text);
        text = qc_alloc(len + 1);
        qn_descriptor_infer(chain, &curve, script.data, script.len, known, text, len + 1);
    }
    return text;
}

char *qc_m_inferred_descriptor(const qc_params *p, qc_span script)
{
    return inferred(p, script, NULL);
}

char *qc_m_wrapped_descriptor(const qc_params *p, qc_span script, qc_span wrapped)
{
    qn_derived known = {.n_scripts = 1};
    known.script[0].witness = (qn_desc_bytes){script.data, script.len};
    return inferred(p, wrapped, &known);
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
