/* plugins/stratum/vardiff.h: steers a connection's difficulty to so many shares a minute. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct st_vardiff {
    uint64_t since_ms; /* when counting began */
    double shares;     /* since then, of the present difficulty */
} st_vardiff;

/** Begin to count anew. */
void st_vardiff_reset(st_vardiff *v, uint64_t now_ms);
/** A share has come that counts for `shares` of the present difficulty. Returns: by what the
 * difficulty should be multiplied; 1: it is well. */
double st_vardiff_share(st_vardiff *v, double shares, uint64_t now_ms, uint32_t per_minute);
/** Time has passed. Returns: as above, at most 1. */
double st_vardiff_idle(st_vardiff *v, uint64_t now_ms, uint32_t per_minute);
