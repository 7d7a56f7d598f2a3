/* lib/descriptor_impl.h: shared by the descriptor sources. */
#ifndef QUOIN_LIB_DESCRIPTOR_IMPL_H
#define QUOIN_LIB_DESCRIPTOR_IMPL_H
#include "lib/arena_impl.h"
#include "lib/bip32_impl.h"
#include "lib/descriptor.h"
#include "lib/miniscript.h"
#include "lib/text_impl.h"

/** Steps below a key. One of them may stand for several (BIP389). */
typedef struct qn_path {
    uint32_t *step; /* hardened ones with the highest bit */
    size_t n;
    size_t multi;  /* which one has alternatives; unused when n_alt is 1 */
    uint32_t *alt; /* its values */
    size_t n_alt;  /* 1: none has */
} qn_path;

typedef enum qn_range { QN_RANGE_NONE, QN_RANGE_PLAIN, QN_RANGE_HARDENED } qn_range;
typedef enum qn_key_kind { QN_KEY_SINGLE, QN_KEY_EXTENDED, QN_KEY_MUSIG } qn_key_kind;

/** An extended key on its way down, before the last step of a range. */
typedef struct qn_key_parent {
    qn_derive_result result; /* != OK: it cannot be derived, and this is why */
    uint8_t root[33];        /* where the path starts */
    qn_ext key;
} qn_key_parent;

/** A key expression. */
typedef struct qn_keyexpr {
    qn_key_kind kind;
    qn_range range;
    bool apostrophe; /* hardened steps are shown with ' instead of h */
    bool xonly, has_secret, has_origin;
    uint8_t fingerprint[4]; /* of the origin */
    qn_path origin;
    uint8_t bytes[65]; /* of a single key */
    uint8_t len;
    uint8_t secret[32]; /* of a single key given as one */
    qn_ext ext;         /* of an extended one */
    qn_path path;
    uint32_t first_part, n_parts; /* musig: in qn_descriptor.part */
    size_t branches;              /* 1, or how many the key stands for */
    qn_key_parent **parent;       /* of each branch, NULL until it is needed */
} qn_keyexpr;

typedef enum qn_expr_kind {
    QN_EXPR_PK,
    QN_EXPR_PKH,
    QN_EXPR_WPKH,
    QN_EXPR_COMBO,
    QN_EXPR_MULTI,
    QN_EXPR_SORTEDMULTI,
    QN_EXPR_MULTI_A,
    QN_EXPR_SORTEDMULTI_A,
    QN_EXPR_RAWTR,
    QN_EXPR_UNUSED,
    QN_EXPR_ADDR,
    QN_EXPR_RAW,
    QN_EXPR_MINISCRIPT,
} qn_expr_kind;

/** A script expression without what wraps it. */
typedef struct qn_expr {
    qn_expr_kind kind;
    uint32_t threshold;
    uint32_t *key; /* numbers; of Miniscript: by its own numbers */
    size_t n_keys;
    qn_ms *ms;
    unsigned depth; /* in a tree */
} qn_expr;

struct qn_descriptor {
    const qn_chain_text *chain;
    qn_curve curve;
    bool has_curve;
    qn_arena arena;
    bool sh, wsh, tr;  /* what wraps the script; tr: expr are the leaves */
    uint32_t internal; /* key of tr */
    qn_keyexpr *key;   /* all, participants of a musig() before it */
    size_t n_keys, keys_cap;
    uint32_t *part; /* participants of all musig() */
    size_t n_parts, parts_cap;
    qn_expr *expr;
    size_t n_exprs, exprs_cap;
    uint8_t *script; /* of addr and raw */
    size_t script_len;
    size_t branches;
};

/** Where an expression stands (BIP380): what it may hold depends on it. */
typedef enum qn_desc_context {
    QN_CTX_TOP,
    QN_CTX_SH,
    QN_CTX_WSH,
    QN_CTX_WPKH,
    QN_CTX_TR,
    QN_CTX_MUSIG,
} qn_desc_context;

typedef struct qn_desc_parser {
    qn_descriptor *d;
    unsigned flags;
    char *err;
    size_t err_cap;
} qn_desc_parser;

