/* Parameters of the five chains. Every number is a public fact; Core lists them in
 * kernel/chainparams.cpp and chainparamsbase.cpp (v31). */
#include "core/btc/params.h"

#include "core/base/alloc.h"
#include "core/btc/fixed_seeds.h"
#include "core/btc/genesis.h"
#include "core/btc/wire.h"
#include "core/crypto/sha256.h"

#define TWO_WEEKS (14u * 24 * 60 * 60)
#define ONE_DAY (24u * 60 * 60)
#define TEN_MINUTES 600u

#define FLAGS_P2SH_WITNESS (1u << 0 | 1u << 11) /* QC_SCRIPT_P2SH, QC_SCRIPT_WITNESS */

#define LIMIT_MAIN "00000000ffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define LIMIT_SIGNET "00000377ae000000000000000000000000000000000000000000000000000000"
#define LIMIT_REGTEST "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

#define TESTNET_PREFIXES                                                                           \
    .base58_pubkey = 111, .base58_script = 196, .base58_secret = 239,                              \
    .base58_xpub = {0x04, 0x35, 0x87, 0xcf}, .base58_xprv = {0x04, 0x35, 0x83, 0x94}

#define TESTDUMMY(start, thres, win)                                                               \
    {                                                                                              \
        .name = "testdummy", .bit = 28, .start_time = (start), .timeout = QC_BIP9_NO_TIMEOUT,      \
        .period = (win), .threshold = (thres)                                                      \
    }

/* The first genesis block and those that differ from it in the header only. */
#define GENESIS_2009(t, n, compact)                                                                \
    {                                                                                              \
        .message = qc_genesis_times, .key = qc_genesis_key, .key_len = sizeof qc_genesis_key,      \
        .time = (t), .nonce = (n), .bits = (compact)                                               \
    }

/* What a chain is made from; hashes as text. NULL text: zero. */
typedef struct chain_spec {
    qc_params p;
    qc_genesis genesis;
    const char *pow_limit, *bip34_hash, *min_work, *assume_valid;
    const char *no_flags, *no_taproot; /* blocks whose script flags are exceptions */
} chain_spec;

/* Names whose addresses are those of peers: each is run by somebody who watches the network. */
static const char *const SEEDS_MAIN[] = {"dnsseed.bluematt.me.",
                                         "seed.bitcoin.jonasschnelli.ch.",
                                         "seed.btc.petertodd.net.",
                                         "seed.bitcoin.sprovoost.nl.",
                                         "dnsseed.emzy.de.",
                                         "seed.bitcoin.wiz.biz.",
                                         "seed.mainnet.achownodes.xyz.",
                                         NULL};
static const char *const SEEDS_TEST[] = {"testnet-seed.bitcoin.jonasschnelli.ch.",
                                         "seed.tbtc.petertodd.net.", "testnet-seed.bluematt.me.",
                                         "seed.testnet.achownodes.xyz.", NULL};
static const char *const SEEDS_TESTNET4[] = {"seed.testnet4.bitcoin.sprovoost.nl.",
                                             "seed.testnet4.wiz.biz.", NULL};
static const char *const SEEDS_SIGNET[] = {"seed.signet.bitcoin.sprovoost.nl.",
                                           "seed.signet.achownodes.xyz.", NULL};
static const char *const SEEDS_REGTEST[] = {"dummySeed.invalid.", NULL};
static const char *const NONE[] = {NULL};

