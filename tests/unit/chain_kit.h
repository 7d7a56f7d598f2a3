/* tests/unit/chain_kit.h: a chain in a scratch folder, for tests of the chain and of what stands on
 * it. */
#pragma once
#include "core/chain/chain.h"
#include "tests/unit/harness.h"

typedef struct chain_kit {
    qc_params *params;
    const char *dir;
    qc_chain_options o; /* change before kit_open() or kit_reopen() */
    qc_chain *c;
    char detail[512];
    /* what was told */
    unsigned tips, connected, disconnected, checked, fatals, durables;
    qc_verdict last; /* of the last `checked` */
    const qc_index *last_tip;
} chain_kit;

/** Parameters, a new scratch folder, plain options: 1 script thread, 1 prefetch thread, index
 * checks on. Nothing is open yet. */
void kit_init(chain_kit *k, qc_chain_id id);
/** Open and connect genesis. */
qc_err kit_open(chain_kit *k);
/** Open and expect it to work. */
void kit_must_open(chain_kit *k);
/** It was opened for a reindex: all of it. */
void kit_reindex(chain_kit *k);
void kit_close(chain_kit *k);
void kit_reopen(chain_kit *k);
/** Close and free the parameters. */
void kit_end(chain_kit *k);

/** Parse and submit as requested. True: accepted (a verdict of the connect comes in k->last). */
bool kit_submit(chain_kit *k, qc_span raw, qc_verdict *v);
/** Height of the published tip. */
uint32_t kit_height(const chain_kit *k);
/** Flush, then the hash of the coins. */
qc_hash kit_coins_hash(chain_kit *k, qc_utxo_hash kind);
/** Lines of a file of hex blocks, or of a JSON array with "block" members: each is submitted.
 *  Returns how many. */
unsigned kit_submit_hex_lines(chain_kit *k, const char *path);
/** Was a line with `text` logged since kit_log_clear()? (The log is kept from kit_init() on.) */
bool kit_logged(const char *text);
void kit_log_clear(void);
/** Display order text of a hash equals `hex`. */
void assert_hash_is(const qc_hash *h, const char *hex);
