/* siphash: SipHash-2-4 of all blocks of a case joined, and SipHash-1-3-UJ of those cases whose
 * blocks have 8 or 32 bytes. Each case is also given to the functions of fixed width that fit it.
 */
#include "core/crypto/siphash.h"
#include "tests/vectors/sets.h"

static uint64_t number(const json_t *v)
{
    return strtoull(json_text(v), NULL, 16);
}

static uint64_t siphash_uj(const qc_siphash_key *k, const json_t *blocks)
{
    qc_siphash_state s = qc_siphash_start(k);
    for (size_t i = 0; i < json_array_size(blocks); i++) {
        qc_bytes b = unhex(json_text(json_at(blocks, i)));
        qc_hash h;
        if (b.len == 8) {
            qc_siphash_word(&s, qc_read_le64(b.data), 1);
        } else if (b.len == 32) {
            memcpy(h.b, b.data, 32);
            qc_siphash_uj_hash(&s, &h);
        } else {
            bad_vectors("a block has 8 or 32 bytes");
        }
        qc_bytes_free(&b);
    }
    return qc_siphash_finish(&s, QC_SIPHASH_UJ_MARK, 3);
}

/* What the hash tables call, where the case has their input: a hash, or a hash and a number. */
static bool fixed_right(const qc_siphash_key *k, qc_span in, uint64_t want)
{
    qc_hash h;
    if (in.len >= 32)
        memcpy(h.b, in.data, 32);
    if (in.len == 32)
        return qc_siphash_hash(k, &h) == want;
    return in.len != 36 || qc_siphash_hash_u32(k, &h, qc_read_le32(in.data + 32)) == want;
}

void set_siphash(const char *file, tally *t)
{
    json_t *root = load_json(file);
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *v = json_at(root, i), *blocks = json_need(v, "input");
        const json_t *key = json_need(v, "key"), *expected = json_need(v, "expected");
        qc_siphash_key k = {number(json_at(key, 0)), number(json_at(key, 1))};
        qc_bytes all = QC_BYTES_INIT;
        for (size_t j = 0; j < json_array_size(blocks); j++) {
            qc_bytes b = unhex(json_text(json_at(blocks, j)));
            put_span(&all, qc_bytes_span(&b));
            qc_bytes_free(&b);
        }
        uint64_t want = number(json_need(expected, "siphash24"));
        const json_t *uj = json_object_get(expected, "siphash13uj");
        bool ok = qc_siphash(&k, all.data, all.len) == want &&
                  fixed_right(&k, qc_bytes_span(&all), want) &&
                  (!uj || siphash_uj(&k, blocks) == number(uj));
        tally_case(t, ok, "%zu: %zu bytes", i, all.len);
        qc_bytes_free(&all);
    }
    json_decref(root);
}