static const chain_spec g_main = {
    .p =
        {
            .id = QC_CHAIN_MAIN,
            .name = "main",
            .dns_seeds = SEEDS_MAIN,
            .fixed_seeds = QC_FIXED_MAIN,
            .folder = "",
            .magic = {0xf9, 0xbe, 0xb4, 0xd9},
            .p2p_port = 8333,
            .rpc_port = 8332,
            .dep_height = {[QC_DEP_BIP34] = 227931,
                           [QC_DEP_BIP66] = 363725,
                           [QC_DEP_BIP65] = 388381,
                           [QC_DEP_CSV] = 419328,
                           [QC_DEP_SEGWIT] = 481824},
            .subsidy_halving = 210000,
            .pow_spacing = TEN_MINUTES,
            .pow_timespan = TWO_WEEKS,
            .testdummy = TESTDUMMY(QC_BIP9_NEVER_ACTIVE, 1815, 2016),
            .bip9_warning_height = 711648,
            .prune_after_height = 100000,
            .assumed_blockchain_gb = 856,
            .assumed_chainstate_gb = 14,
            .base58_pubkey = 0,
            .base58_script = 5,
            .base58_secret = 128,
            .base58_xpub = {0x04, 0x88, 0xb2, 0x1e},
            .base58_xprv = {0x04, 0x88, 0xad, 0xe4},
            .bech32_hrp = "bc",
            .tx_count = 1315805869,
            .tx_time = 1772055173,
            .tx_rate = 5.40111006496122,
        },
    .genesis = GENESIS_2009(1231006505, 2083236893, 0x1d00ffff),
    .pow_limit = LIMIT_MAIN,
    .bip34_hash = "000000000000024b89b42a942fe0d9fea3bb44ab7bd1b19115dd6a759c0808b8",
    .min_work = "0000000000000000000000000000000000000001128750f82f4c366153a3a030",
    .assume_valid = "00000000000000000000ccebd6d74d9194d8dcdc1d177c478e094bfad51ba5ac",
    .no_flags = "00000000000002dc756eebf4f49723ed8d30cc28a5f108eb94b1ba88ac4f9c22",
    .no_taproot = "0000000000000000000f14c35b2d841e986ab5441de8c585d5ffe55ea1e395ad",
};

static const chain_spec g_testnet3 = {
    .p =
        {
            .id = QC_CHAIN_TESTNET3,
            .name = "test",
            .dns_seeds = SEEDS_TEST,
            .fixed_seeds = QC_FIXED_TESTNET3,
            .folder = "testnet3",
            .magic = {0x0b, 0x11, 0x09, 0x07},
            .p2p_port = 18333,
            .rpc_port = 18332,
            .dep_height = {[QC_DEP_BIP34] = 21111,
                           [QC_DEP_BIP66] = 330776,
                           [QC_DEP_BIP65] = 581885,
                           [QC_DEP_CSV] = 770112,
                           [QC_DEP_SEGWIT] = 834624},
            .subsidy_halving = 210000,
            .pow_spacing = TEN_MINUTES,
            .pow_timespan = TWO_WEEKS,
            .allow_min_difficulty = true,
            .testdummy = TESTDUMMY(QC_BIP9_NEVER_ACTIVE, 1512, 2016),
            .bip9_warning_height = 2013984,
            .prune_after_height = 1000,
            .assumed_blockchain_gb = 245,
            .assumed_chainstate_gb = 19,
            TESTNET_PREFIXES,
            .bech32_hrp = "tb",
            .tx_count = 536108416,
            .tx_time = 1772051651,
            .tx_rate = 0.02691479016257117,
        },
    .genesis = GENESIS_2009(1296688602, 414098458, 0x1d00ffff),
    .pow_limit = LIMIT_MAIN,
    .bip34_hash = "0000000023b3a96d3484e5abb3755c413e7d41500f8e2a5c3f0dd01299cd8ef8",
    .min_work = "0000000000000000000000000000000000000000000017dde1c649f3708d14b6",
    .assume_valid = "000000007a61e4230b28ac5cb6b5e5a0130de37ac1faf2f8987d2fa6505b67f4",
    .no_flags = "00000000dd30457c001f4095d208cc1296b0eed002427aa599874af7a432b105",
};

static const chain_spec g_testnet4 = {
    .p =
        {
            .id = QC_CHAIN_TESTNET4,
            .name = "testnet4",
            .dns_seeds = SEEDS_TESTNET4,
            .fixed_seeds = QC_FIXED_TESTNET4,
            .folder = "testnet4",
            .magic = {0x1c, 0x16, 0x3f, 0x28},
            .p2p_port = 48333,
            .rpc_port = 48332,
            .dep_height = {1, 1, 1, 1, 1},
            .subsidy_halving = 210000,
            .pow_spacing = TEN_MINUTES,
            .pow_timespan = TWO_WEEKS,
            .allow_min_difficulty = true,
            .bip94 = true,
            .testdummy = TESTDUMMY(QC_BIP9_NEVER_ACTIVE, 1512, 2016),
            .prune_after_height = 1000,
            .assumed_blockchain_gb = 31,
            .assumed_chainstate_gb = 2,
            TESTNET_PREFIXES,
            .bech32_hrp = "tb",
            .tx_count = 14191421,
            .tx_time = 1772013387,
            .tx_rate = 0.01848579579528412,
        },
    .genesis = {.message = qc_genesis_testnet4,
                .key = qc_genesis_testnet4_key,
                .key_len = sizeof qc_genesis_testnet4_key,
                .time = 1714777860,
                .nonce = 393743547,
                .bits = 0x1d00ffff},
    .pow_limit = LIMIT_MAIN,
    .min_work = "0000000000000000000000000000000000000000000009a0fe15d0177d086304",
    .assume_valid = "0000000002368b1e4ee27e2e85676ae6f9f9e69579b29093e9a82c170bf7cf8a",
};

