/* tests/unit/coinmap.h: the unspent outputs of a short chain, in memory. */
#pragma once
#include "core/btc/block.h"

typedef struct coinmap coinmap;
/** Owned: coinmap_free(). Coins that are not spent are freed with it. */
coinmap *coinmap_new(void);
void coinmap_free(coinmap *m);
size_t coinmap_count(const coinmap *m);
/** Borrowed until the map changes; NULL: not there. */
const qc_spent *coinmap_get(const coinmap *m, const qc_outpoint *o);
/** Add a coin, which must not be there; its script is copied. */
void coinmap_add(coinmap *m, const qc_outpoint *o, const qc_spent *coin);
/** Take a coin out. Out: *coin, its script owned (free() its data). False: not there. */
bool coinmap_take(coinmap *m, const qc_outpoint *o, qc_spent *coin);
