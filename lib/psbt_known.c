#include "lib/psbt_known.h"

#include "lib/arena_impl.h"
#include "lib/hash.h"
#include "lib/psbt_impl.h"

#include <stdlib.h>
#include <string.h>

#define TAPSCRIPT 0xc0u
#define CONTROL_MAX (33u + 32u * 128u)

typedef enum what { KEY, SCRIPT, OUTPUT } what;

/* Something that a hash (or an output key) names: in one of the derived. */
typedef struct entry {
    uint8_t name[32]; /* shorter ones end in zeros */
    what what;
    uint32_t derived, which;
} entry;

struct qn_psbt_known {
    qn_derived *derived;
    size_t n_derived, cap_derived;
    entry *entry;
    size_t n, cap;
    bool sorted;
    qn_grow origin; /* that was given last */
};

qn_psbt_known *qn_psbt_known_new(void)
{
    return calloc(1, sizeof(qn_psbt_known));
}

void qn_psbt_known_free(qn_psbt_known *k)
{
    if (!k)
        return;
    for (size_t i = 0; i < k->n_derived; i++)
        qn_derived_clear(&k->derived[i]);
    free(k->derived);
    free(k->entry);
    qn_grow_clear(&k->origin);
    free(k);
}

/* ---- filling ---- */

static bool add(qn_psbt_known *k, what w, const uint8_t *name, size_t len, size_t which)
{
    if (k->n == k->cap) {
        size_t cap = k->cap ? 2 * k->cap : 64;
        entry *more = realloc(k->entry, cap * sizeof *more);
        if (!more)
            return false;
        k->entry = more;
        k->cap = cap;
    }
    entry *e = &k->entry[k->n++];
    *e = (entry){.what = w, .derived = (uint32_t)(k->n_derived - 1), .which = (uint32_t)which};
    memcpy(e->name, name, len);
    return true;
}

static bool add_script(qn_psbt_known *k, qn_desc_bytes s, size_t which)
{
    uint8_t id[20];
    if (!s.data)
        return true;
    qn_hash160(s.data, s.len, id);
    return add(k, SCRIPT, id, 20, which);
}

/* By its own hash and, for leaves, by that of its 32 bytes. */
static bool add_key(qn_psbt_known *k, const qn_desc_key *key, size_t which)
{
    uint8_t id[20];
    qn_hash160(key->bytes, key->len, id);
    bool ok = add(k, KEY, id, 20, which);
    if (ok && key->len == 33) {
        qn_hash160(key->bytes + 1, 32, id);
        ok = add(k, KEY, id, 20, which) && add(k, KEY, key->bytes + 1, 32, which);
    }
    return ok;
}

static bool add_names(qn_psbt_known *k, const qn_derived *v)
{
    bool ok = true;
    for (size_t i = 0; i < v->n_scripts && ok; i++)
        ok = add_script(k, v->script[i].redeem, 2 * i) &&
             add_script(k, v->script[i].witness, 2 * i + 1);
    for (size_t i = 0; i < v->n_keys && ok; i++)
        ok = add_key(k, &v->key[i], i);
    if (ok && v->taproot)
        ok = add(k, OUTPUT, v->script[0].script.data + 2, 32, 0);
    return ok;
}

bool qn_psbt_known_add(qn_psbt_known *k, qn_derived *v)
{
    if (k->n_derived == k->cap_derived) {
        size_t cap = k->cap_derived ? 2 * k->cap_derived : 16;
        qn_derived *more = realloc(k->derived, cap * sizeof *more);
        if (!more) {
            qn_derived_clear(v);
            return false;
        }
        k->derived = more;
        k->cap_derived = cap;
    }
    k->derived[k->n_derived++] = *v;
    k->sorted = false;
    return add_names(k, &k->derived[k->n_derived - 1]);
}

/* ---- asking ---- */

static int by_name(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return x->what != y->what ? (x->what < y->what ? -1 : 1) : memcmp(x->name, y->name, 32);
}

static const entry *find(qn_psbt_known *k, what w, const uint8_t *name, size_t len)
{
    entry key = {.what = w};
    if (!k->n)
        return NULL;
    if (!k->sorted)
        qsort(k->entry, k->n, sizeof *k->entry, by_name);
    k->sorted = true;
    memcpy(key.name, name, len);
    return bsearch(&key, k->entry, k->n, sizeof key, by_name);
}

bool qn_psbt_known_script(qn_psbt_known *k, const uint8_t *hash, qn_psbt_bytes *out)
{
    const entry *e = find(k, SCRIPT, hash, 20);
    if (!e)
        return false;
    const qn_desc_script *s = &k->derived[e->derived].script[e->which / 2];
    qn_desc_bytes b = e->which % 2 ? s->witness : s->redeem;
    *out = (qn_psbt_bytes){b.data, b.len};
    return true;
}

