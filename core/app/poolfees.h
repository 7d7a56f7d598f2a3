/* core/app/poolfees.h: the fee estimator behind the mempool's events, and its file. Not with
 * -blocksonly: a node that hears of no transactions has nothing to learn from. */
#pragma once
#include "core/app/app.h"

/** Make it, read its file, listen to the pool: before the chain thread runs. */
bool qc_app_fees_new(qc_app *a);
/** Write what is known; nothing is watched any more. The chain thread has ended. */
void qc_app_fees_stop(qc_app *a);
/** After the pool. */
void qc_app_fees_free(qc_app *a);
