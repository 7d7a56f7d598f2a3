/* core/btc/params.h: what differs between chains. Facts: Core kernel/chainparams.cpp. Thread: any.
 */
#pragma once
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/btc/header.h"

typedef enum qc_chain_id {
    QC_CHAIN_MAIN,
    QC_CHAIN_TESTNET3, /* "test" */
    QC_CHAIN_TESTNET4,
    QC_CHAIN_SIGNET,
    QC_CHAIN_REGTEST
} qc_chain_id;

typedef enum qc_deployment {
    QC_DEP_BIP34, /* height in coinbase */
    QC_DEP_BIP66, /* strict DER */
    QC_DEP_BIP65, /* CLTV */
    QC_DEP_CSV,
    QC_DEP_SEGWIT,
    QC_DEP_COUNT
} qc_deployment;

typedef struct qc_flag_exception {
    qc_hash block;
    uint32_t flags; /* script flags used for that block instead of the standing ones */
} qc_flag_exception;

#define QC_BIP9_ALWAYS_ACTIVE (-1)
#define QC_BIP9_NEVER_ACTIVE (-2)
#define QC_BIP9_NO_TIMEOUT INT64_MAX
/** BIP9 deployment (testdummy). start_time may be QC_BIP9_ALWAYS_ACTIVE or QC_BIP9_NEVER_ACTIVE. */
typedef struct qc_bip9 {
    const char *name;
    uint8_t bit;
    int64_t start_time, timeout;
    int32_t min_activation_height;
    uint32_t period, threshold;
} qc_bip9;

/** One chain's rules. Immutable after start-up. */
typedef struct qc_params {
    qc_chain_id id;
    const char *name;   /* "main" "test" "testnet4" "signet" "regtest" */
    const char *folder; /* below the data folder: "" "testnet3" "testnet4" "signet" "regtest" */
    uint8_t magic[4];
    uint16_t p2p_port, rpc_port;
    qc_hash genesis_hash;
    qc_hash pow_limit; /* as a hash, wire order */
    uint32_t dep_height[QC_DEP_COUNT];
    qc_hash bip34_hash; /* zero: BIP30 is never skipped */
    qc_flag_exception exception[2];
    unsigned n_exception;
    uint32_t subsidy_halving;
    uint32_t pow_spacing, pow_timespan;
    bool allow_min_difficulty, no_retarget, bip94;
    qc_bip9 testdummy;
    uint32_t bip9_warning_height; /* signals of blocks before it warn of no new rules */
    qc_bytes signet_challenge;    /* empty: not a signet */
    qc_u256 min_chain_work;
    qc_hash assume_valid;
    uint32_t prune_after_height;
    uint64_t assumed_blockchain_gb, assumed_chainstate_gb;
    uint8_t base58_pubkey, base58_script, base58_secret;
    uint8_t base58_xpub[4], base58_xprv[4];
    const char *bech32_hrp;
    uint64_t tx_count; /* chainTxData: for verificationprogress */
    int64_t tx_time;
    double tx_rate;
    const char *const *dns_seeds;   /* names that give addresses of peers; ends with NULL */
    const char *const *fixed_seeds; /* "address[:port]" of peers, the last resort; the same */
    bool mine_on_demand;            /* MineBlocksOnDemand(): no retargeting */
    bool consistency_checks;        /* default of -checkblockindex, -checkmempool */
} qc_params;

/** Overrides given on the command line; zero-initialised: none. */
typedef struct qc_params_override {
    bool has_dep_height[QC_DEP_COUNT];
    uint32_t dep_height[QC_DEP_COUNT]; /* -testactivationheight */
    bool bip94;                        /* -test=bip94 (regtest only) */
    qc_span signet_challenge;          /* -signetchallenge; data NULL: default */
    bool fastprune;
    bool has_testdummy; /* -vbparams=testdummy:start:end[:min_height] */
    int64_t td_start, td_timeout;
    int32_t td_min_height;
} qc_params_override;

/** Build the parameters of `id`; `o` may be NULL. Overrides that belong to another chain are
 *  ignored, as Core does. Out: *out owned: qc_params_free(), NULL on failure.
 *  Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_params_new(qc_chain_id id, const qc_params_override *o, qc_params **out);
void qc_params_free(qc_params *p);
/** "main", "test", "testnet4", "signet", "regtest". Returns: QC_OK; QC_EINVAL. */
QC_MUST_CHECK qc_err qc_chain_by_name(const char *name, qc_chain_id *out);
/** The genesis block's bytes. Borrowed for the life of p. */
qc_span qc_params_genesis(const qc_params *p);
