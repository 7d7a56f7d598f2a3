/* A peer that serves headers as it likes, in two passes or any other way. What is released must be
 * one chain on top of the start, never more than was received, and what is kept stays bounded. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/sync/presync.h"

#define RUN 500u
#define RUNS 36u

typedef struct peer {
    qc_header at;
    qc_hash hash;
    uint64_t received;
    qc_hash released_to;
} peer;

static qc_presync *begin(qc_fuzz_in *in, const qc_params *params, peer *p)
{
    qc_presync_start s = {.params = params, .salt = {1, 2}};
    qc_header_read(qc_params_genesis(params).data, &s.header);
    s.hash = params->genesis_hash;
    s.mtp = s.header.time;
    s.now = (int64_t)s.mtp + (int64_t)(qc_fuzz_u32(in) % 100000000);
    s.offset = qc_fuzz_u8(in);
    qc_header_work(s.header.bits, &s.work);
    s.want = s.work;
    qc_u256_mul32(&s.want, 1 + qc_fuzz_u32(in) % 20000);
    p->released_to = s.hash;
    return qc_presync_new(&s);
}

/* From the start again (the peer is asked to), on from where it is, or off into something else. */
static void serve(qc_fuzz_in *in, const qc_params *params, peer *p, qc_header *h, qc_hash *hash,
                  size_t n, bool again)
{
    uint8_t how = qc_fuzz_u8(in);
    if (again && how < 240) {
        qc_header_read(qc_params_genesis(params).data, &p->at);
        p->hash = params->genesis_hash;
    }
    for (size_t k = 0; k < n; k++) {
        p->at.prev = p->hash;
        p->at.time += 600;
        if (how % 16 == 15 && k == how)
            p->at.nonce++;
        if (how % 16 == 14 && k == how)
            p->at.bits ^= 1u << how / 16;
        if (how % 16 == 13 && k == how)
            p->at.prev.b[0] ^= 1;
        h[k] = p->at;
        qc_header_hash(&h[k], &hash[k]);
        p->hash = hash[k];
    }
    p->received += n;
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    static qc_header h[RUN];
    static qc_hash hash[RUN];
    qc_fuzz_in in = {data, len};
    qc_params *params;
    qc_presync_result r = {.more = true};
    peer p = {.received = 0};
    uint64_t released = 0;
    bool second = false;
    if (qc_params_new(qc_fuzz_u8(&in) % 2 ? QC_CHAIN_REGTEST : QC_CHAIN_MAIN, NULL, &params))
        return -1;
    qc_presync *s = begin(&in, params, &p);
    qc_header_read(qc_params_genesis(params).data, &p.at);
    p.hash = params->genesis_hash;
    for (unsigned k = 0; k < RUNS && r.more && in.left; k++) {
        bool full = qc_fuzz_u8(&in) < 200;
        size_t n = full ? RUN : 1u + qc_fuzz_u8(&in);
        bool turned = qc_presync_height(s) < 0 && !second;
        second = second || turned;
        serve(&in, params, &p, h, hash, n, turned);
        qc_presync_next(s, h, hash, n, full, &r);
        QC_ASSERT(r.ok || (!r.more && r.n_released == 0));
        for (size_t i = 0; i < r.n_released; i++) {
            QC_ASSERT(qc_hash_eq(&r.released[i].prev, &p.released_to));
            qc_header_hash(&r.released[i], &p.released_to);
        }
        released += r.n_released;
        QC_ASSERT(released <= p.received);
        QC_ASSERT(qc_presync_bytes(s) < 8u << 20);
        qc_free(r.released);
    }
    qc_presync_free(s);
    qc_params_free(params);
    return 0;
}
