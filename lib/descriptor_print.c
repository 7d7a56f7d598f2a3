/* Descriptors as text. */
#include "lib/descriptor_impl.h"

#include "lib/address.h"

#include <string.h>

static void put_step(qn_out *o, uint32_t step, bool apostrophe)
{
    qn_out_str(o, "/");
    qn_out_number(o, step & ~QN_HARDENED);
    if (step >= QN_HARDENED)
        qn_out_str(o, apostrophe ? "'" : "h");
}

static void put_path(qn_out *o, const qn_path *path, size_t branch, bool apostrophe)
{
    for (size_t i = 0; i < path->n; i++)
        put_step(o, path->alt && i == path->multi ? path->alt[branch] : path->step[i], apostrophe);
}

static void put_musig(const qn_descriptor *d, const qn_keyexpr *k, size_t branch, qn_out *o)
{
    qn_out_str(o, "musig(");
    for (uint32_t i = 0; i < k->n_parts; i++) {
        qn_out_str(o, i ? "," : "");
        qn_key_print(d, &d->key[d->part[k->first_part + i]], branch, o);
    }
    qn_out_str(o, ")");
}

void qn_key_print(const qn_descriptor *d, const qn_keyexpr *k, size_t branch, qn_out *o)
{
    char text[QN_EXT_TEXT];
    if (k->has_origin) {
        qn_out_str(o, "[");
        qn_out_hex(o, k->fingerprint, sizeof k->fingerprint);
        put_path(o, &k->origin, 0, k->apostrophe);
        qn_out_str(o, "]");
    }
    switch (k->kind) {
    case QN_KEY_SINGLE:
        qn_out_hex(o, k->bytes + k->xonly, k->xonly ? 32 : k->len);
        return;
    case QN_KEY_EXTENDED:
        qn_ext_encode(d->chain, &k->ext, text);
        qn_out_str(o, text);
        break;
    case QN_KEY_MUSIG:
        put_musig(d, k, branch, o);
        break;
    }
    put_path(o, &k->path, k->path.alt ? branch : 0, k->apostrophe);
    if (k->range != QN_RANGE_NONE)
        qn_out_str(o, "/*");
    if (k->range == QN_RANGE_HARDENED)
        qn_out_str(o, k->apostrophe ? "'" : "h");
}

const char *qn_expr_name(qn_expr_kind kind)
{
    static const char *const name[] = {
        "pk",    "pkh",    "wpkh", "combo", "multi", "sortedmulti", "multi_a", "sortedmulti_a",
        "rawtr", "unused", "addr", "raw",   ""};
    return name[kind];
}

typedef struct key_printer {
    const qn_descriptor *d;
    const uint32_t *key;
    size_t branch;
} key_printer;

static void print_key(void *arg, uint32_t key, qn_out *o)
{
    const key_printer *p = arg;
    qn_key_print(p->d, &p->d->key[p->key[key]], p->branch, o);
}

/* Returns: false when memory is short. */
static bool put_expr(const qn_descriptor *d, const qn_expr *e, size_t branch, qn_out *o)
{
    char address[QN_ADDRESS_MAX];
    key_printer p = {d, e->key, branch};
    if (e->kind == QN_EXPR_MINISCRIPT)
        return qn_ms_print(e->ms, e->ms->root, print_key, &p, o);
    qn_out_str(o, qn_expr_name(e->kind));
    qn_out_str(o, "(");
    if (e->threshold)
        qn_out_number(o, e->threshold);
    for (size_t i = 0; i < e->n_keys; i++) {
        qn_out_str(o, i || e->threshold ? "," : "");
        print_key(&p, (uint32_t)i, o);
    }
    if (e->kind == QN_EXPR_RAW)
        qn_out_hex(o, d->script, d->script_len);
    if (e->kind == QN_EXPR_ADDR && qn_address_encode(d->chain, d->script, d->script_len, address))
        qn_out_str(o, address);
    qn_out_str(o, ")");
    return true;
}

/* A tree in brackets: open[i] says that the left side at depth i is written, and a right one is
 * due.
 */
void qn_tree_before(qn_out *o, bool *open, size_t *n_open, unsigned depth, bool first)
{
    qn_out_str(o, first ? "" : ",");
    for (; *n_open < depth; ++*n_open) {
        qn_out_str(o, "{");
        open[*n_open] = false;
    }
}

void qn_tree_after(qn_out *o, bool *open, size_t *n_open)
{
    for (; *n_open && open[*n_open - 1]; --*n_open)
        qn_out_str(o, "}");
    if (*n_open)
        open[*n_open - 1] = true;
}

static bool put_taproot(const qn_descriptor *d, size_t branch, qn_out *o)
{
    bool open[130], ok = true;
    size_t n_open = 0;
    qn_out_str(o, "tr(");
    qn_key_print(d, &d->key[d->internal], branch, o);
    for (size_t i = 0; ok && i < d->n_exprs; i++) {
        qn_out_str(o, i ? "" : ",");
        qn_tree_before(o, open, &n_open, d->expr[i].depth, i == 0);
        ok = put_expr(d, &d->expr[i], branch, o);
        qn_tree_after(o, open, &n_open);
    }
    qn_out_str(o, ")");
    return ok;
}

void qn_desc_put_checksum(qn_out *o)
{
    char sum[QN_DESC_CHECKSUM + 1];
    if (o->len >= o->cap || !qn_descriptor_checksum(o->out, o->len, sum)) {
        memset(sum, 'q', QN_DESC_CHECKSUM); /* cut off: only counted */
        sum[QN_DESC_CHECKSUM] = '\0';
    }
    qn_out_str(o, "#");
    qn_out_str(o, sum);
}

size_t qn_descriptor_print(const qn_descriptor *d, size_t branch, char *out, size_t cap)
{
    qn_out o = {out, cap, 0};
    bool ok = true;
    if (d->tr) {
        ok = put_taproot(d, branch, &o);
    } else {
        qn_out_str(&o, d->sh ? "sh(" : "");
        qn_out_str(&o, d->wsh ? "wsh(" : "");
        ok = put_expr(d, &d->expr[0], branch, &o);
        qn_out_str(&o, d->wsh ? ")" : "");
        qn_out_str(&o, d->sh ? ")" : "");
    }
    if (!ok)
        return 0;
    qn_desc_put_checksum(&o);
    qn_out_end(&o);
    return o.len;
}
