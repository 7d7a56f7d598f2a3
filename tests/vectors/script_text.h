/* tests/vectors/script_text.h: the notations of Core's script vectors. */
#pragma once
#include "core/script/verify.h"
#include "tests/vectors/tally.h"

/** All script flags. */
#define ALL_SCRIPT_FLAGS ((1u << 21) - 1)

/** A script in the words of the vectors: "1 0x51 'text' DUP -5". Owned: qc_bytes_free(). */
qc_bytes script_from_text(const char *text);
/** Comma-separated names of flags; "" and "NONE": none. */
uint32_t flags_from_text(const char *text);
/** Every flag behind the last implies what it needs: take such flags away, or add what they need.
 */
uint32_t flags_trim(uint32_t flags);
uint32_t flags_fill(uint32_t flags);
