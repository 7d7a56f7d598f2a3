/* lib/bech32_impl.h: shared by bech32.c and bech32_locate.c. */
#ifndef QUOIN_LIB_BECH32_IMPL_H
#define QUOIN_LIB_BECH32_IMPL_H
#include "lib/bech32.h"

/** Value of a data character in either case, or -1. */
int qn_bech32_value(char c);
/** The constant a checksum of this kind leaves. */
uint32_t qn_bech32_constant(qn_bech32_kind kind);
/** Remainder of human-readable part and values, both over the generator. */
uint32_t qn_bech32_polymod(const char *hrp, size_t hrp_len, const uint8_t *values, size_t len);
/** Position of the last '1', or len when there is none. */
size_t qn_bech32_separator(const char *text, size_t len);
/** Places with a character out of range, or a case other than the first letter's.
 *  Out: up to QN_BECH32_MAX places in at. Returns: their number. */
size_t qn_bech32_bad_characters(const char *text, size_t len, uint32_t *at);
char qn_bech32_lower(char c);
#endif
