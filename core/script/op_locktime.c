/* CHECKLOCKTIMEVERIFY (BIP65) and CHECKSEQUENCEVERIFY (BIP112). Their operands have up to five
 * bytes, so that the whole range of the 32-bit transaction fields can be named. */
#include "core/script/num.h"
#include "core/script/ops.h"

#define OPERAND_SIZE 5
#define LOCKTIME_THRESHOLD 500000000 /* below: a height; from here on: a time */
#define SEQUENCE_FINAL 0xffffffffu
#define SEQUENCE_DISABLE (1u << 31)
#define SEQUENCE_TYPE (1u << 22)
#define SEQUENCE_MASK 0xffffu

static qc_script_err read_operand(qc_vm *v, int64_t *out)
{
    QC_NEED(v, 1);
    qc_script_err err = qc_num_read(v, qc_top(v, 1), OPERAND_SIZE, out);
    if (err)
        return err;
    return *out < 0 ? QC_SE_NEGATIVE_LOCKTIME : QC_SE_OK;
}

static bool locktime_reached(const qc_script_check *c, int64_t want)
{
    int64_t have = c->tx->rec->locktime;
    if ((have < LOCKTIME_THRESHOLD) != (want < LOCKTIME_THRESHOLD))
        return false;
    /* A final input would switch the transaction's lock time off. */
    return want <= have && c->tx->in[c->in].sequence != SEQUENCE_FINAL;
}

qc_script_err qc_op_cltv(qc_vm *v, uint8_t op)
{
    (void)op;
    if (!(v->flags & QC_SCRIPT_CHECKLOCKTIMEVERIFY))
        return QC_SE_OK;
    int64_t want = 0;
    qc_script_err err = read_operand(v, &want);
    if (err)
        return err;
    return locktime_reached(v->check, want) ? QC_SE_OK : QC_SE_UNSATISFIED_LOCKTIME;
}

static bool sequence_reached(const qc_script_check *c, int64_t want)
{
    uint32_t have = c->tx->in[c->in].sequence;
    if (c->tx->rec->version < 2 || (have & SEQUENCE_DISABLE))
        return false;
    uint32_t mask = SEQUENCE_TYPE | SEQUENCE_MASK;
    uint32_t a = have & mask, b = (uint32_t)want & mask;
    return (a < SEQUENCE_TYPE) == (b < SEQUENCE_TYPE) && b <= a;
}

qc_script_err qc_op_csv(qc_vm *v, uint8_t op)
{
    (void)op;
    if (!(v->flags & QC_SCRIPT_CHECKSEQUENCEVERIFY))
        return QC_SE_OK;
    int64_t want = 0;
    qc_script_err err = read_operand(v, &want);
    if (err)
        return err;
    if (want & SEQUENCE_DISABLE)
        return QC_SE_OK;
    return sequence_reached(v->check, want) ? QC_SE_OK : QC_SE_UNSATISFIED_LOCKTIME;
}
