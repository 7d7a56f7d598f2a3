/* bip341_wallet_vectors: script trees and output keys, control blocks, signature hashes, key path
 * signatures, and a whole transaction of nine inputs. */
#include "core/crypto/secp.h"
#include "core/script/sighash.h"
#include "core/script/taproot.h"
#include "tests/vectors/script_text.h"
#include "tests/vectors/sets.h"
#include "tests/vectors/testtx.h"

#define MAX_LEAVES 8

typedef struct leaf {
    qc_hash hash;
    uint8_t version;
    qc_hash path[MAX_LEAVES]; /* bottom up */
    size_t depth;
} leaf;

typedef struct tree {
    leaf leaf[MAX_LEAVES];
    size_t n;
} tree;

/* Add the leaves of a branch in order; returns the branch's hash. */
static qc_hash add_branch(tree *tr, const json_t *node)
{
    if (json_is_array(node)) {
        size_t first = tr->n;
        qc_hash left = add_branch(tr, json_at(node, 0));
        size_t middle = tr->n;
        qc_hash right = add_branch(tr, json_at(node, 1)), both;
        for (size_t i = first; i < tr->n; i++)
            tr->leaf[i].path[tr->leaf[i].depth++] = i < middle ? right : left;
        qc_taproot_branch_hash(&left, &right, &both);
        return both;
    }
    if (tr->n == MAX_LEAVES)
        bad_vectors("too many leaves");
    leaf *l = &tr->leaf[tr->n++];
    qc_bytes script = unhex(json_text(json_need(node, "script")));
    l->version = (uint8_t)json_int(json_need(node, "leafVersion"));
    qc_taproot_leaf_hash(l->version, qc_bytes_span(&script), &l->hash);
    qc_bytes_free(&script);
    return l->hash;
}

static void read_key(const json_t *v, uint8_t out[static 32])
{
    qc_bytes b = unhex(json_text(v));
    if (b.len != 32)
        bad_vectors("a key has 32 bytes");
    memcpy(out, b.data, 32);
    qc_bytes_free(&b);
}

/* Is the control block of this leaf the expected one, and does it prove the leaf? */
static bool control_block_right(const leaf *l, const uint8_t internal[static 32],
                                const uint8_t output[static 32], bool odd, const char *want)
{
    uint8_t control[33 + 32 * MAX_LEAVES];
    control[0] = (uint8_t)(l->version | odd);
    memcpy(control + 1, internal, 32);
    for (size_t i = 0; i < l->depth; i++)
        memcpy(control + 33 + 32 * i, l->path[i].b, 32);
    size_t len = 33 + 32 * l->depth;
    return hex_is(want, control, len) &&
           qc_taproot_commits(qc_span_of(control, len), output, &l->hash);
}

static bool output_right(const json_t *row)
{
    const json_t *given = json_need(row, "given"), *mid = json_need(row, "intermediary");
    const json_t *expected = json_need(row, "expected");
    const json_t *node = json_need(given, "scriptTree");
    uint8_t internal[32], tweak[32], script[34] = {0x51, 0x20};
    bool odd = false, has_tree = !json_is_null(node);
    tree tr = {.n = 0};
    qc_hash root = {{0}};
    if (has_tree)
        root = add_branch(&tr, node);
    read_key(json_need(given, "internalPubkey"), internal);
    const uint8_t *r = has_tree ? root.b : NULL;
    qc_tap_tweak_hash(internal, r, tweak);
    bool right = qc_tap_tweak(internal, r, script + 2, &odd) &&
                 hex_is(json_text(json_need(mid, "tweak")), tweak, 32) &&
                 hex_is(json_text(json_need(mid, "tweakedPubkey")), script + 2, 32) &&
                 hex_is(json_text(json_need(expected, "scriptPubKey")), script, sizeof script);
    if (!has_tree)
        return right;
    right = right && hex_is(json_text(json_need(mid, "merkleRoot")), root.b, 32);
    const json_t *hashes = json_need(mid, "leafHashes");
    const json_t *blocks = json_need(expected, "scriptPathControlBlocks");
    for (size_t i = 0; i < tr.n && right; i++)
        right = hex_is(json_text(json_at(hashes, i)), tr.leaf[i].hash.b, 32) &&
                control_block_right(&tr.leaf[i], internal, script + 2, odd,
                                    json_text(json_at(blocks, i)));
    return right;
}

typedef struct spend {
    qc_txbuf unsigned_tx, signed_tx;
    qc_bytes *script;
    qc_spent *spent;
    size_t n;
    qc_sighash_cache hashes;
    qc_signer *signer;
} spend;

static void read_tx(const json_t *v, qc_txbuf *out)
{
    qc_bytes raw = unhex(json_text(v));
    testtx_parse(qc_bytes_span(&raw), out);
    qc_bytes_free(&raw);
}

