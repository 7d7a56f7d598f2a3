/* run_vectors SET FILE: run one set of published test vectors. Prints the cases that fail, then
 * "N passed, N failed"; status 0 when none failed, 1 when some did, 2 when nothing could be run.
 * run_vectors --list prints each set and where its file lies below the folder of vectors. */
#include "core/crypto/secp.h"
#include "tests/vectors/sets.h"

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        const vector_set *s;
        for (size_t i = 0; (s = vector_set_at(i)); i++)
            printf("%s %s\n", s->name, s->path);
        return 0;
    }
    if (argc != 3) {
        fprintf(stderr, "usage: %s SET FILE\n       %s --list\n", argv[0], argv[0]);
        return 2;
    }
    const vector_set *s = vector_set_find(argv[1]);
    if (!s)
        bad_vectors("no set is called %s; --list names them", argv[1]);
    tally t = {0, 0};
    qc_crypto_selftest();
    s->run(argv[2], &t);
    if (t.passed + t.failed == 0)
        bad_vectors("%s holds no case", argv[2]);
    printf("%lu passed, %lu failed\n", t.passed, t.failed);
    return t.failed ? 1 : 0;
}