static const chain_spec g_signet = {
    .p =
        {
            .id = QC_CHAIN_SIGNET,
            .name = "signet",
            .dns_seeds = SEEDS_SIGNET,
            .fixed_seeds = QC_FIXED_SIGNET,
            .folder = "signet",
            .p2p_port = 38333,
            .rpc_port = 38332,
            .dep_height = {1, 1, 1, 1, 1},
            .subsidy_halving = 210000,
            .pow_spacing = TEN_MINUTES,
            .pow_timespan = TWO_WEEKS,
            .testdummy = TESTDUMMY(QC_BIP9_NEVER_ACTIVE, 1815, 2016),
            .prune_after_height = 1000,
            .assumed_blockchain_gb = 24,
            .assumed_chainstate_gb = 4,
            TESTNET_PREFIXES,
            .bech32_hrp = "tb",
            .tx_count = 28676833,
            .tx_time = 1772055248,
            .tx_rate = 0.06736623436338929,
        },
    .genesis = GENESIS_2009(1598918400, 52613770, 0x1e0377ae),
    .pow_limit = LIMIT_SIGNET,
    .min_work = "00000000000000000000000000000000000000000000000000000b463ea0a4b8",
    .assume_valid = "00000008414aab61092ef93f1aacc54cf9e9f16af29ddad493b908a01ff5c329",
};

/* 1-of-2 multisig of the default signet (BIP325). */
static const uint8_t g_signet_challenge[] = {
    0x51, 0x21, 0x03, 0xad, 0x5e, 0x0e, 0xda, 0xd1, 0x8c, 0xb1, 0xf0, 0xfc, 0x0d, 0x28, 0xa3,
    0xd4, 0xf1, 0xf3, 0xe4, 0x45, 0x64, 0x03, 0x37, 0x48, 0x9a, 0xbb, 0x10, 0x40, 0x4f, 0x2d,
    0x1e, 0x08, 0x6b, 0xe4, 0x30, 0x21, 0x03, 0x59, 0xef, 0x50, 0x21, 0x96, 0x4f, 0xe2, 0x2d,
    0x6f, 0x8e, 0x05, 0xb2, 0x46, 0x3c, 0x95, 0x40, 0xce, 0x96, 0x88, 0x3f, 0xe3, 0xb2, 0x78,
    0x76, 0x0f, 0x04, 0x8f, 0x51, 0x89, 0xf2, 0xe6, 0xc4, 0x52, 0xae};

static const chain_spec g_regtest = {
    .p =
        {
            .id = QC_CHAIN_REGTEST,
            .name = "regtest",
            .dns_seeds = SEEDS_REGTEST,
            .fixed_seeds = NONE,
            .folder = "regtest",
            .magic = {0xfa, 0xbf, 0xb5, 0xda},
            .p2p_port = 18444,
            .rpc_port = 18443,
            .dep_height = {1, 1, 1, 1, [QC_DEP_SEGWIT] = 0},
            .subsidy_halving = 150,
            .pow_spacing = TEN_MINUTES,
            .pow_timespan = ONE_DAY,
            .allow_min_difficulty = true,
            .no_retarget = true,
            .testdummy = TESTDUMMY(0, 108, 144),
            .prune_after_height = 1000,
            TESTNET_PREFIXES,
            .bech32_hrp = "bcrt",
            .tx_rate = 0.001,
            .mine_on_demand = true,
            .consistency_checks = true,
        },
    .genesis = GENESIS_2009(1296688602, 2, 0x207fffff),
    .pow_limit = LIMIT_REGTEST,
};

static const chain_spec *const g_spec[] = {
    [QC_CHAIN_MAIN] = &g_main,         [QC_CHAIN_TESTNET3] = &g_testnet3,
    [QC_CHAIN_TESTNET4] = &g_testnet4, [QC_CHAIN_SIGNET] = &g_signet,
    [QC_CHAIN_REGTEST] = &g_regtest,
};

