/* verify_block --chain CHAIN --height H [--no-merkle] RAW SPENT: check one block as connecting it
 * would, against the outputs it spends, which a file supplies (spent.h): header, merkle root,
 * witness commitment, sizes, sigops, values and all scripts. Prints inputs by kind and the time the
 * scripts take on one thread and on all. Status 0: valid; 1: not, with the reason; 2: nothing could
 * be checked.
 * --no-merkle leaves out what ties the transactions to the header (merkle root, witness commitment,
 * signet solution), so that a changed transaction is judged by its scripts. */
#include "core/base/arith.h"
#include "core/consensus/check.h"
#include "core/crypto/secp.h"
#include "core/os/thread.h"
#include "core/script/pattern.h"
#include "tests/vectors/blockjob.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TIME_SLACK 7200 /* a header may run this far ahead of the clocks */

typedef struct job {
    qc_params *params, *no_csv;
    uint32_t height;
    bool merkle;
    blockjob b;
} job;

static QC_NORETURN QC_PRINTF(1, 2) void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(2);
}

static void must(qc_err err, const char *what)
{
    if (err)
        die("%s: %s", what, qc_err_text(err));
}

/* ---- kinds of inputs ---- */

static const char *witness_kind(unsigned version, qc_span program, qc_span witness, bool wrapped)
{
    if (version == 0)
        return program.len == 20 ? (wrapped ? "p2sh-p2wpkh" : "p2wpkh")
                                 : (wrapped ? "p2sh-p2wsh" : "p2wsh");
    if (version != 1 || program.len != 32 || wrapped)
        return "witness, other";
    /* One item but for the annex: a key path. */
    qc_reader r = qc_reader_of(witness);
    uint64_t n = qc_r_compact(&r);
    qc_span last = {NULL, 0};
    for (uint64_t i = 0; i < n; i++)
        last = qc_r_var(&r);
    if (n >= 2 && last.len && last.data[0] == 0x50)
        n--;
    return n == 1 ? "p2tr key path" : "p2tr script path";
}

static const char *kind_of(qc_span script, qc_span sig, qc_span witness)
{
    unsigned version;
    qc_span program, redeem;
    if (qc_script_witness_program(script, &version, &program))
        return witness_kind(version, program, witness, false);
    if (qc_script_is_p2sh(script)) {
        if (qc_script_last_push(sig, &redeem) &&
            qc_script_witness_program(redeem, &version, &program))
            return witness_kind(version, program, witness, true);
        return "p2sh";
    }
    const uint8_t *p = script.data;
    if (script.len == 25 && p[0] == QC_OP_DUP && p[1] == QC_OP_HASH160 && p[2] == 20 &&
        p[24] == QC_OP_CHECKSIG)
        return "p2pkh";
    if ((script.len == 35 || script.len == 67) && p[0] == script.len - 2 &&
        p[script.len - 1] == QC_OP_CHECKSIG)
        return "p2pk";
    if (script.len && p[script.len - 1] == QC_OP_CHECKMULTISIG)
        return "multisig";
    return "other";
}

static void print_kinds(const job *j)
{
    const char *name[16];
    unsigned long count[16];
    size_t n = 0;
    for (uint32_t t = 1; t < qc_block_n_tx(j->b.block); t++) {
        qc_tx tx = qc_block_tx(j->b.block, t);
        for (uint32_t i = 0; i < tx.rec->n_in; i++) {
            const char *kind = kind_of(j->b.spent[tx.rec->in0 + i].script, qc_tx_script_sig(&tx, i),
                                       qc_tx_witness(&tx, i));
            size_t k = 0;
            while (k < n && strcmp(name[k], kind) != 0)
                k++;
            if (k == n) {
                name[n] = kind;
                count[n++] = 0;
            }
            count[k]++;
        }
    }
    for (size_t k = 0; k < n; k++)
        printf("  %-18s %lu\n", name[k], count[k]);
}

/* ---- scripts ---- */

static double run_scripts(job *j, unsigned workers)
{
    int64_t ns = blockjob_scripts(&j->b, workers);
    if (ns < 0)
        die("threads cannot be started");
    return (double)ns / 1e9;
}

static bool print_script_failure(const job *j)
{
    char hex[QC_HASH_HEX_LEN + 1];
    qc_hash id;
    qc_tx tx;
    if (j->b.failed_in == UINT32_MAX)
        return false;
    qc_script_check c = blockjob_input(&j->b, j->b.failed_in, &tx);
    memcpy(id.b, tx.rec->txid, sizeof id.b);
    qc_hash_hex(&id, hex);
    printf("invalid: block-script-verify-flag-failed (%s), input %u of %s\n",
           qc_script_err_text(qc_script_verify_input(&c)), c.in, hex);
    return true;
}

/* ---- the other rules ---- */

static bool print_verdict(bool ok, const qc_verdict *v)
{
    char text[QC_VERDICT_REASON_LEN + QC_VERDICT_DEBUG_LEN + 3];
    if (!ok)
        printf("invalid: %s\n", qc_verdict_text(v, text, sizeof text));
    return ok;
}

