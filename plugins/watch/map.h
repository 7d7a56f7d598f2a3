/* plugins/watch/map.h: a hash table whose entries carry their own links. Its hash is keyed: what is
 * looked up comes from strangers. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** First member of what is kept in a map. */
typedef struct wt_node {
    struct wt_node *next; /* of the same slot */
    uint64_t hash;
} wt_node;

typedef struct wt_map {
    wt_node **slot;
    size_t n_slots, n;
    uint64_t key[2]; /* of the hash: random, and never shown */
} wt_map;

/** SipHash-1-3 of the bytes. */
uint64_t wt_map_hash(const wt_map *m, const void *data, size_t len);
/** The first entry that may have this hash; go on with wt_map_more(). NULL: none. */
wt_node *wt_map_find(const wt_map *m, uint64_t hash);
/** The next entry with the same hash. NULL: no more. */
wt_node *wt_map_more(const wt_node *n);
/** Put an entry in; the map borrows it. Returns: false when memory is short; nothing is changed. */
bool wt_map_put(wt_map *m, wt_node *n, uint64_t hash);
/** Take an entry out that is in. */
void wt_map_drop(wt_map *m, wt_node *n);
/** Every entry once, in no order: `at` NULL gives the first. The one that is given may be dropped
 *  once the one after it has been asked for. NULL: no more. */
wt_node *wt_map_next(const wt_map *m, const wt_node *at);
/** Forget all entries; whose they are does not change. */
void wt_map_clear(wt_map *m);
