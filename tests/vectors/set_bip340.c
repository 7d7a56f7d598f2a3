/* bip-0340_test-vectors: index, secret key, public key, aux, message, signature, result, comment.
 * With a secret key given, the public key and the signature must also come out of it. */
#include "core/crypto/secp.h"
#include "tests/vectors/sets.h"

#include <stdio.h>

#define COLUMNS 8
#define LINE_MAX_LEN 2000
enum { INDEX, SECRET, PUBLIC, AUX, MESSAGE, SIGNATURE, RESULT, COMMENT };

/* Cut the line at its commas; the comment keeps its own. */
static void split(char *line, char *col[COLUMNS])
{
    line[strcspn(line, "\r\n")] = '\0';
    for (int i = 0; i < COLUMNS; i++) {
        char *comma = i + 1 < COLUMNS ? strchr(line, ',') : NULL;
        if (i + 1 < COLUMNS && !comma)
            bad_vectors("a line of the CSV file has %d columns", i + 1);
        col[i] = line;
        if (comma) {
            *comma = '\0';
            line = comma + 1;
        }
    }
}

static bool signs(const qc_signer *s, qc_span secret, qc_span aux, qc_span msg, qc_span public,
                  qc_span want)
{
    uint8_t pub[QC_PUBKEY_UNCOMPRESSED], sig[QC_SCHNORR_LEN];
    return secret.len == 32 && aux.len == 32 && qc_seckey_pubkey(s, secret.data, true, pub) &&
           qc_span_eq(qc_span_of(pub + 1, 32), public) &&
           qc_schnorr_sign(s, secret.data, msg, aux.data, sig) &&
           qc_span_eq(qc_span_of(sig, sizeof sig), want);
}

static bool run_case(const qc_signer *s, char *col[COLUMNS])
{
    qc_bytes b[COLUMNS] = {0};
    qc_span v[COLUMNS];
    for (int i = SECRET; i <= SIGNATURE; i++) {
        b[i] = unhex(col[i]);
        v[i] = qc_bytes_span(&b[i]);
    }
    if (v[PUBLIC].len != 32 || v[SIGNATURE].len != 64)
        bad_vectors("case %s: lengths", col[INDEX]);
    bool want = strcmp(col[RESULT], "TRUE") == 0;
    bool ok = qc_schnorr_verify(v[PUBLIC].data, v[SIGNATURE].data, v[MESSAGE]) == want;
    if (v[SECRET].len)
        ok = ok && signs(s, v[SECRET], v[AUX], v[MESSAGE], v[PUBLIC], v[SIGNATURE]);
    for (int i = SECRET; i <= SIGNATURE; i++)
        qc_bytes_free(&b[i]);
    return ok;
}

void set_bip340(const char *file, tally *t)
{
    static const uint8_t seed[32] = {3, 4, 0};
    char line[LINE_MAX_LEN], *col[COLUMNS];
    FILE *f = fopen(file, "r");
    if (!f || !fgets(line, sizeof line, f))
        bad_vectors("cannot read %s", file);
    qc_signer *s = qc_signer_new(seed);
    while (fgets(line, sizeof line, f)) {
        split(line, col);
        tally_case(t, run_case(s, col), "%s: %s", col[INDEX], col[COMMENT]);
    }
    qc_signer_free(s);
    fclose(f);
}
