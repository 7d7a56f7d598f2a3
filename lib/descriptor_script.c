/* From descriptors to scripts, and texts of both. */
#include "lib/descriptor_impl.h"

#include "lib/address.h"
#include "lib/hash.h"
#include "lib/hex.h"
#include "lib/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRIPT_MAX (QN_DESC_MAX_KEYS * 66 + 8)

void qn_out_put(qn_out *o, const char *text, size_t len)
{
    if (o->len < o->cap) {
        size_t room = o->cap - o->len;
        memcpy(o->out + o->len, text, len < room ? len : room);
    }
    o->len += len;
}

void qn_out_str(qn_out *o, const char *text)
{
    qn_out_put(o, text, strlen(text));
}

void qn_out_hex(qn_out *o, const void *data, size_t len)
{
    char two[3];
    for (size_t i = 0; i < len; i++) {
        qn_hex_encode((const uint8_t *)data + i, 1, two);
        qn_out_put(o, two, 2);
    }
}

void qn_out_end(qn_out *o)
{
    if (o->cap)
        o->out[o->len < o->cap ? o->len : o->cap - 1] = '\0';
}

/* How keys are shown: as they were given, or as Core infers them from a script it can solve. */
typedef enum key_style { AS_GIVEN, INFERRED } key_style;

static void put_path(qn_out *o, qn_text path, char mark)
{
    while (path.p) {
        uint32_t number = 0;
        char given, text[16];
        qn_text part = qn_text_split(path, '/', &path);
        (void)qn_desc_path_element(part, &number, &given);
        snprintf(text, sizeof text, "/%u", number);
        qn_out_str(o, text);
        if (given)
            qn_out_put(o, &mark, 1);
    }
}

/* One mark is used for the whole path: the one given last, as in Core. */
static char last_mark(qn_text path)
{
    char last = 'h';
    while (path.p) {
        uint32_t number;
        char mark;
        (void)qn_desc_path_element(qn_text_split(path, '/', &path), &number, &mark);
        last = mark ? mark : last;
    }
    return last;
}

static void put_key(qn_out *o, const qn_desc_key *k, key_style style)
{
    if (k->origin) {
        uint8_t fingerprint[4];
        qn_text path, head = qn_text_split((qn_text){k->origin, k->origin_len}, '/', &path);
        (void)qn_hex_decode(head.p, head.len, fingerprint, sizeof fingerprint);
        qn_out_str(o, "[");
        qn_out_hex(o, fingerprint, sizeof fingerprint);
        put_path(o, path, style == AS_GIVEN ? last_mark(path) : 'h');
        qn_out_str(o, "]");
    } else if (style == INFERRED) {
        uint8_t id[20];
        qn_hash160(k->bytes, k->len, id);
        qn_out_str(o, "[");
        qn_out_hex(o, id, 4);
        qn_out_str(o, "]");
    }
    qn_out_hex(o, k->bytes + k->xonly, k->xonly ? 32 : k->len);
}

