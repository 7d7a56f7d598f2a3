/* Random scripts in every kind of output. What must hold whatever they are: the result does not
 * depend on what was precomputed or cached; taking a flag away never makes a spend fail, adding one
 * never makes it pass (each flag is a soft fork). */
#include "tests/fuzz/fuzz.h"

#include "core/crypto/hashes.h"
#include "core/crypto/secp.h"
#include "core/crypto/sha256.h"
#include "core/script/pattern.h"
#include "core/script/sigcache.h"
#include "core/script/taproot.h"
#include "tests/vectors/script_text.h"
#include "tests/vectors/testtx.h"

#define MAX_LEN 20000
#define N_FLAGS 21

typedef enum kind { BARE, RAW_SIG, P2SH, P2WSH, NESTED, TAPSCRIPT, PROGRAM, N_KINDS } kind;

typedef struct input {
    uint32_t flags, sequence, locktime, version;
    qc_bytes script_sig, script_pubkey;
    testwit witness;
} input;

static void push(qc_bytes *b, qc_span s)
{
    uint8_t head[5];
    put(b, head, qc_push_header(s.len, head));
    put_span(b, s);
}

static void pay_to_script_hash(qc_bytes *out, qc_span redeem)
{
    uint8_t s[23] = {QC_OP_HASH160, 20};
    qc_hash160(redeem, s + 2);
    s[22] = QC_OP_EQUAL;
    put(out, s, sizeof s);
}

static void pay_to_witness_script(qc_bytes *out, qc_span script)
{
    uint8_t s[34] = {QC_OP_0, 32};
    qc_sha256(script, s + 2);
    put(out, s, sizeof s);
}

/* One leaf under the generator's x, whose secret key is 1. */
static void pay_to_leaf(input *in, qc_span script)
{
    static const uint8_t G[32] = {0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac, 0x55, 0xa0, 0x62,
                                  0x95, 0xce, 0x87, 0x0b, 0x07, 0x02, 0x9b, 0xfc, 0xdb, 0x2d, 0xce,
                                  0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16, 0xf8, 0x17, 0x98};
    uint8_t control[33], s[34] = {QC_OP_1, 32};
    qc_hash leaf;
    bool odd = false;
    qc_taproot_leaf_hash(QC_TAPROOT_LEAF_TAPSCRIPT, script, &leaf);
    QC_ASSERT(qc_tap_tweak(G, leaf.b, s + 2, &odd));
    control[0] = (uint8_t)(QC_TAPROOT_LEAF_TAPSCRIPT | odd);
    memcpy(control + 1, G, sizeof G);
    testwit_add(&in->witness, script);
    testwit_add(&in->witness, qc_span_of(control, sizeof control));
    put(&in->script_pubkey, s, sizeof s);
}

static void assemble(input *in, kind k, qc_span script)
{
    switch (k) {
    case BARE:
    case RAW_SIG:
    case PROGRAM:
    case N_KINDS:
        put_span(&in->script_pubkey, script);
        break;
    case P2SH:
        push(&in->script_sig, script);
        pay_to_script_hash(&in->script_pubkey, script);
        break;
    case P2WSH:
        testwit_add(&in->witness, script);
        pay_to_witness_script(&in->script_pubkey, script);
        break;
    case NESTED: {
        qc_bytes program = QC_BYTES_INIT;
        testwit_add(&in->witness, script);
        pay_to_witness_script(&program, script);
        push(&in->script_sig, qc_bytes_span(&program));
        pay_to_script_hash(&in->script_pubkey, qc_bytes_span(&program));
        qc_bytes_free(&program);
        break;
    }
    case TAPSCRIPT:
        pay_to_leaf(in, script);
        break;
    }
}

