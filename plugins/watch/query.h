/* plugins/watch/query.h: methods that only look. */
#pragma once
#include "plugins/watch/watch.h"

void wt_on_list(void *arg, const qn_rpc_request *r, const char *params, uint32_t len);
void wt_on_balance(void *arg, const qn_rpc_request *r, const char *params, uint32_t len);
void wt_on_transactions(void *arg, const qn_rpc_request *r, const char *params, uint32_t len);
void wt_on_utxos(void *arg, const qn_rpc_request *r, const char *params, uint32_t len);
void wt_on_status(void *arg, const qn_rpc_request *r, const char *params, uint32_t len);
