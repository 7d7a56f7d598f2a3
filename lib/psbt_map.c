/* The records of a map. But while it is read, a map is in the order of writing: what is looked for
 * is found by halving, and what is added goes to its place. */
#include "lib/psbt_impl.h"

#include "lib/hash.h"

#include <stdlib.h>
#include <string.h>

/* ---- order ---- */

/* Types in the order of writing, as Core has it; what is not there comes last. */
static const uint8_t ORDER[3][32] = {
    {QN_PSBT_G_TX, QN_PSBT_G_XPUB, QN_PSBT_G_TX_VERSION, QN_PSBT_G_LOCKTIME, QN_PSBT_G_INPUTS,
     QN_PSBT_G_OUTPUTS, QN_PSBT_G_MODIFIABLE, QN_PSBT_G_VERSION, QN_PSBT_PROPRIETARY},
    {QN_PSBT_IN_TX,
     QN_PSBT_IN_COIN,
     QN_PSBT_IN_SIG,
     QN_PSBT_IN_SIGHASH,
     QN_PSBT_IN_REDEEM,
     QN_PSBT_IN_WITNESS,
     QN_PSBT_IN_ORIGIN,
     QN_PSBT_IN_RIPEMD160,
     QN_PSBT_IN_SHA256,
     QN_PSBT_IN_HASH160,
     QN_PSBT_IN_HASH256,
     QN_PSBT_IN_TAP_SIG,
     QN_PSBT_IN_TAP_SCRIPT_SIG,
     QN_PSBT_IN_TAP_LEAF,
     QN_PSBT_IN_TAP_ORIGIN,
     QN_PSBT_IN_TAP_KEY,
     QN_PSBT_IN_TAP_ROOT,
     QN_PSBT_IN_MUSIG,
     QN_PSBT_IN_MUSIG_NONCE,
     QN_PSBT_IN_MUSIG_SIG,
     QN_PSBT_IN_FINAL_SIG,
     QN_PSBT_IN_FINAL_WITNESS,
     QN_PSBT_IN_TXID,
     QN_PSBT_IN_VOUT,
     QN_PSBT_IN_SEQUENCE,
     QN_PSBT_IN_TIME,
     QN_PSBT_IN_HEIGHT,
     QN_PSBT_PROPRIETARY},
    {QN_PSBT_OUT_REDEEM, QN_PSBT_OUT_WITNESS, QN_PSBT_OUT_ORIGIN, QN_PSBT_OUT_AMOUNT,
     QN_PSBT_OUT_SCRIPT, QN_PSBT_PROPRIETARY, QN_PSBT_OUT_TAP_KEY, QN_PSBT_OUT_TAP_TREE,
     QN_PSBT_OUT_TAP_ORIGIN, QN_PSBT_OUT_MUSIG}};
static const size_t ORDERED[3] = {9, 28, 10};

static size_t rank(unsigned kind, uint64_t type)
{
    size_t i = 0;
    while (i < ORDERED[kind] && ORDER[kind][i] != type)
        i++;
    return i;
}

static int origins(qn_psbt_bytes a, qn_psbt_bytes b)
{
    int c = memcmp(a.data, b.data, 4);
    if (c || a.len != b.len)
        return c ? c : a.len < b.len ? -1 : 1;
    qn_psbt_reader x = {a.data + 4, a.len - 4, NULL}, y = {b.data + 4, b.len - 4, NULL};
    while (x.left) {
        uint32_t l = qn_psbt_u32(&x), r = qn_psbt_u32(&y);
        if (l != r)
            return l < r ? -1 : 1;
    }
    return 0;
}

static int xpubs(const qn_psbt_record *a, const qn_psbt_record *b)
{
    int c = origins(a->value, b->value);
    c = c ? c : memcmp(a->data.data + 45, b->data.data + 45, 33);
    return c ? c : memcmp(a->data.data + 13, b->data.data + 13, 32);
}

static int leaves(const qn_psbt_record *a, const qn_psbt_record *b)
{
    const qn_psbt_bytes x = {a->value.data, a->value.len - 1},
                        y = {b->value.data, b->value.len - 1};
    int c = qn_psbt_compare(x, y);
    c = c ? c : x.data[x.len] - y.data[y.len];
    if (c || a->data.len != b->data.len)
        return c ? c : a->data.len < b->data.len ? -1 : 1;
    return qn_psbt_compare(a->data, b->data);
}

/* By the aggregate key, the leaf's hash (without one first), the participant. */
static int musigs(const qn_psbt_record *a, const qn_psbt_record *b)
{
    const qn_psbt_bytes x = {a->data.data + 33, a->data.len - 33},
                        y = {b->data.data + 33, b->data.len - 33};
    int c = qn_psbt_compare(x, y);
    return c ? c : memcmp(a->data.data, b->data.data, 33);
}

