/* Scripts and addresses as text. The descriptor of a script is what Core's InferDescriptor gives
 * without knowledge of keys: pk(), multi(), rawtr(), else addr(), else raw(). */
#include "core/methods/script_text.h"

#include "core/base/alloc.h"
#include "core/crypto/secp.h"
#include "lib/address.h"
#include "lib/asm.h"
#include "lib/descriptor.h"
#include "lib/script.h"

#include <stdio.h>

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

static void put_hex(qc_bytes *b, const uint8_t *data, size_t len)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        char two[2] = {digit[data[i] >> 4], digit[data[i] & 15]};
        QC_ASSERT(!qc_bytes_append(b, two, sizeof two));
    }
}

static void put_text(qc_bytes *b, const char *s)
{
    QC_ASSERT(!qc_bytes_append(b, s, strlen(s)));
}

/* Keys of hybrid form have no place in a descriptor. */
static bool plain_key(const qn_script_part *key)
{
    return key->data[0] <= 4;
}

static bool infer_keys(const qn_script_info *info, qc_bytes *b)
{
    for (unsigned i = 0; i < info->n_parts; i++)
        if (!plain_key(&info->part[i]))
            return false;
    if (info->type == QN_SCRIPT_PUBKEY) {
        put_text(b, "pk(");
    } else {
        char head[32];
        snprintf(head, sizeof head, "multi(%u,", info->required);
        put_text(b, head);
    }
    for (unsigned i = 0; i < info->n_parts; i++) {
        if (i)
            put_text(b, ",");
        put_hex(b, info->part[i].data, info->part[i].len);
    }
    put_text(b, ")");
    return true;
}

static bool infer_special(const qn_script_info *info, qc_bytes *b)
{
    if (info->type == QN_SCRIPT_PUBKEY || info->type == QN_SCRIPT_MULTISIG)
        return infer_keys(info, b);
    if (info->type != QN_SCRIPT_WITNESS_V1_TAPROOT || !qc_xonly_valid(info->part[0].data))
        return false;
    put_text(b, "rawtr(");
    put_hex(b, info->part[0].data, info->part[0].len);
    put_text(b, ")");
    return true;
}

static void put_plain(const qc_params *p, qc_span script, qc_bytes *b)
{
    char address[QN_ADDRESS_MAX];
    bool has = qn_address_encode(qc_m_chain(p), script.data, script.len, address) > 0;
    put_text(b, has ? "addr(" : "raw(");
    if (has)
        put_text(b, address);
    else
        put_hex(b, script.data, script.len);
    put_text(b, ")");
}

static char *with_checksum(qc_bytes *b)
{
    char sum[QN_DESCRIPTOR_CHECKSUM + 1];
    QC_ASSERT(qn_descriptor_checksum((const char *)b->data, b->len, sum));
    put_text(b, "#");
    put_text(b, sum);
    QC_ASSERT(!qc_bytes_append(b, "", 1));
    return (char *)b->data;
}

char *qc_m_inferred_descriptor(const qc_params *p, qc_span script)
{
    qc_bytes b = QC_BYTES_INIT;
    qn_script_info info;
    qn_script_classify(script.data, script.len, &info);
    if (!infer_special(&info, &b))
        put_plain(p, script, &b);
    return with_checksum(&b);
}

char *qc_m_wrapped_descriptor(const qc_params *p, qc_span script, qc_span wrapped)
{
    qc_bytes b = QC_BYTES_INIT;
    qn_script_info info;
    if (qn_script_classify(script.data, script.len, &info) == QN_SCRIPT_MULTISIG) {
        put_text(&b, "wsh(");
        if (infer_keys(&info, &b)) {
            put_text(&b, ")");
            return with_checksum(&b);
        }
        b.len = 0;
    }
    put_plain(p, wrapped, &b);
    return with_checksum(&b);
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
