/* lib/miniscript.h: Miniscript (BIP379): expressions, their types and limits, texts and scripts.
 * Of keys it knows only numbers; who parses says what they are. Behaviour follows Bitcoin Core's
 * script/miniscript.h. No step recurses: depth costs heap, in proportion to the input. Thread: any,
 * one at a time per arena. */
#ifndef QUOIN_LIB_MINISCRIPT_H
#define QUOIN_LIB_MINISCRIPT_H
#include "lib/arena_impl.h"
#include "lib/text_impl.h"

#define QN_MS_MAX_WSH 3600u /* bytes of a script in wsh(), by standardness */
#define QN_MS_MAX_TAP                                                                              \
    329482u /* of a leaf: such that the largest witness fits a standard transaction */
#define QN_MS_MAX_SUBS 2000u /* of thresh(): twice what the stack can hold */
#define QN_MS_MAX_NODES 200000u
#define QN_MS_MAX_MULTI 20u
#define QN_MS_MAX_MULTI_A 999u

typedef enum qn_ms_kind {
    QN_MS_0,
    QN_MS_1,
    QN_MS_PK_K,
    QN_MS_PK_H,
    QN_MS_OLDER,
    QN_MS_AFTER,
    QN_MS_SHA256,
    QN_MS_HASH256,
    QN_MS_RIPEMD160,
    QN_MS_HASH160,
    QN_MS_A, /* wrappers */
    QN_MS_S,
    QN_MS_C,
    QN_MS_D,
    QN_MS_V,
    QN_MS_J,
    QN_MS_N,
    QN_MS_AND_V,
    QN_MS_AND_B,
    QN_MS_OR_B,
    QN_MS_OR_C,
    QN_MS_OR_D,
    QN_MS_OR_I,
    QN_MS_ANDOR,
    QN_MS_THRESH,
    QN_MS_MULTI,
    QN_MS_MULTI_A,
} qn_ms_kind;

/** Correctness and malleability properties, by their letters in BIP379; G to J are the kinds of
 * time locks inside (g, h: relative, in time, in blocks; i, j: absolute, in time, in blocks); LK:
 * no satisfaction mixes them. */
enum {
    QN_MS_TB = 1u << 0,
    QN_MS_TV = 1u << 1,
    QN_MS_TK = 1u << 2,
    QN_MS_TW = 1u << 3,
    QN_MS_TZ = 1u << 4,
    QN_MS_TO = 1u << 5,
    QN_MS_TN = 1u << 6,
    QN_MS_TD = 1u << 7,
    QN_MS_TU = 1u << 8,
    QN_MS_TE = 1u << 9,
    QN_MS_TF = 1u << 10,
    QN_MS_TS = 1u << 11,
    QN_MS_TM = 1u << 12,
    QN_MS_TX = 1u << 13, /* its last opcode has no VERIFY form */
    QN_MS_LG = 1u << 14,
    QN_MS_LH = 1u << 15,
    QN_MS_LI = 1u << 16,
    QN_MS_LJ = 1u << 17,
    QN_MS_LK = 1u << 18,
};

/** The worst of a set of executions. */
typedef struct qn_ms_trace {
    bool possible;
    int32_t net;   /* elements that are gone from the stack at the end */
    int32_t most;  /* elements that were on the stack at any time above those at the end */
    int32_t multi; /* keys of CHECKMULTISIG that were run */
} qn_ms_trace;

typedef struct qn_ms_node qn_ms_node;
struct qn_ms_node {
    qn_ms_kind kind;
    uint32_t k; /* threshold or lock time */
    uint32_t n_subs, n_keys;
    qn_ms_node **sub;
    uint32_t *key;       /* numbers */
    const uint8_t *hash; /* 32 or 20 bytes */
    uint32_t type;       /* 0: none, it is no valid expression */
    size_t size;         /* bytes of script */
    size_t ops;          /* opcodes that count */
    qn_ms_trace sat, dsat;
    size_t order;           /* keys of the whole tree in front of it */
    size_t all_keys;        /* and inside of it */
    size_t twin;            /* the largest inside: while duplicates are looked for */
    bool duplicate;         /* two of the keys inside are the same: qn_ms_find_duplicates() */
    qn_ms_node *made_after; /* the node made next: children before parents */
    size_t place;           /* how many were made before */
};

