/* Looking up what there is to solve an input with. How long it takes must not grow with the square
 * of a PSBT: everything may be there a hundred thousand times. */
#include "lib/psbt_learn_impl.h"

#include "lib/hash.h"

#include <stdlib.h>
#include <string.h>

typedef qn_psbt_solver solver;
typedef qn_psbt_key_id key_id;
typedef qn_psbt_tap_use tap_use;

static qn_psbt_bytes bytes(const void *data, size_t len)
{
    return (qn_psbt_bytes){data, len};
}

const qn_psbt_record *qn_psbt_known(const solver *s, uint8_t type, qn_psbt_bytes data)
{
    uint8_t key[100];
    if (data.len >= sizeof key)
        return NULL;
    key[0] = type;
    if (data.len)
        memcpy(key + 1, data.data, data.len);
    const qn_psbt_record *r = qn_psbt_find(s->have, key, data.len + 1);
    return r ? r : qn_psbt_find(&s->add, key, data.len + 1);
}

static qn_psbt_bytes value_of(const solver *s, uint8_t type)
{
    const qn_psbt_record *r = qn_psbt_known(s, type, bytes(NULL, 0));
    return r ? r->value : bytes(NULL, 0);
}

/* Unless it is there. */
void qn_psbt_learn(solver *s, uint8_t type, qn_psbt_bytes data, qn_psbt_bytes value)
{
    if (!qn_psbt_known(s, type, data) &&
        !qn_psbt_put(s->p, &s->add, type, data.data, data.len, value.data, value.len))
        s->failed = true;
}

bool qn_psbt_find_script(solver *s, const uint8_t *hash, qn_psbt_bytes *out)
{
    static const uint8_t TYPE[] = {QN_PSBT_IN_REDEEM, QN_PSBT_IN_WITNESS};
    uint8_t id[20];
    if (s->h->script && s->h->script(s->h->arg, hash, out)) {
        *out = qn_psbt_copy(s->p, out->data, out->len);
        s->failed |= !out->data;
        return out->data != NULL;
    }
    for (int i = 0; i < 2; i++) {
        *out = value_of(s, TYPE[i]);
        if (!out->data)
            continue;
        qn_hash160(out->data, out->len, id);
        if (memcmp(id, hash, 20) == 0)
            return true;
    }
    return false;
}

static int by_id(const void *a, const void *b)
{
    return memcmp(((const key_id *)a)->id, ((const key_id *)b)->id, 20);
}

static bool is_origin(const qn_psbt_record *r)
{
    return r->type == QN_PSBT_IN_ORIGIN || r->type == QN_PSBT_IN_TAP_ORIGIN;
}

/* Scripts may name many keys by their hashes, and there may be many to choose from. */
static void index_keys(solver *s)
{
    const qn_psbt_map *m = s->have;
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += is_origin(&m->record[i]);
    s->ids = qn_psbt_room(s->p, n, sizeof *s->ids);
    s->failed |= !s->ids;
    for (size_t i = 0; s->ids && i < m->n; i++) {
        if (!is_origin(&m->record[i]))
            continue;
        key_id *k = &s->ids[s->n_ids++];
        k->key = m->record[i].data;
        qn_hash160(k->key.data, k->key.len, k->id);
    }
    if (s->n_ids > 1)
        qsort(s->ids, s->n_ids, sizeof *s->ids, by_id);
}

static bool learned_key(const solver *s, const uint8_t *id, qn_psbt_bytes *out)
{
    uint8_t of[20];
    for (size_t i = 0; i < s->add.n; i++) {
        const qn_psbt_record *r = &s->add.record[i];
        if (r->type != QN_PSBT_IN_ORIGIN)
            continue;
        qn_hash160(r->data.data, r->data.len, of);
        if (memcmp(of, id, 20) == 0) {
            *out = r->data;
            return true;
        }
    }
    return false;
}

