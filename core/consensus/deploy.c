/* What holds at which height: Core validation.cpp GetBlockScriptFlags(), IsBIP30Repeat() and
 * ConnectBlock(), GetBlockSubsidy(). */
#include "core/consensus/check.h"
#include "core/script/verify.h"

#define FIRST_SUBSIDY (50 * QC_COIN)
/* Coinbases made before BIP34 name heights as far up as this one, so that from here on a duplicate
 * is possible again. */
#define BIP34_IMPLIES_BIP30_LIMIT 1983702u

typedef struct known_block {
    uint32_t height;
    const char *hash;
} known_block;

/* Their coinbases repeat those of g_overwritten. */
static const known_block g_repeat[] = {
    {91842, "00000000000a4d0a398161ffc163c503763b1f4360639393e0e4c8e300e0caec"},
    {91880, "00000000000743f190a18c5577a3c2d2a1f610ae9601ac046a38084ccb7cd721"},
};
static const known_block g_overwritten[] = {
    {91722, "00000000000271a2dc26e7667f8419f2e15416dc6955e5a6c6cdf3f2574dd08e"},
    {91812, "00000000000af0aed4792b1acee3d966af36cf5def14935db8de83d6f9306f2f"},
};

static bool is_known(const known_block list[static 2], uint32_t height, const qc_hash *hash)
{
    for (int i = 0; i < 2; i++) {
        qc_hash h;
        if (list[i].height == height && !qc_hash_parse(list[i].hash, &h) && qc_hash_eq(&h, hash))
            return true;
    }
    return false;
}

qc_amount qc_subsidy(const qc_params *p, uint32_t height)
{
    uint32_t halvings = height / p->subsidy_halving;
    return halvings >= 64 ? 0 : FIRST_SUBSIDY >> halvings;
}

bool qc_deployment_active(const qc_params *p, qc_deployment d, uint32_t height)
{
    return height >= p->dep_height[d];
}

uint32_t qc_block_script_flags(const qc_params *p, uint32_t height, const qc_hash *hash)
{
    /* Two historical blocks break rules that every other block obeys from the start. */
    uint32_t flags = QC_SCRIPT_P2SH | QC_SCRIPT_WITNESS | QC_SCRIPT_TAPROOT;
    for (unsigned i = 0; i < p->n_exception; i++)
        if (qc_hash_eq(&p->exception[i].block, hash))
            flags = p->exception[i].flags;
    if (qc_deployment_active(p, QC_DEP_BIP66, height))
        flags |= QC_SCRIPT_DERSIG;
    if (qc_deployment_active(p, QC_DEP_BIP65, height))
        flags |= QC_SCRIPT_CHECKLOCKTIMEVERIFY;
    if (qc_deployment_active(p, QC_DEP_CSV, height))
        flags |= QC_SCRIPT_CHECKSEQUENCEVERIFY;
    if (qc_deployment_active(p, QC_DEP_SEGWIT, height)) /* BIP147 came with it */
        flags |= QC_SCRIPT_NULLDUMMY;
    return flags;
}

bool qc_bip30_applies(const qc_params *p, uint32_t height, const qc_hash *hash,
                      const qc_hash *hash_at_bip34)
{
    if (height >= BIP34_IMPLIES_BIP30_LIMIT)
        return true;
    if (is_known(g_repeat, height, hash))
        return false;
    return !hash_at_bip34 || !qc_hash_eq(hash_at_bip34, &p->bip34_hash);
}

bool qc_bip30_overwritten(uint32_t height, const qc_hash *hash)
{
    return is_known(g_overwritten, height, hash);
}
