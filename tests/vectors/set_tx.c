/* tx_valid and tx_invalid: whole transactions with the scripts they spend. tx_valid names the flags
 * to leave out, tx_invalid those to use; both lists are as short as can be, which is tested too. */
#include "core/consensus/check.h"
#include "tests/vectors/script_text.h"
#include "tests/vectors/sets.h"
#include "tests/vectors/testtx.h"

#define N_FLAGS 21
#define RANDOM_ROUNDS 21

typedef struct tx_case {
    const json_t *prevouts;
    qc_txbuf tx;
    qc_bytes *script;
    qc_spent *spent;
    qc_sighash_cache hashes;
    const char *flags;
} tx_case;

/* The prevout row for input i, or NULL. Where two rows name one outpoint, the last counts. */
static const json_t *prevout_of(const tx_case *c, uint32_t i)
{
    const json_t *found = NULL;
    for (size_t k = 0; k < json_array_size(c->prevouts); k++) {
        const json_t *row = json_at(c->prevouts, k);
        qc_hash id;
        if (qc_hash_parse(json_text(json_at(row, 0)), &id))
            bad_vectors("not a txid");
        if (memcmp(id.b, c->tx.tx.in[i].prev_txid, 32) == 0 &&
            (uint32_t)json_int(json_at(row, 1)) == c->tx.tx.in[i].prev_n)
            found = row;
    }
    return found;
}

static void read_case(const json_t *row, tx_case *c)
{
    qc_bytes raw = unhex(json_text(json_at(row, 1)));
    testtx_parse(qc_bytes_span(&raw), &c->tx);
    qc_bytes_free(&raw);
    c->prevouts = json_at(row, 0);
    c->flags = json_text(json_at(row, 2));
    uint32_t n = c->tx.tx.rec->n_in;
    c->script = calloc(n + 1, sizeof *c->script);
    c->spent = calloc(n + 1, sizeof *c->spent);
    if (!c->script || !c->spent)
        bad_vectors("out of memory");
    for (uint32_t i = 0; i < n; i++) {
        const json_t *prevout = prevout_of(c, i);
        if (!prevout)
            continue; /* of a transaction that is malformed by itself */
        c->script[i] = script_from_text(json_text(json_at(prevout, 2)));
        c->spent[i].script = qc_bytes_span(&c->script[i]);
        if (json_array_size(prevout) > 3)
            c->spent[i].value = json_int(json_at(prevout, 3));
    }
    qc_sighash_cache_init(&c->hashes, &c->tx.tx, c->spent);
}

static void case_clear(tx_case *c)
{
    for (uint32_t i = 0; i < c->tx.tx.rec->n_in; i++)
        qc_bytes_free(&c->script[i]);
    free(c->script);
    free(c->spent);
    qc_txbuf_clear(&c->tx);
}

static bool scripts_pass(const tx_case *c, uint32_t flags)
{
    qc_script_check k = {.tx = &c->tx.tx, .spent = c->spent, .hashes = &c->hashes, .flags = flags};
    for (; k.in < c->tx.tx.rec->n_in; k.in++) {
        if (qc_script_verify_input(&k) != QC_SE_OK)
            return false;
    }
    return true;
}

static uint32_t random_flags(void)
{
    static uint64_t x = 1;
    x = x * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(x >> 33) & ALL_SCRIPT_FLAGS;
}

static const char *judge_valid(const tx_case *c)
{
    uint32_t excluded = flags_from_text(c->flags), all = ALL_SCRIPT_FLAGS;
    qc_verdict v;
    if (!qc_check_tx(&c->tx.tx, &v))
        return "the transaction is malformed";
    if (flags_fill(all & ~excluded) != (all & ~excluded))
        bad_vectors("flags that do not go together: %s", c->flags);
    if (!scripts_pass(c, all & ~excluded))
        return "it fails";
    for (unsigned i = 0; i < N_FLAGS; i++) {
        if (!scripts_pass(c, flags_trim(all & ~(excluded | 1u << i))))
            return "it fails with a flag taken away";
        if (!scripts_pass(c, flags_trim(all & ~(excluded | random_flags()))))
            return "it fails with some flags taken away";
        uint32_t fewer = flags_trim(excluded & ~(1u << i));
        if (fewer != excluded && scripts_pass(c, all & ~fewer))
            return "a flag is excluded needlessly";
    }
    return NULL;
}

static const char *judge_invalid(const tx_case *c)
{
    qc_verdict v;
    if (!qc_check_tx(&c->tx.tx, &v))
        return strcmp(c->flags, "BADTX") == 0 ? NULL : "the transaction is malformed";
    if (strcmp(c->flags, "BADTX") == 0)
        return "the transaction is well-formed";
    uint32_t flags = flags_from_text(c->flags);
    if (flags_fill(flags) != flags)
        bad_vectors("flags that do not go together: %s", c->flags);
    if (scripts_pass(c, flags))
        return "it passes";
    for (unsigned i = 0; i < N_FLAGS; i++) {
        if (scripts_pass(c, flags_fill(flags | 1u << i)))
            return "it passes with a flag added";
        if (scripts_pass(c, flags_fill(flags | random_flags())))
            return "it passes with some flags added";
        uint32_t fewer = flags_trim(flags & ~(1u << i));
        if (fewer != flags && !scripts_pass(c, fewer))
            return "a flag is used needlessly";
    }
    return NULL;
}

static void run_set(const char *file, tally *t, const char *(*judge)(const tx_case *))
{
    json_t *root = load_json(file);
    size_t i;
    json_t *row;
    json_array_foreach(root, i, row)
    {
        if (!json_is_array(json_at(row, 0)))
            continue; /* a comment */
        tx_case c = {.prevouts = NULL};
        read_case(row, &c);
        const char *wrong = judge(&c);
        tally_case(t, !wrong, "%.200s: %s", json_text(json_at(row, 1)), wrong ? wrong : "");
        case_clear(&c);
    }
    json_decref(root);
}

void set_tx_valid(const char *file, tally *t)
{
    run_set(file, t, judge_valid);
}

void set_tx_invalid(const char *file, tally *t)
{
    run_set(file, t, judge_invalid);
}