bool qn_psbt_find_key(solver *s, const uint8_t *id, qn_psbt_bytes *out)
{
    key_id probe;
    const qn_psbt_record *r = qn_psbt_sig_by_id(s->have, id);
    r = r ? r : qn_psbt_sig_by_id(&s->add, id);
    if (!s->ids)
        index_keys(s);
    memcpy(probe.id, id, 20);
    const key_id *k = s->n_ids ? bsearch(&probe, s->ids, s->n_ids, sizeof *s->ids, by_id) : NULL;
    if (r || k) {
        *out = r ? r->data : k->key;
        return true;
    }
    if (!s->h->key || !s->h->key(s->h->arg, id, out))
        return learned_key(s, id, out);
    *out = qn_psbt_copy(s->p, out->data, out->len);
    s->failed |= !out->data;
    return out->data != NULL;
}

void qn_psbt_learn_origin(solver *s, qn_psbt_bytes key)
{
    qn_psbt_bytes origin;
    if (s->h->origin && s->h->origin(s->h->arg, key, &origin))
        qn_psbt_learn(s, QN_PSBT_IN_ORIGIN, key, origin);
}

/* Unless the input has it. */
void qn_psbt_learn_tap_origin(solver *s, const uint8_t *x, const uint8_t *leaf)
{
    qn_psbt_bytes origin, key = bytes(x, 32);
    if (qn_psbt_known(s, QN_PSBT_IN_TAP_ORIGIN, key) || !s->h->origin ||
        !s->h->origin(s->h->arg, key, &origin))
        return;
    if (s->n_taps == s->cap_taps) {
        size_t cap = s->cap_taps ? 2 * s->cap_taps : 16;
        tap_use *more = qn_psbt_room(s->p, cap, sizeof *more);
        if (!more) {
            s->failed = true;
            return;
        }
        if (s->n_taps)
            memcpy(more, s->tap, s->n_taps * sizeof *more);
        s->tap = more;
        s->cap_taps = cap;
    }
    tap_use *u = &s->tap[s->n_taps++];
    *u = (tap_use){.in_leaf = leaf != NULL};
    memcpy(u->x, x, 32);
    if (leaf)
        memcpy(u->leaf, leaf, 32);
}

static int by_use(const void *a, const void *b)
{
    const tap_use *u = a, *v = b;
    int c = memcmp(u->x, v->x, 32);
    c = c ? c : u->in_leaf - v->in_leaf;
    return c ? c : memcmp(u->leaf, v->leaf, 32);
}

/* One key of those uses: its leaves in order, none twice, and its origin. */
static void put_tap_origin(solver *s, const tap_use *use, size_t n)
{
    qn_grow leaves = {.data = NULL}, g = {.data = NULL};
    qn_psbt_bytes origin;
    for (size_t i = 0; i < n; i++)
        if (use[i].in_leaf && (!i || by_use(&use[i - 1], &use[i]) != 0))
            qn_grow_put(&leaves, use[i].leaf, 32);
    if (s->h->origin(s->h->arg, bytes(use->x, 32), &origin)) {
        qn_psbt_put_size(&g, leaves.len / 32);
        qn_grow_put(&g, leaves.data, leaves.len);
        qn_grow_put(&g, origin.data, origin.len);
        s->failed |= leaves.failed || g.failed ||
                     !qn_psbt_put(s->p, &s->add, QN_PSBT_IN_TAP_ORIGIN, use->x, 32, g.data, g.len);
    }
    qn_grow_clear(&leaves);
    qn_grow_clear(&g);
}

void qn_psbt_learn_tap_origins(solver *s)
{
    if (s->n_taps > 1)
        qsort(s->tap, s->n_taps, sizeof *s->tap, by_use);
    for (size_t i = 0, n; i < s->n_taps && !s->failed; i += n) {
        for (n = 1; i + n < s->n_taps && memcmp(s->tap[i].x, s->tap[i + n].x, 32) == 0;)
            n++;
        put_tap_origin(s, &s->tap[i], n);
    }
}
