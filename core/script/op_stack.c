/* Operations that only move items. */
#include "core/script/num.h"
#include "core/script/ops.h"

static void swap_ids(qc_vm *v, size_t a, size_t b)
{
    uint16_t t = v->id[a];
    v->id[a] = v->id[b];
    v->id[b] = t;
}

/* Bring the i-th item from the top to the top. */
static void raise_item(qc_vm *v, size_t i)
{
    uint16_t *at = &v->id[v->n - i], id = *at;
    memmove(at, at + 1, (i - 1) * sizeof *at);
    v->id[v->n - 1] = id;
}

qc_script_err qc_op_toaltstack(qc_vm *v, uint8_t op)
{
    (void)op;
    QC_NEED(v, 1);
    v->n--;
    v->n_alt++;
    swap_ids(v, v->n, QC_STACK_CAP - v->n_alt);
    return QC_SE_OK;
}

qc_script_err qc_op_fromaltstack(qc_vm *v, uint8_t op)
{
    (void)op;
    if (v->n_alt == 0)
        return QC_SE_INVALID_ALTSTACK_OPERATION;
    swap_ids(v, v->n, QC_STACK_CAP - v->n_alt);
    v->n++;
    v->n_alt--;
    return QC_SE_OK;
}

qc_script_err qc_op_ndrop(qc_vm *v, uint8_t op)
{
    size_t k = op == QC_OP_2DROP ? 2 : 1;
    QC_NEED(v, k);
    qc_pop(v, k);
    return QC_SE_OK;
}

qc_script_err qc_op_ndup(qc_vm *v, uint8_t op)
{
    size_t k = op == QC_OP_3DUP ? 3 : op == QC_OP_2DUP ? 2 : 1;
    QC_NEED(v, k);
    for (size_t i = 0; i < k; i++)
        qc_push_copy(v, k);
    return QC_SE_OK;
}

qc_script_err qc_op_2over(qc_vm *v, uint8_t op)
{
    (void)op;
    QC_NEED(v, 4);
    qc_push_copy(v, 4);
    qc_push_copy(v, 4);
    return QC_SE_OK;
}

qc_script_err qc_op_2rot(qc_vm *v, uint8_t op)
{
    (void)op;
    QC_NEED(v, 6);
    raise_item(v, 6);
    raise_item(v, 6);
    return QC_SE_OK;
}

qc_script_err qc_op_2swap(qc_vm *v, uint8_t op)
{
    (void)op;
    QC_NEED(v, 4);
    swap_ids(v, v->n - 4, v->n - 2);
    swap_ids(v, v->n - 3, v->n - 1);
    return QC_SE_OK;
}

qc_script_err qc_op_ifdup(qc_vm *v, uint8_t op)
{
    (void)op;
    QC_NEED(v, 1);
    if (qc_item_bool(qc_top(v, 1)))
        qc_push_copy(v, 1);
    return QC_SE_OK;
}

qc_script_err qc_op_depth(qc_vm *v, uint8_t op)
{
    (void)op;
    qc_push_num(v, (int64_t)qc_depth(v));
    return QC_SE_OK;
}

qc_script_err qc_op_nip(qc_vm *v, uint8_t op)
{
    (void)op;
    QC_NEED(v, 2);
    swap_ids(v, v->n - 2, v->n - 1);
    qc_pop(v, 1);
    return QC_SE_OK;
}

qc_script_err qc_op_over(qc_vm *v, uint8_t op)
{
    (void)op;
    QC_NEED(v, 2);
    qc_push_copy(v, 2);
    return QC_SE_OK;
}

/* PICK and ROLL. */
qc_script_err qc_op_pick(qc_vm *v, uint8_t op)
{
    QC_NEED(v, 2);
    int64_t k = 0;
    qc_script_err err = qc_num_read(v, qc_top(v, 1), QC_MAX_NUM_SIZE, &k);
    if (err)
        return err;
    qc_pop(v, 1);
    if (k < 0 || k >= (int64_t)qc_depth(v))
        return QC_SE_INVALID_STACK_OPERATION;
    if ((uint64_t)k >= v->n)
        return QC_SE_STACK_SIZE; /* an item of an over-full stack: the limit is what fails */
    if (op == QC_OP_PICK)
        qc_push_copy(v, (size_t)k + 1);
    else
        raise_item(v, (size_t)k + 1);
    return QC_SE_OK;
}

qc_script_err qc_op_rot(qc_vm *v, uint8_t op)
{
    (void)op;
    QC_NEED(v, 3);
    raise_item(v, 3);
    return QC_SE_OK;
}

qc_script_err qc_op_swap(qc_vm *v, uint8_t op)
{
    (void)op;
    QC_NEED(v, 2);
    swap_ids(v, v->n - 2, v->n - 1);
    return QC_SE_OK;
}

qc_script_err qc_op_tuck(qc_vm *v, uint8_t op)
{
    (void)op;
    QC_NEED(v, 2);
    swap_ids(v, v->n - 2, v->n - 1);
    qc_push_copy(v, 2);
    return QC_SE_OK;
}

qc_script_err qc_op_size(qc_vm *v, uint8_t op)
{
    (void)op;
    QC_NEED(v, 1);
    qc_push_num(v, qc_top(v, 1)->len);
    return QC_SE_OK;
}
