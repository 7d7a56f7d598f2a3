/* plugins/watch/spend.h: methods that make transactions, and hand them in. */
#pragma once
#include "lib/psbt.h"
#include "plugins/watch/watch.h"

void wt_on_psbt(void *arg, const qn_rpc_request *r, const char *params, uint32_t len);
void wt_on_finalize(void *arg, const qn_rpc_request *r, const char *params, uint32_t len);
void wt_on_submit(void *arg, const qn_rpc_request *r, const char *params, uint32_t len);
void wt_on_lockunspent(void *arg, const qn_rpc_request *r, const char *params, uint32_t len);
void wt_on_listlockunspent(void *arg, const qn_rpc_request *r, const char *params, uint32_t len);

/** The PSBT as Base64. */
void wt_put_psbt(qn_json *j, const char *key, const qn_psbt *p);
/** A fee rate (satoshis per 1,000 virtual bytes) in satoshis per virtual byte. */
void wt_put_rate(qn_json *j, const char *key, uint64_t rate);
/** satoshis per 1,000 virtual bytes, rounded down; 0 for no size. */
uint64_t wt_rate_of(int64_t fee, uint64_t vsize);
