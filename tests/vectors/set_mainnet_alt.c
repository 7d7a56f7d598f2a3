/* mainnet_alt: times and nonces of 2,016 blocks that were mined on the main chain's genesis, ten
 * times as fast as wanted, so that the last one has four times the difficulty. The blocks are made
 * again from these two numbers each, and must pass every rule. */
#include "core/script/opcode.h"
#include "tests/unit/builder.h"
#include "tests/vectors/sets.h"

#define PERIOD 2016u
#define BITS_DIFFICULTY_1 0x1d00ffffu
#define BITS_DIFFICULTY_4 0x1c3fffc0u

/* The height alone, and OP_0 where that would be too short. */
static tb_tx *coinbase_of(uint32_t height, qc_amount value)
{
    qc_bytes pay = unhex("76a914eadbac7f36c37e39361168b7aaee3cb24a25312d88ac");
    tb_tx *tx = tb_coinbase(height, 0, value, qc_bytes_span(&pay));
    qc_bytes *script = &tx->in[0].script;
    script->len -= 5; /* the salt */
    if (height <= 16)
        script->data[script->len++] = QC_OP_0;
    qc_bytes_free(&pay);
    return tx;
}

static bool block_passes(tb_chain *c, const tb_block *b, qc_verdict *v)
{
    qc_block *p = tb_block_parse(b);
    bool ok = qc_check_block(c->params, p, true, true, v) &&
              qc_check_block_context(c->params, p, b->height, tb_chain_mtp(c, c->tip), v) &&
              tb_chain_connect(c, &b->header, b->header.time, v);
    qc_block_unref(p);
    return ok;
}

void set_mainnet_alt(const char *file, tally *t)
{
    json_t *set = load_json(file);
    const json_t *time = json_need(set, "timestamps"), *nonce = json_need(set, "nonces");
    tb_chain *c = tb_chain_new(QC_CHAIN_MAIN, NULL);
    for (uint32_t h = 1; h <= json_array_size(time); h++) {
        char text[300];
        qc_verdict v = {0};
        tb_block *b = tb_chain_next(c, 0);
        tb_tx_free(b->tx[0]);
        b->height = h;
        b->tx[0] = coinbase_of(h, qc_subsidy(c->params, h));
        b->header.prev = c->hash[c->tip];
        b->header.time = (uint32_t)json_int(json_at(time, h - 1));
        b->header.nonce = (uint32_t)json_int(json_at(nonce, h - 1));
        b->header.bits = h < PERIOD ? BITS_DIFFICULTY_1 : BITS_DIFFICULTY_4;
        tb_block_merkle(b);
        bool ok = block_passes(c, b, &v);
        tally_case(t, ok, "height %u: %s", h, qc_verdict_text(&v, text, sizeof text));
        tb_block_free(b);
    }
    tally_case(t, c->tip == PERIOD, "the chain ends at height %u", c->tip);
    tb_chain_free(c);
    json_decref(set);
}
