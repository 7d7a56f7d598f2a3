/* gen_chain OUT.dat [MODEL_BLOCKS [SEED]]: write a deterministic regtest chain for benchmarks as a
 * blk-framed file that -loadblock (ours and Core's) imports. Each model block has the transaction
 * shapes and script kinds of mainnet block 866,342: about 8,000 signed inputs. */
#include "core/base/alloc.h"
#include "tests/bench/chaingen.h"

#include <stdio.h>
#include <stdlib.h>

static void to_file(void *arg, qc_span framed)
{
    if (fwrite(framed.data, 1, framed.len, arg) != framed.len) {
        perror("gen_chain: cannot write");
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: gen_chain OUT.dat [MODEL_BLOCKS (26) [SEED (1)]]\n");
        return 2;
    }
    unsigned mixed = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 26;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    FILE *f = fopen(argv[1], "wb");
    qc_pool *pool;
    if (!f || qc_pool_new(&pool, qc_cpu_count() - 1, "sign")) {
        perror(argv[1]);
        return 1;
    }
    qc_crypto_selftest();
    cg_chain *g = cg_new(seed, pool);
    uint64_t inputs = cg_write(g, mixed, to_file, f);
    printf("%s: %u blocks, %llu inputs, %zu coins left\n", argv[1], cg_height(g),
           (unsigned long long)inputs, cg_coins(g));
    cg_free(g);
    qc_pool_free(pool);
    if (fclose(f)) {
        perror(argv[1]);
        return 1;
    }
    return 0;
}
