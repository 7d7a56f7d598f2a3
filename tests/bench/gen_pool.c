/* gen_pool CHAIN.dat POOL.dat [TRANSACTIONS [SEED]]: write a deterministic regtest chain as a
 * blk-framed file that -loadblock (ours and Core's) imports, and a stream of transactions for the
 * mempool of a node that has it: each a length (4 bytes, little endian) and its bytes. */
#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "tests/bench/chaingen.h"

#include <stdio.h>
#include <stdlib.h>

#define MATURITY 100
#define COINS_EACH 7900 /* coins of a block that fans out */

static void put(FILE *f, const void *data, size_t len)
{
    if (fwrite(data, 1, len, f) != len) {
        perror("gen_pool: cannot write");
        exit(1);
    }
}

static void write_chain(cg_chain *g, size_t coins, FILE *f)
{
    uint32_t fanouts = (uint32_t)(coins / COINS_EACH) + 1;
    for (uint32_t i = 0; i < MATURITY + 2 * fanouts; i++) {
        qc_bytes block;
        uint64_t inputs;
        uint8_t len[4];
        cg_next(g, i < MATURITY + fanouts ? CG_EMPTY : CG_FANOUT, &block, &inputs);
        qc_write_le32(len, (uint32_t)block.len);
        put(f, cg_params(g)->magic, 4);
        put(f, len, sizeof len);
        put(f, block.data, block.len);
        qc_bytes_free(&block);
    }
}

static void write_pool(cg_chain *g, size_t n, FILE *f)
{
    cg_pool *p = cg_pool_new(g);
    for (size_t i = 0; i < n; i++) {
        qc_bytes tx;
        uint8_t len[4];
        cg_pool_next(p, &tx);
        qc_write_le32(len, (uint32_t)tx.len);
        put(f, len, sizeof len);
        put(f, tx.data, tx.len);
        qc_bytes_free(&tx);
    }
    cg_pool_free(p);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: gen_pool CHAIN.dat POOL.dat [TRANSACTIONS (50000) [SEED (1)]]\n");
        return 2;
    }
    size_t n = argc > 3 ? strtoul(argv[3], NULL, 10) : 50000;
    uint64_t seed = argc > 4 ? strtoull(argv[4], NULL, 10) : 1;
    FILE *chain = fopen(argv[1], "wb"), *pool = fopen(argv[2], "wb");
    qc_pool *workers;
    if (!chain || !pool || qc_pool_new(&workers, qc_cpu_count() - 1, "sign")) {
        perror("gen_pool");
        return 1;
    }
    qc_crypto_selftest();
    cg_chain *g = cg_new(seed, workers);
    cg_shares(g, CG_POOL_SHARES, 4);
    write_chain(g, n + n / 2 + 100, chain);
    write_pool(g, n, pool);
    printf("%u blocks, %zu transactions, %zu coins left\n", cg_height(g), n, cg_coins(g));
    cg_free(g);
    qc_pool_free(workers);
    if (fclose(chain) || fclose(pool)) {
        perror("gen_pool");
        return 1;
    }
    return 0;
}
