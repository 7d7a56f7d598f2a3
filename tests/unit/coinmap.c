#include "tests/unit/coinmap.h"

#include "core/crypto/siphash.h"

#include <stdlib.h>

#define BUCKETS 4096u /* a power of two */

typedef struct entry {
    struct entry *next;
    qc_outpoint out;
    qc_spent coin; /* script owned */
} entry;

struct coinmap {
    size_t n;
    entry *bucket[BUCKETS];
};

static entry **place(coinmap *m, const qc_outpoint *o)
{
    static const qc_siphash_key key = {1, 2};
    entry **e = &m->bucket[qc_siphash_uj_outpoint(&key, &o->txid, o->n) & (BUCKETS - 1)];
    while (*e && ((*e)->out.n != o->n || !qc_hash_eq(&(*e)->out.txid, &o->txid)))
        e = &(*e)->next;
    return e;
}

coinmap *coinmap_new(void)
{
    coinmap *m = calloc(1, sizeof *m);
    QC_ASSERT(m);
    return m;
}

void coinmap_free(coinmap *m)
{
    for (size_t i = 0; i < BUCKETS; i++)
        while (m->bucket[i]) {
            entry *e = m->bucket[i];
            m->bucket[i] = e->next;
            free((void *)(uintptr_t)e->coin.script.data);
            free(e);
        }
    free(m);
}

size_t coinmap_count(const coinmap *m)
{
    return m->n;
}

const qc_spent *coinmap_get(const coinmap *m, const qc_outpoint *o)
{
    const entry *e = *place((coinmap *)(uintptr_t)m, o);
    return e ? &e->coin : NULL;
}

void coinmap_add(coinmap *m, const qc_outpoint *o, const qc_spent *coin)
{
    entry **at = place(m, o), *e = calloc(1, sizeof *e);
    uint8_t *script = malloc(coin->script.len + 1);
    QC_ASSERT(!*at && e && script);
    if (coin->script.len)
        memcpy(script, coin->script.data, coin->script.len);
    e->out = *o;
    e->coin = *coin;
    e->coin.script.data = script;
    *at = e;
    m->n++;
}

bool coinmap_take(coinmap *m, const qc_outpoint *o, qc_spent *coin)
{
    entry **at = place(m, o), *e = *at;
    if (!e)
        return false;
    *coin = e->coin;
    *at = e->next;
    free(e);
    m->n--;
    return true;
}