/* Keys in the order of the script. */
static void key_order(const qn_descriptor *d, bool sorted, unsigned order[QN_DESC_MAX_KEYS])
{
    for (unsigned i = 0; i < d->n_keys; i++) {
        unsigned at = i;
        for (; sorted && at > 0; at--) {
            const qn_desc_key *a = &d->key[order[at - 1]], *b = &d->key[i];
            /* Keys of both lengths may meet; the first bytes (02, 03, 04) tell them apart. */
            if (memcmp(a->bytes, b->bytes, a->len < b->len ? a->len : b->len) <= 0)
                break;
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
}

static const char *kind_name(qn_desc_kind kind)
{
    static const char *const name[] = {"pk", "pkh",   "wpkh", "combo", "multi",
                                       "tr", "rawtr", "addr", "raw"};
    return name[kind];
}

/* The descriptor, or that of one of combo's scripts. */
static void put_descriptor(qn_out *o, const qn_descriptor *d, qn_desc_kind kind, bool sh,
                           key_style style)
{
    unsigned order[QN_DESC_MAX_KEYS];
    bool infer_sorted = d->sorted && style == INFERRED;
    key_order(d, infer_sorted, order);
    qn_out_str(o, sh ? "sh(" : "");
    qn_out_str(o, d->wsh ? "wsh(" : "");
    qn_out_str(o, d->sorted && !infer_sorted ? "sorted" : "");
    qn_out_str(o, kind_name(kind));
    qn_out_str(o, "(");
    if (kind == QN_DESC_MULTI) {
        char text[16];
        snprintf(text, sizeof text, "%u,", d->threshold);
        qn_out_str(o, text);
    }
    for (unsigned i = 0; i < d->n_keys; i++) {
        qn_out_str(o, i ? "," : "");
        put_key(o, &d->key[order[i]], style);
    }
    if (kind == QN_DESC_RAW)
        qn_out_hex(o, d->script, d->script_len);
    if (kind == QN_DESC_ADDR) {
        char text[QN_ADDRESS_MAX];
        qn_address_encode(d->chain, d->script, d->script_len, text);
        qn_out_str(o, text);
    }
    qn_out_str(o, ")");
    qn_out_str(o, d->wsh ? ")" : "");
    qn_out_str(o, sh ? ")" : "");
}

size_t qn_descriptor_print(const qn_descriptor *d, char *out, size_t cap)
{
    qn_out o = {out, cap, 0};
    put_descriptor(&o, d, d->kind, d->sh, AS_GIVEN);
    qn_out_end(&o);
    return o.len;
}

static size_t script_pk(const qn_desc_key *k, uint8_t *out)
{
    out[0] = k->len;
    memcpy(out + 1, k->bytes, k->len);
    out[k->len + 1] = QN_OP_CHECKSIG;
    return k->len + 2u;
}

static size_t put_small(uint8_t *out, unsigned n)
{
    if (n <= 16) {
        out[0] = (uint8_t)(QN_OP_1 + n - 1);
        return 1;
    }
    out[0] = 1;
    out[1] = (uint8_t)n;
    return 2;
}

static size_t script_multi(const qn_descriptor *d, uint8_t *out)
{
    unsigned order[QN_DESC_MAX_KEYS];
    key_order(d, d->sorted, order);
    size_t n = put_small(out, d->threshold);
    for (unsigned i = 0; i < d->n_keys; i++) {
        const qn_desc_key *k = &d->key[order[i]];
        out[n++] = k->len;
        memcpy(out + n, k->bytes, k->len);
        n += k->len;
    }
    n += put_small(out + n, d->n_keys);
    out[n++] = QN_OP_CHECKMULTISIG;
    return n;
}

/* The script before any wrapping. Returns 0 when the curve refuses. */
static size_t inner_script(const qn_descriptor *d, qn_desc_kind kind, const qn_curve *curve,
                           uint8_t out[SCRIPT_MAX])
{
    const qn_desc_key *k = &d->key[0];
    uint8_t hash[32];
    switch (kind) {
    case QN_DESC_PK:
        return script_pk(k, out);
    case QN_DESC_PKH:
        qn_hash160(k->bytes, k->len, hash);
        return qn_script_p2pkh(hash, out);
    case QN_DESC_WPKH:
        qn_hash160(k->bytes, k->len, hash);
        return qn_script_witness(0, hash, 20, out);
    case QN_DESC_MULTI:
        return script_multi(d, out);
    case QN_DESC_TR:
        if (!curve || !curve->tap_output(curve->arg, k->bytes + 1, hash))
            return 0;
        return qn_script_witness(1, hash, 32, out);
    case QN_DESC_RAWTR:
        return qn_script_witness(1, k->bytes + 1, 32, out);
    case QN_DESC_COMBO:
    case QN_DESC_ADDR:
    case QN_DESC_RAW:
        break;
    }
    return 0;
}

static size_t wrap(bool sh, bool wsh, uint8_t *script, size_t len)
{
    uint8_t hash[32];
    if (wsh) {
        qn_sha256(script, len, hash);
        len = qn_script_witness(0, hash, 32, script);
    }
    if (sh) {
        qn_hash160(script, len, hash);
        len = qn_script_p2sh(hash, script);
    }
    return len;
}

static void put_checksum(qn_out *o)
{
    char sum[QN_DESC_CHECKSUM + 1];
    if (o->len >= o->cap || !qn_descriptor_checksum(o->out, o->len, sum))
        memset(sum, 'q', sizeof sum - 1), sum[sizeof sum - 1] = '\0'; /* cut off: only counted */
    qn_out_str(o, "#");
    qn_out_str(o, sum);
}

static bool emit(const qn_descriptor *d, qn_desc_kind kind, bool sh, const qn_curve *curve,
                 qn_descriptor_script_fn *fn, void *arg)
{
    uint8_t script[SCRIPT_MAX];
    size_t len = inner_script(d, kind, curve, script);
    if (len == 0)
        return false;
    len = wrap(sh, d->wsh, script, len);
    qn_out o = {NULL, 0, 0};
    put_descriptor(&o, d, kind, sh, INFERRED);
    size_t cap = o.len + 1 + QN_DESC_CHECKSUM + 1;
    char *text = malloc(cap);
    if (!text)
        return false;
    o = (qn_out){text, cap, 0};
    put_descriptor(&o, d, kind, sh, INFERRED);
    put_checksum(&o);
    qn_out_end(&o);
    fn(arg, script, len, text);
    free(text);
    return true;
}

static bool expand_script(const qn_descriptor *d, const qn_curve *curve,
                          qn_descriptor_script_fn *fn, void *arg)
{
    size_t n = qn_descriptor_infer(d->chain, curve, d->script, d->script_len, NULL, 0);
    char *text = malloc(n + 1);
    if (!text)
        return false;
    qn_descriptor_infer(d->chain, curve, d->script, d->script_len, text, n + 1);
    fn(arg, d->script, d->script_len, text);
    free(text);
    return true;
}

bool qn_descriptor_expand(const qn_descriptor *d, const qn_curve *curve,
                          qn_descriptor_script_fn *fn, void *arg)
{
    if (d->kind == QN_DESC_ADDR || d->kind == QN_DESC_RAW)
        return expand_script(d, curve, fn, arg);
    if (d->kind != QN_DESC_COMBO)
        return emit(d, d->kind, d->sh, curve, fn, arg);
    bool ok =
        emit(d, QN_DESC_PK, false, curve, fn, arg) && emit(d, QN_DESC_PKH, false, curve, fn, arg);
    if (ok && d->key[0].len == 33)
        ok = emit(d, QN_DESC_WPKH, false, curve, fn, arg) &&
             emit(d, QN_DESC_WPKH, true, curve, fn, arg);
    return ok;
}

static bool non_hybrid(qn_script_part key)
{
    return key.data[0] <= 4;
}

static bool all_non_hybrid(const qn_script_info *info)
{
    for (unsigned i = 0; i < info->n_parts; i++)
        if (!non_hybrid(info->part[i]))
            return false;
    return true;
}

static void put_keys(qn_out *o, const qn_script_info *info)
{
    char text[16];
    bool multi = info->type == QN_SCRIPT_MULTISIG;
    snprintf(text, sizeof text, "multi(%u,", info->required);
    qn_out_str(o, multi ? text : info->type == QN_SCRIPT_WITNESS_V1_TAPROOT ? "rawtr(" : "pk(");
    for (unsigned i = 0; i < info->n_parts; i++) {
        qn_out_str(o, i ? "," : "");
        qn_out_hex(o, info->part[i].data, info->part[i].len);
    }
}

static bool is_xonly_key(const qn_curve *curve, qn_script_part p)
{
    uint8_t key[33] = {2};
    memcpy(key + 1, p.data, 32);
    return !curve || curve->pubkey_valid(curve->arg, key, sizeof key);
}

size_t qn_descriptor_infer(const qn_chain_text *chain, const qn_curve *curve, const uint8_t *script,
                           size_t script_len, char *out, size_t cap)
{
    qn_out o = {out, cap, 0};
    qn_script_info info;
    char address[QN_ADDRESS_MAX];
    qn_script_type type = qn_script_classify(script, script_len, &info);
    if (((type == QN_SCRIPT_PUBKEY || type == QN_SCRIPT_MULTISIG) && all_non_hybrid(&info)) ||
        (type == QN_SCRIPT_WITNESS_V1_TAPROOT && is_xonly_key(curve, info.part[0]))) {
        put_keys(&o, &info);
    } else if (qn_address_encode(chain, script, script_len, address)) {
        qn_out_str(&o, "addr(");
        qn_out_str(&o, address);
    } else {
        qn_out_str(&o, "raw(");
        qn_out_hex(&o, script, script_len);
    }
    qn_out_str(&o, ")");
    put_checksum(&o);
    qn_out_end(&o);
    return o.len;
}
