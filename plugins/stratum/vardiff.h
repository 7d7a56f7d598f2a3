/* plugins/stratum/vardiff.h: steers a connection's difficulty to so many shares a minute. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct st_vardiff {
    uint64_t since_ms; /* when counting began */
    uint32_t shares;   /* since then */
} st_vardiff;

/** Begin to count anew. */
void st_vardiff_reset(st_vardiff *v, uint64_t now_ms);
/** A share of the present difficulty has come. Returns: by what the difficulty should be
 * multiplied; 1: it is well. */
double st_vardiff_share(st_vardiff *v, uint64_t now_ms, uint32_t per_minute);
/** Time has passed. Returns: as above, at most 1. */
double st_vardiff_idle(st_vardiff *v, uint64_t now_ms, uint32_t per_minute);
