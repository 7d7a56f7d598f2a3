/* plugins/watch/item.h: reading what watch.import is given. */
#pragma once
#include "plugins/watch/watch.h"

/** Reads items one after the other, and keeps why one was refused. */
typedef struct wt_reading {
    wt *x;
    int32_t code; /* of the refusal */
    char why[160];
    int64_t time; /* the date that was asked for last, and its height */
    uint32_t time_height;
    bool time_known;
} wt_reading;

/** One item as it was given; texts are borrowed from the JSON. */
typedef struct wt_item {
    const char *desc, *address, *script, *label;
    const json_t *outpoint, *range;
    bool active, internal, internal_given, next_given;
    int64_t timestamp;
    uint32_t height; /* WT_NO_HEIGHT: nothing before now */
    uint32_t begin, end, next;
} wt_item;

/** Out: *it. Returns: false: in->code and in->why say why not. */
bool wt_item_read(wt_reading *in, json_t *o, wt_item *it);
/** "TXID:N", or {"txid": ..., "vout": n}. */
bool wt_outpoint_read(const json_t *v, qn_mempool_outpoint *out);
