#include "plugins/watch/map.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 64u

static uint64_t turn(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[static 4])
{
    v[0] += v[1];
    v[1] = turn(v[1], 13) ^ v[0];
    v[0] = turn(v[0], 32);
    v[2] += v[3];
    v[3] = turn(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = turn(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = turn(v[1], 17) ^ v[2];
    v[2] = turn(v[2], 32);
}

static void sip_word(uint64_t v[static 4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

uint64_t wt_map_hash(const wt_map *m, const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t v[4] = {
        m->key[0] ^ UINT64_C(0x736f6d6570736575), m->key[1] ^ UINT64_C(0x646f72616e646f6d),
        m->key[0] ^ UINT64_C(0x6c7967656e657261), m->key[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t last = (uint64_t)len << 56;
    size_t i = 0;
    for (; len - i >= 8; i += 8) {
        uint64_t word = 0;
        for (int b = 8; b-- > 0;)
            word = word << 8 | p[i + (size_t)b];
        sip_word(v, word);
    }
    for (int at = 0; i < len; i++, at += 8)
        last |= (uint64_t)p[i] << at;
    sip_word(v, last);
    v[2] ^= 0xff;
    for (int r = 0; r < 3; r++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

wt_node *wt_map_find(const wt_map *m, uint64_t hash)
{
    wt_node *n = m->n_slots ? m->slot[hash & (m->n_slots - 1)] : NULL;
    while (n && n->hash != hash)
        n = n->next;
    return n;
}

wt_node *wt_map_more(const wt_node *n)
{
    wt_node *at = n->next;
    while (at && at->hash != n->hash)
        at = at->next;
    return at;
}

static bool grow(wt_map *m)
{
    size_t n_slots = m->n_slots ? m->n_slots * 2 : FIRST_SLOTS;
    wt_node **slot = calloc(n_slots, sizeof *slot);
    if (!slot)
        return false;
    for (size_t i = 0; i < m->n_slots; i++)
        for (wt_node *n = m->slot[i], *after; n; n = after) {
            after = n->next;
            n->next = slot[n->hash & (n_slots - 1)];
            slot[n->hash & (n_slots - 1)] = n;
        }
    free(m->slot);
    m->slot = slot;
    m->n_slots = n_slots;
    return true;
}

bool wt_map_put(wt_map *m, wt_node *n, uint64_t hash)
{
    if (m->n >= m->n_slots && !grow(m))
        return false;
    wt_node **slot = &m->slot[hash & (m->n_slots - 1)];
    n->hash = hash;
    n->next = *slot;
    *slot = n;
    m->n++;
    return true;
}

void wt_map_drop(wt_map *m, wt_node *n)
{
    wt_node **at = &m->slot[n->hash & (m->n_slots - 1)];
    while (*at != n)
        at = &(*at)->next;
    *at = n->next;
    m->n--;
}

wt_node *wt_map_next(const wt_map *m, const wt_node *at)
{
    if (at && at->next)
        return at->next;
    size_t i = at ? (at->hash & (m->n_slots - 1)) + 1 : 0;
    for (; i < m->n_slots; i++)
        if (m->slot[i])
            return m->slot[i];
    return NULL;
}

void wt_map_clear(wt_map *m)
{
    free(m->slot);
    m->slot = NULL;
    m->n_slots = m->n = 0;
}
