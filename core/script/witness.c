/* Witness programs: BIP141 version 0, BIP341 version 1 (Core VerifyWitnessProgram). */
#include "core/btc/wire.h"
#include "core/script/sighash_parts.h"
#include "core/script/sigcheck.h"
#include "core/script/taproot.h"

#define ANNEX_TAG 0x50
#define WEIGHT_OFFSET 50 /* BIP342: the budget of a script that has no witness at all */

/* A serialized witness stack, seen without unpacking it. */
typedef struct stack_view {
    qc_span items; /* from the first item on */
    size_t n;
    qc_span last[3]; /* the topmost items, top first */
} stack_view;

static bool view_open(qc_span witness, stack_view *out)
{
    *out = (stack_view){.n = 0};
    if (witness.len == 0)
        return true;
    qc_reader r = qc_reader_of(witness);
    out->n = (size_t)qc_r_count(&r, 1);
    out->items = (qc_span){r.p, qc_reader_left(&r)};
    for (size_t i = 0; i < out->n && !r.fail; i++) {
        out->last[2] = out->last[1];
        out->last[1] = out->last[0];
        out->last[0] = qc_r_var(&r);
    }
    return !r.fail && qc_reader_left(&r) == 0;
}

static qc_span view_pop(stack_view *s)
{
    qc_span top = s->last[0];
    s->n--;
    s->last[0] = s->last[1];
    s->last[1] = s->last[2];
    return top;
}

/* Put what is left of the witness on the stack. */
static qc_script_err load_stack(qc_vm *v, const stack_view *s)
{
    qc_vm_reset(v);
    v->below = s->n > QC_STACK_LOAD ? s->n - QC_STACK_LOAD : 0;
    qc_reader r = qc_reader_of(s->items);
    for (size_t i = 0; i < s->n; i++) {
        qc_span item = qc_r_var(&r);
        if (item.len > QC_MAX_SCRIPT_ELEMENT_SIZE)
            return QC_SE_PUSH_SIZE;
        if (i >= v->below)
            qc_push_slice(v, item);
    }
    return QC_SE_OK;
}

static qc_script_err run_loaded(qc_vm *v, qc_span script, qc_sigversion sigversion)
{
    qc_script_err err = qc_vm_run(v, script, sigversion);
    if (err)
        return err;
    if (qc_depth(v) != 1)
        return QC_SE_CLEANSTACK;
    return qc_item_bool(qc_top(v, 1)) ? QC_SE_OK : QC_SE_EVAL_FALSE;
}

static qc_script_err run_v0(qc_vm *v, const stack_view *s, qc_span script)
{
    qc_script_err err = load_stack(v, s);
    return err ? err : run_loaded(v, script, QC_SIGV_WITNESS_V0);
}

static qc_script_err witness_v0(qc_vm *v, stack_view *s, qc_span program)
{
    if (program.len == 32) {
        if (s->n == 0)
            return QC_SE_WITNESS_PROGRAM_WITNESS_EMPTY;
        qc_span script = view_pop(s);
        uint8_t digest[32];
        qc_sha256(script, digest);
        if (memcmp(digest, program.data, sizeof digest) != 0)
            return QC_SE_WITNESS_PROGRAM_MISMATCH;
        return run_v0(v, s, script);
    }
    if (program.len == 20) {
        if (s->n != 2)
            return QC_SE_WITNESS_PROGRAM_MISMATCH;
        uint8_t script[25] = {QC_OP_DUP, QC_OP_HASH160, 20};
        memcpy(script + 3, program.data, 20);
        script[23] = QC_OP_EQUALVERIFY;
        script[24] = QC_OP_CHECKSIG;
        return run_v0(v, s, qc_span_of(script, sizeof script));
    }
    return QC_SE_WITNESS_PROGRAM_WRONG_LENGTH;
}