static void spend_read(const json_t *row, spend *s)
{
    static const uint8_t SEED[32] = {1};
    const json_t *given = json_need(row, "given"), *utxos = json_need(given, "utxosSpent");
    read_tx(json_need(given, "rawUnsignedTx"), &s->unsigned_tx);
    read_tx(json_need(json_need(row, "auxiliary"), "fullySignedTx"), &s->signed_tx);
    s->n = json_array_size(utxos);
    s->script = calloc(s->n, sizeof *s->script);
    s->spent = calloc(s->n, sizeof *s->spent);
    if (!s->script || !s->spent || s->n != s->signed_tx.tx.rec->n_in)
        bad_vectors("the spent outputs do not fit the transaction");
    for (size_t i = 0; i < s->n; i++) {
        s->script[i] = unhex(json_text(json_need(json_at(utxos, i), "scriptPubKey")));
        s->spent[i].script = qc_bytes_span(&s->script[i]);
        s->spent[i].value = json_int(json_need(json_at(utxos, i), "amountSats"));
    }
    qc_sighash_cache_force(&s->hashes, &s->unsigned_tx.tx, s->spent);
    s->signer = qc_signer_new(SEED);
}

static void spend_clear(spend *s)
{
    for (size_t i = 0; i < s->n; i++)
        qc_bytes_free(&s->script[i]);
    free(s->script);
    free(s->spent);
    qc_txbuf_clear(&s->unsigned_tx);
    qc_txbuf_clear(&s->signed_tx);
    qc_signer_free(s->signer);
}

static bool shared_hashes_right(const spend *s, const json_t *mid)
{
    const qc_sighash_cache *h = &s->hashes;
    return hex_is(json_text(json_need(mid, "hashAmounts")), h->t_amounts.b, 32) &&
           hex_is(json_text(json_need(mid, "hashOutputs")), h->t_outputs.b, 32) &&
           hex_is(json_text(json_need(mid, "hashPrevouts")), h->t_prevouts.b, 32) &&
           hex_is(json_text(json_need(mid, "hashScriptPubkeys")), h->t_scripts.b, 32) &&
           hex_is(json_text(json_need(mid, "hashSequences")), h->t_sequences.b, 32);
}

/* The message of the vectors, hashed, must be our hash. */
static bool sighash_right(const json_t *mid, const qc_hash *ours)
{
    qc_bytes msg = unhex(json_text(json_need(mid, "sigMsg")));
    qc_hash theirs;
    qc_sha256_ctx c;
    qc_sha256_init_tag(&c, QC_TAG_TAPSIGHASH);
    qc_sha256_update(&c, msg.data, msg.len);
    qc_sha256_final(&c, theirs.b);
    qc_bytes_free(&msg);
    return qc_hash_eq(&theirs, ours) &&
           hex_is(json_text(json_need(mid, "sigHash")), ours->b, sizeof ours->b);
}

static bool input_right(const spend *s, const json_t *row)
{
    static const uint8_t NO_AUX[32];
    const json_t *given = json_need(row, "given"), *mid = json_need(row, "intermediary");
    const json_t *root = json_need(given, "merkleRoot");
    uint8_t key[32], tweaked[32], root_bytes[32], sig[65];
    qc_hash hash;
    uint8_t type = (uint8_t)json_int(json_need(given, "hashType"));
    qc_taproot_env env = {.tx = &s->unsigned_tx.tx,
                          .in = (uint32_t)json_int(json_need(given, "txinIndex")),
                          .spent = s->spent,
                          .hashes = &s->hashes};
    read_key(json_need(given, "internalPrivkey"), key);
    if (!json_is_null(root))
        read_key(root, root_bytes);
    if (!qc_sighash_taproot(&env, type, &hash) || !sighash_right(mid, &hash) ||
        !qc_seckey_tap_tweak(s->signer, key, json_is_null(root) ? NULL : root_bytes, tweaked) ||
        !hex_is(json_text(json_need(mid, "tweakedPrivkey")), tweaked, 32) ||
        !qc_schnorr_sign(s->signer, tweaked, qc_span_of(hash.b, 32), NO_AUX, sig))
        return false;
    sig[64] = type;
    const json_t *wit = json_need(json_need(row, "expected"), "witness");
    return hex_is(json_text(json_at(wit, 0)), sig, type ? 65 : 64);
}

static void run_spend(const json_t *row, tally *t)
{
    spend s = {.n = 0};
    spend_read(row, &s);
    tally_case(t, shared_hashes_right(&s, json_need(row, "intermediary")), "shared hashes");
    const json_t *inputs = json_need(row, "inputSpending");
    for (size_t i = 0; i < json_array_size(inputs); i++)
        tally_case(t, input_right(&s, json_at(inputs, i)), "inputSpending %zu", i);
    qc_script_check c = {.tx = &s.signed_tx.tx, .spent = s.spent, .flags = ALL_SCRIPT_FLAGS};
    qc_sighash_cache hashes;
    qc_sighash_cache_init(&hashes, c.tx, s.spent);
    c.hashes = &hashes;
    for (; c.in < s.n; c.in++) {
        qc_script_err err = qc_script_verify_input(&c);
        tally_case(t, err == QC_SE_OK, "signed input %u: %s", c.in, qc_script_err_name(err));
    }
    spend_clear(&s);
}

void set_bip341(const char *file, tally *t)
{
    json_t *root = load_json(file);
    const json_t *outputs = json_need(root, "scriptPubKey");
    const json_t *spends = json_need(root, "keyPathSpending");
    for (size_t i = 0; i < json_array_size(outputs); i++)
        tally_case(t, output_right(json_at(outputs, i)), "scriptPubKey %zu", i);
    for (size_t i = 0; i < json_array_size(spends); i++)
        run_spend(json_at(spends, i), t);
    json_decref(root);
}
