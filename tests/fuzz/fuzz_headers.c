/* A chain of headers whose times and bits come from the input, under the rules of one of the
 * chains. A header with the required bits and a time in range must pass; whatever else, the target
 * stays within the limit and moves no faster than it may. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/consensus/check.h"

#define MAX_HEADERS 2100 /* one retarget, many on regtest */

typedef struct chain {
    uint32_t n;
    uint32_t time[MAX_HEADERS], bits[MAX_HEADERS];
} chain;

static void get(void *arg, uint32_t height, uint32_t *time, uint32_t *bits, int32_t *version)
{
    const chain *c = arg;
    QC_ASSERT(height < c->n);
    *time = c->time[height];
    *bits = c->bits[height];
    *version = 4;
}

static void check_target(const qc_params *p, const chain *c, uint32_t bits)
{
    qc_u256 target, limit;
    bool negative, overflow;
    qc_compact_decode(bits, &target, &negative, &overflow);
    qc_u256_from_hash(&p->pow_limit, &limit);
    QC_ASSERT(!negative && !overflow && qc_u256_cmp(&target, &limit) <= 0);
    QC_ASSERT(qc_compact_encode(&target) == bits || bits == c->bits[c->n - 1]);
    QC_ASSERT(qc_permitted_transition(p, c->n, c->bits[c->n - 1], bits));
}

/* Judge a header that is as the rules want it, or is off in one field. */
static void check_header(const qc_params *p, const chain *c, uint32_t time, uint32_t bits,
                         unsigned off)
{
    qc_ancestors a = {(void *)(uintptr_t)c, get};
    uint32_t mtp = qc_median_time_past(&a, c->n - 1);
    qc_header h = {.version = 4, .time = time, .bits = bits};
    qc_verdict v = {0};
    int64_t now = time;
    const char *want = "";
    if (off == 1) {
        h.bits ^= 1;
        want = "bad-diffbits";
    } else if (off == 2) {
        now = (int64_t)time - QC_MAX_FUTURE_BLOCK_TIME - 1;
        want = "time-too-new";
    } else if (off == 3) {
        h.version = 3;
        want = qc_deployment_active(p, QC_DEP_BIP65, c->n) ? "bad-version(0x00000003)" : "";
    }
    if (off != 1 && time <= mtp)
        want = "time-too-old";
    else if (off != 1 && p->bip94 && c->n % (p->pow_timespan / p->pow_spacing) == 0 &&
             (int64_t)time + QC_MAX_TIMEWARP < c->time[c->n - 1])
        want = "time-timewarp-attack";
    (void)qc_check_header_context(p, &h, c->n, &a, now, &v);
    QC_ASSERT(strcmp(v.reason, want) == 0);
}

/* The next time: mostly some minutes on, at times a jump either way, never past 32 bits. */
static uint32_t next_time(qc_fuzz_in *in, uint32_t last, uint32_t mtp)
{
    uint8_t how = qc_fuzz_u8(in);
    int64_t t = (int64_t)last + how * 8;
    if (how == 255)
        t = (int64_t)last + (qc_fuzz_u32(in) & 0x1fffff);
    else if (how >= 250)
        t = mtp + 1;
    return t > UINT32_MAX - 100000 ? mtp + 1 : (uint32_t)t;
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qc_fuzz_in in = {data, len};
    qc_params *p;
    qc_err err = qc_params_new((qc_chain_id)(qc_fuzz_u8(&in) % 5), NULL, &p);
    QC_ASSERT(!err);
    uint32_t step = 1 + qc_fuzz_u8(&in) % 64u; /* headers that share a time step */
    chain *c = qc_alloc(sizeof *c);
    qc_header genesis;
    qc_header_read(qc_params_genesis(p).data, &genesis);
    c->time[0] = genesis.time;
    c->bits[0] = genesis.bits;
    qc_ancestors a = {c, get};
    uint32_t delta = 600;
    for (c->n = 1; in.left && c->n < MAX_HEADERS; c->n++) {
        uint32_t last = c->time[c->n - 1], mtp = qc_median_time_past(&a, c->n - 1);
        if (c->n % step == 0)
            delta = next_time(&in, last, mtp) - last;
        uint32_t time = last + delta, bits = qc_next_bits(p, &a, c->n, time);
        check_target(p, c, bits);
        check_header(p, c, time, bits, c->n % 4);
        c->time[c->n] = time;
        c->bits[c->n] = bits;
        if (time <= mtp) /* it was refused; go on with one that is not */
            c->time[c->n] = mtp + 1;
        QC_ASSERT(qc_median_time_past(&a, c->n - 1) == mtp);
    }
    qc_free(c);
    qc_params_free(p);
    return 0;
}
