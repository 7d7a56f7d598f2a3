/* Soft forks as Core prints them (Core rpc/blockchain.cpp SoftForkDescPushBack, script flag names
 * of script/interpreter.cpp). */
#include "core/methods/deployments.h"

#include "core/base/alloc.h"
#include "core/consensus/versionbits.h"
#include "core/mining/assemble.h"
#include "core/script/verify.h"

typedef struct flag_name {
    const char *name;
    uint32_t flag;
} flag_name;
#define FLAG(name)                                                                                 \
    {                                                                                              \
#name, QC_SCRIPT_##name                                                                    \
    }
static const flag_name FLAGS[] = {
    FLAG(CHECKLOCKTIMEVERIFY),
    FLAG(CHECKSEQUENCEVERIFY),
    FLAG(CLEANSTACK),
    FLAG(CONST_SCRIPTCODE),
    FLAG(DERSIG),
    FLAG(DISCOURAGE_OP_SUCCESS),
    FLAG(DISCOURAGE_UPGRADABLE_NOPS),
    FLAG(DISCOURAGE_UPGRADABLE_PUBKEYTYPE),
    FLAG(DISCOURAGE_UPGRADABLE_TAPROOT_VERSION),
    FLAG(DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM),
    FLAG(LOW_S),
    FLAG(MINIMALDATA),
    FLAG(MINIMALIF),
    FLAG(NULLDUMMY),
    FLAG(NULLFAIL),
    FLAG(P2SH),
    FLAG(SIGPUSHONLY),
    FLAG(STRICTENC),
    FLAG(TAPROOT),
    FLAG(WITNESS),
    FLAG(WITNESS_PUBKEYTYPE),
};

void qc_m_kscript_flags(qc_jw *w, uint32_t flags)
{
    qc_jw_karr(w, "script_flags");
    for (size_t i = 0; i < QC_COUNTOF(FLAGS); i++)
        if (flags & FLAGS[i].flag)
            qc_jw_str(w, FLAGS[i].name);
    qc_jw_arr_end(w);
}

static void put_buried(qc_jw *w, const qc_params *p, const char *name, qc_deployment d,
                       const qc_index *at)
{
    qc_jw_kobj(w, name);
    qc_jw_kstr(w, "type", "buried");
    qc_jw_kbool(w, "active", qc_deployment_active(p, d, at->height + 1));
    qc_jw_kuint(w, "height", p->dep_height[d]);
    qc_jw_obj_end(w);
}

static void put_statistics(qc_jw *w, const qc_vb_info *v, const char *signalling)
{
    qc_jw_kobj(w, "statistics");
    qc_jw_kuint(w, "period", v->period);
    qc_jw_kuint(w, "elapsed", v->elapsed);
    qc_jw_kuint(w, "count", v->count);
    if (v->threshold > 0 || v->possible) {
        qc_jw_kuint(w, "threshold", v->threshold);
        qc_jw_kbool(w, "possible", v->possible);
    }
    qc_jw_obj_end(w);
    qc_jw_kstr(w, "signalling", signalling);
}

static void put_bip9(qc_jw *w, const qc_bip9 *d, const qc_index *at)
{
    qc_ancestors a = qc_mining_ancestors(at);
    qc_vb_info v;
    char *signalling = qc_alloc((size_t)d->period + 2);
    qc_vb_info_at(d, &a, at->height, &v, signalling);
    qc_jw_kobj(w, d->name);
    qc_jw_kstr(w, "type", "bip9");
    if (v.has_active_since)
        qc_jw_kuint(w, "height", v.active_since);
    qc_jw_kbool(w, "active", v.has_active_since && v.active_since <= at->height + 1);
    qc_jw_kobj(w, "bip9");
    if (v.has_stats)
        qc_jw_kuint(w, "bit", d->bit);
    qc_jw_kint(w, "start_time", d->start_time);
    qc_jw_kint(w, "timeout", d->timeout);
    qc_jw_kint(w, "min_activation_height", d->min_activation_height);
    qc_jw_kstr(w, "status", qc_vb_state_name(v.current));
    qc_jw_kuint(w, "since", v.since);
    qc_jw_kstr(w, "status_next", qc_vb_state_name(v.next));
    if (v.has_stats)
        put_statistics(w, &v, signalling);
    qc_jw_obj_end(w);
    qc_jw_obj_end(w);
    qc_free(signalling);
}

void qc_m_kdeployments(qc_jw *w, const qc_params *p, const qc_index *at)
{
    qc_jw_kobj(w, "deployments");
    put_buried(w, p, "bip34", QC_DEP_BIP34, at);
    put_buried(w, p, "bip66", QC_DEP_BIP66, at);
    put_buried(w, p, "bip65", QC_DEP_BIP65, at);
    put_buried(w, p, "csv", QC_DEP_CSV, at);
    put_buried(w, p, "segwit", QC_DEP_SEGWIT, at);
    /* A deployment that can never start is not shown (Core DeploymentEnabled). */
    if (p->testdummy.name && p->testdummy.start_time != -2)
        put_bip9(w, &p->testdummy, at);
    qc_jw_obj_end(w);
}
