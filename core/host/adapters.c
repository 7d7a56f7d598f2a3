/* Which interfaces this host serves. A file of its own, so that tests can serve others. */
#include "core/host/cap.h"

const qc_adapter *const QC_ADAPTERS[] = {&QC_ADAPTER_CHAIN_READ,
                                         &QC_ADAPTER_CHAIN_FOLLOW,
                                         &QC_ADAPTER_BLOCK_READ,
                                         &QC_ADAPTER_STORE_OWN,
                                         &QC_ADAPTER_RPC_SERVE,
                                         &QC_ADAPTER_NET_LISTEN,
                                         &QC_ADAPTER_NET_CONNECT,
                                         &QC_ADAPTER_HTTP_SERVE,
                                         &QC_ADAPTER_NODE_READ,
                                         &QC_ADAPTER_NODE_CONTROL,
                                         &QC_ADAPTER_PEERS_READ,
                                         &QC_ADAPTER_PEERS_CONTROL,
                                         NULL};
