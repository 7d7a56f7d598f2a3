#include "core/methods/context.h"

void qc_methods_register(qc_node *n)
{
    static const qc_rpc_method *const TABLES[] = {QC_METHODS_CONTROL, QC_METHODS_NODE};
    for (size_t i = 0; i < QC_COUNTOF(TABLES); i++)
        qc_rpc_register_all(n->registry, TABLES[i], n);
}
