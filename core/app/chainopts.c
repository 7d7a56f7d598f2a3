#include "core/app/chainopts.h"

#include "core/app/poolopts.h"
#include "core/base/alloc.h"
#include "core/base/arith.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MIB ((uint64_t)1 << 20)
#define MIN_DBCACHE (4 * MIB)
#define MIN_PRUNE (550 * MIB)
#define MAX_SCRIPT_THREADS 15
#define MAX_PREFETCH_THREADS 16

/* ---- numbers and hex ---- */
static bool to_i64(const char *text, int64_t *out)
{
    char *end;
    if (!(*text == '-' || (*text >= '0' && *text <= '9')))
        return false;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno == 0 && *end == 0;
}

bool qc_app_user_hex(const char *text, qc_hash *out)
{
    char full[QC_HASH_HEX_LEN + 1];
    if (text[0] == '0' && text[1] == 'x')
        text += 2;
    size_t n = strlen(text);
    if (n > QC_HASH_HEX_LEN)
        return false;
    memset(full, '0', QC_HASH_HEX_LEN - n);
    memcpy(full + QC_HASH_HEX_LEN - n, text, n + 1);
    return qc_hash_parse(full, out) == QC_OK;
}

static bool parse_hex(const char *text, qc_bytes *out)
{
    size_t n = strlen(text);
    if (n % 2 || n == 0 || qc_bytes_alloc(out, n / 2))
        return false;
    for (size_t i = 0; i < n / 2; i++) {
        unsigned v;
        char pair[3] = {text[2 * i], text[2 * i + 1], 0};
        char *end;
        v = (unsigned)strtoul(pair, &end, 16);
        if (end != pair + 2 || pair[0] == '+' || pair[0] == '-' || pair[0] == ' ') {
            qc_bytes_free(out);
            return false;
        }
        out->data[i] = (uint8_t)v;
    }
    return true;
}

/* ---- chain parameters ---- */
static qc_err fail(char **error, QC_OWN char *text)
{
    *error = text;
    return QC_EINVAL;
}

static qc_err take_height(const char *arg, qc_params_override *o, char **error)
{
    static const char *const NAME[QC_DEP_COUNT] = {[QC_DEP_BIP34] = "bip34",
                                                   [QC_DEP_BIP66] = "dersig",
                                                   [QC_DEP_BIP65] = "cltv",
                                                   [QC_DEP_CSV] = "csv",
                                                   [QC_DEP_SEGWIT] = "segwit"};
    const char *at = strchr(arg, '@');
    int64_t height;
    if (!at)
        return fail(error,
                    qc_asprintf("Invalid format (%s) for -testactivationheight=name@height.", arg));
    if (!to_i64(at + 1, &height) || height < 0 || height >= INT32_MAX)
        return fail(
            error,
            qc_asprintf("Invalid height value (%s) for -testactivationheight=name@height.", arg));
    for (unsigned i = 0; i < QC_DEP_COUNT; i++) {
        if (strlen(NAME[i]) != (size_t)(at - arg) || strncmp(NAME[i], arg, (size_t)(at - arg)) != 0)
            continue;
        o->has_dep_height[i] = true;
        o->dep_height[i] = (uint32_t)height;
        return QC_OK;
    }
    return fail(error,
                qc_asprintf("Invalid name (%s) for -testactivationheight=name@height.", arg));
}

/* "testdummy:start:end[:min_activation_height]" */
static qc_err take_vbparams(const char *arg, qc_params_override *o, char **error)
{
    char *copy = qc_strdup(arg), *part[4], *p = copy;
    unsigned n = 0;
    int64_t min_height = 0;
    qc_err err = QC_EINVAL;
    for (; p && n < 4; n++) {
        part[n] = p;
        p = strchr(p, ':');
        if (p)
            *p++ = 0;
    }
    if (n < 3 || p)
        *error = qc_strdup("Version bits parameters malformed, expecting "
                           "deployment:start:end[:min_activation_height]");
    else if (!to_i64(part[1], &o->td_start))
        *error = qc_asprintf("Invalid nStartTime (%s)", part[1]);
    else if (!to_i64(part[2], &o->td_timeout))
        *error = qc_asprintf("Invalid nTimeout (%s)", part[2]);
    else if (n == 4 && (!to_i64(part[3], &min_height) || min_height < 0 || min_height > INT32_MAX))
        *error = qc_asprintf("Invalid min_activation_height (%s)", part[3]);
    else if (strcmp(part[0], "testdummy") != 0)
        *error = qc_asprintf("Invalid deployment (%s)", part[0]);
    else
        err = QC_OK;
    o->has_testdummy = true;
    o->td_min_height = (int32_t)min_height;
    qc_free(copy);
    return err;
}

