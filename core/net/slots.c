#include "core/net/slots.h"

#include "core/base/arith.h"

qc_slots qc_slots_of(uint32_t connections, uint32_t relay_percent)
{
    qc_slots s = {.connections = connections, .full = QC_MIN(QC_SLOTS_FULL, connections)};
    s.block_only = QC_MIN(QC_SLOTS_BLOCK_ONLY, connections - s.full);
    uint32_t reserved = s.full + s.block_only + QC_SLOTS_FEELER;
    s.outbound = QC_MIN(reserved, connections);
    s.inbound = connections > reserved ? connections - reserved : 0;
    s.inbound_relay = (uint32_t)((uint64_t)s.inbound * relay_percent / 100);
    return s;
}
