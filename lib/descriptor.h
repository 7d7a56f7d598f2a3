/* lib/descriptor.h: output descriptors (BIP380 to 387, 389, 390) with Miniscript (BIP379): addr,
 * raw, pk, pkh, wpkh, sh, wsh, combo, multi, sortedmulti, tr with script trees, rawtr, multi_a,
 * sortedmulti_a, musig, unused. Behaviour and errors follow Bitcoin Core's script/descriptor.cpp.
 *
 * Thread: any, one at a time per object (derivation keeps what it may need again). */
#ifndef QUOIN_LIB_DESCRIPTOR_H
#define QUOIN_LIB_DESCRIPTOR_H
#include "lib/chain.h"
#include "lib/curve.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bounds: what is above is refused with a sentence. */
#define QN_DESC_CHECKSUM 8
#define QN_DESC_MAX_TEXT (1u << 20) /* characters */
#define QN_DESC_MAX_KEYS 20000u     /* key expressions of one descriptor */
#define QN_DESC_MAX_LEAVES 20000u   /* scripts in the tree of a tr() */
#define QN_DESC_MAX_PATH 1024u      /* steps of one key's path; a derived key has 255 at most */
#define QN_DESC_MAX_BRANCHES 256u   /* alternatives of a multipath step (BIP389) */
#define QN_DESC_MAX_INDEX 0x7fffffffu

/** Out: eight characters and a NUL. Returns: false when a character is none of a descriptor. */
bool qn_descriptor_checksum(const char *text, size_t len, char out[QN_DESC_CHECKSUM + 1]);

/** A parsed descriptor, all its multipath branches included. */
typedef struct qn_descriptor qn_descriptor;

/* Flags of qn_descriptor_parse(). */
#define QN_DESC_NEED_CHECKSUM 1u /* "#..." must be there; without: it may */
#define QN_DESC_SECRETS 2u       /* secret keys may be given; without: each is refused */

/** Parse `len` characters.
 *  curve:   copied, its `arg` borrowed for the life of the descriptor; NULL: descriptors with keys
 *           are refused.
 *  Out:     on failure err (room for err_cap) has a sentence, Core's where Core has one.
 *  Returns: owned, qn_descriptor_free(); NULL when it is no descriptor, is above a bound, or memory
 *           is short. */
qn_descriptor *qn_descriptor_parse(const qn_chain_text *chain, const qn_curve *curve,
                                   const char *text, size_t len, unsigned flags, char *err,
                                   size_t err_cap);
/** Wipe secrets and free. NULL is allowed. */
void qn_descriptor_free(qn_descriptor *d);

/** How many descriptors the multipath steps stand for (BIP389); 1 without any. `branch` below is
 *  smaller than this. */
size_t qn_descriptor_branches(const qn_descriptor *d);
/** It stands for other scripts at each index. */
bool qn_descriptor_is_range(const qn_descriptor *d);
/** A secret key was given. */
bool qn_descriptor_has_secret(const qn_descriptor *d);
/** Core's IsSolvable(): enough is known to spend, given the keys. False for addr and raw. */
bool qn_descriptor_is_solvable(const qn_descriptor *d);
/** Each index has one script. False for combo. */
bool qn_descriptor_is_single(const qn_descriptor *d);
/** Every script follows from public keys alone: no hardened step is left. */
bool qn_descriptor_is_public(const qn_descriptor *d);

/** The canonical text of one branch, its secret keys made public, with its checksum.
 *  Returns: the whole text's length, as snprintf(): call with cap 0 to learn it. The checksum is
 *           right only where all of it fits. */
size_t qn_descriptor_print(const qn_descriptor *d, size_t branch, char *out, size_t cap);

/** A key of a derived script, with its origin for BIP174 and BIP371. */
typedef struct qn_desc_key {
    uint8_t bytes[65];
    uint8_t len;            /* 33 or 65 */
    bool xonly;             /* it was given as 32 bytes */
    uint8_t fingerprint[4]; /* of the key that the path starts at; where no origin was given, of the
                               extended key, or of this one */
    const uint32_t *path;   /* from there, hardened steps with the highest bit */
    size_t n_path;
} qn_desc_key;

/** A script, or nothing (data NULL). */
typedef struct qn_desc_bytes {
    const uint8_t *data;
    size_t len;
} qn_desc_bytes;

/** One output script and the scripts behind its hashes. */
typedef struct qn_desc_script {
    qn_desc_bytes script;  /* scriptPubKey */
    qn_desc_bytes redeem;  /* of P2SH */
    qn_desc_bytes witness; /* of P2WSH, bare or in P2SH */
} qn_desc_script;

/** A leaf of a taproot tree, in the order of the text. Its version is 0xc0. */
typedef struct qn_desc_leaf {
    qn_desc_bytes script;
    unsigned depth; /* 0: it is the root */
} qn_desc_leaf;

/** What a descriptor stands for at one index. All of it is owned by the object, and lives until
 *  qn_derived_clear(), which also outlives the descriptor. */
typedef struct qn_derived {
    size_t n_scripts; /* 1; 2 or 4 for combo, in the order pk, pkh, wpkh, sh; 0 for unused */
    qn_desc_script script[4];
    size_t n_keys; /* of all scripts, those of a musig() and what they make included */
    qn_desc_key *key;
    bool taproot;         /* a tr(): what follows is set */
    uint8_t internal[32]; /* key */
    bool odd;             /* the output key's y is odd */
    bool has_tree;
    uint8_t root[32]; /* hash of the tree */
    size_t n_leaves;
    qn_desc_leaf *leaf;
    void *memory;
} qn_derived;

typedef enum qn_derive_result {
    QN_DERIVE_OK,
    QN_DERIVE_NO_SECRET,  /* a hardened step needs a secret key that is not there */
    QN_DERIVE_IMPOSSIBLE, /* this index has no key (BIP32: once in 2^127), or a path is too deep */
    QN_DERIVE_NO_MEMORY,
} qn_derive_result;

/** Scripts of one branch at `index` (at most QN_DESC_MAX_INDEX; without effect when there is no
 *  range). Steps before the last one are derived once and kept: further indexes cost one point
 *  multiplication for each key. Out: *out, to be cleared; empty on failure. */
qn_derive_result qn_descriptor_derive(qn_descriptor *d, size_t branch, uint32_t index,
                                      qn_derived *out);
void qn_derived_clear(qn_derived *v);

/** The secret keys at an index, where they are known: calls give(arg, secret, compressed) for each;
 *  what it is given is wiped afterwards. Those of a musig() are not among them. */
typedef void qn_descriptor_secret_fn(void *arg, const uint8_t secret[32], bool compressed);
void qn_descriptor_secrets(const qn_descriptor *d, size_t branch, uint32_t index,
                           qn_descriptor_secret_fn *give, void *arg);

/** Control block of a leaf (BIP341). Out: 33 + 32 * depth bytes. Returns: their number; 0 when they
 *  do not fit, or there is no such leaf. */
size_t qn_derived_control(const qn_derived *v, size_t leaf, uint8_t *out, size_t cap);

/** The descriptor of a script, as Core infers it, with its checksum. What is known beside the
 * script is `known`: keys with their origins, scripts behind hashes, and the tree behind a taproot
 * output; NULL: nothing. Out, Returns: as qn_descriptor_print(). 0: memory is short. curve:   may
 * be NULL: every 32 bytes then count as a key. */
size_t qn_descriptor_infer(const qn_chain_text *chain, const qn_curve *curve, const uint8_t *script,
                           size_t script_len, const qn_derived *known, char *out, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