/* OP_SUCCESSx ends the script well before any other rule is looked at. Out: *done. */
static qc_script_err find_op_success(const qc_vm *v, qc_span script, bool *done)
{
    const uint8_t *pc = script.data, *end = script.data + script.len;
    uint8_t op;
    qc_span data;
    *done = false;
    while (pc < end) {
        if (!qc_op_read(&pc, end, &op, &data))
            return QC_SE_BAD_OPCODE;
        if (!qc_op_is_success(op))
            continue;
        *done = true;
        return v->flags & QC_SCRIPT_DISCOURAGE_OP_SUCCESS ? QC_SE_DISCOURAGE_OP_SUCCESS : QC_SE_OK;
    }
    return QC_SE_OK;
}

static qc_script_err run_tapscript(qc_vm *v, const stack_view *s, qc_span script)
{
    bool done;
    qc_script_err err = find_op_success(v, script, &done);
    if (err || done)
        return err;
    if (s->n > QC_MAX_STACK_SIZE)
        return QC_SE_STACK_SIZE;
    err = load_stack(v, s);
    return err ? err : run_loaded(v, script, QC_SIGV_TAPSCRIPT);
}

static qc_script_err script_path(qc_vm *v, qc_span witness, stack_view *s, qc_span program)
{
    qc_span control = view_pop(s), script = view_pop(s);
    if (!qc_taproot_control_size_ok(control.len))
        return QC_SE_TAPROOT_WRONG_CONTROL_SIZE;
    uint8_t leaf_version = control.data[0] & QC_TAPROOT_LEAF_MASK;
    qc_taproot_leaf_hash(leaf_version, script, &v->tapleaf_hash);
    if (!qc_taproot_commits(control, program.data, &v->tapleaf_hash))
        return QC_SE_WITNESS_PROGRAM_MISMATCH;
    if (leaf_version == QC_TAPROOT_LEAF_TAPSCRIPT) {
        v->weight_left = (int64_t)witness.len + WEIGHT_OFFSET;
        return run_tapscript(v, s, script);
    }
    if (v->flags & QC_SCRIPT_DISCOURAGE_UPGRADABLE_TAPROOT_VERSION)
        return QC_SE_DISCOURAGE_UPGRADABLE_TAPROOT_VERSION;
    return QC_SE_OK;
}

static void hash_annex(qc_vm *v, qc_span annex)
{
    qc_sha256_ctx c;
    qc_sha256_init(&c);
    qc_hash_compact(&c, annex.len);
    qc_hash_bytes(&c, annex);
    qc_sha256_final(&c, v->annex_hash.b);
    v->annex_present = true;
}

static qc_script_err witness_taproot(qc_vm *v, qc_span witness, stack_view *s, qc_span program)
{
    if (!(v->flags & QC_SCRIPT_TAPROOT))
        return QC_SE_OK;
    if (s->n == 0)
        return QC_SE_WITNESS_PROGRAM_WITNESS_EMPTY;
    if (s->n >= 2 && s->last[0].len > 0 && s->last[0].data[0] == ANNEX_TAG)
        hash_annex(v, view_pop(s));
    if (s->n > 1)
        return script_path(v, witness, s, program);
    v->sigversion = QC_SIGV_TAPROOT;
    return qc_vm_check_schnorr(v, s->last[0], program.data);
}

qc_script_err qc_vm_witness_program(qc_vm *v, qc_span witness, unsigned version, qc_span program,
                                    bool is_p2sh)
{
    stack_view s;
    if (!view_open(witness, &s))
        return QC_SE_UNKNOWN_ERROR; /* not a serialized stack: no transaction can carry it */
    if (version == 0)
        return witness_v0(v, &s, program);
    if (version == 1 && program.len == 32 && !is_p2sh)
        return witness_taproot(v, witness, &s, program);
    bool anchor =
        version == 1 && program.len == 2 && program.data[0] == 0x4e && program.data[1] == 0x73;
    if (!(anchor && !is_p2sh) && (v->flags & QC_SCRIPT_DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM))
        return QC_SE_DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM;
    return QC_SE_OK;
}
