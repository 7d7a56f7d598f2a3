/* Signature hashes of any transaction that parses: the legacy hash against one made the slow way,
 * and the segwit hashes with what was precomputed in two ways. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/script/pattern.h"
#include "core/script/sighash.h"
#include "tests/unit/plain_sighash.h"

#define MAX_LEN 20000

static bool decodes(qc_span code)
{
    const uint8_t *pc = code.data, *end = code.data + code.len;
    uint8_t op;
    qc_span data;
    while (pc < end) {
        if (!qc_op_read(&pc, end, &op, &data))
            return false;
    }
    return true;
}

static void check_legacy(const qc_tx *tx, uint32_t in, qc_span code, uint32_t type)
{
    qc_hash a, b;
    qc_sighash_legacy(tx, in, code, type, &a);
    qc_sighash_legacy(tx, in, code, type, &b);
    QC_ASSERT(qc_hash_eq(&a, &b));
    if (decodes(code)) {
        b = plain_sighash(tx, in, code, type);
        QC_ASSERT(qc_hash_eq(&a, &b));
    }
}

static void check_segwit(const qc_tx *tx, uint32_t in, qc_span code, uint32_t type)
{
    qc_spent *spent = qc_try_calloc(tx->rec->n_in, sizeof *spent);
    if (!spent)
        return;
    for (uint32_t i = 0; i < tx->rec->n_in; i++)
        spent[i] = (qc_spent){.value = i, .script = qc_tx_script_sig(tx, i)};
    qc_sighash_cache guessed, all;
    qc_sighash_cache_init(&guessed, tx, spent);
    qc_sighash_cache_force(&all, tx, spent);
    qc_hash a, b;
    qc_sighash_v0(tx, in, code, 5, type, &all, &a);
    if (guessed.bip143_ready) {
        qc_sighash_v0(tx, in, code, 5, type, &guessed, &b);
        QC_ASSERT(qc_hash_eq(&a, &b));
    }
    qc_hash output, leaf = a;
    qc_taproot_env e = {.tx = tx, .in = in, .spent = spent, .hashes = &all, .leaf = &leaf};
    bool have = qc_sighash_taproot(&e, (uint8_t)type, &a);
    if (in < tx->rec->n_out) {
        qc_sighash_output(tx, in, &output);
        e.output = &output;
    }
    if (guessed.bip341_ready)
        e.hashes = &guessed;
    QC_ASSERT(qc_sighash_taproot(&e, (uint8_t)type, &b) == have);
    QC_ASSERT(!have || qc_hash_eq(&a, &b));
    qc_free(spent);
}

/* hash type, input, length of the script code, script code, transaction. */
int qc_fuzz_one(const uint8_t *data, size_t len)
{
    if (len > MAX_LEN)
        return -1;
    qc_fuzz_in f = {data, len};
    uint32_t type = qc_fuzz_u32(&f), in = qc_fuzz_u32(&f);
    size_t code_len = qc_fuzz_u8(&f);
    code_len = QC_MIN(code_len, f.left);
    qc_span code = qc_span_of(f.p, code_len);
    qc_txbuf tx;
    if (qc_tx_parse(qc_span_of(f.p + code_len, f.left - code_len), true, &tx))
        return -1;
    if (tx.tx.rec->n_in > 0) {
        in %= tx.tx.rec->n_in;
        check_legacy(&tx.tx, in, code, type);
        check_segwit(&tx.tx, in, code, type);
    }
    qc_txbuf_clear(&tx);
    return 0;
}