/* flags, kind, sequence, lock time, version, items (length, bytes), script. */
static void read_input(qc_fuzz_in *f, input *in)
{
    in->flags = flags_fill(qc_fuzz_u32(f) & ALL_SCRIPT_FLAGS);
    kind k = (kind)(qc_fuzz_u8(f) % N_KINDS);
    in->sequence = qc_fuzz_u32(f);
    in->locktime = qc_fuzz_u32(f);
    in->version = qc_fuzz_u8(f);
    for (uint8_t n = qc_fuzz_u8(f); n > 0 && f->left > 0; n--) {
        uint8_t item[255];
        size_t len = qc_fuzz_u8(f);
        qc_fuzz_take(f, item, len);
        if (k == RAW_SIG)
            put(&in->script_sig, item, len);
        else if (k == BARE || k == P2SH)
            push(&in->script_sig, qc_span_of(item, len));
        else
            testwit_add(&in->witness, qc_span_of(item, len));
    }
    assemble(in, k, qc_span_of(f->p, f->left));
}

static void check_flags(const qc_script_check *c, bool passes)
{
    for (unsigned i = 0; i < N_FLAGS; i++) {
        qc_script_check other = *c;
        other.flags = passes ? flags_trim(c->flags & ~(1u << i)) : flags_fill(c->flags | 1u << i);
        if (other.flags != c->flags)
            QC_ASSERT((qc_script_verify_input(&other) == QC_SE_OK) == passes);
    }
}

static void check_caches(const qc_script_check *c, qc_script_err want)
{
    static const uint8_t SALT[32];
    qc_script_check k = *c;
    qc_sighash_cache hashes;
    qc_sighash_cache_init(&hashes, c->tx, c->spent);
    k.hashes = &hashes;
    QC_ASSERT(qc_script_verify_input(&k) == want);
    if (qc_sig_cache_new(&k.cache, 4096, SALT))
        return;
    k.cache_store = true;
    QC_ASSERT(qc_script_verify_input(&k) == want);
    k.cache_store = false;
    QC_ASSERT(qc_script_verify_input(&k) == want);
    qc_sig_cache_free(k.cache);
}

static void run(const input *in)
{
    static const uint8_t TXID[32] = {1};
    testtx t = {.version = in->version, .locktime = in->locktime};
    testtx_add_input(&t, TXID, 3, qc_bytes_span(&in->script_sig), in->sequence);
    testtx_add_output(&t, 5, (qc_span){NULL, 0});
    qc_bytes raw = testtx_bytes(&t, &in->witness);
    qc_txbuf tx;
    testtx_parse(qc_bytes_span(&raw), &tx);
    qc_spent spent = {.value = 7, .script = qc_bytes_span(&in->script_pubkey)};
    qc_script_check c = {.tx = &tx.tx, .spent = &spent, .flags = in->flags};
    qc_script_err err = qc_script_verify_input(&c);
    QC_ASSERT(err < QC_SE_COUNT && err != QC_SE_UNKNOWN_ERROR);
    check_caches(&c, err);
    check_flags(&c, err == QC_SE_OK);
    qc_span pubkey = spent.script, sig = qc_tx_script_sig(&tx.tx, 0);
    QC_ASSERT(qc_script_sigops(pubkey, true) <= qc_script_sigops(pubkey, false));
    QC_ASSERT(qc_script_sigops(pubkey, false) <= 20 * pubkey.len);
    (void)qc_script_p2sh_sigops(pubkey, sig);
    (void)qc_script_witness_sigops(sig, pubkey, qc_tx_witness(&tx.tx, 0), in->flags);
    qc_txbuf_clear(&tx);
    qc_bytes_free(&raw);
    testtx_clear(&t);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    if (len > MAX_LEN)
        return -1;
    qc_fuzz_in f = {data, len};
    input in = {.flags = 0};
    read_input(&f, &in);
    run(&in);
    qc_bytes_free(&in.script_sig);
    qc_bytes_free(&in.script_pubkey);
    testwit_clear(&in.witness);
    return 0;
}