static bool check_block(const job *j)
{
    qc_verdict v = {0};
    const qc_header *h = qc_block_header(j->b.block);
    bool ok = qc_check_header(j->params, h, qc_block_hash(j->b.block), &v) &&
              qc_check_block(j->params, j->b.block, j->merkle, j->merkle, &v);
    /* The parent's median time past is not known; it is below the block's own time, so that this
     * can only be too lenient. */
    ok = ok && qc_check_block_context(j->params, j->b.block, j->height, h->time, &v);
    if (!ok && !j->merkle && v.code == QC_V_MUTATED) {
        v = (qc_verdict){0};
        ok = qc_block_weight(j->b.block) <= QC_MAX_BLOCK_WEIGHT ||
             qc_verdict_fail(&v, QC_V_CONSENSUS, "bad-blk-weight", NULL);
    }
    return print_verdict(ok, &v);
}

/* Stands in for the median time past at `height`: the time of a coin's block at height + 1, less
 * what a header may run ahead. */
static uint32_t mtp_at(void *arg, uint32_t height)
{
    const job *j = arg;
    for (size_t i = 0; i < j->b.set.n; i++)
        if (j->b.set.coin[i].height == height + 1)
            return QC_MAX(j->b.set.time[i], TIME_SLACK) - TIME_SLACK;
    return 0;
}

static bool check_connect(job *j, uint64_t *sigops)
{
    qc_verdict v = {0};
    qc_amount fees = 0;
    bool ok = true, locks = j->b.set.has_heights && j->b.set.time;
    qc_connect_env e = {.params = locks ? j->params : j->no_csv,
                        .height = j->height,
                        .mtp_prev = qc_block_header(j->b.block)->time,
                        .flags = j->b.flags,
                        .mtp_at = mtp_at,
                        .arg = j};
    for (uint32_t t = 0; ok && t < qc_block_n_tx(j->b.block); t++) {
        qc_tx tx = qc_block_tx(j->b.block, t);
        ok = qc_check_connect_tx(&e, &tx, j->b.spent + tx.rec->in0,
                                 qc_block_legacy_sigops(j->b.block, t), sigops, &fees, &v);
    }
    return print_verdict(ok && qc_check_connect_end(&e, j->b.block, fees, &v), &v);
}

/* ---- the call ---- */

static void make_params(job *j, const char *chain)
{
    qc_chain_id id;
    qc_params_override o = {0};
    o.has_dep_height[QC_DEP_CSV] = true;
    o.dep_height[QC_DEP_CSV] = UINT32_MAX;
    if (qc_chain_by_name(strcmp(chain, "testnet3") == 0 ? "test" : chain, &id))
        die("no chain is called %s: main, testnet3, testnet4, signet, regtest", chain);
    must(qc_params_new(id, NULL, &j->params), chain);
    must(qc_params_new(id, &o, &j->no_csv), chain);
}

static uint32_t parse_height(const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || n > INT32_MAX)
        die("--height %s: not a height", text);
    return (uint32_t)n;
}

/* Options; the rest are the two files. */
static void parse_args(job *j, int argc, char **argv, const char *file[static 2])
{
    const char *chain = NULL, *height = NULL;
    int files = 0;
    j->merkle = true;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--chain") == 0 && i + 1 < argc)
            chain = argv[++i];
        else if (strcmp(argv[i], "--height") == 0 && i + 1 < argc)
            height = argv[++i];
        else if (strcmp(argv[i], "--no-merkle") == 0)
            j->merkle = false;
        else if (argv[i][0] != '-' && files < 2)
            file[files++] = argv[i];
        else
            files = 3;
    }
    if (!chain || !height || files != 2)
        die("usage: %s --chain main|testnet3|testnet4|signet|regtest --height H [--no-merkle] "
            "RAW SPENT",
            argv[0]);
    j->height = parse_height(height);
    make_params(j, chain);
}

int main(int argc, char **argv)
{
    job j = {0};
    const char *file[2];
    char hex[QC_HASH_HEX_LEN + 1];
    char why[400];
    uint64_t sigops = 0;
    qc_err err;
    parse_args(&j, argc, argv, file);
    qc_crypto_selftest();
    err = blockjob_load(&j.b, file[0], file[1], why, sizeof why);
    if (err == QC_ECORRUPT) {
        printf("invalid: %s\nnot valid\n", why);
        blockjob_clear(&j.b);
        qc_params_free(j.params);
        qc_params_free(j.no_csv);
        return 1;
    }
    if (err)
        die("%s", why);
    const qn_block_view *v = qc_block_view(j.b.block);
    j.b.flags = qc_block_script_flags(j.params, j.height, qc_block_hash(j.b.block));
    qc_hash_hex(qc_block_hash(j.b.block), hex);
    printf("block %s, height %u: %u transactions, %u inputs, %u outputs, weight %u\n", hex,
           j.height, v->tx.count, v->in.count, v->out.count, qc_block_weight(j.b.block));
    bool ok = check_block(&j);
    if (ok) {
        print_kinds(&j);
        /* Scripts run whatever the walk says, so that each kind of fault shows itself. */
        ok = check_connect(&j, &sigops);
        double one = run_scripts(&j, 0);
        ok &= !print_script_failure(&j);
        printf("sigop cost %llu\nscripts: %.3f s on 1 thread", (unsigned long long)sigops, one);
        if (ok)
            printf(", %.3f s on %u", run_scripts(&j, qc_cpu_count() - 1), qc_cpu_count());
        printf("\n");
    }
    printf("%s\n", ok ? "valid" : "not valid");
    blockjob_clear(&j.b);
    qc_params_free(j.params);
    qc_params_free(j.no_csv);
    return ok ? 0 : 1;
}