bool qn_psbt_known_key(qn_psbt_known *k, const uint8_t *hash, qn_psbt_bytes *out)
{
    const entry *e = find(k, KEY, hash, 20);
    if (!e)
        return false;
    const qn_desc_key *key = &k->derived[e->derived].key[e->which];
    *out = (qn_psbt_bytes){key->bytes, key->len};
    return true;
}

bool qn_psbt_known_origin(qn_psbt_known *k, qn_psbt_bytes key, qn_psbt_bytes *out)
{
    uint8_t id[20];
    qn_hash160(key.data, key.len, id);
    const entry *e = key.len == 32 ? find(k, KEY, key.data, 32) : find(k, KEY, id, 20);
    if (!e)
        return false;
    const qn_desc_key *d = &k->derived[e->derived].key[e->which];
    k->origin.len = 0;
    qn_grow_put(&k->origin, d->fingerprint, 4);
    for (size_t i = 0; i < d->n_path; i++)
        qn_psbt_put_le(&k->origin, d->path[i], 4);
    *out = (qn_psbt_bytes){k->origin.data, k->origin.len};
    return !k->origin.failed;
}

void qn_psbt_known_taproot(qn_psbt_known *k, const uint8_t *output, qn_psbt_known_put *put,
                           void *arg)
{
    static const qn_psbt_bytes none = {NULL, 0};
    const entry *e = find(k, OUTPUT, output, 32);
    if (!e)
        return;
    const qn_derived *v = &k->derived[e->derived];
    put(arg, QN_PSBT_IN_TAP_KEY, none, (qn_psbt_bytes){v->internal, 32});
    if (!v->has_tree)
        return;
    put(arg, QN_PSBT_IN_TAP_ROOT, none, (qn_psbt_bytes){v->root, 32});
    for (size_t i = 0; i < v->n_leaves; i++) {
        uint8_t control[CONTROL_MAX];
        size_t len = qn_derived_control(v, i, control, sizeof control);
        uint8_t *script = malloc(v->leaf[i].script.len + 1);
        if (!script)
            return;
        memcpy(script, v->leaf[i].script.data, v->leaf[i].script.len);
        script[v->leaf[i].script.len] = TAPSCRIPT;
        put(arg, QN_PSBT_IN_TAP_LEAF, (qn_psbt_bytes){control, len},
            (qn_psbt_bytes){script, v->leaf[i].script.len + 1});
        free(script);
    }
}

void qn_psbt_known_tree(qn_psbt_known *k, const uint8_t *output, qn_psbt_known_put *put, void *arg)
{
    const entry *e = find(k, OUTPUT, output, 32);
    qn_grow g = {.data = NULL};
    if (!e || !k->derived[e->derived].has_tree)
        return;
    const qn_derived *v = &k->derived[e->derived];
    /* The right side of each branch comes first, as Core has it: the order is no part of the tree.
     */
    for (size_t i = v->n_leaves; i-- > 0;) {
        qn_grow_byte(&g, (uint8_t)v->leaf[i].depth);
        qn_grow_byte(&g, TAPSCRIPT);
        qn_psbt_put_var(&g, v->leaf[i].script.data, v->leaf[i].script.len);
    }
    if (!g.failed)
        put(arg, QN_PSBT_OUT_TAP_TREE, (qn_psbt_bytes){NULL, 0}, (qn_psbt_bytes){g.data, g.len});
    qn_grow_clear(&g);
}

/* ---- as a helper ---- */

static bool help_script(void *arg, const uint8_t *hash, qn_psbt_bytes *out)
{
    return qn_psbt_known_script(arg, hash, out);
}

static bool help_key(void *arg, const uint8_t *hash, qn_psbt_bytes *out)
{
    return qn_psbt_known_key(arg, hash, out);
}

static bool help_origin(void *arg, qn_psbt_bytes key, qn_psbt_bytes *out)
{
    return qn_psbt_known_origin(arg, key, out);
}

static void help_taproot(void *arg, const uint8_t *output, qn_psbt_known_put *put, void *put_arg)
{
    qn_psbt_known_taproot(arg, output, put, put_arg);
}

static void help_tree(void *arg, const uint8_t *output, qn_psbt_known_put *put, void *put_arg)
{
    qn_psbt_known_tree(arg, output, put, put_arg);
}

qn_psbt_helper qn_psbt_known_helper(qn_psbt_known *k)
{
    return (qn_psbt_helper){.arg = k,
                            .script = help_script,
                            .key = help_key,
                            .origin = help_origin,
                            .taproot = help_taproot,
                            .tree = help_tree};
}
