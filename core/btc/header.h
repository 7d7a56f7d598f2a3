/* core/btc/header.h: the 80-byte block header, compact targets, 256-bit work. Thread: any. */
#pragma once
#include "core/base/bytes.h"
#include "core/base/hash.h"

#define QC_HEADER_LEN 80

typedef struct qc_header {
    int32_t version;
    qc_hash prev;
    qc_hash merkle_root;
    uint32_t time;
    uint32_t bits;
    uint32_t nonce;
} qc_header;

void qc_header_read(const uint8_t p[static QC_HEADER_LEN], qc_header *out);
void qc_header_write(const qc_header *h, uint8_t p[static QC_HEADER_LEN]);
void qc_header_hash(const qc_header *h, qc_hash *out);

/** 256-bit unsigned, little-endian limbs. */
typedef struct qc_u256 {
    uint64_t w[4];
} qc_u256;
/** <0, 0, >0. */
int qc_u256_cmp(const qc_u256 *a, const qc_u256 *b);
bool qc_u256_is_zero(const qc_u256 *a);
qc_u256 qc_u256_from64(uint64_t v);
/* Results are modulo 2^256, as Core's arith_uint256. */
void qc_u256_add(qc_u256 *a, const qc_u256 *b);
void qc_u256_sub(qc_u256 *a, const qc_u256 *b);
void qc_u256_mul32(qc_u256 *a, uint32_t m);
/** den is not zero. quot may be num or den. */
void qc_u256_div(const qc_u256 *num, const qc_u256 *den, qc_u256 *quot);
void qc_u256_shl(qc_u256 *a, unsigned n);
void qc_u256_shr(qc_u256 *a, unsigned n);
/** Position of the highest set bit plus one; 0 for zero. */
unsigned qc_u256_bits(const qc_u256 *a);
void qc_u256_from_hash(const qc_hash *h, qc_u256 *out);
void qc_u256_to_hash(const qc_u256 *v, qc_hash *out);
double qc_u256_double(const qc_u256 *a); /* display only */
/** arith_uint256::SetCompact. negative and overflow may be NULL. */
void qc_compact_decode(uint32_t bits, qc_u256 *target, bool *negative, bool *overflow);
/** arith_uint256::GetCompact. */
uint32_t qc_compact_encode(const qc_u256 *target);
/** Work of one block with these bits (chain.cpp GetBlockProof); zero for an invalid target. */
void qc_header_work(uint32_t bits, qc_u256 *work);