static qc_err take_each(const qc_settings *s, const char *name, qc_params_override *o, char **error,
                        qc_err (*take)(const char *, qc_params_override *, char **))
{
    const char **list = qc_settings_list(s, name, NULL);
    qc_err err = QC_OK;
    for (size_t i = 0; list[i] && !err; i++)
        err = take(list[i], o, error);
    qc_free(list);
    return err;
}

static qc_err take_challenge(const qc_settings *s, qc_bytes *challenge, char **error)
{
    size_t n;
    const char **list = qc_settings_list(s, "signetchallenge", &n);
    qc_err err = QC_OK;
    if (n > 1)
        err = fail(error, qc_strdup("-signetchallenge cannot be multiple values."));
    else if (n == 1 && !parse_hex(list[0], challenge))
        err = fail(error, qc_asprintf("-signetchallenge must be hex, not '%s'.", list[0]));
    qc_free(list);
    return err;
}

static qc_err take_test_options(const qc_settings *s, const char *chain, qc_params_override *o,
                                char **error)
{
    const char **list = qc_settings_list(s, "test", NULL);
    qc_err err = QC_OK;
    if (list[0] && strcmp(chain, "regtest") != 0)
        err = fail(error, qc_strdup("-test=<option> can only be used with regtest"));
    for (size_t i = 0; list[i]; i++)
        o->bip94 |= strcmp(list[i], "bip94") == 0;
    qc_free(list);
    return err;
}

static qc_err check_main(const qc_settings *s, char **error)
{
    if (qc_settings_is_set(s, "testactivationheight"))
        return fail(error,
                    qc_strdup("The -testactivationheight option may not be used on mainnet."));
    if (qc_settings_is_set(s, "vbparams"))
        return fail(error, qc_strdup("The -vbparams option may not be used on mainnet."));
    return QC_OK;
}

qc_err qc_app_params(const qc_settings *s, const char *chain, qc_params **out, char **error)
{
    qc_chain_id id;
    qc_bytes challenge = QC_BYTES_INIT;
    qc_params_override o = {.fastprune = qc_settings_bool(s, "fastprune", false)};
    qc_err err = qc_chain_by_name(chain, &id);
    if (err)
        return fail(error, qc_asprintf("Unknown chain %s.", chain));
    err = take_each(s, "testactivationheight", &o, error, take_height);
    if (!err)
        err = take_each(s, "vbparams", &o, error, take_vbparams);
    if (!err && id == QC_CHAIN_SIGNET)
        err = take_challenge(s, &challenge, error);
    if (!err)
        err = take_test_options(s, chain, &o, error);
    if (!err && id == QC_CHAIN_MAIN)
        err = check_main(s, error);
    if (!err) {
        o.signet_challenge = qc_bytes_span(&challenge);
        err = qc_params_new(id, &o, out);
        if (err)
            *error = qc_asprintf("The parameters of chain %s cannot be used: %s", chain,
                                 qc_err_text(err));
    }
    qc_bytes_free(&challenge);
    return err;
}

/* ---- caches ---- */
static uint64_t default_dbcache(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    bool large = sizeof(void *) >= 8 && pages > 0 && size > 0 &&
                 (uint64_t)pages >= 4096 * MIB / (uint64_t)size;
    return (large ? 1024 : 450) * MIB;
}

qc_cache_sizes qc_app_cache_sizes(const qc_settings *s)
{
    uint64_t total = default_dbcache();
    if (qc_settings_is_set(s, "dbcache")) {
        int64_t mib = qc_settings_int(s, "dbcache", 0);
        uint64_t max = SIZE_MAX / MIB;
        total = mib < 0 ? 0 : QC_MIN((uint64_t)mib, max) * MIB;
        total = QC_MAX(total, MIN_DBCACHE);
    }
    qc_cache_sizes c = {.total = (size_t)total};
    c.block_tree_db = (size_t)QC_MIN(total / 8, 2 * MIB);
    total -= c.block_tree_db;
    c.coins_db = (size_t)QC_MIN(total / 2, 8 * MIB);
    c.coins = (size_t)(total - c.coins_db);
    return c;
}

/* ---- the rest ---- */
static qc_err take_prune(const qc_settings *s, qc_chain_options *o, char **error)
{
    int64_t prune = qc_settings_int(s, "prune", 0);
    if (prune < 0)
        return fail(error, qc_strdup("Prune cannot be configured with a negative value."));
    if (prune > 1 && (uint64_t)prune < MIN_PRUNE / MIB)
        return fail(error,
                    qc_asprintf("Prune configured below the minimum of %d MiB.  Please use a "
                                "higher number.",
                                (int)(MIN_PRUNE / MIB)));
    if (prune && qc_settings_bool(s, "reindex-chainstate", false))
        return fail(error,
                    qc_strdup("Prune mode is incompatible with -reindex-chainstate. Use full "
                              "-reindex instead."));
    uint64_t max = UINT64_MAX / MIB;
    o->prune_target = prune <= 1 ? (uint64_t)prune : QC_MIN((uint64_t)prune, max) * MIB;
    return QC_OK;
}

