#include "core/mempool/keymap.h"

#include "core/base/alloc.h"
#include "core/os/file.h"

#define MIN_SLOTS 16u

void qc_keymap_init(qc_keymap *k, size_t key_len)
{
    QC_ASSERT(key_len == 32 || key_len == 36);
    *k = (qc_keymap){.key_len = key_len};
    qc_os_random(&k->salt, sizeof k->salt);
}

void qc_keymap_clear(qc_keymap *k)
{
    qc_free(k->slot);
    k->slot = NULL;
    k->mask = k->n = 0;
}

static uint64_t hash_of(const qc_keymap *k, const uint8_t *key)
{
    qc_hash h;
    memcpy(h.b, key, sizeof h.b);
    return qc_siphash_uj_outpoint(&k->salt, &h, k->key_len == 36 ? qc_read_le32(key + 32) : 0);
}

/* The key's slot, or the free one where it would go. */
static size_t probe(const qc_keymap *k, const uint8_t *key, uint64_t h)
{
    size_t at = h & k->mask;
    for (; k->slot[at].key; at = (at + 1) & k->mask)
        if (k->slot[at].hash == h && memcmp(k->slot[at].key, key, k->key_len) == 0)
            break;
    return at;
}

/* Slots that it takes with `more`; 0: there are enough. */
static size_t slots_for(const qc_keymap *k, size_t more)
{
    size_t want = k->n + more, slots = k->slot ? k->mask + 1 : MIN_SLOTS;
    while (want > slots / 4 * 3)
        slots *= 2;
    return k->slot && slots == k->mask + 1 ? 0 : slots;
}

static void move_to(qc_keymap *k, QC_OWN qc_keyslot *s, size_t slots)
{
    for (size_t i = 0; k->slot && i <= k->mask; i++) {
        if (!k->slot[i].key)
            continue;
        size_t at = k->slot[i].hash & (slots - 1);
        while (s[at].key)
            at = (at + 1) & (slots - 1);
        s[at] = k->slot[i];
    }
    qc_free(k->slot);
    k->slot = s;
    k->mask = slots - 1;
}

qc_err qc_keymap_reserve(qc_keymap *k, size_t more)
{
    size_t slots = slots_for(k, more);
    qc_keyslot *s = slots ? qc_try_calloc(slots, sizeof *s) : NULL;
    if (slots && !s)
        return QC_ENOMEM;
    if (slots)
        move_to(k, s, slots);
    return QC_OK;
}

void qc_keymap_must_reserve(qc_keymap *k, size_t more)
{
    size_t slots = slots_for(k, more);
    if (slots)
        move_to(k, qc_alloc(slots * sizeof(qc_keyslot)), slots);
}

void qc_keymap_put(qc_keymap *k, const void *key, void *value)
{
    uint64_t h = hash_of(k, key);
    size_t at = probe(k, key, h);
    QC_ASSERT(!k->slot[at].key && value);
    k->slot[at] = (qc_keyslot){h, key, value};
    k->n++;
}

void *qc_keymap_get(const qc_keymap *k, const void *key)
{
    return k->slot ? k->slot[probe(k, key, hash_of(k, key))].value : NULL;
}

/* Later entries of the same probe run move back, so that no tombstones are left. */
void *qc_keymap_take(qc_keymap *k, const void *key)
{
    size_t hole = k->slot ? probe(k, key, hash_of(k, key)) : 0;
    if (!k->slot || !k->slot[hole].key)
        return NULL;
    void *value = k->slot[hole].value;
    for (size_t at = (hole + 1) & k->mask; k->slot[at].key; at = (at + 1) & k->mask) {
        size_t home = k->slot[at].hash & k->mask;
        if (((at - home) & k->mask) >= ((at - hole) & k->mask)) {
            k->slot[hole] = k->slot[at];
            hole = at;
        }
    }
    k->slot[hole] = (qc_keyslot){0, NULL, NULL};
    k->n--;
    return value;
}

void *qc_keymap_next(const qc_keymap *k, size_t *at)
{
    for (; k->slot && *at <= k->mask; (*at)++)
        if (k->slot[*at].key)
            return k->slot[(*at)++].value;
    return NULL;
}
