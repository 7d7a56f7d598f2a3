/* lib/descriptor.h: output descriptors (BIP380 to 386) whose keys are given outright: pk, pkh,
 * wpkh, sh, wsh, combo, multi, sortedmulti, tr and rawtr of one key, addr, raw. No extended keys,
 * script trees or Miniscript: each is refused with a sentence that says so. Thread: any. */
#ifndef QUOIN_LIB_DESCRIPTOR_H
#define QUOIN_LIB_DESCRIPTOR_H
#include "lib/chain.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define QN_DESC_CHECKSUM 8
#define QN_DESC_MAX_KEYS 20

/** Out: eight characters and a NUL. Returns: false when a character is none of a descriptor. */
bool qn_descriptor_checksum(const char *text, size_t len, char out[QN_DESC_CHECKSUM + 1]);

/** What this library needs of the curve. Core lends its own; a plugin that only handles addr() and
 *  raw() passes NULL, and descriptors with keys are then refused. */
typedef struct qn_curve {
    void *arg;
    /** 33 or 65 bytes are a point. */
    bool (*pubkey_valid)(void *arg, const uint8_t *key, size_t len);
    /** The public key (33 or 65 bytes) of a secret key. False: out of range. */
    bool (*pubkey_of)(void *arg, const uint8_t *secret, bool compressed, uint8_t *out);
    /** BIP341 output key of an internal key without scripts. Both 32 bytes. */
    bool (*tap_output)(void *arg, const uint8_t *internal, uint8_t *out);
} qn_curve;

typedef enum qn_desc_kind {
    QN_DESC_PK,
    QN_DESC_PKH,
    QN_DESC_WPKH,
    QN_DESC_COMBO,
    QN_DESC_MULTI, /* sorted says which */
    QN_DESC_TR,
    QN_DESC_RAWTR,
    QN_DESC_ADDR,
    QN_DESC_RAW,
} qn_desc_kind;

/** One key. `origin` is borrowed from the text parsed: "fingerprint/path" without the brackets. */
typedef struct qn_desc_key {
    uint8_t bytes[65];
    uint8_t len;        /* 33 or 65 */
    bool xonly;         /* shown as 32 bytes */
    bool has_secret;    /* it was given as a secret key */
    uint8_t secret[32]; /* then this one */
    const char *origin; /* NULL: none */
    size_t origin_len;
} qn_desc_key;

typedef struct qn_descriptor {
    const qn_chain_text *chain;
    qn_desc_kind kind;
    bool sh, wsh; /* wrapped so; both: sh(wsh(...)) */
    bool sorted;
    unsigned threshold;
    unsigned n_keys;
    qn_desc_key key[QN_DESC_MAX_KEYS];
    uint8_t *script; /* of addr and raw */
    size_t script_len;
} qn_descriptor;

/** Parse `len` characters, with a checksum behind '#' or (unless `need_checksum`) without.
 *  Out:     *d owned: qn_descriptor_clear(). On failure *d is empty, and err (room for err_cap)
 *           has a sentence, Core's where Core has one.
 *  Returns: false when it is no descriptor or one that is not handled here. */
bool qn_descriptor_parse(const qn_chain_text *chain, const qn_curve *curve, const char *text,
                         size_t len, bool need_checksum, qn_descriptor *d, char *err,
                         size_t err_cap);
/** Wipe secrets and free. */
void qn_descriptor_clear(qn_descriptor *d);
bool qn_descriptor_has_secret(const qn_descriptor *d);
/** Core's IsSolvable(): enough is known to spend, given the keys. False for addr and raw. */
bool qn_descriptor_is_solvable(const qn_descriptor *d);

/** Text with every secret key replaced by its public key, without checksum.
 *  Returns: the whole text's length, as snprintf(). */
size_t qn_descriptor_print(const qn_descriptor *d, char *out, size_t cap);

/** One script of a descriptor, with the descriptor that stands for just that script (as Core infers
 *  it, key fingerprints included, checksum included). Borrowed for the call. */
typedef void qn_descriptor_script_fn(void *arg, const uint8_t *script, size_t len,
                                     const char *desc);
/** Call `fn` for each script: one, or up to four for combo. Returns: false when a tr() key has no
 *  output key or memory is short. */
bool qn_descriptor_expand(const qn_descriptor *d, const qn_curve *curve,
                          qn_descriptor_script_fn *fn, void *arg);

/** The descriptor of a script about which nothing else is known: pk, multi, rawtr, addr or raw,
 * with its checksum. `curve` may be NULL: every 32 bytes then count as a key. Returns: the whole
 * text's length, as snprintf(); at most 2 * script_len + 120. */
size_t qn_descriptor_infer(const qn_chain_text *chain, const qn_curve *curve, const uint8_t *script,
                           size_t script_len, char *out, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
