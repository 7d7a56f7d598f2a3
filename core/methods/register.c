#include "core/methods/context.h"

void qc_methods_register(qc_node *n)
{
    static const qc_rpc_method *const TABLES[] = {
        QC_METHODS_CONTROL, QC_METHODS_NODE,     QC_METHODS_BLOCKCHAIN, QC_METHODS_BLOCK,
        QC_METHODS_UTXO,    QC_METHODS_SCAN,     QC_METHODS_CHAINCTL,   QC_METHODS_WAIT,
        QC_METHODS_MINING,  QC_METHODS_RAWTX,    QC_METHODS_OUTPUT,     QC_METHODS_MEMPOOL,
        QC_METHODS_NET,     QC_METHODS_PEERINFO, QC_METHODS_ADDRESSES,  QC_METHODS_NODES,
        QC_METHODS_INDEX,   QC_METHODS_SYNCINFO, QC_METHODS_CREATETX,   QC_METHODS_SIGNTX,
        QC_METHODS_TXPROOF, QC_METHODS_MULTISIG, QC_METHODS_SPENDING,
    };
    for (size_t i = 0; i < QC_COUNTOF(TABLES); i++)
        qc_rpc_register_all(n->registry, TABLES[i], n);
}
