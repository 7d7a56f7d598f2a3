/* quoin/chain_read.h: tip, headers and references by height or hash, locators,
 * chain parameters, sync state.
 *
 * Answers come from a published snapshot; no call waits for validation. Two
 * calls may see different tips: what belongs together is returned by one call.
 *
 * Made by api/generate.py from api/interfaces/chain.read.toml: change that, then run it. */
#ifndef QUOIN_CHAIN_READ_H
#define QUOIN_CHAIN_READ_H
#include "quoin/types.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of qn_chain_info. */
#define QN_CHAIN_INITIAL_DOWNLOAD 1u /* the node is still catching up */
#define QN_CHAIN_PRUNED 2u           /* old block bodies are removed */

/** Flags of qn_header_rec. */
#define QN_HEADER_KNOWN 1u  /* the record is filled in */
#define QN_HEADER_ACTIVE 2u /* on the active chain at the time of the call */
#define QN_HEADER_BODY 4u   /* its body can be read */

/** State of the chain at one moment. */
typedef struct qn_chain_info {
    uint32_t size;      /* in: bytes the caller has room for; out: bytes filled in */
    uint32_t flags;     /* QN_CHAIN_* */
    uint64_t epoch;     /* changes at every start of the node */
    uint64_t chain_seq; /* +1 for every change of the tip in this epoch */
    qn_block_ref tip;   /* newest validated block */
    /* newest block that survives a crash; followers see blocks up to it */
    qn_block_ref durable;
    qn_block_ref best_header; /* header with the most work */
    uint32_t tip_time;        /* time in the tip's header */
    uint32_t tip_mtp;         /* median time past of the tip */
    uint32_t prune_height;    /* lowest height whose body is here; 0: all */
    uint8_t chain_work[32];   /* total work of the tip, little-endian */
    uint32_t progress_ppm;    /* estimated share of all transactions verified, in millionths */
    uint32_t reserved;        /* 0 */
} qn_chain_info;

/** A header with its place in the chain. Never changes. */
typedef struct qn_header_rec {
    qn_block_ref ref;
    uint32_t flags;    /* QN_HEADER_*; 0: not known, nothing else is filled in */
    uint64_t chain_tx; /* transactions up to and with this block; 0: not known yet */
    uint32_t n_tx;     /* transactions in the block; 0: body never seen */
    uint32_t mtp;      /* median time past */
    uint8_t raw[80];   /* the header as serialized */
} qn_header_rec;

/** What differs between chains. */
typedef struct qn_chain_params {
    uint32_t size;       /* in: bytes the caller has room for; out: bytes filled in */
    uint8_t magic[4];    /* message start */
    char name[16];       /* main, test, testnet4, signet or regtest */
    char bech32_hrp[16]; /* human-readable part of segwit addresses */
    qn_hash genesis;
    uint8_t base58_pubkey;    /* version byte of P2PKH addresses */
    uint8_t base58_script;    /* version byte of P2SH addresses */
    uint8_t base58_secret;    /* version byte of private keys */
    uint8_t reserved;         /* 0 */
    uint32_t subsidy_halving; /* blocks between halvings */
    uint32_t pow_spacing;     /* target seconds between blocks */
    uint32_t pow_timespan;    /* seconds a difficulty period should take */
    uint8_t pow_limit[32];    /* easiest target allowed, little-endian */
    uint32_t p2p_port;        /* default port */
} qn_chain_params;

/** chain.read/1, revision 1. Frozen. */
typedef struct qn_chain_read_1_r1 {
    qn_head h;

    /** State of the chain at this moment.
     *  info: size must be set.
     *  Returns: QN_OK, QN_E_REVOKED, QN_E_INVAL, QN_E_BUSY. */
    qn_status (*info)(qn_cap *cap, qn_chain_info *info);

    /** Parameters of this chain; the same for the life of the node.
     *  params: size must be set.
     *  Returns: QN_OK, QN_E_REVOKED, QN_E_INVAL. */
    qn_status (*params)(qn_cap *cap, qn_chain_params *params);

    /** Headers of the active chain from a height up, in order, all from one
     *  snapshot.
     *  from: first height.
     *  headers: at most 2,000 are filled in.
     *  Returns: QN_OK, QN_E_REVOKED, QN_E_NOTFOUND, QN_E_INVAL. */
    qn_status (*headers)(qn_cap *cap, uint32_t from, qn_header_rec *headers, uint32_t max_headers,
                         uint32_t *n_headers);

    /** Headers by hash, on any branch. One record per hash in the order asked;
     *  flags 0 for an unknown one.
     *  hashes: at most 2,000.
     *  headers: one per hash.
     *  Returns: QN_OK, QN_E_REVOKED, QN_E_INVAL. */
    qn_status (*headers_by_hash)(qn_cap *cap, const qn_hash *hashes, uint32_t n_hashes,
                                 qn_header_rec *headers);

    /** Hashes from a block back to genesis, ten single steps, then doubling.
     *  Commit it with your rows and give it to chain.follow at the next start.
     *  from: NULL: the tip.
     *  hashes: 48 are always enough.
     *  Returns: QN_OK, QN_E_REVOKED, QN_E_NOTFOUND, QN_E_SPACE. */
    qn_status (*locator)(qn_cap *cap, const qn_hash *from, qn_hash *hashes, uint32_t max_hashes,
                         uint32_t *n_hashes);

    /** The newest block of the locator that is on the active chain (genesis if
     *  none is).
     *  locator: newest first, at most 101.
     *  Returns: QN_OK, QN_E_REVOKED, QN_E_INVAL. */
    qn_status (*find_fork)(qn_cap *cap, const qn_hash *locator, uint32_t n_locator,
                           qn_block_ref *fork);
} qn_chain_read_1_r1;

/** The newest revision. */
typedef qn_chain_read_1_r1 qn_chain_read_1;
#define QN_CHAIN_READ_1_ID "chain.read/1"
#define QN_CHAIN_READ_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
