/* tests/unit/follow_model.h: a node and a plugin reduced to what chain.follow is about: a tree of
 * blocks of which some are synced, a tip that moves, crashes of both, and rows that must in the end
 * equal the active chain. The follower between them is the real one. */
#pragma once
#include "core/host/follow.h"

#define MODEL_BLOCKS 160u
#define MODEL_ROWS 160u

/** Which rule of the host is broken on purpose. */
typedef enum model_mutant {
    MODEL_SOUND,
    MODEL_NO_D1,        /* events are delivered before they are durable */
    MODEL_HOST_RECORD,  /* after a restart the host's own record of the cursor wins */
    MODEL_NO_WAIT_ABOVE /* a cursor above a tip that is behind is led down */
} model_mutant;

/** Run one random history. Returns NULL, or what went wrong (static text). */
const char *model_run(uint64_t seed, model_mutant mutant);
