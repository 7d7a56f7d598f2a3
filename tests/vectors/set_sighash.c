/* sighash: the original signature hash for odd scripts and any hash type. */
#include "core/script/sighash.h"
#include "tests/vectors/sets.h"
#include "tests/vectors/testtx.h"

static void run_row(const json_t *row, tally *t)
{
    qc_bytes raw = unhex(json_text(json_at(row, 0))), code = unhex(json_text(json_at(row, 1)));
    int64_t in = json_int(json_at(row, 2)), type = json_int(json_at(row, 3));
    const char *want = json_text(json_at(row, 4));
    qc_txbuf tx;
    testtx_parse(qc_bytes_span(&raw), &tx);
    if (in < 0 || in >= tx.tx.rec->n_in)
        bad_vectors("input %lld is not there", (long long)in);
    qc_hash hash;
    char got[QC_HASH_HEX_LEN + 1];
    qc_sighash_legacy(&tx.tx, (uint32_t)in, qc_bytes_span(&code), (uint32_t)type, &hash);
    qc_hash_hex(&hash, got);
    tally_case(t, strcmp(got, want) == 0, "%s: got %s", want, got);
    qc_txbuf_clear(&tx);
    qc_bytes_free(&raw);
    qc_bytes_free(&code);
}

void set_sighash(const char *file, tally *t)
{
    json_t *root = load_json(file);
    size_t i;
    json_t *row;
    json_array_foreach(root, i, row)
    {
        if (json_array_size(row) > 1)
            run_row(row, t);
    }
    json_decref(root);
}
