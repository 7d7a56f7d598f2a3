/* tests/unit/feed_model.h: a node's pool and chain reduced to what mempool.follow is about, and
 * plugins that keep a copy of the pool. The feed and the readers between them are the real ones. */
#pragma once
#include "core/host/feed.h"

/** Which rule of the host is broken on purpose. */
typedef enum feed_mutant {
    FEED_SOUND,
    FEED_NO_HOLD, /* events are given before their tip is durable */
    FEED_DROPS,   /* now and then an event is not told */
    FEED_TORN     /* a snapshot's entries and its place are not of one moment */
} feed_mutant;

/** Run one random history. Returns NULL, or what went wrong (static text). */
const char *feed_run(uint64_t seed, feed_mutant mutant);
