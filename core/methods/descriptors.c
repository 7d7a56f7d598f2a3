#include "core/methods/descriptors.h"

#include "core/base/alloc.h"
#include "core/crypto/secp.h"
#include "core/methods/script_text.h"
#include "core/os/file.h"

#include <stdio.h>

static bool pubkey_valid(void *arg, const uint8_t *key, size_t len)
{
    (void)arg;
    return qc_pubkey_valid(qc_span_of(key, len));
}

static bool pubkey_of(void *arg, const uint8_t *secret, bool compressed, uint8_t *out)
{
    uint8_t key[QC_PUBKEY_UNCOMPRESSED];
    size_t len = arg ? qc_seckey_pubkey(arg, secret, compressed, key) : 0;
    memcpy(out, key, len);
    return len > 0;
}

static bool tap_output(void *arg, const uint8_t *internal, uint8_t *out)
{
    bool odd;
    (void)arg;
    return qc_tap_tweak(internal, NULL, out, &odd);
}

qn_curve qc_m_curve(void *signer)
{
    return (qn_curve){signer, pubkey_valid, pubkey_of, tap_output};
}

void qc_script_list_free(qc_script_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        qc_bytes_free(&l->item[i].script);
        qc_free(l->item[i].desc);
    }
    qc_free(l->item);
    *l = (qc_script_list){NULL, 0, 0, false};
}

static void add_script(void *arg, const uint8_t *script, size_t len, const char *desc)
{
    qc_script_list *l = arg;
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 4;
        qc_described *p = qc_try_realloc(l->item, cap * sizeof *p);
        if (!p) {
            l->failed = true;
            return;
        }
        l->item = p;
        l->cap = cap;
    }
    qc_described *d = &l->item[l->n++];
    *d = (qc_described){QC_BYTES_INIT, qc_strdup(desc)};
    l->failed |= qc_bytes_append(&d->script, script, len) != QC_OK;
}

bool qc_m_descriptor_scripts(const qc_params *p, const char *desc, bool need_checksum,
                             qc_script_list *out, char *error, size_t cap)
{
    uint8_t seed[32];
    qn_descriptor d;
    qc_os_random(seed, sizeof seed);
    qc_signer *signer = qc_signer_new(seed); /* a key may be given as a secret one */
    qn_curve curve = qc_m_curve(signer);
    *out = (qc_script_list){NULL, 0, 0, false};
    bool ok = qn_descriptor_parse(qc_m_chain(p), &curve, desc, strlen(desc), need_checksum, &d,
                                  error, cap);
    if (ok) {
        ok = qn_descriptor_expand(&d, &curve, add_script, out) && !out->failed;
        if (!ok)
            snprintf(error, cap, "Cannot derive the scripts of '%s'", desc);
        qn_descriptor_clear(&d);
    }
    qc_signer_free(signer);
    if (!ok)
        qc_script_list_free(out);
    return ok;
}
