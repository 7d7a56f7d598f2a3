/* tests/abi/trial_host.h: what plugins called of the test interface. */
#pragma once

typedef struct trial_calls {
    unsigned once, twice, thrice;
    unsigned without; /* a plugin that found no twice() in the host's table */
} trial_calls;

extern trial_calls trial_seen;
