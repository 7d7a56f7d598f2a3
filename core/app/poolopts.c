#include "core/app/poolopts.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"

#include <ctype.h>
#include <string.h>

#define MB 1000000
#define BLOCKSONLY_MB "5"
#define MAX_CLUSTER_COUNT 64
#define CLUSTERS_HELD 40             /* largest clusters that the pool must have room for */
#define MAX_HOURS ((int64_t)1 << 40) /* in seconds, still far from what a clock can say */
#define MONEY_WHOLE_DIGITS 10

void qc_app_pool_interact(qc_settings *s)
{
    if (qc_settings_bool(s, "blocksonly", false) &&
        qc_settings_soft_set(s, "maxmempool", BLOCKSONLY_MB))
        qc_log(QC_LOG_INFO, "base",
               "parameter interaction: -blocksonly=1 -> setting -maxmempool=" BLOCKSONLY_MB);
}

static const char *skip_blank(const char *p)
{
    while (isspace((unsigned char)*p))
        p++;
    return p;
}

bool qc_app_parse_money(const char *text, qc_amount *out)
{
    const char *p = skip_blank(text);
    int64_t whole = 0, part = 0, unit = QC_COIN;
    int digits = 0;
    if (!*p)
        return false;
    for (; isdigit((unsigned char)*p); p++) {
        if (++digits > MONEY_WHOLE_DIGITS)
            return false;
        whole = whole * 10 + (*p - '0');
    }
    if (*p == '.')
        for (p++; isdigit((unsigned char)*p); p++) {
            if (unit < 10)
                return false;
            unit /= 10;
            part += (*p - '0') * unit;
        }
    if (*skip_blank(p) || whole > QC_MAX_MONEY / QC_COIN || whole * QC_COIN + part > QC_MAX_MONEY)
        return false;
    *out = whole * QC_COIN + part;
    return true;
}

/* An option that is a fee rate; untouched when it is not given. */
static qc_err take_rate(const qc_settings *s, const char *name, qc_feerate *rate, char **error)
{
    qc_amount v;
    const char *text = qc_settings_str(s, name, NULL);
    if (!text)
        return QC_OK;
    if (!qc_app_parse_money(text, &v)) {
        *error = qc_asprintf("Invalid amount for -%s=<amount>: '%s'", name, text);
        return QC_EINVAL;
    }
    *rate = qc_feerate_per_kvb(v);
    return QC_OK;
}

static uint32_t take_u32(const qc_settings *s, const char *name, int64_t dflt)
{
    int64_t v = qc_settings_int(s, name, dflt);
    return (uint32_t)QC_MIN(QC_MAX(v, 0), (int64_t)UINT32_MAX);
}

static qc_err take_policy(const qc_settings *s, const qc_params *params, qc_policy *p, char **error)
{
    char rate[QC_FEERATE_TEXT];
    qc_err err = take_rate(s, "incrementalrelayfee", &p->incremental, error);
    if (!err)
        err = take_rate(s, "minrelaytxfee", &p->min_relay, error);
    if (err)
        return err;
    if (qc_policy_settle_fees(p, qc_settings_is_set(s, "minrelaytxfee")))
        qc_log(QC_LOG_INFO, "mempool",
               "Increasing minrelaytxfee to %s to match incrementalrelayfee",
               qc_feerate_text(p->min_relay, rate));
    if ((err = take_rate(s, "dustrelayfee", &p->dust, error)))
        return err;
    p->bare_multisig = qc_settings_bool(s, "permitbaremultisig", p->bare_multisig);
    p->datacarrier = qc_settings_bool(s, "datacarrier", p->datacarrier);
    p->datacarrier_size = take_u32(s, "datacarriersize", p->datacarrier_size);
    p->bytes_per_sigop = take_u32(s, "bytespersigop", p->bytes_per_sigop);
    if (qc_settings_bool(s, "acceptnonstdtxn", false) && !qc_policy_accept_nonstandard(p, params)) {
        *error =
            qc_asprintf("acceptnonstdtxn is not currently supported for %s chain", params->name);
        return QC_EINVAL;
    }
    return QC_OK;
}

static qc_err take_limits(const qc_settings *s, qc_mempool_options *o, char **error)
{
    int64_t count = qc_settings_int(s, "limitclustercount", o->cluster_count);
    int64_t kvb = qc_settings_int(s, "limitclustersize", o->cluster_vbytes / 1000);
    int64_t mb = qc_settings_int(s, "maxmempool", (int64_t)(o->max_bytes / MB));
    if (count < 0 || count > MAX_CLUSTER_COUNT) {
        *error =
            qc_asprintf("limitclustercount must be less than or equal to %d", MAX_CLUSTER_COUNT);
        return QC_EINVAL;
    }
    o->cluster_count = (uint32_t)QC_MAX(count, 1);
    o->cluster_vbytes = QC_MIN(QC_MAX(kvb, 1), INT32_MAX / 4000) * 1000; /* 0 is no limit */
    int64_t least = (o->cluster_vbytes * CLUSTERS_HELD + MB - 1) / MB;
    mb = QC_MIN(mb, INT64_MAX / MB);
    if (mb < 0 || (mb > 0 && mb * MB < o->cluster_vbytes * CLUSTERS_HELD)) {
        *error = qc_asprintf("-maxmempool must be at least %lld MB", (long long)least);
        return QC_EINVAL;
    }
    o->max_bytes = (size_t)QC_MIN((uint64_t)mb * MB, SIZE_MAX / 2);
    return QC_OK;
}

qc_err qc_app_pool_options(const qc_settings *s, const qc_params *params, qc_mempool_options *o,
                           char **error)
{
    bool regtest = params->id == QC_CHAIN_REGTEST;
    *o = qc_mempool_defaults(NULL);
    qc_err err = take_policy(s, params, &o->policy, error);
    if (!err)
        err = take_limits(s, o, error);
    if (err)
        return err;
    int64_t hours = qc_settings_int(s, "mempoolexpiry", QC_MEMPOOL_EXPIRY / 3600);
    o->expiry = QC_MIN(QC_MAX(hours, -MAX_HOURS), MAX_HOURS) * 3600;
    o->check_ratio = take_u32(s, "checkmempool", regtest ? 1 : 0);
    if (qc_settings_bool(s, "acceptstalefeeestimates", false) && !regtest &&
        !qc_settings_bool(s, "blocksonly", false)) {
        *error = qc_asprintf("acceptstalefeeestimates is not supported on %s chain.", params->name);
        return QC_EINVAL;
    }
    return QC_OK;
}
