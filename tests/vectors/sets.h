/* tests/vectors/sets.h: the sets that run_vectors knows. To add one: write set_NAME.c with a
 * function of this type, and add its line to SETS in sets.c and its file to Makefile.inc. */
#pragma once
#include "tests/vectors/tally.h"

typedef void vector_set_fn(const char *file, tally *t);

typedef struct vector_set {
    const char *name; /* the file's name without .json or .csv */
    const char *path; /* below the folder of vectors */
    vector_set_fn *run;
} vector_set;

/** The set of that name, or NULL. */
const vector_set *vector_set_find(const char *name);
/** The i-th set, or NULL behind the last. */
const vector_set *vector_set_at(size_t i);

vector_set_fn set_base58, set_bip324_decode, set_bip324_inverse, set_bip324_packets, set_bip340,
    set_bip341, set_bip54_timestamps, set_key_io_invalid, set_key_io_valid, set_mainnet_alt,
    set_script_assets, set_script_tests, set_sighash, set_siphash, set_tx_invalid, set_tx_valid;