/** A tree. */
typedef struct qn_ms {
    bool tap; /* a leaf's script, else a witness script */
    qn_arena *arena;
    qn_ms_node *root, *first, *last;
    size_t n_nodes;
    size_t n_keys; /* key numbers count from 0 in the order of parsing */
} qn_ms;

/** How keys are read. Each returns false when it is none; the number of the key is how many there
 *  were before it. */
typedef struct qn_ms_reader {
    void *arg;
    bool (*text)(void *arg, qn_text t);
    bool (*bytes)(void *arg, const uint8_t *key, size_t len); /* 32 or 33 */
    bool (*hash)(void *arg, const uint8_t *hash160);
} qn_ms_reader;

/** Start a tree. */
void qn_ms_init(qn_ms *m, qn_arena *arena, bool tap);
/** Read a text as a whole. It may be an expression without a valid type.
 *  Returns: false: no Miniscript, too large, a key was refused, or memory is short. */
bool qn_ms_parse(qn_ms *m, qn_text t, const qn_ms_reader *r);
/** Read a script as a whole: only valid ones are returned. Returns: as qn_ms_parse(). */
bool qn_ms_decode(qn_ms *m, const uint8_t *script, size_t len, const qn_ms_reader *r);

/** same(arg, a, b): order of two keys, 0 for the same. Marks every node. */
typedef int qn_ms_compare_fn(const void *arg, uint32_t a, uint32_t b);
bool qn_ms_find_duplicates(qn_ms *m, qn_ms_compare_fn *compare, const void *arg);

bool qn_ms_valid(const qn_ms *m, const qn_ms_node *n);
/** Type B and all that Core's IsSane() asks of a whole script; duplicates must be marked. */
bool qn_ms_sane(const qn_ms *m);
bool qn_ms_satisfiable(const qn_ms *m);
/** The sentence of Core about what is wrong, and with which part. NULL: nothing is. Static. */
const char *qn_ms_why(const qn_ms *m, const qn_ms_node **part);

/** Script bytes: `key` gives those of one key (33, in a leaf 32; borrowed until the next call). */
typedef const uint8_t *qn_ms_key_fn(void *arg, uint32_t key, size_t *len);
/** Returns: false when memory is short. */
bool qn_ms_script(const qn_ms *m, qn_ms_key_fn *key, void *arg, qn_grow *out);
/** The text of a part. `key` writes one key. Returns: false when memory is short. */
typedef void qn_ms_print_fn(void *arg, uint32_t key, qn_out *o);
bool qn_ms_print(const qn_ms *m, const qn_ms_node *part, qn_ms_print_fn *key, void *arg, qn_out *o);

/* For the parsers: make nodes. Each returns NULL when memory is short. */
qn_ms_node *qn_ms_leaf(qn_ms *m, qn_ms_kind kind, uint32_t k);
qn_ms_node *qn_ms_hash(qn_ms *m, qn_ms_kind kind, const uint8_t *hash, size_t len);
/** The last n_keys keys that were read, in the order of reading or (`backwards`) the other. */
qn_ms_node *qn_ms_keys(qn_ms *m, qn_ms_kind kind, size_t n_keys, uint32_t k, bool backwards);
qn_ms_node *qn_ms_join(qn_ms *m, qn_ms_kind kind, qn_ms_node *const *sub, size_t n, uint32_t k);
/** Fill in type, size and limits; sub and keys are set. */
void qn_ms_judge(const qn_ms *m, qn_ms_node *n);

/** Visit a tree without recursion: `step` is called before each child and once after the last, with
 *  place counting the calls from 0 and `flag` what it returned for the node above at this child (at
 *  the root false). `order` (NULL: as they stand) says which child is visited at each place.
 *  Returns: false when memory is short. */
typedef bool qn_ms_step_fn(void *arg, const qn_ms_node *n, size_t place, bool flag);
typedef size_t qn_ms_order_fn(const qn_ms_node *n, size_t place);
bool qn_ms_walk(const qn_ms_node *root, qn_ms_step_fn *step, qn_ms_order_fn *order, void *arg);
#endif