/** Set the error; returns false. */
__attribute__((format(printf, 2, 3))) bool qn_desc_fail(qn_desc_parser *ps, const char *fmt, ...);
/** The same, in front of the error that is there. */
bool qn_desc_prefix(qn_desc_parser *ps, const char *prefix);
bool qn_desc_no_memory(qn_desc_parser *ps);
/** Parse one key expression. Out: its number. */
bool qn_desc_parse_key(qn_desc_parser *ps, qn_text t, qn_desc_context ctx, uint32_t *key);
/** Parse a musig() with what stands behind it. */
bool qn_desc_parse_musig(qn_desc_parser *ps, qn_text t, uint32_t *key);
/** Room for one more key, cleared; its number. NULL: too many, or no memory, and the error is set.
 */
qn_keyexpr *qn_desc_new_key(qn_desc_parser *ps, uint32_t *number);
/** Steps "a/b/c" (p NULL: none). multipath: <a;b> may stand for one. *hardened: one is. */
bool qn_desc_parse_path(qn_desc_parser *ps, qn_text t, bool multipath, bool *apostrophe,
                        bool *hardened, qn_path *out);
/** Take a last element "*", "*h" or "*'" off a path. */
qn_range qn_desc_take_range(qn_text *t, bool *apostrophe);
/** Parse a script expression in front of *t into a new expression, or the descriptor's wrapping. */
bool qn_desc_parse_script(qn_desc_parser *ps, qn_text *t, qn_desc_context ctx, size_t *branches);
bool qn_desc_parse_taproot(qn_desc_parser *ps, qn_text t, size_t *branches);
/** The last resort: the text as Miniscript. *met: it was, or a key in it was refused. */
bool qn_desc_parse_miniscript(qn_desc_parser *ps, qn_text t, qn_desc_context ctx, bool *met,
                              size_t *branches);
/** A new expression, cleared. NULL: no memory, and the error is set. The next call moves it. */
qn_expr *qn_desc_new_expr(qn_desc_parser *ps, qn_expr_kind kind);
/** Numbers of keys, kept by the descriptor. */
bool qn_desc_set_keys(qn_desc_parser *ps, qn_expr *e, const uint32_t *key, size_t n);

bool qn_key_is_range(const qn_descriptor *d, const qn_keyexpr *k);
/** It follows from public keys alone, in this branch or (SIZE_MAX) in all. */
bool qn_key_is_public(const qn_descriptor *d, const qn_keyexpr *k, size_t branch);
void qn_key_print(const qn_descriptor *d, const qn_keyexpr *k, size_t branch, qn_out *o);

/** Keys that were derived. */
typedef struct qn_key_list {
    qn_arena *arena;
    qn_desc_key *key;
    size_t n, cap;
} qn_key_list;
/** Where keys are derived: with use_secrets hardened steps are taken too; keys, and the
 * participants of musig(), are added to `list` (NULL: to none). */
typedef struct qn_key_at {
    size_t branch;
    uint32_t index;
    bool use_secrets;
    qn_key_list *list;
} qn_key_at;
/** A key at an index. Out: its bytes. */
qn_derive_result qn_key_derive(qn_descriptor *d, uint32_t number, const qn_key_at *at,
                               uint8_t bytes[65], size_t *len);
/** BIP327 key aggregation of keys that are sorted here. keys: 33 bytes each. */
bool qn_musig_aggregate(const qn_curve *curve, uint8_t (*key)[33], size_t n, uint8_t out[33]);

/** BIP340's tagged hash of two parts. */
void qn_tagged_hash(const char *tag, const void *a, size_t a_len, const void *b, size_t b_len,
                    uint8_t out[32]);
void qn_tap_leaf_hash(qn_desc_bytes script, uint8_t out[32]);
void qn_tap_branch_hash(const uint8_t a[32], const uint8_t b[32], uint8_t out[32]);
/** Root of the leaves' tree. `path` (NULL allowed): the hashes beside the way to leaf `of`.
 * Returns: false when the depths make no tree, or memory is short. */
bool qn_tap_root(const qn_desc_leaf *leaf, size_t n, size_t of, uint8_t (*path)[32],
                 uint8_t root[32]);
/** Output key. `root` NULL: no tree. */
bool qn_tap_output(const qn_curve *curve, const uint8_t internal[32], const uint8_t *root,
                   uint8_t out[32], bool *odd);
/** Text of a tree: opens what leads to a leaf, closes what ends with it. `open` (room for 130) and
 *  *n_open are the state, zero at first. */
void qn_tree_before(qn_out *o, bool *open, size_t *n_open, unsigned depth, bool first);
void qn_tree_after(qn_out *o, bool *open, size_t *n_open);
void qn_desc_put_checksum(qn_out *o);
const char *qn_expr_name(qn_expr_kind kind);
#endif