/* The value says where it stands, beside its key. */
static bool by_value(unsigned kind, uint64_t type)
{
    return (kind == QN_PSBT_GLOBAL && type == QN_PSBT_G_XPUB) ||
           (kind == QN_PSBT_INPUT && type == QN_PSBT_IN_TAP_LEAF);
}

static int in_order(unsigned kind, const qn_psbt_record *a, const qn_psbt_record *b)
{
    if (a->type != b->type)
        return rank(kind, a->type) < rank(kind, b->type) ? -1 : 1;
    if (by_value(kind, a->type))
        return kind == QN_PSBT_GLOBAL ? xpubs(a, b) : leaves(a, b);
    if (kind == QN_PSBT_INPUT && a->type == QN_PSBT_IN_SIG)
        return memcmp(a->id, b->id, 20);
    if (kind == QN_PSBT_INPUT &&
        (a->type == QN_PSBT_IN_MUSIG_NONCE || a->type == QN_PSBT_IN_MUSIG_SIG))
        return musigs(a, b);
    return qn_psbt_compare(a->key, b->key);
}

static int global_order(const void *a, const void *b)
{
    return in_order(QN_PSBT_GLOBAL, a, b);
}

static int input_order(const void *a, const void *b)
{
    return in_order(QN_PSBT_INPUT, a, b);
}

static int output_order(const void *a, const void *b)
{
    return in_order(QN_PSBT_OUTPUT, a, b);
}

void qn_psbt_sort(qn_psbt_map *m)
{
    static int (*const BY[])(const void *, const void *) = {global_order, input_order,
                                                            output_order};
    if (m->n > 1)
        qsort(m->record, m->n, sizeof *m->record, BY[m->kind]);
}

/* ---- records ---- */

/* Where the first record of a type is or would be. */
static size_t start_of(const qn_psbt_map *m, uint64_t type)
{
    size_t low = 0, high = m->n, r = rank(m->kind, type);
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (rank(m->kind, m->record[mid].type) < r)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Where a record is or would be among the first n. */
static size_t place_of(const qn_psbt_map *m, size_t n, const qn_psbt_record *r)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (in_order(m->kind, &m->record[mid], r) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const qn_psbt_record *qn_psbt_get(const qn_psbt_map *m, uint64_t type)
{
    size_t at = start_of(m, type);
    return at < m->n && m->record[at].type == type ? &m->record[at] : NULL;
}

qn_psbt_bytes qn_psbt_value(const qn_psbt_map *m, uint64_t type)
{
    const qn_psbt_record *r = qn_psbt_get(m, type);
    return r ? r->value : (qn_psbt_bytes){NULL, 0};
}

/* Of a key by its first byte: no type that is known takes more. */
static uint64_t type_of(const qn_psbt_map *m, uint8_t first)
{
    return rank(m->kind, first) < ORDERED[m->kind] ? first : QN_PSBT_UNKNOWN;
}

static bool has_key(const qn_psbt_record *r, const void *key, size_t len)
{
    return r->key.len == len && memcmp(r->key.data, key, len) == 0;
}

const qn_psbt_record *qn_psbt_find(const qn_psbt_map *m, const void *key, size_t len)
{
    const uint8_t *k = key;
    uint8_t id[20];
    if (!len)
        return NULL;
    const uint64_t type = type_of(m, k[0]);
    const qn_psbt_record probe = {
        .type = type, .key = {k, len}, .data = {k + 1, len - 1}, .id = id};
    size_t at = start_of(m, type);
    if (by_value(m->kind, type)) {
        while (at < m->n && m->record[at].type == type && !has_key(&m->record[at], key, len))
            at++;
    } else {
        if (m->kind == QN_PSBT_INPUT && type == QN_PSBT_IN_SIG)
            qn_hash160(k + 1, len - 1, id);
        at = place_of(m, m->n, &probe);
    }
    return at < m->n && has_key(&m->record[at], key, len) ? &m->record[at] : NULL;
}

const qn_psbt_record *qn_psbt_sig_by_id(const qn_psbt_map *m, const uint8_t id[20])
{
    const qn_psbt_record probe = {.type = QN_PSBT_IN_SIG, .id = id};
    size_t at = place_of(m, m->n, &probe);
    if (at == m->n || m->record[at].type != QN_PSBT_IN_SIG || memcmp(m->record[at].id, id, 20) != 0)
        return NULL;
    return &m->record[at];
}

bool qn_psbt_append(qn_psbt *p, qn_psbt_map *m, const qn_psbt_record *r)
{
    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 8;
        qn_psbt_record *more = qn_psbt_room(p, cap, sizeof *more);
        if (!more)
            return false;
        if (m->n)
            memcpy(more, m->record, m->n * sizeof *more);
        m->record = more;
        m->cap = cap;
    }
    qn_psbt_record *to = &m->record[m->n];
    *to = *r;
    if (m->kind == QN_PSBT_INPUT && r->type == QN_PSBT_IN_SIG) {
        uint8_t *id = qn_psbt_room(p, 20, 1);
        if (!id)
            return false;
        qn_hash160(r->data.data, r->data.len, id);
        to->id = id;
    }
    m->n++;
    return true;
}

/* Append, and move it to where it belongs. */
static bool insert(qn_psbt *p, qn_psbt_map *m, const qn_psbt_record *r)
{
    if (!qn_psbt_append(p, m, r))
        return false;
    const qn_psbt_record it = m->record[m->n - 1];
    size_t at = place_of(m, m->n - 1, &it);
    memmove(&m->record[at + 1], &m->record[at], (m->n - 1 - at) * sizeof it);
    m->record[at] = it;
    return true;
}

bool qn_psbt_put(qn_psbt *p, qn_psbt_map *m, uint8_t type, const void *data, size_t data_len,
                 const void *value, size_t value_len)
{
    uint8_t *key = qn_psbt_room(p, data_len + 1, 1);
    qn_psbt_bytes copy = qn_psbt_copy(p, value, value_len);
    if (!key || !copy.data)
        return false;
    key[0] = type;
    if (data_len)
        memcpy(key + 1, data, data_len);
    qn_psbt_record *have = (qn_psbt_record *)(uintptr_t)qn_psbt_find(m, key, data_len + 1);
    const qn_psbt_record r = {.type = type_of(m, type),
                              .key = {key, data_len + 1},
                              .data = {key + 1, data_len},
                              .value = copy};
    if (have && !by_value(m->kind, type)) {
        have->value = copy;
        return true;
    }
    if (have) { /* another value has another place */
        size_t at = (size_t)(have - m->record);
        memmove(have, have + 1, (m->n - at - 1) * sizeof *have);
        m->n--;
    }
    return insert(p, m, &r);
}

void qn_psbt_drop(qn_psbt_map *m, uint64_t type)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->n; i++)
        if (m->record[i].type != type)
            m->record[kept++] = m->record[i];
    m->n = kept;
}