static qc_err take_work_and_assumevalid(const qc_settings *s, qc_chain_options *o, char **error)
{
    const char *work = qc_settings_str(s, "minimumchainwork", NULL);
    const char *valid = qc_settings_str(s, "assumevalid", NULL);
    qc_hash h;
    if (work) {
        if (!qc_app_user_hex(work, &h))
            return fail(error,
                        qc_asprintf("Invalid minimum work specified (%s), must be up to 64 hex "
                                    "digits",
                                    work));
        o->has_min_work = true;
        qc_u256_from_hash(&h, &o->min_work);
    }
    if (valid) {
        if (!qc_app_user_hex(valid, &o->assume_valid))
            return fail(error,
                        qc_asprintf("Invalid assumevalid block hash specified (%s), must be up "
                                    "to 64 hex digits (or 0 to disable)",
                                    valid));
        o->has_assume_valid = true;
    }
    return QC_OK;
}

static qc_err take_threads(const qc_settings *s, qc_chain_options *o, char **error)
{
    int64_t par = qc_settings_int(s, "par", 0);
    if (par <= 0)
        par += (int64_t)qc_cpu_count();
    o->par = (int)QC_MAX(QC_MIN(par - 1, MAX_SCRIPT_THREADS), 0);
    int64_t fetch = qc_settings_int(s, "prevoutfetchthreads", 8);
    if (fetch < 0)
        return fail(error,
                    qc_asprintf("-prevoutfetchthreads must be non-negative (got %lld). Use 0 to "
                                "disable parallel input fetching.",
                                (long long)fetch));
    o->prefetch_threads = (int)QC_MIN(fetch, MAX_PREFETCH_THREADS);
    return QC_OK;
}

qc_err qc_app_template_options(const qc_settings *s, qc_template_options *o, char **error)
{
    char why[160];
    *o = qc_template_defaults();
    o->reserved_weight = qc_settings_int(s, "blockreservedweight", o->reserved_weight);
    o->max_weight = qc_settings_int(s, "blockmaxweight", o->max_weight);
    o->print = qc_settings_bool(s, "printpriority", false);
    const char *text = qc_settings_str(s, "blockmintxfee", NULL);
    qc_amount v;
    if (text && !qc_app_parse_money(text, &v))
        return fail(error, qc_asprintf("Invalid amount for -blockmintxfee=<amount>: '%s'", text));
    if (text)
        o->min_feerate = qc_feerate_per_kvb(v);
    if (qc_template_options_check(o, true, why, sizeof why))
        return fail(error, qc_strdup(why));
    return QC_OK;
}

qc_err qc_app_chain_options(const qc_settings *s, const qc_params *params, qc_chain_options *o,
                            char **error)
{
    bool regtest = params->id == QC_CHAIN_REGTEST;
    int64_t sig_mib = qc_settings_int(s, "maxsigcachesize", 32);
    qc_err err = take_prune(s, o, error);
    if (!err)
        err = take_work_and_assumevalid(s, o, error);
    if (!err)
        err = take_threads(s, o, error);
    if (err)
        return err;
    o->dbcache = qc_app_cache_sizes(s).total;
    o->reindex = qc_settings_bool(s, "reindex", false);
    o->reindex_chainstate = qc_settings_bool(s, "reindex-chainstate", false);
    o->fastprune = qc_settings_bool(s, "fastprune", false);
    o->blocksxor = qc_settings_bool(s, "blocksxor", true);
    o->max_tip_age = qc_settings_int(s, "maxtipage", 24 * 60 * 60);
    o->sigcache_bytes =
        sig_mib < 0 ? 0 : (size_t)QC_MIN((uint64_t)sig_mib, SIZE_MAX / MIB / 2) * MIB;
    o->checkblockindex = qc_settings_bool(s, "checkblockindex", regtest);
    int64_t stop = qc_settings_int(s, "stopatheight", 0);
    o->stop_at_height = stop < 0 ? 0 : (uint32_t)QC_MIN(stop, (int64_t)UINT32_MAX);
    int64_t batch = qc_settings_int(s, "dbbatchsize", 0);
    o->flush_batch_bytes = batch < 0 ? 0 : (size_t)batch;
    int64_t blocks = qc_settings_int(s, "checkblocks", 6),
            level = qc_settings_int(s, "checklevel", 3);
    o->check_blocks = blocks < 0 ? 0 : (unsigned)QC_MIN(blocks, (int64_t)UINT32_MAX);
    o->check_level = (unsigned)QC_MAX(QC_MIN(level, 4), 0);
    return QC_OK;
}
