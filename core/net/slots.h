/* core/net/slots.h: how many connections of which kind this node keeps (Core CConnman::Init). Pure.
 * Thread: any. */
#pragma once
#include <stdint.h>

#define QC_SLOTS_FULL 8u       /* outbound, relaying everything */
#define QC_SLOTS_BLOCK_ONLY 2u /* outbound, blocks only */
#define QC_SLOTS_FEELER 1u
#define QC_SLOTS_ADDED 8u /* to peers that an operator named; they take no other slot */

typedef struct qc_slots {
    uint32_t connections;      /* -maxconnections */
    uint32_t full, block_only; /* outbound connections that are kept up */
    uint32_t outbound;         /* automatic ones at once: those, and a feeler or an extra one */
    uint32_t inbound;
    uint32_t inbound_relay; /* of those, peers that relay transactions */
} qc_slots;

/** connections: -maxconnections. relay_percent: -inboundrelaypercent, at most 100. */
qc_slots qc_slots_of(uint32_t connections, uint32_t relay_percent);
