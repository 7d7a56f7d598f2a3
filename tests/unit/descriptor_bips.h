/* tests/unit/descriptor_bips.h: descriptors that the BIPs list. */
#pragma once

/** A descriptor and its scripts in hex: of index 0, 1, 2 where it has a range; of combo() all of
 * one index before those of the next. */
typedef struct bip_valid {
    const char *text;
    const char *script[9];
} bip_valid;
/** A multipath descriptor, and what it stands for. */
typedef struct bip_multipath {
    const char *text;
    const char *branch[4];
} bip_multipath;

extern const bip_valid BIP_VALID[];         /* ends with text NULL */
extern const char *const BIP_INVALID[];     /* ends with NULL */
extern const char *const BIP_KEYS[];        /* valid key expressions; ends with NULL */
extern const bip_multipath BIP_MULTIPATH[]; /* ends with text NULL */