static int key_order(const void *a, const void *b)
{
    const qn_psbt_record *const *x = a, *const *y = b;
    return qn_psbt_compare((*x)->key, (*y)->key);
}

/* Owned: free(). */
static const qn_psbt_record **by_key(const qn_psbt_map *m)
{
    const qn_psbt_record **v = malloc((m->n + 1) * sizeof(const qn_psbt_record *));
    for (size_t i = 0; v && i < m->n; i++)
        v[i] = &m->record[i];
    if (v && m->n > 1)
        qsort((void *)v, m->n, sizeof(const qn_psbt_record *), key_order);
    return v;
}

static bool copy_record(qn_psbt *p, qn_psbt_map *to, const qn_psbt_record *from)
{
    qn_psbt_record r = *from;
    r.key = qn_psbt_copy(p, from->key.data, from->key.len);
    r.value = qn_psbt_copy(p, from->value.data, from->value.len);
    if (!r.key.data || !r.value.data)
        return false;
    r.data = (qn_psbt_bytes){r.key.data + (from->data.data - from->key.data), from->data.len};
    return qn_psbt_append(p, to, &r);
}

static bool merge(qn_psbt *p, qn_psbt_map *to, const qn_psbt_map *from, bool all)
{
    const qn_psbt_record **have = by_key(to), **come = by_key(from);
    bool ok = have && come;
    const size_t n = to->n; /* what is added comes behind, and `have` may point to what was moved */
    qn_psbt_record *old = malloc((n + 1) * sizeof *old);
    if (ok && old) {
        for (size_t i = 0; i < n; i++)
            old[i] = *have[i];
        for (size_t i = 0, k = 0; ok && i < from->n; i++) {
            while (k < n && qn_psbt_compare(old[k].key, come[i]->key) < 0)
                k++;
            /* A hash type is not taken over: whoever signs must want it (as Core's Merge()). */
            if (to->kind == QN_PSBT_INPUT && come[i]->type == QN_PSBT_IN_SIGHASH && !all)
                continue;
            if (k == n || qn_psbt_compare(old[k].key, come[i]->key) != 0)
                ok = copy_record(p, to, come[i]);
        }
        qn_psbt_sort(to);
    }
    ok = ok && old;
    free(old);
    free((void *)have);
    free((void *)come);
    return ok;
}

bool qn_psbt_merge(qn_psbt *p, qn_psbt_map *to, const qn_psbt_map *from)
{
    return merge(p, to, from, true);
}

bool qn_psbt_merge_some(qn_psbt *p, qn_psbt_map *to, const qn_psbt_map *from)
{
    return merge(p, to, from, false);
}
