/* script_assets_test: one input of a transaction, with a way to spend it that must hold under every
 * subset of the flags ("final": under any flags) and one that must fail under every superset. */
#include "tests/vectors/script_text.h"
#include "tests/vectors/sets.h"
#include "tests/vectors/testtx.h"

/* Consensus flags; combinations that skip what another needs are left out. */
static const uint32_t FLAGS[] = {
    QC_SCRIPT_P2SH,
    QC_SCRIPT_DERSIG,
    QC_SCRIPT_NULLDUMMY,
    QC_SCRIPT_CHECKLOCKTIMEVERIFY,
    QC_SCRIPT_CHECKSEQUENCEVERIFY,
    QC_SCRIPT_WITNESS,
    QC_SCRIPT_TAPROOT,
};
#define N_COMBOS (1u << QC_COUNTOF(FLAGS))

/* Returns false for a combination that no chain could have. */
static bool combo(unsigned i, uint32_t *flags)
{
    *flags = 0;
    for (size_t k = 0; k < QC_COUNTOF(FLAGS); k++) {
        if (i >> k & 1)
            *flags |= FLAGS[k];
    }
    if ((*flags & QC_SCRIPT_TAPROOT) && !(*flags & QC_SCRIPT_WITNESS))
        return false;
    return !(*flags & QC_SCRIPT_WITNESS) || (*flags & QC_SCRIPT_P2SH);
}

typedef struct asset {
    qc_txbuf tx; /* as given, without the input under test */
    qc_bytes *prevout;
    qc_spent *spent;
    uint32_t in, flags;
    bool final;
} asset;

static void read_asset(const json_t *row, asset *a)
{
    qc_bytes raw = unhex(json_text(json_need(row, "tx")));
    testtx_parse(qc_bytes_span(&raw), &a->tx);
    qc_bytes_free(&raw);
    const json_t *prevouts = json_need(row, "prevouts");
    size_t n = a->tx.tx.rec->n_in;
    if (json_array_size(prevouts) != n)
        bad_vectors("not one prevout for each input");
    a->prevout = calloc(n, sizeof *a->prevout);
    a->spent = calloc(n, sizeof *a->spent);
    if (!a->prevout || !a->spent)
        bad_vectors("out of memory");
    for (size_t i = 0; i < n; i++) {
        a->prevout[i] = unhex(json_text(json_at(prevouts, i)));
        qc_reader r = qc_reader_of(qc_bytes_span(&a->prevout[i]));
        a->spent[i].value = (qc_amount)qc_r_le64(&r);
        a->spent[i].script = qc_r_var(&r);
        if (r.fail || qc_reader_left(&r))
            bad_vectors("a prevout does not parse");
    }
    a->in = (uint32_t)json_int(json_need(row, "index"));
    a->flags = flags_from_text(json_text(json_need(row, "flags")));
    a->final = json_is_true(json_object_get(row, "final"));
}

static void asset_clear(asset *a)
{
    for (uint32_t i = 0; i < a->tx.tx.rec->n_in; i++)
        qc_bytes_free(&a->prevout[i]);
    free(a->prevout);
    free(a->spent);
    qc_txbuf_clear(&a->tx);
}

/* The transaction with this way to spend the input. */
static void spend_by(const asset *a, const json_t *how, qc_txbuf *out)
{
    qc_bytes sig = unhex(json_text(json_need(how, "scriptSig")));
    testwit wit = {.n = 0};
    const json_t *items = json_need(how, "witness");
    for (size_t i = 0; i < json_array_size(items); i++) {
        qc_bytes item = unhex(json_text(json_at(items, i)));
        testwit_add(&wit, qc_bytes_span(&item));
        qc_bytes_free(&item);
    }
    testtx_with_input(&a->tx.tx, a->in, qc_bytes_span(&sig), &wit, out);
    testwit_clear(&wit);
    qc_bytes_free(&sig);
}

/* Does every combination of flags that the case speaks of give `pass`? */
static bool run_way(const asset *a, const json_t *how, bool pass)
{
    qc_txbuf tx;
    spend_by(a, how, &tx);
    qc_sighash_cache hashes;
    qc_sighash_cache_init(&hashes, &tx.tx, a->spent);
    qc_script_check c = {.tx = &tx.tx, .in = a->in, .spent = a->spent, .hashes = &hashes};
    bool right = true;
    for (unsigned i = 0; i < N_COMBOS && right; i++) {
        if (!combo(i, &c.flags))
            continue;
        bool asked =
            pass ? a->final || (c.flags & a->flags) == c.flags : (c.flags & a->flags) == a->flags;
        if (asked)
            right = (qc_script_verify_input(&c) == QC_SE_OK) == pass;
    }
    qc_txbuf_clear(&tx);
    return right;
}

void set_script_assets(const char *file, tally *t)
{
    json_t *root = load_json(file);
    size_t i;
    json_t *row;
    json_array_foreach(root, i, row)
    {
        asset a = {.in = 0};
        read_asset(row, &a);
        const json_t *good = json_object_get(row, "success");
        const json_t *bad = json_object_get(row, "failure");
        const json_t *comment = json_object_get(row, "comment");
        bool right = (!good || run_way(&a, good, true)) && (!bad || run_way(&a, bad, false));
        if (!good && !bad)
            bad_vectors("case %zu has no way to spend", i);
        tally_case(t, right, "case %zu: %s", i, comment ? json_text(comment) : "");
        asset_clear(&a);
    }
    json_decref(root);
}
