/* script_tests: one input each, by scripts in words, with the flags and the exact error. */
#include "core/crypto/secp.h"
#include "core/crypto/sha256.h"
#include "core/script/taproot.h"
#include "tests/vectors/script_text.h"
#include "tests/vectors/sets.h"
#include "tests/vectors/testtx.h"

#define SCRIPT_MARK "#SCRIPT#"
#define RANDOM_FLAGS 16 /* random flag sets tried on each case, beside every single flag */

typedef struct script_case {
    qc_bytes script_sig, script_pubkey;
    testwit witness;
    int64_t value;
    uint32_t flags;
    const char *want;
    qc_hash root; /* of the one-leaf script tree, when the case asks for a made output */
} script_case;

static void case_clear(script_case *c)
{
    qc_bytes_free(&c->script_sig);
    qc_bytes_free(&c->script_pubkey);
    testwit_clear(&c->witness);
}

/* The templates put a script tree of one leaf under the public key of the secret key 1. */
static void internal_key(uint8_t out[static QC_XONLY_LEN])
{
    qc_bytes g = unhex("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
    memcpy(out, g.data, QC_XONLY_LEN);
    qc_bytes_free(&g);
}

static void add_control_block(script_case *c)
{
    uint8_t control[33], output[QC_XONLY_LEN];
    bool odd = false;
    qc_taproot_leaf_hash(QC_TAPROOT_LEAF_TAPSCRIPT, testwit_top(&c->witness), &c->root);
    internal_key(control + 1);
    if (!qc_tap_tweak(control + 1, c->root.b, output, &odd))
        bad_vectors("the internal key is not valid");
    control[0] = (uint8_t)(QC_TAPROOT_LEAF_TAPSCRIPT | odd);
    testwit_add(&c->witness, qc_span_of(control, sizeof control));
}

static void add_witness_item(script_case *c, const char *text)
{
    if (strcmp(text, "#CONTROLBLOCK#") == 0) {
        add_control_block(c);
        return;
    }
    bool is_words = strncmp(text, SCRIPT_MARK, strlen(SCRIPT_MARK)) == 0;
    qc_bytes item = is_words ? script_from_text(text + strlen(SCRIPT_MARK)) : unhex(text);
    testwit_add(&c->witness, qc_bytes_span(&item));
    qc_bytes_free(&item);
}

/* Amounts are written in bitcoin with up to eight places. */
static int64_t amount_of(const json_t *v)
{
    return (int64_t)(json_number_value(v) * 1e8 + 0.5);
}

static qc_bytes pubkey_script(const script_case *c, const char *text)
{
    if (strcmp(text, "0x51 0x20 #TAPROOTOUTPUT#") != 0)
        return script_from_text(text);
    uint8_t key[QC_XONLY_LEN], script[34] = {0x51, 0x20};
    bool odd;
    internal_key(key);
    if (!qc_tap_tweak(key, c->root.b, script + 2, &odd))
        bad_vectors("the internal key is not valid");
    qc_bytes b = QC_BYTES_INIT;
    put(&b, script, sizeof script);
    return b;
}

/* Returns false for a comment. */
static bool read_case(const json_t *row, script_case *c)
{
    *c = (script_case){.value = 0};
    size_t at = 0;
    const json_t *first = json_at(row, 0);
    if (json_is_array(first)) {
        size_t n = json_array_size(first);
        for (size_t i = 0; i + 1 < n; i++)
            add_witness_item(c, json_text(json_at(first, i)));
        c->value = amount_of(json_at(first, n - 1));
        at = 1;
    }
    if (json_array_size(row) < 4 + at) {
        if (json_array_size(row) != 1)
            bad_vectors("a case has too few parts");
        return false;
    }
    c->script_sig = script_from_text(json_text(json_at(row, at)));
    c->script_pubkey = pubkey_script(c, json_text(json_at(row, at + 1)));
    c->flags = flags_from_text(json_text(json_at(row, at + 2)));
    c->want = json_text(json_at(row, at + 3));
    return true;
}

/* The transaction that made the output: two zeros as scriptSig, one output. */
static qc_hash credit_txid(const script_case *c)
{
    static const uint8_t NO_TXID[32], SIG[2];
    testtx t = {.version = 1, .locktime = 0};
    testtx_add_input(&t, NO_TXID, UINT32_MAX, qc_span_of(SIG, sizeof SIG), UINT32_MAX);
    testtx_add_output(&t, c->value, qc_bytes_span(&c->script_pubkey));
    qc_bytes raw = testtx_bytes(&t, NULL);
    qc_hash id;
    qc_sha256d(qc_bytes_span(&raw), id.b);
    qc_bytes_free(&raw);
    testtx_clear(&t);
    return id;
}

static void spending_tx(const script_case *c, qc_txbuf *out)
{
    qc_hash id = credit_txid(c);
    testtx t = {.version = 1, .locktime = 0};
    testtx_add_input(&t, id.b, 0, qc_bytes_span(&c->script_sig), UINT32_MAX);
    testtx_add_output(&t, c->value, (qc_span){NULL, 0});
    qc_bytes raw = testtx_bytes(&t, &c->witness);
    testtx_parse(qc_bytes_span(&raw), out);
    qc_bytes_free(&raw);
    testtx_clear(&t);
}

/* Fewer flags cannot fail what passed, more cannot pass what failed. */
static bool holds_for_other_flags(const qc_script_check *c, bool passes, uint64_t *seed)
{
    for (unsigned i = 0; i < 21 + RANDOM_FLAGS; i++) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        uint32_t extra = i < 21 ? 1u << i : (uint32_t)(*seed >> 33) & ALL_SCRIPT_FLAGS;
        qc_script_check other = *c;
        other.flags = passes ? flags_trim(c->flags & ~extra) : flags_fill(c->flags | extra);
        if ((qc_script_verify_input(&other) == QC_SE_OK) != passes)
            return false;
    }
    return true;
}

static void run_case(const script_case *c, const char *text, tally *t)
{
    static uint64_t seed = 1;
    qc_txbuf tx;
    spending_tx(c, &tx);
    qc_spent spent = {.value = c->value, .script = qc_bytes_span(&c->script_pubkey)};
    qc_script_check check = {.tx = &tx.tx, .spent = &spent};
    qc_sighash_cache hashes;
    qc_sighash_cache_init(&hashes, &tx.tx, &spent);
    check.hashes = &hashes;
    check.flags = c->flags;
    if (check.flags & QC_SCRIPT_CLEANSTACK)
        check.flags |= QC_SCRIPT_P2SH | QC_SCRIPT_WITNESS;
    qc_script_err got = qc_script_verify_input(&check);
    bool right = strcmp(qc_script_err_name(got), c->want) == 0;
    tally_case(t, right && holds_for_other_flags(&check, got == QC_SE_OK, &seed),
               "%s: got %s, or it changes with other flags", text, qc_script_err_name(got));
    qc_txbuf_clear(&tx);
}

void set_script_tests(const char *file, tally *t)
{
    json_t *root = load_json(file);
    size_t i;
    json_t *row;
    json_array_foreach(root, i, row)
    {
        script_case c;
        if (read_case(row, &c)) {
            char *text = json_dumps(row, JSON_COMPACT);
            run_case(&c, text ? text : "", t);
            free(text);
        }
        case_clear(&c);
    }
    json_decref(root);
}
