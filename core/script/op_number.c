/* Constants, comparison and arithmetic. Operands have at most four bytes; results may have five
 * and are then good for anything but another calculation. */
#include "core/script/num.h"
#include "core/script/ops.h"

qc_script_err qc_op_constant(qc_vm *v, uint8_t op)
{
    qc_push_num(v, (int64_t)op - (QC_OP_1 - 1));
    return QC_SE_OK;
}

qc_script_err qc_op_equal(qc_vm *v, uint8_t op)
{
    QC_NEED(v, 2);
    bool equal = qc_span_eq(qc_item_span(qc_top(v, 2)), qc_item_span(qc_top(v, 1)));
    qc_pop(v, 2);
    if (op == QC_OP_EQUALVERIFY)
        return equal ? QC_SE_OK : QC_SE_EQUALVERIFY;
    qc_push_bool(v, equal);
    return QC_SE_OK;
}

static int64_t unary(uint8_t op, int64_t a)
{
    switch (op) {
    case QC_OP_1ADD:
        return a + 1;
    case QC_OP_1SUB:
        return a - 1;
    case QC_OP_NEGATE:
        return -a;
    case QC_OP_ABS:
        return a < 0 ? -a : a;
    case QC_OP_NOT:
        return a == 0;
    default: /* 0NOTEQUAL */
        return a != 0;
    }
}

qc_script_err qc_op_unary(qc_vm *v, uint8_t op)
{
    QC_NEED(v, 1);
    int64_t a = 0;
    qc_script_err err = qc_num_read(v, qc_top(v, 1), QC_MAX_NUM_SIZE, &a);
    if (err)
        return err;
    qc_pop(v, 1);
    qc_push_num(v, unary(op, a));
    return QC_SE_OK;
}

static int64_t binary(uint8_t op, int64_t a, int64_t b)
{
    switch (op) {
    case QC_OP_ADD:
        return a + b;
    case QC_OP_SUB:
        return a - b;
    case QC_OP_BOOLAND:
        return a != 0 && b != 0;
    case QC_OP_BOOLOR:
        return a != 0 || b != 0;
    case QC_OP_NUMEQUAL:
    case QC_OP_NUMEQUALVERIFY:
        return a == b;
    case QC_OP_NUMNOTEQUAL:
        return a != b;
    case QC_OP_LESSTHAN:
        return a < b;
    case QC_OP_GREATERTHAN:
        return a > b;
    case QC_OP_LESSTHANOREQUAL:
        return a <= b;
    case QC_OP_GREATERTHANOREQUAL:
        return a >= b;
    case QC_OP_MIN:
        return a < b ? a : b;
    default: /* MAX */
        return a > b ? a : b;
    }
}

/* Read the k topmost items, the deepest first, in the order Core reads them. */
static qc_script_err read_numbers(qc_vm *v, size_t k, int64_t *out)
{
    QC_NEED(v, k);
    for (size_t i = 0; i < k; i++) {
        qc_script_err err = qc_num_read(v, qc_top(v, k - i), QC_MAX_NUM_SIZE, &out[i]);
        if (err)
            return err;
    }
    return QC_SE_OK;
}

qc_script_err qc_op_binary(qc_vm *v, uint8_t op)
{
    int64_t x[2] = {0, 0};
    qc_script_err err = read_numbers(v, 2, x);
    if (err)
        return err;
    qc_pop(v, 2);
    int64_t r = binary(op, x[0], x[1]);
    if (op == QC_OP_NUMEQUALVERIFY)
        return r ? QC_SE_OK : QC_SE_NUMEQUALVERIFY;
    qc_push_num(v, r);
    return QC_SE_OK;
}

qc_script_err qc_op_within(qc_vm *v, uint8_t op)
{
    (void)op;
    int64_t x[3] = {0, 0, 0};
    qc_script_err err = read_numbers(v, 3, x);
    if (err)
        return err;
    qc_pop(v, 3);
    qc_push_bool(v, x[1] <= x[0] && x[0] < x[2]);
    return QC_SE_OK;
}
