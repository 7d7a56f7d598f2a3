/* The hashes that all inputs of a transaction share. */
#include "core/script/sighash_parts.h"

#include "core/script/opcode.h"

/* A record is gathered here before it is hashed, so that the hash sees long runs. */
#define CHUNK_RECORDS 64

static const uint8_t *output_start(const qc_tx *tx, uint32_t o)
{
    uint8_t b[9];
    return tx->raw + tx->out[o].script_off - qc_put_compact(tx->out[o].script_len, b) - 8;
}

qc_span qc_tx_output_bytes(const qc_tx *tx, uint32_t from, uint32_t to)
{
    if (from >= to)
        return (qc_span){NULL, 0};
    const uint8_t *start = output_start(tx, from);
    const uint8_t *end = tx->raw + tx->out[to - 1].script_off + tx->out[to - 1].script_len;
    return (qc_span){start, (size_t)(end - start)};
}

void qc_sighash_output(const qc_tx *tx, uint32_t o, qc_hash *out)
{
    qc_sha256(qc_tx_output_bytes(tx, o, o + 1), out->b);
}

static void hash_prevouts_sequences(const qc_tx *tx, qc_hash *prevouts, qc_hash *sequences)
{
    uint8_t p[36 * CHUNK_RECORDS], s[4 * CHUNK_RECORDS];
    qc_sha256_ctx cp, cs;
    qc_sha256_init(&cp);
    qc_sha256_init(&cs);
    for (uint32_t i = 0; i < tx->rec->n_in;) {
        size_t k = 0;
        for (; k < CHUNK_RECORDS && i < tx->rec->n_in; k++, i++) {
            qc_put_prevout(&tx->in[i], p + 36 * k);
            qc_write_le32(s + 4 * k, tx->in[i].sequence);
        }
        qc_sha256_update(&cp, p, 36 * k);
        qc_sha256_update(&cs, s, 4 * k);
    }
    qc_sha256_final(&cp, prevouts->b);
    qc_sha256_final(&cs, sequences->b);
}

static void hash_spent(const qc_tx *tx, const qc_spent *spent, qc_hash *amounts, qc_hash *scripts)
{
    qc_sha256_ctx ca, cs;
    qc_sha256_init(&ca);
    qc_sha256_init(&cs);
    for (uint32_t i = 0; i < tx->rec->n_in; i++) {
        qc_hash_le64(&ca, (uint64_t)spent[i].value);
        qc_hash_compact(&cs, spent[i].script.len);
        qc_hash_bytes(&cs, spent[i].script);
    }
    qc_sha256_final(&ca, amounts->b);
    qc_sha256_final(&cs, scripts->b);
}

static void make(qc_sighash_cache *c, const qc_tx *tx, const qc_spent *spent, bool v0, bool taproot)
{
    *c = (qc_sighash_cache){.bip143_ready = v0, .bip341_ready = taproot && spent};
    if (!c->bip143_ready && !c->bip341_ready)
        return;
    hash_prevouts_sequences(tx, &c->t_prevouts, &c->t_sequences);
    qc_sha256(qc_tx_output_bytes(tx, 0, tx->rec->n_out), c->t_outputs.b);
    if (c->bip143_ready) {
        qc_sha256(qc_span_of(c->t_prevouts.b, 32), c->prevouts.b);
        qc_sha256(qc_span_of(c->t_sequences.b, 32), c->sequences.b);
        qc_sha256(qc_span_of(c->t_outputs.b, 32), c->outputs.b);
    }
    if (c->bip341_ready)
        hash_spent(tx, spent, &c->t_amounts, &c->t_scripts);
}

void qc_sighash_cache_force(qc_sighash_cache *c, const qc_tx *tx, const qc_spent *spent)
{
    make(c, tx, spent, true, true);
}

void qc_sighash_cache_init(qc_sighash_cache *c, const qc_tx *tx, const qc_spent *spent)
{
    bool v0 = false, taproot = false;
    for (uint32_t i = 0; i < tx->rec->n_in && !(v0 && taproot); i++) {
        if (tx->in[i].witness_len == 0)
            continue;
        /* A guess is enough: what it misses, the check makes for itself. */
        if (spent && spent[i].script.len == 34 && spent[i].script.data[0] == QC_OP_1)
            taproot = true;
        else
            v0 = true;
    }
    make(c, tx, spent, v0, taproot);
}
