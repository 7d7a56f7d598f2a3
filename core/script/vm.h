/* core/script/vm.h: the state of one input's check. Internal to core/script.
 *
 * Nothing is allocated. The items of both stacks live in a fixed array of slots; an item is a
 * borrowed slice of a script or of the witness, or up to 32 bytes made by an operation, kept in the
 * slot itself. id[] is a permutation of the slots: the main stack grows up from its start, the
 * altstack down from its end, what lies between is free. Moving items moves two-byte ids. */
#pragma once
#include "core/base/hash.h"
#include "core/crypto/sha256.h"
#include "core/script/pattern.h"
#include "core/script/verify.h"

#define QC_MAX_STACK_SIZE 1000u
#define QC_MAX_OPS_PER_SCRIPT 201u
#define QC_MAX_PUBKEYS_PER_MULTISIG 20u
#define QC_MAX_NUM_SIZE 4u
/* The size limit is checked after each operation. A version 0 witness may start above it, and the
 * first operation may bring it back under by popping at most 43 items (CHECKMULTISIGVERIFY). */
#define QC_STACK_CAP 1064u
#define QC_STACK_LOAD (QC_STACK_CAP - 8)

typedef enum qc_sigversion {
    QC_SIGV_BASE,
    QC_SIGV_WITNESS_V0,
    QC_SIGV_TAPROOT, /* key path: no script is run */
    QC_SIGV_TAPSCRIPT
} qc_sigversion;

typedef struct qc_item {
    const uint8_t *p;
    uint32_t len;
    uint8_t own[32];
} qc_item;

/** The script code a signature commits to. While it is a tail of the script as it stands, its place
 *  names it; once signatures were deleted from it, start is NULL and the digest names it. */
typedef struct qc_script_code {
    qc_span bytes;
    const uint8_t *start;
    qc_hash digest;
} qc_script_code;

/** Hash state behind everything but the hash type, one per class of hash type (Core SigHashCache).
 */
#define QC_MIDSTATES 6
typedef struct qc_midstate {
    bool used;
    const uint8_t *start;
    size_t len;
    qc_hash digest;
    qc_sha256_ctx ctx;
} qc_midstate;

typedef struct qc_vm {
    const qc_script_check *check;
    uint32_t flags;
    qc_sigversion sigversion;

    /* The script being run. */
    const uint8_t *pc, *end;
    const uint8_t *code_start; /* behind the last executed CODESEPARATOR */
    uint32_t op_count;
    uint32_t op_pos, codesep_pos;
    uint32_t cond_depth, cond_first_false; /* as Core's ConditionStack */

    /* BIP341 and BIP342. */
    bool annex_present, output_hash_ready;
    qc_hash annex_hash, tapleaf_hash, output_hash;
    int64_t weight_left;

    const qc_sighash_cache *hashes; /* check->hashes, or own_hashes once it was needed */
    qc_sighash_cache own_hashes;
    qc_midstate midstate[QC_MIDSTATES];

    size_t below; /* items under the loaded ones: an over-full witness, which can only fail */
    size_t n, n_alt;
    uint16_t id[QC_STACK_CAP];
    qc_item item[QC_STACK_CAP];
    uint8_t code_buf[QC_MAX_SCRIPT_SIZE]; /* script code with signatures deleted */
} qc_vm;

#define QC_COND_NO_FALSE UINT32_MAX

/** Run one script on the current stacks (Core EvalScript). */
QC_MUST_CHECK qc_script_err qc_vm_run(qc_vm *v, qc_span script, qc_sigversion sigversion);
/** Empty both stacks. */
void qc_vm_reset(qc_vm *v);

/** Core VerifyWitnessProgram. `witness`: the serialized stack. */
QC_MUST_CHECK qc_script_err qc_vm_witness_program(qc_vm *v, qc_span witness, unsigned version,
                                                  qc_span program, bool is_p2sh);

/* Stack primitives. `i` counts from the top, 1 being the top item. */

static inline size_t qc_depth(const qc_vm *v)
{
    return v->below + v->n;
}
static inline qc_item *qc_top(qc_vm *v, size_t i)
{
    return &v->item[v->id[v->n - i]];
}
static inline void qc_pop(qc_vm *v, size_t k)
{
    v->n -= k;
}
static inline qc_item *qc_push_slot(qc_vm *v)
{
    return &v->item[v->id[v->n++]];
}
static inline void qc_push_slice(qc_vm *v, qc_span s)
{
    qc_item *it = qc_push_slot(v);
    it->p = s.data;
    it->len = (uint32_t)s.len;
}
/** Push the bytes made by an operation. len <= 32. */
static inline void qc_push_made(qc_vm *v, const uint8_t *bytes, size_t len)
{
    qc_item *it = qc_push_slot(v);
    memcpy(it->own, bytes, len);
    it->p = it->own;
    it->len = (uint32_t)len;
}
static inline void qc_item_copy(qc_item *to, const qc_item *from)
{
    *to = *from;
    if (from->p == from->own)
        to->p = to->own;
}
/** Push a copy of the i-th item. */
static inline void qc_push_copy(qc_vm *v, size_t i)
{
    const qc_item *from = qc_top(v, i);
    qc_item_copy(qc_push_slot(v), from);
}
static inline void qc_push_bool(qc_vm *v, bool b)
{
    qc_item *it = qc_push_slot(v);
    it->own[0] = 1;
    it->p = it->own;
    it->len = b;
}
static inline qc_span qc_item_span(const qc_item *it)
{
    return (qc_span){it->p, it->len};
}
/** False: empty, all zero, or negative zero. */
static inline bool qc_item_bool(const qc_item *it)
{
    for (uint32_t i = 0; i < it->len; i++) {
        if (it->p[i] != 0)
            return !(i == it->len - 1 && it->p[i] == 0x80);
    }
    return false;
}