/* The public part first, so that one pointer is the other. */
typedef struct owned_params {
    qc_params p;
    qc_bytes genesis;
} owned_params;

static qc_hash hash_of(const char *text)
{
    qc_hash h = {{0}};
    if (text) {
        qc_err err = qc_hash_parse(text, &h);
        QC_ASSERT(!err);
    }
    return h;
}

static void add_exception(qc_params *p, const char *block, uint32_t flags)
{
    if (block)
        p->exception[p->n_exception++] = (qc_flag_exception){hash_of(block), flags};
}

static void fill_hashes(qc_params *p, const chain_spec *s)
{
    p->pow_limit = hash_of(s->pow_limit);
    p->bip34_hash = hash_of(s->bip34_hash);
    p->assume_valid = hash_of(s->assume_valid);
    qc_hash work = hash_of(s->min_work);
    qc_u256_from_hash(&work, &p->min_chain_work);
    add_exception(p, s->no_flags, 0);
    add_exception(p, s->no_taproot, FLAGS_P2SH_WITNESS);
}

/* A signet is named by its challenge: the magic is the start of its hash. With a challenge of its
 * own nothing is known about the chain's history. */
static qc_err fill_signet(qc_params *p, qc_span challenge)
{
    qc_bytes pre = QC_BYTES_INIT;
    uint8_t digest[QC_SHA256_LEN];
    if (challenge.data) {
        p->min_chain_work = qc_u256_from64(0);
        p->assume_valid = (qc_hash){{0}};
        p->assumed_blockchain_gb = p->assumed_chainstate_gb = 0;
        p->tx_count = 0;
        p->tx_time = 0;
        p->tx_rate = 0;
        p->dns_seeds = p->fixed_seeds = NONE;
    } else {
        challenge = qc_span_of(g_signet_challenge, sizeof g_signet_challenge);
    }
    qc_err err = qc_bytes_append(&p->signet_challenge, challenge.data, challenge.len);
    err = err ? err : qc_w_var(&pre, challenge);
    if (!err) {
        qc_sha256d(qc_bytes_span(&pre), digest);
        memcpy(p->magic, digest, sizeof p->magic);
    }
    qc_bytes_free(&pre);
    return err;
}

static void apply_override(qc_params *p, const qc_params_override *o)
{
    for (int i = 0; i < QC_DEP_COUNT; i++)
        if (o->has_dep_height[i])
            p->dep_height[i] = o->dep_height[i];
    if (o->has_testdummy) {
        p->testdummy.start_time = o->td_start;
        p->testdummy.timeout = o->td_timeout;
        p->testdummy.min_activation_height = o->td_min_height;
    }
    if (p->id == QC_CHAIN_REGTEST) {
        p->bip94 = o->bip94;
        p->prune_after_height = o->fastprune ? 100 : p->prune_after_height;
    }
}

qc_err qc_params_new(qc_chain_id id, const qc_params_override *o, qc_params **out)
{
    static const qc_params_override none;
    const chain_spec *s = g_spec[id];
    owned_params *own = qc_alloc(sizeof *own);
    qc_params *p = &own->p;
    o = o ? o : &none;
    *out = NULL;
    *p = s->p;
    fill_hashes(p, s);
    apply_override(p, o);
    qc_err err = qc_genesis_write(&s->genesis, &own->genesis);
    if (!err && id == QC_CHAIN_SIGNET)
        err = fill_signet(p, o->signet_challenge);
    if (err) {
        qc_params_free(p);
        return err;
    }
    qc_sha256d(qc_span_of(own->genesis.data, QC_HEADER_LEN), p->genesis_hash.b);
    *out = p;
    return QC_OK;
}

void qc_params_free(qc_params *p)
{
    if (!p)
        return;
    owned_params *own = (owned_params *)(void *)p;
    qc_bytes_free(&p->signet_challenge);
    qc_bytes_free(&own->genesis);
    qc_free(own);
}

qc_err qc_chain_by_name(const char *name, qc_chain_id *out)
{
    for (size_t i = 0; i < QC_COUNTOF(g_spec); i++)
        if (strcmp(name, g_spec[i]->p.name) == 0) {
            *out = (qc_chain_id)i;
            return QC_OK;
        }
    return QC_EINVAL;
}

qc_span qc_params_genesis(const qc_params *p)
{
    return qc_bytes_span(&((const owned_params *)(const void *)p)->genesis);
}
