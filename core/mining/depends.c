/* Who spends whom within a block: found when somebody asks, for most miners never do. Most inputs
 * spend coins of the chain: a bit for each possible first two bytes of an id sorts them out before
 * the table is asked. */
#include "core/mining/template.h"

#include "core/base/alloc.h"
#include "core/mempool/keymap.h"

typedef struct places {
    qc_keymap by_txid;
    uint8_t maybe[65536 / 8];
} places;

static unsigned first_bits(const uint8_t *txid)
{
    return (unsigned)txid[0] << 8 | txid[1];
}

static uint32_t place_of(const places *p, const uint8_t *txid)
{
    unsigned b = first_bits(txid);
    if (!(p->maybe[b >> 3] >> (b & 7) & 1))
        return 0;
    return (uint32_t)(uintptr_t)qc_keymap_get(&p->by_txid, txid);
}

static void put_place(places *p, const uint8_t *txid, uint32_t place)
{
    unsigned b = first_bits(txid);
    p->maybe[b >> 3] |= (uint8_t)(1u << (b & 7));
    qc_keymap_put(&p->by_txid, txid, (void *)(uintptr_t)place);
}

static void find_all(const qc_template *t, places *p, qc_template_depends *d)
{
    for (uint32_t i = 0; i < t->n_tx; i++) {
        const qc_tx *tx = &t->entry[i]->tx;
        d->at[i] = d->n;
        for (uint32_t k = 0; k < tx->rec->n_in; k++) {
            uint32_t place = place_of(p, tx->in[k].prev_txid);
            if (place)
                d->place[d->n++] = place;
        }
        put_place(p, tx->rec->txid, i + 1);
    }
    d->at[t->n_tx] = d->n;
}

/* In one piece of memory: one per transaction and one more, then at most one per input. */
static qc_template_depends *find(const qc_template *t)
{
    places *p = qc_alloc(sizeof *p);
    size_t at = (t->n_tx + 1u) * sizeof(uint32_t), place = t->n_in * sizeof(uint32_t);
    qc_template_depends *d = qc_alloc(sizeof *d + at + place);
    *d = (qc_template_depends){.at = (uint32_t *)(d + 1)};
    d->place = d->at + t->n_tx + 1;
    qc_keymap_init(&p->by_txid, 32);
    qc_keymap_must_reserve(&p->by_txid, t->n_tx);
    find_all(t, p, d);
    qc_keymap_clear(&p->by_txid);
    qc_free(p);
    return d;
}

const qc_template_depends *qc_template_depends_of(const qc_template *t)
{
    qc_template *mine = (qc_template *)(uintptr_t)t;
    qc_template_depends *d = atomic_load(&mine->depends), *none = NULL;
    if (d)
        return d;
    d = find(t);
    if (atomic_compare_exchange_strong(&mine->depends, &none, d))
        return d;
    qc_free(d); /* another thread was faster */
    return none;
}
